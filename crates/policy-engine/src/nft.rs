//! A ruleset as nft text: for people, and for `nft -f`. The data plane writes the same over netlink; what is written is
//! `program.rs`'s business.

use std::{
    fmt::{self, Display, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use danm_api::Protocol;
use ipnet::IpNet;

use crate::{
    Direction,
    program::{
        Action, DENIED_MINUTES, Entry, Family, FamilySet, MOST_DENIED, Match, Program, ProgramChain,
        ProgramRule, Purpose, Side,
    },
    ranges::Range,
    ruleset::Ruleset,
    set::Members,
};

/// The one table that is ours.
pub const TABLE: &str = "danm_policer";

/// The longest comment that nft takes.
const LONGEST_COMMENT: usize = 128;

/// Before the number of a generation, in the comment of the rule that knows it.
pub const GENERATION: &str = "generation";

/// Lists are broken into lines of this width.
const WIDTH: usize = 112;

/// Whom a set is meant to have is told in so many characters; who is in it follows anyway.
const LONGEST_MEANING: usize = 240;

/// The text of a Pod's ruleset. Loaded, it takes the place of the rules that are there, at once; where nothing is denied, it
/// takes them away.
pub fn text(ruleset: &Ruleset) -> String {
    text_of(&Program::of(ruleset))
}

/// The text of a program.
pub fn text_of(program: &Program) -> String {
    let mut text = Text { written: String::new(), depth: 0 };
    if program.is_empty() {
        text.line("# No policy isolates an interface of this Pod: there are no rules.");
    }
    text.line("# Takes the place of the table that is there, if one is.");
    // It has to be there to be deleted; to add rules to those that are there would be to have all of them twice.
    text.line(format_args!("table inet {TABLE}"));
    text.line(format_args!("delete table inet {TABLE}"));
    if !program.is_empty() {
        text.table(program);
    }
    text.written
}

/// Lines that are being written.
struct Text {
    written: String,
    depth: usize,
}

// === impl Text ===

impl Text {
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

    fn table(&mut self, program: &Program) {
        self.block(format_args!("table inet {TABLE}"), |text| {
            let mut told = None;
            for set in program.sets() {
                // What it is meant to have is told once for both families.
                if told != Some(&set.meaning) {
                    if told.is_some() {
                        text.gap();
                    }
                    let meaning = printable(&set.meaning.to_string());
                    text.line(format_args!("# {}", shortened(&meaning, LONGEST_MEANING)));
                    told = Some(&set.meaning);
                }
                text.set(set);
            }
            for (index, chain) in program.chains().enumerate() {
                if index > 0 || told.is_some() {
                    text.gap();
                }
                text.chain(chain);
            }
        });
    }

    fn set(&mut self, set: &FamilySet) {
        let key = match set.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        };
        self.block(format_args!("set {}", set.name), |text| {
            match &*set.members {
                Members::Addresses(..) => text.line(format_args!("type {key}")),
                Members::Ranges(..) => {
                    text.line(format_args!("type {key}"));
                    text.line("flags interval");
                }
                Members::Ports(..) => text.line(format_args!("type {key} . inet_proto . inet_service")),
                Members::Denied => {
                    text.line(format_args!("type ifname . {key} . {key} . inet_proto . inet_service"));
                    text.line(format_args!("size {MOST_DENIED}"));
                    text.line("flags dynamic,timeout");
                    text.line(format_args!("timeout {DENIED_MINUTES}m"));
                    text.line(format_args!("gc-interval {DENIED_MINUTES}m"));
                }
            }
            let members = members(set);
            if !members.is_empty() {
                text.list("elements =", &members, "");
            }
        });
    }

    fn chain(&mut self, chain: &ProgramChain) {
        let direction = chain.direction;
        match &chain.entry {
            Entry::Hook(_) => {}
            Entry::Chain(what_for) => self.line(format_args!("# {what_for}")),
            Entry::Interface(name) => self.line(format_args!("# interface {name}, {direction}")),
            Entry::OtherInterfaces => {
                self.line(format_args!("# interfaces that no endpoint names, {direction}"));
            }
        }
        self.block(format_args!("chain {}", chain.name), |text| {
            if let Entry::Hook(hook) = chain.entry {
                let hook = hook.name();
                text.line(format_args!("type filter hook {hook} priority filter; policy accept;"));
            }
            for policy in &chain.silent {
                text.line(format_args!("# {} allows nothing here", printable(&policy.to_string())));
            }
            chain.rules.iter().for_each(|rule| text.rule(rule, direction));
        });
    }

    fn rule(&mut self, rule: &ProgramRule, direction: Direction) {
        let mut words: Vec<String> = Vec::new();
        let mut list: Vec<String> = Vec::new();
        for matched in &rule.matches {
            words.push(spelt(matched, direction));
            if let Match::Ports(_, ranges) = matched {
                list = texts(ranges, range);
            }
        }
        let tail = tail(rule, direction);
        match list.as_slice() {
            [] => words.push(tail),
            [one] => words.extend([one.clone(), tail]),
            several => return self.list(&words.join(" "), several, &format!(" {tail}")),
        }
        self.line(words.join(" "));
    }
}

/// What follows the matches of a rule: whether it counts, what it does, and what it is for.
fn tail(rule: &ProgramRule, direction: Direction) -> String {
    let is_counted = rule.purpose.as_ref().is_some_and(Purpose::is_counted);
    let counter = is_counted.then(|| "counter".to_owned());
    let comment =
        rule.purpose.as_ref().map(|purpose| format!("comment \"{}\"", comment_of(purpose, direction)));
    let words = [counter, action(&rule.action), comment].into_iter().flatten();
    words.collect::<Vec<_>>().join(" ")
}

/// Where the remote end of a connection of this direction is in the packet that opened it.
const fn remote_end(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "saddr",
        Direction::Egress => "daddr",
    }
}

/// And where the Pod's own is.
const fn own_end(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "daddr",
        Direction::Egress => "saddr",
    }
}

const fn header(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

const fn interface(side: Side) -> &'static str {
    match side {
        Side::In => "iifname",
        Side::Out => "oifname",
    }
}

/// A match in words; the ports of one that has some follow it.
fn spelt(matched: &Match, direction: Direction) -> String {
    let remote = remote_end(direction);
    match matched {
        Match::Loopback(Side::In) => "iif \"lo\"".to_owned(),
        Match::Loopback(Side::Out) => "oif \"lo\"".to_owned(),
        // What has passed a router has a smaller hop limit.
        Match::NeighbourDiscovery => "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } ip6 hoplimit 255".to_owned(),
        Match::MulticastListeners => "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1".to_owned(),
        Match::Labelled(label) => format!("ct label {label}"),
        Match::Established => "ct state established".to_owned(),
        Match::Errors => "ct state related meta l4proto { icmp, ipv6-icmp }".to_owned(),
        Match::Resets => "ct state related tcp flags & rst == rst".to_owned(),
        Match::Invalid => "ct state invalid".to_owned(),
        Match::Unopened => "ct state new tcp flags != syn / fin,syn,rst,ack".to_owned(),
        Match::Reply => "ct direction reply".to_owned(),
        Match::At(side, name) => format!("{} \"{name}\"", interface(*side)),
        Match::Own(address) => {
            format!("ct original {} {} {address}", header(Family::of(*address)), own_end(direction))
        }
        Match::Remote(family, set) => format!("ct original {} {remote} @{set}", header(*family)),
        Match::RemotePort(family, set) => {
            format!("ct direction original {} {remote} . meta l4proto . th dport @{set}", header(*family))
        }
        Match::ReplyPort(family, set) => {
            let remote = own_end(direction);
            format!("ct direction reply {} {remote} . meta l4proto . th sport @{set}", header(*family))
        }
        Match::Protocol(protocol) => format!("meta l4proto {}", protocol_word(*protocol)),
        Match::Icmp(Family::V4) => "meta l4proto icmp".to_owned(),
        Match::Icmp(Family::V6) => "meta l4proto ipv6-icmp".to_owned(),
        Match::Ports(protocol, _) => format!("meta l4proto {} ct original proto-dst", protocol_word(*protocol)),
        Match::Dhcp(family) => {
            let (client, server) = family.dhcp_ports();
            let (from, to) = match direction {
                Direction::Ingress => (server, client),
                Direction::Egress => (client, server),
            };
            let udp = format!("meta l4proto udp ct original proto-src {from} ct original proto-dst {to}");
            match (family, direction) {
                (Family::V4, _) => format!("meta nfproto ipv4 {udp}"),
                (Family::V6, Direction::Ingress) => format!("{udp} ct original ip6 saddr fe80::/10"),
                (Family::V6, Direction::Egress) => format!("{udp} ct original ip6 daddr ff02::1:2"),
            }
        }
    }
}

/// What is done; nothing is said of what goes on by itself, nor of what `rule` writes as a list.
fn action(action: &Action) -> Option<String> {
    let words = match action {
        Action::Accept => "accept".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Return => "return".to_owned(),
        Action::Jump(chain) => format!("jump {chain}"),
        Action::Goto(chain) => format!("goto {chain}"),
        Action::Label(label) => format!("ct label set {label} accept"),
        Action::ResetTcp => "reject with tcp reset".to_owned(),
        Action::Prohibit => "reject with icmpx admin-prohibited".to_owned(),
        Action::Continue => return None,
        Action::Note(set) => {
            let (side, family) =
                (if set.direction == Direction::Ingress { Side::In } else { Side::Out }, header(set.family));
            let ends = format!("ct original {family} saddr . ct original {family} daddr");
            let port = "meta l4proto . ct original proto-dst";
            format!("update @{} {{ {} . {ends} . {port} }}", set.name(), interface(side))
        }
    };
    Some(words)
}

fn members(set: &FamilySet) -> Vec<String> {
    match (&*set.members, set.family) {
        (Members::Addresses(v4, _), Family::V4) => texts(v4, ToString::to_string),
        (Members::Addresses(_, v6), Family::V6) => texts(v6, ToString::to_string),
        (Members::Ranges(v4, _), Family::V4) => texts(v4, addresses),
        (Members::Ranges(_, v6), Family::V6) => texts(v6, addresses),
        (Members::Ports(v4, _), Family::V4) => texts(v4, port::<Ipv4Addr>),
        (Members::Ports(_, v6), Family::V6) => texts(v6, port::<Ipv6Addr>),
        (Members::Denied, _) => Vec::new(),
    }
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

/// The comment of a rule, as long as a comment may be: of one of a policy, which policy and which of its rules it is.
pub fn comment_of(purpose: &Purpose, direction: Direction) -> String {
    let (policy, index) = match purpose {
        Purpose::Policy(policy, index) => (policy, index),
        Purpose::Denied => return "denied".to_owned(),
        Purpose::WouldBeDenied => return "would be denied".to_owned(),
        Purpose::Invalid => return "of no connection".to_owned(),
        Purpose::Unopened => return "opened by nobody".to_owned(),
        Purpose::Nodes => return "nodes".to_owned(),
        Purpose::Dns => return "names".to_owned(),
        Purpose::Dhcp => return "addresses".to_owned(),
        Purpose::Generation(number) => return format!("{GENERATION} {number}"),
    };
    let place = match index {
        Some(index) => format!("{direction}[{index}]"),
        None => format!("{direction} to Services"),
    };
    let room = LONGEST_COMMENT.saturating_sub(place.len() + 1);
    format!("{} {place}", shortened(&printable(&policy.to_string()), room))
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
