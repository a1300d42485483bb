//! What policies look at in a `DanmEp`: an interface of a Pod. Whoever may write endpoints may write anything into one:
//! what is of no use is left out, and never makes anybody open.

use std::{net::IpAddr, sync::Arc};

use danm_api::{EndpointView, NetworkKind, NetworkRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::own_address;
use crate::InterfaceName;

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name of its Pod, in its own namespace; empty if it names none.
    pub pod: Arc<str>,
    /// The Pod's uid, where it knows it.
    pub pod_uid: Option<Arc<str>>,
    /// Its network; none if that is of a kind that is not known.
    pub network: Option<NetworkRef>,
    /// Its interface; none if no interface can be called so.
    pub interface: Option<InterfaceName>,
    /// Its addresses.
    pub addresses: Box<[IpAddr]>,
    /// Where it says that the Pod's network namespace is. Nothing is done because of that: it is only checked.
    pub netns: Option<Arc<str>>,
}

// === impl Endpoint ===

impl Endpoint {
    /// What an endpoint in this namespace says.
    pub fn read(namespace: &Arc<str>, endpoint: &EndpointView) -> Self {
        let spec = &endpoint.spec;
        let kind: Option<NetworkKind> = spec.api_type.as_deref().unwrap_or_default().parse().ok();
        let network = kind.filter(|_| !spec.network_name.is_empty());
        let interface = spec.interface.as_ref();
        let texts = interface.map(|it| [it.address.as_deref(), it.address_ipv6.as_deref()]);
        let mut addresses: Vec<IpAddr> = texts.into_iter().flatten().flatten().filter_map(address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Self {
            pod: spec.pod.as_deref().unwrap_or_default().into(),
            pod_uid: spec.pod_uid.as_deref().filter(|uid| !uid.is_empty()).map(Arc::from),
            network: network
                .map(|kind| NetworkRef::new(kind, namespace, &Arc::from(spec.network_name.as_str()))),
            interface: interface.and_then(|it| it.name.as_deref()).and_then(InterfaceName::new),
            addresses: addresses.into(),
            netns: spec.netns.as_deref().filter(|path| !path.is_empty()).map(Arc::from),
        }
    }
}

impl Endpoint {
    /// What is left of an endpoint that cannot be read as one: it makes its Pod a target, and nobody a peer.
    pub fn of_unreadable(endpoint: &Value) -> Self {
        let text = |member: &str| endpoint["spec"][member].as_str().unwrap_or_default();
        Self {
            pod: text("Pod").into(),
            pod_uid: Some(text("PodUID")).filter(|uid| !uid.is_empty()).map(Arc::from),
            network: None,
            interface: None,
            addresses: Box::default(),
            netns: None,
        }
    }
}

/// The address in `ip/prefix`. `none`, `dynamic` and the empty text are none.
fn address(text: &str) -> Option<IpAddr> {
    own_address(text.split('/').next()?)
}
