//! Networks of both groups: their bit arrays, and what a network of a kind looks like.

use std::{collections::BTreeMap, net::IpAddr, rc::Rc};

use danm_api::{
    AllocationPool, AllocationPoolV6, ApiGroup, Decoded, NetworkKind, NetworkOptions, NetworkSpec as Spec,
    Unreadable,
};
use danm_ipam::{AllocBits, BitIndex, Family, Pool};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
    serde_json::Value,
};
use leak_judge::{RELEASED_ANNOTATION, Source, TREATMENT_ANNOTATION};

use super::{EPOCH, NAMESPACES, identifier};
use crate::agenda::Millis;

/// A network, by its place among those there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkKey(pub usize);

/// What a network is, and stays.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// Its group.
    pub group: ApiGroup,
    /// Its kind.
    pub kind: NetworkKind,
    /// Its name.
    pub name: String,
    /// Its pools: IPv4, IPv6.
    pub pools: [Option<Pool>; 2],
    options: NetworkOptions,
}

/// A network as it is.
#[derive(Clone, Debug)]
pub struct Network {
    /// Which.
    pub key: NetworkKey,
    /// Which object of this name.
    pub incarnation: u32,
    /// Its version.
    pub version: u64,
    /// When it was created.
    pub created: Millis,
    /// Its arrays.
    pub bits: [Option<AllocBits>; 2],
    /// The bits that were given last.
    pub last: [Option<BitIndex>; 2],
    /// What the Cleaner has recorded.
    pub released: Rc<str>,
    /// What an operator wants of the Cleaner here, if anything else than usual.
    pub treatment: Option<&'static str>,
    /// Whether somebody has spoilt it, so that nobody can read it.
    pub is_spoilt: bool,
}

/// How many bits the small pools have that leave few addresses free.
const PREFIXES: [(u8, u8); 3] = [(29, 125), (28, 124), (27, 123)];

impl NetworkSpec {
    /// The network of this number. Its size is one of three.
    pub fn new(number: usize, group: ApiGroup, kind: NetworkKind, size: u16, is_dual: bool) -> Self {
        let (prefix, prefix6) = PREFIXES[usize::from(size) % PREFIXES.len()];
        let base = format!("10.{number}.0");
        let mut options = NetworkOptions {
            cidr: Some(format!("{base}.0/{prefix}")),
            routes: Some([("10.99.0.0/16".to_owned(), format!("{base}.1"))].into()),
            allocation_pool: Some(AllocationPool {
                last_ip: Some(String::new()),
                ..AllocationPool::default()
            }),
            ..NetworkOptions::default()
        };
        if is_dual {
            options.net6 = Some(format!("2001:db8:{number}::/64"));
            options.allocation_pool_v6 = Some(AllocationPoolV6 {
                cidr: Some(format!("2001:db8:{number}::/{prefix6}")),
                ..AllocationPoolV6::default()
            });
        }
        let pools = Family::ALL.map(|family| Pool::new(family, &options).ok().flatten());
        Self { group, kind, name: Self::name_of(NetworkKey(number)), pools, options }
    }

    /// The name of a network.
    pub fn name_of(key: NetworkKey) -> String {
        format!("net-{}", key.0)
    }

    /// The kind as it is watched.
    pub fn source(&self) -> Source {
        Source::networks(self.group, self.kind)
    }

    /// The namespace a network of this kind is in, and so is who uses it.
    pub fn namespace(&self) -> Option<&'static str> {
        self.kind.is_namespaced().then_some(NAMESPACES[0])
    }

    /// An address of it.
    pub fn address(&self, family: usize, bit: BitIndex) -> Option<IpAddr> {
        self.pools[family].as_ref().map(|pool| pool.address_of(bit))
    }

    /// A network of this kind that nobody uses yet.
    pub fn fresh(&self, key: NetworkKey, incarnation: u32, created: Millis) -> Network {
        let bits = |pool: &Option<Pool>| pool.as_ref().map(|pool| pool.fresh_bits(self.group));
        Network {
            key,
            incarnation,
            version: 0,
            created,
            bits: [bits(&self.pools[0]), bits(&self.pools[1])],
            last: [None; 2],
            released: Rc::from(""),
            treatment: None,
            is_spoilt: false,
        }
    }
}

impl Network {
    fn annotations(&self) -> BTreeMap<String, String> {
        let released = (!self.released.is_empty()).then(|| (RELEASED_ANNOTATION, self.released.to_string()));
        let treatment = self.treatment.map(|word| (TREATMENT_ANNOTATION, word.to_owned()));
        let all = released.into_iter().chain(treatment).map(|(key, value)| (key.to_owned(), value));
        all.collect()
    }

    /// As the API shows it.
    pub fn render(&self, spec: &NetworkSpec) -> Decoded<danm_api::Network> {
        let metadata = ObjectMeta {
            name: Some(spec.name.clone()),
            namespace: spec.namespace().map(str::to_owned),
            uid: Some(identifier(3, self.incarnation, self.key.0)),
            resource_version: Some(self.version.to_string()),
            creation_timestamp: Some(time(self.created)),
            annotations: Some(self.annotations()),
            ..ObjectMeta::default()
        };
        if self.is_spoilt {
            let problem = "spec.Options.mtu is no number".to_owned();
            return Decoded::Unreadable(Box::new(Unreadable { metadata, problem, object: Value::default() }));
        }
        let mut options = spec.options.clone();
        options.alloc = self.bits[0].as_ref().map(AllocBits::encode);
        options.alloc6 = self.bits[1].as_ref().map(AllocBits::encode);
        if let (Some(pool), Some(bit)) = (&mut options.allocation_pool, self.last[0]) {
            pool.last_ip = spec.address(0, bit).map(|address| format!("{address}/28"));
        }
        Decoded::Readable(Box::new(danm_api::Network {
            metadata: metadata.into(),
            spec: Spec {
                network_id: spec.name.clone(),
                network_type: Some("ipvlan".to_owned()),
                options: Some(options),
                ..Spec::default()
            },
            ..danm_api::Network::default()
        }))
    }
}

/// A moment as API servers write it: whole seconds.
pub fn time(at: Millis) -> Time {
    let seconds = EPOCH + i64::try_from(at / 1_000).unwrap_or_default();
    Time(Timestamp::from_second(seconds).unwrap_or_default())
}
