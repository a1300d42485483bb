//! What is to become of the Pods of the node, by what is known now. Pure: how it is done is the worker's.
//!
//! A Pod loses its rules in three cases alone: it is not there any more, no policy is about it (rules that only count are in its
//! kernel for policies that are audited), or an annotation opens it that was listed. That it has no endpoints any more, or that
//! somebody failed to read something, is none.

use std::{collections::BTreeSet, sync::Arc};

use policy_engine::{
    Endpoint, Engine, NamespacedName, Pod, Policy, Ruleset, World,
    program::{Part, gates},
};

use super::{
    order::{Aim, Order, Rules},
    surroundings::Common,
};
use crate::agent::openings::Openings;

/// How sure it is what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Certainty {
    /// Everything was listed.
    Complete,
    /// It is what was kept of the time before, and what was listed since. Nothing is opened by that.
    Remembered,
    /// Nothing was kept: no agent was here before, or none that knew everything. Nothing is done by what was listed since: peers may be
    /// missing.
    Unknown,
    /// The same as what was remembered, but what was kept of the time before is lost. Whoever was isolated then is not known, so everybody is.
    Lost,
}

/// What counts besides objects.
#[derive(Clone, Copy)]
pub(in crate::agent) struct Ground<'a> {
    pub(in crate::agent) certainty: Certainty,
    pub(in crate::agent) openings: &'a Openings,
}

/// What is to become of these Pods; nothing is said of those to whom nothing is to be done.
pub(in crate::agent) fn orders<'a>(
    engine: &Engine,
    pods: impl IntoIterator<Item = &'a NamespacedName>,
    common: &Common,
    ground: Ground<'_>,
) -> Vec<Order> {
    let world = engine.world();
    let groups = engine.rulesets(pods);
    let of_group = |(ruleset, pods): (Option<Ruleset>, Vec<&NamespacedName>)| {
        let ruleset = ruleset.map(|ruleset| Arc::new(expected(ruleset, ground.certainty)));
        let gates = ruleset.as_ref().map(|ruleset| Arc::new(gates(ruleset)));
        let order =
            |pod: &NamespacedName| order(world, pod, ruleset.as_ref().zip(gates.as_ref()), common, ground);
        pods.into_iter().filter_map(order).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

fn expected(ruleset: Ruleset, certainty: Certainty) -> Ruleset {
    match certainty {
        Certainty::Lost => Ruleset::closed(),
        Certainty::Complete | Certainty::Remembered | Certainty::Unknown => ruleset,
    }
}

fn order(
    world: &World,
    name: &NamespacedName,
    rules: Option<(&Arc<Ruleset>, &Arc<Part>)>,
    common: &Common,
    ground: Ground<'_>,
) -> Option<Order> {
    let Some(pod) = world.pod(name).filter(|pod| !pod.is_on_host_network) else {
        return Some(Order::gone(name.clone()));
    };
    let endpoints: Vec<&Endpoint> = world.endpoints_of(name).map(|(_, endpoint)| endpoint).collect();
    let is_complete = ground.certainty == Certainty::Complete;
    let opening = ground.openings.of(name, &pod.uid);
    let aim = match opening {
        Some(opening) if opening.is_listed && is_wanting(world, name, pod, rules) => Aim::Opened(opening.by),
        // What an agent before left there is not known. Where all is, rules that only count may stay.
        Some(opening) if opening.is_listed && (!is_complete || rules.is_none()) => Aim::Open,
        // It may be open still, or not any more: until that is known it stays as it is.
        Some(opening) if !opening.is_listed && !is_complete => return None,
        _ if ground.certainty == Certainty::Unknown => return None,
        // Without endpoints nobody knows which interfaces it has.
        _ => by_policies(rules?, pod, &endpoints, common, is_complete)?,
    };
    Some(Order {
        pod: name.clone(),
        uid: Arc::clone(&pod.uid),
        was_open: false,
        is_doubtful: world.policies_of(&name.namespace).any(|(_, policy)| policy.spec.subject.is_none()),
        paths: paths(&endpoints),
        aim,
    })
}

/// What becomes of a Pod by what policies say.
fn by_policies(
    (ruleset, gates): (&Arc<Ruleset>, &Arc<Part>),
    pod: &Pod,
    endpoints: &[&Endpoint],
    common: &Common,
    is_complete: bool,
) -> Option<Aim> {
    // What nothing denies, be it audited or not, is decided by what is known for sure.
    if ruleset.is_open() && !is_complete {
        return None;
    }
    if ruleset.is_empty() {
        return Some(Aim::Open);
    }
    let surroundings = common.around(pod, endpoints);
    Some(Aim::Rules(Rules { ruleset: Arc::clone(ruleset), gates: Arc::clone(gates), surroundings }))
}

/// Whether policies deny a Pod something. One without endpoints may have rules of the time when it had some.
fn is_wanting(
    world: &World,
    name: &NamespacedName,
    pod: &Pod,
    rules: Option<(&Arc<Ruleset>, &Arc<Part>)>,
) -> bool {
    let may_select = |policy: &Policy| {
        let spec = &policy.spec;
        !spec.is_audited() && spec.subject.as_ref().is_some_and(|subject| subject.pods.matches(&pod.labels))
    };
    match rules {
        Some((ruleset, _)) => !ruleset.is_open(),
        None => world.policies_of(&name.namespace).any(|(_, policy)| may_select(policy)),
    }
}

/// Where the Pod's endpoints say that it is. Nothing is done because of what they say.
fn paths(endpoints: &[&Endpoint]) -> Vec<String> {
    let told = endpoints.iter().filter_map(|endpoint| endpoint.netns.as_deref());
    let paths: BTreeSet<&str> = told.collect();
    paths.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
