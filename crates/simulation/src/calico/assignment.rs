//! How Calico gives an address: it counts it in the handle first, and then takes the address that has been free for the
//! longest. The Cleaner never does, so `calico-ipam` cannot: the objects are changed as text.

use calico_ipam::{Block, Handle, HandleId, Terms};
use danm_ipam::BitIndex;
use k8s_openapi::{
    jiff::Timestamp,
    serde_json::{Value, json, to_value},
};

/// Who gets an address.
#[derive(Clone, Debug)]
pub struct Assignee {
    /// The handle.
    pub handle: HandleId,
    /// The namespace of the Pod.
    pub namespace: &'static str,
    /// The name of the Pod.
    pub pod: String,
    /// The name of its node.
    pub node: String,
}

/// The block with one more address given, and which; `None` if none is free.
pub fn assigned(block: &Block, to: &Assignee, terms: &Terms) -> Option<(Block, BitIndex)> {
    let mut text = to_value(block.to_json()).ok()?;
    free_the_cooled(&mut text, terms);
    let free = text["unallocated"].as_array_mut()?;
    if free.is_empty() {
        return None;
    }
    let ordinal = free.remove(0).as_u64()?;
    let attributes = text["attributes"].as_array_mut()?;
    attributes.push(json!({
        "handle_id": to.handle.as_str(),
        "secondary": {"namespace": to.namespace, "pod": to.pod, "node": to.node},
    }));
    let attribute = attributes.len() - 1;
    let number = text["sequenceNumber"].as_u64()?;
    text["allocations"][usize::try_from(ordinal).ok()?] = attribute.into();
    text["sequenceNumberForAllocation"][ordinal.to_string()] = number.into();
    text["sequenceNumber"] = (number + 1).into();
    let block = Block::read(&text.to_string()).ok()?;
    Some((block, BitIndex(u32::try_from(ordinal).ok()?)))
}

/// The handle with one more address in a block; a new one if there is none.
pub fn counted(handle: Option<&Handle>, id: &HandleId, block: &Block) -> Option<Handle> {
    let mut text = match handle {
        Some(handle) => to_value(handle.to_json()).ok()?,
        None => json!({"handleID": id.as_str(), "block": {}}),
    };
    let count = &mut text["block"][block.cidr().to_string()];
    *count = (count.as_i64().unwrap_or_default() + 1).into();
    Handle::read(&text.to_string()).ok()
}

/// Whoever reads a block frees what has cooled down for long enough.
fn free_the_cooled(text: &mut Value, terms: &Terms) {
    let is_cool = |attribute: &Value| {
        let released_at = attribute["releasedAt"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        let end = released_at.and_then(|at| at.checked_add(terms.cooldown).ok());
        end.is_some_and(|end| end < terms.now)
    };
    let cool: Vec<bool> = text["attributes"].as_array().into_iter().flatten().map(is_cool).collect();
    let allocations = text["allocations"].as_array_mut().into_iter().flatten();
    let mut freed = Vec::new();
    for (ordinal, allocation) in allocations.enumerate() {
        let attribute = allocation.as_u64().and_then(|attribute| usize::try_from(attribute).ok());
        if attribute.is_some_and(|attribute| cool.get(attribute) == Some(&true)) {
            *allocation = Value::Null;
            freed.push(ordinal);
        }
    }
    for ordinal in freed {
        if let Some(numbers) = text["sequenceNumberForAllocation"].as_object_mut() {
            numbers.remove(&ordinal.to_string());
        }
        if let Some(free) = text["unallocated"].as_array_mut() {
            free.push(ordinal.into());
        }
    }
}
