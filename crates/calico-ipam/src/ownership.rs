//! Whether an address still belongs to the endpoint for which it was given. Without a proof it does not.

use std::net::IpAddr;

use crate::{Attribute, Block};

/// Whoever had the address, as its endpoint says.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The id of the sandbox container that the address was given to; empty if the endpoint does not say it.
    pub container: &'a str,
    /// The namespace of its Pod.
    pub namespace: &'a str,
    /// The name of its Pod.
    pub pod: &'a str,
    /// The names of its node: that of the Node object and that of the host.
    pub nodes: &'a [&'a str],
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The claimant's, for this reason.
    Claimants(String),
    /// Nobody's: it was given back already.
    Nobodys(String),
    /// Somebody else's, or that cannot be excluded.
    Others(String),
}

/// Whose an address of a block is.
pub fn ownership(block: &Block, address: IpAddr, claimant: Claimant<'_>) -> Ownership {
    let Some(holder) = block.holder(address) else {
        return Ownership::Nobodys("it is free".to_owned());
    };
    if let Some(at) = holder.released_at {
        return Ownership::Nobodys(format!("it was given back at {at} and is cooling down"));
    }
    if holder.has_alternate_owner {
        return Ownership::Others("a virtual machine is being moved with it".to_owned());
    }
    if holder.handle.is_empty() { by_attributes(holder, claimant) } else { by_handle(holder, claimant) }
}

fn by_handle(holder: &Attribute, claimant: Claimant<'_>) -> Ownership {
    let handle = &holder.handle;
    match handle.kind_of_holder() {
        Some(kind) => Ownership::Others(format!("{kind} (handle {handle})")),
        None if handle.is_of_container(claimant.container) => {
            Ownership::Claimants(format!("handle {handle} is that of its container"))
        }
        None => {
            Ownership::Others(format!("handle {handle} is not that of container {:?}", claimant.container))
        }
    }
}

fn by_attributes(holder: &Attribute, claimant: Claimant<'_>) -> Ownership {
    let is_pod = holder.pod() == Some((claimant.namespace, claimant.pod));
    match holder.node().filter(|node| claimant.nodes.contains(node)) {
        Some(node) if is_pod => {
            let Claimant { namespace, pod, .. } = claimant;
            Ownership::Claimants(format!("no handle holds it, and it is Pod {namespace}/{pod}'s on {node}"))
        }
        _ => Ownership::Others(match holder.pod() {
            Some((namespace, pod)) => {
                let node = holder.node().unwrap_or("an unknown node");
                format!("no handle holds it, and it is Pod {namespace}/{pod}'s on {node}")
            }
            None => "neither a handle nor a Pod is named for it".to_owned(),
        }),
    }
}
