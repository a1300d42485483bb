//! How things stand, told: rows of a report, a status for those who look from outside, words for people who wait.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use leak_judge::{
    Action, AddressAction, AddressPlan, Audit, Coverage, EndpointPlan, Judgement, Moment, Plan, Reason,
    Reporter, Row, Slot, Source,
};

use super::{Candidates, State};
use crate::{
    Cadence, SourceStatus, Status, Trouble,
    cleaner::{
        setbacks::{Setback, Target},
        step::Standing,
    },
};

impl State {
    /// The rows of everything that has none yet.
    pub(crate) fn rows(&self, standing: &Standing, now: Moment) -> Vec<Row> {
        let reporter = Reporter::new(&self.world, &standing.audit.hosts, &self.rules.judge, now);
        let failed = standing.failed.iter().filter_map(|(endpoint, error)| {
            let addresses: Vec<AddressPlan> = endpoint.addresses.iter().map(not_freed).collect();
            let row = reporter.acted(endpoint.slot, endpoint.finding, &addresses, Action::Failed)?;
            Some(Row { error: Some(error.clone()), ..row })
        });
        failed.chain(reporter.rows(&standing.audit, &standing.held, &self.remarks(now))).collect()
    }

    /// How things stand, in short.
    pub(crate) fn status(&self, now: Moment) -> Status {
        let mut doubtful: BTreeMap<_, usize> = BTreeMap::new();
        for Judgement { finding, .. } in &self.lookout.doubtful().judgements {
            *doubtful.entry((finding.verdict, finding.reason)).or_default() += 1;
        }
        let trouble = |(target, setback): (&Target, &Setback)| Trouble::new(target, setback, now);
        let brake = self.brake.passage(now);
        let is_held = |judgement: &&Judgement| brake.holds(judgement.finding);
        Status {
            held_by_brake: self.lookout.doubtful().dangling().filter(is_held).count(),
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
            anomalies: self.upkeep.status(),
            orphan_brake: self.orphan_brake(now),
            brake,
            troubles: self.setbacks.iter(now).map(trouble).collect(),
        }
    }

    pub(super) fn standing(
        &self,
        mut audit: Audit,
        candidates: Candidates,
        mut plan: Plan,
        now: Moment,
    ) -> Standing {
        let Candidates { mut held, failed, .. } = candidates;
        held.append(&mut plan.held);
        let errors: HashMap<Slot, String> =
            failed.iter().map(|(judgement, error)| (judgement.slot, error.clone())).collect();
        let mut unreleased = self.plan(failed.into_iter().map(|(judgement, _)| judgement).collect(), now);
        held.append(&mut unreleased.held);
        let with_error = |endpoint: EndpointPlan| {
            let error = errors.get(&endpoint.slot).cloned().unwrap_or_default();
            (endpoint, error)
        };
        let mut failed: Vec<(EndpointPlan, String)> = unreleased.into_endpoints().map(with_error).collect();
        if self.setbacks.of(&Target::Calico, now).is_some() {
            let (waiting, failing) = self.sort_returns(mem::take(&mut plan.returns), now);
            held.extend(waiting);
            failed.extend(failing);
        }
        if self.rules.cadence == Cadence::Once {
            let error = format!("given up: {}", self.single.obstacle);
            failed.extend(plan.into_endpoints().map(|endpoint| (endpoint, error.clone())));
        }
        let failed_slots: HashSet<Slot> = failed.iter().map(|(endpoint, _)| endpoint.slot).collect();
        let is_untold = |slot: Slot| !self.is_told(slot) && !failed_slots.contains(&slot);
        audit.judgements.retain(|judgement| is_untold(judgement.slot));
        Standing { audit, held, failed }
    }

    pub(super) fn waiting_for(&self, candidates: &Candidates, plan: &Plan) -> String {
        let judgements = self.lookout.doubtful().judgements.iter();
        let once =
            judgements.filter(|judgement| judgement.finding.reason == Reason::FirstObservation).count();
        let window = plan.held.iter().filter(|held| held.reason == Reason::OwnershipWindow).count();
        let conflicts = candidates.held.iter().filter(|held| held.reason == Reason::Conflict).count();
        let reasons = [
            (once, "endpoints that look dead and have to be seen so twice"),
            (window, "dead endpoints that have to be seen as the owners of their addresses"),
            (conflicts, "dead endpoints whose network or self somebody else has written meanwhile"),
            (plan.returns.len(), "dead endpoints whose addresses are to be given back to Calico"),
            (candidates.failed.len(), "dead endpoints about which the API server does not answer"),
        ];
        let reasons =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        reasons.collect::<Vec<_>>().join(", ")
    }
}

fn source_status((source, words): (Source, String)) -> (String, SourceStatus) {
    let is_synced = words == Coverage::SYNCED;
    (source.to_string(), SourceStatus { is_synced, words })
}

/// What was to be freed and was not stays.
pub(super) fn not_freed(plan: &AddressPlan) -> AddressPlan {
    let action = match plan.action {
        AddressAction::Free => AddressAction::Keep,
        action => action,
    };
    AddressPlan { action, ..plan.clone() }
}
