//! The text of a listing: the head of a network, and a line for each of its addresses that is to be seen. Says what
//! the reference says, in its words, where that is true. Reads no cluster, and holds no line longer than it is written.

use std::{
    fmt,
    io::{self, Write},
    net::IpAddr,
    ops::RangeInclusive,
};

use danm_api::{NetworkKind, NetworkOptions};
use danm_ipam::{
    AllocBits, AllocationMap, BitIndex, Claim, Family, Pool, PoolError, Reservation, Run, State,
};
use ipnet::IpNet;
use operator_runtime::printable;

use super::holders::Holder;

/// What stands between the head and the addresses.
pub const RULE: &str = "--------------------------------------------------------------";

/// What a network says of one of its families, in its own words; empty where it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details<'a> {
    family: Family,
    cidr: &'a str,
    start: &'a str,
    end: &'a str,
    alloc: &'a str,
}

/// Which lines are to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Only those of addresses within this subnet.
    pub within: Option<IpNet>,
    /// Those of addresses, too, that nobody holds.
    pub shows_all: bool,
}

/// The addresses of a pool and their holders.
#[derive(Debug)]
pub struct Listing {
    pool: Pool,
    bits: AllocBits,
    map: AllocationMap<Holder>,
}

/// What is said of an address.
#[derive(Clone, Copy, Debug)]
enum Status<'a> {
    Base,
    Broadcast,
    Last,
    Gateway,
    OutOfPool,
    Free,
    Unknown,
    Held(&'a [Holder]),
}

// === impl Details ===

impl<'a> Details<'a> {
    /// Those of a network.
    pub fn of(family: Family, options: &'a NetworkOptions) -> Self {
        let text = |field: Option<&'a String>| field.map_or("", String::as_str);
        match family {
            Family::Ipv4 => {
                let pool = options.allocation_pool.as_ref();
                Self {
                    family,
                    cidr: text(options.cidr.as_ref()),
                    start: text(pool.and_then(|pool| pool.start.as_ref())),
                    end: text(pool.and_then(|pool| pool.end.as_ref())),
                    alloc: text(options.alloc.as_ref()),
                }
            }
            Family::Ipv6 => {
                let pool = options.allocation_pool_v6.as_ref();
                Self {
                    family,
                    cidr: text(pool.and_then(|pool| pool.cidr.as_ref())),
                    start: text(pool.and_then(|pool| pool.start.as_ref())),
                    end: text(pool.and_then(|pool| pool.end.as_ref())),
                    alloc: text(options.alloc6.as_ref()),
                }
            }
        }
    }

    /// Whether there is anything to list.
    pub fn is_complete(&self) -> bool {
        [self.alloc, self.cidr, self.start, self.end].iter().all(|text| !text.is_empty())
    }

    /// Writes the head of a listing.
    pub fn write(&self, kind: NetworkKind, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "DANM network Kind: {kind}")?;
        writeln!(out, "       IP version: {}", self.family)?;
        writeln!(out, "             CIDR: {}", printable(self.cidr, false))?;
        writeln!(out, "       Pool start: {}", printable(self.start, false))?;
        writeln!(out, "       Pool   end: {}", printable(self.end, false))
    }
}

/// The pool of a family and its bit array; `None` where the network has none.
pub fn addresses(family: Family, options: &NetworkOptions) -> Result<Option<(Pool, AllocBits)>, PoolError> {
    let Some(pool) = Pool::new(family, options)? else { return Ok(None) };
    let bits = pool.read(Some(Details::of(family, options).alloc))?;
    Ok(Some((pool, bits)))
}

// === impl Listing ===

impl Listing {
    /// Puts holders in their places.
    pub fn new(pool: Pool, bits: AllocBits, mut claims: Vec<Claim<Holder>>) -> Self {
        claims.sort_by(|one, other| (one.bit, &one.holder).cmp(&(other.bit, &other.holder)));
        // An endpoint may be there in both groups, and a Pod be on the network twice.
        claims.dedup();
        let map = AllocationMap::build(&pool, &bits, claims, &[]);
        Self { pool, bits, map }
    }

    /// Number of addresses that endpoints hold though their bits are clear.
    pub fn unmarked(&self) -> usize {
        let is_unmarked = |run: &&Run<Holder>| !run.holders.is_empty() && !self.bits.is_set(run.first);
        self.map.runs.iter().filter(is_unmarked).count()
    }

    /// Writes the lines that are to be seen.
    pub fn write(&self, view: &View, out: &mut impl Write) -> io::Result<()> {
        let Some(seen) = self.seen(view) else { return Ok(()) };
        for run in &self.map.runs {
            let (run_of_last, before_last) = self.split(run);
            for (bits, status) in [before_last, run_of_last].into_iter().flatten() {
                if view.shows_all || status.is_always_shown() {
                    self.write_range(
                        *bits.start().max(seen.start())..=*bits.end().min(seen.end()),
                        status,
                        out,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn write_range(
        &self,
        bits: RangeInclusive<u32>,
        status: Status<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for bit in bits {
            writeln!(out, "{:>15} : {status}", self.pool.address_of(BitIndex(bit)))?;
        }
        Ok(())
    }

    /// The bits of the addresses within the view. One of two subnets holds the other, or they have nothing in common.
    fn seen(&self, view: &View) -> Option<RangeInclusive<u32>> {
        let all = 0..=self.pool.last_bit().0;
        let Some(within) = view.within else { return Some(all) };
        if within.contains(&self.pool.subnet()) {
            return Some(all);
        }
        let bit = |address: IpAddr| self.pool.bit_of(address).map(|bit| bit.0);
        Some(bit(within.network())?..=bit(within.broadcast())?)
    }

    /// What is said of a run, and, before it, of what is left of it where it ends in an IPv6 pool's last address: a
    /// map does not tell that from addresses outside the pool.
    fn split<'a>(&self, run: &'a Run<Holder>) -> (Stretch<'a>, Stretch<'a>) {
        let status = self.status(run);
        let is_last = run.last == self.pool.last_bit() && run.holders.is_empty();
        if !is_last || self.pool.reservation(run.last) != Some(Reservation::LastAddress) {
            return (Some((run.first.0..=run.last.0, status)), None);
        }
        let before = (run.first < run.last).then(|| (run.first.0..=run.last.0 - 1, status));
        (Some((run.last.0..=run.last.0, Status::Last)), before)
    }

    fn status<'a>(&self, run: &'a Run<Holder>) -> Status<'a> {
        match run.state {
            State::NetworkAddress => Status::Base,
            State::Broadcast => Status::Broadcast,
            State::Gateway => Status::Gateway,
            State::OutsidePool => Status::OutOfPool,
            State::Free => Status::Free,
            State::Allocated | State::Leaked if run.holders.is_empty() => Status::Unknown,
            State::Allocated | State::Leaked | State::Conflict | State::MissingBit => self.held(run),
        }
    }

    /// DANM gives an address away whose bit is clear, whoever says to hold it.
    fn held<'a>(&self, run: &'a Run<Holder>) -> Status<'a> {
        if self.bits.is_set(run.first) {
            Status::Held(&run.holders)
        } else if self.pool.dynamic().contains(&run.first) {
            Status::Free
        } else {
            Status::OutOfPool
        }
    }
}

/// Neighbouring bits and what is said of their addresses.
type Stretch<'a> = Option<(RangeInclusive<u32>, Status<'a>)>;

// === impl Status ===

impl Status<'_> {
    const fn is_always_shown(self) -> bool {
        !matches!(self, Self::OutOfPool | Self::Free)
    }
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("reserved (network base address)"),
            Self::Broadcast => f.write_str("reserved (broadcast address)"),
            Self::Last => f.write_str("reserved (last address)"),
            Self::Gateway => f.write_str("reserved (gateway)"),
            Self::OutOfPool => f.write_str("out of pool range"),
            Self::Free => f.write_str("free"),
            Self::Unknown => f.write_str("allocated (unknown Pod)"),
            Self::Held(holders) => {
                f.write_str("allocated (Pod: ")?;
                for (number, holder) in holders.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", printable(&holder.to_string(), false))?;
                }
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests;
