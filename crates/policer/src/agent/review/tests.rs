//! What is written about a policy, and what not.

use danm_api::ApiGroup;
use policy_engine::{NamespacedName, Object};

use super::*;

const NOW: &str = "2026-11-30T12:00:00Z";

/// A world in which there is one policy.
struct Scene {
    world: World,
    key: PolicyKey,
    record: Record,
}

impl Scene {
    fn of(spec: &Value) -> Self {
        let mut scene = Self {
            world: World::default(),
            key: PolicyKey { name: NamespacedName::new("x", "p"), group: ApiGroup::DanmIo },
            record: Record {
                uid: "u".to_owned(),
                version: "7".to_owned(),
                generation: Some(3),
                conditions: Vec::new(),
            },
        };
        scene.say(spec);
        scene
    }

    /// The policy says this from now on.
    fn say(&mut self, spec: &Value) {
        self.apply(&json!({"apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
                           "metadata": {"namespace": "x", "name": "p"}, "spec": spec}));
    }

    fn apply(&mut self, object: &Value) {
        self.world.apply(Object::read(object).unwrap().unwrap());
    }

    fn review_at(&self, now: &str) -> Vec<Statement> {
        review(&self.world, [(&self.key, &self.record)], now.parse().unwrap())
    }

    /// Reviews it and writes what is to be written.
    fn write_at(&mut self, now: &str) -> Statement {
        let [statement] = <[Statement; 1]>::try_from(self.review_at(now)).expect("one statement");
        self.record.conditions.clone_from(&statement.conditions);
        statement
    }
}

/// A policy that names a network.
fn on(network: &str) -> Value {
    json!({"podSelector": {}, "networkSelector": [{"name": network, "type": "ClusterNetwork"}]})
}

fn condition<'a>(statement: &'a Statement, kind: &str) -> &'a Value {
    statement.conditions.iter().find(|condition| condition["type"] == kind).expect("it is there")
}

fn reasons(statement: &Statement) -> Vec<&str> {
    statement.notes.iter().map(|note| note.reason.as_str()).collect()
}

#[test]
fn a_policy_without_a_status_gets_both_conditions_and_no_event_if_all_is_well() {
    let mut scene = Scene::of(&json!({"podSelector": {}}));
    let statement = scene.write_at("2026-11-30T12:00:00.987Z");
    let written = |kind: &str, message: &str| {
        json!({"type": kind, "status": "True", "reason": kind, "message": message,
               "lastTransitionTime": NOW, "observedGeneration": 3})
    };
    assert_eq!(
        statement.patch(),
        json!({"metadata": {"resourceVersion": "7"}, "status": {"conditions": [
            written("Accepted", "all of it is understood"),
            written("ResolvedRefs", "all networks that it names are there"),
        ]}})
    );
    assert_eq!(statement.notes, []);
}

#[test]
fn what_is_said_already_is_not_written_nor_told_again() {
    for spec in [json!({"podSelector": {}}), json!({"podSelector": "text"}), on("nowhere")] {
        let mut scene = Scene::of(&spec);
        scene.write_at(NOW);
        assert_eq!(scene.review_at("2026-12-01T00:00:00Z"), [], "{spec}");
    }
}

#[test]
fn an_event_names_the_policy_the_reason_and_the_fields() {
    let mut scene = Scene::of(&json!({"podSelector": {}, "ingress": [{"from": [{}]}]}));
    let statement = scene.write_at(NOW);
    let [note] = &statement.notes[..] else { panic!("one note: {statement:#?}") };
    assert_eq!((note.kind, &*note.reason), (EventKind::Warning, "EntriesNotUnderstood"));
    assert!(note.message.starts_with("spec.ingress[0].from[0] "), "{}", note.message);
    let regarding = &note.regarding;
    let named =
        [&regarding.kind, &regarding.namespace, &regarding.name, &regarding.uid, &regarding.api_version];
    let named = named.map(|it| it.as_deref().unwrap_or_default());
    assert_eq!(named, ["DanmNetworkPolicy", "x", "p", "u", "danm.io/v1"]);
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut scene = Scene::of(&json!({"podSelector": {}}));
    scene.write_at(NOW);
    scene.record.generation = Some(4);
    scene.say(&json!({"podSelector": {}, "ingress": [{"from": [{}]}]}));
    let later = "2026-11-30T13:00:00Z";
    let statement = scene.write_at(later);
    let times =
        ["Accepted", "ResolvedRefs"].map(|kind| condition(&statement, kind)["lastTransitionTime"].clone());
    assert_eq!(times, [later, NOW]);
    assert_eq!(condition(&statement, "ResolvedRefs")["observedGeneration"], 4);

    scene.say(&json!({"podSelector": "text"}));
    let statement = scene.write_at("2026-11-30T14:00:00Z");
    let accepted = condition(&statement, "Accepted");
    assert_eq!(
        (&accepted["reason"], &accepted["lastTransitionTime"]),
        (&json!("EarlierVersionInForce"), &json!(later))
    );
    assert_eq!(reasons(&statement), ["EarlierVersionInForce"], "told, because it is so for another reason");
}

#[test]
fn a_version_that_changes_nothing_is_noted_and_not_told_again() {
    let mut scene = Scene::of(&on("nowhere"));
    assert_eq!(reasons(&scene.write_at(NOW)), ["NetworkNotFound"]);
    scene.record.generation = Some(4);
    let statement = scene.write_at("2026-11-30T13:00:00Z");
    assert_eq!(condition(&statement, "ResolvedRefs")["observedGeneration"], 4);
    assert_eq!(statement.notes, []);
}

#[test]
fn a_network_that_is_made_later_is_noted_without_an_event() {
    let mut scene = Scene::of(&on("lan1"));
    scene.write_at(NOW);
    scene.apply(
        &json!({"apiVersion": "danm.k8s.io/v1", "kind": "ClusterNetwork", "metadata": {"name": "lan1"}}),
    );
    let statement = scene.write_at("2026-11-30T13:00:00Z");
    let resolved = condition(&statement, "ResolvedRefs");
    assert_eq!(
        (&resolved["status"], &resolved["lastTransitionTime"]),
        (&json!("True"), &json!("2026-11-30T13:00:00Z"))
    );
    assert_eq!(statement.notes, []);
}

#[test]
fn conditions_of_others_stay_and_odd_ones_of_ours_are_replaced() {
    let mut scene = Scene::of(&json!({"podSelector": {}}));
    let others = [json!({"type": "Programmed", "status": "True", "ours": false}), json!("text")];
    let odd = json!({"type": "Accepted", "status": "True", "lastTransitionTime": "yesterday"});
    scene.record.conditions = vec![others[0].clone(), odd.clone(), odd, others[1].clone()];
    let statement = scene.write_at(NOW);
    assert_eq!(statement.conditions.len(), 4);
    assert_eq!(statement.conditions[2..], others);
    assert_eq!(condition(&statement, "Accepted")["lastTransitionTime"], NOW);
    assert_eq!(scene.review_at(NOW), []);
}

#[test]
fn of_a_policy_that_is_not_there_nothing_is_written() {
    let mut scene = Scene::of(&json!({}));
    scene.world.delete(&policy_engine::Key::Policy(scene.key.clone()));
    assert_eq!(scene.review_at(NOW), []);
}
