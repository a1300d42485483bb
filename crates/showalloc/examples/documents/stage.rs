//! The cluster that is on the pictures: a radio network and its neighbours, on a morning on which a machine is lost.
//! Everything is invented and put together by hand; no cluster is asked, and no clock.

mod addresses;

use anyhow::Result;
use danm_ipam::State;
use showalloc::{
    document::{AllocationMap, NetworkName},
    live::{Live, Wanted},
    overview::{Addresses as AddressesInShort, NetworkOverview, Order, Overview, sort},
};

use self::addresses::Addresses;

/// When something happened, and what had happened until then.
const MORNING: [(&str, usize); 5] =
    [("08:00:00", 0), ("09:12:40", 1), ("09:41:07", 2), ("09:41:52", 3), ("09:43:18", 4)];

/// All networks in short, by name.
pub fn networks() -> Result<Vec<NetworkOverview>> {
    let maps = [
        Addresses::new("ClusterNetwork", "", "core", "10.20.0.0/16")?
            .with(1..=1, State::Gateway)
            .with(2..=24_901, State::Allocated)
            .with(24_902..=24_913, State::Leaked),
        Addresses::new("ClusterNetwork", "", "management", "10.10.0.0/20")?
            .with(1..=1, State::Gateway)
            .with(2..=3_781, State::Allocated),
        Addresses::new("DanmNet", "ran", "fronthaul", "10.100.30.0/25")?.with(1..=126, State::Allocated),
        Addresses::new("DanmNet", "ran", "internal", "fd00:100:20::/106")?.with(1..=96, State::Allocated),
        Addresses::new("TenantNetwork", "tenant-a", "link", "192.168.7.0/26")?
            .with(1..=1, State::Gateway)
            .with(2..=18, State::Allocated),
    ];
    let maps = std::iter::once(internal()).chain(maps.into_iter().map(Addresses::build));
    let mut networks: Vec<NetworkOverview> = maps.map(|map| Ok(in_short(&map?))).collect::<Result<_>>()?;
    let [group, kind, namespace, name] = ["danm.io", "DanmNet", "ran", "sync"].map(str::to_owned);
    let network = NetworkName { group, kind, namespace, name };
    networks.push(NetworkOverview { network, overview: Overview::None });
    sort(&mut networks, Order::Name);
    Ok(networks)
}

/// The addresses of the network that everything happens on, at the end of the morning.
pub fn internal() -> Result<AllocationMap> {
    internal_after(MORNING.len())
}

/// What `top` has seen, with that network selected.
pub fn live() -> Result<Live> {
    let mut live = Live::default();
    live.see(networks()?);
    let internal = internal()?;
    let is_selected = |live: &Live| {
        let addresses = live.selection().map(|one| (&one.network, &one.overview));
        matches!(addresses, Some((network, Overview::Addresses(addresses)))
            if *network == internal.network && addresses.family == internal.family)
    };
    for _ in 0..live.networks.len() {
        if !is_selected(&live) {
            live.obey(Wanted::Down);
        }
    }
    for (at, events) in MORNING {
        live.see_map(Some(internal_after(events)?), at);
    }
    Ok(live)
}

/// The same after so many events.
fn internal_after(events: usize) -> Result<AllocationMap> {
    let network = Addresses::new("DanmNet", "ran", "internal", "10.100.20.0/24")?
        .with_pool(16..=239)
        .with(1..=1, State::Gateway)
        .with(2..=15, State::OutsidePool)
        .with(240..=249, State::OutsidePool)
        .with(251..=254, State::OutsidePool)
        .held(250, State::Allocated, &[("oam-0", "node-1")]);
    let mut network =
        (16..=95).chain(128..=175).filter(|offset| offset % 9 != 4).fold(network, |network, offset| {
            let pod = format!("du-{}", offset - 16);
            network.held(offset, State::Allocated, &[(&pod, node(offset))])
        });
    // A machine is lost in the end; until then its Pods hold these.
    let state = if events >= 2 { State::Leaked } else { State::Allocated };
    for (offset, pod) in [(96, "cu-0"), (97, "cu-1"), (98, "cu-2"), (99, "cu-3")] {
        network = network.held(offset, state, &[(pod, "node-4")]);
    }
    if events >= 1 {
        network = network.held(22, State::Allocated, &[("du-160", "node-2")]);
    }
    if events >= 3 {
        network = network.held(60, State::Conflict, &[("du-44", node(60)), ("cu-4", "node-2")]);
    }
    if events >= 4 {
        network = network.held(112, State::MissingBit, &[("cu-5", "node-3")]);
    }
    network.with(200..=202, State::Leaked).build()
}

fn node(offset: u64) -> &'static str {
    match offset % 3 {
        0 => "node-1",
        1 => "node-2",
        _ => "node-3",
    }
}

fn in_short(map: &AllocationMap) -> NetworkOverview {
    let addresses = AddressesInShort {
        family: map.family,
        cidr: map.cidr,
        size: map.size,
        used: map.taken(),
        free: map.count(State::Free),
        leaked: map.count(State::Leaked),
        utilisation: map.utilisation(),
        counts: map.counts.clone(),
    };
    NetworkOverview { network: map.network.clone(), overview: Overview::Addresses(addresses) }
}
