//! Addresses that Calico gave: nothing becomes of their endpoints before Calico has answered, and whoever lives with such an
//! address keeps it whatever Calico says.

use danm_ipam::{AllocBits, BitIndex};
use leak_judge::{
    Action,
    AddressAction::{AlreadyFree, Free, Keep, Refuse},
    CalicoAnswer, EndpointPlan, Observation, Reason, Uid, Verdict,
};
use serde_json::{Value, json};
use testkit::objects::{with, with_bits};

use crate::cluster::{Cluster, Round, ep, net, pod};

const ADDRESS: &str = "10.233.64.7";

fn of_calico(name: &str, pod: &str) -> Value {
    with(ep(name, pod, &format!("{ADDRESS}/32")), "/spec/NetworkType", "calico")
}

/// A cluster with one dead endpoint, `e`, whose address Calico gave.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(with(net("n", &[5]), "/spec/NetworkType", "calico"));
    cluster.apply(of_calico("e", "gone"));
    cluster
}

fn uid_of(cluster: &Cluster, name: &str) -> Uid {
    let mut all = cluster.world.endpoints().iter();
    let endpoint = all.find(|(_, endpoint)| endpoint.id.name.to_string() == name);
    endpoint.expect("it is there").1.uid.clone()
}

fn answer(cluster: &mut Cluster, name: &str, address: &str, answer: CalicoAnswer) {
    let uid = uid_of(cluster, name);
    cluster.observe(Observation::CalicoAnswered(uid, address.parse().expect("an address"), answer));
}

/// The endpoints that wait for Calico, with the addresses that are to be given back.
fn returns(round: &Round) -> Vec<(String, Vec<String>)> {
    let addresses = |plan: &EndpointPlan| {
        let free = plan.addresses.iter().filter(|address| address.action == Free);
        free.map(|address| address.address.to_string()).collect()
    };
    let returns = round.plan.returns.iter().filter(|plan| !is_question(plan));
    returns.map(|plan| (plan.id.name.to_string(), addresses(plan))).collect()
}

/// The endpoints about which Calico is only asked.
fn asks(round: &Round) -> Vec<String> {
    let asks = round.plan.returns.iter().filter(|plan| is_question(plan));
    asks.map(|plan| plan.id.name.to_string()).collect()
}

fn is_question(plan: &EndpointPlan) -> bool {
    plan.addresses.iter().any(|address| address.action == Keep)
}

fn awaits_calico(round: &Round, name: &str) {
    assert_eq!(returns(round), [(name.to_owned(), vec![ADDRESS.to_owned()])]);
    round.deletes_not(name);
}

#[test]
fn an_address_is_given_back_to_calico_before_its_endpoint_goes() {
    let mut cluster = cluster();
    awaits_calico(&cluster.settle(), "e");
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Returned("its handle".to_owned()));
    let round = cluster.round();
    assert_eq!(returns(&round), []);
    round.releases("e", &[(ADDRESS, Free)]);
}

/// Scenario 52.
#[test]
fn what_calico_has_back_already_is_no_obstacle() {
    let mut cluster = cluster();
    cluster.settle();
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::AlreadyFree("it is free".to_owned()));
    cluster.round().releases("e", &[(ADDRESS, AlreadyFree)]);
}

/// Scenario 49.
#[test]
fn where_calico_gave_the_address_again_only_the_endpoint_goes() {
    let mut cluster = cluster();
    cluster.settle();
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Refused("another's handle".to_owned()));
    let round = cluster.round();
    round.releases("e", &[(ADDRESS, Refuse)]);
    assert!(round.row("e").evidence.iter().any(|line| line.contains("another's handle")));
}

#[test]
fn an_answer_about_one_address_is_none_about_another() {
    let mut cluster = cluster();
    cluster.settle();
    answer(&mut cluster, "e", "10.233.64.8", CalicoAnswer::AlreadyFree("it is free".to_owned()));
    awaits_calico(&cluster.round(), "e");
}

#[test]
fn an_answer_goes_with_its_endpoint() {
    let mut cluster = cluster();
    cluster.settle();
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::AlreadyFree("it is free".to_owned()));
    let uid = uid_of(&cluster, "e");
    cluster.delete(of_calico("e", "gone"));
    cluster.world.prune();
    let address = ADDRESS.parse().expect("an address");
    assert_eq!(cluster.world.calico_answers().of(&uid, address), None);
}

#[test]
fn endpoints_of_calico_are_kept_where_giving_back_is_switched_off() {
    let mut cluster = cluster();
    cluster.rules.calico = false;
    let round = cluster.settle();
    round.spares("e", Verdict::Dangling, Reason::CalicoAddress);
    assert_eq!(round.row("e").action, Action::Kept);
    assert_eq!(returns(&round), []);
}

/// Scenario 34: of two addresses DANM gave the one and Calico the other. Neither is forgotten for the other's sake.
#[test]
fn an_endpoint_of_both_goes_when_both_addresses_are_settled() {
    let mut cluster = Cluster::new();
    cluster.apply(with(net("n", &[5]), "/spec/NetworkType", "calico"));
    let mixed = with(of_calico("mixed", "gone"), "/spec/Interface/Address", "10.0.0.5/24");
    cluster.apply(with(mixed, "/spec/Interface/AddressIPv6", "fd00::7/128"));
    let round = cluster.settle();
    assert_eq!(returns(&round), [("mixed".to_owned(), vec!["10.0.0.5".to_owned(), "fd00::7".to_owned()])]);
    round.deletes_not("mixed");
    assert_eq!(round.set_bits("n"), None, "its bit is its trace, too");

    answer(&mut cluster, "mixed", "fd00::7", CalicoAnswer::Returned("its handle".to_owned()));
    let round = cluster.round();
    round.releases("mixed", &[("10.0.0.5", Free), ("fd00::7", Free)]);
    let alloc = round.plan.networks[0].write.as_ref().and_then(|write| write.alloc.as_deref());
    let bits = AllocBits::decode(alloc.expect("IPv4 is written"), 256).expect("a /24");
    assert!(!bits.is_set(BitIndex(5)));
}

/// Whatever else an endpoint waits for comes first: what was given back cannot be taken again.
#[test]
fn nothing_is_given_back_while_the_other_address_is_held() {
    let mut cluster = Cluster::new();
    cluster.apply(with(with_bits(net("n", &[]), &[5]), "/spec/Options/alloc", "AAAA"));
    let mixed = with(of_calico("mixed", "gone"), "/spec/Interface/Address", "10.0.0.5/24");
    cluster.apply(with(mixed, "/spec/Interface/AddressIPv6", "fd00::7/128"));
    let round = cluster.settle();
    round.spares("mixed", Verdict::Dangling, Reason::NetworkUnreadable);
    assert_eq!(returns(&round), []);
}

/// Scenario 58: Calico's account may be of yesterday, as after a data store was restored.
#[test]
fn an_address_that_a_living_endpoint_names_is_not_given_back() {
    let mut cluster = cluster();
    cluster.apply(pod("alive"));
    let mut rival = of_calico("rival", "alive");
    rival = with(rival, "/spec/NetworkName", "another");
    cluster.apply(rival.clone());
    let round = cluster.settle();
    assert_eq!(asks(&round), ["e"]);

    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Own("its handle".to_owned()));
    let round = cluster.round();
    assert_eq!((returns(&round), asks(&round)), (vec![], vec![]));
    round.spares("e", Verdict::Dangling, Reason::PodHasAddress);

    cluster.delete(rival);
    assert_eq!(returns(&cluster.round()).len(), 1, "nobody contests it any more");
}

/// Scenario 49.
#[test]
fn of_an_address_that_a_living_endpoint_names_calico_may_say_that_it_is_not_the_dead_ones() {
    let mut cluster = cluster();
    cluster.apply(pod("alive"));
    cluster.apply(with(of_calico("rival", "alive"), "/spec/NetworkName", "another"));
    cluster.settle();
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Refused("another's handle".to_owned()));
    cluster.round().releases("e", &[(ADDRESS, Refuse)]);
}

/// Scenario 58.
#[test]
fn an_endpoint_that_was_edited_to_name_another_uid_than_its_living_pods_frees_nothing() {
    let mut cluster = cluster();
    let living = with(pod("gone"), "/metadata/uid", "of-the-pod-that-lives");
    cluster.apply(with(living.clone(), "/metadata/creationTimestamp", "2026-11-01T10:59:59Z"));
    let round = cluster.settle();
    assert_eq!((returns(&round), asks(&round)), (vec![], vec!["e".to_owned()]));
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Own("its handle".to_owned()));
    cluster.round().spares("e", Verdict::Dangling, Reason::PodHasAddress);

    // A successor is younger than the endpoint of its predecessor.
    cluster.apply(with(living, "/metadata/creationTimestamp", "2026-11-01T11:00:01Z"));
    assert_eq!(returns(&cluster.round()).len(), 1);
}

#[test]
fn endpoints_that_are_dead_together_are_no_rivals() {
    let mut cluster = cluster();
    cluster.apply(of_calico("f", "gone-too"));
    let round = cluster.settle();
    assert_eq!(returns(&round).len(), 2);
}

/// Whoever was refused for the sake of an endpoint that is found dead later has left its address in Calico's account for
/// ever.
#[test]
fn an_endpoint_of_calico_waits_for_a_rival_that_is_not_proved_dead_yet() {
    let mut cluster = cluster();
    cluster.settle();
    cluster.apply(of_calico("later", "gone-too"));
    assert_eq!(asks(&cluster.round()), ["e"]);
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Own("its handle".to_owned()));
    cluster.round().spares("e", Verdict::Dangling, Reason::DeadRival);
    assert_eq!(returns(&cluster.settle()).len(), 2);
}

/// The mirror of a static Pod comes and goes under new uids.
#[test]
fn an_address_that_a_static_pod_s_endpoint_names_is_not_given_back() {
    let mut cluster = cluster();
    let mirror = json!({"kubernetes.io/config.mirror": "hash"});
    let made_anew = with(pod("static"), "/metadata/annotations", mirror);
    cluster.apply(with(made_anew, "/metadata/uid", "11111111-0000-0000-0000-00000000000b"));
    cluster.apply(of_calico("of-static", "static"));
    assert_eq!(asks(&cluster.settle()), ["e"]);
}

/// Also one that has no endpoint at all.
#[test]
fn an_address_that_a_living_pod_says_to_have_is_not_given_back() {
    let by_status = with(pod("alive"), "/status/podIPs", json!([{"ip": "10.0.0.1"}, {"ip": ADDRESS}]));
    let noted = json!({"cni.projectcalico.org/podIPs": format!("{ADDRESS}/32,fd00::1/128")});
    let by_annotation = with(pod("alive"), "/metadata/annotations", noted);
    for alive in [by_status, by_annotation] {
        let mut cluster = cluster();
        cluster.apply(alive.clone());
        assert_eq!(asks(&cluster.settle()), ["e"]);
        answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Own("its handle".to_owned()));
        cluster.round().spares("e", Verdict::Dangling, Reason::PodHasAddress);

        cluster.delete(alive);
        awaits_calico(&cluster.round(), "e");
    }
}

#[test]
fn the_status_of_a_pod_that_has_ended_holds_nothing() {
    let mut cluster = cluster();
    let ended = with(pod("job"), "/status/podIPs", json!([{"ip": ADDRESS}]));
    let ended = with(with(ended, "/spec/restartPolicy", "Never"), "/status/phase", "Succeeded");
    cluster.apply(ended);
    awaits_calico(&cluster.settle(), "e");
}

/// An address of a Pod that was listed anew, or made anew under its name, is not counted twice.
#[test]
fn a_pod_that_is_seen_again_holds_its_address_once() {
    let mut cluster = cluster();
    let alive = with(pod("alive"), "/status/podIPs", json!([{"ip": ADDRESS}]));
    cluster.apply(alive.clone());
    cluster.apply(alive.clone());
    let successor = with(alive, "/metadata/uid", "11111111-0000-0000-0000-00000000000a");
    cluster.apply(successor.clone());
    cluster.settle();
    cluster.list(vec![with(pod("other"), "/status/podIPs", json!([]))]);
    awaits_calico(&cluster.round(), "e");
}

#[test]
fn an_endpoint_that_cannot_be_understood_holds_the_address_it_names() {
    let mut cluster = cluster();
    cluster.apply(with(of_calico("garbled", "alive"), "/spec/apiType", "NoSuchKind"));
    assert_eq!(asks(&cluster.settle()), ["e"]);
    answer(&mut cluster, "e", ADDRESS, CalicoAnswer::Own("its handle".to_owned()));
    cluster.round().spares("e", Verdict::Dangling, Reason::UnreadableEndpoint);
}

#[test]
fn the_container_is_kept_in_full_where_it_proves_ownership_and_nowhere_else() {
    let mut cluster = cluster();
    cluster.apply(ep("of-danm", "gone", "10.0.0.9/24"));
    let container = |name: &str| {
        let mut all = cluster.world.endpoints().iter();
        let endpoint = all.find(|(_, endpoint)| endpoint.id.name.to_string() == name).expect("it is there").1;
        endpoint.container.as_deref().map(str::to_owned)
    };
    assert_eq!(container("e"), of_calico("e", "gone")["spec"]["CID"].as_str().map(str::to_owned));
    assert_eq!(container("of-danm"), None);
}
