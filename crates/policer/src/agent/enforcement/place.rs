//! Where the rules of a Pod belong, by what was seen on the node. Pure: who looks is the worker.

use policy_dataplane::{Claim, Decision, PodUid, Process, Refusal, Residents};

use super::order::Order;

/// Where the rules of a Pod belong.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Place {
    /// A process in each of its namespaces.
    pub(super) homes: Vec<Process>,
    /// So many more namespaces it has.
    pub(super) more: usize,
    /// Paths of its endpoints that are not believed, and why.
    pub(super) refused: Vec<(String, String)>,
    /// Why there is one among its namespaces that its rules do not belong in.
    pub(super) problem: Option<String>,
}

// === impl Place ===

impl Place {
    /// Where it is, if these Pods have rules, too.
    ///
    /// # Errors
    /// If nobody can tell.
    pub(super) fn of(
        order: &Order,
        residents: &Residents,
        claims: &[Claim],
        has_rules: impl Fn(&PodUid) -> bool,
    ) -> Result<Self, String> {
        let uid = PodUid::new(&order.uid)
            .ok_or_else(|| format!("the Pod's uid {:?} is none that kubelet makes cgroups for", order.uid))?;
        let decision = residents.decide(&uid, claims);
        let mut place = Self { more: decision.more, refused: refused(&decision), ..Self::default() };
        for home in decision.homes {
            // Rules of two Pods in one namespace would take turns. Only what is privileged can get into another's.
            let yields = order.aim.wants_no_rules() || order.aim.only_audits();
            let comes_first = |other: &&PodUid| yields || **other < uid;
            match home.shared_with.iter().filter(comes_first).find(|other| has_rules(other)) {
                None => place.homes.push(home.process),
                Some(_) if order.aim.wants_no_rules() => {}
                Some(other) => {
                    place.problem = Some(format!(
                        "its network namespace {} is that of the Pod with uid {other}, too, whose rules are there",
                        home.process.namespace
                    ));
                }
            }
        }
        Ok(place)
    }
}

/// What is not believed. Endpoints are made before the first process of a Pod is there, and go after the last one.
fn refused(decision: &Decision) -> Vec<(String, String)> {
    let is_too_early =
        |why: &Refusal| decision.homes.is_empty() && matches!(why, Refusal::Empty | Refusal::Gone);
    let refused = decision.refused.iter().filter(|(_, why)| !is_too_early(why));
    refused.map(|(path, why)| (path.clone(), why.to_string())).collect()
}
