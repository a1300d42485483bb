//! A part of a map: the runs within a subnet. The map stays that of the whole network; its counts are of the part.

use std::collections::BTreeSet;

use anyhow::ensure;
use danm_ipam::{Family, State};
use ipnet::IpNet;

use crate::document::{AllocationMap, Run};

/// The parts of maps that are within a subnet, if one is named.
pub fn part_of(maps: Vec<AllocationMap>, subnet: Option<IpNet>) -> anyhow::Result<Vec<AllocationMap>> {
    let Some(subnet) = subnet.map(|subnet| subnet.trunc()) else { return Ok(maps) };
    let known: BTreeSet<IpNet> = maps.iter().map(|map| map.cidr).collect();
    let known: Vec<String> = known.iter().map(IpNet::to_string).collect();
    let parts: Vec<AllocationMap> = maps.into_iter().filter_map(|map| part(map, subnet)).collect();
    ensure!(!parts.is_empty() || known.is_empty(), "--cidr {subnet} is no part of {}", known.join(" or "));
    Ok(parts)
}

fn part(mut map: AllocationMap, subnet: IpNet) -> Option<AllocationMap> {
    let is_of_family = Family::of(subnet.addr()) == map.family;
    if !is_of_family || !map.cidr.contains(&subnet) {
        return None;
    }
    map.runs = map.runs.iter().filter_map(|run| clipped(run, subnet)).collect();
    map.size = map.runs.iter().map(|run| run.count).sum();
    let count = |state: State| map.runs.iter().filter(|run| run.state == state).map(|run| run.count).sum();
    map.counts = State::ALL.into_iter().map(|state| (state, count(state))).collect();
    Some(map)
}

fn clipped(run: &Run, subnet: IpNet) -> Option<Run> {
    let start = run.start.max(subnet.network());
    let end = run.end.min(subnet.broadcast());
    (start <= end).then(|| Run { start, end, count: distance(start, end) + 1, ..run.clone() })
}

/// Addresses from one to another. A pool has at most 2^23.
fn distance(start: std::net::IpAddr, end: std::net::IpAddr) -> u64 {
    use std::net::IpAddr::{V4, V6};
    match (start, end) {
        (V4(start), V4(end)) => u64::from(u32::from(end) - u32::from(start)),
        (V6(start), V6(end)) => u64::try_from(u128::from(end) - u128::from(start)).unwrap_or(u64::MAX),
        _ => 0,
    }
}
