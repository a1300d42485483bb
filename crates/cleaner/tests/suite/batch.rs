//! A large batch of dead endpoints with living ones between them, on several networks, and a witness of every
//! version of these networks: it tells whether the bit of somebody who lives was ever clear.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use danm_api::{ApiGroup, ApiType, Change, DanmKind, Decoded, Network, NetworkKind};
use futures::StreamExt;
use http::Method;
use kube::{Api, Client, runtime::watcher::Config};
use serde_json::{Value, json};
use testkit::{AllocBits, BitIndex, Cluster, objects};
use tokio::task::JoinHandle;

use crate::running::eventually;

/// The dead on all networks.
pub const DEAD: usize = NETWORKS.len() * 500;

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;
const NETWORKS: [&str; 3] = ["n0", "n1", "n2"];

/// Addresses of a network: those of a /22.
const SIZE: u32 = 1024;

/// The addresses that are held at the start, and which of them by the living.
const HELD: std::ops::Range<u32> = 2..522;
const LIVING: u32 = 26;

/// At most so many addresses are given to others at a time.
const GIVEN_AWAY: usize = 5;

/// An address: its network and its bit.
type Address = (String, u32);

/// The batch, and who lives.
pub struct Batch {
    witness: Arc<Mutex<Witness>>,
    watching: JoinHandle<()>,
    given_away: usize,
}

/// What was seen of the networks.
#[derive(Default)]
struct Witness {
    /// The addresses of the living, and from which version of their network on their bits are set.
    living: BTreeMap<Address, u64>,
    /// The latest version of each network.
    seen: BTreeMap<String, u64>,
    /// Lists that were begun. Between two of them something may have gone unseen.
    lists: usize,
    /// Bits of the living that were clear.
    wrongs: Vec<String>,
}

// === impl Batch ===

impl Batch {
    /// Fills a cluster, and begins to watch.
    pub async fn fill(cluster: &mut Cluster) -> Self {
        cluster.create([objects::node("node-a", "True")]).await;
        let mut living = BTreeMap::new();
        for network in NETWORKS {
            cluster.create([networked(network, HELD)]).await;
            let (alive, dead): (Vec<u32>, Vec<u32>) = HELD.partition(|bit| bit.is_multiple_of(LIVING));
            cluster.create_at_once(dead.iter().map(|bit| endpoint(network, "dead", *bit))).await;
            for bit in alive {
                cluster.create([pod(network, "alive", bit), endpoint(network, "alive", bit)]).await;
                living.insert((network.to_owned(), bit), 0);
            }
        }
        let witness = Arc::new(Mutex::new(Witness { living, ..Witness::default() }));
        let watching = tokio::spawn(watch(cluster.client(), Arc::clone(&witness)));
        Self { witness, watching, given_away: 0 }
    }

    /// How many of the dead are left.
    pub async fn left(&self, cluster: &Cluster) -> usize {
        let path = format!("/apis/{GROUP}/v1/danmeps?limit=1");
        let page = cluster.send(Method::GET, &path, None).await.expect("a list");
        let remaining = page["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
        let count = page["items"].as_array().map_or(0, Vec::len) + usize::try_from(remaining).expect("few");
        count.saturating_sub(self.witness().living.len())
    }

    /// Gives addresses that are free by now to new Pods, as DANM would: first those whose dead endpoints are still
    /// there. Tells how many of these there were.
    pub async fn give_away(&mut self, cluster: &mut Cluster) -> usize {
        self.given_away += 1;
        let names: BTreeSet<String> = cluster.names(DanmKind::DanmEp).await.into_iter().collect();
        let mut contested = 0;
        for network in NETWORKS {
            let is_there = |bit: &u32| names.contains(&name(network, "dead", *bit));
            let clear = HELD.collect::<Vec<u32>>();
            let set = bits(&current(cluster, network).await);
            let (claimed, gone): (Vec<u32>, Vec<u32>) =
                clear.into_iter().filter(|bit| !set.contains(bit)).partition(is_there);
            contested += claimed.len().min(GIVEN_AWAY);
            let chosen = claimed.into_iter().take(GIVEN_AWAY).chain(gone.into_iter().take(GIVEN_AWAY));
            for bit in chosen {
                self.allocate(cluster, network, bit).await;
            }
        }
        contested
    }

    /// What DANM does for a new Pod: it sets the bit, conditional on the version it has read, and then makes the
    /// endpoint.
    async fn allocate(&self, cluster: &mut Cluster, network: &str, bit: u32) {
        let role = format!("new{}", self.given_away);
        cluster.create([pod(network, &role, bit)]).await;
        let path = format!("/apis/{GROUP}/v1/namespaces/ran/danmnets/{network}");
        let version = loop {
            let read = current(cluster, network).await;
            let mut set = bits(&read);
            set.insert(bit);
            let version = &read["metadata"]["resourceVersion"];
            let patch =
                json!({"metadata": {"resourceVersion": version}, "spec": {"Options": {"alloc": alloc(set)}}});
            // A conflict is what a real one meets with, too.
            if let Ok(written) = cluster.send(Method::PATCH, &path, Some(&patch)).await {
                break version_of(&written);
            }
        };
        self.witness().living.insert((network.to_owned(), bit), version);
        cluster.create([endpoint(network, &role, bit)]).await;
    }

    /// Waits until nothing of the dead is left, and checks that nothing else is missing, or was missing at any time.
    pub async fn ends_clean(self, cluster: &Cluster) {
        eventually("the dead are gone", async || self.left(cluster).await == 0).await;
        let mut versions = BTreeMap::new();
        for network in NETWORKS {
            let now = current(cluster, network).await;
            let witness = self.witness();
            let living = witness.living.keys().filter(|(on, _)| on == network).map(|(_, bit)| *bit);
            let expected: BTreeSet<u32> = living.chain([0, SIZE - 1]).collect();
            assert_eq!(bits(&now), expected, "{network}: the living and the reserved, no others");
            versions.insert(network.to_owned(), version_of(&now));
        }
        eventually("the witness has seen it all", async || self.witness().seen == versions).await;
        let dead = |name: &String| name.contains("-dead-");
        assert!(!cluster.names(DanmKind::DanmEp).await.iter().any(dead));
        let witness = self.witness();
        assert_eq!(witness.wrongs, [""; 0], "bits of the living that were clear");
        assert_eq!(witness.lists, 1, "something may have gone unseen");
    }

    fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().expect("nobody panics with it")
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

// === impl Witness ===

impl Witness {
    fn see(&mut self, network: &Network) {
        let name = network.metadata.name.clone().unwrap_or_default();
        let version = network.metadata.resource_version.as_deref().and_then(|text| text.parse().ok());
        let version: u64 = version.expect("a server gives versions");
        let alloc = network.spec.options.as_ref().and_then(|options| options.alloc.as_deref());
        let bits = AllocBits::decode(alloc.unwrap_or_default(), SIZE).expect("an array");
        for ((on, bit), since) in &self.living {
            if *on == name && version >= *since && !bits.is_set(BitIndex(*bit)) {
                self.wrongs.push(format!("{name} {bit} in version {version}"));
            }
        }
        self.seen.insert(name, version);
    }
}

async fn watch(client: Client, witness: Arc<Mutex<Witness>>) {
    let api = ApiType { group: GROUP, kind: DanmKind::Network(NetworkKind::DanmNet) };
    let networks = Api::<Decoded<Network>>::all_with(client, &api);
    let mut changes = operator_runtime::watch(networks, Config::default()).boxed();
    while let Some(change) = changes.next().await {
        let mut witness = witness.lock().expect("nobody panics with it");
        match change {
            Ok(Change::ListBegins) => witness.lists += 1,
            Ok(Change::Listed(Decoded::Readable(network)) | Change::Apply(Decoded::Readable(network))) => {
                witness.see(&network);
            }
            _ => {}
        }
    }
}

fn name(network: &str, role: &str, bit: u32) -> String {
    format!("{network}-{role}-{bit}")
}

fn pod(network: &str, role: &str, bit: u32) -> Value {
    objects::pod("ran", &name(network, role, bit), "node-a")
}

fn endpoint(network: &str, role: &str, bit: u32) -> Value {
    let name = name(network, role, bit);
    let endpoint = objects::endpoint(GROUP, "ran", &name, &name, network);
    objects::with(endpoint, "/spec/Interface/Address", format!("10.0.{}.{}/22", bit / 256, bit % 256))
}

fn networked(name: &str, held: impl IntoIterator<Item = u32>) -> Value {
    let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", name);
    let network = objects::with(network, "/spec/Options/cidr", "10.0.0.0/22");
    objects::with(network, "/spec/Options/alloc", alloc(held))
}

fn alloc(set: impl IntoIterator<Item = u32>) -> String {
    let mut bits = AllocBits::clear(SIZE);
    set.into_iter().chain([0, SIZE - 1]).for_each(|bit| bits.set(BitIndex(bit)));
    bits.encode()
}

async fn current(cluster: &Cluster, name: &str) -> Value {
    cluster.get(&networked(name, [])).await.expect("it is there")
}

fn bits(network: &Value) -> BTreeSet<u32> {
    let text = network["spec"]["Options"]["alloc"].as_str().expect("an array");
    let bits = AllocBits::decode(text, SIZE).expect("a /22");
    (0..SIZE).filter(|bit| bits.is_set(BitIndex(*bit))).collect()
}

fn version_of(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok());
    version.expect("a server gives versions")
}
