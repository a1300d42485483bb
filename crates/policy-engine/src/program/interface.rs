//! By which interface the packets of a connection go. The kernel knows a connection by its ends alone: somebody on another network who
//! uses the address and port of a peer whose connection was allowed would be taken for that peer; and a Pod that was allowed to
//! speak by one interface would go on by another. So a connection is known again only by the interface of the Pod's address; by any
//! other, and where that is not known, each of its packets is judged.
//!
//! Replies may come and go by any interface: they are judged by the interface of the Pod's address, so a connection that is remembered for
//! one is one that may go by that. What is passed on is known by its ends alone. So is, where connections are kept as long as they
//! last, one that went by another interface first.

use std::net::IpAddr;

use super::{
    Action, Entry, Match, ProgramChain, ProgramRule, Side, Surroundings,
    frame::{ALLOWED, JUDGED},
};
use crate::{Direction, InterfaceName};

/// Chains that tell by which interface packets go.
struct Names {
    /// Knows the connections that were allowed.
    known: &'static str,
    /// Remembers what was allowed, and accepts everything.
    allowed: &'static str,
    entries: [&'static str; 2],
}

const ARRIVED: Names = Names {
    known: "arrived",
    allowed: "arrived_allowed",
    entries: [
        "connections that were allowed, at the interfaces of their addresses",
        "what was allowed just now, remembered at the interface of its address",
    ],
};
const LEFT: Names = Names {
    known: "left",
    allowed: "left_allowed",
    entries: [
        "connections that were allowed, by the interfaces of their addresses",
        "what was allowed just now, remembered by the interface of its address",
    ],
};

/// By which chains connections of a direction are known and remembered.
pub(super) const fn known(surroundings: &Surroundings, direction: Direction) -> [&'static str; 2] {
    if surroundings.addresses.is_none() {
        return [JUDGED, ALLOWED];
    }
    let names = names(direction);
    [names.known, names.allowed]
}

/// The chains that tell by which interface packets of connections of a direction go, where somebody asks.
pub(super) fn chains(surroundings: &Surroundings, direction: Direction) -> Vec<ProgramChain> {
    let Some(addresses) = &surroundings.addresses else { return Vec::new() };
    let names = names(direction);
    let at_home = |target: &str| -> Vec<ProgramRule> {
        let own = addresses.iter();
        own.map(|(address, interface)| at(direction, *address, interface, target)).collect()
    };
    let mut known = vec![ProgramRule::new(vec![Match::Reply], None, Action::Goto(JUDGED.to_owned()))];
    known.extend(at_home(JUDGED));
    let mut allowed = at_home(ALLOWED);
    allowed.push(ProgramRule::new(Vec::new(), None, Action::Accept));
    let [of_known, of_allowed] = names.entries;
    vec![chain(names.known, direction, of_known, known), chain(names.allowed, direction, of_allowed, allowed)]
}

const fn names(direction: Direction) -> &'static Names {
    match direction {
        Direction::Ingress => &ARRIVED,
        Direction::Egress => &LEFT,
    }
}

fn at(direction: Direction, address: IpAddr, interface: &InterfaceName, target: &str) -> ProgramRule {
    let side = match direction {
        Direction::Ingress => Side::In,
        Direction::Egress => Side::Out,
    };
    let matches = vec![Match::Own(address), Match::At(side, interface.clone())];
    ProgramRule::new(matches, None, Action::Goto(target.to_owned()))
}

fn chain(
    name: &str,
    direction: Direction,
    what_for: &'static str,
    mut rules: Vec<ProgramRule>,
) -> ProgramChain {
    rules.shrink_to_fit();
    let (entry, silent) = (Entry::Chain(what_for), Vec::new());
    ProgramChain { name: name.to_owned(), direction, entry, silent, rules }
}
