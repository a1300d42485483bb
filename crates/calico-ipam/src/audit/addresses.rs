//! Addresses: what blocks say of them against those who use them.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Audit, Finding, FindingKind, Holding, PodName, Witness};
use crate::{Attribute, Block, Location};

/// An address that somebody has, by what a block says.
struct Allocation<'a> {
    address: IpAddr,
    block: &'a Block,
    holder: &'a Attribute,
    /// Whom the block names.
    pod: Option<PodName>,
    /// The living Pods that use it.
    users: BTreeSet<&'a PodName>,
}

// === impl Audit ===

impl Audit<'_> {
    /// What is allocated, and to whom.
    pub(super) fn allocations(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for block in self.blocks.values() {
            for (address, holder) in block.allocated().filter(|(_, holder)| holder.released_at.is_none()) {
                let users = self.books.users.of(address);
                let allocation = Allocation { address, block, holder, pod: PodName::of(holder), users };
                findings.extend(self.handle_of(&allocation));
                if !is_no_pods(holder) {
                    findings.extend(self.mismatch(&allocation).or_else(|| self.unused(&allocation)));
                }
            }
        }
        findings
    }

    fn handle_of(&self, allocation: &Allocation<'_>) -> Option<Finding> {
        let handle = &allocation.holder.handle;
        if handle.is_empty() {
            return Some(allocation.finding(FindingKind::NoHandle, "its attribute names no handle"));
        }
        let is_there = self.handles.contains_key(handle)
            // Windows keeps its addresses without an object.
            || handle.is_windows_reserved()
            || self.is_hidden(&Location::Handle(handle.clone()));
        (!is_there).then(|| {
            allocation.finding(FindingKind::MissingHandle, "its attribute names a handle that is not there")
        })
    }

    /// Somebody uses it, and the block says somebody else.
    fn mismatch(&self, allocation: &Allocation<'_>) -> Option<Finding> {
        let named = allocation.pod.as_ref()?;
        if allocation.users.is_empty() {
            return None;
        }
        let detail = if allocation.users.contains(named) {
            let handle = &allocation.holder.handle;
            let holdings = self.books.users.holdings_of(allocation.address);
            let endpoint = holdings.iter().find(|one| one.pod == *named && is_of_other(one, allocation))?;
            format!("handle {handle} is not that of the container of {}", told_by(endpoint))
        } else {
            format!("the block says Pod {named}, but it is used by {}", list(&allocation.users))
        };
        Some(allocation.finding(FindingKind::OwnerMismatch, detail))
    }

    /// Nobody uses it.
    fn unused(&self, allocation: &Allocation<'_>) -> Option<Finding> {
        if !allocation.users.is_empty() {
            return None;
        }
        let users = self.books.users;
        let Some(named) = &allocation.pod else {
            let detail = "no Pod is named for it, and none says to use it";
            return Some(allocation.finding(FindingKind::Suspect, detail));
        };
        let (kind, detail) = match users.pod(named) {
            None => (FindingKind::Leaked, format!("Pod {named} is gone")),
            Some(pod) if pod.is_finished => {
                (FindingKind::Suspect, format!("Pod {named} has ended and has not given it back"))
            }
            // It may be about to get it.
            Some(_) if !users.has_addresses(named) => return None,
            Some(_) if users.has_other_container(named, &allocation.holder.handle) => {
                (FindingKind::Leaked, format!("Pod {named} has another container by now"))
            }
            Some(pod) => match (allocation.holder.node(), pod.node.as_deref()) {
                (Some(then), Some(now)) if then != now => (
                    FindingKind::Leaked,
                    format!("Pod {named} is on node {now} by now; it was given on {then}"),
                ),
                _ => (FindingKind::Suspect, format!("Pod {named} is there, but does not say to have it")),
            },
        };
        let endpoints: Vec<String> = users.holdings_of(allocation.address).iter().map(told_by).collect();
        let detail = match &endpoints[..] {
            [] => detail,
            endpoints => format!("{detail}; still named by {}", endpoints.join(", ")),
        };
        Some(allocation.finding(kind, detail))
    }

    /// What living Pods use, and whether it is theirs alone.
    pub(super) fn uses(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for address in self.books.users.addresses() {
            let users = self.books.users.of(address);
            let blocks: Vec<&Block> = self.blocks_of(address).collect();
            let is_pooled = self.books.pools.block_of(address).is_some() || !blocks.is_empty();
            let finding = |kind: FindingKind, detail: String| Finding {
                address: Some(address),
                block: blocks.first().map(|block| block.cidr()),
                pods: users.iter().copied().cloned().collect(),
                ..Finding::new(kind, detail)
            };
            if users.len() > 1 && (is_pooled || self.is_calicos(address)) {
                findings.push(finding(FindingKind::SeveralUsers, format!("it is used by {}", list(&users))));
            }
            let (kind, why) = match self.unallocated(address, &blocks) {
                Some(why) if is_pooled => (FindingKind::NotAllocated, why),
                Some(_) if self.is_calicos(address) => {
                    (FindingKind::OutsidePools, "no pool has it".to_owned())
                }
                _ => continue,
            };
            findings.push(finding(kind, format!("{} has it, but {why}", list(&users))));
        }
        findings
    }

    /// Why it can be given to somebody else; none if it cannot, or if that is not known.
    fn unallocated(&self, address: IpAddr, blocks: &[&Block]) -> Option<String> {
        let holders: Vec<&Attribute> = blocks.iter().filter_map(|block| block.holder(address)).collect();
        let is_held = holders.iter().any(|holder| holder.released_at.is_none());
        if is_held || self.may_be_hidden(address) {
            return None;
        }
        Some(match (&holders[..], blocks) {
            ([cooling, ..], _) => match cooling.released_at {
                Some(at) => format!("it was given back at {at} and is cooling down"),
                None => "it was given back".to_owned(),
            },
            ([], [block, ..]) => format!("it is free in block {}", block.cidr()),
            ([], []) => "no block has it".to_owned(),
        })
    }

    fn is_calicos(&self, address: IpAddr) -> bool {
        self.books.users.holdings_of(address).iter().any(|one| one.is_calicos)
    }
}

// === impl Allocation ===

impl Allocation<'_> {
    fn finding(&self, kind: FindingKind, detail: impl Into<String>) -> Finding {
        let others = self.users.iter().copied().filter(|user| Some(*user) != self.pod.as_ref());
        Finding {
            address: Some(self.address),
            block: Some(self.block.cidr()),
            handle: Some(self.holder.handle.clone()).filter(|handle| !handle.is_empty()),
            pods: self.pod.iter().chain(others).cloned().collect(),
            ..Finding::new(kind, detail)
        }
    }
}

/// Whether an endpoint was made for another container than the one that got the address.
fn is_of_other(holding: &Holding, allocation: &Allocation<'_>) -> bool {
    let Witness::Endpoint { container, .. } = &holding.witness else { return false };
    let its = allocation.holder.handle.container();
    !container.is_empty() && its.is_some_and(|its| its != container)
}

/// Tunnels, load balancers, virtual machines and Windows use addresses that no Pod tells of.
fn is_no_pods(holder: &Attribute) -> bool {
    holder.has_alternate_owner
        || holder.handle.kind_of_holder().is_some()
        || holder.kind_of_holder().is_some()
        || holder.owner.contains_key("service")
}

fn told_by(holding: &Holding) -> String {
    match &holding.witness {
        Witness::Pod => format!("Pod {}", holding.pod),
        Witness::Endpoint { name, .. } => format!("endpoint {}/{name}", holding.pod.namespace),
    }
}

fn list(pods: &BTreeSet<&PodName>) -> String {
    let names: Vec<String> = pods.iter().map(|pod| format!("Pod {pod}")).collect();
    names.join(" and ")
}
