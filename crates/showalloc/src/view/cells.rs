//! A map cut into at most 256 cells of equal size: a /24 has an address a cell, a /16 a /24. Every cell is a subnet,
//! so a look at one of them is the same picture again, 8 bits deeper. Knows no glyphs and no places.
//!
//! Work grows with the runs and the cells, never with the addresses.

use std::{error, fmt, net::IpAddr};

use danm_ipam::Family;
use ipnet::IpNet;

use crate::{
    document::{AllocationMap, Run},
    view::{counts::Counts, shade::Shade},
};

/// 256 cells.
const BITS: u8 = 8;

/// A part of a map, or all of it, in cells.
#[derive(Clone, Debug)]
pub struct Cells<'a> {
    /// The map.
    pub map: &'a AllocationMap,
    /// What the cells cover.
    pub subnet: IpNet,
    /// The cells, lowest address first: a power of two of them.
    pub list: Vec<Cell<'a>>,
}

/// Some addresses, drawn as one.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// What it covers.
    pub subnet: IpNet,
    /// Its addresses by their states.
    pub counts: Counts,
    /// What is shown of them.
    pub shade: Shade,
    /// The runs that it has a part in.
    pub runs: &'a [Run],
}

/// Why a part of a map cannot be drawn: it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPart {
    part: IpNet,
    whole: IpNet,
}

/// Cuts a map into cells, or the part of it that is asked for.
pub fn cells(map: &AllocationMap, part: Option<IpNet>) -> Result<Cells<'_>, NotAPart> {
    let whole = map.cidr.trunc();
    let subnet = part.map_or(whole, |part| part.trunc());
    if !whole.contains(&subnet) {
        return Err(NotAPart { part: subnet, whole });
    }
    let of_cells = subnet.prefix_len().saturating_add(BITS).min(subnet.max_prefix_len());
    let list = subnet.subnets(of_cells).into_iter().flatten().map(|subnet| Cell::new(map, subnet));
    Ok(Cells { map, subnet, list: list.collect() })
}

// === impl Cells ===

impl Cells<'_> {
    /// Number of addresses of every cell.
    pub fn cell_size(&self) -> u64 {
        self.list.first().map_or(1, Cell::size)
    }

    /// A subnet that shows more when it is drawn on its own: one with a problem, else one that is partly taken.
    pub fn worth_a_look(&self) -> Option<IpNet> {
        let is_partly = |cell: &&Cell<'_>| matches!(cell.shade, Shade::Partly(_));
        let cell = self.list.iter().find(|cell| cell.shade.is_problem());
        let cell = cell.or_else(|| self.list.iter().find(is_partly)).or_else(|| self.list.first())?;
        Some(cell.subnet)
    }

    /// All addresses by their states.
    pub fn counts(&self) -> Counts {
        self.list.iter().flat_map(|cell| cell.counts.iter()).collect()
    }
}

// === impl Cell ===

impl<'a> Cell<'a> {
    fn new(map: &'a AllocationMap, subnet: IpNet) -> Self {
        let (first, last) = (subnet.network(), subnet.broadcast());
        let from = map.runs.partition_point(|run| run.end < first);
        let to = map.runs.partition_point(|run| run.start <= last);
        let runs = map.runs.get(from..to).unwrap_or_default();
        let count = |run: &Run| addresses(run.start.max(first), run.end.min(last));
        let counts: Counts = runs.iter().map(|run| (run.state, count(run))).collect();
        Self { subnet, shade: Shade::of(size(subnet), &counts), counts, runs }
    }

    /// Number of its addresses.
    pub fn size(&self) -> u64 {
        size(self.subnet)
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.subnet.network()
    }

    /// Its last address.
    pub fn last(&self) -> IpAddr {
        self.subnet.broadcast()
    }
}

// === impl NotAPart ===

impl fmt::Display for NotAPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, whole } = self;
        let [of_part, of_whole] = [part, whole].map(|subnet| Family::of(subnet.addr()));
        if of_part == of_whole {
            write!(f, "{part} is not a part of the network's subnet {whole}")
        } else {
            write!(f, "{part} is {of_part}, but the network's subnet {whole} is {of_whole}")
        }
    }
}

impl error::Error for NotAPart {}

/// Number of addresses of a subnet, as far as it can be written.
fn size(subnet: IpNet) -> u64 {
    1u64.checked_shl(u32::from(subnet.max_prefix_len() - subnet.prefix_len())).unwrap_or(u64::MAX)
}

/// Number of addresses from one to another, as far as it can be written.
fn addresses(first: IpAddr, last: IpAddr) -> u64 {
    let Some(between) = number(last).checked_sub(number(first)) else { return 0 };
    u64::try_from(between).unwrap_or(u64::MAX).saturating_add(1)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
