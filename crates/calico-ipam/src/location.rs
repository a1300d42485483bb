//! Where the objects are kept: their names in the Kubernetes API, their keys in etcd.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::HandleId;

/// An object of Calico's IPAM that is read or written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A block.
    Block(IpNet),
    /// A handle.
    Handle(HandleId),
}

impl Location {
    /// Its key in etcd.
    pub fn etcd_key(&self) -> String {
        match self {
            Self::Block(cidr) => {
                let version = if matches!(cidr.addr(), IpAddr::V4(_)) { 4 } else { 6 };
                let block = cidr.to_string().replace('/', "-");
                format!("/calico/ipam/v2/assignment/ipv{version}/block/{block}")
            }
            Self::Handle(id) => format!("/calico/ipam/v2/handle/{id}"),
        }
    }

    /// Its name in the Kubernetes API.
    pub fn object_name(&self) -> String {
        match self {
            Self::Block(cidr) => cidr.to_string().replace(['.', ':', '/'], "-"),
            Self::Handle(id) => id.object_name(),
        }
    }
}
