//! Gates: for each interface and direction that policies isolate, the chain that says what they allow. How packets come there is
//! `frame.rs`'s.

use std::{fmt::Write, sync::Arc};

use danm_api::Enforcement;

use super::{
    Action, Entry, Family, FamilySet, Match, Meaning, Part, ProgramChain, ProgramRule, Purpose, denied,
    frame::OPENING, rejection,
};
use crate::{
    Direction, InterfaceName,
    ranges::Range,
    ruleset::{Chain, PolicyRules, Ports, Remote, Rule, Ruleset, Set},
    set::{Members, SetName},
};

/// The gates of a ruleset, and their sets.
pub fn gates(ruleset: &Ruleset) -> Part {
    // In the order of what they mean: names are in none that says anything.
    let mut sets: Vec<(&SetName, &Set)> = ruleset.sets.iter().collect();
    sets.sort_by_cached_key(|(name, set)| (set.definition.to_string(), *name));
    let sets = sets.into_iter().flat_map(|(name, set)| {
        FamilySet::both(name, &Meaning::Defined(Arc::clone(&set.definition)), &set.members)
    });
    let chains = Direction::ALL.into_iter().flat_map(|direction| of_direction(ruleset, direction));
    let written = denied::written(ruleset);
    let written_sets =
        written.iter().flat_map(|(enforcement, direction)| denied::sets(*enforcement, *direction));
    let writing = written.iter().map(|(enforcement, direction)| denied::chain(*enforcement, *direction));
    Part { sets: sets.chain(written_sets).collect(), chains: chains.chain(writing).collect() }
}

fn of_direction(ruleset: &Ruleset, direction: Direction) -> impl Iterator<Item = ProgramChain> {
    let named = ruleset.interfaces.iter().filter_map(move |(name, gates)| {
        let entry = Entry::Interface(name.clone());
        Some(gate(ruleset, direction, gates.chain(direction)?, gate_name(direction, name), entry))
    });
    let others = ruleset.others.chain(direction).map(|chain| {
        gate(ruleset, direction, chain, others_name(direction).to_owned(), Entry::OtherInterfaces)
    });
    named.chain(others)
}

/// What is allowed comes back to who asked; then what is not. Where that is audited everything comes back, and nothing is refused either
/// for how it begins.
fn gate(ruleset: &Ruleset, direction: Direction, chain: &Chain, name: String, entry: Entry) -> ProgramChain {
    let allowed = chain.policies.iter().flat_map(|policy| rules_of(ruleset, policy));
    let note = denied::note(chain.enforcement, direction);
    let rules = match chain.enforcement {
        Enforcement::Enforce => {
            let mut rules = vec![ProgramRule::new(Vec::new(), None, Action::Jump(OPENING.to_owned()))];
            rules.extend(allowed);
            rules.push(note);
            rules.extend(rejection(Purpose::Denied));
            rules
        }
        Enforcement::Audit => {
            let counted = ProgramRule::new(Vec::new(), Some(Purpose::WouldBeDenied), Action::Return);
            allowed.chain([note, counted]).collect()
        }
    };
    let silent = chain.policies.iter().filter(|policy| policy.rules.is_empty());
    let silent = silent.map(|policy| policy.policy.clone()).collect();
    ProgramChain { name, direction, entry, silent, rules }
}

fn rules_of(ruleset: &Ruleset, policy: &PolicyRules) -> Vec<ProgramRule> {
    let rules = policy.rules.iter().flat_map(|rule| {
        let purpose = Purpose::Policy(policy.policy.clone(), rule.index);
        let matches = matches(ruleset, rule).into_iter();
        matches.map(move |matches| ProgramRule::new(matches, Some(purpose.clone()), Action::Return))
    });
    rules.collect()
}

/// What a rule matches, once for each family and protocol. A set that is not there has nobody.
fn matches(ruleset: &Ruleset, rule: &Rule) -> Vec<Vec<Match>> {
    let ports = ports(&rule.ports);
    let Remote::In(name) = &rule.remote else { return ports };
    let Some(set) = ruleset.sets.get(name) else { return Vec::new() };
    let remotes = |family: Family| match &*set.members {
        Members::Ports(..) => vec![
            Match::RemotePort(family, family.set(name)),
            // Of replies, the other end and its port are where they come from.
            Match::ReplyPort(family, family.set(name)),
        ],
        Members::Addresses(..) | Members::Ranges(..) => vec![Match::Remote(family, family.set(name))],
        // Nobody is let in for having been denied.
        Members::Denied => Vec::new(),
    };
    let remotes = Family::ALL.into_iter().flat_map(remotes);
    let with_ports =
        |remote: Match| ports.iter().map(move |ports| [vec![remote.clone()], ports.clone()].concat());
    remotes.flat_map(with_ports).collect()
}

fn ports(ports: &Ports) -> Vec<Vec<Match>> {
    let Ports::Numbers(numbers) = ports else { return vec![Vec::new()] };
    let of_protocol = |(protocol, ranges): (&_, &Vec<Range<u16>>)| match ranges.as_slice() {
        [(0, u16::MAX)] => vec![vec![Match::Protocol(*protocol)]],
        ranges => listed(ranges).into_iter().map(|ranges| vec![Match::Ports(*protocol, ranges)]).collect(),
    };
    numbers.iter().flat_map(of_protocol).collect()
}

/// Single ports in one list, and each range alone. There are kernels in which a set of ranges that is new is empty for a moment when
/// the rule is there already that looks into it.
fn listed(ranges: &[Range<u16>]) -> Vec<Vec<Range<u16>>> {
    let (singles, wide): (Vec<_>, Vec<_>) = ranges.iter().partition(|(first, last)| first == last);
    let singles = Some(singles).filter(|singles| !singles.is_empty());
    singles.into_iter().chain(wide.into_iter().map(|range| vec![range])).collect()
}

/// What the gate for interfaces is called that no endpoint names.
pub(super) const fn others_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "others_ingress",
        Direction::Egress => "others_egress",
    }
}

/// What the gate of an interface is called. Interfaces may be called what chains may not: such a character is written as `/` and
/// its number. No interface has a `/` in its name, so no two gates get one name.
pub(super) fn gate_name(direction: Direction, interface: &InterfaceName) -> String {
    let mut name = format!("{direction}_");
    for character in interface.as_str().chars() {
        let is_plain = character.is_ascii_alphanumeric() || "_-.".contains(character);
        // A text takes everything.
        let _ = if is_plain {
            write!(name, "{character}")
        } else {
            write!(name, "/{:02x}", u32::from(character))
        };
    }
    name
}

/// Which gate a chain is, by its name: of which direction, and of which interface if that has a name. Nothing, if it is none.
pub fn gate_in(chain: &str) -> Option<(Direction, Option<String>)> {
    let of_direction = |direction: Direction| {
        if chain == others_name(direction) {
            return Some((direction, None));
        }
        let name = chain.strip_prefix(&format!("{direction}_"))?;
        Some((direction, Some(unescaped(name)?)))
    };
    Direction::ALL.into_iter().find_map(of_direction)
}

/// The name of an interface that is written as the name of a chain.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('/');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        let (number, rest) = part.split_at_checked(2)?;
        whole.push(char::from(u8::from_str_radix(number, 16).ok()?));
        whole.push_str(rest);
    }
    Some(whole)
}
