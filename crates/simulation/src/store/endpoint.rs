//! Endpoints: what DANM's CNI plugin writes about one interface of one sandbox.

use std::rc::Rc;

use danm_api::{CALICO_TYPE, Decoded, EndpointView, EndpointViewSpec, InterfaceView, Unreadable};
use danm_ipam::BitIndex;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, serde_json::Value};

use super::{NAMESPACES, NetworkKey, NetworkSpec, Pod, PodKey, identifier, network::time};
use crate::{agenda::Millis, calico, truth::Sandbox};

/// An endpoint, by the order of creation: as good as its name and uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey(pub usize);

/// How a tenant has spoilt an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garble {
    /// Its IPv4 address is no address.
    Address,
    /// Its IPv4 address is in no subnet of its network.
    Elsewhere,
    /// It has not the shape of an endpoint.
    Whole,
}

/// An endpoint.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Endpoint {
    /// Which.
    pub key: EndpointKey,
    /// Its version.
    pub version: u64,
    /// When it was created.
    pub created: Millis,
    /// Its network.
    pub network: NetworkKey,
    /// Its addresses' bits: IPv4, IPv6.
    pub bits: [Option<BitIndex>; 2],
    /// Its Pod.
    pub pod: PodKey,
    /// Its Pod's namespace.
    pub namespace: usize,
    /// Its Pod's name.
    pub pod_name: Rc<str>,
    /// Whether it names its Pod's uid: old versions of DANM did not.
    pub has_pod_uid: bool,
    /// What its machine calls itself.
    pub host: Rc<str>,
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// Whether its network is Calico's.
    pub is_calico: bool,
    /// Its addresses' places in Calico's blocks: IPv4, IPv6.
    pub calico: [Option<BitIndex>; 2],
    /// Whether somebody's finalizer holds it.
    pub has_finalizer: bool,
    /// Whether its deletion was asked for.
    pub is_deleting: bool,
    /// How it is spoilt, if it is.
    pub garble: Option<Garble>,
}

impl EndpointKey {
    /// Its uid.
    pub fn uid(self) -> String {
        identifier(4, 0, self.0)
    }

    /// Its name.
    pub fn name(self) -> String {
        identifier(5, 0, self.0)
    }
}

impl Endpoint {
    /// An endpoint to be, of a sandbox of a Pod, with these addresses of a network.
    pub fn of(
        pod: &Pod,
        host: Rc<str>,
        sandbox: Sandbox,
        (network, bits): (NetworkKey, [Option<BitIndex>; 2]),
    ) -> Self {
        Self {
            key: EndpointKey(0),
            version: 0,
            created: 0,
            network,
            bits,
            pod: pod.key,
            namespace: pod.namespace,
            pod_name: Rc::clone(&pod.name),
            has_pod_uid: true,
            host,
            sandbox,
            is_calico: false,
            calico: [None; 2],
            has_finalizer: false,
            is_deleting: false,
            garble: None,
        }
    }

    /// What is left of one that has not the shape of an endpoint: its addresses can be found in it.
    fn unreadable(&self, spec: &NetworkSpec, metadata: ObjectMeta) -> Unreadable {
        let danms = self.bits.iter().enumerate().filter_map(|(family, bit)| spec.address(family, (*bit)?));
        let calicos = self.calico.iter().enumerate().filter_map(|(family, bit)| Some((family, (*bit)?)));
        let calicos = calicos.map(|(family, bit)| calico::address(family, bit));
        let texts: Vec<String> = danms.chain(calicos).map(|address| address.to_string()).collect();
        let spec = [("Interface".to_owned(), Value::from(texts))].into_iter().collect();
        let object = Value::Object([("spec".to_owned(), Value::Object(spec))].into_iter().collect());
        Unreadable { metadata, problem: "spec.Interface is no object".to_owned(), object }
    }

    /// As the API shows it.
    pub fn render(&self, spec: &NetworkSpec) -> Decoded<EndpointView> {
        let name = self.key.name();
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(NAMESPACES[self.namespace].to_owned()),
            uid: Some(self.key.uid()),
            resource_version: Some(self.version.to_string()),
            creation_timestamp: Some(time(self.created)),
            deletion_timestamp: self.is_deleting.then(|| time(self.created)),
            ..ObjectMeta::default()
        };
        if self.garble == Some(Garble::Whole) {
            return Decoded::Unreadable(Box::new(self.unreadable(spec, metadata)));
        }
        let text = |family: usize, prefix: u8| {
            if let Some(bit) = self.calico[family] {
                let whole = [32, 128][family];
                return Some(format!("{}/{whole}", calico::address(family, bit)));
            }
            let bit = self.bits[family]?;
            spec.address(family, bit).map(|address| format!("{address}/{prefix}"))
        };
        let address = match self.garble {
            Some(Garble::Elsewhere) => Some("172.16.0.9/24".to_owned()),
            Some(_) => Some("10.0.0.999/24".to_owned()),
            None => text(0, 28),
        };
        let interface = InterfaceView {
            name: Some("eth0".to_owned()),
            address: Some(address.unwrap_or_default()),
            address_ipv6: Some(text(1, 64).unwrap_or_default()),
        };
        Decoded::Readable(Box::new(EndpointView {
            metadata,
            spec: EndpointViewSpec {
                network_name: spec.name.clone(),
                network_type: Some((if self.is_calico { CALICO_TYPE } else { "ipvlan" }).to_owned()),
                interface: Some(interface),
                host: Some(self.host.to_string()),
                pod: Some(self.pod_name.to_string()),
                pod_uid: Some(if self.has_pod_uid { self.pod.uid() } else { String::new() }),
                cid: Some(self.sandbox.container()),
                netns: None,
                api_type: Some(spec.kind.name().to_owned()),
            },
        }))
    }
}
