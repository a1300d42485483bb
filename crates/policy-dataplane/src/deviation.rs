//! What a table as it was read lacks, or has too much, beside the program that it should have: in words of policies and interfaces as far
//! as they say it. Plain values: nothing is read here, and nothing mended (`repair.rs`).
//!
//! What is found may have been written by anybody in the Pod: whoever prints it makes it fit to be printed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use policy_engine::{
    Counted, Counter,
    program::{Entry, FamilySet, Program, ProgramChain},
};

use crate::{
    Snapshot,
    exceptions::{address, address_and_port},
    snapshot::{Chain, Member, Rule, Set},
};

/// A way in which a table is other than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// No packet comes to any rule, though rules should be there.
    NoRules,
    /// The table sleeps: no packet comes to its rules.
    Asleep,
    /// There are rules, though none should be.
    Unwanted,
    /// A set.
    Set(Named, Amiss),
    /// A chain.
    Chain(Named, Amiss),
    /// Members of a set.
    Members(Named, Difference),
    /// Rules of a chain.
    Rules(Named, Difference),
    /// A chain has its rules in another order.
    Order(Named),
}

/// What something is called there, and what it is meant for, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What it is meant for.
    pub meaning: Option<String>,
}

/// What is the matter with a set or a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amiss {
    /// It is not there.
    Missing,
    /// It should not be there.
    Unwanted,
    /// It is of another kind than it should be.
    OfAnotherKind,
}

/// Members or rules that are not alike: the first few of each, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Those that should be there and are not.
    pub missing: Several,
    /// Those that are there and should not be.
    pub unwanted: Several,
}

/// The first few of several, and how many they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Several {
    /// The first few.
    pub first: Vec<String>,
    /// How many there are in all.
    pub all: usize,
}

/// So many are told of several.
const TOLD: usize = 3;

/// What a set is meant for is told in so many characters: tenants write it.
const LONGEST_MEANING: usize = 160;

/// What a table is other in than this program. Nothing, if it is what a kernel has that was given the program.
pub fn deviations(found: &Snapshot, wanted: &Program) -> Vec<Deviation> {
    let meant = Snapshot::of(wanted);
    if *found == meant {
        return Vec::new();
    }
    match (found.sees_packets() && !found.is_dormant, meant.is_empty()) {
        (false, false) if found.is_dormant => return vec![Deviation::Asleep],
        (false, false) => return vec![Deviation::NoRules],
        (_, true) => return vec![Deviation::Unwanted],
        (true, false) => {}
    }
    let sets: BTreeMap<&str, &FamilySet> = wanted.sets().map(|set| (set.name.as_str(), set)).collect();
    let chains: BTreeMap<&str, &ProgramChain> =
        wanted.chains().map(|chain| (chain.name.as_str(), chain)).collect();
    let mut all = of_chains(found, &meant, &chains);
    all.extend(of_sets(found, &meant, &sets));
    all
}

fn of_chains(found: &Snapshot, meant: &Snapshot, wanted: &BTreeMap<&str, &ProgramChain>) -> Vec<Deviation> {
    let named = |name: &String| Named {
        name: name.clone(),
        meaning: wanted.get(name.as_str()).and_then(|chain| place(chain)),
    };
    let mut all = Vec::new();
    for (name, chain) in meant.chains() {
        match found.chains().get(name) {
            None => all.push(Deviation::Chain(named(name), Amiss::Missing)),
            Some(there) => all.extend(of_chain(named(name), there, chain)),
        }
    }
    let unwanted = found.chains().keys().filter(|name| !meant.chains().contains_key(*name));
    all.extend(unwanted.map(|name| Deviation::Chain(named(name), Amiss::Unwanted)));
    all
}

fn of_chain(named: Named, found: &Chain, meant: &Chain) -> Vec<Deviation> {
    let mut all = Vec::new();
    if (&found.hook, &found.kind, found.policy) != (&meant.hook, &meant.kind, meant.policy) {
        all.push(Deviation::Chain(named.clone(), Amiss::OfAnotherKind));
    }
    if found.rules == meant.rules {
        return all;
    }
    let mut left: VecDeque<(usize, &Rule)> = found.rules.iter().enumerate().collect();
    let mut missing = Vec::new();
    for (place, rule) in meant.rules.iter().enumerate() {
        match left.iter().position(|(_, it)| *it == rule) {
            Some(place) => drop(left.remove(place)),
            None => missing.push(rule_name(&named.name, place, rule)),
        }
    }
    let unwanted = left.into_iter().map(|(place, rule)| rule_name(&named.name, place, rule));
    let difference = Difference { missing: Several::of(missing), unwanted: Several::of(unwanted) };
    if difference == Difference::default() {
        all.push(Deviation::Order(named));
    } else {
        all.push(Deviation::Rules(named, difference));
    }
    all
}

fn of_sets(found: &Snapshot, meant: &Snapshot, wanted: &BTreeMap<&str, &FamilySet>) -> Vec<Deviation> {
    let named = |name: &String| Named {
        name: name.clone(),
        meaning: wanted.get(name.as_str()).map(|set| set.meaning.to_string()),
    };
    let mut all = Vec::new();
    for (name, set) in meant.sets() {
        match found.sets().get(name) {
            None => all.push(Deviation::Set(named(name), Amiss::Missing)),
            Some(there) if !there.is_like(set) => {
                all.push(Deviation::Set(named(name), Amiss::OfAnotherKind));
            }
            Some(there) if there.members != set.members => {
                all.push(Deviation::Members(named(name), Difference::between(there, set)));
            }
            Some(_) => {}
        }
    }
    let unwanted = found.sets().keys().filter(|name| !meant.sets().contains_key(*name));
    all.extend(unwanted.map(|name| Deviation::Set(named(name), Amiss::Unwanted)));
    all
}

/// Where packets are that come to a chain, if a policy says that.
fn place(chain: &ProgramChain) -> Option<String> {
    match &chain.entry {
        Entry::Interface(name) => Some(format!("{} at {name}", chain.direction)),
        Entry::OtherInterfaces => Some(format!("{} at interfaces that no endpoint names", chain.direction)),
        Entry::Hook(_) | Entry::Chain(_) => None,
    }
}

/// What a rule is called, or its place in its chain.
fn rule_name(chain: &str, place: usize, rule: &Rule) -> String {
    let comment = rule.comment.0.as_deref();
    match comment.and_then(|comment| Counter::read(chain, comment)).map(|counter| counter.counted) {
        Some(Counted::Policy(policy, rule)) => format!("{policy} {rule}"),
        Some(_) => format!("number {} ({})", place + 1, comment.unwrap_or_default()),
        None => format!("number {}", place + 1),
    }
}

// === impl Difference ===

impl Difference {
    fn between(found: &Set, meant: &Set) -> Self {
        let (found, meant) = (pieces(&found.members), pieces(&meant.members));
        let only = |one: &BTreeSet<Piece>, other: &BTreeSet<Piece>| {
            Several::of(one.difference(other).map(|(first, after)| piece(first, after.as_deref())))
        };
        Self { missing: only(&meant, &found), unwanted: only(&found, &meant) }
    }
}

// === impl Several ===

impl Several {
    /// Rules that come of one rule of a policy have one name.
    fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut some = Self::default();
        for name in names {
            if some.first.last() == Some(&name) {
                continue;
            }
            some.all += 1;
            if some.first.len() < TOLD {
                some.first.push(name);
            }
        }
        some
    }

    const fn is_empty(&self) -> bool {
        self.all == 0
    }
}

/// A member of a set; of one of ranges, a range: its first, and what comes after its last.
type Piece = (Vec<u8>, Option<Vec<u8>>);

fn pieces(members: &BTreeSet<Member>) -> BTreeSet<Piece> {
    let are_ranges = members.iter().any(|member| member.ends_range);
    let mut members = members.iter().peekable();
    let mut pieces = BTreeSet::new();
    while let Some(member) = members.next() {
        if member.ends_range {
            continue;
        }
        // Where a range ends another may begin: the end comes after the beginning, in this order.
        let next = members.peek().filter(|_| are_ranges).map(|next| next.key.clone());
        pieces.insert((member.key.clone(), next));
    }
    pieces
}

fn piece(first: &[u8], after: Option<&[u8]>) -> String {
    let Some(after) = after else { return key(first) };
    let mut last = after.to_vec();
    for byte in last.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            break;
        }
    }
    if last == first { key(first) } else { format!("{}-{}", key(first), key(&last)) }
}

fn key(key: &[u8]) -> String {
    match (address(key), address_and_port(key)) {
        (Some(address), _) => address.to_string(),
        (_, Some((address, protocol, port))) => format!("{address} {}/{port}", protocol.name()),
        (None, None) => format!("something of {} bytes", key.len()),
    }
}

// === impl Deviation ===

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRules => f.write_str("there are no rules, though policies are about it"),
            Self::Asleep => f.write_str("the table sleeps: no packet comes to its rules"),
            Self::Unwanted => f.write_str("there are rules, though no policy is about it"),
            Self::Set(set, amiss) => write!(f, "the set {set} {amiss}"),
            Self::Chain(chain, amiss) => write!(f, "the chain {chain} {amiss}"),
            Self::Members(set, difference) => difference.write(f, &format!("the set {set}"), ""),
            Self::Rules(chain, difference) => difference.write(f, &format!("the chain {chain}"), "rule "),
            Self::Order(chain) => write!(f, "the chain {chain} has its rules in another order"),
        }
    }
}

impl Difference {
    fn write(&self, f: &mut fmt::Formatter<'_>, whose: &str, what: &str) -> fmt::Result {
        f.write_str(whose)?;
        if !self.missing.is_empty() {
            write!(f, " lacks {what}{}", self.missing)?;
        }
        if !self.missing.is_empty() && !self.unwanted.is_empty() {
            f.write_str(", and")?;
        }
        if !self.unwanted.is_empty() {
            write!(f, " has {what}{} too much", self.unwanted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.all.saturating_sub(self.first.len()) {
            0 => Ok(()),
            more => write!(f, " ({more} more)"),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.meaning {
            Some(meaning) => {
                let meaning: String = meaning.chars().take(LONGEST_MEANING).collect();
                write!(f, "{} ({meaning})", self.name)
            }
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for Amiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Unwanted => "should not be there",
            Self::OfAnotherKind => "is of another kind than it should be",
        })
    }
}

#[cfg(test)]
mod tests;
