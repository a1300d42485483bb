//! When what is ordered.

use operator_runtime::EventKind;
use serde_json::Value;

use super::*;
use crate::agent::enforcement::fixture::{
    apply, endpoint, engine, name, open_namespace, pod, policy, policy_key,
};

struct Test {
    enforcement: Enforcement,
    rounds: mpsc::Receiver<Round>,
    engine: Engine,
    nodes: BTreeSet<IpAddr>,
    openings: Openings,
    is_complete: bool,
}

/// A Pod with its endpoint.
fn resident(name: &str, uid: &str) -> [Value; 2] {
    [pod(name, uid, "10.0.0.1"), endpoint(name, "eth0", ["10.0.0.1/24", ""])]
}

impl Test {
    /// Pods `a` and `b`, the first of which is isolated.
    fn new(certainty: Certainty) -> Self {
        let (sender, rounds) = mpsc::channel();
        let exceptions = Exceptions { allow_node: crate::cli::AllowNode::Own, ..Exceptions::none() };
        let objects = [&resident("a", "1")[..], &resident("b", "2"), &[policy("a", &[])]].concat();
        Self {
            enforcement: Enforcement::new(exceptions, certainty, sender),
            rounds,
            engine: engine(&objects),
            nodes: BTreeSet::new(),
            openings: Openings::default(),
            is_complete: false,
        }
    }

    /// What is ordered by now, and what is to become of what was found.
    fn order(&mut self) -> Vec<(String, &'static str, Found)> {
        self.order_about(&[])
    }

    /// The same, if these Pods were touched, too.
    fn order_about(&mut self, touched: &[&str]) -> Vec<(String, &'static str, Found)> {
        let told = self.orders_about(touched).into_iter().map(|(order, found)| {
            let aim = match order.aim {
                Aim::Rules(_) => "rules",
                Aim::Open => "open",
                Aim::Opened(_) => "opened",
                Aim::Gone => "gone",
            };
            (order.pod.name.to_string(), aim, found)
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        told
    }

    fn orders_about(&mut self, touched: &[&str]) -> Vec<(Order, Found)> {
        let mut changed = self.engine.take_changed();
        changed.extend(touched.iter().map(|pod| name(pod)));
        let local: BTreeSet<NamespacedName> =
            self.engine.world().pods().map(|(name, _)| name.clone()).collect();
        let view = View {
            changed: &changed,
            local: &local,
            nodes: &self.nodes,
            openings: &self.openings,
            is_complete: self.is_complete,
        };
        self.enforcement.order(&self.engine, &view);
        let orders = self.rounds.try_iter().flat_map(|round| {
            let found = round.found;
            round.orders.into_iter().map(move |order| (order, found))
        });
        orders.collect()
    }

    fn complete(&mut self) {
        self.is_complete = true;
    }
}

fn corrected(pod: &str, aim: &'static str) -> (String, &'static str, Found) {
    (pod.to_owned(), aim, Found::Corrected)
}

fn left(pod: &str, aim: &'static str) -> (String, &'static str, Found) {
    (pod.to_owned(), aim, Found::LeftAlone)
}

#[test]
fn what_is_remembered_is_ordered_once_and_everybody_once_everything_is_known() {
    let mut test = Test::new(Certainty::Remembered);
    assert_eq!(test.order(), [left("a", "rules")]);
    apply(&mut test.engine, &[policy("a", &["10.0.0.0/8"])]);
    assert_eq!(test.order(), [], "it keeps what it has");
    test.engine.delete(&policy_key("a"));
    assert_eq!(test.order(), [], "nothing is opened");
    apply(&mut test.engine, &[policy("b", &[])]);
    assert_eq!(test.order(), [left("b", "rules")], "but it may be closed");

    test.complete();
    assert_eq!(test.order(), [corrected("a", "open"), corrected("b", "rules")]);
    assert_eq!(test.order(), []);
    assert_eq!(test.order_about(&["a"]), [], "it was looked at once");
}

#[test]
fn another_pod_of_the_same_name_is_ordered_whatever_is_known() {
    let mut test = Test::new(Certainty::Remembered);
    test.order();
    apply(&mut test.engine, &resident("a", "3"));
    assert_eq!(test.order_about(&["a"]), [left("a", "rules")]);
    assert_eq!(test.order_about(&["a"]), []);
}

#[test]
fn where_nothing_was_known_nothing_is_ordered_before_everything_is() {
    let mut test = Test::new(Certainty::Unknown);
    assert_eq!(test.order(), []);
    test.complete();
    assert_eq!(test.order(), [corrected("a", "rules"), corrected("b", "open")]);
}

#[test]
fn what_an_agent_before_left_is_looked_for_once_a_pod_has_endpoints() {
    let mut test = Test::new(Certainty::Unknown);
    apply(&mut test.engine, &[pod("late", "4", "10.0.0.4")]);
    test.complete();
    test.order();
    apply(&mut test.engine, &[endpoint("late", "eth0", ["10.0.0.4/24", ""])]);
    assert_eq!(test.order(), [corrected("late", "open")]);
    assert_eq!(test.order_about(&["late"]), []);
}

#[test]
fn what_all_pods_have_in_common_concerns_all_that_have_rules() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    test.nodes.insert([192, 0, 2, 1].into());
    assert_eq!(test.order(), [corrected("a", "rules")]);
    assert_eq!(test.order(), []);
}

#[test]
fn a_pod_that_is_gone_is_let_go_once_and_one_without_endpoints_is_not() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    let Some(policy_engine::Object::Endpoint(key, _)) =
        policy_engine::Object::read(&endpoint("a", "eth0", ["", ""])).expect("it is read")
    else {
        panic!("it is an endpoint")
    };
    test.engine.delete(&policy_engine::Key::Endpoint(key));
    assert_eq!(test.order(), [], "its rules stay");
    test.engine.delete(&policy_engine::Key::Pod(name("a")));
    assert_eq!(test.order(), [corrected("a", "gone")]);
    assert_eq!(test.order(), []);
}

#[test]
fn a_pod_that_policies_left_open_was_not_in_want_of_rules_and_another_of_its_name_is() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    let mut was_open = |objects: &[Value]| {
        apply(&mut test.engine, objects);
        let orders = test.orders_about(&["a", "b"]).into_iter();
        let rules = orders.filter(|(order, _)| matches!(order.aim, Aim::Rules(_)));
        rules.map(|(order, _)| (order.pod.name.to_string(), order.was_open)).collect::<Vec<_>>()
    };
    let told = |pod: &str, was_open| (pod.to_owned(), was_open);
    assert_eq!(was_open(&[]), [told("a", false)]);
    assert_eq!(was_open(&[policy("b", &[])]), [told("a", false), told("b", true)]);
    assert_eq!(was_open(&resident("b", "3")), [told("a", false), told("b", false)]);
    let mut audited = policy("a", &[]);
    audited["spec"]["enforcement"] = "audit".into();
    assert_eq!(was_open(&[audited])[0], told("a", true), "what is audited denies nothing");
    assert_eq!(was_open(&[policy("a", &[])])[0], told("a", true));
}

#[test]
fn an_opening_is_ordered_once_and_policies_count_again_once_it_is_gone() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    test.openings = open_namespace();
    assert_eq!(test.order_about(&["a", "b"]), [corrected("a", "opened")], "b has no rules anyway");
    assert_eq!(test.order_about(&["a", "b"]), []);
    apply(&mut test.engine, &[policy("b", &[])]);
    assert_eq!(test.order(), [corrected("b", "opened")]);
    apply(&mut test.engine, &resident("a", "3"));
    assert_eq!(test.order_about(&["a"]), [corrected("a", "opened")], "it is another");
    test.engine.delete(&policy_key("b"));
    assert_eq!(test.order(), [corrected("b", "open")]);

    test.openings = Openings::default();
    let orders = test.orders_about(&["a", "b"]);
    let rules: Vec<_> = orders.iter().filter(|(order, _)| matches!(order.aim, Aim::Rules(_))).collect();
    assert!(matches!(&rules[..], [(order, _)] if *order.pod.name == *"a" && order.was_open), "{rules:?}");
}

#[test]
fn an_opening_that_is_listed_is_ordered_before_everything_is_known_and_so_is_its_end() {
    for certainty in [Certainty::Remembered, Certainty::Unknown] {
        let mut test = Test::new(certainty);
        test.openings = open_namespace();
        assert_eq!(
            test.order(),
            [left("a", "opened"), left("b", "open")],
            "what was left there is not known"
        );
        assert_eq!(test.order_about(&["a", "b"]), []);
        test.complete();
        assert_eq!(
            test.order(),
            [corrected("b", "open")],
            "as everybody's, what an agent before left is looked for"
        );
    }
    let mut test = Test::new(Certainty::Remembered);
    test.order();
    test.openings = open_namespace();
    assert_eq!(test.order_about(&["a"]), [left("a", "opened")]);
    test.openings = Openings::default();
    assert_eq!(test.order_about(&["a"]), [left("a", "rules")]);
}

#[test]
fn a_pod_that_lost_its_endpoints_while_it_was_opened_gets_the_rules_back_that_it_had() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    test.openings = open_namespace();
    assert_eq!(test.order_about(&["a"]), [corrected("a", "opened")]);
    for interface in ["eth0", "net1"] {
        let endpoint =
            policy_engine::Object::read(&endpoint("a", interface, ["10.0.0.1/24", ""])).unwrap().unwrap();
        test.engine.delete(&endpoint.key());
    }
    assert_eq!(test.order_about(&["a"]), []);
    test.openings = Openings::default();
    assert_eq!(test.order_about(&["a"]), [corrected("a", "rules")]);
    assert_eq!(test.order_about(&["a"]), []);
}

#[test]
fn people_are_told_that_a_pod_is_opened_and_that_it_has_its_rules_again() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    let mut told = |state: State| {
        let status = Status { state, ..Status::new(&Order { uid: "1".into(), ..Order::gone(name("a")) }) };
        let notes = test.enforcement.note(status, Timestamp::UNIX_EPOCH);
        let reasons = notes.into_iter().map(|note| (note.kind == EventKind::Warning, note.reason));
        (reasons.collect::<Vec<_>>(), test.enforcement.statuses().count())
    };
    let opened = || State::Opened(OpenedBy::Namespace);
    assert_eq!(told(opened()), (vec![(true, "PolicyOpened".to_owned())], 1));
    assert_eq!(told(opened()), (vec![], 1));
    assert_eq!(told(State::Enforced), (vec![(false, "PolicyEnforced".to_owned())], 1));
    told(opened());
    assert_eq!(told(State::Open), (vec![], 0), "no policy is about it any more");
}

#[test]
fn it_is_told_since_when_a_pod_is_as_it_is_and_how_many_were_not_tried_yet() {
    let mut test = Test::new(Certainty::Remembered);
    test.order();
    let status = |uid: &str, state| Status {
        state,
        ..Status::new(&Order { uid: uid.into(), ..Order::gone(name("a")) })
    };
    let mut since = |status, second| {
        test.enforcement.note(status, Timestamp::from_second(second).expect("a time"));
        test.enforcement.statuses().map(|(_, since)| since.as_second()).collect::<Vec<_>>()
    };
    assert_eq!(since(status("1", State::Waiting), 1), [1]);
    assert_eq!(since(status("1", State::Enforced), 2), [2]);
    let tampered = Status { is_tampered: true, ..status("1", State::Enforced) };
    assert_eq!(since(tampered, 3), [2]);
    assert_eq!(since(status("3", State::Enforced), 4), [4], "it is another Pod");

    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    assert_eq!(test.enforcement.untried(), 1);
    test.enforcement.note(status("1", State::Failed("no".to_owned())), Timestamp::UNIX_EPOCH);
    assert_eq!(test.enforcement.untried(), 0);
    apply(&mut test.engine, &[policy("b", &[])]);
    test.order();
    assert_eq!(test.enforcement.untried(), 0, "later ones make nobody less ready");
}

#[test]
fn of_a_pod_that_has_no_process_for_long_people_are_told_once() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    let mut waits = |state, second| {
        let status = Status { state, ..Status::new(&Order { uid: "1".into(), ..Order::gone(name("a")) }) };
        test.enforcement.note(status, Timestamp::from_second(second).expect("a time"));
        let mut told =
            |later| test.enforcement.overdue(Timestamp::from_second(second + later).expect("a time"));
        [1, 59, 60, 70].map(|later| told(later).len())
    };
    assert_eq!(waits(State::Waiting, 1_000), [0, 0, 1, 0]);
    assert_eq!(waits(State::Enforced, 2_000), [0; 4]);
    assert_eq!(waits(State::Waiting, 3_000), [0, 0, 1, 0]);
}

#[test]
fn people_are_told_once_what_fails_and_that_it_is_right_again() {
    let mut test = Test::new(Certainty::Unknown);
    test.complete();
    test.order();
    let status =
        |state: State| Status { state, ..Status::new(&Order { uid: "1".into(), ..Order::gone(name("a")) }) };
    let mut reasons = |state: State| {
        let notes = test.enforcement.note(status(state), Timestamp::UNIX_EPOCH);
        notes.into_iter().map(|note| note.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(State::Enforced), [""; 0]);
    assert_eq!(reasons(State::Failed("no".to_owned())), ["PolicyNotEnforced"]);
    assert_eq!(reasons(State::Failed("no".to_owned())), [""; 0]);
    assert_eq!(reasons(State::Enforced), ["PolicyEnforced"]);
    assert_eq!(test.enforcement.statuses().count(), 1);
}
