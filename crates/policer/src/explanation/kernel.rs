//! What the kernel of a Pod has beside what it should have, and what it does with a connection: for whoever has to know whether a policy
//! or something else is the cause. Decided of what was read; what could not be read, or not be compared, is told as unknown.

use std::{collections::BTreeMap, net::IpAddr};

use operator_runtime::printable;
use policy_dataplane::{Deviation, Fate, RulePlace, Trace, deviations};
use policy_engine::{
    Counted, CountedAt, Counter, Engine, NamespacedName, Packet,
    program::{ALLOWED, Dns, Forward, NodeAccess, Surroundings},
    set::Members,
};
use serde::Serialize;

use crate::{
    agent::expected,
    inventory::{Inventory, list},
    kernel::{Reading, Sight, Sights, Space},
    opening::OpenedBy,
    statistic::{Statistic, Verdict},
};

/// Deviations that are told at one place.
const MOST: usize = 50;

/// What the kernels of a node have for the Pods of a question.
#[derive(Debug, Default)]
pub(crate) struct Kernels(BTreeMap<NamespacedName, Seen>);

/// What was seen of a Pod, and what is to be said of it whatever the connection is.
#[derive(Debug)]
enum Seen {
    Nothing(String),
    Spaces(Vec<(Space, Compared)>, usize),
}

/// How a table is beside what should be there.
#[derive(Debug)]
enum Compared {
    /// It is other in so many ways, or in none; with what of it follows from no policy.
    Known(Vec<Deviation>, Option<String>),
    /// Nobody knows.
    Unknown(String),
}

/// What a kernel of a Pod has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KernelRow {
    /// How it is beside what should be there.
    pub state: KernelState,
    /// Why nothing more is known, in words.
    pub reason: Option<String>,
    /// The network namespace, as `ip netns` calls it.
    pub network_namespace: Option<String>,
    /// In what it is other than it should be.
    pub deviations: Vec<String>,
    /// So many more ways there are.
    pub more_deviations: usize,
    /// What its rules do with this very connection; none if they could not be read.
    pub verdict: Option<KernelVerdict>,
    /// By which rule, in words.
    pub decided_by: Option<String>,
    /// What its rules have counted at the interface, in the direction.
    pub counted: Vec<CountRow>,
    /// What else to know: what follows from no policy, and what no rule sees.
    pub besides: Vec<String>,
}

/// How a kernel is beside what should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KernelState {
    /// Nothing of it can be seen from here.
    NotSeen,
    /// It cannot be read, or nobody knows what should be there.
    Unknown,
    /// It is what it should be.
    AsItShouldBe,
    /// It is not.
    Differs,
    /// No rule sees a packet, and policies are about the Pod.
    NoRules,
}

/// What rules do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KernelVerdict {
    /// They let it pass.
    Allow,
    /// They do not.
    Deny,
    /// They look at what is not known of it.
    Unknown,
}

/// What has been counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CountRow {
    /// The rule, or what it was.
    pub rule: String,
    /// What became of the packets.
    pub verdict: Verdict,
    /// So many.
    pub packets: u64,
    /// With so many bytes.
    pub bytes: u64,
}

// === impl Kernels ===

impl Kernels {
    /// What was seen, held against what should be there by these objects.
    pub(crate) fn compare(inventory: &Inventory, sights: Sights) -> Self {
        let mut engine = Engine::new(inventory.world().clone());
        sights.keys().for_each(|pod| engine.track(pod));
        let compared = |(pod, sight)| {
            let seen = match sight {
                Sight::Nothing(reason) => Seen::Nothing(reason),
                Sight::Spaces(spaces, more) => {
                    let opens_namespace = inventory.opened_by(&pod) == Some(OpenedBy::Namespace);
                    let compared = |space: Space| {
                        let compared = Compared::of(&engine, &pod, &space, opens_namespace);
                        (space, compared)
                    };
                    Seen::Spaces(spaces.into_iter().map(compared).collect(), more)
                }
            };
            (pod, seen)
        };
        Self(sights.into_iter().map(compared).collect())
    }

    /// What is there for a packet at a Pod, whose address this is: a row for each of its network namespaces.
    pub(super) fn at(&self, pod: &NamespacedName, packet: &Packet, own: IpAddr) -> Vec<KernelRow> {
        match self.0.get(pod) {
            None => Vec::new(),
            Some(Seen::Nothing(reason)) => vec![KernelRow::new(KernelState::NotSeen, Some(reason))],
            Some(Seen::Spaces(spaces, more)) => {
                let row = |(space, compared): &(Space, Compared)| {
                    let mut row = KernelRow::of(space, compared, packet, own);
                    if *more > 0 {
                        row.besides
                            .push(format!("so many more network namespaces of it have no rules: {more}"));
                    }
                    row
                };
                spaces.iter().map(row).collect()
            }
        }
    }
}

// === impl Compared ===

impl Compared {
    fn of(engine: &Engine, pod: &NamespacedName, space: &Space, opens_namespace: bool) -> Self {
        let Ok(Reading { table, .. }) = &space.read else { return Self::Unknown(String::new()) };
        let excepted = table.excepted();
        let expected = expected(engine, pod, &excepted, opens_namespace);
        let ways = expected.iter().map(|one| (deviations(table, &one.program), &one.surroundings));
        match ways.min_by_key(|(deviations, _)| deviations.len()) {
            None => Self::Unknown(
                "nobody knows which rules it should have: no DanmEp tells its interfaces".to_owned(),
            ),
            Some((deviations, surroundings)) => Self::Known(deviations, exceptions(surroundings)),
        }
    }
}

/// What passes whatever policies say: it follows from the agent's flags and addresses, which nobody knows here.
fn exceptions(surroundings: &Surroundings) -> Option<String> {
    let mut told = Vec::new();
    if let Some(NodeAccess { interface, addresses }) = &surroundings.nodes {
        told.push(format!("nodes pass at {interface}, {}", list(&members_of(addresses))));
    }
    match &surroundings.dns {
        Dns::Closed => {}
        Dns::Servers(servers) => told.push(format!("names are asked for at {}", list(&members_of(servers)))),
        Dns::Any => told.push("names are asked for anywhere".to_owned()),
    }
    match surroundings.forward {
        Forward::Judge => {}
        Forward::Open => told.push("what it passes on is not judged".to_owned()),
        Forward::Closed => told.push("it passes nothing on".to_owned()),
    }
    (!told.is_empty()).then(|| format!("not compared, but taken as found: {}", told.join("; ")))
}

fn members_of(members: &Members) -> Vec<String> {
    let port = |address: IpAddr, protocol: danm_api::Protocol, port: u16| {
        format!("{address} {}/{port}", protocol.name())
    };
    match members {
        Members::Addresses(v4, v6) => {
            v4.iter().map(ToString::to_string).chain(v6.iter().map(ToString::to_string)).collect()
        }
        Members::Ports(v4, v6) => {
            let v4 = v4.iter().map(|it| port(it.0.into(), it.1, it.2));
            v4.chain(v6.iter().map(|it| port(it.0.into(), it.1, it.2))).collect()
        }
        Members::Ranges(..) | Members::Denied => Vec::new(),
    }
}

// === impl KernelRow ===

impl KernelRow {
    const fn empty(state: KernelState) -> Self {
        Self {
            state,
            reason: None,
            network_namespace: None,
            deviations: Vec::new(),
            more_deviations: 0,
            verdict: None,
            decided_by: None,
            counted: Vec::new(),
            besides: Vec::new(),
        }
    }

    fn new(state: KernelState, reason: Option<&String>) -> Self {
        Self { reason: reason.cloned(), ..Self::empty(state) }
    }

    fn of(space: &Space, compared: &Compared, packet: &Packet, own: IpAddr) -> Self {
        let mut row = match (&space.read, compared) {
            (Err(reason), _) => Self::new(KernelState::Unknown, Some(reason)),
            (Ok(reading), compared) => Self::read(reading, compared, packet, own),
        };
        row.network_namespace = Some(space.id.to_string());
        if !space.shared_with.is_empty() {
            let others = list(&space.shared_with);
            row.besides.push(format!(
                "the Pods with uid {others} are in this network namespace, too: one of all has its rules there"
            ));
        }
        row
    }

    fn read(reading: &Reading, compared: &Compared, packet: &Packet, own: IpAddr) -> Self {
        let mut row = match compared {
            Compared::Known(deviations, exceptions) => Self {
                deviations: deviations.iter().take(MOST).map(words).collect(),
                more_deviations: deviations.len().saturating_sub(MOST),
                besides: exceptions.iter().cloned().collect(),
                ..Self::empty(state(deviations))
            },
            Compared::Unknown(reason) => Self::new(KernelState::Unknown, Some(reason)),
        };
        let trace = reading.table.trace(packet, own);
        row.verdict = Some(trace.fate.into());
        row.decided_by = Some(decided_by(&trace));
        row.counted = counted(reading, packet, trace.rule.as_ref());
        let name = packet.interface.as_str();
        if !reading.interfaces.contains(name) {
            row.besides.push(format!("the kernel has no interface {name}: no rule sees what goes by it"));
        }
        row
    }
}

fn state(deviations: &[Deviation]) -> KernelState {
    match deviations {
        [] => KernelState::AsItShouldBe,
        [Deviation::NoRules | Deviation::Asleep] => KernelState::NoRules,
        _ => KernelState::Differs,
    }
}

/// Names may be anybody's who has been in the Pod.
fn words(deviation: &Deviation) -> String {
    printable(&deviation.to_string(), false).into_owned()
}

fn decided_by(trace: &Trace) -> String {
    let Some(rule) = &trace.rule else { return "no rule speaks of it".to_owned() };
    let comment = rule.comment.as_deref();
    let place = format!("rule {} of the chain {}", rule.number, rule.chain);
    let words = match comment.and_then(|comment| Counter::read(&rule.chain, comment)).map(|it| it.counted) {
        _ if trace.fate == Fate::Unknown => {
            format!("{place} looks at what is not known of it, or is none of ours")
        }
        Some(Counted::Policy(policy, rule)) => format!("{policy} {rule}"),
        Some(Counted::Denied) => "no rule allows it".to_owned(),
        Some(Counted::WouldBeDenied) => "no rule of an audited policy allows it".to_owned(),
        Some(Counted::Exception(exception)) => format!("the exception for {exception}"),
        None if rule.chain == ALLOWED => "no rule denies it".to_owned(),
        Some(Counted::Invalid | Counted::Unopened) | None => place,
    };
    let of_reply = if trace.is_about_reply { "of its replies, " } else { "" };
    printable(&format!("{of_reply}{words}"), false).into_owned()
}

/// What has been counted where the packet goes: at its interface, or at all that no endpoint names.
fn counted(reading: &Reading, packet: &Packet, rule: Option<&RulePlace>) -> Vec<CountRow> {
    let own = CountedAt::Interface(packet.interface.to_string());
    let decided = rule.and_then(|rule| Counter::read(&rule.chain, rule.comment.as_deref()?));
    let at = decided.map(|counter| counter.interface).filter(|at| *at == CountedAt::Others).unwrap_or(own);
    let there = reading
        .counts
        .iter()
        .filter(|count| count.counter.direction == Some(packet.direction) && count.counter.interface == at);
    let mut rows: Vec<CountRow> = Vec::new();
    for count in there {
        let (verdict, rule) = Statistic::words(&count.counter.counted);
        let rule = printable(&rule, false).into_owned();
        // One rule of a policy is several of a kernel.
        match rows.iter_mut().find(|row| (&row.rule, row.verdict) == (&rule, verdict)) {
            Some(row) => {
                row.packets = row.packets.saturating_add(count.packets);
                row.bytes = row.bytes.saturating_add(count.bytes);
            }
            None => rows.push(CountRow { rule, verdict, packets: count.packets, bytes: count.bytes }),
        }
    }
    rows
}

impl From<Fate> for KernelVerdict {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Passes => Self::Allow,
            Fate::Denied => Self::Deny,
            Fate::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use policy_dataplane::{NamespaceId, Snapshot};
    use policy_engine::{Direction, InterfaceName, Traffic};

    use super::*;

    fn rule(chain: &str, comment: Option<&str>) -> RulePlace {
        RulePlace { chain: chain.to_owned(), number: 2, comment: comment.map(str::to_owned) }
    }

    #[test]
    fn what_decides_is_told_in_words_of_policies_and_of_strangers_by_its_place_alone() {
        let told = |fate, rule: Option<&RulePlace>| {
            decided_by(&Trace { fate, is_about_reply: false, rule: rule.cloned() })
        };
        let gate = |comment| rule("ingress_eth0", Some(comment));
        assert_eq!(told(Fate::Passes, Some(&gate("shop/db ingress[0]"))), "shop/db ingress[0]");
        assert_eq!(told(Fate::Denied, Some(&gate("denied"))), "no rule allows it");
        assert_eq!(
            told(Fate::Passes, Some(&rule("judge_ingress", Some("nodes")))),
            "the exception for nodes"
        );
        assert_eq!(told(Fate::Passes, Some(&rule("allowed", None))), "no rule denies it");
        assert_eq!(told(Fate::Passes, None), "no rule speaks of it");
        let hostile = rule("in\u{1b}[2Jput", Some("all is well\u{202e}"));
        assert_eq!(told(Fate::Passes, Some(&hostile)), "rule 2 of the chain in\u{fffd}[2Jput");
        let unknown =
            "rule 2 of the chain in\u{fffd}[2Jput looks at what is not known of it, or is none of ours";
        assert_eq!(told(Fate::Unknown, Some(&hostile)), unknown);
        let of_reply = Trace { fate: Fate::Denied, is_about_reply: true, rule: Some(gate("denied")) };
        assert_eq!(decided_by(&of_reply), "of its replies, no rule allows it");
    }

    /// What a Pod is seen to have of which nobody knows what it should have.
    fn seen(read: Result<Reading, String>) -> KernelRow {
        let name = NamespacedName::new("shop", "db");
        let id = NamespaceId { device: 4, inode: 4_026_532_000 };
        let space = Space { id, shared_with: Vec::new(), read };
        let sights = [(name.clone(), Sight::Spaces(vec![space], 1))].into();
        let packet = Packet {
            direction: Direction::Ingress,
            interface: InterfaceName::new("eth0").expect("a name"),
            remote: [10, 0, 0, 2].into(),
            traffic: Traffic::Portless,
        };
        Kernels::compare(&Inventory::default(), sights).at(&name, &packet, [10, 0, 0, 1].into()).remove(0)
    }

    #[test]
    fn what_cannot_be_read_or_not_be_compared_is_unknown_and_never_right() {
        let row = seen(Err("failed to read its rules".to_owned()));
        assert_eq!((row.state, row.verdict), (KernelState::Unknown, None));
        assert_eq!(row.reason.as_deref(), Some("failed to read its rules"));
        let nothing = Reading {
            table: Snapshot::default(),
            counts: Vec::new(),
            interfaces: ["eth0".to_owned()].into(),
        };
        let row = seen(Ok(nothing));
        assert_eq!((row.state, row.verdict), (KernelState::Unknown, Some(KernelVerdict::Allow)));
        assert!(row.reason.is_some_and(|reason| reason.starts_with("nobody knows which rules")));
        assert_eq!(row.network_namespace.as_deref(), Some("net:[4026532000]"));
        assert_eq!(row.besides, ["so many more network namespaces of it have no rules: 1"]);
    }
}
