//! Every address of a pool with its state and its holders, as runs of equal state. Built from a bit array and
//! the endpoints' claims; draws nothing and judges nobody: whether a holder lives is told with its claim.
//!
//! Work and memory grow with the number of runs and the words of the array, never with the addresses.

use std::{fmt, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AllocBits, BitIndex, Pool, Reservation};

/// The state of an address. The codes are part of the format of Showalloc's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The first address of the subnet.
    NetworkAddress,
    /// The last address of an IPv4 subnet.
    Broadcast,
    /// The gateway of a route, held by no endpoint.
    Gateway,
    /// Clear, and never given out dynamically.
    OutsidePool,
    /// Clear, and within the dynamic range.
    Free,
    /// Set, and held by a living endpoint (or kept by a reservation object).
    Allocated,
    /// Set, though no living endpoint holds it.
    Leaked,
    /// Held by several living endpoints.
    Conflict,
    /// Held by a living endpoint, though its bit is clear.
    MissingBit,
}

/// An endpoint's claim to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<H> {
    /// The address.
    pub bit: BitIndex,
    /// Whether the holder lives, as far as anybody knows.
    pub alive: bool,
    /// Who it is.
    pub holder: H,
}

/// Neighbouring addresses of equal state. A run with holders is one address long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<H> {
    /// Its first address.
    pub first: BitIndex,
    /// Its last address.
    pub last: BitIndex,
    /// Their state.
    pub state: State,
    /// The endpoints that name the address.
    pub holders: Vec<H>,
}

/// All addresses of a pool, lowest first, without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationMap<H> {
    /// The runs.
    pub runs: Vec<Run<H>>,
}

/// Builds the map from left to right.
struct Builder<'a, H> {
    pool: &'a Pool,
    bits: &'a AllocBits,
    runs: Vec<Run<H>>,
    next: u32,
}

// === impl AllocationMap ===

impl<H> AllocationMap<H> {
    /// Maps a pool. Claims to addresses outside it are ignored. `kept` are addresses that reservation objects
    /// keep: a set bit among them is nobody's leak.
    pub fn build(pool: &Pool, bits: &AllocBits, claims: Vec<Claim<H>>, kept: &[BitIndex]) -> Self {
        let mut marks: Vec<Mark<H>> = claims.into_iter().map(Mark::Claim).collect();
        let ends = [BitIndex(0), pool.last_bit()];
        marks.extend(ends.into_iter().chain(pool.gateways()).map(Mark::Reserved));
        marks.extend(kept.iter().copied().map(Mark::Kept));
        marks.retain(|mark| mark.bit() <= pool.last_bit());
        marks.sort_by_key(Mark::bit);
        let mut builder = Builder { pool, bits, runs: Vec::new(), next: 0 };
        let mut marks = marks.into_iter().peekable();
        while let Some(mark) = marks.next() {
            let bit = mark.bit();
            let mut at_bit = vec![mark];
            while let Some(more) = marks.next_if(|more| more.bit() == bit) {
                at_bit.push(more);
            }
            builder.fill_up_to(bit);
            builder.place(bit, at_bit);
        }
        Self { runs: builder.runs }
    }

    /// Number of addresses in a state.
    pub fn count(&self, state: State) -> u64 {
        self.runs.iter().filter(|run| run.state == state).map(Run::size).sum()
    }
}

impl<H> Run<H> {
    /// Number of addresses.
    pub fn size(&self) -> u64 {
        u64::from(self.last.0 - self.first.0) + 1
    }
}

// === impl State ===

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NetworkAddress,
        Self::Broadcast,
        Self::Gateway,
        Self::OutsidePool,
        Self::Free,
        Self::Allocated,
        Self::Leaked,
        Self::Conflict,
        Self::MissingBit,
    ];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NetworkAddress => "network-address",
            Self::Broadcast => "broadcast",
            Self::Gateway => "gateway",
            Self::OutsidePool => "outside-pool",
            Self::Free => "free",
            Self::Allocated => "allocated",
            Self::Leaked => "leaked",
            Self::Conflict => "conflict",
            Self::MissingBit => "missing-bit",
        }
    }

    /// Whether somebody has to look at such an address.
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Leaked | Self::Conflict | Self::MissingBit)
    }

    /// Whether such an address is taken, rightly or not.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Allocated) || self.is_problem()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

// === impl Builder ===

/// An address that differs from its neighbours for a reason other than its bit.
enum Mark<H> {
    Claim(Claim<H>),
    Reserved(BitIndex),
    Kept(BitIndex),
}

impl<H> Mark<H> {
    fn bit(&self) -> BitIndex {
        match self {
            Self::Claim(claim) => claim.bit,
            Self::Reserved(bit) | Self::Kept(bit) => *bit,
        }
    }
}

impl<H> Builder<'_, H> {
    /// The addresses before a mark: only their bits and the dynamic range tell them apart.
    fn fill_up_to(&mut self, mark: BitIndex) {
        while self.next < mark.0 {
            let stretch = self.stretch(mark.0 - 1);
            let end = *stretch.end();
            for run in self.bits.runs(stretch.clone()) {
                let state = if run.set { State::Leaked } else { self.clear_state(run.first) };
                self.push(Run { first: run.first, last: run.last, state, holders: Vec::new() });
            }
            self.next = end.0 + 1;
        }
    }

    /// The addresses from the next one on that are on one side of the borders of the dynamic range.
    fn stretch(&self, last: u32) -> RangeInclusive<BitIndex> {
        let dynamic = self.pool.dynamic();
        let (start, end) = (dynamic.start().0, dynamic.end().0);
        let border = if self.next < start {
            start - 1
        } else if self.next <= end {
            end
        } else {
            last
        };
        BitIndex(self.next)..=BitIndex(border.min(last))
    }

    fn clear_state(&self, bit: BitIndex) -> State {
        if self.pool.dynamic().contains(&bit) { State::Free } else { State::OutsidePool }
    }

    fn place(&mut self, bit: BitIndex, marks: Vec<Mark<H>>) {
        let kept = marks.iter().any(|mark| matches!(mark, Mark::Kept(_)));
        let claims = marks.into_iter().filter_map(|mark| match mark {
            Mark::Claim(claim) => Some(claim),
            Mark::Reserved(_) | Mark::Kept(_) => None,
        });
        let (alive, holders): (Vec<bool>, Vec<H>) = claims.map(|claim| (claim.alive, claim.holder)).unzip();
        let alive = alive.into_iter().filter(|&alive| alive).count();
        let state = self.state(bit, alive, !holders.is_empty(), kept);
        self.push(Run { first: bit, last: bit, state, holders });
        self.next = bit.0 + 1;
    }

    fn state(&self, bit: BitIndex, alive: usize, claimed: bool, kept: bool) -> State {
        let set = self.bits.is_set(bit);
        match self.pool.reservation(bit) {
            Some(Reservation::NetworkAddress) => State::NetworkAddress,
            Some(Reservation::Broadcast) => State::Broadcast,
            Some(Reservation::LastAddress) if !claimed => State::OutsidePool,
            Some(Reservation::Gateway) if !claimed => State::Gateway,
            _ if alive > 1 => State::Conflict,
            _ if alive == 1 && set => State::Allocated,
            _ if alive == 1 => State::MissingBit,
            _ if !set => self.clear_state(bit),
            _ if kept => State::Allocated,
            _ => State::Leaked,
        }
    }

    /// Adds a run, joined to the one before if they are alike.
    fn push(&mut self, run: Run<H>) {
        match self.runs.last_mut() {
            Some(before)
                if before.state == run.state && before.holders.is_empty() && run.holders.is_empty() =>
            {
                before.last = run.last;
            }
            _ => self.runs.push(run),
        }
    }
}

#[cfg(test)]
mod tests;
