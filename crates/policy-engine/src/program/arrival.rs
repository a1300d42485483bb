//! By which interface the packets of connections to a Pod come. The kernel knows a connection by its ends alone: somebody on another
//! network who uses the address and port of a peer whose connection was allowed would be taken for that peer. So a connection to an
//! address of the Pod is known again only by the interface of that address; by any other, each of its packets is judged.
//!
//! Replies may come and go by any interface: what the Pod answers is judged by the interface of its address, so a connection that is
//! remembered for it is one that may come by that. What is passed on is known by its ends alone. So is, where connections are kept as long
//! as they last, one that came by another interface first.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Action, Entry, Match, ProgramChain, ProgramRule, Side, Surroundings,
    frame::{ALLOWED, JUDGED},
};
use crate::{Direction, InterfaceName};

/// Knows the connections that were allowed, by the interface at which they arrive.
const ARRIVED: &str = "arrived";
/// Remembers what was allowed that came by the interface of its address, and accepts everything.
const ARRIVED_ALLOWED: &str = "arrived_allowed";

/// The chains that tell by which interface packets come; none where the Pod has no addresses on several.
pub(super) fn chains(surroundings: &Surroundings) -> Vec<ProgramChain> {
    if !is_told(surroundings) {
        return Vec::new();
    }
    let at_home = |target: &str| -> Vec<ProgramRule> {
        surroundings.addresses.iter().map(|(address, interface)| at(*address, interface, target)).collect()
    };
    let mut arrived = vec![ProgramRule::new(vec![Match::Reply], None, Action::Goto(JUDGED.to_owned()))];
    arrived.extend(at_home(JUDGED));
    let mut allowed = at_home(ALLOWED);
    allowed.push(ProgramRule::new(Vec::new(), None, Action::Accept));
    vec![
        chain(ARRIVED, "connections that were allowed, at the interfaces of their addresses", arrived),
        chain(
            ARRIVED_ALLOWED,
            "what was allowed just now, remembered at the interface of its address",
            allowed,
        ),
    ]
}

/// The chain that knows what comes to the Pod.
pub(super) fn judged(surroundings: &Surroundings) -> &'static str {
    if is_told(surroundings) { ARRIVED } else { JUDGED }
}

/// The chain that remembers what comes to the Pod.
pub(super) fn allowed(surroundings: &Surroundings) -> &'static str {
    if is_told(surroundings) { ARRIVED_ALLOWED } else { ALLOWED }
}

/// Where a Pod has one interface, or where addresses are not known, there is nothing to tell.
fn is_told(surroundings: &Surroundings) -> bool {
    surroundings.addresses.values().collect::<BTreeSet<_>>().len() > 1
}

fn at(address: IpAddr, interface: &InterfaceName, target: &str) -> ProgramRule {
    let matches = vec![Match::Own(address), Match::At(Side::In, interface.clone())];
    ProgramRule::new(matches, None, Action::Goto(target.to_owned()))
}

fn chain(name: &str, what_for: &'static str, rules: Vec<ProgramRule>) -> ProgramChain {
    let (entry, silent) = (Entry::Chain(what_for), Vec::new());
    ProgramChain { name: name.to_owned(), direction: Direction::Ingress, entry, silent, rules }
}
