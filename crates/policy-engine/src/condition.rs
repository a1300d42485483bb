//! What a policy's status says of it: whether it is understood, and whether what it names is there. Functions of the objects
//! alone; what is so on one node is no condition of a policy. Who writes them is not known here.

use std::sync::Arc;

use danm_api::{FieldProblem, NetworkName, NetworkRef, PodPeer, PolicyPeer, PolicyRule};

use crate::{Policy, PolicyKey, World};

/// One of a policy's conditions, without the times that a writer adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `Accepted` or `ResolvedRefs`.
    pub r#type: &'static str,
    /// Whether it is so.
    pub is_so: bool,
    /// Why, in one word for programs.
    pub reason: &'static str,
    /// Why, in words for people; fields first, as people look for them.
    pub message: String,
}

/// The longest message: Kubernetes takes 32,768 bytes, and people read less.
const LONGEST_MESSAGE: usize = 2_000;

/// What the status of a policy says of it; none if there is no such policy.
pub fn conditions(world: &World, key: &PolicyKey) -> Option<[Condition; 2]> {
    let policy = world.policy(key)?;
    Some([accepted(policy), resolved(&unresolved(world, key))])
}

fn accepted(policy: &Policy) -> Condition {
    let problems = in_words(&policy.problems);
    let (reason, mut message) = if policy.problems.is_empty() {
        ("Accepted", "all of it is understood".to_owned())
    } else if policy.is_earlier_version {
        (
            "EarlierVersionInForce",
            format!(
                "{problems}: nobody knows whom it is about, and its last version that said so stays in force"
            ),
        )
    } else if policy.spec.subject.is_none() {
        (
            "NotUnderstood",
            format!(
                "{problems}: nobody knows whom it is about, and no Pod of its namespace is covered by it"
            ),
        )
    } else {
        ("EntriesNotUnderstood", format!("{problems}: entries that are not understood allow nobody"))
    };
    if policy.spec.is_audited() {
        message += "; it is audited, and denies nothing";
    }
    Condition { r#type: "Accepted", is_so: policy.problems.is_empty(), reason, message: shortened(message) }
}

fn resolved(unresolved: &[FieldProblem]) -> Condition {
    let is_so = unresolved.is_empty();
    let (reason, message) = if is_so {
        ("ResolvedRefs", "all networks that it names are there".to_owned())
    } else {
        ("NetworkNotFound", in_words(unresolved))
    };
    Condition { r#type: "ResolvedRefs", is_so, reason, message: shortened(message) }
}

fn in_words(problems: &[FieldProblem]) -> String {
    let words: Vec<String> = problems.iter().map(|it| format!("{} {}", it.field, it.problem)).collect();
    words.join("; ")
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        None => message,
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
    }
}

/// What a policy names and nobody has: it selects nothing by that.
pub fn unresolved(world: &World, key: &PolicyKey) -> Vec<FieldProblem> {
    let Some(policy) = world.policy(key) else { return Vec::new() };
    let own = [Arc::clone(&key.name.namespace)];
    let mut found = Vec::new();
    let subject = policy.spec.subject.as_ref().and_then(|subject| subject.networks.as_ref());
    note(world, "spec.networkSelector", subject.into_iter().flatten(), &own, &mut found);
    let directions = [("ingress", "from", &policy.spec.ingress), ("egress", "to", &policy.spec.egress)];
    for (direction, peers, rules) in directions {
        let rules = rules.iter().flatten().enumerate();
        for (index, rule) in rules.filter_map(|(index, rule)| Some((index, rule.as_ref()?))) {
            for (place, peer) in pod_peers(rule) {
                let field = format!("spec.{direction}[{index}].{peers}[{place}].networkSelector");
                let networks = peer.networks.iter().flatten();
                note(world, &field, networks, &namespaces(world, peer, &own), &mut found);
            }
        }
    }
    found
}

fn pod_peers(rule: &PolicyRule) -> impl Iterator<Item = (usize, &PodPeer)> {
    let peers = rule.peers.iter().flatten().enumerate();
    peers.filter_map(|(place, peer)| match peer {
        Some(PolicyPeer::Pods(peer)) => Some((place, peer)),
        Some(PolicyPeer::Block(_)) | None => None,
    })
}

/// The namespaces in which the networks of a peer are looked for.
fn namespaces(world: &World, peer: &PodPeer, own: &[Arc<str>]) -> Vec<Arc<str>> {
    let Some(selector) = &peer.namespaces else { return own.to_vec() };
    let is_meant = |name: &&Arc<str>| world.namespace(name).is_some_and(|labels| selector.matches(labels));
    world.namespaces().filter(is_meant).cloned().collect()
}

fn note<'a>(
    world: &World,
    field: &str,
    networks: impl Iterator<Item = &'a NetworkName>,
    namespaces: &[Arc<str>],
    found: &mut Vec<FieldProblem>,
) {
    // Where no namespace is meant, no network is missing.
    let networks = networks.filter(|_| !namespaces.is_empty());
    for network in networks.filter(|network| !exists(world, network, namespaces)) {
        let problem = format!("names {} {}, and there is no such network", network.kind, network.name);
        found.push(FieldProblem { field: field.to_owned(), problem });
    }
}

fn exists(world: &World, network: &NetworkName, namespaces: &[Arc<str>]) -> bool {
    let name: Arc<str> = Arc::from(&*network.name);
    let nowhere = [Arc::from("")];
    let namespaces = if network.kind.is_namespaced() { namespaces } else { &nowhere };
    namespaces.iter().any(|namespace| world.has_network(&NetworkRef::new(network.kind, namespace, &name)))
}

#[cfg(test)]
mod tests {
    use danm_api::ApiGroup;
    use serde_json::{Value, json};

    use super::*;
    use crate::{NamespacedName, Object};

    fn apply(world: &mut World, object: &Value) {
        world.apply(Object::read(object).unwrap().unwrap());
    }

    fn policy(spec: &Value) -> Value {
        json!({"apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
               "metadata": {"namespace": "x", "name": "p"}, "spec": spec})
    }

    fn conditions_of(world: &World) -> [Condition; 2] {
        let key = PolicyKey { name: NamespacedName::new("x", "p"), group: ApiGroup::DanmIo };
        conditions(world, &key).expect("the policy is there")
    }

    #[test]
    fn a_policy_that_is_understood_and_names_what_is_there_is_accepted_and_resolved() {
        let mut world = World::default();
        apply(
            &mut world,
            &json!({"apiVersion": "danm.io/v1", "kind": "ClusterNetwork", "metadata": {"name": "lan1"}}),
        );
        let from = json!([{"networkSelector": [{"name": "lan1", "type": "ClusterNetwork"}]}]);
        apply(&mut world, &policy(&json!({"ingress": [{"from": from}]})));
        let [accepted, resolved] = conditions_of(&world);
        assert_eq!((accepted.is_so, accepted.reason), (true, "Accepted"));
        assert_eq!((resolved.is_so, resolved.reason), (true, "ResolvedRefs"));
        apply(&mut world, &policy(&json!({"enforcement": "audit"})));
        assert_eq!(
            conditions_of(&world)[0].message,
            "all of it is understood; it is audited, and denies nothing"
        );
    }

    #[test]
    fn an_entry_that_is_not_understood_is_named_with_its_field() {
        let mut world = World::default();
        apply(&mut world, &policy(&json!({"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]})));
        let [accepted, _] = conditions_of(&world);
        assert_eq!((accepted.is_so, accepted.reason), (false, "EntriesNotUnderstood"));
        assert!(
            accepted.message.starts_with("spec.ingress[0].from[0].ipBlock.cidr "),
            "{}",
            accepted.message
        );
    }

    #[test]
    fn a_policy_of_which_nobody_knows_whom_it_is_about_covers_no_pod_or_stays_what_it_was() {
        let broken = policy(&json!({"podSelector": {"matchLabels": {"app": 1}}}));
        let mut world = World::default();
        apply(&mut world, &broken);
        let [accepted, _] = conditions_of(&world);
        assert_eq!((accepted.is_so, accepted.reason), (false, "NotUnderstood"));
        assert!(accepted.message.contains("no Pod of its namespace is covered"), "{}", accepted.message);
        apply(&mut world, &policy(&json!({"podSelector": {}})));
        apply(&mut world, &broken);
        let [accepted, _] = conditions_of(&world);
        assert_eq!((accepted.is_so, accepted.reason), (false, "EarlierVersionInForce"));
    }

    #[test]
    fn of_a_policy_that_is_not_to_be_audited_any_more_the_earlier_version_is_enforced() {
        let mut world = World::default();
        apply(&mut world, &policy(&json!({"podSelector": {}, "enforcement": "audit"})));
        let broken = |enforcement: &str| {
            policy(&json!({"podSelector": {"matchLabels": {"app": 1}}, "enforcement": enforcement}))
        };
        apply(&mut world, &broken("audit"));
        assert!(conditions_of(&world)[0].message.ends_with("it is audited, and denies nothing"));
        apply(&mut world, &broken("enforce"));
        assert!(!conditions_of(&world)[0].message.contains("audited"), "it says so, whoever is meant");
    }

    #[test]
    fn a_network_that_nobody_has_is_named_with_its_field_and_looked_for_where_the_peer_is() {
        let mut world = World::default();
        for namespace in ["x", "y"] {
            let labels = json!({"ns": namespace});
            apply(
                &mut world,
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}),
            );
        }
        apply(
            &mut world,
            &json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmNet", "metadata": {"namespace": "y", "name": "lan1"}}),
        );
        let peer = |namespace: &str| json!({"namespaceSelector": {"matchLabels": {"ns": namespace}}, "networkSelector": [{"name": "lan1"}]});
        apply(
            &mut world,
            &policy(&json!({"ingress": [{"from": [peer("y")]}, {"from": [peer("y"), peer("x")]}]})),
        );
        let [_, resolved] = conditions_of(&world);
        assert_eq!((resolved.is_so, resolved.reason), (false, "NetworkNotFound"));
        assert_eq!(
            resolved.message,
            "spec.ingress[1].from[1].networkSelector names DanmNet lan1, and there is no such network"
        );
    }

    #[test]
    fn a_message_is_never_longer_than_people_read() {
        let mut world = World::default();
        let rules: Vec<Value> = (0..500).map(|_| json!({"from": [{}]})).collect();
        apply(&mut world, &policy(&json!({"ingress": rules})));
        let [accepted, _] = conditions_of(&world);
        assert_eq!(accepted.message.chars().count(), LONGEST_MESSAGE + 1);
    }
}
