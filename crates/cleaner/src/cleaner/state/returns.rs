//! Which addresses are given back to Calico when, and what follows from what it answers.

use calico_ipam::{Claim, Proof};
use calico_store::{Failure as StoreFailure, Outcome, StoreError};
use leak_judge::{
    AddressAction, AddressPlan, CalicoAnswer, EndpointPlan, Held, Moment, Observation, Owner, Reason,
};

use super::State;
use crate::{
    ApiError, Failure,
    cleaner::{
        setbacks::{Setback, Target},
        step::Step,
    },
    returns::{Return, Returned},
};

impl State {
    /// Gives back what these endpoints have of Calico, unless its datastore is left alone for a while.
    pub(super) fn give_back(&mut self, endpoints: &[EndpointPlan], now: Moment) -> Option<Step> {
        if !self.under_way.may_give_back() || self.setbacks.of(&Target::Calico, now).is_some() {
            return None;
        }
        let all = endpoints.iter().flat_map(|endpoint| self.returns(endpoint));
        let (questions, returns): (Vec<Return>, Vec<Return>) = all.partition(|one| one.is_question);
        let returns = if questions.is_empty() { returns } else { questions };
        if returns.is_empty() {
            return None;
        }
        self.under_way.give_back(&returns);
        Some(Step::GiveBack(returns))
    }

    /// The addresses of an endpoint about which Calico has not answered. What is contested is asked about first: nothing of an
    /// endpoint is given back that may have to stay.
    fn returns(&self, plan: &EndpointPlan) -> Vec<Return> {
        let Some(endpoint) = self.world.endpoints().get(plan.slot) else { return Vec::new() };
        let answers = self.world.calico_answers();
        let host = endpoint.host.to_string();
        let node = self.lookout.doubtful().hosts.node(&endpoint.host).map(ToString::to_string);
        let of_calico = plan.addresses.iter().filter(|address| address.owner == Owner::Calico);
        let open = of_calico.filter(|address| match answers.of(&plan.uid, address.address) {
            None => matches!(address.action, AddressAction::Free | AddressAction::Keep),
            // It was contested, and is not any more.
            Some(CalicoAnswer::Own(_)) => address.action == AddressAction::Free,
            Some(_) => false,
        });
        let open: Vec<&AddressPlan> = open.collect();
        let is_question = |address: &AddressPlan| address.action == AddressAction::Keep;
        let has_question = open.iter().any(|address| is_question(address));
        let claim = |address| Claim {
            address,
            proof: Proof::Endpoint {
                container: endpoint.container.as_deref().unwrap_or_default().to_owned(),
                namespace: endpoint.id.namespace.to_string(),
                pod: endpoint.pod.to_string(),
                nodes: node.iter().cloned().chain([host.clone()]).collect(),
            },
        };
        let next = open.into_iter().filter(|address| is_question(address) == has_question);
        next.map(|address| Return {
            endpoint: plan.id.clone(),
            uid: plan.uid.clone(),
            claim: claim(address.address),
            is_question: has_question,
        })
        .collect()
    }

    /// Takes in what Calico has answered.
    pub(crate) fn returned(&mut self, returned: Returned, now: Moment) {
        let Returned { returns, result, .. } = returned;
        self.waiting = None;
        self.under_way.gave_back(&returns);
        match result {
            Ok(outcomes) => {
                self.calico_waits = None;
                self.setbacks.clear(&Target::Calico);
                if outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Failed(_))) {
                    self.single.rests();
                }
                for (one, outcome) in returns.into_iter().zip(outcomes) {
                    self.take_answer(one, outcome, now);
                }
            }
            Err(error) => {
                self.calico_waits = match error.failure {
                    StoreFailure::Locked => Some(Reason::CalicoLocked),
                    StoreFailure::Absent(_) => Some(Reason::CalicoAddress),
                    _ => None,
                };
                let error = api_error("give addresses back to Calico".to_owned(), &error);
                self.fail(Target::Calico, error, None, now);
            }
        }
    }

    fn take_answer(&mut self, one: Return, outcome: Outcome, now: Moment) {
        let Return { endpoint, uid, claim, is_question } = one;
        let address = claim.address;
        let answer = match outcome {
            Outcome::Released { reason, .. } if is_question => CalicoAnswer::Own(reason),
            Outcome::Released { reason, .. } => CalicoAnswer::Returned(reason),
            Outcome::AlreadyFree(reason) => CalicoAnswer::AlreadyFree(reason),
            Outcome::Refused(reason) => {
                tracing::warn!(%uid, "{endpoint}: Calico's {address} is not given back: {reason}");
                CalicoAnswer::Refused(reason)
            }
            Outcome::Failed(error) => {
                let error = api_error(format!("give {address} back to Calico"), &error);
                return self.fail(Target::Endpoint(endpoint), error, None, now);
            }
        };
        self.world.observe(Observation::CalicoAnswered(uid, address, answer), now);
    }

    /// Endpoints whose addresses could not be given back to Calico wait, and so told; or that has failed.
    pub(super) fn sort_returns(
        &self,
        endpoints: Vec<EndpointPlan>,
        now: Moment,
    ) -> (Vec<Held>, Vec<(EndpointPlan, String)>) {
        let Some(Setback { error, .. }) = self.setbacks.of(&Target::Calico, now) else {
            return (Vec::new(), Vec::new());
        };
        let error = error.to_string();
        let Some(reason) = self.calico_waits else {
            return (Vec::new(), endpoints.into_iter().map(|endpoint| (endpoint, error.clone())).collect());
        };
        let held = |plan: EndpointPlan| Held {
            slot: plan.slot,
            reason,
            until: None,
            note: Some(error.clone()),
            addresses: plan.addresses.iter().map(super::standing::not_freed).collect(),
        };
        (endpoints.into_iter().map(held).collect(), Vec::new())
    }
}

/// Somebody has to change something about what is locked or cannot be worked with; else it is tried again soon.
fn api_error(request: String, error: &StoreError) -> ApiError {
    let failure = match error.failure {
        StoreFailure::Locked | StoreFailure::Absent(_) | StoreFailure::Unusable(_) => {
            Failure::Refused(error.to_string())
        }
        _ => Failure::Unknown(error.to_string()),
    };
    ApiError { request, failure }
}
