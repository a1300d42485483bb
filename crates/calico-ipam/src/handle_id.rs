//! The name under which somebody holds addresses.

use std::fmt;

/// What stands before the id in the handles of tunnels.
const TUNNELS: [&str; 5] = [
    "ipip-tunnel-addr-",
    "vxlan-tunnel-addr-",
    "vxlan-v6-tunnel-addr-",
    "wireguard-tunnel-addr-",
    "wireguard-v6-tunnel-addr-",
];

/// What Windows keeps for itself in each of its blocks.
const WINDOWS_RESERVED: &str = "windows-reserved-ipam-handle";

/// What stands before the id in the handles of load balancers.
const LOAD_BALANCER: &str = "lb-";

/// Runtimes give containers ids of 64 hexadecimal digits; nothing shorter than half of that is believed to be one.
const SHORTEST_ID: usize = 32;

/// The id of a handle, as Calico compares it: nothing from the first carriage return on, and of two that differ in the case
/// of a letter each is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandleId(String);

impl HandleId {
    /// The id in a text; empty for nobody.
    pub fn new(text: &str) -> Self {
        Self(text.split('\r').next().unwrap_or_default().to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is nobody's.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of its object in the Kubernetes API, where names have no capital letters.
    pub fn object_name(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether it holds what Windows keeps for itself.
    pub fn is_windows_reserved(&self) -> bool {
        self.0.eq_ignore_ascii_case(WINDOWS_RESERVED)
    }

    /// The container that it was made for: `<network>.<container>`. None if what stands there is no id of one: other handles
    /// end in names, which anybody can write into an endpoint.
    pub fn container(&self) -> Option<&str> {
        let (network, container) = self.0.rsplit_once('.')?;
        let is_id = container.len() >= SHORTEST_ID && container.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && !network.is_empty() && self.kind_of_holder().is_none()).then_some(container)
    }

    /// Whose it is by its form, if that is no Pod.
    pub fn kind_of_holder(&self) -> Option<&'static str> {
        if self.is_windows_reserved() {
            Some("Windows keeps it for itself")
        } else if TUNNELS.iter().any(|tunnel| self.0.starts_with(tunnel)) {
            Some("it is the address of a tunnel")
        } else if self.0.starts_with(LOAD_BALANCER) {
            Some("it is the address of a load balancer")
        } else if self.0.split('.').nth(1) == Some("vmi") {
            Some("it is the address of a virtual machine")
        } else {
            None
        }
    }
}

impl fmt::Display for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
