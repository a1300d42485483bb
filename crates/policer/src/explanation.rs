//! Why a connection is allowed or not, as one value: printed as JSON it is an API, and the text for people draws it. Every
//! answer is that of `policy-engine`; here it is found out what to ask it.

mod doubt;
mod end;
mod service;

use danm_api::NetworkRef;
use policy_engine::{Direction, World};
use serde::Serialize;

use crate::{inventory::Inventory, parties::Party, probe::Probe};

pub(crate) use self::{
    end::{Decision, End, PolicyName, Reason, RuleRow},
    service::{Answer, ServiceRow},
};

/// Everything that is known about a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// What becomes of it.
    pub verdict: Outcome,
    /// The same in a sentence.
    pub summary: String,
    /// What is tried.
    pub port: String,
    /// Each pair of addresses that is meant.
    pub pairs: Vec<Pair>,
    /// Whose address is spoken to, if it is a Service's.
    pub service: Option<ServiceRow>,
    /// What is not enforced, or not sure.
    pub doubts: Vec<String>,
}

/// What becomes of a connection, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is allowed.
    Allow,
    /// It is denied.
    Deny,
    /// Some are allowed, some denied.
    Mixed,
}

/// A connection from one address to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Pair {
    /// Who opens it.
    pub from: PartyRow,
    /// Who is spoken to.
    pub to: PartyRow,
    /// What becomes of it.
    pub verdict: Outcome,
    /// Where it leaves; none if that is at no Pod.
    pub egress: Option<End>,
    /// Where it arrives; none if that is at no Pod.
    pub ingress: Option<End>,
}

/// An end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartyRow {
    /// The Pod's namespace; empty if it is no Pod.
    pub namespace: String,
    /// The Pod's name; empty if it is no Pod.
    pub pod: String,
    /// Its interface; empty if that is not known.
    pub interface: String,
    /// The address.
    pub address: String,
    /// The network, if it is known.
    pub network: Option<NetworkRow>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkRow {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace; empty for a `ClusterNetwork`.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Both ends that are meant, and what is tried.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// What was read.
    pub inventory: &'a Inventory,
    /// Who opens the connection.
    pub from: &'a [Party],
    /// Who is spoken to.
    pub to: &'a [Party],
    /// What is tried.
    pub probe: Probe,
}

// === impl Question ===

impl<'a> Question<'a> {
    /// Finds out everything.
    pub(crate) fn explain(self) -> anyhow::Result<Explanation> {
        if let Some(explanation) = self.explain_itself() {
            return Ok(explanation);
        }
        let pairs = self.pairs()?;
        let service = service::of(self, &pairs);
        let rows: Vec<Pair> = pairs.iter().map(|(from, to)| self.pair(from, to)).collect();
        let verdict = match &service {
            Some(service) => service.outcome(&rows),
            None => Outcome::of(rows.iter().map(|pair| pair.verdict)),
        };
        let doubts = doubt::doubts(self, &pairs, &rows, service.as_ref());
        let summary = self.summary(verdict, &rows, service.as_ref());
        Ok(Explanation { verdict, summary, port: self.probe.to_string(), pairs: rows, service, doubts })
    }

    /// What a Pod says to itself never leaves it.
    fn explain_itself(self) -> Option<Explanation> {
        let mut all = self.from.iter().flat_map(|from| self.to.iter().map(move |to| (from, to)));
        let is_itself = all.all(|(from, to)| from.pod.is_some() && from.pod == to.pod);
        let name = self.from.first().filter(|_| is_itself && !self.to.is_empty())?.name();
        Some(Explanation {
            verdict: Outcome::Allow,
            summary: format!(
                "{name} is the same Pod at both ends: what it says to itself passes, whatever policies say"
            ),
            port: self.probe.to_string(),
            pairs: Vec::new(),
            service: None,
            doubts: Vec::new(),
        })
    }

    pub(crate) const fn world(self) -> &'a World {
        self.inventory.world()
    }

    /// Those who can speak to each other: two Pods, one family.
    fn pairs(self) -> anyhow::Result<Vec<(&'a Party, &'a Party)>> {
        let all = self.from.iter().flat_map(|from| self.to.iter().map(move |to| (from, to)));
        let all: Vec<(&Party, &Party)> = all.collect();
        let others: Vec<_> =
            all.iter().filter(|(from, to)| from.pod.is_none() || from.pod != to.pod).copied().collect();
        let pairs: Vec<_> = others
            .iter()
            .filter(|(from, to)| from.address.is_ipv4() == to.address.is_ipv4())
            .filter(|(from, to)| is_nearest(to, from, self.to) && is_nearest(from, to, self.from))
            .copied()
            .collect();
        let names = others.first().map(|(from, to)| (from.name(), to.name())).unwrap_or_default();
        anyhow::ensure!(
            !pairs.is_empty(),
            "{} and {} have no addresses of one family: they cannot speak to each other",
            names.0,
            names.1
        );
        Ok(pairs)
    }

    fn pair(self, from: &Party, to: &Party) -> Pair {
        let egress = End::of(self, Direction::Egress, from, to);
        let ingress = End::of(self, Direction::Ingress, to, from);
        let is_allowed = egress.iter().chain(&ingress).all(|end| end.is_allowed);
        Pair { from: from.into(), to: to.into(), verdict: Outcome::from(is_allowed), egress, ingress }
    }

    fn summary(self, verdict: Outcome, pairs: &[Pair], service: Option<&ServiceRow>) -> String {
        let (from, probe) = (name(self.from), self.probe);
        let to = match service {
            Some(service) => format!("{} (Service {})", name(self.to), service.name),
            None => name(self.to),
        };
        match verdict {
            Outcome::Allow if service.is_some_and(|service| service.answering.is_empty()) => {
                format!("{from} is let out to {to} on {probe}, and nobody answers there")
            }
            Outcome::Allow => format!("{from} reaches {to} on {probe}"),
            Outcome::Deny => format!("{from} does not reach {to} on {probe}{}", cause(pairs, service)),
            Outcome::Mixed => {
                let part = service.map_or_else(|| in_part(pairs), ServiceRow::in_part);
                format!("{from} reaches {to} on {probe} in part: {part}")
            }
        }
    }
}

/// Whom people mean by an end: the Pod, or an address that several hold.
fn name(parties: &[Party]) -> String {
    let mut names: Vec<String> = parties.iter().map(Party::name).collect();
    names.dedup();
    match (&names[..], parties.first()) {
        ([one], _) => one.clone(),
        (several, Some(first)) => format!("{} (held by {})", first.address, several.join(" and ")),
        (_, None) => String::new(),
    }
}

/// How many of the pairs are allowed.
fn in_part(pairs: &[Pair]) -> String {
    let allowed = pairs.iter().filter(|pair| pair.verdict == Outcome::Allow).count();
    format!("for {allowed} of {} pairs of addresses", pairs.len())
}

/// An address that several hold means the one who is on the network of the other end, if one of them is.
fn is_nearest(party: &Party, other: &Party, all: &[Party]) -> bool {
    let shares = |party: &Party| other.network().is_some() && party.network() == other.network();
    !party.is_by_address || shares(party) || !all.iter().any(shares)
}

/// Who is in the way.
fn cause(pairs: &[Pair], service: Option<&ServiceRow>) -> String {
    let is_denied = |end: Option<&End>| end.is_some_and(|end| !end.is_allowed);
    let out = pairs.iter().all(|pair| is_denied(pair.egress.as_ref()));
    let into = match service {
        Some(service) => {
            !service.answering.is_empty() && service.answering.iter().all(|one| !one.is_let_in())
        }
        None => pairs.iter().all(|pair| is_denied(pair.ingress.as_ref())),
    };
    match (out, into) {
        (true, true) => ": it is neither let out nor let in".to_owned(),
        (true, false) => ": it is not let out (egress)".to_owned(),
        (false, true) => ": it is not let in (ingress)".to_owned(),
        (false, false) if service.is_some() => {
            ": by none of the ways is it both let out and let in".to_owned()
        }
        (false, false) => String::new(),
    }
}

// === impl Outcome ===

impl Outcome {
    /// What becomes of several.
    pub(crate) fn of(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let both = |one, other| if one == other { one } else { Self::Mixed };
        outcomes.into_iter().reduce(both).unwrap_or(Self::Allow)
    }
}

impl From<bool> for Outcome {
    fn from(is_allowed: bool) -> Self {
        if is_allowed { Self::Allow } else { Self::Deny }
    }
}

// === impl PartyRow ===

impl From<&Party> for PartyRow {
    fn from(party: &Party) -> Self {
        let pod = party.pod.as_ref();
        Self {
            namespace: pod.map(|pod| pod.namespace.as_ref().to_owned()).unwrap_or_default(),
            pod: pod.map(|pod| pod.name.as_ref().to_owned()).unwrap_or_default(),
            interface: party
                .place
                .as_ref()
                .map(|place| place.interface_name().to_owned())
                .unwrap_or_default(),
            address: party.address.to_string(),
            network: party.network().map(NetworkRow::from),
        }
    }
}

impl From<&NetworkRef> for NetworkRow {
    fn from(network: &NetworkRef) -> Self {
        Self {
            kind: network.kind.name(),
            namespace: network.namespace.as_ref().to_owned(),
            name: network.name.as_ref().to_owned(),
        }
    }
}
