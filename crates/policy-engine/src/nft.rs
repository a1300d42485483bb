//! A ruleset as nft text: for people, and for `nft -f`. The data plane writes the same over netlink; what the rules mean is
//! `ruleset.rs`'s business.
//!
//! ```text
//!   input  ── loopback, ND, MLD, replies ──> accept
//!          └─ by the interface's name ──> ingress_eth0, ... ──> a rule accepts, or it is counted and rejected
//!                                    └──> others_ingress (the name is not listed)
//!   output likewise, with egress
//! ```
//!
//! What a Pod forwards between its interfaces passes neither hook: nothing here is about it, and there is no chain for it.

use std::{
    fmt::{self, Display, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use danm_api::Protocol;
use ipnet::IpNet;

use crate::{
    Direction, InterfaceName,
    ranges::Range,
    ruleset::{Chain, PolicyRules, Ports, Remote, Rule, Ruleset, Set},
    set::{Members, SetName},
};

/// The one table that is ours.
pub const TABLE: &str = "danm_policer";

/// The longest comment that nft takes.
const LONGEST_COMMENT: usize = 128;

/// Lists are broken into lines of this width.
const WIDTH: usize = 112;

/// What defines a set is told in so many characters; who is in it follows anyway.
const LONGEST_DEFINITION: usize = 240;

/// What passes whatever policies say: loopback, what keeps IPv6 alive, and replies. Neighbours and multicast listeners are
/// not tracked, so they come before replies; packets that have passed a router have a smaller hop limit.
const ALWAYS: [&str; 3] = [
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } ip6 hoplimit 255 accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1 accept",
    "ct state established,related accept",
];

/// What is denied is told so: TCP by its own means, because over IPv6 it would not listen to ICMP before it tries again.
const REJECT: [&str; 2] = ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"];

/// The text of a Pod's ruleset. Loaded, it takes the place of the rules that are there, at once; where nothing is denied, it
/// takes them away.
pub fn text(ruleset: &Ruleset) -> String {
    let mut text = Text { ruleset, written: String::new(), depth: 0 };
    if ruleset.is_open() {
        text.line("# No policy isolates an interface of this Pod: there are no rules.");
    }
    text.line("# Takes the place of the table that is there, if one is.");
    // It has to be there to be deleted; to add rules to those that are there would be to have all of them twice.
    text.line(format_args!("table inet {TABLE}"));
    text.line(format_args!("delete table inet {TABLE}"));
    if !ruleset.is_open() {
        text.table();
    }
    text.written
}

/// Lines that are being written.
struct Text<'a> {
    ruleset: &'a Ruleset,
    written: String,
    depth: usize,
}

/// An address family, as rules and sets spell it.
#[derive(Clone, Copy)]
struct Family {
    suffix: &'static str,
    key: &'static str,
    header: &'static str,
}

const V4: Family = Family { suffix: "v4", key: "ipv4_addr", header: "ip" };
const V6: Family = Family { suffix: "v6", key: "ipv6_addr", header: "ip6" };

/// What a direction is called in rules.
struct Words {
    hook: &'static str,
    loopback: &'static str,
    interface: &'static str,
    remote: &'static str,
}

/// Something that packets are held against: words, and perhaps a list of ports after them.
struct Match {
    words: String,
    ports: Vec<String>,
}

// === impl Text ===

impl Text<'_> {
    fn line(&mut self, line: impl Display) {
        self.written.extend(std::iter::repeat_n('\t', self.depth));
        // A text takes everything.
        let _ = writeln!(self.written, "{line}");
    }

    fn gap(&mut self) {
        self.written.push('\n');
    }

    fn indented(&mut self, write: impl FnOnce(&mut Self)) {
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn block(&mut self, head: impl Display, write: impl FnOnce(&mut Self)) {
        self.line(format_args!("{head} {{"));
        self.indented(write);
        self.line("}");
    }

    /// A list in braces: in one line if that is short enough, otherwise in as many as it takes.
    fn list(&mut self, head: &str, items: &[String], tail: &str) {
        let one = items.join(", ");
        if one.len() <= WIDTH {
            return self.line(format_args!("{head} {{ {one} }}{tail}"));
        }
        self.line(format_args!("{head} {{"));
        self.indented(|text| {
            let mut line = String::new();
            for (index, item) in items.iter().enumerate() {
                if !line.is_empty() && line.len() + item.len() + 1 > WIDTH {
                    text.line(std::mem::take(&mut line));
                }
                let gap = if line.is_empty() { "" } else { " " };
                let comma = if index + 1 < items.len() { "," } else { "" };
                let _ = write!(line, "{gap}{item}{comma}");
            }
            text.line(line);
        });
        self.line(format_args!("}}{tail}"));
    }

    fn table(&mut self) {
        let ruleset = self.ruleset;
        self.block(format_args!("table inet {TABLE}"), |text| {
            // In the order of what they mean: names are in none that says anything.
            let mut sets: Vec<_> = ruleset.sets.iter().collect();
            sets.sort_by_cached_key(|(name, set)| (set.definition.to_string(), *name));
            for (name, set) in sets {
                text.set(name, set);
                text.gap();
            }
            let isolated = Direction::ALL.into_iter().filter(|direction| text.isolates(*direction));
            for (index, direction) in isolated.collect::<Vec<_>>().into_iter().enumerate() {
                if index > 0 {
                    text.gap();
                }
                text.direction(direction);
            }
        });
    }

    fn set(&mut self, name: &SetName, set: &Set) {
        let definition = shortened(&printable(&set.definition.to_string()), LONGEST_DEFINITION);
        self.line(format_args!("# {definition}"));
        match &*set.members {
            Members::Addresses(v4, v6) => {
                self.elements(name, V4, &set.members, &texts(v4, ToString::to_string));
                self.elements(name, V6, &set.members, &texts(v6, ToString::to_string));
            }
            Members::Ranges(v4, v6) => {
                self.elements(name, V4, &set.members, &texts(v4, addresses));
                self.elements(name, V6, &set.members, &texts(v6, addresses));
            }
            Members::Ports(v4, v6) => {
                self.elements(name, V4, &set.members, &texts(v4, port::<Ipv4Addr>));
                self.elements(name, V6, &set.members, &texts(v6, port::<Ipv6Addr>));
            }
        }
    }

    fn elements(&mut self, name: &SetName, family: Family, kind: &Members, members: &[String]) {
        let Family { suffix, key, .. } = family;
        self.block(format_args!("set {name}_{suffix}"), |text| {
            match kind {
                Members::Addresses(..) => text.line(format_args!("type {key}")),
                Members::Ranges(..) => {
                    text.line(format_args!("type {key}"));
                    text.line("flags interval");
                }
                Members::Ports(..) => text.line(format_args!("type {key} . inet_proto . inet_service")),
            }
            if !members.is_empty() {
                text.list("elements =", members, "");
            }
        });
    }

    /// Whether anything is denied in a direction.
    fn isolates(&self, direction: Direction) -> bool {
        let mut gates = self.ruleset.interfaces.values().chain([&self.ruleset.others]);
        gates.any(|gates| gates.chain(direction).is_some())
    }

    /// The base chain of a direction, and those that it leads to.
    fn direction(&mut self, direction: Direction) {
        let ruleset = self.ruleset;
        let Words { hook, loopback, interface, .. } = words(direction);
        let others = ruleset.others.chain(direction);
        self.block(format_args!("chain {hook}"), |text| {
            text.line(format_args!("type filter hook {hook} priority filter; policy accept;"));
            text.line(format_args!("{loopback} \"lo\" accept"));
            ALWAYS.iter().for_each(|always| text.line(always));
            let targets = ruleset.interfaces.iter().map(|(name, gates)| match gates.chain(direction) {
                Some(_) => format!("\"{name}\" : goto {}", chain_name(direction, name)),
                None => format!("\"{name}\" : accept"),
            });
            let targets: Vec<String> = targets.collect();
            // Endpoints may name no interface that there can be.
            if !targets.is_empty() {
                text.list(&format!("{interface} vmap"), &targets, "");
            }
            if others.is_some() {
                text.line(format_args!("goto others_{direction}"));
            }
        });
        for (name, gates) in &ruleset.interfaces {
            if let Some(chain) = gates.chain(direction) {
                self.chain(&chain_name(direction, name), &format!("interface {name}"), direction, chain);
            }
        }
        if let Some(chain) = others {
            let whom = "interfaces that no endpoint names";
            self.chain(&format!("others_{direction}"), whom, direction, chain);
        }
    }

    fn chain(&mut self, name: &str, whom: &str, direction: Direction, chain: &Chain) {
        self.gap();
        self.line(format_args!("# {whom}, {direction}"));
        self.block(format_args!("chain {name}"), |text| {
            for policy in &chain.policies {
                text.policy(policy, direction);
            }
            text.line("counter comment \"denied\"");
            REJECT.iter().for_each(|reject| text.line(reject));
        });
    }

    fn policy(&mut self, policy: &PolicyRules, direction: Direction) {
        if policy.rules.is_empty() {
            self.line(format_args!("# {} allows nothing here", printable(&policy.policy.to_string())));
        }
        for rule in &policy.rules {
            let place = match rule.index {
                Some(index) => format!("{direction}[{index}]"),
                None => format!("{direction} to Services"),
            };
            let tail = format!("counter accept comment \"{}\"", comment(&policy.policy.to_string(), &place));
            for Match { words, ports } in self.matches(rule, direction) {
                match ports.as_slice() {
                    [] if words.is_empty() => self.line(&tail),
                    [] => self.line(format_args!("{words} {tail}")),
                    [one] => self.line(format_args!("{words} {one} {tail}")),
                    several => self.list(&words, several, &format!(" {tail}")),
                }
            }
        }
    }

    /// What a rule matches, once for each family and protocol. A set that is not there has nobody.
    fn matches(&self, rule: &Rule, direction: Direction) -> Vec<Match> {
        let ports = ports(&rule.ports);
        let Remote::In(name) = &rule.remote else { return ports };
        let Some(set) = self.ruleset.sets.get(name) else { return Vec::new() };
        let field = words(direction).remote;
        let port = match &*set.members {
            Members::Ports(..) => " . meta l4proto . th dport",
            Members::Addresses(..) | Members::Ranges(..) => "",
        };
        let mut matches = Vec::new();
        for Family { header, suffix, .. } in [V4, V6] {
            matches.extend(ports.iter().map(|Match { words, ports }| {
                let gap = if words.is_empty() { "" } else { " " };
                let words = format!("{header} {field}{port} @{name}_{suffix}{gap}{words}");
                Match { words, ports: ports.clone() }
            }));
        }
        matches
    }
}

const fn words(direction: Direction) -> Words {
    match direction {
        Direction::Ingress => Words { hook: "input", loopback: "iif", interface: "iifname", remote: "saddr" },
        Direction::Egress => Words { hook: "output", loopback: "oif", interface: "oifname", remote: "daddr" },
    }
}

/// Interfaces may be called what chains may not: such a character is written as `/` and its number. No interface has a `/`
/// in its name, so no two chains get one.
fn chain_name(direction: Direction, interface: &InterfaceName) -> String {
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

fn ports(ports: &Ports) -> Vec<Match> {
    let Ports::Numbers(numbers) = ports else {
        return vec![Match { words: String::new(), ports: Vec::new() }];
    };
    let of_protocols = numbers.iter().map(|(protocol, ranges)| {
        let word = protocol_word(*protocol);
        match ranges.as_slice() {
            [(0, u16::MAX)] => Match { words: format!("meta l4proto {word}"), ports: Vec::new() },
            ranges => Match { words: format!("{word} dport"), ports: texts(ranges, range) },
        }
    });
    of_protocols.collect()
}

fn texts<T>(members: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    members.iter().map(text).collect()
}

fn range<T: Display + PartialEq>((first, last): &Range<T>) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// A range that is a subnet reads best as one.
fn addresses<A: Copy + Display + PartialEq + Into<IpAddr>>(whole: &Range<A>) -> String {
    let (first, last): (IpAddr, IpAddr) = (whole.0.into(), whole.1.into());
    let longest = if first.is_ipv4() { 32 } else { 128 };
    let mut subnets = (0..longest).filter_map(|length| IpNet::new(first, length).ok());
    match subnets.find(|subnet| subnet.network() == first && subnet.broadcast() == last) {
        Some(subnet) => subnet.to_string(),
        None => range(whole),
    }
}

fn port<A: Display>((address, protocol, port): &(A, Protocol, u16)) -> String {
    format!("{address} . {} . {port}", protocol_word(*protocol))
}

const fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

/// Which policy and which of its rules it is, as long as a comment may be.
fn comment(policy: &str, place: &str) -> String {
    let room = LONGEST_COMMENT.saturating_sub(place.len() + 1);
    format!("{} {place}", shortened(&printable(policy), room))
}

/// Of a text that is too long, the middle is left out: those that begin alike often differ at the end.
fn shortened(text: &str, longest: usize) -> String {
    const LEFT_OUT: &str = "...";
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let kept = longest.saturating_sub(LEFT_OUT.len());
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    format!("{head}{LEFT_OUT}{tail}")
}

/// Objects in files may be called anything; what is neither a letter nor harmless would be read as something else.
fn printable(text: &str) -> String {
    let is_harmless =
        |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';' | '{' | '}'));
    text.chars().map(|c| if is_harmless(c) { c } else { '?' }).collect()
}

impl Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self))
    }
}
