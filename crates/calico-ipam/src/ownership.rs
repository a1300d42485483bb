//! Whether an address still belongs to the endpoint for which it was given. Without a proof it does not.

use std::net::IpAddr;

use crate::{Attribute, Block, Wanted};

/// An address, and whoever had it as the endpoint says that is to be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// The id of the sandbox container that it was given to; empty if the endpoint does not say it.
    pub container: String,
    /// The namespace of its Pod.
    pub namespace: String,
    /// The name of its Pod.
    pub pod: String,
    /// The names of its node: that of the Node object and that of the host.
    pub nodes: Vec<String>,
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The claimant's: it may be given back like this, and for this reason.
    Claimants(Wanted, String),
    /// Nobody's: it was given back already.
    Nobodys(String),
    /// Somebody else's, or that cannot be excluded.
    Others(String),
}

/// Whose an address of a block is. It has to be asked again whenever the block has changed.
pub fn ownership(block: &Block, claim: &Claim) -> Ownership {
    let Some(holder) = block.holder(claim.address) else {
        return Ownership::Nobodys("it is free".to_owned());
    };
    if let Some(at) = holder.released_at {
        return Ownership::Nobodys(format!("it was given back at {at} and is cooling down"));
    }
    if holder.has_alternate_owner {
        return Ownership::Others("a virtual machine is being moved with it".to_owned());
    }
    let proof =
        if holder.handle.is_empty() { by_attributes(holder, claim) } else { by_handle(holder, claim) };
    match proof {
        Ok(reason) => {
            let handle = Some(holder.handle.clone()).filter(|handle| !handle.is_empty());
            let sequence_number = Some(block.sequence_number_of(claim.address));
            Ownership::Claimants(Wanted { address: claim.address, handle, sequence_number }, reason)
        }
        Err(reason) => Ownership::Others(reason),
    }
}

/// The id of a container is not secret: where a Pod is named besides, it has to agree.
fn by_handle(holder: &Attribute, claim: &Claim) -> Result<String, String> {
    let handle = &holder.handle;
    if let Some(kind) = handle.kind_of_holder() {
        return Err(format!("{kind} (handle {handle})"));
    }
    if handle.container() != Some(&claim.container) {
        return Err(format!("handle {handle} is not that of container {:?}", claim.container));
    }
    match holder.pod().filter(|(namespace, pod)| *namespace != claim.namespace || *pod != claim.pod) {
        Some((namespace, pod)) => Err(format!("handle {handle} is that of Pod {namespace}/{pod}")),
        None => Ok(format!("handle {handle} is that of its container")),
    }
}

fn by_attributes(holder: &Attribute, claim: &Claim) -> Result<String, String> {
    let Some((namespace, pod)) = holder.pod() else {
        return Err("neither a handle nor a Pod is named for it".to_owned());
    };
    let node = holder.node().unwrap_or("an unknown node");
    let reason = format!("no handle holds it, and it is Pod {namespace}/{pod}'s on {node}");
    let is_pod = namespace == claim.namespace && pod == claim.pod;
    let is_node = holder.node().is_some_and(|node| claim.nodes.iter().any(|name| name == node));
    if is_pod && is_node { Ok(reason) } else { Err(reason) }
}
