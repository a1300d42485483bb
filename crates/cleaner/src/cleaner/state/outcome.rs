//! What came of the work that was begun, taken in. What follows from it is decided in `state.rs`.

use danm_api::{ApiGroup, Change, Decoded, Network};
use leak_judge::{
    Action, Brake, EndpointPlan, Finding, Moment, NetworkId, NetworkPlan, Observation, Reporter, Row, Source,
    Uid, Version,
};

use super::{Confirmation, State};
use crate::{
    ApiError, Cadence, Deletion, Failure, StoredBoots, cleaner::setbacks::Target, confirm::Answers,
    news::Written, pulse::Pulse,
};

impl State {
    /// A round of questions was answered. What they showed is judged before anything is made of it: whoever is
    /// not found dead then is not confirmed to be.
    pub(crate) fn answered(&mut self, answers: Answers, now: Moment) {
        self.waiting = None;
        self.under_way.answered(&answers.questions);
        self.upkeep.is_listing &= !answers.questions.endpoints.is_empty();
        if self.is_overtaken(&[Source::Pods, Source::Nodes], answers.asked_at) {
            return;
        }
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
        let answered = answers.outcome().filter(|(_, error)| error.is_none());
        let asked_for: Vec<Uid> = answered.map(|(question, _)| question.pod_uid.clone()).collect();
        for observation in answers.seen {
            self.observe(observation, now);
        }
        for uid in asked_for {
            self.observe(Observation::PodAbsent(uid), now);
        }
    }

    /// What is stored about boots was read or written, or not.
    pub(crate) fn boots(&mut self, result: Result<StoredBoots, ApiError>, now: Moment) {
        self.waiting = None;
        if let Some(read) = self.boots.answered(result, now) {
            self.observe(Observation::BootsStored(read), now);
        }
    }

    /// Kubelets were listened to.
    pub(crate) fn heard(&mut self, pulses: Vec<Pulse>, asked: Moment, now: Moment) {
        self.waiting = None;
        self.listening.done();
        for Pulse { node, result } in pulses {
            match result {
                Ok(version) => {
                    self.setbacks.clear(&Target::NodeLease(node.clone()));
                    self.observe(Observation::Pulse(node, version, asked), now);
                }
                Err(error) => self.fail(Target::NodeLease(node), error, None, now),
            }
        }
    }

    /// Endpoints of a group were read.
    pub(crate) fn read_endpoints(&mut self, group: ApiGroup, seen: Observation, began: Moment, now: Moment) {
        if !self.is_overtaken(&[Source::endpoints(group)], began) {
            self.observe(seen, now);
        }
    }

    /// Whether reads of these sources that began at a moment count as nothing, and have to be made again.
    pub(super) fn is_overtaken(&self, sources: &[Source], began: Moment) -> bool {
        sources.iter().any(|source| self.world.is_overtaken(*source, began))
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

    pub(super) fn fail(&mut self, target: Target, error: ApiError, version: Option<Version>, now: Moment) {
        match error.failure {
            Failure::Conflict(_) | Failure::NotFound => tracing::debug!("{error}; it will be judged again"),
            Failure::Refused(_) | Failure::Unknown(_) => tracing::warn!("{error}"),
        }
        self.waiting = None;
        self.single.obstacle = error.to_string();
        self.setbacks.record(target, error, version, now);
        self.lift_setbacks();
    }

    /// A single pass does not come back to what was refused.
    pub(super) fn is_final(&self, error: &ApiError) -> bool {
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

pub(super) fn observation_of(id: &NetworkId, object: Decoded<Network>) -> Observation {
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
