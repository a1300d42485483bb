//! Connections that are older than the first rules of a Pod: TCP is judged by how it was opened, whoever speaks first. Of UDP nobody
//! knows who asked and who answered: whoever speaks first under the rules is taken for who asks. So where only what comes in is
//! isolated, a Pod that answers strangers all the time goes on with what it tells them, and they are heard once it has spoken.

use policy_dataplane::End;
use serde_json::{Value, json};

use crate::{
    link::{PORTS, Way, hears, refusal},
    star::{Star, friend_on, nothing},
    tcp::{is_reset, pass},
};

fn isolated(policy_types: &[&str]) -> Value {
    json!({"policyTypes": policy_types})
}

/// What becomes of a TCP connection under rules that are younger, by how it is.
fn each_tcp(policies: &[Value], goes_on: impl Fn(Way) -> bool) {
    let Some(mut star) = Star::new() else { return };
    let links: Vec<_> = Way::all().map(|way| way.tcp(&star)).collect();
    star.enforce(policies);
    for link in &links {
        let (first, second) = link.ends(link.way.speaker);
        if goes_on(link.way) {
            assert_eq!(pass(first, second, 100_000), Ok(()), "{:?}", link.way);
            assert_eq!(pass(second, first, 100_000), Ok(()), "{:?}", link.way);
        } else {
            assert!(is_reset(first).expect("it is told"), "{:?}", link.way);
            assert!(is_reset(second).expect("it is told"), "{:?}", link.way);
        }
    }
}

#[test]
fn a_connection_older_than_the_rules_goes_on_if_they_allow_it() {
    each_tcp(&[friend_on(&PORTS)], |_| true);
}

#[test]
fn a_connection_older_than_the_rules_is_cut_if_they_deny_it_whoever_speaks() {
    each_tcp(&[nothing()], |_| false);
}

#[test]
fn what_the_pod_says_makes_no_outward_connection_of_an_older_inward_one() {
    each_tcp(&[isolated(&["Ingress"])], |way| way.opened_by == End::Local);
}

#[test]
fn what_comes_in_makes_no_inward_connection_of_an_older_outward_one() {
    each_tcp(&[isolated(&["Egress"])], |way| way.opened_by == End::Remote);
}

#[test]
fn datagrams_that_are_older_than_the_rules_are_judged_by_who_speaks_first_under_them() {
    let Some(mut star) = Star::new() else { return };
    let links: Vec<_> = Way::all().map(|way| way.udp(&star)).collect();
    star.enforce(&[isolated(&["Ingress"])]);
    for link in &links {
        let (first, second) = link.ends(link.way.speaker);
        match link.way.speaker {
            End::Local => {
                hears(first, second);
                hears(second, first);
            }
            End::Remote => {
                assert_ne!(refusal(first).kind(), std::io::ErrorKind::WouldBlock, "{:?}", link.way);
            }
        }
    }
}
