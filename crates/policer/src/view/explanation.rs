//! An explanation as people read it at the worst hour: first what becomes of the connection, then each pair of addresses and
//! both its ends, then what is in doubt.

use std::collections::BTreeSet;

use operator_runtime::Screen;

use super::kernel;
use crate::{
    explanation::{
        Answer, Decision, End, Explanation, NetworkRow, Outcome, Pair, PartyRow, PolicyName, Reason, RuleRow,
        ServiceRow,
    },
    opening::OpenedBy,
    view::ink::Ink,
};

/// Rules that are told at one end.
const RULES: usize = 12;

/// The text.
pub(crate) fn text(explanation: &Explanation, screen: &Screen) -> String {
    let mut page = Page { screen, text: String::new() };
    let (word, ink) = word(explanation.verdict);
    page.line(&[(ink, word), (Ink::Strong, &format!("  {}", explanation.summary))]);
    explanation.kernel.iter().for_each(|summary| page.line(&kernel::summary(summary)));
    if explanation.pairs.len() > 1 {
        page.blank();
        page.overview(&explanation.pairs);
    }
    explanation.pairs.iter().for_each(|pair| page.pair(pair));
    if let Some(service) = &explanation.service {
        page.service(service);
    }
    if !explanation.doubts.is_empty() {
        page.blank();
        page.line(&[(Ink::Strong, "To know besides")]);
        for doubt in &explanation.doubts {
            page.line(&[(Ink::Doubt, "  ! "), (Ink::Plain, doubt)]);
        }
    }
    page.text
}

/// A text that is being written.
struct Page<'a> {
    screen: &'a Screen,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, pieces: &[(Ink, &str)]) {
        let painted = pieces.iter().map(|(ink, text)| ink.paint(text, self.screen));
        self.text.extend(painted);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    const fn arrow(&self) -> &'static str {
        if self.screen.is_ascii { "->" } else { "→" }
    }

    /// All pairs, one a line.
    fn overview(&mut self, pairs: &[Pair]) {
        let from = column(&pairs.iter().map(|pair| &pair.from).collect::<Vec<_>>());
        let to = column(&pairs.iter().map(|pair| &pair.to).collect::<Vec<_>>());
        for ((pair, from), to) in pairs.iter().zip(&from).zip(&to) {
            let (word, ink) = match pair.verdict {
                Outcome::Allow => ("allowed", Ink::Allowed),
                _ => (denied(pair), Ink::Denied),
            };
            let places = format!("  {from} {} {to}  ", self.arrow());
            let hint = if are_apart(pair) { "  (different networks)" } else { "" };
            self.line(&[(Ink::Plain, &places), (ink, word), (Ink::Faint, hint)]);
        }
    }

    fn pair(&mut self, pair: &Pair) {
        self.blank();
        let title = format!("{} {} {}", party(&pair.from), self.arrow(), party(&pair.to));
        self.line(&[(Ink::Strong, &title)]);
        let ends = [("out of", &pair.from, &pair.egress), ("into", &pair.to, &pair.ingress)];
        for (way, party, end) in ends {
            if let Some(end) = end {
                self.end(&format!("  {way} {}/{}: ", party.namespace, party.pod), &party.interface, end);
            }
        }
    }

    fn end(&mut self, place: &str, interface: &str, end: &End) {
        let (word, ink) = if end.is_allowed { ("allowed", Ink::Allowed) } else { ("denied", Ink::Denied) };
        self.line(&[(Ink::Plain, place), (ink, word), (Ink::Plain, &reason(end, interface))]);
        if let Some(decision) = &end.decided_by {
            self.decision(decision);
        }
        self.missed(end);
        let width = end.rules.iter().map(|rule| rule_name(rule).chars().count()).max().unwrap_or_default();
        for rule in end.rules.iter().take(RULES) {
            let name = rule_name(rule);
            self.line(&[(Ink::Faint, &format!("      {name:width$}  ")), (Ink::Plain, &rule.words)]);
        }
        if let Some(more) = end.rules.len().checked_sub(RULES).filter(|more| *more > 0) {
            self.line(&[(Ink::Faint, &format!("      and {more} more rules; -o json tells all"))]);
        }
        self.kernel(end);
    }

    /// What the kernel has there.
    fn kernel(&mut self, end: &End) {
        for line in end.kernel.iter().flat_map(|row| kernel::lines(row, end.is_allowed)) {
            self.line(&[(line.ink, &format!("      {}", line.text))]);
        }
    }

    /// What came near to allowing it.
    fn missed(&mut self, end: &End) {
        if let Some(nearest) = &end.nearest {
            let field = nearest.peer.as_ref().unwrap_or(&nearest.rule);
            let but = nearest.missing.join("; ");
            let words = format!("nearest is {} {field}, but {but}", nearest.policy);
            self.line(&[(Ink::Plain, "      "), (Ink::Strong, &words)]);
        }
        for beside in &end.beside {
            let words =
                format!("      {} {} would allow it, but it {}", beside.policy, beside.rule, beside.lacks);
            self.line(&[(Ink::Plain, &words)]);
        }
    }

    fn decision(&mut self, decision: &Decision) {
        let fields = [decision.peer.as_deref(), decision.port.as_deref()];
        let fields: Vec<&str> = fields.into_iter().flatten().collect();
        let fields = if fields.is_empty() { decision.rule.clone() } else { fields.join(", ") };
        self.line(&[
            (Ink::Faint, &format!("      {} {fields}  ", decision.policy)),
            (Ink::Plain, &decision.words),
        ]);
        if let Some(service) = &decision.service {
            let words = format!(
                "      it allows everybody who answers for Service {service}, and so its own address"
            );
            self.line(&[(Ink::Plain, &words)]);
        }
    }

    fn service(&mut self, service: &ServiceRow) {
        self.blank();
        let port = service.port.as_ref().map(|port| format!(", port {port}")).unwrap_or_default();
        self.line(&[(Ink::Strong, &format!("Service {}{port}, is answered by", service.name))]);
        service.answering.iter().for_each(|answer| self.answer(answer));
        if service.answering.is_empty() {
            self.line(&[(Ink::Plain, "  nobody")]);
        }
    }

    fn answer(&mut self, answer: &Answer) {
        let pod = answer.pod.as_ref().map(|pod| format!(" ({pod})")).unwrap_or_default();
        let (from, address, port) = (answer.from, answer.address, answer.port);
        let place = format!("  {address} port {port}{pod}, from {from}: ");
        let (word, ink) = match (answer.is_let_out(), answer.is_let_in()) {
            (true, true) => ("allowed", Ink::Allowed),
            (false, true) => ("not let out", Ink::Denied),
            (true, false) => ("not let in", Ink::Denied),
            (false, false) => ("neither let out nor let in", Ink::Denied),
        };
        let by = |end: &Option<End>| {
            end.iter()
                .filter(|end| !end.is_allowed)
                .flat_map(|end| end.isolated_by.iter().map(ToString::to_string))
                .collect::<Vec<String>>()
        };
        let by = [by(&answer.egress), by(&answer.ingress)].concat();
        let by = if by.is_empty() { String::new() } else { format!(", isolated by {}", by.join(", ")) };
        self.line(&[(Ink::Plain, &place), (ink, word), (Ink::Plain, &by)]);
        // What keeps it from going out is told of the Service's own address, above.
        if let Some(end) = &answer.ingress {
            self.missed(end);
            self.kernel(end);
        }
    }
}

const fn word(outcome: Outcome) -> (&'static str, Ink) {
    match outcome {
        Outcome::Allow => ("ALLOWED", Ink::Allowed),
        Outcome::Deny => ("DENIED", Ink::Denied),
        Outcome::Mixed => ("IN PART", Ink::Doubt),
    }
}

/// The ends of one side, all of one width; with their Pods if they are of several.
fn column(parties: &[&PartyRow]) -> Vec<String> {
    let pod = |party: &PartyRow| format!("{}/{}", party.namespace, party.pod);
    let pods: BTreeSet<String> = parties.iter().map(|party| pod(party)).collect();
    let are_of_one = pods.len() == 1;
    let cell = |party: &&PartyRow| {
        let place = format!("{} {}", party.interface, party.address);
        let cell = if are_of_one { place } else { format!("{} {}", pod(party), place.trim_start()) };
        cell.trim_start().to_owned()
    };
    let cells: Vec<String> = parties.iter().map(cell).collect();
    let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or_default();
    cells.into_iter().map(|cell| format!("{cell:width$}")).collect()
}

/// Whether both ends are on networks, and on two. Whether there is a way between them no policy knows.
fn are_apart(pair: &Pair) -> bool {
    pair.from.network.is_some() && pair.to.network.is_some() && pair.from.network != pair.to.network
}

fn denied(pair: &Pair) -> &'static str {
    let is_denied = |end: &Option<End>| end.as_ref().is_some_and(|end| !end.is_allowed);
    match (is_denied(&pair.egress), is_denied(&pair.ingress)) {
        (true, true) => "neither let out nor let in",
        (true, false) => "not let out",
        _ => "not let in",
    }
}

fn reason(end: &End, interface: &str) -> String {
    let isolated_by = policies(&end.isolated_by);
    let audited_by = policies(&end.audited_by);
    let interface = if interface.is_empty() { "it" } else { interface };
    match end.reason {
        Reason::HostNetwork => ", no policy is about a Pod that is part of its node (hostNetwork)".to_owned(),
        Reason::NoDanmEp => ", no policy is enforced at a Pod without a DanmEp".to_owned(),
        Reason::Opened => format!(", {}: no policy is enforced", OpenedBy::Namespace.words()),
        Reason::NotIsolated => format!(", no policy isolates {interface} in this direction"),
        Reason::AuditedAllowedByRule => {
            format!(", no policy isolates {interface}; {audited_by} is audited, and this would allow it:")
        }
        Reason::AuditedNoRule => {
            format!(
                ", but only because {audited_by} is audited: nothing there allows it, so it would be denied:"
            )
        }
        Reason::AllowedByRule => format!(", {interface} is isolated by {isolated_by}, and this allows it:"),
        Reason::NoRule => format!(", {interface} is isolated by {isolated_by}, and nothing there allows it:"),
    }
}

fn policies(names: &[PolicyName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn rule_name(rule: &RuleRow) -> String {
    let field = rule.rule.as_deref().unwrap_or_default();
    format!("{} {field}", rule.policy).trim_end().to_owned()
}

fn party(party: &PartyRow) -> String {
    let network =
        party.network.as_ref().map(|network| format!(" ({})", self::network(network))).unwrap_or_default();
    let pod =
        if party.pod.is_empty() { String::new() } else { format!("{}/{} ", party.namespace, party.pod) };
    let interface = if party.interface.is_empty() { String::new() } else { format!("{} ", party.interface) };
    format!("{pod}{interface}{}{network}", party.address)
}

fn network(network: &NetworkRow) -> String {
    match network.namespace.as_str() {
        "" => format!("{} {}", network.kind, network.name),
        namespace => format!("{} {namespace}/{}", network.kind, network.name),
    }
}
