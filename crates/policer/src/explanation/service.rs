//! A Service's cluster address: a Pod's rules see it before it is exchanged for the address of somebody who answers. Whoever
//! answers judges the packet with its own address.

use std::net::IpAddr;

use policy_engine::{Direction, exchange};
use serde::Serialize;

use super::{End, Outcome, Pair, Question};
use crate::{parties::Party, place::places, probe::Probe};

/// A Service that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServiceRow {
    /// Its namespace and name.
    pub name: String,
    /// Its port, with its name if it has one; none if it has no such port.
    pub port: Option<String>,
    /// Those who are ready to answer.
    pub answering: Vec<Answer>,
}

/// Somebody who answers, and what becomes of packets to it: out of whoever opens the connection, to the Service's own address,
/// and in where they arrive after that was exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    /// Who opens the connection: the address.
    pub from: IpAddr,
    /// Who answers: the address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The Pod and its interface, if the address is a Pod's.
    pub pod: Option<String>,
    /// Where it leaves, if that is at a Pod.
    pub egress: Option<End>,
    /// Where it arrives, if that is at a Pod.
    pub ingress: Option<End>,
}

/// The Service whose address is spoken to, if it is one's.
pub(super) fn of(question: Question<'_>, pairs: &[(&Party, &Party)]) -> Option<ServiceRow> {
    // Whoever names a Pod means the Pod, whatever else has its address.
    let (_, to) = pairs.first().filter(|(_, to)| to.is_by_address)?;
    let exchange = exchange(question.world(), to.address, question.probe.traffic())?;
    let answering = pairs.iter().flat_map(|(from, to)| {
        let egress = End::of(question, Direction::Egress, from, to);
        let of_family =
            exchange.answering.iter().filter(|(address, _)| address.is_ipv4() == from.address.is_ipv4());
        of_family.flat_map(move |(address, port)| answers(question, (from, egress.clone()), *address, *port))
    });
    let answering = answering.collect();
    let port = exchange.port.map(|port| {
        let name = if port.name.is_empty() { String::new() } else { format!(" ({})", port.name) };
        format!("{}/{}{name}", port.protocol.name(), port.number)
    });
    Some(ServiceRow { name: exchange.service.to_string(), port, answering })
}

/// What becomes of a packet to somebody who answers; where several hold the address, at each of them.
fn answers(
    question: Question<'_>,
    (from, egress): (&Party, Option<End>),
    address: IpAddr,
    port: u16,
) -> Vec<Answer> {
    let probe = match question.probe {
        Probe::Port(protocol, _) => Probe::Port(protocol, port),
        Probe::Icmp => Probe::Icmp,
    };
    let question = Question { probe, ..question };
    let holders = places(question.world()).into_iter().filter(|place| place.address == address);
    let mut parties: Vec<Party> = holders.map(Party::from).collect();
    if parties.is_empty() {
        parties.push(Party { address, pod: None, place: None, is_by_address: true });
    }
    let answer = |to: &Party| Answer {
        from: from.address,
        address,
        port,
        pod: to
            .place
            .as_ref()
            .map(|place| format!("{} {}", place.pod, place.interface_name()).trim_end().to_owned()),
        egress: egress.clone(),
        ingress: End::of(question, Direction::Ingress, to, from),
    };
    parties.iter().map(answer).collect()
}

// === impl ServiceRow ===

impl ServiceRow {
    /// What becomes of packets to it, way by way: they have to be let out to its own address, and in at whoever answers.
    pub(super) fn outcome(&self, pairs: &[Pair]) -> Outcome {
        if self.answering.is_empty() {
            return Outcome::of(pairs.iter().map(|pair| pair.verdict));
        }
        Outcome::of(self.answering.iter().map(|one| Outcome::from(one.is_open())))
    }

    /// How many of the ways to those who answer are open.
    pub(super) fn in_part(&self) -> String {
        let open = self.answering.iter().filter(|one| one.is_open()).count();
        format!("by {open} of {} ways to those who answer", self.answering.len())
    }
}

// === impl Answer ===

impl Answer {
    /// Whether it is let out.
    pub(crate) fn is_let_out(&self) -> bool {
        self.egress.as_ref().is_none_or(|end| end.is_allowed)
    }

    /// Whether it is let out and in.
    pub(crate) fn is_open(&self) -> bool {
        self.is_let_out() && self.is_let_in()
    }

    /// Whether it is let in.
    pub(crate) fn is_let_in(&self) -> bool {
        self.ingress.as_ref().is_none_or(|end| end.is_allowed)
    }
}
