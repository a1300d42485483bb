//! The verdict: one function from the index and the clock to a finding per endpoint.

use std::time::Duration;

use crate::{
    Finding, HostState, Hosts, Life, Moment, Reason, Slot, Suspects, Treatment, Treatments, Verdict, World,
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
    /// For one that looks dead because a kubelet answers: since when that kubelet has to have been heard.
    pub heard_since: Option<Moment>,
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
        let case = Case { endpoint, world, hosts, rules };
        let proof = prove(case);
        let since = suspects.since(slot, &endpoint.uid).unwrap_or(now);
        let is_dead = proof.verdict == Verdict::Dangling;
        let ripe_at = is_dead.then(|| ripe_at(case, proof.reason, since));
        let heard_since = is_dead.then(|| heard_since(case, proof.reason, since)).flatten();
        let finding = match ripe_at {
            Some(ripe_at) if ripe_at > now && !lacks(Mutant::FreeBeforeJudgement) => {
                Finding::new(Verdict::Unknown, unripe(proof.reason))
            }
            _ => proof,
        };
        Some(Judgement { slot, proof, ripe_at, heard_since, finding })
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

/// What is told of an endpoint that has not been seen dead for long enough.
const fn unripe(proof: Reason) -> Reason {
    match proof {
        Reason::NodeUnreachable => Reason::NodeNotReady,
        _ => Reason::FirstObservation,
    }
}

/// The two observations are of the Pod and of its Node: a kubelet that has just come back gets the time to
/// stop what it should not run. Some are watched for longer: an endpoint without uid has nothing but its age to tell
/// it from one of a Pod about to be seen, and the last containers of an evicted Pod may take their time.
fn ripe_at(case: Case<'_>, proof: Reason, since: Moment) -> Moment {
    let Case { endpoint, hosts, world, rules } = case;
    let (node_since, patience) = match (hosts.state(&endpoint.host), proof) {
        (Some(HostState::NotReady { silent_since, .. }), Reason::NodeUnreachable) => {
            (silent_since.unwrap_or(since), rules.unreachable_grace.unwrap_or_default())
        }
        (_, Reason::PodOrphaned) => (since, QUARANTINE),
        (Some(HostState::Ready { since, .. }), _) => (*since, Duration::ZERO),
        _ => (since, Duration::ZERO),
    };
    let may_take_longer =
        endpoint.pod_uid.is_empty() || world.pods().life(&endpoint.pod_uid) == Some(Life::Finishing);
    let watched = if may_take_longer { rules.grace.max(rules.ownership_window) } else { rules.grace };
    let stopped = stopped_at(case, proof).unwrap_or(since);
    (since.max(node_since) + watched.max(patience)).max(stopped)
}

/// When the last containers of a Pod that was deleted by force will have stopped, if that is known to take time.
fn stopped_at(case: Case<'_>, proof: Reason) -> Option<Moment> {
    let is_stopped_by_kubelet = matches!(proof, Reason::PodGone | Reason::NodeRebooted);
    case.world.pods().lingers_until(&case.endpoint.pod_uid).filter(|_| is_stopped_by_kubelet)
}

/// A Node is called Ready for a while after its kubelet was heard last. A kubelet that has stopped what the API server
/// does not know any more was heard since then, and since its containers had the time to stop.
fn heard_since(case: Case<'_>, proof: Reason, since: Moment) -> Option<Moment> {
    let is_ready = matches!(case.hosts.state(&case.endpoint.host), Some(HostState::Ready { .. }));
    let rests_on_kubelet = is_ready && matches!(proof, Reason::PodGone | Reason::NodeRebooted);
    rests_on_kubelet.then(|| since.max(stopped_at(case, proof).unwrap_or(since)))
}
