//! What the Cleaner knows, and which step follows from it. Nothing here asks or waits: steps are values, and
//! what came of them is handed back.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use danm_api::{ApiGroup, Change, Decoded, Network};
use leak_judge::{
    Action, AddressAction, AddressPlan, Audit, Brake, Coverage, EndpointPlan, Finding, Held, Judgement,
    Lookout, Moment, NetworkId, NetworkPlan, Observation, Plan, Reason, Reporter, Row, Rules, Slot, Source,
    Uid, Version, World, plan,
};

use super::{
    Cadence, CleanerError, CleanerRules,
    brake_state::{BrakeState, Passage},
    setbacks::{Setback, Setbacks, Target},
    single_pass::SinglePass,
    status::{SourceStatus, Status, Trouble},
    step::{Standing, Step},
    under_way::UnderWay,
};
use crate::{
    ApiError, Deletion, Failure, Lead,
    confirm::{Answers, Questions},
    news::Written,
};

/// A confirmation is believed for so long, so that not every write needs all reads again. Each write is
/// guarded by the version it was judged at all the same.
const CONFIRMED_FOR: Duration = Duration::from_secs(30);

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct State {
    rules: CleanerRules,
    world: World,
    lookout: Lookout,
    brake: BrakeState,
    setbacks: Setbacks,
    under_way: UnderWay,
    single: SinglePass,
    /// The endpoints whose death was confirmed.
    confirmed: HashMap<Uid, Confirmation>,
    lead: Lead,
    is_stopping: bool,
    next_audit: Moment,
    /// The last step, if it was to wait and nothing has happened since that could change it.
    waiting: Option<Waiting>,
}

/// For how long there is nothing to be done.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    until: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct Confirmation {
    /// When it was answered.
    at: Moment,
    /// The version of the endpoint that it was asked about.
    version: Version,
    one_by_one: bool,
}

/// The endpoints that are proved dead, as far as something may be done about them.
#[derive(Debug, Default)]
struct Candidates {
    free: Vec<Judgement>,
    held: Vec<Held>,
    failed: Vec<(Judgement, String)>,
}

// === impl State ===

impl State {
    pub(crate) fn new(sources: impl IntoIterator<Item = Source>, rules: CleanerRules, now: Moment) -> Self {
        Self {
            rules,
            world: World::expecting(sources),
            lookout: Lookout::default(),
            brake: BrakeState::new(rules.brake, now),
            setbacks: Setbacks::default(),
            under_way: UnderWay::default(),
            single: SinglePass::default(),
            confirmed: HashMap::new(),
            lead: Lead { is_leading: rules.cadence == Cadence::Once, brake_open_until: None },
            is_stopping: false,
            next_audit: now,
            waiting: None,
        }
    }

    pub(crate) const fn rules(&self) -> &CleanerRules {
        &self.rules
    }

    /// What cannot be read, and why.
    pub(crate) fn unread(&self) -> Vec<(Source, String)> {
        self.world.coverage().unreadable().map(|(source, reason)| (source, reason.to_owned())).collect()
    }

    /// Whether everything has been listed, or is known to be out of reach. A single pass ends where nothing can
    /// be judged; a controller waits for better times.
    pub(crate) fn is_settled(&self) -> Result<bool, CleanerError> {
        let coverage = self.world.coverage();
        let is_once = self.rules.cadence == Cadence::Once;
        match coverage.unreadable().find(|(source, _)| source.is_essential()) {
            Some((unread, reason)) if is_once => {
                Err(CleanerError::Unreadable { unread, reason: reason.to_owned() })
            }
            _ => Ok(coverage.is_settled()),
        }
    }

    /// Whether work is under way whose outcome has to be waited for.
    pub(crate) const fn is_working(&self) -> bool {
        !self.under_way.is_nothing()
    }

    /// Takes in what was seen.
    pub(crate) fn observe(&mut self, observation: Observation, now: Moment) {
        let is_telling = tells_of_more_than_objects(&observation);
        self.world.observe(self.without_known_pods(observation), now);
        if is_telling || self.world.has_news() {
            self.waiting = None;
        }
        for (object, parked) in self.world.newly_parked() {
            tracing::warn!(uid = parked.uid, "{object} cannot be used and is left alone: {}", parked.problem);
        }
        let world = &self.world;
        if self.setbacks.lift(|target| version_of(world, target)) {
            self.waiting = None;
        }
    }

    pub(crate) fn lead(&mut self, lead: Lead) {
        self.lead = lead;
        self.waiting = None;
        if let Some(until) = lead.brake_open_until {
            self.brake.open_until(until);
        }
    }

    /// Begins nothing more.
    pub(crate) fn stop(&mut self) {
        self.waiting = None;
        self.is_stopping = true;
    }

    pub(crate) const fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Chooses the next step. Nothing is looked at again where nothing has happened.
    pub(crate) fn decide(&mut self, now: Moment) -> Result<Step, CleanerError> {
        if let Some(Waiting { until }) = self.waiting
            && until.is_none_or(|until| now < until)
        {
            return Ok(Step::WaitOn { until });
        }
        let step = self.choose(now)?;
        self.waiting = match &step {
            Step::Wait { until, .. } => Some(Waiting { until: *until }),
            _ => None,
        };
        Ok(step)
    }

    fn choose(&mut self, now: Moment) -> Result<Step, CleanerError> {
        if !self.is_settled()? || !self.world.coverage().allows_verdicts() {
            // What was seen before counts as nothing once everything can be seen again.
            self.lookout = Lookout::default();
            return Ok(Step::Wait { until: None, why: String::new() });
        }
        let audit = self.is_audit_due(now).then(|| self.audit(now));
        if audit.is_none() {
            self.lookout.look(&mut self.world, &self.rules.judge, now);
        }
        self.forget_disproved();
        self.check_brake(now);
        let candidates = self.candidates(now);
        if let Some(audit) = audit {
            let plan = self.plan(candidates.free.clone(), now);
            return Ok(Step::Report(self.standing(audit, candidates, plan, now)));
        }
        if let Some(step) = self.work(&candidates.free, now) {
            if self.rules.cadence == Cadence::Once {
                self.single.tries(now);
            }
            return Ok(step);
        }
        let plan = self.plan(candidates.free.clone(), now);
        match self.rules.cadence {
            Cadence::Every(_) => Ok(Step::Wait { until: self.next_look(&plan, now), why: String::new() }),
            Cadence::Once => Ok(self.wait_or_end(candidates, plan, now)),
        }
    }

    /// A round of questions was answered. What they showed is judged before anything is made of it: whoever is
    /// not found dead then is not confirmed to be.
    pub(crate) fn answered(&mut self, answers: Answers, now: Moment) {
        self.waiting = None;
        self.under_way.answered(&answers.questions);
        let one_by_one = answers.questions.is_one_by_one();
        for (question, error) in answers.outcome() {
            let target = Target::Endpoint(question.id.clone());
            match error {
                None => {
                    let confirmation = Confirmation { at: now, version: question.version, one_by_one };
                    self.confirmed.insert(question.uid.clone(), confirmation);
                }
                Some(error) => {
                    tracing::debug!("cannot confirm that {} is dead: {error}", question.id);
                    self.fail(target, error.clone(), None, now);
                }
            }
        }
        for observation in answers.seen {
            self.observe(observation, now);
        }
    }

    /// Not all endpoints of a group could be read.
    pub(crate) fn unread_endpoints(&mut self, group: ApiGroup, error: ApiError, now: Moment) {
        self.fail(Target::Endpoints(group), error, None, now);
    }

    /// A network was written, or not. Gives the rows of what is settled by it.
    pub(crate) fn written(&mut self, written: Written, now: Moment) -> Vec<Row> {
        let Written { network, version, result, left } = written;
        self.waiting = None;
        self.under_way.wrote(&network);
        let left: Vec<(EndpointPlan, Option<Row>)> = left
            .into_iter()
            .map(|endpoint| {
                let row = self.under_way.deleted(&endpoint.uid);
                (endpoint, row)
            })
            .collect();
        let target = Target::Network(network.clone());
        match result {
            Ok(object) => {
                self.setbacks.clear(&target);
                if let Some(object) = object {
                    self.observe(observation_of(&network, object), now);
                }
                Vec::new()
            }
            Err(error) => {
                self.fail(target, error.clone(), version, now);
                let is_final = self.is_final(&error);
                let left = left.into_iter().filter(|_| is_final);
                left.filter_map(|(endpoint, row)| Some(self.tell(&endpoint, failed(row?, &error)))).collect()
            }
        }
    }

    /// An endpoint was deleted, or not. Gives its row if that settles it.
    pub(crate) fn deleted(
        &mut self,
        endpoint: &EndpointPlan,
        result: Result<Deletion, ApiError>,
        now: Moment,
    ) -> Option<Row> {
        let row = self.under_way.deleted(&endpoint.uid);
        let target = Target::Endpoint(endpoint.id.clone());
        match result {
            Ok(Deletion::Marked) => {
                // It stays in the index: what happens to its address meanwhile must not be forgotten.
                let kept = "its deletion waits for somebody's finalizer".to_owned();
                let error =
                    ApiError { request: format!("delete {}", endpoint.id), failure: Failure::Conflict(kept) };
                self.waiting = None;
                self.setbacks.record(target, error, Some(endpoint.version), now);
                None
            }
            Ok(Deletion::Done) => {
                let row = row.map(|row| self.tell(endpoint, row));
                if Brake::concerns(endpoint.finding) {
                    self.brake.believe();
                }
                self.confirmed.remove(&endpoint.uid);
                self.setbacks.clear(&target);
                let gone = Observation::EndpointDeleted(endpoint.id.clone(), endpoint.uid.clone());
                self.world.observe(gone, now);
                row
            }
            Err(error) => {
                self.confirmed.remove(&endpoint.uid);
                self.fail(target, error.clone(), Some(endpoint.version), now);
                let row = row.filter(|_| self.is_final(&error))?;
                Some(self.tell(endpoint, failed(row, &error)))
            }
        }
    }

    /// A network's part of a plan is done.
    pub(crate) fn done(&mut self) {
        self.waiting = None;
        self.under_way.done();
    }

    /// Takes in what a dry run would have released. Gives the rows.
    pub(crate) fn would_release(&mut self, networks: Vec<NetworkPlan>, now: Moment) -> Vec<Row> {
        let endpoints = networks.into_iter().flat_map(|network| network.endpoints);
        endpoints
            .filter_map(|endpoint| {
                self.single.would_go(&endpoint);
                let hosts = &self.lookout.doubtful().hosts;
                let reporter = Reporter::new(&self.world, hosts, &self.rules.judge, now);
                let EndpointPlan { slot, finding, addresses, .. } = &endpoint;
                let row = reporter.acted(*slot, *finding, addresses, Action::WouldRelease)?;
                Some(self.tell(&endpoint, row))
            })
            .collect()
    }

    /// The rows of everything that has none yet.
    pub(crate) fn rows(&self, standing: &Standing, now: Moment) -> Vec<Row> {
        let reporter = Reporter::new(&self.world, &standing.audit.hosts, &self.rules.judge, now);
        let failed = standing.failed.iter().filter_map(|(endpoint, error)| {
            let addresses: Vec<AddressPlan> = endpoint.addresses.iter().map(not_freed).collect();
            let row = reporter.acted(endpoint.slot, endpoint.finding, &addresses, Action::Failed)?;
            Some(Row { error: Some(error.clone()), ..row })
        });
        failed.chain(reporter.rows(&standing.audit, &standing.held)).collect()
    }

    /// How things stand, in short.
    pub(crate) fn status(&self, now: Moment) -> Status {
        let mut doubtful: BTreeMap<_, usize> = BTreeMap::new();
        for Judgement { finding, .. } in &self.lookout.doubtful().judgements {
            *doubtful.entry((finding.verdict, finding.reason)).or_default() += 1;
        }
        let trouble = |(target, setback): (&Target, &Setback)| Trouble::new(target, setback, now);
        Status {
            is_leading: self.lead.is_leading,
            sources: self.world.coverage().states().map(source_status).collect(),
            can_judge: self.world.coverage().allows_verdicts(),
            nodes: self.world.nodes().iter().count(),
            pods: self.world.pods().len(),
            endpoints: self.world.endpoints().len(),
            networks: self.world.networks().iter().count(),
            parked: self
                .world
                .parked()
                .map(|(object, why)| (object.to_string(), why.problem.clone()))
                .collect(),
            doubtful,
            brake: self.brake.passage(now),
            troubles: self.setbacks.iter(now).map(trouble).collect(),
        }
    }

    /// The confirming read of Pods carries metadata only. Of a Pod that is known it says less than is known.
    fn without_known_pods(&self, observation: Observation) -> Observation {
        let Observation::Pods(Change::Read(mut pods)) = observation else { return observation };
        let known = self.world.pods();
        pods.retain(|pod| pod.metadata.uid.as_deref().is_none_or(|uid| !known.has_uid(&uid.into())));
        Observation::Pods(Change::Read(pods))
    }

    fn is_audit_due(&self, now: Moment) -> bool {
        matches!(self.rules.cadence, Cadence::Every(_)) && now >= self.next_audit
    }

    /// Looks at everything, and forgets what is not needed any more.
    fn audit(&mut self, now: Moment) -> Audit {
        if let Cadence::Every(interval) = self.rules.cadence {
            self.next_audit = now + interval;
        }
        self.brake.begin_interval();
        self.setbacks.prune(now);
        let endpoints = self.world.endpoints();
        self.single.prune(|uid| endpoints.has_uid(uid));
        self.lookout.audit(&mut self.world, &self.rules.judge, now)
    }

    /// Whoever is not found dead any more has to be confirmed anew if that changes again.
    fn forget_disproved(&mut self) {
        if self.confirmed.is_empty() {
            return;
        }
        let endpoints = self.world.endpoints();
        let dead = self.lookout.doubtful().dangling();
        let dead: HashSet<&Uid> = dead
            .filter_map(|judgement| endpoints.get(judgement.slot))
            .map(|endpoint| &endpoint.uid)
            .collect();
        self.confirmed.retain(|uid, _| dead.contains(uid));
    }

    fn check_brake(&mut self, now: Moment) {
        let doubtful = self.lookout.doubtful().judgements.iter();
        let doubtful = doubtful.filter(|judgement| Brake::concerns(judgement.proof)).count();
        let judged = self.world.endpoints().len();
        if let Some(why) = self.brake.look(judged, doubtful, now) {
            tracing::warn!("the brake holds: {why}; if that is true, {}", self.rules.cadence.how_to_go_on());
        }
    }

    fn candidates(&self, now: Moment) -> Candidates {
        let mut candidates = Candidates::default();
        let passage = self.brake.passage(now);
        for judgement in self.lookout.doubtful().dangling() {
            let Some(endpoint) = self.world.endpoints().get(judgement.slot) else { continue };
            if self.single.is_told(&endpoint.uid) || self.under_way.is_released(&endpoint.uid) {
                continue;
            }
            let hold = |reason, until, note| Held {
                slot: judgement.slot,
                reason,
                until,
                note: Some(note),
                addresses: Vec::new(),
            };
            if let Passage::Closed { why, until } = &passage
                && Brake::concerns(judgement.finding)
            {
                candidates.held.push(hold(Reason::Brake, *until, why.clone()));
                continue;
            }
            let targets = [Target::Network(endpoint.network_id()), Target::Endpoint(endpoint.id.clone())];
            match targets.iter().find_map(|target| self.setbacks.of(target, now)) {
                None => candidates.free.push(*judgement),
                Some(Setback { outdated: Some(version), .. }) => {
                    let note =
                        format!("it was changed after version {}, and how has not been seen", version.0);
                    candidates.held.push(hold(Reason::Conflict, None, note));
                }
                Some(Setback { error, .. }) => {
                    candidates.failed.push((*judgement, error.to_string()));
                }
            }
        }
        candidates
    }

    /// What can be done at once: release what is confirmed, or else confirm what is proved.
    fn work(&mut self, candidates: &[Judgement], now: Moment) -> Option<Step> {
        if self.is_stopping || !self.lead.is_leading || self.single.has_given_up(now) {
            return None;
        }
        let is_idle = |judgement: &&Judgement| {
            let endpoint = self.world.endpoints().get(judgement.slot);
            endpoint.is_some_and(|endpoint| !self.under_way.is_written(&endpoint.network_id()))
        };
        let idle: Vec<Judgement> = candidates.iter().filter(is_idle).copied().collect();
        let confirmed = |judgement: &&Judgement| self.is_confirmed(judgement.slot, judgement.finding, now);
        let ready = self.shown_only(idle.iter().filter(confirmed).copied().collect(), now);
        if !ready.is_empty() {
            if !self.rules.dry_run {
                let hosts = &self.lookout.doubtful().hosts;
                let reporter = Reporter::new(&self.world, hosts, &self.rules.judge, now);
                let row = |plan: &EndpointPlan| {
                    reporter.acted(plan.slot, plan.finding, &plan.addresses, Action::Released)
                };
                ready.iter().for_each(|network| self.under_way.release(network, row));
            }
            return Some(Step::Release(ready));
        }
        self.questions(idle, now).map(|questions| {
            self.under_way.ask(&questions);
            Step::Confirm(questions)
        })
    }

    /// What may be released of what is confirmed: nobody else may hold an address without having been seen.
    fn shown_only(&self, confirmed: Vec<Judgement>, now: Moment) -> Vec<NetworkPlan> {
        let networks = self.plan(confirmed.clone(), now).networks;
        let endpoints = networks.iter().flat_map(|network| &network.endpoints);
        let hidden: HashSet<Slot> =
            endpoints.filter(|endpoint| !self.is_shown(endpoint)).map(|endpoint| endpoint.slot).collect();
        if hidden.is_empty() {
            return networks;
        }
        let shown = confirmed.into_iter().filter(|judgement| !hidden.contains(&judgement.slot)).collect();
        self.plan(shown, now).networks
    }

    fn questions(&self, idle: Vec<Judgement>, now: Moment) -> Option<Questions> {
        if !self.under_way.may_ask() {
            return None;
        }
        let one_by_one = self.brake.passage(now) == Passage::OneByOne;
        let unreadable =
            ApiGroup::ALL.iter().any(|group| self.setbacks.of(&Target::Endpoints(*group), now).is_some());
        let plan = self.plan(idle, now);
        let endpoints = plan.networks.into_iter().flat_map(|network| network.endpoints).chain(plan.later);
        let open = endpoints.filter(|endpoint| {
            let is_shown = self.is_shown(endpoint);
            let is_open = !is_shown || !self.is_confirmed(endpoint.slot, endpoint.finding, now);
            is_open && !self.under_way.is_asked(&endpoint.uid) && (is_shown || !unreadable)
        });
        let open: Vec<EndpointPlan> = open.collect();
        let hosts = &self.lookout.doubtful().hosts;
        (!open.is_empty()).then(|| Questions::about(&self.world, hosts, &open, one_by_one))
    }

    fn is_confirmed(&self, slot: Slot, finding: Finding, now: Moment) -> bool {
        let Some(endpoint) = self.world.endpoints().get(slot) else { return false };
        let Some(confirmation) = self.confirmed.get(&endpoint.uid) else { return false };
        let asked_well =
            confirmation.one_by_one || !Brake::concerns(finding) || self.brake.passage(now) == Passage::Free;
        let is_same = confirmation.version == endpoint.version;
        asked_well && is_same && now.since(confirmation.at) < CONFIRMED_FOR
    }

    /// Whether all endpoints have been read where the proof needs that.
    fn is_shown(&self, endpoint: &EndpointPlan) -> bool {
        let Some(since) = endpoint.shown_since else { return true };
        let mut groups =
            ApiGroup::ALL.into_iter().filter(|group| self.world.coverage().serves(Source::endpoints(*group)));
        groups.all(|group| self.world.has_read_endpoints(group, since))
    }

    fn plan(&self, mut dangling: Vec<Judgement>, now: Moment) -> Plan {
        dangling.extend(self.single.would_be_gone(&self.world));
        let dying = self.lookout.doubtful().dangling().map(|judgement| judgement.slot).collect();
        let mut plan = plan(&self.world, &dangling, &dying, &self.rules.judge, now);
        for network in &mut plan.networks {
            network.endpoints.retain(|endpoint| !self.single.is_told(&endpoint.uid));
        }
        plan.networks.retain(|network| !network.endpoints.is_empty());
        plan.later.retain(|endpoint| !self.single.is_told(&endpoint.uid));
        plan.held.retain(|held| !self.is_told(held.slot));
        plan
    }

    fn is_told(&self, slot: Slot) -> bool {
        self.world.endpoints().get(slot).is_some_and(|endpoint| self.single.is_told(&endpoint.uid))
    }

    /// When time alone will change something.
    fn next_look(&self, plan: &Plan, now: Moment) -> Option<Moment> {
        let proofs = [self.lookout.doubtful().next_ripe(), plan.next_ready(), self.setbacks.next(now)];
        let brake = match self.brake.passage(now) {
            Passage::Closed { until, .. } => until,
            Passage::Free | Passage::OneByOne => None,
        };
        let all = proofs.into_iter().flatten().chain(brake).chain([self.next_audit]);
        all.filter(|next| *next > now).min()
    }

    /// A single pass waits for proofs that come in time, for what is under way and for what may yet work.
    fn wait_or_end(&mut self, candidates: Candidates, plan: Plan, now: Moment) -> Step {
        let Rules { grace, ownership_window, .. } = self.rules.judge;
        let horizon = self.single.horizon(grace.max(ownership_window), now);
        let proofs = [self.lookout.doubtful().next_ripe(), plan.next_ready()].into_iter().flatten();
        let retries = self.setbacks.next(now).filter(|_| !self.single.has_given_up(now));
        let until = proofs.filter(|next| *next <= horizon).chain(retries).filter(|next| *next > now).min();
        if until.is_some() || self.is_working() {
            let is_held_up = candidates.held.iter().any(|held| held.reason == Reason::Conflict);
            if candidates.failed.is_empty() && !is_held_up && !self.is_working() {
                self.single.rests();
            }
            return Step::Wait { until, why: self.waiting_for(&candidates, &plan) };
        }
        let audit = self.audit(now);
        Step::End(self.standing(audit, candidates, plan, now))
    }

    fn standing(&self, mut audit: Audit, candidates: Candidates, plan: Plan, now: Moment) -> Standing {
        let Candidates { mut held, failed, .. } = candidates;
        held.extend(plan.held);
        let errors: HashMap<Slot, String> =
            failed.iter().map(|(judgement, error)| (judgement.slot, error.clone())).collect();
        let unreleased = self.plan(failed.into_iter().map(|(judgement, _)| judgement).collect(), now);
        held.extend(unreleased.held);
        let mut failed: Vec<(EndpointPlan, String)> = Vec::new();
        let endpoints = unreleased.networks.into_iter().flat_map(|network| network.endpoints);
        for endpoint in endpoints.chain(unreleased.later) {
            let error = errors.get(&endpoint.slot).cloned().unwrap_or_default();
            failed.push((endpoint, error));
        }
        if self.rules.cadence == Cadence::Once {
            let left = plan.networks.into_iter().flat_map(|network| network.endpoints).chain(plan.later);
            let error = format!("given up: {}", self.single.obstacle);
            failed.extend(left.map(|endpoint| (endpoint, error.clone())));
        }
        let failed_slots: HashSet<Slot> = failed.iter().map(|(endpoint, _)| endpoint.slot).collect();
        let is_untold = |slot: Slot| !self.is_told(slot) && !failed_slots.contains(&slot);
        audit.judgements.retain(|judgement| is_untold(judgement.slot));
        Standing { audit, held, failed }
    }

    fn waiting_for(&self, candidates: &Candidates, plan: &Plan) -> String {
        let judgements = self.lookout.doubtful().judgements.iter();
        let once =
            judgements.filter(|judgement| judgement.finding.reason == Reason::FirstObservation).count();
        let window = plan.held.iter().filter(|held| held.reason == Reason::OwnershipWindow).count();
        let conflicts = candidates.held.iter().filter(|held| held.reason == Reason::Conflict).count();
        let reasons = [
            (once, "endpoints that look dead and have to be seen so twice"),
            (window, "dead endpoints that have to be seen as the owners of their addresses"),
            (conflicts, "dead endpoints whose network or self somebody else has written meanwhile"),
            (candidates.failed.len(), "dead endpoints about which the API server does not answer"),
        ];
        let reasons =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        reasons.collect::<Vec<_>>().join(", ")
    }

    fn fail(&mut self, target: Target, error: ApiError, version: Option<Version>, now: Moment) {
        match error.failure {
            Failure::Conflict(_) | Failure::NotFound => tracing::debug!("{error}; it will be judged again"),
            Failure::Refused(_) | Failure::Unknown(_) => tracing::warn!("{error}"),
        }
        self.waiting = None;
        self.single.obstacle = error.to_string();
        self.setbacks.record(target, error, version, now);
    }

    /// A single pass does not come back to what was refused.
    fn is_final(&self, error: &ApiError) -> bool {
        self.rules.cadence == Cadence::Once && matches!(error.failure, Failure::Refused(_))
    }

    /// An endpoint is settled: that is logged, and told once.
    fn tell(&mut self, endpoint: &EndpointPlan, row: Row) -> Row {
        if self.rules.cadence == Cadence::Once || self.rules.dry_run {
            self.single.tell(endpoint.uid.clone());
        }
        log(endpoint, &row);
        row
    }
}

fn failed(row: Row, error: &ApiError) -> Row {
    Row { action: Action::Failed, error: Some(error.to_string()), ..row }
}

/// Whether it may change what is to be done even if no endpoint and no Node is news: by networks, by what can be read.
const fn tells_of_more_than_objects(observation: &Observation) -> bool {
    !matches!(
        observation,
        Observation::Pods(_)
            | Observation::Nodes(_)
            | Observation::Endpoints(..)
            | Observation::EndpointDeleted(..)
    ) || matches!(
        observation,
        Observation::Pods(Change::ListEnds)
            | Observation::Nodes(Change::ListEnds)
            | Observation::Endpoints(_, Change::ListEnds)
    )
}

fn source_status((source, words): (Source, String)) -> (String, SourceStatus) {
    let is_synced = words == Coverage::SYNCED;
    (source.to_string(), SourceStatus { is_synced, words })
}

/// What was to be freed and was not stays.
fn not_freed(plan: &AddressPlan) -> AddressPlan {
    let action = match plan.action {
        AddressAction::Free => AddressAction::Keep,
        action => action,
    };
    AddressPlan { action, ..plan.clone() }
}

fn version_of(world: &World, target: &Target) -> Option<Version> {
    match target {
        Target::Network(id) => world.networks().get(id).map(|network| network.version),
        Target::Endpoint(id) => world.endpoints().find(id).map(|endpoint| endpoint.version),
        Target::Endpoints(_) => None,
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
