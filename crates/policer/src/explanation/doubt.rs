//! What is not enforced, or not sure, about a connection: people who look for a fault have to know what the answer rests on.

use std::collections::BTreeSet;

use danm_api::{FieldProblem, Protocol};
use policy_engine::{
    Attachment, InterfaceName, NamespacedName, NoTarget, Policy, PolicyKey, World, unresolved,
};

use super::{End, Pair, Question, ServiceRow};
use crate::{
    command::render::no_target,
    opening::{ANNOTATION, OpenedBy},
    parties::Party,
    place::places,
    probe::Probe,
};

/// Everything that is in doubt, each once.
pub(super) fn doubts(
    question: Question<'_>,
    pairs: &[(&Party, &Party)],
    rows: &[Pair],
    service: Option<&ServiceRow>,
) -> Vec<String> {
    let parties = pairs.iter().flat_map(|(from, to)| [*from, *to]);
    let mut doubts: Vec<String> = parties.flat_map(|party| of_party(question, party)).collect();
    let pods: BTreeSet<&NamespacedName> =
        pairs.iter().flat_map(|(from, to)| [&from.pod, &to.pod]).flatten().collect();
    doubts.extend(pods.iter().flat_map(|pod| of_policies(question, pod)));
    doubts.extend(service.and_then(of_service));
    doubts.extend(of_exceptions(question, pairs, rows));
    if pairs.iter().all(|(from, to)| from.place.is_none() && to.place.is_none()) {
        doubts.push("no Pod with interfaces of its own is at either end: no policy is asked".to_owned());
    }
    let mut seen = BTreeSet::new();
    doubts.retain(|doubt| seen.insert(doubt.clone()));
    doubts
}

/// What is odd about one end.
fn of_party(question: Question<'_>, party: &Party) -> Vec<String> {
    let world = question.world();
    let Some(pod) = &party.pod else {
        let is_service = world.services().any(|(_, service)| service.addresses.contains(&party.address));
        let is_node =
            world.pods().any(|(_, pod)| pod.is_on_host_network && pod.addresses.contains(&party.address));
        return match (is_service, is_node) {
            (true, _) => Vec::new(),
            (false, true) => vec![format!("{} is a node's address", party.address)],
            (false, false) => vec![format!("{} is no address of a Pod that is known", party.address)],
        };
    };
    let Some(place) = &party.place else {
        return vec![format!("Pod {pod} {}", no_target(NoTarget::OnHostNetwork))];
    };
    if !place.has_endpoint {
        return vec![format!("Pod {pod} {}", no_target(NoTarget::WithoutEndpoints))];
    }
    let attachment = attachment(question, pod, place.interface.as_ref());
    [attachment, held_by_others(world, party), opened(question, pod)].into_iter().flatten().collect()
}

fn attachment(
    question: Question<'_>,
    pod: &NamespacedName,
    interface: Option<&InterfaceName>,
) -> Option<String> {
    let world = question.world();
    let Some(name) = interface else {
        return Some(format!("a DanmEp of Pod {pod} names no interface that there can be"));
    };
    match world.interfaces_of(pod).get(&interface.cloned())?.attachment() {
        Attachment::On(network) if question.inventory.has_networks() && !world.has_network(&network) => {
            Some(format!("{name} of Pod {pod} is on {network}, and there is no such network"))
        }
        Attachment::On(_) => None,
        Attachment::Nowhere => Some(format!("nobody knows on which network {name} of Pod {pod} is")),
        Attachment::Unclear => Some(format!(
            "DanmEps do not agree on which network {name} of Pod {pod} is: no Pod is recognised there"
        )),
    }
}

/// An annotation of the Pod, which counts where agents heed it: that is not known here.
fn opened(question: Question<'_>, pod: &NamespacedName) -> Option<String> {
    (question.inventory.opened_by(pod)? == OpenedBy::Pod).then(|| {
        format!("Pod {pod} has the annotation {ANNOTATION}: where agents run with --pod-annotation, no policy is enforced in it")
    })
}

/// An address that several hold on a network is any of theirs: a peer has to mean all of them.
fn held_by_others(world: &World, party: &Party) -> Option<String> {
    let network = party.network()?;
    let holders: BTreeSet<NamespacedName> = places(world)
        .into_iter()
        .filter(|place| place.address == party.address && place.network.as_ref() == Some(network))
        .map(|place| place.pod)
        .collect();
    let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
    (names.len() > 1).then(|| {
        let (address, names) = (party.address, names.join(" and "));
        format!("{address} is held by {names} on {network}: a peer has to mean all of them")
    })
}

/// What is not understood, or does not exist, in policies that are about a Pod, or may be.
fn of_policies(question: Question<'_>, pod: &NamespacedName) -> Vec<String> {
    let world = question.world();
    let Some(labels) = world.pod(pod).map(|pod| &pod.labels) else { return Vec::new() };
    let of_namespace = world.policies_of(&pod.namespace);
    let may_be_about =
        |policy: &Policy| policy.spec.subject.as_ref().is_none_or(|subject| subject.pods.matches(labels));
    let mut doubts = Vec::new();
    for (key, _) in of_namespace.filter(|(_, policy)| may_be_about(policy)) {
        let problems = question.inventory.problems_of(key);
        doubts.extend(problems.iter().map(|problem| problem.trim_start_matches("warning: ").to_owned()));
        if question.inventory.has_networks() {
            doubts.extend(unknown_networks(world, key));
        }
    }
    doubts
}

/// Networks that a policy names and nobody has: it selects nothing by them.
fn unknown_networks(world: &World, key: &PolicyKey) -> impl Iterator<Item = String> {
    let unresolved = unresolved(world, key).into_iter();
    unresolved.map(move |FieldProblem { field, problem }| format!("policy {key} {field} {problem}"))
}

fn of_service(service: &ServiceRow) -> Option<String> {
    match &service.port {
        None => Some(format!("Service {} has no such port", service.name)),
        Some(_) if service.answering.is_empty() => {
            Some(format!("nobody is ready to answer for Service {}", service.name))
        }
        Some(_) => None,
    }
}

/// What the node agent lets pass whatever policies say, which is not counted here.
fn of_exceptions(question: Question<'_>, pairs: &[(&Party, &Party)], rows: &[Pair]) -> Vec<String> {
    let is_denied = |end: Option<&End>| end.is_some_and(|end| !end.is_allowed);
    let is_dns = matches!(question.probe, Probe::Port(Protocol::Tcp | Protocol::Udp, 53));
    let dns = (is_dns && rows.iter().any(|row| is_denied(row.egress.as_ref()))).then(|| {
        "not counted here: an agent would let the cluster's own DNS pass, unless told otherwise".to_owned()
    });
    let is_outside = pairs.iter().any(|(from, _)| from.place.is_none());
    let node = (is_outside && rows.iter().any(|row| is_denied(row.ingress.as_ref())))
        .then(|| "not counted here: an agent would let a Pod's own node in at its first interface, unless told otherwise".to_owned());
    dns.into_iter().chain(node).collect()
}
