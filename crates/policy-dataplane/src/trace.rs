//! What a kernel that has a table does with the first packet of a connection, and with the reply to it: by the table as it was read,
//! whoever made it, so that it may be held against what policies say. A rule that looks at what is not known of the packet, or that is of no kind that we
//! write, makes the answer unknown; none is ever guessed.
//!
//! What other tables do with packets is not known here.

mod machine;
mod traced_packet;

use std::net::IpAddr;

use policy_engine::{Packet, program::ALLOWED};

use self::{
    machine::{Effect, Match, evaluate},
    traced_packet::TracedPacket,
};
use crate::{Snapshot, snapshot::Chain};

/// What becomes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Whether its first packet passes, and the reply to that.
    pub fate: Fate,
    /// Whether it is the reply that does not.
    pub is_about_reply: bool,
    /// The rule that decides; none where no packet comes to a rule, or none speaks of it.
    pub rule: Option<RulePlace>,
}

/// Whether packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Passes,
    /// It is dropped, or whoever sent it is told.
    Denied,
    /// That cannot be told.
    Unknown,
}

/// A rule in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePlace {
    /// Its chain.
    pub chain: String,
    /// The how-manieth of the chain it is, from one on.
    pub number: usize,
    /// What stands beside it. Whoever may write rules there may write this, too.
    pub comment: Option<String>,
}

/// So many rules are looked at: whoever may make a table of our name may have chains lead to each other in very many ways.
const MOST_RULES: usize = 100_000;

/// And through so many members of sets: a hundred sets of all Pods of a large cluster.
const MOST_MEMBERS: usize = 20_000_000;

/// So deep chains may lead to each other in a kernel.
const DEEPEST: usize = 16;

/// What becomes of a packet in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// No rule has decided: it goes back.
    Back,
    /// It is decided.
    Over(Fate),
}

/// A packet on its way.
struct Walk<'a> {
    table: &'a Snapshot,
    packet: TracedPacket,
    looked_at: usize,
    /// So many members of sets were looked through.
    members: usize,
    /// The last rule with a comment that spoke of the packet.
    named: Option<RulePlace>,
    /// The last rule that did.
    last: Option<RulePlace>,
}

// === impl Snapshot ===

impl Snapshot {
    /// What becomes of a connection that begins with this packet, at the Pod whose own end has this address.
    pub fn trace(&self, packet: &Packet, own: IpAddr) -> Trace {
        let mut first = Walk::new(self, TracedPacket::first(packet, own));
        let fate = first.hooks();
        if fate != Fate::Passes {
            return Trace { fate, is_about_reply: false, rule: first.decided_by() };
        }
        let mut second = Walk::new(self, first.packet.clone().reply());
        let fate = second.hooks();
        let is_about_reply = fate != Fate::Passes;
        let walk = if is_about_reply { second } else { first };
        Trace { fate, is_about_reply, rule: walk.decided_by() }
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    const fn new(table: &'a Snapshot, packet: TracedPacket) -> Self {
        Self { table, packet, looked_at: 0, members: 0, named: None, last: None }
    }

    /// Each chain at a hook that the packet comes to has to let it pass.
    fn hooks(&mut self) -> Fate {
        let table = self.table;
        if table.is_dormant {
            return Fate::Passes;
        }
        let mut base: Vec<(Vec<u8>, &String)> = Vec::new();
        for (name, chain) in table.chains() {
            match chain.hook.as_deref().map(|hook| (is_on_the_way(hook, self.packet.comes_in()), hook)) {
                Some((Some(true), hook)) => base.push((hook.to_vec(), name)),
                Some((None, _)) => return Fate::Unknown,
                Some((Some(false), _)) | None => {}
            }
        }
        base.sort();
        for (_, name) in base {
            let Some(chain) = table.chains().get(name) else { continue };
            let fate = match self.chain(name, chain, 0) {
                Way::Over(fate) => fate,
                Way::Back => {
                    (self.named, self.last) = (None, None);
                    of_policy(chain.policy)
                }
            };
            if fate != Fate::Passes {
                return fate;
            }
        }
        Fate::Passes
    }

    fn chain(&mut self, name: &str, chain: &Chain, depth: usize) -> Way {
        for (number, rule) in chain.rules.iter().enumerate() {
            self.looked_at += 1;
            if self.looked_at > MOST_RULES || self.members > MOST_MEMBERS || depth > DEEPEST {
                return Way::Over(Fate::Unknown);
            }
            let (matched, effect) =
                evaluate(&rule.expressions, self.table, &mut self.packet, &mut self.members);
            if matched == Match::No {
                continue;
            }
            let comment = rule.comment.0.clone();
            let place = RulePlace { chain: name.to_owned(), number: number + 1, comment };
            if matched == Match::Unknown {
                (self.named, self.last) = (None, Some(place));
                return Way::Over(Fate::Unknown);
            }
            if place.comment.is_some() {
                self.named = Some(place.clone());
            }
            self.last = Some(place);
            match effect {
                Effect::Continue => {}
                Effect::Return => return Way::Back,
                Effect::Accept => return Way::Over(Fate::Passes),
                Effect::Deny => return Way::Over(Fate::Denied),
                Effect::Jump(chain) => match self.lead(&chain, depth) {
                    Way::Back => {}
                    over @ Way::Over(_) => return over,
                },
                Effect::Goto(chain) => return self.lead(&chain, depth),
            }
        }
        Way::Back
    }

    /// What allowed a packet leads to a rule that accepts it, and what denies one stands before those that reject it.
    fn decided_by(self) -> Option<RulePlace> {
        let last = self.last?;
        let named = self.named.filter(|named| last.chain == ALLOWED || last.chain == named.chain);
        Some(named.unwrap_or(last))
    }

    fn lead(&mut self, name: &str, depth: usize) -> Way {
        match self.table.chains().get(name) {
            Some(chain) => self.chain(name, chain, depth + 1),
            None => Way::Over(Fate::Unknown),
        }
    }
}

/// Whether a packet that comes in or leaves comes to a hook; none if that is not known. A hook is its number and its priority.
fn is_on_the_way(hook: &[u8], comes_in: bool) -> Option<bool> {
    const AHEAD_OF_ROUTING: u32 = 0;
    const INPUT: u32 = 1;
    const FORWARD: u32 = 2;
    const OUTPUT: u32 = 3;
    const AFTER_ROUTING: u32 = 4;
    let number = u32::from_be_bytes(hook.get(..4)?.try_into().ok()?);
    match number {
        AHEAD_OF_ROUTING | INPUT => Some(comes_in),
        OUTPUT | AFTER_ROUTING => Some(!comes_in),
        FORWARD => Some(false),
        // Of a device, before anything is known of connections.
        _ => None,
    }
}

/// What becomes of what no rule of a base chain speaks of.
const fn of_policy(policy: Option<u32>) -> Fate {
    match policy {
        Some(0) => Fate::Denied,
        Some(1) | None => Fate::Passes,
        Some(_) => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests;
