//! A ruleset as nft text: for people, and for `nft -c`. The data plane writes the same over netlink; what the rules mean
//! is `ruleset.rs`'s business.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Write},
    net::{Ipv4Addr, Ipv6Addr},
};

use danm_api::Protocol;

use crate::{
    Direction, InterfaceName,
    ranges::Range,
    ruleset::{Chain, Gates, PolicyRules, Ports, Remote, Rule, Ruleset, Set},
    set::{Members, SetName},
};

/// The one table that is ours.
pub const TABLE: &str = "danm_policer";

/// The longest comment that nft takes.
const LONGEST_COMMENT: usize = 128;

/// What passes whatever policies say: loopback, what keeps IPv6 alive, and replies. Neighbours and multicast listeners are
/// not tracked, so they come before replies; packets that have passed a router have a smaller hop limit.
const ALWAYS: [&str; 3] = [
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } ip6 hoplimit 255 accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1 accept",
    "ct state established,related accept",
];

/// What is denied is told so: TCP by its own means, because over IPv6 it would not listen to ICMP before it tries again.
const REJECT: [&str; 2] = ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"];

/// The text of a Pod's ruleset. One in which nothing is denied is a comment.
pub fn text(ruleset: &Ruleset) -> String {
    let mut text = Text::default();
    if ruleset.is_open() {
        text.line("# No policy isolates an interface of this Pod: there are no rules.");
        return text.written;
    }
    text.line(format_args!("table inet {TABLE} {{"));
    text.indented(|text| {
        for (name, set) in &ruleset.sets {
            text.set(name, set);
        }
        for direction in Direction::ALL {
            text.direction(ruleset, direction);
        }
    });
    text.line("}");
    text.written
}

/// Lines that are being written.
#[derive(Default)]
struct Text {
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

// === impl Text ===

impl Text {
    fn line(&mut self, line: impl Display) {
        self.written.extend(std::iter::repeat_n('\t', self.depth));
        // A text takes everything.
        let _ = writeln!(self.written, "{line}");
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

    fn set(&mut self, name: &SetName, set: &Set) {
        self.line(format_args!("# {}", printable(&set.definition.to_string())));
        match &*set.members {
            Members::Addresses(v4, v6) => {
                self.elements(name, V4, "", v4.iter().map(ToString::to_string));
                self.elements(name, V6, "", v6.iter().map(ToString::to_string));
            }
            Members::Ranges(v4, v6) => {
                self.elements(name, V4, "", v4.iter().map(range));
                self.elements(name, V6, "", v6.iter().map(range));
            }
            Members::Ports(v4, v6) => {
                let keys = " . inet_proto . inet_service";
                self.elements(name, V4, keys, v4.iter().map(port::<Ipv4Addr>));
                self.elements(name, V6, keys, v6.iter().map(port::<Ipv6Addr>));
            }
        }
        self.written.push('\n');
    }

    fn elements(
        &mut self,
        name: &SetName,
        family: Family,
        keys: &str,
        members: impl Iterator<Item = String>,
    ) {
        let members: Vec<String> = members.collect();
        self.block(format_args!("set {name}_{}", family.suffix), |text| {
            text.line(format_args!("type {}{keys}", family.key));
            if name.as_str().starts_with("blocks_") {
                text.line("flags interval");
            }
            if !members.is_empty() {
                text.line(format_args!("elements = {{ {} }}", members.join(", ")));
            }
        });
    }

    /// The base chain of a direction, and what it leads to.
    fn direction(&mut self, ruleset: &Ruleset, direction: Direction) {
        let (hook, loopback, by_name) = match direction {
            Direction::Ingress => ("input", "iif", "iifname"),
            Direction::Egress => ("output", "oif", "oifname"),
        };
        let gates: BTreeMap<&InterfaceName, &Gates> = ruleset.interfaces.iter().collect();
        let others = ruleset.others.chain(direction);
        if others.is_none() && gates.values().all(|gates| gates.chain(direction).is_none()) {
            return;
        }
        self.block(format_args!("chain {hook}"), |text| {
            text.line(format_args!("type filter hook {hook} priority filter; policy accept;"));
            text.line(format_args!("{loopback} \"lo\" accept"));
            ALWAYS.iter().for_each(|always| text.line(always));
            let targets =
                gates.iter().enumerate().map(|(number, (name, gates))| match gates.chain(direction) {
                    Some(_) => format!("\"{name}\" : goto {direction}_{number}"),
                    None => format!("\"{name}\" : accept"),
                });
            let targets: Vec<String> = targets.collect();
            text.line(format_args!("{by_name} vmap {{ {} }}", targets.join(", ")));
            if others.is_some() {
                text.line(format_args!("goto {direction}_others"));
            }
        });
        for (number, (name, gates)) in gates.iter().enumerate() {
            if let Some(chain) = gates.chain(direction) {
                self.chain(&format!("{direction}_{number}"), &format!("interface {name}"), direction, chain);
            }
        }
        if let Some(chain) = others {
            let whom = "interfaces that no endpoint names";
            self.chain(&format!("{direction}_others"), whom, direction, chain);
        }
    }

    fn chain(&mut self, name: &str, whom: &str, direction: Direction, chain: &Chain) {
        self.written.push('\n');
        self.line(format_args!("# {whom}"));
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
                None => "services".to_owned(),
            };
            let comment = comment(&policy.policy.to_string(), &place);
            for matched in matches(rule, direction) {
                self.line(format_args!("{matched}counter accept comment \"{comment}\""));
            }
        }
    }
}

/// What a rule matches, once for each family and protocol; each ends in a space, if there is any.
fn matches(rule: &Rule, direction: Direction) -> Vec<String> {
    let ports: Vec<String> = match &rule.ports {
        Ports::Any => vec![String::new()],
        Ports::Numbers(numbers) => {
            numbers.iter().map(|(protocol, ranges)| ports(*protocol, ranges)).collect()
        }
    };
    let Remote::In(set) = &rule.remote else { return ports };
    let field = match direction {
        Direction::Ingress => "saddr",
        Direction::Egress => "daddr",
    };
    let with_port = match set.as_str() {
        name if name.starts_with("ports_") || name.starts_with("services_") => " . meta l4proto . th dport",
        _ => "",
    };
    let mut matches = Vec::new();
    for Family { header, suffix, .. } in [V4, V6] {
        let addressed = |ports: &String| format!("{header} {field}{with_port} @{set}_{suffix} {ports}");
        matches.extend(ports.iter().map(addressed));
    }
    matches
}

fn ports(protocol: Protocol, ranges: &[Range<u16>]) -> String {
    let protocol = protocol_word(protocol);
    match ranges {
        [(0, u16::MAX)] => format!("meta l4proto {protocol} "),
        [(first, last)] if first == last => format!("{protocol} dport {first} "),
        [(first, last)] => format!("{protocol} dport {first}-{last} "),
        ranges => {
            let ranges: Vec<String> = ranges.iter().map(range).collect();
            format!("{protocol} dport {{ {} }} ", ranges.join(", "))
        }
    }
}

fn range<T: Display + PartialEq>((first, last): &Range<T>) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
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

/// Which policy and which of its rules it is, as long as a comment may be: of a long name the end is left out.
fn comment(policy: &str, place: &str) -> String {
    let room = LONGEST_COMMENT - place.len() - 1;
    let policy = printable(policy);
    let name: String = policy.chars().take(room).collect();
    format!("{name} {place}")
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
