//! Whether an address still belongs to the endpoint for which it was given. Without a proof it does not.

use crate::{Attribute, Block, Claim, HandleId, Proof, Wanted};

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
    match proved(holder, &claim.proof) {
        Ok(reason) => {
            let handle = Some(holder.handle.clone()).filter(|handle| !handle.is_empty());
            let sequence_number = Some(block.sequence_number_of(claim.address));
            Ownership::Claimants(Wanted { address: claim.address, handle, sequence_number }, reason)
        }
        Err(reason) => Ownership::Others(reason),
    }
}

/// Why it is the claimant's, or why not. What is no Pod's is refused whatever else agrees.
fn proved(holder: &Attribute, proof: &Proof) -> Result<String, String> {
    let handle = &holder.handle;
    if holder.has_alternate_owner {
        return Err("a virtual machine is being moved with it".to_owned());
    }
    if let Some(kind) = handle.kind_of_holder() {
        return Err(format!("{kind} (handle {handle})"));
    }
    if let Some(kind) = holder.kind_of_holder() {
        return Err(format!("it is no Pod's (type {kind})"));
    }
    match proof {
        Proof::Endpoint { namespace, pod, nodes, .. } if handle.is_empty() => {
            by_attributes(holder, (namespace, pod), nodes)
        }
        Proof::Endpoint { container, namespace, pod, .. } => {
            by_container(holder, container, Some((namespace, pod)))
        }
        Proof::Container(container) => by_container(holder, container, None),
        Proof::Handle(own) => by_handle(holder, own),
        Proof::Pod { namespace, pod } => by_pod(holder, (namespace, pod)),
    }
}

/// The id of a container is not secret: where a Pod is named besides, it has to agree.
fn by_container(
    holder: &Attribute,
    container: &str,
    claimant: Option<(&String, &String)>,
) -> Result<String, String> {
    let handle = &holder.handle;
    if handle.container() != Some(container) {
        return Err(format!("{} holds it, which is not that of container {container:?}", named(holder)));
    }
    let others = claimant.and_then(|(namespace, pod)| {
        holder.pod().filter(|(its_namespace, its_pod)| its_namespace != namespace || its_pod != pod)
    });
    match others {
        Some((namespace, pod)) => Err(format!("handle {handle} is that of Pod {namespace}/{pod}")),
        None => Ok(format!("handle {handle} is that of its container")),
    }
}

fn by_handle(holder: &Attribute, own: &HandleId) -> Result<String, String> {
    if !own.is_empty() && holder.handle == *own {
        Ok(format!("handle {own} holds it"))
    } else {
        Err(format!("{} holds it, not handle {own}", named(holder)))
    }
}

fn by_pod(holder: &Attribute, (namespace, pod): (&str, &str)) -> Result<String, String> {
    match holder.pod() {
        Some((its_namespace, its_pod)) => {
            let node = holder.node().unwrap_or("an unknown node");
            let reason = format!("it is Pod {its_namespace}/{its_pod}'s on {node}");
            if its_namespace == namespace && its_pod == pod { Ok(reason) } else { Err(reason) }
        }
        None => Err(format!("{} holds it, and no Pod is named for it", named(holder))),
    }
}

fn by_attributes(
    holder: &Attribute,
    (own_namespace, own_pod): (&str, &str),
    nodes: &[String],
) -> Result<String, String> {
    let Some((namespace, pod)) = holder.pod() else {
        return Err("neither a handle nor a Pod is named for it".to_owned());
    };
    let node = holder.node().unwrap_or("an unknown node");
    let reason = format!("no handle holds it, and it is Pod {namespace}/{pod}'s on {node}");
    let is_pod = namespace == own_namespace && pod == own_pod;
    let is_node = holder.node().is_some_and(|node| nodes.iter().any(|name| name == node));
    if is_pod && is_node { Ok(reason) } else { Err(reason) }
}

fn named(holder: &Attribute) -> String {
    if holder.handle.is_empty() { "no handle".to_owned() } else { format!("handle {}", holder.handle) }
}
