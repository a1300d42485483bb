//! What is to become of the Pods of the node, by what is known now. Pure: how it is done is the worker's.
//!
//! A Pod loses its rules in two cases alone: it is not there any more, or no policy is about it (rules that only count are in its
//! kernel for policies that are audited). That it has no endpoints any more, or
//! that somebody failed to read something, is none.

use std::{collections::BTreeSet, sync::Arc};

use policy_engine::{
    Endpoint, Engine, NamespacedName, Ruleset, World,
    program::{Part, gates},
};

use super::{
    order::{Aim, Order, Rules},
    surroundings::Common,
};

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

/// What is to become of these Pods; nothing is said of those to whom nothing is to be done.
pub(in crate::agent) fn orders<'a>(
    engine: &Engine,
    pods: impl IntoIterator<Item = &'a NamespacedName>,
    common: &Common,
    certainty: Certainty,
) -> Vec<Order> {
    let world = engine.world();
    let groups = engine.rulesets(pods);
    let of_group = |(ruleset, pods): (Option<Ruleset>, Vec<&NamespacedName>)| {
        let ruleset = ruleset.map(|ruleset| Arc::new(expected(ruleset, certainty)));
        let gates = ruleset.as_ref().map(|ruleset| Arc::new(gates(ruleset)));
        let order =
            |pod: &NamespacedName| order(world, pod, ruleset.as_ref().zip(gates.as_ref()), common, certainty);
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
    certainty: Certainty,
) -> Option<Order> {
    let Some(pod) = world.pod(name).filter(|pod| !pod.is_on_host_network) else {
        return Some(Order::gone(name.clone()));
    };
    if certainty == Certainty::Unknown {
        return None;
    }
    // Without endpoints nobody knows which interfaces it has.
    let (ruleset, gates) = rules?;
    let endpoints: Vec<&Endpoint> = world.endpoints_of(name).map(|(_, endpoint)| endpoint).collect();
    // What nothing denies, be it audited or not, is decided by what is known for sure.
    let aim = if ruleset.is_open() && certainty != Certainty::Complete {
        return None;
    } else if ruleset.is_empty() {
        Aim::Open
    } else {
        let surroundings = common.around(pod, &endpoints);
        Aim::Rules(Rules { ruleset: Arc::clone(ruleset), gates: Arc::clone(gates), surroundings })
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

/// Where the Pod's endpoints say that it is. Nothing is done because of what they say.
fn paths(endpoints: &[&Endpoint]) -> Vec<String> {
    let told = endpoints.iter().filter_map(|endpoint| endpoint.netns.as_deref());
    let paths: BTreeSet<&str> = told.collect();
    paths.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
