//! Whose a namespace is, said about plain values.

use super::*;

const HOST: u64 = 1;

fn uid(name: &str) -> PodUid {
    PodUid::new(name).expect("a uid")
}

fn namespace(inode: u64) -> NamespaceId {
    NamespaceId { device: 4, inode }
}

fn process(pid: u32, pod: &str, inode: u64) -> Process {
    Process { pid, namespace: namespace(inode), pod: uid(pod), container: None }
}

fn claim(inode: u64) -> Claim {
    Claim { path: format!("/run/netns/{inode}"), found: Ok(namespace(inode)) }
}

fn residents(named: &[u64], processes: &[(u32, &str, u64)]) -> Residents {
    let named = named.iter().copied().map(namespace).collect();
    let processes = processes.iter().map(|(pid, pod, inode)| process(*pid, pod, *inode));
    Residents::new([namespace(HOST)].into(), named, processes)
}

fn homes(decision: &Decision) -> Vec<u64> {
    decision.homes.iter().map(|home| home.process.namespace.inode).collect()
}

fn refusals(decision: Decision) -> Vec<Refusal> {
    decision.refused.into_iter().map(|(_, refusal)| refusal).collect()
}

#[test]
fn a_pod_lives_where_its_processes_are_whatever_its_endpoints_say() {
    let residents = residents(&[], &[(7, "a", 10), (8, "a", 10), (9, "b", 20)]);
    for claims in [vec![], vec![claim(10)], vec![claim(20)], vec![claim(HOST)], vec![claim(99)]] {
        let decision = residents.decide(&uid("a"), &claims);
        assert_eq!(homes(&decision), [10], "{claims:?}");
        assert_eq!(decision.homes[0].process, process(7, "a", 10));
        assert_eq!(decision.homes[0].shared_with, []);
    }
    assert_eq!(residents.decide(&uid("nobody"), &[]), Decision::default());
}

#[test]
fn a_claim_is_refused_in_words() {
    let residents = residents(&[], &[(7, "a", 10), (9, "b", 20)]);
    let gone = Claim { path: "/run/netns/x".to_owned(), found: Err(Refusal::Gone) };
    let claims = [claim(10), claim(HOST), claim(20), claim(99), gone];
    let decision = residents.decide(&uid("a"), &claims);
    let told: Vec<(&str, String)> =
        decision.refused.iter().map(|(path, refusal)| (path.as_str(), refusal.to_string())).collect();
    let expected = [
        ("/run/netns/1", "it is the network namespace of the node itself"),
        ("/run/netns/20", "a process of the Pod with uid b is in it, and none of this Pod"),
        ("/run/netns/99", "no process of the Pod is in it"),
        ("/run/netns/x", "there is nothing at that path, or no longer"),
    ];
    assert_eq!(told, expected.map(|(path, words)| (path, words.to_owned())));
}

#[test]
fn of_two_pods_that_name_one_namespace_the_one_that_is_in_it_has_it() {
    let residents = residents(&[], &[(7, "a", 10)]);
    let of = |pod| residents.decide(&uid(pod), &[claim(10)]);
    assert_eq!((homes(&of("a")), refusals(of("a"))), (vec![10], vec![]));
    assert_eq!((homes(&of("b")), refusals(of("b"))), (vec![], vec![Refusal::OfAnother(uid("a"))]));
}

#[test]
fn the_hosts_namespace_is_nobodys_though_a_process_of_a_pod_is_in_it() {
    let residents = residents(&[HOST], &[(7, "a", HOST), (8, "b", HOST), (9, "b", 20)]);
    let decision = residents.decide(&uid("a"), &[claim(HOST)]);
    assert_eq!((homes(&decision), refusals(decision)), (vec![], vec![Refusal::Host]));
    assert_eq!(homes(&residents.decide(&uid("b"), &[])), [20]);
    assert!(!residents.is_home(&uid("a"), namespace(HOST)));
}

#[test]
fn a_decoy_hides_nothing() {
    let residents = residents(&[], &[(7, "a", 10), (8, "a", 11)]);
    let decision = residents.decide(&uid("a"), &[claim(11)]);
    assert_eq!((homes(&decision), refusals(decision)), (vec![10, 11], vec![]));
}

#[test]
fn of_many_decoys_the_rest_is_counted_and_the_namespace_with_a_name_is_none_of_it() {
    let decoys = (1..=20).map(|number| (number, "a", 100 + u64::from(number)));
    let processes: Vec<_> = decoys.chain([(1_000, "a", 10)]).collect();
    let decision = residents(&[10], &processes).decide(&uid("a"), &[]);
    assert_eq!(homes(&decision), [10, 101, 102, 103, 104, 105, 106, 107]);
    assert_eq!(decision.more, 13);
    let exactly = residents(&[10], &processes[..MOST_HOMES]).decide(&uid("a"), &[]);
    assert_eq!((exactly.homes.len(), exactly.more), (MOST_HOMES, 0));
}

#[test]
fn who_visits_others_gets_no_rules_there_and_takes_nobodys_away() {
    let residents =
        residents(&[], &[(1, "tool", 5), (2, "tool", 10), (7, "a", 10), (3, "tool", 20), (9, "b", 20)]);
    assert_eq!(homes(&residents.decide(&uid("tool"), &[])), [5]);
    let decision = residents.decide(&uid("a"), &[claim(10)]);
    assert_eq!(decision.homes[0].shared_with, []);
    assert_eq!((homes(&decision), refusals(decision)), (vec![10], vec![]));
    let visited = residents.decide(&uid("tool"), &[claim(10)]);
    assert_eq!(refusals(visited), [Refusal::Visited(uid("a"))]);
    assert!(!residents.is_home(&uid("tool"), namespace(10)));
}

#[test]
fn where_it_is_not_clear_who_visits_whom_both_live_there_and_it_is_told() {
    let both = |processes: &[(u32, &str, u64)]| {
        let residents = residents(&[], processes);
        for (pod, other) in [("a", "b"), ("b", "a")] {
            let decision = residents.decide(&uid(pod), &[claim(10)]);
            let home = decision.homes.iter().find(|home| home.process.namespace == namespace(10));
            assert_eq!(home.map(|home| home.shared_with.clone()), Some(vec![uid(other)]), "{processes:?}");
            assert_eq!(refusals(decision), []);
        }
    };
    both(&[(7, "a", 10), (8, "b", 10)]);
    both(&[(7, "a", 10), (8, "b", 10), (9, "a", 11), (10, "b", 12)]);
}

#[test]
fn a_namespace_is_home_as_long_as_a_process_of_its_pod_is_in_it() {
    let before = residents(&[], &[(7, "a", 10)]);
    assert!(before.is_home(&uid("a"), namespace(10)));
    // The number of the namespace, or of the process, was given again.
    for later in [residents(&[], &[]), residents(&[], &[(7, "b", 10)]), residents(&[], &[(7, "a", 11)])] {
        assert!(!later.is_home(&uid("a"), namespace(10)));
    }
}

/// Whatever processes there are: the host's namespace is nobody's, each namespace that a Pod is in has somebody who lives in
/// it, and each Pod that is anywhere lives somewhere.
#[test]
fn no_namespace_is_left_without_an_owner_and_no_pod_without_a_namespace() {
    let pods = ["a", "b", "c"];
    // Each bit says whether a Pod has a process in a namespace, of which the first is the host's.
    for mask in 0_u32..1 << 12 {
        let is_in = |pod: usize, place: usize| mask & (1 << (4 * pod + place)) != 0;
        let mut processes = Vec::new();
        for (number, pod) in pods.iter().enumerate() {
            let places = (0..4).filter(|place| is_in(number, *place));
            processes.extend(places.map(|place| (1, *pod, HOST + place as u64)));
        }
        let residents = residents(&[], &processes);
        let lives = |pod: &str, inode: u64| residents.is_home(&uid(pod), namespace(inode));
        for (number, pod) in pods.iter().enumerate() {
            assert!(!lives(pod, HOST), "{processes:?}");
            let is_anywhere = (1..4).any(|place| is_in(number, place));
            assert_eq!((2..5).any(|inode| lives(pod, inode)), is_anywhere, "{processes:?}");
        }
        for place in 1..4 {
            let has_somebody = (0..3).any(|pod| is_in(pod, place));
            let inode = HOST + place as u64;
            assert_eq!(pods.iter().any(|pod| lives(pod, inode)), has_somebody, "{processes:?}");
        }
    }
}
