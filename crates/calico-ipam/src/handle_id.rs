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

    /// Whether it was made for this container: `<network>.<container>`.
    pub fn is_of_container(&self, container: &str) -> bool {
        let network = self.0.strip_suffix(container).and_then(|rest| rest.strip_suffix('.'));
        !container.is_empty() && network.is_some_and(|network| !network.is_empty())
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
