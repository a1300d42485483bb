//! What the Cleaner knows, and which step follows from it. Nothing here asks or waits: steps are values, and
//! what came of them is handed back.

mod outcome;
mod returns;
mod standing;
mod upkeep;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use danm_api::{ApiGroup, Change};
use leak_judge::{
    Action, Audit, Brake, EndpointPlan, Finding, Held, Judgement, Lookout, Moment, Observation, Plan, Reason,
    Reporter, Rules, Slot, Source, Uid, Version, World, is_report_only, plan,
};

use super::{
    Cadence, CleanerError, CleanerRules,
    boot_memory::BootMemory,
    brake_state::{BrakeState, Passage},
    listening::{Listening, heard_for_long_at, next_read},
    setbacks::{Setback, Setbacks, Target},
    single_pass::SinglePass,
    step::Step,
    under_way::UnderWay,
    upkeep::Upkeep,
};
use crate::{Lead, confirm::Questions};

/// A confirmation is believed for so long, so that not every write needs all reads again. Each write is
/// guarded by the version it was judged at all the same.
pub(super) const CONFIRMED_FOR: Duration = Duration::from_secs(30);

/// Endpoints asked about in one round before they are ripe: what it showed is not to be old by then.
const FIRST_ASKED: usize = 10_000;

/// A single pass listens to kubelets for so long after everything else is proved.
const LISTENED_FOR: Duration = Duration::from_secs(60);

/// A single pass waits for orphans to be ripe for so long at most.
const ORPHANS_WAITED_FOR: Duration = Duration::from_secs(60);

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct State {
    rules: CleanerRules,
    world: World,
    lookout: Lookout,
    upkeep: Upkeep,
    brake: BrakeState,
    boots: BootMemory,
    listening: Listening,
    setbacks: Setbacks,
    under_way: UnderWay,
    single: SinglePass,
    /// The endpoints whose death was confirmed.
    confirmed: HashMap<Uid, Confirmation>,
    lead: Lead,
    /// Why Calico's addresses have to wait, where that is no failure.
    calico_waits: Option<Reason>,
    /// What the brake let pass when that was last told.
    brake_told: Passage,
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
            upkeep: Upkeep::default(),
            brake: BrakeState::new(rules.brake, now),
            boots: BootMemory::default(),
            listening: Listening::default(),
            setbacks: Setbacks::default(),
            under_way: UnderWay::default(),
            single: SinglePass::default(),
            confirmed: HashMap::new(),
            lead: Lead { is_leading: rules.cadence == Cadence::Once, brake_open_until: None },
            calico_waits: None,
            brake_told: Passage::Free,
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
        if Source::listed_by(&observation).is_some() {
            self.upkeep.look_again();
        }
        self.world.observe(self.without_known_pods(observation), now);
        if is_telling || self.world.has_news() {
            self.waiting = None;
        }
        for (object, parked) in self.world.newly_parked() {
            tracing::warn!(uid = parked.uid, "{object} cannot be used and is left alone: {}", parked.problem);
        }
        self.lift_setbacks();
    }

    /// What a conflict was about may be seen before the conflict is answered, or after.
    fn lift_setbacks(&mut self) {
        let world = &self.world;
        if self.setbacks.lift(|target| version_of(world, target)) {
            self.waiting = None;
        }
    }

    pub(crate) fn lead(&mut self, lead: Lead) {
        self.lead = lead;
        self.waiting = None;
        self.brake.let_be_until(lead.brake_open_until);
    }

    /// Begins nothing more.
    pub(crate) fn stop(&mut self) {
        self.waiting = None;
        self.is_stopping = true;
    }

    pub(crate) const fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// What the brake lets pass, if that is something else than when it was last told. A standby holds up nothing
    /// and tells nothing; whoever comes to lead tells what it finds.
    pub(crate) fn brake_news(&mut self, now: Moment) -> Option<Passage> {
        let passage = self.brake.passage(now);
        if !self.lead.is_leading || passage == self.brake_told {
            return None;
        }
        self.brake_told.clone_from(&passage);
        Some(passage)
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
            self.upkeep.forget();
            return Ok(Step::Wait { until: None, why: String::new() });
        }
        if let Some(work) = self.boots.due(self.world.nodes().boots(), self.may_store_boots(), now) {
            return Ok(Step::KeepBoots(work));
        }
        if !self.boots.has_answer() {
            return Ok(Step::Wait { until: None, why: String::new() });
        }
        let audit = self.is_audit_due(now).then(|| self.audit(now));
        if audit.is_none() {
            self.lookout.look(&mut self.world, &self.rules.judge, now);
        }
        self.forget_disproved();
        self.check_brake(now);
        if audit.is_some() || self.upkeep.is_due(now) {
            self.inspect(now);
        }
        let candidates = self.candidates(now);
        if let Some(audit) = audit {
            let plan = self.plan(candidates.free.clone(), now);
            return Ok(Step::Report(self.standing(audit, candidates, plan, now)));
        }
        if let Some(step) = self.listen(now).or_else(|| self.ask_first(now)) {
            if self.rules.cadence == Cadence::Once {
                self.single.tries(now);
            }
            return Ok(step);
        }
        if let Some(step) = self.work(&candidates.free, now).or_else(|| self.mend(now)) {
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

    /// Asks for Pods that the index knows nothing of: that it does not is no observation. Standbys ask as well, so that
    /// who takes over need not begin to.
    fn ask_first(&mut self, now: Moment) -> Option<Step> {
        if self.is_stopping || !self.under_way.may_ask() || self.is_listing() {
            return None;
        }
        let doubtful = self.lookout.doubtful();
        let is_open = |judgement: &&Judgement| {
            let endpoint = self.world.endpoints().get(judgement.slot);
            judgement.is_unasked
                && endpoint.is_some_and(|endpoint| {
                    let target = Target::Endpoint(endpoint.id.clone());
                    !self.under_way.is_asked(&endpoint.uid) && self.setbacks.of(&target, now).is_none()
                })
        };
        let unasked = doubtful.judgements.iter().filter(is_open).take(FIRST_ASKED);
        let questions = Questions::about_unasked(&self.world, &doubtful.hosts, unasked);
        (!questions.endpoints.is_empty()).then(|| {
            self.under_way.ask(&questions);
            Step::Confirm(questions)
        })
    }

    /// Whether a source is being listed of which reads would count as nothing now.
    fn is_listing(&self) -> bool {
        let endpoints = ApiGroup::ALL.map(Source::endpoints);
        let mut sources = [Source::Pods, Source::Nodes].into_iter().chain(endpoints);
        sources.any(|source| self.world.is_listing(source))
    }

    /// Kubelets that have to be heard before their word is taken.
    fn listen(&mut self, now: Moment) -> Option<Step> {
        if self.is_stopping || !self.lead.is_leading {
            return None;
        }
        let Self { listening, lookout, world, setbacks, .. } = self;
        let doubtful = lookout.doubtful();
        let rests_on = doubtful.judgements.iter().filter_map(|judgement| {
            let endpoint = world.endpoints().get(judgement.slot)?;
            let node: &str = doubtful.hosts.node(&endpoint.host)?;
            let is_open = setbacks.of(&Target::NodeLease(node.to_owned()), now).is_none();
            is_open.then_some((judgement, node))
        });
        let nodes = listening.due(rests_on, world, now);
        (!nodes.is_empty()).then_some(Step::Listen(nodes))
    }

    /// When the next kubelet is to be listened to.
    fn next_listening(&self, now: Moment) -> Option<Moment> {
        let doubtful = self.lookout.doubtful();
        let next = doubtful.judgements.iter().filter_map(|judgement| {
            let endpoint = self.world.endpoints().get(judgement.slot)?;
            let node = doubtful.hosts.node(&endpoint.host)?;
            let is_open = self.setbacks.of(&Target::NodeLease(node.to_string()), now).is_none();
            let heard = heard_for_long_at(judgement, node, &self.world, self.rules.judge.grace);
            next_read(judgement, node, &self.world)
                .filter(|_| is_open)
                .or_else(|| heard.filter(|heard| *heard > now))
        });
        next.min()
    }

    /// A single pass leaves no memory behind, and whoever does not lead leaves that to whoever does.
    fn may_store_boots(&self) -> bool {
        let is_controller = matches!(self.rules.cadence, Cadence::Every(_));
        is_controller && self.lead.is_leading && !self.rules.dry_run && !self.is_stopping
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
        self.upkeep.begin_interval(now);
        self.setbacks.prune(now);
        self.world.prune();
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
        let is_concerned = |judgement: &&Judgement| {
            let endpoint = self.world.endpoints().get(judgement.slot);
            let rules = &self.rules.judge;
            Brake::concerns(judgement.proof)
                && endpoint.is_some_and(|it| !is_report_only(it, judgement.proof, &self.world, rules))
        };
        let doubtful = doubtful.filter(is_concerned).count();
        let judged = self.world.endpoints().len();
        self.brake.look(judged, doubtful, now);
    }

    fn candidates(&self, now: Moment) -> Candidates {
        let mut candidates = Candidates::default();
        let passage = self.brake.passage(now);
        for judgement in self.lookout.doubtful().dangling() {
            let Some(endpoint) = self.world.endpoints().get(judgement.slot) else { continue };
            if self.single.is_told(&endpoint.uid) || self.under_way.is_busy(&endpoint.uid) {
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
                && passage.holds(judgement.finding)
            {
                candidates.held.push(hold(Reason::Brake, *until, why.clone()));
                continue;
            }
            let node = self.lookout.doubtful().hosts.node(&endpoint.host);
            let grace = self.rules.judge.grace;
            let heard_at = node.and_then(|node| heard_for_long_at(judgement, node, &self.world, grace));
            if judgement.heard_since.is_some() && heard_at.is_none_or(|heard_at| heard_at > now) {
                let lease = node.map(|node| Target::NodeLease(node.to_string()));
                if let Some(Setback { error, .. }) = lease.and_then(|lease| self.setbacks.of(&lease, now)) {
                    candidates.failed.push((*judgement, error.to_string()));
                    continue;
                }
                let until =
                    heard_at.or_else(|| node.and_then(|node| next_read(judgement, node, &self.world)));
                let note =
                    "its Lease in kube-node-lease has not been seen renewed for long enough since".to_owned();
                candidates.held.push(hold(Reason::KubeletNotHeard, until, note));
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
        let Plan { networks: ready, returns, .. } =
            self.shown_only(idle.iter().filter(confirmed).copied().collect(), now);
        if let Some(step) = self.give_back(&returns, now) {
            return Some(step);
        }
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
    fn shown_only(&self, confirmed: Vec<Judgement>, now: Moment) -> Plan {
        let plan = self.plan(confirmed.clone(), now);
        let hidden = plan.endpoints().filter(|endpoint| !self.is_shown(endpoint));
        let hidden: HashSet<Slot> = hidden.map(|endpoint| endpoint.slot).collect();
        if hidden.is_empty() {
            return plan;
        }
        let shown = confirmed.into_iter().filter(|judgement| !hidden.contains(&judgement.slot)).collect();
        self.plan(shown, now)
    }

    fn questions(&self, idle: Vec<Judgement>, now: Moment) -> Option<Questions> {
        if !self.under_way.may_ask() || self.is_listing() {
            return None;
        }
        let one_by_one = self.brake.passage(now) == Passage::OneByOne;
        let unreadable =
            ApiGroup::ALL.iter().any(|group| self.setbacks.of(&Target::Endpoints(*group), now).is_some());
        let mut plan = self.plan(idle, now);
        if self.setbacks.of(&Target::Calico, now).is_some() {
            // Nothing would become of them.
            plan.returns.clear();
        }
        let open = plan.endpoints().filter(|endpoint| {
            let is_shown = self.is_shown(endpoint);
            let is_open = !is_shown || !self.is_confirmed(endpoint.slot, endpoint.finding, now);
            is_open && !self.under_way.is_asked(&endpoint.uid) && (is_shown || !unreadable)
        });
        let open: Vec<EndpointPlan> = open.cloned().collect();
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
        plan.returns.retain(|endpoint| !self.single.is_told(&endpoint.uid));
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
        let upkeep = self.upkeep.next(now);
        let boots = self.boots.next(self.world.nodes().boots(), self.may_store_boots());
        let all = proofs
            .into_iter()
            .flatten()
            .chain(brake)
            .chain(upkeep)
            .chain(boots)
            .chain(self.next_listening(now))
            .chain([self.next_audit]);
        all.filter(|next| *next > now).min()
    }

    /// A single pass waits for proofs that come in time, for what is under way and for what may yet work.
    fn wait_or_end(&mut self, candidates: Candidates, plan: Plan, now: Moment) -> Step {
        let Rules { grace, ownership_window, .. } = self.rules.judge;
        let orphan_grace = self.rules.mend.orphan_for.filter(|grace| *grace <= ORPHANS_WAITED_FOR);
        let patience = grace.max(ownership_window).max(orphan_grace.unwrap_or_default());
        let is_asking = self.lookout.doubtful().judgements.iter().any(|judgement| judgement.is_unasked);
        // Time counts from when the first observation of all is made.
        let horizon = if is_asking { now + patience } else { self.single.horizon(patience, now) };
        let upkeep = self.upkeep.next(now);
        let proofs = [self.lookout.doubtful().next_ripe(), plan.next_ready(), upkeep].into_iter().flatten();
        let retries = self.setbacks.next_but_refused(now).filter(|_| !self.single.has_given_up(now));
        let listening = self.next_listening(now).filter(|next| *next <= horizon + LISTENED_FOR);
        let proofs = proofs.filter(|next| *next <= horizon).chain(listening);
        let until = proofs.chain(retries).filter(|next| *next > now).min();
        if until.is_some() || self.is_working() || self.listening.is_busy() {
            let is_conflict = |held: &Held| held.reason == Reason::Conflict;
            let is_held_up = candidates.held.iter().any(is_conflict)
                || !self.upkeep.ripe.is_empty()
                || !plan.returns.is_empty();
            if candidates.failed.is_empty() && !is_held_up && !self.is_working() {
                self.single.rests();
            }
            return Step::Wait { until, why: self.waiting_for(&candidates, &plan) };
        }
        let audit = self.audit(now);
        self.inspect(now);
        Step::End(self.standing(audit, candidates, plan, now))
    }
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

fn version_of(world: &World, target: &Target) -> Option<Version> {
    match target {
        Target::Network(id) => world.networks().get(id).map(|network| network.version),
        Target::Endpoint(id) => world.endpoints().find(id).map(|endpoint| endpoint.version),
        Target::Endpoints(_) | Target::NodeLease(_) | Target::Calico => None,
    }
}
