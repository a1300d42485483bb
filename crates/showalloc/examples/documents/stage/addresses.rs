//! The addresses of an invented network, put together piece by piece. What is not put is free.

use std::{collections::BTreeMap, ops::RangeInclusive};

use anyhow::{Result, ensure};
use danm_ipam::{Family, State};
use ipnet::IpNet;
use showalloc::document::{
    API_VERSION, AddressRange, AllocationMap, EndpointRow, NetworkName, Run, address_after,
};

/// The namespace of everybody who holds something.
const NAMESPACE: &str = "ran";

/// A network. Pieces must not overlap, unless a later one is of exactly the addresses of an earlier one.
pub struct Addresses {
    network: NetworkName,
    cidr: IpNet,
    pool: RangeInclusive<u64>,
    pieces: BTreeMap<u64, Piece>,
}

/// Neighbouring addresses in one state.
struct Piece {
    last: u64,
    state: State,
    endpoints: Vec<EndpointRow>,
}

// === impl Addresses ===

impl Addresses {
    /// One with both ends reserved, as DANM does it.
    pub fn new(kind: &str, namespace: &str, name: &str, cidr: &str) -> Result<Self> {
        let [group, kind, namespace, name] = ["danm.io", kind, namespace, name].map(str::to_owned);
        let cidr: IpNet = cidr.parse()?;
        let last = (1 << (cidr.max_prefix_len() - cidr.prefix_len())) - 1;
        let network = NetworkName { group, kind, namespace, name };
        let empty = Self { network, cidr, pool: 1..=last - 1, pieces: BTreeMap::new() };
        let end = if cidr.addr().is_ipv4() { State::Broadcast } else { State::OutsidePool };
        Ok(empty.with(0..=0, State::NetworkAddress).with(last..=last, end))
    }

    /// With that range for addresses that are given dynamically.
    pub fn with_pool(self, pool: RangeInclusive<u64>) -> Self {
        Self { pool, ..self }
    }

    /// With these addresses in that state.
    pub fn with(self, range: RangeInclusive<u64>, state: State) -> Self {
        self.with_piece(*range.start(), Piece { last: *range.end(), state, endpoints: Vec::new() })
    }

    /// With an address that is held by Pods, each on its machine.
    pub fn held(self, offset: u64, state: State, pods: &[(&str, &str)]) -> Self {
        let endpoints = pods.iter().map(|(pod, host)| endpoint(pod, host)).collect();
        self.with_piece(offset, Piece { last: offset, state, endpoints })
    }

    /// The whole.
    pub fn build(self) -> Result<AllocationMap> {
        let base = self.cidr.network();
        let at = |offset| address_after(base, offset);
        let mut runs: Vec<Run> = Vec::new();
        let mut push = |first: u64, piece: Piece| {
            let problem = problem(piece.state, &piece.endpoints);
            let Piece { last, state, endpoints } = piece;
            let (start, end) = (at(first), at(last));
            runs.push(Run { start, end, count: last - first + 1, state, endpoints, problem });
        };
        let mut next = 0;
        for (first, piece) in self.pieces {
            ensure!(next <= first, "two pieces overlap at {}", at(first));
            if next < first {
                push(next, Piece { last: first - 1, state: State::Free, endpoints: Vec::new() });
            }
            next = piece.last + 1;
            push(first, piece);
        }
        let count = |state| runs.iter().filter(|run| run.state == state).map(|run| run.count).sum();
        Ok(AllocationMap {
            api_version: API_VERSION,
            kind: "AllocationMap",
            network: self.network,
            family: Family::of(self.cidr.addr()),
            cidr: self.cidr,
            pool: AddressRange { start: at(*self.pool.start()), end: at(*self.pool.end()) },
            size: next,
            counts: State::ALL.into_iter().map(|state| (state, count(state))).collect(),
            runs,
        })
    }

    fn with_piece(mut self, first: u64, piece: Piece) -> Self {
        self.pieces.insert(first, piece);
        self
    }
}

fn endpoint(pod: &str, host: &str) -> EndpointRow {
    EndpointRow {
        namespace: NAMESPACE.to_owned(),
        name: format!("{pod}-eth1"),
        uid: String::new(),
        pod: pod.to_owned(),
        interface: "eth1".to_owned(),
        host: host.to_owned(),
        created: 0,
    }
}

/// What is said of it, as `mapping` does.
fn problem(state: State, endpoints: &[EndpointRow]) -> Option<String> {
    match state {
        State::Leaked if endpoints.is_empty() => Some("no endpoint claims it"),
        State::Leaked => Some("suspect: node-gone"),
        State::Conflict => Some("several Pods hold it"),
        State::MissingBit => Some("its bit is clear: DANM may give it to another Pod"),
        _ => None,
    }
    .map(str::to_owned)
}
