//! Networks drawn as maps: a glyph for each address, whose meaning never rests on its colour.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal},
    net::IpAddr,
};

use danm_api::{DanmEp, Network};
use danm_ipam::{AllocationMap, Claim, Family, Pool, State, parse_interface_address};

/// Addresses in a line.
const WIDTH: usize = 64;

const LEGEND: &str = "# used   x held by nobody   . free   - reserved";

/// The lines that draw all networks.
pub(super) fn draw(
    networks: &[Network],
    endpoints: &[DanmEp],
    pods: &BTreeSet<String>,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for network in networks {
        let options = network.spec.options.clone().unwrap_or_default();
        let Some(pool) = Pool::new(Family::Ipv4, &options)? else { continue };
        let bits = pool.read(options.alloc.as_deref())?;
        let name = network.metadata.name.as_deref().unwrap_or_default();
        let claims = claims(name, &pool, endpoints, pods);
        let map = AllocationMap::build(&pool, &bits, claims, &[]);
        let counts = [("used", State::Allocated), ("held by nobody", State::Leaked), ("free", State::Free)];
        let counts = counts.map(|(word, state)| format!("{} {word}", map.count(state)));
        lines.push(format!("{} {name} {}: {}", network.kind, pool.subnet(), counts.join(", ")));
        lines.extend(grid(&map));
    }
    lines.push(LEGEND.to_owned());
    Ok(lines)
}

fn claims(network: &str, pool: &Pool, endpoints: &[DanmEp], pods: &BTreeSet<String>) -> Vec<Claim<()>> {
    let of_network = endpoints.iter().filter(|endpoint| endpoint.spec.network_name == network);
    let claim = |endpoint: &DanmEp| {
        let text = endpoint.spec.interface.as_ref()?.address.as_deref()?;
        let address: IpAddr = parse_interface_address(text).ok()??;
        let alive = endpoint.spec.pod_uid.as_ref().is_some_and(|uid| pods.contains(uid));
        Some((pool.bit_of(address)?, alive))
    };
    let by_bit: BTreeMap<_, _> = of_network.filter_map(claim).collect();
    by_bit.into_iter().map(|(bit, alive)| Claim { bit, alive, holder: () }).collect()
}

fn grid(map: &AllocationMap<()>) -> Vec<String> {
    let is_coloured =
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let states: Vec<State> =
        map.runs.iter().flat_map(|run| (run.first.0..=run.last.0).map(|_| run.state)).collect();
    let glyph = |state: &State| match (glyph(*state), is_coloured) {
        (glyph, false) => glyph.to_owned(),
        (glyph @ "x", true) => format!("\x1b[31m{glyph}\x1b[0m"),
        (glyph @ "#", true) => format!("\x1b[32m{glyph}\x1b[0m"),
        (glyph, true) => format!("\x1b[2m{glyph}\x1b[0m"),
    };
    states.chunks(WIDTH).map(|line| format!("  {}", line.iter().map(glyph).collect::<String>())).collect()
}

const fn glyph(state: State) -> &'static str {
    match state {
        State::Allocated => "#",
        State::Leaked => "x",
        State::Free => ".",
        State::Conflict | State::MissingBit => "!",
        State::NetworkAddress | State::Broadcast | State::Gateway | State::OutsidePool => "-",
    }
}
