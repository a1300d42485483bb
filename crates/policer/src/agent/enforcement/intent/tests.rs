//! What becomes of Pods by what is known.

use policy_engine::Engine;

use super::*;
use crate::agent::enforcement::{
    fixture::{apply, endpoint, engine, name, open_namespace, pod, policy},
    surroundings::Exceptions,
};

/// Pod `a` is isolated, `b` is not, `bare` has no endpoint, and `host` is part of its node.
fn town() -> Engine {
    let mut host = pod("host", "4", "192.0.2.1");
    host["spec"]["hostNetwork"] = true.into();
    engine(&[
        pod("a", "1", "10.0.0.1"),
        pod("b", "2", "10.0.0.2"),
        pod("bare", "3", "10.0.0.3"),
        host,
        endpoint("a", "eth0", ["10.0.0.1/24", ""]),
        endpoint("a", "net1", ["10.1.0.1/24", ""]),
        endpoint("b", "eth0", ["10.0.0.2/24", ""]),
        endpoint("host", "eth0", ["192.0.2.1/24", ""]),
        policy("a", &["10.9.0.0/16"]),
        policy("bare", &[]),
        policy("host", &[]),
    ])
}

/// What is ordered: Pods, and in a word what is to become of them.
fn decided(certainty: Certainty) -> Vec<(String, &'static str)> {
    decided_with(certainty, &Openings::default())
}

/// The same, where this is open.
fn decided_with(certainty: Certainty, openings: &Openings) -> Vec<(String, &'static str)> {
    let engine = town();
    let names = ["a", "b", "bare", "host", "nobody"].map(name);
    let common = Common::of(engine.world(), &Exceptions::none(), &BTreeSet::new());
    let told = orders(&engine, &names, &common, Ground { certainty, openings }).into_iter().map(|order| {
        let aim = match order.aim {
            Aim::Rules(rules) if *rules.ruleset == Ruleset::closed() => "closed",
            Aim::Rules(_) => "rules",
            Aim::Open => "open",
            Aim::Opened(_) => "opened",
            Aim::Gone => "gone",
        };
        (order.pod.name.to_string(), aim)
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

#[test]
fn rules_that_only_count_are_there_once_everything_is_known() {
    let mut audited = policy("b", &["10.9.0.0/16"]);
    audited["spec"]["enforcement"] = "audit".into();
    let engine = engine(&[pod("b", "2", "10.0.0.2"), endpoint("b", "eth0", ["10.0.0.2/24", ""]), audited]);
    let common = Common::of(engine.world(), &Exceptions::none(), &BTreeSet::new());
    let pods = [name("b")];
    let (none, open) = (Openings::default(), open_namespace());
    let told_with = |openings, certainty| orders(&engine, &pods, &common, Ground { certainty, openings });
    let told = |certainty| told_with(&none, certainty);
    for complete in [told(Certainty::Complete), told_with(&open, Certainty::Complete)] {
        assert!(
            matches!(&complete[..], [Order { aim: Aim::Rules(rules), .. }] if rules.only_audit()),
            "{complete:?}"
        );
    }
    let opened = told_with(&open, Certainty::Remembered);
    assert!(matches!(&opened[..], [Order { aim: Aim::Open, .. }]), "{opened:?}");
    assert_eq!(told(Certainty::Remembered), [], "what somebody left there may deny, and stays");
    let lost = told(Certainty::Lost);
    assert!(matches!(&lost[..], [Order { aim: Aim::Rules(rules), .. }] if !rules.only_audit()), "{lost:?}");
}

fn expected(all: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    all.iter().map(|(pod, aim)| ((*pod).to_owned(), *aim)).collect()
}

#[test]
fn by_what_is_known_pods_have_rules_or_none_and_nobody_touches_the_node() {
    let all = [("a", "rules"), ("b", "open"), ("host", "gone"), ("nobody", "gone")];
    assert_eq!(decided(Certainty::Complete), expected(&all));
}

#[test]
fn by_what_was_last_known_nothing_is_opened() {
    let all = [("a", "rules"), ("host", "gone"), ("nobody", "gone")];
    assert_eq!(decided(Certainty::Remembered), expected(&all));
}

#[test]
fn if_what_was_known_is_lost_everybody_is_closed() {
    let all = [("a", "closed"), ("b", "closed"), ("host", "gone"), ("nobody", "gone")];
    assert_eq!(decided(Certainty::Lost), expected(&all));
}

#[test]
fn where_nothing_was_ever_known_nothing_is_done() {
    assert_eq!(decided(Certainty::Unknown), expected(&[("host", "gone"), ("nobody", "gone")]));
}

/// Without endpoints `bare` may have the rules of a time when it had some.
#[test]
fn what_is_listed_as_open_is_opened_however_little_else_is_known() {
    let openings = open_namespace();
    let all = [("a", "opened"), ("b", "open"), ("bare", "opened"), ("host", "gone"), ("nobody", "gone")];
    for certainty in [Certainty::Complete, Certainty::Remembered, Certainty::Unknown] {
        assert_eq!(decided_with(certainty, &openings), expected(&all), "{certainty:?}");
    }
    // Nobody knows whom policies are about then.
    let all = [("a", "opened"), ("b", "opened"), ("bare", "opened"), ("host", "gone"), ("nobody", "gone")];
    assert_eq!(decided_with(Certainty::Lost, &openings), expected(&all));
}

#[test]
fn what_was_open_when_it_was_known_last_is_left_as_it_is_and_has_rules_once_everything_is_known() {
    let mut openings = Openings::default();
    openings.restore(open_namespace().kept());
    let nothing = expected(&[("host", "gone"), ("nobody", "gone")]);
    assert_eq!(decided_with(Certainty::Remembered, &openings), nothing);
    assert_eq!(decided_with(Certainty::Complete, &openings), decided(Certainty::Complete));
}

#[test]
fn an_order_tells_which_pod_it_is_and_where_its_endpoints_say_that_it_is() {
    let engine = town();
    let common = Common::of(engine.world(), &Exceptions::none(), &BTreeSet::new());
    let ground = Ground { certainty: Certainty::Complete, openings: &Openings::default() };
    let orders = orders(&engine, [&name("a")], &common, ground);
    assert_eq!((&*orders[0].uid, &orders[0].paths[..]), ("1", &["/run/netns/a".to_owned()][..]));
}

#[test]
fn an_order_tells_whether_a_policy_of_the_namespace_may_be_about_the_pod_though_nobody_knows() {
    let mut engine = town();
    let common = Common::of(engine.world(), &Exceptions::none(), &BTreeSet::new());
    let doubtful = |engine: &Engine| {
        let ground = Ground { certainty: Certainty::Complete, openings: &Openings::default() };
        let orders = orders(engine, [&name("a"), &name("b")], &common, ground);
        orders.into_iter().map(|order| order.is_doubtful).collect::<Vec<_>>()
    };
    assert_eq!(doubtful(&engine), [false, false]);
    let mut lost = policy("lost", &[]);
    lost["spec"]["podSelector"] = serde_json::json!({"matchLabels": {"app": 1}});
    lost["metadata"]["namespace"] = "y".into();
    apply(&mut engine, &[lost.clone()]);
    assert_eq!(doubtful(&engine), [false, false], "it is of another namespace");
    lost["metadata"]["namespace"] = "x".into();
    apply(&mut engine, &[lost]);
    assert_eq!(doubtful(&engine), [true, true]);
}
