//! The laws of an election, without a server and without time passing.

use serde_json::{Value, json};

use super::*;
use crate::LeaseTimings;

const SECOND: Duration = Duration::from_secs(1);

/// Candidates with one Lease between them, and no server: every write over the latest version succeeds.
struct World {
    start: Instant,
    version: u64,
    lease: Option<LeaseObject>,
}

impl World {
    fn new() -> Self {
        Self { start: Instant::now(), version: 0, lease: None }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + SECOND * u32::try_from(seconds).unwrap()
    }

    fn candidate(&self, identity: &str) -> Election {
        let config = LeaseConfig {
            namespace: "kube-system".to_owned(),
            name: "lease".to_owned(),
            identity: identity.to_owned(),
            timings: LeaseTimings::default(),
        };
        Election::new(config, self.start)
    }

    /// Somebody else's words.
    fn set(&mut self, spec: &Value) {
        self.version += 1;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec,
            "metadata": {"name": "lease", "resourceVersion": self.version.to_string()},
        });
        self.lease = Some(serde_json::from_value(lease).unwrap());
    }

    /// Performs what a candidate decides at a second, until it waits. Gives the second until which it does.
    fn run(&mut self, candidate: &mut Election, second: u64, wall: Timestamp) -> u64 {
        let now = self.at(second);
        loop {
            match candidate.decide(now, wall) {
                Decision::Read => candidate.observe(self.lease.clone(), now),
                Decision::Create(_) if self.lease.is_some() => candidate.conflicted(now),
                Decision::Create(lease) | Decision::Acquire(lease) | Decision::Renew(lease) => {
                    let version =
                        self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
                    if lease.metadata.resource_version != version {
                        candidate.conflicted(now);
                        continue;
                    }
                    self.version += 1;
                    let mut lease = lease;
                    lease.metadata.resource_version = Some(self.version.to_string());
                    self.lease = Some(lease.clone());
                    candidate.written(lease, now, now);
                }
                Decision::Wait(until) => return (until - self.start).as_secs(),
            }
        }
    }

    fn holder(&self) -> &str {
        self.lease.as_ref().and_then(|lease| lease.spec.holder()).unwrap_or_default()
    }
}

fn wall(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOON: &str = "2026-01-01T12:00:00Z";

#[test]
fn the_first_candidate_leads_and_the_second_stands_by() {
    let mut world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    assert!(matches!(a.role(world.at(0)), Role::Unknown { .. }));
    world.run(&mut a, 0, wall(NOON));
    world.run(&mut b, 0, wall(NOON));
    assert_eq!(a.role(world.at(0)), Role::Leading);
    assert_eq!(b.role(world.at(0)), Role::Standby { holder: Some("a".to_owned()) });
}

#[test]
fn a_leader_that_renews_is_left_alone_whatever_the_clocks_say() {
    for (mine, theirs) in [("2026-01-01T00:00:00Z", NOON), (NOON, "2026-01-01T00:00:00Z")] {
        let mut world = World::new();
        let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
        for second in (0..120).step_by(2) {
            assert_eq!(
                world.run(&mut a, second, wall(mine) + SECOND * second.try_into().unwrap()),
                second + 2
            );
            world.run(&mut b, second, wall(theirs));
            assert_eq!(world.holder(), "a", "{second}");
        }
    }
}

#[test]
fn a_leader_that_is_silent_loses_the_lease_once_it_was_seen_unchanged_for_its_duration() {
    for hours_ago in [0, 24] {
        let mut world = World::new();
        let long_ago = wall(NOON) - SECOND * 3600 * hours_ago;
        world.set(
            &json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": long_ago.to_string()}),
        );
        let mut b = world.candidate("b");
        for second in (0..14).step_by(2) {
            world.run(&mut b, second, wall(NOON));
            assert_eq!(world.holder(), "a", "{second}");
        }
        world.run(&mut b, 14, wall(NOON));
        world.run(&mut b, 16, wall(NOON));
        assert_eq!((world.holder(), b.role(world.at(16))), ("b", Role::Leading));
    }
}

#[test]
fn any_change_of_the_record_starts_the_wait_anew() {
    let mut world = World::new();
    let mut b = world.candidate("b");
    for second in (0..60).step_by(2) {
        // The clock of this one goes backwards.
        let time = (wall(NOON) - SECOND * second.try_into().unwrap()).to_string();
        world.set(&json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": time}));
        world.run(&mut b, second, wall(NOON));
        assert_eq!(world.holder(), "a");
    }
}

#[test]
fn the_holder_goes_by_the_duration_it_wrote() {
    let mut world = World::new();
    world.set(&json!({"holderIdentity": "a", "leaseDurationSeconds": 40}));
    let mut b = world.candidate("b");
    for second in (0..40).step_by(2) {
        world.run(&mut b, second, wall(NOON));
        assert_eq!(world.holder(), "a");
    }
    world.run(&mut b, 40, wall(NOON));
    assert_eq!(world.holder(), "b");
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_the_next_look() {
    let mut world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    world.run(&mut a, 0, wall(NOON));
    assert_eq!(world.run(&mut b, 1, wall(NOON)), 3);
    if let Some(lease) = &mut world.lease {
        lease.spec.let_go(wall(NOON));
    }
    world.run(&mut b, 3, wall(NOON));
    assert_eq!(world.holder(), "b");
    assert_eq!(world.lease.unwrap().spec.lease_transitions, Some(1));
}

#[test]
fn a_leader_without_answers_stops_to_lead_before_another_can() {
    let mut world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    world.run(&mut a, 0, wall(NOON));
    let mut taken_at = None;
    for second in 0..40 {
        let now = world.at(second);
        // Tries fall beside the end of leading.
        if second >= 3 && !matches!(a.decide(now, wall(NOON)), Decision::Wait(_)) {
            a.failed("refused".to_owned(), now);
        }
        if let Decision::Wait(until) = a.decide(now, wall(NOON)) {
            assert!(until <= world.at(10) || a.role(now) != Role::Leading, "{second}");
        }
        world.run(&mut b, second, wall(NOON));
        assert_eq!(a.role(now) == Role::Leading, second < 10, "{second}");
        if world.holder() == "b" {
            taken_at.get_or_insert(second);
        }
    }
    assert_eq!(taken_at, Some(16));
    assert_eq!(a.role(world.at(40)), Role::Unknown { reason: "refused".to_owned() });
}

#[test]
fn tenure_counts_from_before_the_write_was_sent() {
    let world = World::new();
    let mut a = world.candidate("a");
    a.observe(None, world.at(0));
    let Decision::Create(lease) = a.decide(world.at(0), wall(NOON)) else { panic!("there was no Lease") };
    a.written(lease, world.at(0), world.at(9));
    assert_eq!(a.leads_until(world.at(9)), Some(world.at(10)));
    assert!(matches!(a.role(world.at(10)), Role::Unknown { .. }));
}

#[test]
fn no_answer_is_waited_for_past_the_end_of_leading() {
    let mut world = World::new();
    let mut a = world.candidate("a");
    assert_eq!(a.patience(world.at(0)), world.at(5));
    world.run(&mut a, 0, wall(NOON));
    assert_eq!(a.patience(world.at(2)), world.at(7));
    assert_eq!(a.patience(world.at(8)), world.at(10));
    assert_eq!(a.patience(world.at(11)), world.at(16));
}

#[test]
fn whoever_finds_the_lease_its_own_after_a_lost_answer_leads_only_after_a_write() {
    let mut world = World::new();
    world.set(&json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 7}));
    let mut a = world.candidate("a");
    a.observe(world.lease.clone(), world.at(0));
    assert_ne!(a.role(world.at(0)), Role::Leading);
    world.run(&mut a, 0, wall(NOON));
    assert_eq!(a.role(world.at(0)), Role::Leading);
    assert_eq!(world.lease.unwrap().spec.lease_transitions, Some(7));
}

#[test]
fn a_leader_whose_lease_is_deleted_steps_down_for_a_while() {
    let mut world = World::new();
    let mut a = world.candidate("a");
    world.run(&mut a, 0, wall(NOON));
    world.lease = None;
    assert_eq!(world.run(&mut a, 2, wall(NOON)), 4);
    assert_eq!(a.role(world.at(2)), Role::Standby { holder: None });
    world.run(&mut a, 4, wall(NOON));
    assert_eq!(a.role(world.at(4)), Role::Leading);
}

#[test]
fn an_annotation_by_somebody_else_costs_a_leader_one_more_read() {
    let mut world = World::new();
    let mut a = world.candidate("a");
    world.run(&mut a, 0, wall(NOON));
    if let Some(lease) = &mut world.lease {
        lease.metadata.resource_version = Some("99".to_owned());
        lease.metadata.annotations = Some([("note".to_owned(), "hold".to_owned())].into());
    }
    assert_eq!(world.run(&mut a, 2, wall(NOON)), 4);
    assert_eq!(a.role(world.at(2)), Role::Leading);
    assert!(a.lease().unwrap().metadata.annotations.as_ref().unwrap().contains_key("note"));
}

#[test]
fn conflicts_without_end_are_no_reason_to_hurry() {
    let world = World::new();
    let mut a = world.candidate("a");
    let mut pauses = Vec::new();
    for _ in 0..3 {
        a.observe(None, world.at(0));
        a.conflicted(world.at(0));
        pauses
            .push(matches!(a.decide(world.at(0), wall(NOON)), Decision::Wait(until) if until == world.at(2)));
    }
    assert_eq!(pauses, [false, true, true]);
}
