//! Rules of the reference Policer in Pods: when they are looked for, told and taken away.

use super::*;
use crate::agent::enforcement::{notes::notes, reference::Remains, status::Status};

const CHAIN: &str = "ip filter DANM_INGRESS_V4";

impl Test {
    /// The reference has been in these namespaces, and its rules are to go.
    fn after_the_reference(namespaces: &[u64]) -> Self {
        let mut test = Self::new();
        for inode in namespaces {
            test.node.write_as_reference(*inode);
        }
        test.worker = test.worker.removing_reference(true);
        test
    }

    /// What was told of a Pod last.
    fn last_status(&self, pod: &str) -> Status {
        let told = self.news.try_iter().filter_map(|news| match news {
            News::Pod(status) if *status.pod.name == *pod => Some(status),
            _ => None,
        });
        told.last().expect("it was told")
    }

    /// Has all Pods be visited, so often that each namespace was looked into once more.
    fn visit_all(&mut self) {
        for _ in 0..4 * 3 {
            self.worker.visit_some();
        }
    }
}

impl Fake {
    fn write_as_reference(&self, inode: u64) {
        let rules = ReferenceRules { chains: [CHAIN.to_owned()].into(), ..ReferenceRules::default() };
        self.place().reference.insert(inode, rules);
    }

    fn searched(&self) -> Vec<u64> {
        std::mem::take(&mut self.place().searched)
    }
}

/// What Events tell of the reference.
fn events(status: &Status, before: Option<&Status>) -> Vec<String> {
    let told = notes(status, before).into_iter().filter(|note| note.reason.starts_with("Reference"));
    told.map(|note| format!("{:?} {}", note.kind, note.reason)).collect()
}

#[test]
fn they_are_looked_for_once_told_and_left_where_nobody_has_them_taken_away() {
    let mut test = Test::new();
    test.node.write_as_reference(2);
    test.order(&["a", "b"]);
    assert_eq!(test.node.searched(), [1, 2]);
    let status = test.last_status("b");
    assert_eq!(*status.reference, Remains { found: [CHAIN.to_owned()].into(), ..Remains::default() });
    assert_eq!(events(&status, None), ["Warning ReferenceRulesFound"]);
    assert_eq!(events(&status, Some(&status)), [""; 0]);

    test.apply(policy("b", &["10.3.0.0/16"]));
    test.order(&["a", "b"]);
    test.worker.look();
    assert_eq!(
        (test.node.searched(), test.node.done()),
        (vec![], ["open 1", "open 2", "put 2"].map(str::to_owned).into())
    );
}

#[test]
fn they_go_once_ours_are_in_the_kernel() {
    let mut test = Test::after_the_reference(&[1]);
    test.order(&["a", "b"]);
    assert_eq!(test.node.done(), ["open 1", "hand over 1", "open 2"]);
    let status = test.last_status("a");
    assert_eq!(*status.reference, Remains { removals: 1, ..Remains::default() });
    assert_eq!(events(&status, None), ["Normal ReferenceRulesRemoved"]);
}

#[test]
fn while_not_everything_is_known_they_stay() {
    let mut test = Test::after_the_reference(&[1, 2]);
    test.node.place().tables.insert(1, Program::default());
    let round = test.round(&["a", "b"], Found::LeftAlone);
    test.perform(vec![round]);
    assert_eq!(test.told(), ["a left-alone", "b enforced"]);
    test.visit_all();
    assert_eq!(test.node.done(), ["open 2"]);
    test.order(&["a", "b"]);
    assert_eq!(test.node.done(), ["put 1", "hand over 1", "hand over 2"]);
}

#[test]
fn where_ours_cannot_be_had_they_stay() {
    let mut test = Test::after_the_reference(&[1, 2]);
    test.node.place().broken.push(1);
    test.node.place().takes_closed_alone.push(2);
    test.order(&["a", "b"]);
    test.visit_all();
    assert_eq!(
        (test.told(), test.node.done()),
        (vec!["a failed".to_owned(), "b closed".to_owned()], vec!["open 2".to_owned()])
    );
    assert_eq!(test.node.place().reference.len(), 2);

    test.node.place().broken.clear();
    test.node.place().takes_closed_alone.clear();
    test.try_again("a");
    test.try_again("b");
    assert_eq!(test.node.done(), ["open 1", "hand over 1", "put 2", "hand over 2"]);
}

#[test]
fn of_a_pod_in_two_namespaces_one_of_which_fails_they_stay_in_both() {
    let mut test = Test::after_the_reference(&[1, 11]);
    test.node.run(11, UIDS[0], 11);
    test.node.place().broken.push(11);
    test.order(&["a"]);
    assert_eq!(test.node.done(), ["open 1"]);
    test.node.place().broken.clear();
    test.try_again("a");
    assert_eq!(test.node.done(), ["open 11", "hand over 1", "hand over 11"]);
}

#[test]
fn a_pod_that_policies_leave_open_loses_them_and_is_not_open_before() {
    let mut test = Test::after_the_reference(&[1]);
    test.engine.delete(&policy_key("a"));
    test.node.place().reference_is_in_use = true;
    test.order(&["a"]);
    assert_eq!(test.last_status("a").state, State::Failed("in use".to_owned()));
    assert!(test.pause("a").is_some(), "it is tried again");
    test.node.place().reference_is_in_use = false;
    test.try_again("a");
    assert_eq!(test.node.done(), ["clean 1", "clean 1", "hand over 1"]);
    assert_eq!(test.last_status("a").state, State::Open);
}

#[test]
fn what_is_in_use_stays_and_is_told_and_nothing_of_ours_is_wrong_by_that() {
    let mut test = Test::after_the_reference(&[1]);
    test.node.place().reference_is_in_use = true;
    test.order(&["a"]);
    let status = test.last_status("a");
    assert_eq!((&status.state, status.reference.problem.as_deref()), (&State::Enforced, Some("in use")));
    assert_eq!(events(&status, None), ["Warning ReferenceRulesFound", "Warning ReferenceRulesStay"]);
    test.node.place().reference_is_in_use = false;
    test.visit_all();
    assert_eq!(*test.last_status("a").reference, Remains { removals: 1, ..Remains::default() });
}

#[test]
fn what_comes_again_is_found_at_a_visit_and_told() {
    let mut test = Test::after_the_reference(&[1]);
    test.order(&["a"]);
    let before = test.last_status("a");
    test.node.write_as_reference(1);
    test.visit_all();
    let status = test.last_status("a");
    assert_eq!(*status.reference, Remains { removals: 2, ..Remains::default() });
    assert_eq!(events(&status, Some(&before)), ["Warning ReferenceRulesRemoved"]);
    test.visit_all();
    assert_eq!(test.told(), [""; 0]);
}

#[test]
fn what_may_be_theirs_is_told_and_never_taken_away() {
    let mut test = Test::after_the_reference(&[]);
    let rules = ReferenceRules { suspicions: ["a table".to_owned()].into(), ..ReferenceRules::default() };
    test.node.place().reference.insert(1, rules);
    test.order(&["a"]);
    test.visit_all();
    assert_eq!(test.node.done(), ["open 1"]);
    let status = test.last_status("a");
    assert_eq!(*status.reference, Remains { suspected: ["a table".to_owned()].into(), ..Remains::default() });
    assert_eq!(events(&status, None), ["Normal ReferenceRulesSuspected"]);
}

#[test]
fn where_it_is_not_understood_whom_a_policy_means_they_stay_and_that_is_told() {
    let mut test = Test::after_the_reference(&[1, 2]);
    test.engine.delete(&policy_key("b"));
    let mut lost = policy("lost", &[]);
    lost["spec"]["podSelector"] = json!({"matchLabels": {"app": 1}});
    test.apply(lost);
    test.order(&["a", "b"]);
    assert_eq!(test.node.done(), ["open 1", "clean 2"]);
    let status = test.last_status("b");
    assert_eq!((&status.state, status.reference.found.len()), (&State::Open, 1));
    assert_eq!(events(&status, None), ["Warning ReferenceRulesFound", "Warning ReferenceRulesStay"]);
    test.visit_all();
    assert_eq!(test.told(), [""; 0]);

    test.engine.delete(&policy_key("lost"));
    test.order(&["a", "b"]);
    assert_eq!(test.node.done(), ["hand over 1", "clean 2", "hand over 2"]);
}
