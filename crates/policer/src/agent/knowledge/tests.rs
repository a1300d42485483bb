//! What is known after lists that are begun anew, broken objects and objects that come again.

use std::time::{Duration, Instant};

use danm_api::{ApiGroup, ApiType, DanmKind, DanmNetworkPolicy, NetworkKind, Unreadable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use policy_engine::{Condition, NamespacedName, conditions};
use serde_json::{Value, json};

use super::*;
use crate::{
    agent::{feed::Order, openings::Kept, pod_scope::PodScope, source::CORE},
    opening::{OpenedBy, Word},
};

const POLICIES: Source = Source::Danm(ApiType { group: ApiGroup::DanmIo, kind: DanmKind::NetworkPolicy });

const ENDPOINTS: Source = Source::Danm(ApiType { group: ApiGroup::DanmIo, kind: DanmKind::DanmEp });

const NETWORKS: Source =
    Source::Danm(ApiType { group: ApiGroup::DanmIo, kind: DanmKind::Network(NetworkKind::ClusterNetwork) });

fn policy(name: &str, uid: &str, selector: &Value) -> Told {
    let object = json!({"metadata": {"namespace": "x", "name": name, "uid": uid, "resourceVersion": "1"},
                        "spec": {"podSelector": selector}});
    let policy: DanmNetworkPolicy = serde_json::from_value(object).unwrap();
    let record = Record::of(&policy.metadata, policy.conditions.clone());
    Told::policy(Object::policy(ApiGroup::DanmIo, policy), record)
}

fn network(name: &str) -> Told {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    Told::object(Object::network(ApiGroup::DanmIo, NetworkKind::ClusterNetwork, &metadata))
}

const PODS: Source = Source::Pods(PodScope::Local);

fn pod(name: &str) -> Told {
    Told::pod(&serde_json::from_value(json!({"metadata": {"namespace": "x", "name": name}})).unwrap())
}

fn unreadable(object: Value) -> Unreadable {
    let text = |member: &str| object["metadata"][member].as_str().map(str::to_owned);
    let metadata = ObjectMeta { namespace: text("namespace"), name: text("name"), ..ObjectMeta::default() };
    Unreadable { metadata, problem: "it is a teapot".to_owned(), object }
}

fn broken_pod(name: &str) -> Told {
    Told::unreadable(&PODS, unreadable(json!({"metadata": {"namespace": "x", "name": name}})))
}

fn broken_endpoint(pod: &str) -> Told {
    let object = json!({"metadata": {"namespace": "x", "name": "e"}, "spec": {"Pod": pod, "Interface": 7}});
    Told::unreadable(&ENDPOINTS, unreadable(object))
}

fn key(name: &str) -> PolicyKey {
    PolicyKey { name: NamespacedName::new("x", name), group: ApiGroup::DanmIo }
}

impl Knowledge {
    fn sees(&mut self, source: Source, told: Told) {
        self.take(Seen::Changed(source, Change::Apply(Box::new(told))));
    }

    fn lists(&mut self, source: Source, all: impl IntoIterator<Item = Told>) {
        self.take(Seen::Changed(source.clone(), Change::ListBegins));
        for told in all {
            self.take(Seen::Changed(source.clone(), Change::Listed(Box::new(told))));
        }
        self.take(Seen::Changed(source, Change::ListEnds));
    }

    fn pods(&self) -> Vec<String> {
        self.world().pods().map(|(name, _)| name.name.to_string()).collect()
    }

    fn accepted(&self, name: &str) -> String {
        let [Condition { reason, .. }, _] = conditions(self.world(), &key(name)).expect("it is there");
        reason.to_owned()
    }

    /// Asks what to watch after so long. It is not asked so soon again.
    fn orders(&mut self, start: Instant, seconds: u64) -> Vec<Order> {
        self.deepen(start + Duration::from_secs(seconds))
    }

    fn all_stale(&mut self) -> Vec<PolicyKey> {
        self.take_stale(usize::MAX, |_, _| true)
    }
}

#[test]
fn what_a_list_does_not_name_is_gone_once_it_ends() {
    let mut knowledge = Knowledge::default();
    knowledge.lists(PODS, [pod("a"), pod("b"), broken_pod("c")]);
    knowledge.take(Seen::Changed(PODS, Change::ListBegins));
    knowledge.take(Seen::Changed(PODS, Change::Listed(Box::new(pod("b")))));
    assert_eq!(knowledge.pods(), ["a", "b"], "the list may break off");
    knowledge.take(Seen::Changed(PODS, Change::ListBegins));
    knowledge.take(Seen::Changed(PODS, Change::Listed(Box::new(pod("a")))));
    knowledge.take(Seen::Changed(PODS, Change::ListEnds));
    assert_eq!(knowledge.pods(), ["a"]);
    assert_eq!(knowledge.unreadable().count(), 0);
}

#[test]
fn an_object_that_cannot_be_read_counts_as_it_was_through_a_list_too() {
    let mut knowledge = Knowledge::default();
    knowledge.lists(PODS, [pod("a")]);
    knowledge.sees(PODS, broken_pod("a"));
    knowledge.lists(PODS, [broken_pod("a")]);
    assert_eq!(knowledge.pods(), ["a"]);
    let unreadable: Vec<_> =
        knowledge.unreadable().map(|(_, key, problem)| (name_of(key), problem)).collect();
    assert_eq!(unreadable, [("x/a".to_owned(), "it is a teapot")]);

    knowledge.sees(PODS, pod("a"));
    assert_eq!(knowledge.unreadable().count(), 0);
}

#[test]
fn an_endpoint_that_never_could_be_read_makes_its_pod_a_target() {
    let mut knowledge = Knowledge::default();
    knowledge.lists(PODS, [pod("a"), pod("b")]);
    knowledge.lists(ENDPOINTS, [broken_endpoint("a")]);
    let endpoints = |knowledge: &Knowledge, pod: &str| {
        knowledge
            .world()
            .endpoints_of(&NamespacedName::new("x", pod))
            .map(|(_, it)| it.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(endpoints(&knowledge, "a").len(), 1);

    let spec =
        json!({"Pod": "b", "NetworkName": "n", "Interface": {"Name": "eth1", "Address": "10.0.0.1/24"}});
    let object = json!({"apiVersion": "danm.io/v1", "kind": "DanmEp",
                        "metadata": {"namespace": "x", "name": "e"}, "spec": spec});
    knowledge.sees(ENDPOINTS, Told::object(Object::read(&object).unwrap().unwrap()));
    let read = endpoints(&knowledge, "b");
    knowledge.sees(ENDPOINTS, broken_endpoint("a"));
    assert_eq!((endpoints(&knowledge, "b"), endpoints(&knowledge, "a")), (read, vec![]));

    knowledge.lists(ENDPOINTS, []);
    assert!(endpoints(&knowledge, "b").is_empty());
}

#[test]
fn a_policy_that_is_made_again_has_no_earlier_version() {
    let broken = json!("text");
    let mut knowledge = Knowledge::default();
    knowledge.lists(POLICIES, [policy("p", "u1", &json!({})), policy("q", "u2", &json!({}))]);
    // Nobody told that p was deleted: the watch had broken off.
    knowledge.lists(POLICIES, [policy("p", "u3", &broken), policy("q", "u2", &broken)]);
    assert_eq!(knowledge.accepted("p"), "NotUnderstood");
    assert_eq!(knowledge.accepted("q"), "EarlierVersionInForce");
}

#[test]
fn only_what_may_change_a_status_makes_one_look_at_it() {
    let mut knowledge = Knowledge::default();
    knowledge.lists(POLICIES, [policy("p", "u1", &json!({})), policy("q", "u2", &json!({}))]);
    assert_eq!(knowledge.all_stale(), [key("p"), key("q")]);
    let revision = knowledge.revision();

    knowledge.sees(PODS, pod("a"));
    assert_eq!((knowledge.all_stale(), knowledge.revision()), (vec![], revision));

    knowledge.sees(NETWORKS, network("lan1"));
    assert_eq!(knowledge.all_stale().len(), 2);
    assert_ne!(knowledge.revision(), revision);
    let revision = knowledge.revision();
    // As it does with each address that it gives.
    knowledge.sees(NETWORKS, network("lan1"));
    assert_eq!((knowledge.all_stale(), knowledge.revision()), (vec![], revision));

    knowledge.sees(POLICIES, policy("q", "u2", &json!({})));
    assert_eq!(knowledge.all_stale(), [key("q")]);
    knowledge.lists(NETWORKS, []);
    assert_eq!(knowledge.all_stale().len(), 2);
    assert_eq!(knowledge.all_stale(), []);
}

#[test]
fn what_may_not_be_looked_at_now_waits_and_what_is_gone_does_not() {
    let mut knowledge = Knowledge::default();
    knowledge.lists(POLICIES, [policy("p", "u1", &json!({})), policy("q", "u2", &json!({}))]);
    assert_eq!(knowledge.take_stale(2, |policy, _| *policy == key("q")), [key("q")]);
    assert_eq!(knowledge.take_stale(2, |policy, _| *policy == key("q")), []);
    knowledge.mark(key("gone"));
    assert_eq!(knowledge.all_stale(), [key("p")]);
}

#[test]
fn an_answer_that_comes_after_a_later_version_does_not_count() {
    let mut knowledge = Knowledge::default();
    knowledge.sees(POLICIES, policy("p", "u1", &json!({})));
    let written = Record { version: "2".to_owned(), ..Record::default() };
    knowledge.written(&key("p"), "0", written.clone());
    assert_eq!(knowledge.record(&key("p")).map(|(_, record)| record.version.as_str()), Some("1"));
    knowledge.written(&key("p"), "1", written.clone());
    assert_eq!(knowledge.record(&key("p")).map(|(_, record)| record), Some(&written));
}

#[test]
fn everything_is_known_once_the_server_said_what_it_serves_and_all_of_that_was_listed() {
    let mut knowledge = Knowledge::default();
    CORE.into_iter().for_each(|source| knowledge.lists(source, []));
    knowledge.take(Seen::Discovered(Err("no".to_owned())));
    assert_eq!(knowledge.coverage().gaps(), ["the API server does not say what it serves: no"]);
    assert!(!knowledge.coverage().is_complete());
    knowledge.take(Seen::Served(POLICIES));
    knowledge.take(Seen::Discovered(Ok(())));
    assert!(!knowledge.coverage().is_complete());
    knowledge.lists(POLICIES, []);
    assert_eq!(knowledge.coverage().gaps(), ["it is not decided yet which pods are needed in full"]);
    assert!(!knowledge.coverage().is_complete());
    assert_eq!(knowledge.orders(Instant::now(), 0), []);
    assert!(knowledge.coverage().is_complete());

    knowledge.take(Seen::Discovered(Err("later".to_owned())));
    assert!(knowledge.coverage().is_complete(), "what it said before counts");
    knowledge.take(Seen::Unavailable(POLICIES, "forbidden".to_owned()));
    assert_eq!(knowledge.coverage().gaps(), ["danmnetworkpolicies.danm.io: cannot be read: forbidden"]);
    knowledge.take(Seen::Unserved(POLICIES));
    assert!(knowledge.coverage().is_complete(), "of what is not served nobody expects anything");
}

const OTHERS: Source = Source::Pods(PodScope::Others);

fn namespace(name: &str) -> Source {
    Source::Pods(PodScope::Namespace(name.into()))
}

/// A Pod of another node by its metadata alone, or in full.
fn other(name: &str, version: &str, address: Option<&str>) -> Told {
    let metadata = json!({"namespace": "x", "name": name, "uid": name, "resourceVersion": version});
    let addresses: Vec<Value> = address.iter().map(|ip| json!({"ip": ip})).collect();
    Told::pod(
        &serde_json::from_value(json!({"metadata": metadata, "status": {"podIPs": addresses}})).unwrap(),
    )
}

fn endpoint(name: &str, pod: &str) -> Told {
    let object = json!({"apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": {"namespace": "x", "name": name},
                        "spec": {"Pod": pod, "NetworkName": "n"}});
    Told::object(Object::read(&object).unwrap().unwrap())
}

/// Somebody who knows these Pods of other nodes, these endpoints, and nothing else.
fn informed(pods: &[&str], endpoints: &[(&str, &str)]) -> Knowledge {
    let mut knowledge = Knowledge::default();
    CORE.into_iter().filter(|source| *source != OTHERS).for_each(|source| knowledge.lists(source, []));
    knowledge.take(Seen::Served(ENDPOINTS));
    knowledge.take(Seen::Discovered(Ok(())));
    knowledge.lists(OTHERS, pods.iter().map(|name| other(name, "1", None)));
    knowledge.lists(ENDPOINTS, endpoints.iter().map(|(name, pod)| endpoint(name, pod)));
    knowledge
}

fn addresses(knowledge: &Knowledge, name: &str) -> Vec<String> {
    let name = NamespacedName::new("x", name);
    knowledge.world().addresses_of(&name).iter().map(|holder| holder.address.to_string()).collect()
}

#[test]
fn a_namespace_with_a_pod_that_no_endpoint_names_is_watched_in_full() {
    let mut knowledge = informed(&["a", "b"], &[("e", "a")]);
    let start = Instant::now();
    assert_eq!(knowledge.orders(start, 0), [Order::Begin(namespace("x"))]);
    assert!(!knowledge.coverage().is_complete(), "its list belongs to what is needed");
    knowledge.take(Seen::Served(namespace("x")));
    knowledge.lists(namespace("x"), [other("a", "1", Some("10.0.0.1")), other("b", "1", Some("10.0.0.2"))]);
    assert!(knowledge.coverage().is_complete());
    assert_eq!(
        (addresses(&knowledge, "a"), addresses(&knowledge, "b")),
        (vec![], vec!["10.0.0.2".to_owned()])
    );
    assert_eq!(knowledge.orders(start, 1), []);

    knowledge.sees(ENDPOINTS, endpoint("f", "b"));
    assert_eq!(knowledge.orders(start, 2), [], "it is kept for a while");
    assert_eq!(knowledge.orders(start, 1000), [Order::End(namespace("x"))]);
    knowledge.take(Seen::Ended(namespace("x")));
    assert_eq!(knowledge.pods(), ["a", "b"], "they are known by their metadata");
    let b = NamespacedName::new("x", "b");
    assert!(knowledge.world().pod(&b).is_some_and(|pod| pod.addresses.is_empty()));
    assert!(knowledge.coverage().is_complete());
}

#[test]
fn nobody_is_without_an_endpoint_before_all_are_listed() {
    let of_group = |group| Source::Danm(ApiType { group, kind: DanmKind::DanmEp });
    for (first, then) in [(0, 1), (1, 0)] {
        let mut knowledge = Knowledge::default();
        CORE.into_iter().for_each(|source| knowledge.lists(source, []));
        knowledge.sees(OTHERS, other("a", "1", None));
        ApiGroup::ALL.into_iter().for_each(|group| knowledge.take(Seen::Served(of_group(group))));
        knowledge.take(Seen::Discovered(Ok(())));
        knowledge.lists(of_group(ApiGroup::ALL[first]), []);
        let start = Instant::now();
        assert_eq!(knowledge.orders(start, 0), []);
        assert!(!knowledge.coverage().is_complete());
        knowledge.lists(of_group(ApiGroup::ALL[then]), [endpoint("e", "a")]);
        assert_eq!(knowledge.orders(start, 1), []);
        assert!(knowledge.coverage().is_complete());
    }
}

#[test]
fn nobody_can_tell_who_is_without_an_endpoint_before_all_pods_are_listed() {
    let mut knowledge = Knowledge::default();
    CORE.into_iter().filter(|source| *source != OTHERS).for_each(|source| knowledge.lists(source, []));
    knowledge.take(Seen::Served(ENDPOINTS));
    knowledge.take(Seen::Discovered(Ok(())));
    knowledge.lists(ENDPOINTS, []);
    let start = Instant::now();
    assert_eq!(knowledge.orders(start, 0), []);
    knowledge.lists(OTHERS, [other("a", "1", None)]);
    assert_eq!(knowledge.orders(start, 1), [Order::Begin(namespace("x"))]);
}

#[test]
fn more_that_is_needed_later_is_no_gap_unless_it_cannot_be_read() {
    let mut knowledge = informed(&["a"], &[("e", "a")]);
    let start = Instant::now();
    assert_eq!(knowledge.orders(start, 0), []);
    knowledge.take(Seen::Changed(ENDPOINTS, Change::Delete(Box::new(endpoint("e", "a")))));
    assert_eq!(knowledge.orders(start, 1), [], "an endpoint may follow");
    assert_eq!(knowledge.orders(start, 20), [Order::Begin(namespace("x"))]);
    assert!(knowledge.coverage().is_complete());
    knowledge.take(Seen::Unavailable(namespace("x"), "forbidden".to_owned()));
    assert_eq!(knowledge.coverage().gaps(), ["other pods of namespace x: cannot be read: forbidden"]);
}

#[test]
fn a_policy_that_goes_by_names_of_ports_needs_all_pods() {
    let mut knowledge = informed(&["a"], &[("e", "a")]);
    let start = Instant::now();
    assert_eq!(knowledge.orders(start, 0), []);
    let object = json!({"metadata": {"namespace": "x", "name": "p"},
                        "spec": {"podSelector": {}, "egress": [{"ports": [{"port": "web"}]}]}});
    let policy: DanmNetworkPolicy = serde_json::from_value(object).unwrap();
    let record = Record::of(&policy.metadata, policy.conditions.clone());
    let told = || Told::policy(Object::policy(ApiGroup::DanmIo, policy.clone()), record.clone());
    knowledge.sees(POLICIES, told());
    let everywhere = Source::Pods(PodScope::Everywhere);
    assert_eq!(knowledge.orders(start, 1), [Order::Begin(everywhere.clone())]);
    knowledge.take(Seen::Changed(POLICIES, Change::Delete(Box::new(told()))));
    assert_eq!(knowledge.orders(start, 1000), [Order::End(everywhere)]);
}

#[test]
fn where_no_endpoints_are_served_nobody_is_looked_at_closely() {
    let mut knowledge = Knowledge::default();
    CORE.into_iter().for_each(|source| knowledge.lists(source, []));
    knowledge.sees(OTHERS, other("a", "1", None));
    knowledge.take(Seen::Discovered(Ok(())));
    assert_eq!(knowledge.orders(Instant::now(), 0), []);
    assert!(knowledge.coverage().is_complete());
}

#[test]
fn rulesets_are_kept_of_this_nodes_pods_alone() {
    let mut knowledge = informed(&["away"], &[("e", "away"), ("f", "here")]);
    let here = NamespacedName::new("x", "here");
    knowledge.take_changed();
    knowledge.sees(PODS, other("here", "5", None));
    assert_eq!(knowledge.local_pods(), &[here.clone()].into());
    assert_eq!(knowledge.take_changed(), [here.clone()].into());

    knowledge.sees(OTHERS, other("here", "7", None));
    knowledge.take(Seen::Changed(PODS, Change::Delete(Box::new(other("here", "6", None)))));
    assert_eq!((knowledge.local_pods().len(), knowledge.pods()), (0, vec!["away".into(), "here".into()]));
    knowledge.sees(POLICIES, policy("p", "u", &json!({})));
    assert!(knowledge.take_changed().is_empty(), "its rules are another node's business");
}

#[test]
fn another_pod_of_the_same_name_and_what_its_endpoints_say_are_changes_whatever_rules_it_has() {
    let mut knowledge = Knowledge::default();
    let name = NamespacedName::new("x", "a");
    let pod = |uid: &str, version: &str| {
        let metadata = json!({"namespace": "x", "name": "a", "uid": uid, "resourceVersion": version});
        Told::pod(&serde_json::from_value(json!({"metadata": metadata})).unwrap())
    };
    let endpoint = |address: &str| {
        let object = json!({"metadata": {"namespace": "x", "name": "e"},
                            "spec": {"Pod": "a", "NetworkName": "n", "Interface": {"Name": "eth0", "Address": address}}});
        Told::object(Object::endpoint(ApiGroup::DanmIo, &serde_json::from_value(object).unwrap()))
    };
    knowledge.lists(PODS, [pod("1", "1")]);
    knowledge.lists(ENDPOINTS, [endpoint("10.0.0.1/24")]);
    knowledge.take_changed();
    knowledge.lists(PODS, [pod("2", "2")]);
    assert_eq!(knowledge.take_changed(), [name.clone()].into());
    knowledge.sees(ENDPOINTS, endpoint("10.0.0.2/24"));
    assert_eq!(knowledge.take_changed(), [name].into());
    assert!(knowledge.take_changed().is_empty());
}

/// A Namespace, and what its annotation says.
fn annotated(name: &str, word: Option<&str>) -> Told {
    let metadata = json!({"name": name, "annotations": {"danm.io/policer": word}});
    let mut object = json!({"metadata": metadata});
    if word.is_none() {
        object["metadata"]["annotations"] = json!({});
    }
    Told::namespace(serde_json::from_value(object).unwrap())
}

/// Whose annotation opens a Pod, if it is known since the start.
fn opened(knowledge: &Knowledge, pod: &str) -> Option<OpenedBy> {
    let name = NamespacedName::new("x", pod);
    let uid = &knowledge.world().pod(&name)?.uid;
    knowledge.openings().of(&name, uid).filter(|opening| opening.is_listed).map(|opening| opening.by)
}

#[test]
fn what_a_namespace_says_about_being_open_changes_all_its_pods_of_this_node_and_no_others() {
    let mut knowledge = informed(&["away"], &[]);
    let here: BTreeSet<NamespacedName> = ["a", "b"].map(|name| NamespacedName::new("x", name)).into();
    knowledge.lists(PODS, [other("a", "1", None), other("b", "1", None)]);
    knowledge.take_changed();
    for word in [Some("open"), None, Some("open"), Some("ajar"), Some("open")] {
        knowledge.sees(Source::Namespaces, annotated("x", word));
        assert_eq!(knowledge.take_changed(), here, "{word:?}");
        assert_eq!(opened(&knowledge, "a").is_some(), word == Some("open"));
        knowledge.sees(Source::Namespaces, annotated("x", word));
        knowledge.sees(Source::Namespaces, annotated("y", word));
        assert!(knowledge.take_changed().is_empty(), "{word:?}");
    }
    knowledge.sees(PODS, other("late", "1", None));
    assert_eq!(opened(&knowledge, "late"), Some(OpenedBy::Namespace));

    knowledge.take_changed();
    knowledge.lists(Source::Namespaces, [annotated("y", None)]);
    assert_eq!(
        (knowledge.take_changed().len(), opened(&knowledge, "a")),
        (3, None),
        "it is not there any more"
    );
}

#[test]
fn a_namespace_that_cannot_be_read_is_not_open() {
    let mut knowledge = informed(&[], &[]);
    knowledge.lists(PODS, [other("a", "1", None)]);
    knowledge.sees(Source::Namespaces, annotated("x", Some("open")));
    knowledge.take_changed();
    let broken = Told::unreadable(&Source::Namespaces, unreadable(json!({"metadata": {"name": "x"}})));
    knowledge.sees(Source::Namespaces, broken);
    assert_eq!((knowledge.take_changed().len(), opened(&knowledge, "a")), (1, None));
}

#[test]
fn a_pod_says_it_of_itself_where_it_is_heeded_and_on_its_own_node_alone() {
    let says = |name: &str, word: &str| {
        let metadata = json!({"namespace": "x", "name": name, "uid": name, "resourceVersion": "1",
                              "annotations": {"danm.io/policer": word}});
        Told::pod(&serde_json::from_value(json!({"metadata": metadata})).unwrap())
    };
    let mut knowledge = Knowledge::default();
    knowledge.lists(PODS, [says("a", "open")]);
    assert_eq!(opened(&knowledge, "a"), None);

    let mut knowledge = Knowledge::default();
    knowledge.heed_pods();
    knowledge.lists(PODS, [says("a", "open"), says("b", "ajar")]);
    knowledge.lists(OTHERS, [says("away", "open")]);
    assert_eq!(["a", "b", "away"].map(|name| opened(&knowledge, name)), [Some(OpenedBy::Pod), None, None]);
    assert_eq!(knowledge.remembered().openings, [Kept::Pod(NamespacedName::new("x", "a"), "a".into())]);
    knowledge.sees(PODS, says("a", "ajar"));
    assert_eq!(opened(&knowledge, "a"), None);
    knowledge.sees(PODS, says("a", "open"));
    knowledge.take(Seen::Changed(PODS, Change::Delete(Box::new(pod("a")))));
    assert_eq!(knowledge.remembered().openings, []);
    assert_eq!(says("a", "open").word, Some(Word::Open));
}

#[test]
fn what_was_open_is_remembered_and_is_so_no_longer_once_namespaces_are_listed_otherwise() {
    let mut before = informed(&[], &[]);
    before.sees(Source::Namespaces, annotated("x", Some("open")));
    before.lists(PODS, [other("a", "1", None)]);
    let mut knowledge = Knowledge::default();
    knowledge.restore(before.remembered());
    let (name, uid) = (NamespacedName::new("x", "a"), Arc::from("a"));
    assert_eq!((opened(&knowledge, "a"), knowledge.openings().of(&name, &uid).is_some()), (None, true));
    knowledge.take_changed();
    knowledge.lists(Source::Namespaces, [annotated("x", None)]);
    assert_eq!(knowledge.openings().of(&name, &uid), None);
    assert_eq!(knowledge.take_changed(), [name].into());
}
