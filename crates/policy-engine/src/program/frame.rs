//! The frame: what leads packets to the gates, and what passes whatever policies say. What policies say is in `gates.rs`.

use danm_api::{Enforcement, Protocol};

use super::{
    Action, Dns, Entry, Family, FamilySet, Flows, Forward, Hook, Match, Meaning, Part, ProgramChain,
    ProgramRule, Purpose, Side, Surroundings,
    gates::{gate_name, others_name},
    interface, rejection,
};
use crate::{
    Direction, InterfaceName,
    ruleset::{Gates, Ruleset},
};

/// Refuses what begins no connection.
pub(super) const OPENING: &str = "opening";
/// Knows the connections that were allowed.
pub const JUDGED: &str = "judged";
/// Remembers what was allowed, and accepts it.
pub const ALLOWED: &str = "allowed";

/// The set of nodes that reach the Pod whatever policies say; its parts are called after their families, too.
pub const NODES: &str = "nodes";
/// The set of those whom the Pod may ask for names, likewise.
pub const DNS: &str = "dns";
const DNS_PORT: u16 = 53;

/// What passes whatever policies say, beside what was judged: what keeps IPv6 alive, and errors. Neighbours and multicast listeners
/// are not tracked.
const ALWAYS: [Match; 4] =
    [Match::NeighbourDiscovery, Match::MulticastListeners, Match::Errors, Match::Resets];

/// Packets of a connection, by the way they go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As the first one.
    Forth,
    /// The other.
    Back,
}

/// The frame of a ruleset in which something is denied.
pub(super) fn frame(ruleset: &Ruleset, surroundings: &Surroundings, flows: Flows) -> Part {
    let mut chains = Vec::new();
    for (hook, direction) in [(Hook::Input, Direction::Ingress), (Hook::Output, Direction::Egress)] {
        chains.extend(local(hook, direction, interface::known(surroundings, direction)));
    }
    chains.extend(forward(ruleset, surroundings.forward));
    chains
        .extend(Direction::ALL.into_iter().flat_map(|direction| interface::chains(surroundings, direction)));
    chains.extend([judged(flows), allowed(flows), opening()]);
    for direction in Direction::ALL {
        chains.extend([Way::Forth, Way::Back].map(|way| judge(ruleset, surroundings, direction, way)));
    }
    chains.shrink_to_fit();
    Part { sets: sets(surroundings), chains }
}

fn sets(surroundings: &Surroundings) -> Vec<FamilySet> {
    let mut sets = Vec::new();
    if let Some(nodes) = &surroundings.nodes {
        let meaning = Meaning::Words("nodes that reach this Pod whatever policies say");
        sets.extend(FamilySet::both(NODES, &meaning, &nodes.addresses));
    }
    if let Dns::Servers(servers) = &surroundings.dns {
        let meaning = Meaning::Words("whom this Pod may ask for names whatever policies say");
        sets.extend(FamilySet::both(DNS, &meaning, servers));
    }
    sets
}

/// What is for the Pod, or from it: connections of this direction, and replies to those of the other. Tells by which chains those
/// connections are known and remembered.
fn local(hook: Hook, direction: Direction, [judged, allowed]: [&str; 2]) -> [ProgramChain; 2] {
    let replies = format!("{}_replies", hook.name());
    let side = side(direction, Way::Forth);
    let mut rules = vec![always(Match::Loopback(side))];
    rules.extend(before_judgement(judged, &replies));
    rules.extend([jump(judge_name(direction, Way::Forth)), goto(allowed)]);
    let of_replies = vec![jump(judge_name(opposite(direction), Way::Back)), goto(ALLOWED)];
    [
        chain(hook.name(), direction, Entry::Hook(hook), rules),
        chain(
            &replies,
            opposite(direction),
            Entry::Chain("replies to what was opened the other way"),
            of_replies,
        ),
    ]
}

/// What the Pod passes on has to be allowed to come in, and to go out. Where nothing is denied, none of it is.
fn forward(ruleset: &Ruleset, forward: Forward) -> Vec<ProgramChain> {
    let base = |rules| chain(Hook::Forward.name(), Direction::Ingress, Entry::Hook(Hook::Forward), rules);
    let judge = |ways: [(Direction, Way); 2]| {
        let mut rules: Vec<ProgramRule> =
            ways.into_iter().map(|(direction, way)| jump(judge_name(direction, way))).collect();
        rules.push(goto(ALLOWED));
        rules
    };
    match forward {
        Forward::Open => Vec::new(),
        Forward::Closed if ruleset.is_open() => Vec::new(),
        Forward::Closed => vec![base(rejection(Purpose::Denied).to_vec())],
        Forward::Judge => {
            let replies = format!("{}_replies", Hook::Forward.name());
            let mut rules = before_judgement(JUDGED, &replies);
            rules.extend(judge([(Direction::Ingress, Way::Forth), (Direction::Egress, Way::Forth)]));
            let of_replies = judge([(Direction::Egress, Way::Back), (Direction::Ingress, Way::Back)]);
            let entry = Entry::Chain("replies to what was passed on");
            vec![base(rules), chain(&replies, Direction::Ingress, entry, of_replies)]
        }
    }
}

/// What need not be judged, and replies, which are judged apart.
fn before_judgement(judged: &str, replies: &str) -> Vec<ProgramRule> {
    let mut rules = vec![jump(judged.to_owned())];
    rules.extend(ALWAYS.map(always));
    rules.push(ProgramRule::new(vec![Match::Reply], None, Action::Goto(replies.to_owned())));
    rules
}

fn judged(flows: Flows) -> ProgramChain {
    let accept = |matched, purpose| vec![ProgramRule::new(vec![matched], purpose, Action::Accept)];
    let rules = match flows {
        Flows::Labelled(generation) => {
            accept(Match::Labelled(Flows::label(generation)), Some(Purpose::Generation(generation)))
        }
        Flows::Kept => accept(Match::Established, None),
        Flows::Unknown => Vec::new(),
    };
    chain(JUDGED, Direction::Ingress, Entry::Chain("connections that were allowed"), rules)
}

fn allowed(flows: Flows) -> ProgramChain {
    let action = match flows {
        Flows::Labelled(generation) => Action::Label(Flows::label(generation)),
        Flows::Kept | Flows::Unknown => Action::Accept,
    };
    let rules = vec![ProgramRule::new(Vec::new(), None, action)];
    chain(ALLOWED, Direction::Ingress, Entry::Chain("what was allowed just now"), rules)
}

/// A connection that somebody else than its opener is seen to speak on first would be taken for one that was opened the other way.
/// A reset in answer to a stray packet of a sound connection would end it.
fn opening() -> ProgramChain {
    let rules = vec![
        ProgramRule::new(vec![Match::Invalid], Some(Purpose::Invalid), Action::Drop),
        ProgramRule::new(vec![Match::Unopened], Some(Purpose::Unopened), Action::ResetTcp),
    ];
    chain(OPENING, Direction::Ingress, Entry::Chain("what begins no connection"), rules)
}

/// Leads packets of connections of a direction to the gates of that direction.
fn judge(ruleset: &Ruleset, surroundings: &Surroundings, direction: Direction, way: Way) -> ProgramChain {
    let side = side(direction, way);
    let mut rules = match direction {
        Direction::Ingress => from_nodes(surroundings, side),
        Direction::Egress => to_dns(surroundings, way),
    };
    rules.extend(dhcp(surroundings, side));
    if way == Way::Back {
        rules.extend(by_own_address(ruleset, surroundings, direction));
    }
    rules.extend(by_interface(ruleset, direction, side));
    let others = asked(&ruleset.others, direction, others_name(direction).to_owned());
    rules.extend(others.into_iter().map(|action| ProgramRule::new(Vec::new(), None, action)));
    let entry = match (direction, way) {
        (Direction::Ingress, Way::Forth) => "connections that come in, by interface",
        (Direction::Ingress, Way::Back) => "replies to connections that came in",
        (Direction::Egress, Way::Forth) => "connections that go out, by interface",
        (Direction::Egress, Way::Back) => "replies to connections that went out",
    };
    chain(&judge_name(direction, way), direction, Entry::Chain(entry), rules)
}

/// A rule for each interface, and no map: a packet that began under rules of before may find a map of theirs empty, once those are
/// gone, and would go on as one of an interface that nobody names.
fn by_interface(ruleset: &Ruleset, direction: Direction, side: Side) -> impl Iterator<Item = ProgramRule> {
    let names = ruleset.interfaces.keys();
    names.flat_map(move |name| led(&Match::At(side, name.clone()), ruleset, direction, name))
}

/// The Pod's addresses say by which interface a connection goes, wherever a reply leaves.
fn by_own_address(
    ruleset: &Ruleset,
    surroundings: &Surroundings,
    direction: Direction,
) -> impl Iterator<Item = ProgramRule> {
    let own = surroundings.addresses.iter().flatten();
    own.flat_map(move |(address, name)| led(&Match::Own(*address), ruleset, direction, name))
}

/// Where packets go on that are of an interface. The gates of others are never for it.
fn led(matched: &Match, ruleset: &Ruleset, direction: Direction, name: &InterfaceName) -> Vec<ProgramRule> {
    let gate = if ruleset.interfaces.contains_key(name) {
        gate_name(direction, name)
    } else {
        others_name(direction).to_owned()
    };
    let mut actions = asked(ruleset.gates(name), direction, gate);
    if actions.is_empty() {
        actions.push(Action::Return);
    }
    let rule = |action| ProgramRule::new(vec![matched.clone()], None, action);
    actions.into_iter().map(rule).collect()
}

/// Which chains are asked about packets of a direction, its gate being this one; none, if nobody has to be. Where only the other
/// direction is isolated, it has to be sure which direction this is.
fn asked(gates: &Gates, direction: Direction, gate: String) -> Vec<Action> {
    let opening = || Action::Goto(OPENING.to_owned());
    let is_isolated_back = gates.enforcement(opposite(direction)) == Some(Enforcement::Enforce);
    match gates.enforcement(direction) {
        Some(Enforcement::Audit) if is_isolated_back => vec![Action::Jump(gate), opening()],
        Some(_) => vec![Action::Goto(gate)],
        None if is_isolated_back => vec![opening()],
        None => Vec::new(),
    }
}

fn from_nodes(surroundings: &Surroundings, side: Side) -> Vec<ProgramRule> {
    let Some(nodes) = &surroundings.nodes else { return Vec::new() };
    let of_family = |family: Family| {
        let matches =
            vec![Match::At(side, nodes.interface.clone()), Match::Remote(family, family.set(NODES))];
        ProgramRule::new(matches, Some(Purpose::Nodes), Action::Return)
    };
    Family::ALL.map(of_family).to_vec()
}

fn to_dns(surroundings: &Surroundings, way: Way) -> Vec<ProgramRule> {
    let matches: Vec<Match> = match &surroundings.dns {
        Dns::Closed => Vec::new(),
        Dns::Servers(_) => Family::ALL
            .map(|family| match way {
                Way::Forth => Match::RemotePort(family, family.set(DNS)),
                Way::Back => Match::ReplyPort(family, family.set(DNS)),
            })
            .to_vec(),
        Dns::Any => [Protocol::Tcp, Protocol::Udp]
            .map(|protocol| Match::Ports(protocol, vec![(DNS_PORT, DNS_PORT)]))
            .to_vec(),
    };
    let rule = |matched| ProgramRule::new(vec![matched], Some(Purpose::Dns), Action::Return);
    matches.into_iter().map(rule).collect()
}

fn dhcp(surroundings: &Surroundings, side: Side) -> impl Iterator<Item = ProgramRule> {
    surroundings.dhcp.iter().map(move |(interface, family)| {
        let matches = vec![Match::At(side, interface.clone()), Match::Dhcp(*family)];
        ProgramRule::new(matches, Some(Purpose::Dhcp), Action::Return)
    })
}

/// The interface by which a packet is judged.
const fn side(direction: Direction, way: Way) -> Side {
    match (direction, way) {
        (Direction::Ingress, Way::Forth) | (Direction::Egress, Way::Back) => Side::In,
        (Direction::Egress, Way::Forth) | (Direction::Ingress, Way::Back) => Side::Out,
    }
}

const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}

fn judge_name(direction: Direction, way: Way) -> String {
    match way {
        Way::Forth => format!("judge_{direction}"),
        Way::Back => format!("judge_{direction}_replies"),
    }
}

fn chain(name: &str, direction: Direction, entry: Entry, mut rules: Vec<ProgramRule>) -> ProgramChain {
    // Each Pod has its own for as long as it lives.
    rules.shrink_to_fit();
    ProgramChain { name: name.to_owned(), direction, entry, silent: Vec::new(), rules }
}

fn always(matched: Match) -> ProgramRule {
    ProgramRule::new(vec![matched], None, Action::Accept)
}

const fn jump(chain: String) -> ProgramRule {
    ProgramRule::new(Vec::new(), None, Action::Jump(chain))
}

fn goto(chain: &str) -> ProgramRule {
    ProgramRule::new(Vec::new(), None, Action::Goto(chain.to_owned()))
}
