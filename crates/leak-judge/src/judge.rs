//! The verdict: one function from the index and the clock to a finding per endpoint.

use std::time::Duration;

use crate::{
    Finding, HostState, Hosts, Moment, Reason, Slot, Suspects, Verdict, World,
    evidence::{Case, weigh},
    mutant::{Mutant, lacks},
};

/// What an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Time between the two observations a verdict needs.
    pub grace: Duration,
    /// How long an address must have been seen allocated where its history is not known.
    pub ownership_window: Duration,
}

/// The findings of one look at the whole index.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// One for each endpoint, in the order of the index.
    pub judgements: Vec<Judgement>,
    /// The machines as they were seen.
    pub hosts: Hosts,
}

/// The finding about one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// The endpoint.
    pub slot: Slot,
    /// What this look alone shows.
    pub proof: Finding,
    /// For one that looks dead: when it will have been seen so for long enough.
    pub ripe_at: Option<Moment>,
    /// What may be acted upon now.
    pub finding: Finding,
}

/// Judges every endpoint. Without the sources that no verdict is safe without, nothing is judged.
pub fn judge(world: &World, suspects: &Suspects, rules: &Rules, now: Moment) -> Audit {
    if !world.coverage().allows_verdicts() {
        return Audit::default();
    }
    let hosts = Hosts::survey(world);
    let slots = world.endpoints().iter().map(|(slot, _)| slot);
    let judgements = judge_some(world, &hosts, slots, suspects, (rules, now));
    Audit { judgements, hosts }
}

/// Judges some endpoints. Those that are not there any more are left out.
pub(crate) fn judge_some(
    world: &World,
    hosts: &Hosts,
    slots: impl Iterator<Item = Slot>,
    suspects: &Suspects,
    (rules, now): (&Rules, Moment),
) -> Vec<Judgement> {
    let judgement = |slot: Slot| {
        let endpoint = world.endpoints().get(slot)?;
        let case = Case { endpoint, world, hosts };
        let proof = prove(case);
        let ripe_at = (proof.verdict == Verdict::Dangling)
            .then(|| ripe_at(case, suspects.since(slot, &endpoint.uid).unwrap_or(now), rules));
        let finding = match ripe_at {
            Some(ripe_at) if ripe_at > now && !lacks(Mutant::FreeBeforeJudgement) => Finding::new(Verdict::Unknown, Reason::FirstObservation),
            _ => proof,
        };
        Some(Judgement { slot, proof, ripe_at, finding })
    };
    slots.filter_map(judgement).collect()
}

impl Audit {
    /// The endpoints proved dead by two observations.
    pub fn dangling(&self) -> impl Iterator<Item = &Judgement> {
        self.judgements.iter().filter(|judgement| judgement.finding.verdict == Verdict::Dangling)
    }

    /// When the first of those seen dead once will have been seen so for long enough.
    pub fn next_ripe(&self) -> Option<Moment> {
        let once =
            self.judgements.iter().filter(|judgement| judgement.finding.reason == Reason::FirstObservation);
        once.filter_map(|judgement| judgement.ripe_at).min()
    }
}

/// An endpoint that was not fully understood is never found dead: what it holds is not known.
fn prove(case: Case<'_>) -> Finding {
    let mut finding = weigh(case);
    if finding.reason == Reason::NodeNotReady && lacks(Mutant::FreeBeforeJudgement) {
        finding = Finding::new(Verdict::Dangling, Reason::PodGone);
    }
    if finding.verdict == Verdict::Dangling && case.endpoint.problem.is_some() {
        return Finding::new(Verdict::Unknown, Reason::UnreadableAddress);
    }
    finding
}

/// The two observations are of the Pod and of its Node: a kubelet that has just come back gets the time to
/// stop what it should not run. An endpoint without uid has nothing but its age to tell it from one of a Pod
/// about to be seen, so it is watched for longer.
fn ripe_at(case: Case<'_>, since: Moment, rules: &Rules) -> Moment {
    let Case { endpoint, hosts, .. } = case;
    let node_since = match hosts.state(&endpoint.host) {
        Some(HostState::Ready { since, .. }) => *since,
        _ => since,
    };
    let watched =
        if endpoint.pod_uid.is_empty() { rules.grace.max(rules.ownership_window) } else { rules.grace };
    since.max(node_since) + watched
}
