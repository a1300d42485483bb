//! A Pod that several watches tell of, in every order.

use std::{collections::BTreeMap, sync::Arc};

use super::*;

const LABEL: &str = "app";

fn name() -> NamespacedName {
    NamespacedName::new("x", "p")
}

/// What metadata tell.
fn shallow(uid: &str, version: u64, label: &str) -> Sighting {
    let labels = BTreeMap::from([(LABEL.to_owned(), label.to_owned())]);
    Sighting { version, pod: Pod { uid: uid.into(), labels: Arc::new(labels), ..Pod::default() } }
}

/// What a whole object tells.
fn whole(uid: &str, version: u64, label: &str) -> Sighting {
    let mut sighting = shallow(uid, version, label);
    sighting.pod.addresses = [[10, 0, 0, 1].into()].into();
    sighting
}

fn namespace() -> PodScope {
    PodScope::Namespace("x".into())
}

/// What a watch tells: that a Pod is like this, or that it is gone.
type Event = (PodScope, Option<Sighting>);

/// The Pod in short, after these events in this order: `uid label`, with its depth and place.
fn after(events: &[&Event]) -> String {
    let mut roster = Roster::default();
    for (scope, sighting) in events {
        match sighting {
            Some(sighting) => roster.see(scope, &name(), sighting.clone()),
            None => roster.lose(scope, &name()),
        }
    }
    roster.present(&name()).map_or_else(String::new, |Present { pod, is_local }| {
        let depth = if pod.addresses.is_empty() { "shallow" } else { "whole" };
        let place = if is_local { " local" } else { "" };
        format!("{} {} {depth}{place}", pod.uid, pod.labels[LABEL])
    })
}

/// All orders of these events in which those of one watch stay in theirs.
fn orders(events: &[Event]) -> Vec<Vec<&Event>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, event) in events.iter().enumerate() {
        if events[..index].iter().any(|(scope, _)| *scope == event.0) {
            continue;
        }
        let rest: Vec<Event> = [&events[..index], &events[index + 1..]].concat();
        for order in orders(&rest) {
            let order =
                order.into_iter().map(|one| events.iter().find(|it| *it == one).expect("it is one of them"));
            all.push([event].into_iter().chain(order).collect());
        }
    }
    all
}

#[track_caller]
fn always(events: &[Event], expected: &str) {
    let orders = orders(events);
    assert!(orders.len() > 1);
    for order in orders {
        assert_eq!(after(&order), expected, "{order:?}");
    }
}

#[test]
fn whoever_knows_most_of_a_pod_tells_what_it_is_like() {
    use PodScope::{Everywhere, Local, Others};
    let metadata = (Others, Some(shallow("u", 1, "a")));
    always(&[metadata.clone(), (namespace(), Some(whole("u", 1, "a")))], "u a whole");
    always(&[metadata.clone(), (Everywhere, Some(whole("u", 1, "a")))], "u a whole");
    always(&[metadata, (Local, Some(whole("u", 1, "a")))], "u a whole local");
    always(
        &[(namespace(), Some(whole("u", 1, "a"))), (Local, Some(shallow("u", 1, "a")))],
        "u a shallow local",
    );
}

#[test]
fn labels_are_those_of_the_latest_version() {
    use PodScope::Others;
    let now = (Others, Some(shallow("u", 7, "new")));
    always(&[now, (namespace(), Some(whole("u", 6, "old")))], "u new whole");
    let now = (namespace(), Some(whole("u", 7, "new")));
    always(&[now, (Others, Some(shallow("u", 6, "old")))], "u new whole");
}

#[test]
fn a_pod_that_is_bound_to_this_node_stays_whoever_tells_first() {
    use PodScope::{Local, Others};
    let events = [
        (Others, Some(shallow("u", 1, "a"))),
        (namespace(), Some(whole("u", 1, "a"))),
        (Others, None),
        (namespace(), None),
        (Local, Some(whole("u", 2, "a"))),
    ];
    always(&events, "u a whole local");
}

#[test]
fn a_pod_that_its_namespace_need_not_be_known_for_any_more_is_known_by_its_metadata() {
    let events = [
        (PodScope::Others, Some(shallow("u", 1, "a"))),
        (namespace(), Some(whole("u", 1, "a"))),
        (namespace(), None),
    ];
    always(&events, "u a shallow");
}

#[test]
fn a_pod_that_is_made_again_elsewhere_is_another() {
    use PodScope::{Local, Others};
    let made_again = (Others, Some(shallow("u2", 9, "b")));
    always(&[(Local, Some(whole("u1", 5, "a"))), made_again.clone()], "u2 b shallow");
    always(&[(Local, Some(whole("u1", 5, "a"))), (Local, None), made_again.clone()], "u2 b shallow");
    // What is known of the one says nothing about the other.
    always(&[(namespace(), Some(whole("u1", 5, "a"))), made_again], "u2 b shallow");
    let comes_here = (Local, Some(whole("u2", 9, "b")));
    always(&[(Others, Some(shallow("u1", 5, "a"))), comes_here.clone()], "u2 b whole local");
    always(&[(Others, Some(shallow("u1", 5, "a"))), (Others, None), comes_here], "u2 b whole local");
}

#[test]
fn a_watch_that_only_adds_to_what_is_known_keeps_nobody_in() {
    use PodScope::Others;
    always(
        &[(Others, Some(shallow("u", 1, "a"))), (namespace(), Some(whole("u", 1, "a"))), (Others, None)],
        "",
    );
    always(&[(Others, Some(shallow("u1", 1, "a"))), (namespace(), Some(whole("u2", 9, "b")))], "");
    always(&[(namespace(), Some(whole("u", 1, "a"))), (PodScope::Everywhere, Some(whole("u", 1, "a")))], "");
}

#[test]
fn who_is_gone_from_everywhere_is_forgotten() {
    let mut roster = Roster::default();
    roster.see(&PodScope::Others, &name(), shallow("u", 1, "a"));
    assert!(roster.is_seen_by(&PodScope::Others, &name()) && !roster.is_seen_by(&PodScope::Local, &name()));
    roster.lose(&PodScope::Local, &name());
    assert_eq!(roster.sightings.len(), 1);
    roster.lose(&PodScope::Others, &name());
    assert!(roster.sightings.is_empty());
}
