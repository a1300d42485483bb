//! The laws of an election, without a server and without time passing.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::LeaseTimings;

const SECOND: Duration = Duration::from_secs(1);

/// Slow ones, so that all that happens falls on whole seconds.
const SLOW: LeaseTimings = LeaseTimings {
    lease: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};

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
        self.candidate_with(identity, SLOW)
    }

    fn candidate_with(&self, identity: &str, timings: LeaseTimings) -> Election {
        let config = LeaseConfig {
            namespace: "kube-system".to_owned(),
            name: "lease".to_owned(),
            identity: identity.to_owned(),
            timings,
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
            if let Some(until) = self.step(candidate, now, now, wall) {
                return (until - self.start).as_secs();
            }
        }
    }

    /// Performs what a candidate decides, and answers later. Tells until when it waits, if that is all it does.
    fn step(
        &mut self,
        candidate: &mut Election,
        now: Instant,
        heard: Instant,
        wall: Timestamp,
    ) -> Option<Instant> {
        match candidate.decide(now, wall) {
            Decision::Read => candidate.observe(self.lease.clone(), heard),
            Decision::Create(_) if self.lease.is_some() => candidate.conflicted(heard),
            Decision::Create(mut lease) | Decision::Acquire(mut lease) | Decision::Renew(mut lease) => {
                let version = self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
                if lease.metadata.resource_version == version {
                    self.version += 1;
                    lease.metadata.resource_version = Some(self.version.to_string());
                    self.lease = Some(lease.clone());
                    candidate.written(lease, now, heard);
                } else {
                    candidate.conflicted(heard);
                }
            }
            Decision::Wait(until) => return Some(until),
        }
        None
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

/// Scenario 47, as far as elections go.
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
        assert_eq!(world.run(&mut b, 14, wall(NOON)), 15, "not a whole retry later");
        world.run(&mut b, 15, wall(NOON));
        assert_eq!((world.holder(), b.role(world.at(15))), ("b", Role::Leading));
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
    assert_eq!(taken_at, Some(15));
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

/// A leader and a standby by the default timings, until the leader is killed: how long nobody leads from then on.
/// Their requests take some time, and their clocks on the wall are apart.
struct Failover {
    killed_after: Duration,
    standby_from: Duration,
    latency: Duration,
    apart: SignedDuration,
}

// === impl Failover ===

impl Failover {
    fn takes(&self) -> Duration {
        let mut world = World::new();
        let start = world.start;
        let killed_at = start + self.killed_after;
        let mut leader = world.candidate_with("a", LeaseTimings::default());
        let mut standby = world.candidate_with("b", LeaseTimings::default());
        let (mut leader_next, mut standby_next) = (start, start + self.standby_from);
        loop {
            let is_leaders = leader_next < killed_at && leader_next <= standby_next;
            let (candidate, next) =
                if is_leaders { (&mut leader, &mut leader_next) } else { (&mut standby, &mut standby_next) };
            let now = *next;
            let skew = if is_leaders { self.apart } else { SignedDuration::ZERO };
            let clock = wall(NOON) + skew + (now - start);
            *next = world.step(candidate, now, now + self.latency, clock).unwrap_or(now + self.latency);
            let now = standby_next;
            if standby.role(now) == Role::Leading {
                assert!(
                    leader.leads_until(now).is_none(),
                    "two at once, killed after {:?}",
                    self.killed_after
                );
                return now - killed_at;
            }
            assert!(now < killed_at + SECOND * 60, "nobody leads, killed after {:?}", self.killed_after);
        }
    }
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Scenario 47, as far as elections go.
#[test]
fn a_leader_that_is_killed_at_any_moment_is_replaced_in_under_five_seconds_whatever_the_clocks_say() {
    for apart in [SignedDuration::ZERO, SignedDuration::from_mins(10), SignedDuration::from_mins(-10)] {
        for latency in [0, 20, 90].map(millis) {
            let mut worst = Duration::ZERO;
            for killed_after in (5_000..6_200).step_by(13).map(millis) {
                for standby_from in (100..600).step_by(50).map(millis) {
                    worst = worst.max(Failover { killed_after, standby_from, latency, apart }.takes());
                }
            }
            assert!(worst < SECOND * 5, "{worst:?} with {latency:?} a request and clocks {apart:?} apart");
            let LeaseTimings { lease, retry, .. } = LeaseTimings::default();
            assert!(worst <= lease + retry + latency * 4, "{worst:?}: not all of it is needed");
            assert!(worst > lease, "{worst:?}: no worst case was among them");
        }
    }
}

#[test]
fn at_worst_the_leader_was_killed_right_after_a_renewal_that_the_standby_saw_a_retry_later() {
    let failover = Failover {
        // The renewal of 5.0 s is done, and was not there yet when the standby looked a moment before.
        killed_after: millis(5_001),
        standby_from: millis(499),
        latency: Duration::ZERO,
        apart: SignedDuration::ZERO,
    };
    let LeaseTimings { lease, retry, .. } = LeaseTimings::default();
    assert_eq!(failover.takes() + millis(2), lease + retry);
}
