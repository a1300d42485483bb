//! What a pass knows, and which step follows from it. Nothing here asks or waits: steps are values, and what
//! came of them is handed back.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use danm_api::{Change, Decoded, Network};
use leak_judge::{
    Action, Audit, Brake, EndpointPlan, Finding, Held, Judgement, Moment, NetworkId, NetworkPlan,
    Observation, Plan, Reason, Reporter, Row, Slot, Source, Suspects, Uid, Version, World, judge, plan,
};

use super::{
    PassError, PassRules,
    step::{Ending, Step},
};
use crate::{ApiError, Failure, confirm::Questions, release::Outcome};

/// A confirmation is believed for so long, so that not every write needs all reads again. Each write is
/// guarded by the version it was judged at all the same.
const CONFIRMED_FOR: Duration = Duration::from_secs(30);

/// How long a network that is known to be newer than what was seen of it is waited for: longer than it takes
/// to notice that a watch has died.
const OUTDATED_FOR: Duration = Duration::from_secs(90);

/// How long it is tried in vain before what is left is reported instead.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// Everything a pass knows.
#[derive(Debug)]
pub(crate) struct State {
    rules: PassRules,
    world: World,
    suspects: Suspects,
    /// The latest look.
    audit: Audit,
    /// When the pass has waited for long enough, counted from the first look.
    horizon: Option<Moment>,
    /// The endpoints whose death was confirmed, and when the asking began.
    confirmed: HashMap<Uid, Moment>,
    /// Why the brake has tripped, if it has. It stays so for the whole pass.
    braked: Option<String>,
    /// How many were released because their Pod is gone: the brake counts them on.
    believed: usize,
    /// Endpoints that have their row in the report.
    settled: HashSet<Uid>,
    /// Those of a dry run that would be gone by now, and are no rivals of others.
    would_be_gone: Vec<Judgement>,
    /// Networks known to be newer than these versions, and since when.
    outdated: HashMap<NetworkId, (Version, Moment)>,
    /// Since when it has been tried in vain.
    tried_since: Option<Moment>,
    /// What went wrong last.
    obstacle: String,
}

// === impl State ===

impl State {
    pub(crate) fn new(sources: impl IntoIterator<Item = Source>, rules: PassRules) -> Self {
        Self {
            rules,
            world: World::expecting(sources),
            suspects: Suspects::default(),
            audit: Audit::default(),
            horizon: None,
            confirmed: HashMap::new(),
            braked: None,
            believed: 0,
            settled: HashSet::new(),
            would_be_gone: Vec::new(),
            outdated: HashMap::new(),
            tried_since: None,
            obstacle: String::new(),
        }
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.rules.dry_run
    }

    /// What cannot be read, and why.
    pub(crate) fn unread(&self) -> Vec<(Source, String)> {
        self.world.coverage().unreadable().map(|(source, reason)| (source, reason.to_owned())).collect()
    }

    /// Whether everything has been listed, or is known to be out of reach.
    pub(crate) fn is_settled(&self) -> Result<bool, PassError> {
        let coverage = self.world.coverage();
        match coverage.unreadable().find(|(source, _)| source.is_essential()) {
            Some((unread, reason)) => Err(PassError::Unreadable { unread, reason: reason.to_owned() }),
            None => Ok(coverage.is_settled()),
        }
    }

    /// Takes in what was seen. Tells whether it was news of an outdated network.
    pub(crate) fn observe(&mut self, observation: Observation, now: Moment) -> bool {
        self.world.observe(self.without_known_pods(observation), now);
        for (object, parked) in self.world.newly_parked() {
            tracing::warn!(uid = parked.uid, "{object} cannot be used and is left alone: {}", parked.problem);
        }
        let outdated = self.outdated.len();
        let networks = self.world.networks();
        self.outdated
            .retain(|id, (version, _)| networks.get(id).is_some_and(|network| network.version == *version));
        self.outdated.len() < outdated
    }

    /// Chooses the next step.
    pub(crate) fn decide(&mut self, now: Moment) -> Result<Step, PassError> {
        self.is_settled()?;
        self.audit = judge(&self.world, &self.suspects, &self.rules.judge, now);
        self.suspects.update(&self.audit, &self.world, now);
        self.brake();
        let (candidates, mut held) = self.candidates();
        if let Some(step) = self.work(&candidates, now) {
            self.tried_since.get_or_insert(now);
            return Ok(step);
        }
        let plan = self.plan(candidates, now);
        if let Some(until) = self.next_look(&plan, now) {
            if self.outdated.is_empty() {
                self.tried_since = None;
            }
            return Ok(Step::Wait { until, why: self.waiting_for(&plan) });
        }
        held.extend(plan.held);
        Ok(Step::End(self.end(held, plan.networks)))
    }

    /// Endpoints that are confirmed to be dead.
    pub(crate) fn confirmed(&mut self, questions: Questions, asked_at: Moment) {
        self.confirmed.extend(questions.endpoints.into_iter().map(|uid| (uid, asked_at)));
    }

    /// Questions that were not answered.
    pub(crate) fn unconfirmed(&mut self, error: &ApiError) {
        tracing::warn!("cannot confirm what was judged: {error}");
        self.obstacle = error.to_string();
    }

    /// Takes in what came of a release. Gives the rows of what is settled by it.
    pub(crate) fn settle(&mut self, outcome: Outcome, now: Moment) -> Vec<Row> {
        let Outcome { network, version, written, endpoints } = outcome;
        let is_written = written.is_ok();
        match (written, version) {
            (Ok(Some(object)), _) => self.world.observe(observation_of(&network, object), now),
            (Ok(None), _) => {}
            (Err(error), Some(version))
                if !matches!(error.failure, Failure::Refused(_) | Failure::Unknown(_)) =>
            {
                tracing::debug!("{error}; it will be judged again");
                self.outdated.insert(network, (version, now));
            }
            (Err(error), _) => tracing::warn!("{error}"),
        }
        endpoints
            .into_iter()
            .filter_map(|(endpoint, result)| self.settle_endpoint(&endpoint, result, is_written, now))
            .collect()
    }

    /// Takes in what a dry run would have released. Gives the rows.
    pub(crate) fn would_release(&mut self, networks: Vec<NetworkPlan>, now: Moment) -> Vec<Row> {
        let endpoints = networks.into_iter().flat_map(|network| network.endpoints);
        endpoints
            .filter_map(|endpoint| {
                let EndpointPlan { slot, finding, .. } = endpoint;
                self.would_be_gone.push(Judgement { slot, proof: finding, ripe_at: None, finding });
                self.tell(&endpoint, Action::WouldRelease, None, now)
            })
            .collect()
    }

    /// The rows of everything that has none yet.
    pub(crate) fn rows(&self, ending: &Ending, now: Moment) -> Vec<Row> {
        let reporter = Reporter::new(&self.world, &ending.audit.hosts, &self.rules.judge, now);
        let failed = ending.failed.iter().filter_map(|endpoint| {
            let row = reporter.acted(endpoint.slot, endpoint.finding, &endpoint.addresses, Action::Failed)?;
            Some(Row { error: Some(format!("given up: {}", self.obstacle)), ..row })
        });
        failed.chain(reporter.rows(&ending.audit, &ending.held)).collect()
    }

    /// The confirming read of Pods carries metadata only. Of a Pod that is known it says less than is known.
    fn without_known_pods(&self, observation: Observation) -> Observation {
        let Observation::Pods(Change::Read(mut pods)) = observation else { return observation };
        let known = self.world.pods();
        pods.retain(|pod| pod.metadata.uid.as_deref().is_none_or(|uid| !known.has_uid(&uid.into())));
        Observation::Pods(Change::Read(pods))
    }

    fn brake(&mut self) {
        let Some(brake) = self.rules.brake.filter(|_| self.braked.is_none()) else { return };
        let doubtful =
            self.audit.judgements.iter().filter(|judgement| Brake::concerns(judgement.proof)).count();
        let (doubtful, judged) = (doubtful + self.believed, self.audit.judgements.len() + self.believed);
        if brake.trips(judged, doubtful) {
            let why = format!(
                "{doubtful} of {judged} endpoints look dead because their Pods are gone, more than {brake}; \
                 if that is true, say --override-brake"
            );
            tracing::warn!("the brake holds: {why}");
            self.braked = Some(why);
        }
    }

    /// The endpoints that may be released as far as their own death goes, and those held for other reasons.
    fn candidates(&self) -> (Vec<Judgement>, Vec<Held>) {
        let mut held = Vec::new();
        let dangling = self.audit.dangling().copied().filter(|judgement| !self.is_told(judgement.slot));
        let candidates = dangling.filter(|judgement| match self.hindrance(judgement) {
            Some((reason, note)) => {
                held.push(Held {
                    slot: judgement.slot,
                    reason,
                    until: None,
                    note: Some(note),
                    addresses: Vec::new(),
                });
                false
            }
            None => true,
        });
        (candidates.collect(), held)
    }

    fn hindrance(&self, judgement: &Judgement) -> Option<(Reason, String)> {
        if let Some(why) = self.braked.clone().filter(|_| Brake::concerns(judgement.finding)) {
            return Some((Reason::Brake, why));
        }
        let network = self.world.endpoints().get(judgement.slot)?.network_id();
        let (version, _) = self.outdated.get(&network)?;
        let note = format!("{network} was changed after version {}, and how has not been seen", version.0);
        Some((Reason::Conflict, note))
    }

    /// What can be done at once: release what is confirmed, or else confirm what is proved.
    fn work(&self, candidates: &[Judgement], now: Moment) -> Option<Step> {
        if self.tried_since.is_some_and(|since| now.since(since) > GIVE_UP_AFTER) {
            return None;
        }
        let is_confirmed = |judgement: &&Judgement| self.is_confirmed(judgement.slot, now);
        let ready = self.plan(candidates.iter().filter(is_confirmed).copied().collect(), now).networks;
        if !ready.is_empty() {
            return Some(Step::Release(ready));
        }
        let plan = self.plan(candidates.to_vec(), now);
        let held: HashSet<Slot> = plan.held.iter().map(|held| held.slot).collect();
        let slots = candidates.iter().map(|judgement| judgement.slot).filter(|slot| !held.contains(slot));
        let is_work = !plan.networks.is_empty();
        is_work.then(|| Step::Confirm(Questions::about(&self.world, &self.audit.hosts, slots)))
    }

    fn is_confirmed(&self, slot: Slot, now: Moment) -> bool {
        let endpoint = self.world.endpoints().get(slot);
        let asked_at = endpoint.and_then(|endpoint| self.confirmed.get(&endpoint.uid));
        asked_at.is_some_and(|asked_at| now.since(*asked_at) < CONFIRMED_FOR)
    }

    fn is_told(&self, slot: Slot) -> bool {
        self.world.endpoints().get(slot).is_some_and(|endpoint| self.settled.contains(&endpoint.uid))
    }

    fn plan(&self, mut dangling: Vec<Judgement>, now: Moment) -> Plan {
        dangling.extend(&self.would_be_gone);
        let mut plan = plan(&self.world, &dangling, &self.rules.judge, now);
        for network in &mut plan.networks {
            network.endpoints.retain(|endpoint| !self.settled.contains(&endpoint.uid));
        }
        plan.networks.retain(|network| !network.endpoints.is_empty());
        plan.held.retain(|held| !self.is_told(held.slot));
        plan
    }

    /// When time alone, or news that must come, will change something.
    fn next_look(&mut self, plan: &Plan, now: Moment) -> Option<Moment> {
        let patience = self.rules.judge.grace.max(self.rules.judge.ownership_window);
        let horizon = *self.horizon.get_or_insert(now + patience);
        let proofs = [self.audit.next_ripe(), plan.next_ready()].into_iter().flatten();
        let news = self.outdated.values().map(|(_, since)| *since + OUTDATED_FOR);
        proofs.filter(|next| *next <= horizon).chain(news).filter(|next| *next > now).min()
    }

    fn end(&mut self, held: Vec<Held>, left: Vec<NetworkPlan>) -> Ending {
        let failed: Vec<EndpointPlan> = left.into_iter().flat_map(|network| network.endpoints).collect();
        let failed_slots: HashSet<Slot> = failed.iter().map(|endpoint| endpoint.slot).collect();
        let mut audit = std::mem::take(&mut self.audit);
        let is_untold = |slot: Slot| !self.is_told(slot) && !failed_slots.contains(&slot);
        audit.judgements.retain(|judgement| is_untold(judgement.slot));
        Ending { audit, held, failed }
    }

    fn waiting_for(&self, plan: &Plan) -> String {
        let judgements = self.audit.judgements.iter();
        let once =
            judgements.filter(|judgement| judgement.finding.reason == Reason::FirstObservation).count();
        let window = plan.held.iter().filter(|held| held.reason == Reason::OwnershipWindow).count();
        let reasons = [
            (once, "endpoints that look dead and have to be seen so twice"),
            (window, "dead endpoints that have to be seen as the owners of their addresses"),
            (self.outdated.len(), "networks that somebody else has written meanwhile"),
        ];
        let reasons =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        reasons.collect::<Vec<_>>().join(", ")
    }

    fn settle_endpoint(
        &mut self,
        endpoint: &EndpointPlan,
        result: Result<(), ApiError>,
        is_written: bool,
        now: Moment,
    ) -> Option<Row> {
        let error = match result {
            Ok(()) => {
                let row = self.tell(endpoint, Action::Released, None, now);
                self.believed += usize::from(Brake::concerns(endpoint.finding));
                self.world.observe(Observation::EndpointDeleted(endpoint.id.clone()), now);
                return row;
            }
            Err(error) => error,
        };
        self.obstacle = error.to_string();
        if matches!(error.failure, Failure::Refused(_)) {
            return self.tell(endpoint, Action::Failed, Some(error.to_string()), now);
        }
        if is_written {
            // The endpoint itself has changed: it has to be read again.
            self.confirmed.remove(&endpoint.uid);
        }
        None
    }

    /// Makes the row of an endpoint that is settled, and logs it.
    fn tell(
        &mut self,
        endpoint: &EndpointPlan,
        action: Action,
        error: Option<String>,
        now: Moment,
    ) -> Option<Row> {
        let reporter = Reporter::new(&self.world, &self.audit.hosts, &self.rules.judge, now);
        let row = reporter.acted(endpoint.slot, endpoint.finding, &endpoint.addresses, action);
        self.settled.insert(endpoint.uid.clone());
        self.tried_since = None;
        let row = Row { error, ..row? };
        log(endpoint, &row);
        Some(row)
    }
}

fn observation_of(id: &NetworkId, object: Decoded<Network>) -> Observation {
    Observation::Networks(id.group, id.network.kind, Change::Apply(object))
}

fn log(endpoint: &EndpointPlan, row: &Row) {
    let done = match row.action {
        Action::Released => "released",
        Action::WouldRelease => "would release",
        Action::Held | Action::Kept | Action::Failed => "failed to release",
    };
    let Finding { reason, .. } = endpoint.finding;
    let pod = format!("{}/{}", row.pod.namespace, row.pod.name);
    let evidence = row.evidence.join("; ");
    match &row.error {
        None => {
            tracing::info!(%reason, pod, host = row.host, uid = row.uid, evidence, "{done} {}", endpoint.id)
        }
        Some(error) => {
            tracing::error!(%reason, pod, host = row.host, uid = row.uid, evidence, error, "{done} {}", endpoint.id)
        }
    }
}
