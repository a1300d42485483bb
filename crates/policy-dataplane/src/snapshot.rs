//! What is in our table, as messages tell it: those that a kernel answers with, or those of a batch of ours. Both are read in the
//! same way and made alike, so that a kernel that has a program can be told from one that has not, whatever made its rules.
//!
//! Names of members, not names of sets, are compared: between two agents anybody in the Pod may have changed the table. Counters
//! and handles make no difference.

use std::collections::{BTreeMap, BTreeSet};

use policy_engine::{
    nft::GENERATION,
    program::{Program, gate_in},
};

use crate::{
    Protection,
    batch::{Batch, Kind, SUBSYSTEM, TABLE},
    set::MADE_BY_RULES,
    walk::{Attribute, Message, attributes, messages},
};

/// The sets and chains of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether somebody has put the table to sleep: its hooks see no packets then.
    pub(crate) is_dormant: bool,
    /// By name: what it is like, and its members. Those without a name of ours are within the rules that look into them.
    pub(crate) sets: BTreeMap<String, Set>,
    /// By name: where packets come to it, if that is a hook, and its rules, in order.
    pub(crate) chains: BTreeMap<String, Chain>,
    /// How often connections had to be judged again, if a rule tells it.
    generation: Option<u64>,
}

/// A set, as far as it makes a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Set {
    pub flags: u32,
    pub key_type: u32,
    /// How many members rules may make of it, and how long each lasts: of one that they fill, what is in it makes no difference.
    limits: [Vec<u8>; 2],
    /// Its keys.
    pub members: BTreeSet<Member>,
}

/// A member of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub key: Vec<u8>,
    pub ends_range: bool,
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub hook: Option<Vec<u8>>,
    /// Which packets the hook shows it: one that translates addresses sees the first of a connection alone.
    pub kind: String,
    /// What becomes of packets that no rule speaks of.
    pub policy: Option<u32>,
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub expressions: Vec<Expression>,
    pub comment: Comment,
}

/// What stands beside a rule. It makes no difference: all are alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Comment(pub Option<String>);

/// An expression: its name, what it is told, and the set that it looks into if that has no name of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    pub name: String,
    pub told: BTreeMap<u16, Vec<u8>>,
    pub set: Option<Set>,
}

/// The flag of a table that sleeps.
const DORMANT: u32 = 1;

/// Flags of sets that say how they are kept, not what they are.
const KEPT: u32 = 1 | 2;

/// The attributes of expressions that are numbers of registers.
fn registers(expression: &str) -> &'static [u16] {
    match expression {
        "bitwise" => &[1, 2],
        "lookup" => &[2, 3],
        "dynset" => &[4],
        "meta" | "payload" | "cmp" | "immediate" | "ct" | "range" => &[1],
        _ => &[],
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// What a kernel has that was given this program.
    pub fn of(program: &Program) -> Self {
        if program.is_empty() {
            return Self::default();
        }
        Self::read(&[Batch::replace(program, Protection::Shared).bytes()])
    }

    /// Whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.sets.is_empty()
    }

    /// Whether packets come to any of it.
    pub fn sees_packets(&self) -> bool {
        !self.is_dormant && self.chains.values().any(|chain| chain.hook.is_some())
    }

    /// Whether a gate refuses anything: one of policies that are audited alone does not.
    pub fn denies(&self) -> bool {
        let refuses = |rule: &Rule| rule.expressions.iter().any(|expression| expression.name == "reject");
        let gates = self.chains.iter().filter(|(name, _)| gate_in(name).is_some());
        self.sees_packets() && gates.flat_map(|(_, gate)| &gate.rules).any(refuses)
    }

    /// How often connections had to be judged again, if a rule tells it.
    pub const fn generation(&self) -> Option<u64> {
        self.generation
    }

    pub(crate) const fn sets(&self) -> &BTreeMap<String, Set> {
        &self.sets
    }

    pub(crate) const fn chains(&self) -> &BTreeMap<String, Chain> {
        &self.chains
    }

    /// Whether members and rules may be changed so that this becomes the other: what a set or a base chain is like cannot.
    pub(crate) fn can_become(&self, other: &Self) -> bool {
        let sets = self.sets.iter().all(|(name, set)| other.sets.get(name).is_none_or(|it| it.is_like(set)));
        let is_like = |name: &str, chain: &Chain| {
            other
                .chains
                .get(name)
                .is_none_or(|it| (&it.hook, &it.kind, it.policy) == (&chain.hook, &chain.kind, chain.policy))
        };
        sets && !self.is_dormant && self.chains.iter().all(|(name, chain)| is_like(name, chain))
    }

    /// What messages tell, in any number of pieces.
    pub(crate) fn read(pieces: &[&[u8]]) -> Self {
        let mut snapshot = Self::default();
        let mut anonymous: BTreeMap<String, Set> = BTreeMap::new();
        let mut rules = Vec::new();
        for message in pieces.iter().flat_map(|piece| messages(piece)) {
            if !is_ours(&message) {
                continue;
            }
            match message.kind & 0xff {
                kind if kind == Kind::NewTable as u16 => {
                    snapshot.is_dormant = message.number(2).is_some_and(|flags| flags & DORMANT != 0);
                }
                kind if kind == Kind::NewSet as u16 => snapshot.set(&message, &mut anonymous),
                kind if kind == Kind::NewElements as u16 => snapshot.members(&message, &mut anonymous),
                kind if kind == Kind::NewChain as u16 => snapshot.chain(&message),
                kind if kind == Kind::NewRule as u16 => rules.push(message),
                _ => {}
            }
        }
        // Rules may be told of before the sets that they look into.
        rules.iter().for_each(|rule| snapshot.rule(rule, &anonymous));
        snapshot
    }

    fn set(&mut self, message: &Message<'_>, anonymous: &mut BTreeMap<String, Set>) {
        let flags = message.number(3).unwrap_or_default();
        let set = Set {
            flags: flags & !KEPT,
            key_type: message.number(4).unwrap_or_default(),
            limits: if flags & MADE_BY_RULES == 0 {
                Default::default()
            } else {
                [9, 11].map(|limit| message.attribute(limit).unwrap_or_default().to_vec())
            },
            members: BTreeSet::new(),
        };
        if flags & 1 == 0 {
            self.sets.insert(message.text(2), set);
        } else {
            anonymous.insert(name_of(message, 2, 10), set);
        }
    }

    fn members(&mut self, message: &Message<'_>, anonymous: &mut BTreeMap<String, Set>) {
        let named = self.sets.get_mut(&message.text(2));
        let Some(set) = named.or_else(|| anonymous.get_mut(&name_of(message, 2, 4))) else { return };
        let list = message.attribute(3).map(attributes).into_iter().flatten();
        set.members.extend(list.map(|element| Member::read(element.value)));
    }

    fn chain(&mut self, message: &Message<'_>) {
        let hook =
            message.attribute(4).map(|hook| attributes(hook).flat_map(|it| it.value.to_vec()).collect());
        self.chains.insert(
            message.text(3),
            Chain { hook, kind: message.text(7), policy: message.number(5), rules: Vec::new() },
        );
    }

    fn rule(&mut self, message: &Message<'_>, anonymous: &BTreeMap<String, Set>) {
        let Some(chain) = self.chains.get_mut(&message.text(2)) else { return };
        let comment = message.attribute(7).and_then(comment);
        self.generation = self.generation.or_else(|| generation(comment.as_deref()?));
        let list = message.attribute(4).map(attributes).into_iter().flatten();
        let expressions = list.map(|element| Expression::read(element.value, anonymous)).collect();
        chain.rules.push(Rule { expressions, comment: Comment(comment) });
    }
}

/// The text in what is kept beside a rule.
fn comment(user_data: &[u8]) -> Option<String> {
    let comment = std::str::from_utf8(user_data.get(2..)?).ok()?.trim_end_matches('\0');
    Some(comment.to_owned())
}

/// The number of a generation in a comment.
fn generation(comment: &str) -> Option<u64> {
    comment.strip_prefix(GENERATION)?.trim().parse().ok()
}

fn is_ours(message: &Message<'_>) -> bool {
    message.kind >> 8 == SUBSYSTEM && message.text(1) == TABLE
}

/// What an anonymous set is called: in a batch by its number, because the kernel has not named it yet.
fn name_of(message: &Message<'_>, name: u16, number: u16) -> String {
    match message.text(name) {
        unnamed if unnamed.contains('%') => format!("{unnamed}{:?}", message.number(number)),
        named => named,
    }
}

// === impl Comment ===

impl PartialEq for Comment {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Comment {}

// === impl Set ===

impl Set {
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.flags, self.key_type, &self.limits) == (other.flags, other.key_type, &other.limits)
    }
}

// === impl Member ===

impl Member {
    fn read(element: &[u8]) -> Self {
        let mut member = Self::default();
        for Attribute { kind, value } in attributes(element) {
            match kind {
                1 => member.key = attributes(value).flat_map(|it| it.value.to_vec()).collect(),
                3 => member.ends_range = value.last().is_some_and(|flags| flags & 1 != 0),
                _ => {}
            }
        }
        member
    }
}

// === impl Expression ===

impl Expression {
    fn read(element: &[u8], anonymous: &BTreeMap<String, Set>) -> Self {
        let mut expression = Self { name: String::new(), told: BTreeMap::new(), set: None };
        let mut data = &[][..];
        for Attribute { kind, value } in attributes(element) {
            match kind {
                1 => expression.name = text(value),
                2 => data = value,
                _ => {}
            }
        }
        let message = Message { kind: 0, attributes: data };
        match &*expression.name {
            // What it has counted makes no difference.
            "counter" => return expression,
            "lookup" => expression.set = anonymous.get(&name_of(&message, 1, 4)).cloned(),
            _ => {}
        }
        for Attribute { kind, value } in attributes(data) {
            let is_name_of_set = expression.name == "lookup" && expression.set.is_some() && kind == 1;
            let is_number_of_set = expression.name == "lookup" && kind == 4;
            // Whoever leaves a number out means zero.
            let value = expression.value(kind, value);
            if !is_name_of_set && !is_number_of_set && value.iter().any(|byte| *byte != 0) {
                expression.told.insert(kind, value);
            }
        }
        expression
    }

    fn value(&self, kind: u16, value: &[u8]) -> Vec<u8> {
        if registers(&self.name).contains(&kind) {
            return register(value);
        }
        match (&*self.name, kind) {
            ("immediate", 2) | ("cmp" | "range", 3) | ("bitwise" | "range", 4) | ("bitwise", 5) => {
                flat(value)
            }
            _ => value.to_vec(),
        }
    }
}

/// A register by its first four bytes: the kernel tells those of sixteen bytes where it can.
fn register(value: &[u8]) -> Vec<u8> {
    let number = value.try_into().map(u32::from_be_bytes).unwrap_or_default();
    let number = if (1..=4).contains(&number) { 8 + 4 * (number - 1) } else { number };
    number.to_be_bytes().to_vec()
}

/// Data, which is a value or a verdict with its chain, each part after its kind.
fn flat(data: &[u8]) -> Vec<u8> {
    const VERDICT: u16 = 2;
    let mut bytes = Vec::new();
    for Attribute { kind, value } in attributes(data) {
        bytes.extend(kind.to_be_bytes());
        if kind == VERDICT {
            for part in attributes(value) {
                bytes.extend(part.kind.to_be_bytes());
                bytes.extend(part.value);
            }
        } else {
            bytes.extend(value);
        }
    }
    bytes
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}
