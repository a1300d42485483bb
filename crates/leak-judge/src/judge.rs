//! The verdict: one function from the index and the clock to a finding per endpoint.

use std::time::Duration;

use crate::{
    Departure, Finding, HostState, Hosts, Life, Moment, Reason, Slot, Suspects, Treatment, Treatments,
    Verdict, World,
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
    /// How long a Node must not have answered for that alone to be a proof; `None` for never.
    pub unreachable_grace: Option<Duration>,
    /// How allocations are treated whose death is proved.
    pub treatments: Treatments,
    /// Whether addresses that Calico gave may be given back there.
    pub calico: bool,
}

/// How long a Node object must have been gone for Pods that are still bound to it to be gone with it: as long as the
/// control plane itself waits before it deletes them.
const QUARANTINE: Duration = Duration::from_secs(40);

impl Default for Rules {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            ownership_window: Duration::from_secs(60),
            unreachable_grace: None,
            treatments: Treatments::default(),
            calico: true,
        }
    }
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
    /// For one that looks dead because a kubelet answers: after which moment that kubelet has to have been heard. It may
    /// have been away until then, and stops what it should not run from then on.
    pub heard_since: Option<Moment>,
    /// Whether it looks dead because no Pod of its is in the index, and nobody knows yet whether that is the index's
    /// fault: to be asked past every cache, which is the first of the two observations then.
    pub is_unasked: bool,
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
        let case = Case::new(endpoint, world, hosts, rules);
        let proof = prove(case);
        if proof.verdict != Verdict::Dangling {
            let none = Judgement {
                slot,
                proof,
                ripe_at: None,
                heard_since: None,
                is_unasked: false,
                finding: proof,
            };
            return Some(none);
        }
        let since = suspects.since(slot, &endpoint.uid).unwrap_or(now);
        let departure = departure(case);
        // Where a proof needs that the Pod is gone, it has been one since that was known.
        let absence = rests_on_absence(case, proof.reason).then_some(departure);
        let is_unasked = absence == Some(None);
        let since = absence.flatten().map_or(since, |gone| since.max(gone.at));
        let ripe_at = ripe_at(case, proof.reason, departure, since);
        let heard_since = heard_since(case, proof.reason, since);
        let is_ripe = (ripe_at <= now && !is_unasked) || lacks(Mutant::FreeBeforeJudgement);
        let finding = if is_ripe { proof } else { Finding::new(Verdict::Unknown, unripe(proof.reason)) };
        Some(Judgement { slot, proof, ripe_at: Some(ripe_at), heard_since, is_unasked, finding })
    };
    let mut judgements = Vec::with_capacity(slots.size_hint().1.unwrap_or_default());
    judgements.extend(slots.filter_map(judgement));
    judgements
}

impl Audit {
    /// The endpoints proved dead by two observations.
    pub fn dangling(&self) -> impl Iterator<Item = &Judgement> {
        self.judgements.iter().filter(|judgement| judgement.finding.verdict == Verdict::Dangling)
    }

    /// When the first of those seen dead once will have been seen so for long enough.
    pub fn next_ripe(&self) -> Option<Moment> {
        let once = self.judgements.iter().filter(|judgement| judgement.finding != judgement.proof);
        once.filter_map(|judgement| judgement.ripe_at).min()
    }
}

/// An endpoint that was not fully understood is never found dead: what it holds is not known.
fn prove(case: Case<'_>) -> Finding {
    let mut finding = weigh(case);
    if finding.reason == Reason::NodeNotReady && lacks(Mutant::FreeBeforeJudgement) {
        finding = Finding::new(Verdict::Dangling, Reason::PodGone);
    }
    if finding.verdict != Verdict::Dangling {
        return finding;
    }
    if case.endpoint.problem.is_some() {
        return Finding::new(Verdict::Unknown, Reason::UnreadableAddress);
    }
    match Treatment::of(case.endpoint, finding.reason, case.world, &case.rules.treatments) {
        Treatment::Off => Finding::new(Verdict::Unknown, Reason::SwitchedOff),
        Treatment::Report | Treatment::Release => finding,
    }
}

/// What is known of the end of an endpoint's Pod.
fn departure(case: Case<'_>) -> Option<Departure> {
    let uid = &case.endpoint.pod_uid;
    (case.life.is_none() && !uid.is_empty()).then(|| case.world.pods().departure(uid)).flatten()
}

/// What is told of an endpoint that has not been seen dead for long enough.
const fn unripe(proof: Reason) -> Reason {
    match proof {
        Reason::NodeUnreachable => Reason::NodeNotReady,
        _ => Reason::FirstObservation,
    }
}

/// The two observations are of the Pod and of its Node. Some are watched for longer: an endpoint without uid has nothing
/// but its age to tell it from one of a Pod about to be seen; the last containers of an evicted Pod may take their time;
/// and a kubelet that has come back learns only then of the Pods that were deleted meanwhile.
fn ripe_at(case: Case<'_>, proof: Reason, departure: Option<Departure>, since: Moment) -> Moment {
    let Case { endpoint, rules, .. } = case;
    let (node_since, patience) = match (case.host, proof) {
        (Some(HostState::NotReady { silent_since, .. }), Reason::NodeUnreachable) => {
            (silent_since.unwrap_or(since), rules.unreachable_grace.unwrap_or_default())
        }
        (_, Reason::PodOrphaned) => (since, QUARANTINE),
        (Some(HostState::Ready { since, .. }), _) => (*since, Duration::ZERO),
        _ => (since, Duration::ZERO),
    };
    let departure = departure.filter(|_| rests_on_kubelet(proof));
    let may_take_longer = endpoint.pod_uid.is_empty()
        || case.life == Some(Life::Finishing)
        || departure.is_some_and(|departure| node_since > departure.at);
    let watched = if may_take_longer { rules.grace.max(rules.ownership_window) } else { rules.grace };
    // The kubelet has to know before it stops anything, and does not while its Node is not Ready.
    let stopped = departure.map_or(since, |departure| departure.at.max(node_since) + departure.stops_within);
    (since.max(node_since) + watched.max(patience)).max(stopped)
}

/// Whether a proof needs that no Pod has the endpoint's uid. One without uid is watched for longer instead.
fn rests_on_absence(case: Case<'_>, proof: Reason) -> bool {
    let is_absent = !case.endpoint.pod_uid.is_empty() && case.life.is_none();
    is_absent && matches!(proof, Reason::PodGone | Reason::NodeRebooted | Reason::NodeUnreachable)
}

/// Whether a proof rests on a kubelet having stopped what the API server does not know.
const fn rests_on_kubelet(proof: Reason) -> bool {
    matches!(proof, Reason::PodGone | Reason::NodeRebooted)
}

/// A Node is called Ready for a while after its kubelet was heard last. A kubelet that has stopped what the API server
/// does not know any more was heard since then.
fn heard_since(case: Case<'_>, proof: Reason, since: Moment) -> Option<Moment> {
    let is_ready = matches!(case.host, Some(HostState::Ready { .. }));
    (is_ready && rests_on_kubelet(proof)).then_some(since)
}
