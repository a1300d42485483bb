//! The loop on a node without a kernel: what it does, in which order, and what it tells.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

use danm_api::Enforcement;
use policy_dataplane::{
    Changes, Claim, Count, DeniedFlow, Found, MakeProgram, NamespaceId, Outcome, PodUid, Process,
    ReferenceRules, Refusal, Residents,
};
use policy_engine::{
    Counter, Direction, Engine,
    program::{FamilySet, Flows, Program},
    set::Members,
};
use serde_json::{Value, json};

use super::*;
use crate::agent::{
    enforcement::{
        enforced::{LONGEST_PAUSE, LONGEST_SEARCH},
        fixture::{apply, endpoint, engine, name, open_namespace, pod, policy, policy_key},
        intent::{Certainty, Ground, orders},
        kernel::PodTable,
        status::State,
        surroundings::{Common, Exceptions},
    },
    openings::Openings,
};

/// What there is on the node, and what was done.
#[derive(Default)]
struct Place {
    processes: Vec<Process>,
    /// Tables by namespace.
    tables: BTreeMap<u64, Program>,
    /// Processes whose namespaces cannot be programmed, or only if nothing is allowed.
    broken: Vec<u32>,
    takes_closed_alone: Vec<u32>,
    /// Tables that somebody has changed, or that cannot be looked at.
    tampered: Vec<u64>,
    unreadable: Vec<u64>,
    looks: usize,
    /// The interfaces of each Pod.
    interfaces: BTreeSet<String>,
    /// What each table has counted.
    packets: u64,
    /// What each table has denied lately.
    denied: Vec<DeniedFlow>,
    /// The reference's rules by namespace, whether they are in use, and where somebody looked for them.
    reference: BTreeMap<u64, ReferenceRules>,
    reference_is_in_use: bool,
    searched: Vec<u64>,
    /// For how long processes have run, if they tell.
    age: Option<Duration>,
    done: Vec<String>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Place>>);

struct FakeTable {
    node: Fake,
    process: Process,
    program: Option<Program>,
}

impl Fake {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process of a Pod is in a namespace.
    fn run(&self, pid: u32, uid: &str, inode: u64) {
        let namespace = NamespaceId { device: 4, inode };
        let pod = PodUid::new(uid).expect("a uid");
        self.place().processes.push(Process { pid, namespace, pod, container: None });
    }

    fn end(&self, pid: u32) {
        self.place().processes.retain(|process| process.pid != pid);
    }

    /// What was done since this was asked last.
    fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.place().done)
    }

    fn put(&self, process: &Process, program: &Program) -> Result<(), String> {
        let mut place = self.place();
        let has_sets = program.sets().next().is_some();
        if place.broken.contains(&process.pid) || has_sets && place.takes_closed_alone.contains(&process.pid)
        {
            return Err("no".to_owned());
        }
        place.tables.insert(process.namespace.inode, program.clone());
        Ok(())
    }

    fn note(&self, what: &str, process: &Process) {
        self.place().done.push(format!("{what} {}", process.namespace.inode));
    }
}

impl Kernel for Fake {
    type Table = FakeTable;

    fn claim(&self, path: &str) -> Claim {
        Claim { path: path.to_owned(), found: Err(Refusal::Gone) }
    }

    fn residents(&self) -> Result<Residents, String> {
        self.place().looks += 1;
        Ok(Residents::new([].into(), [].into(), self.place().processes.clone()))
    }

    fn is_still(&self, process: &Process) -> bool {
        self.place().processes.contains(process)
    }

    fn interfaces(&self, _: &Process) -> Result<BTreeSet<String>, String> {
        Ok(self.place().interfaces.clone())
    }

    fn age(&self, _: &Process) -> Option<Duration> {
        self.place().age
    }

    fn open(
        &self,
        process: &Process,
        make: MakeProgram<'_>,
        found: Found,
    ) -> Result<(FakeTable, Outcome), String> {
        let table = |program| FakeTable { node: self.clone(), process: process.clone(), program };
        if found == Found::LeftAlone && self.place().tables.contains_key(&process.namespace.inode) {
            return Ok((table(None), Outcome::LeftAlone));
        }
        let program = make(Flows::Kept);
        self.put(process, &program)?;
        self.note("open", process);
        Ok((table(Some(program)), Outcome::Replaced))
    }

    fn clean(&self, process: &Process) -> Result<bool, String> {
        self.note("clean", process);
        Ok(self.place().tables.remove(&process.namespace.inode).is_some())
    }

    fn reference_rules(&self, process: &Process) -> Result<ReferenceRules, String> {
        let mut place = self.place();
        place.searched.push(process.namespace.inode);
        Ok(place.reference.get(&process.namespace.inode).cloned().unwrap_or_default())
    }

    fn remove_reference_rules(&self, process: &Process) -> Result<(), String> {
        if self.place().reference_is_in_use {
            return Err("in use".to_owned());
        }
        self.note("hand over", process);
        self.place().reference.remove(&process.namespace.inode);
        Ok(())
    }
}

impl PodTable for FakeTable {
    fn is_stricter(&self, make: MakeProgram<'_>, changes: &mut Changes) -> bool {
        self.program.as_ref().is_none_or(|before| changes.is_stricter(before, &make(Flows::Kept)))
    }

    fn put(&mut self, make: MakeProgram<'_>, _: &mut Changes, found: Found) -> Result<Outcome, String> {
        if found == Found::LeftAlone && self.program.is_none() {
            return Ok(Outcome::LeftAlone);
        }
        let program = make(Flows::Kept);
        if self.program.as_ref() == Some(&program) {
            return Ok(Outcome::Unchanged);
        }
        self.node.put(&self.process, &program)?;
        self.node.note("put", &self.process);
        self.program = Some(program);
        Ok(Outcome::Changed)
    }

    fn mend(&mut self, _: MakeProgram<'_>) -> Result<bool, String> {
        let inode = self.process.namespace.inode;
        let mut place = self.node.place();
        if place.unreadable.contains(&inode) {
            return Err("it cannot be read".to_owned());
        }
        let before = place.tampered.len();
        place.tampered.retain(|it| *it != inode);
        Ok(place.tampered.len() < before)
    }

    fn counts(&self) -> Result<Vec<Count>, String> {
        let counter = Counter::read("ingress_eth0", "denied").ok_or("ours")?;
        let packets = self.node.place().packets;
        Ok(vec![Count { handle: 1, counter, packets, bytes: packets }])
    }

    fn denies(&self) -> bool {
        self.program.as_ref().is_none_or(Program::denies)
    }

    fn denied_flows(&self) -> Result<Vec<DeniedFlow>, String> {
        Ok(self.node.place().denied.clone())
    }

    fn remove(&self) -> Result<(), String> {
        self.node.note("remove", &self.process);
        self.node.place().tables.remove(&self.process.namespace.inode);
        Ok(())
    }
}

/// A worker, and what it tells.
struct Test {
    node: Fake,
    worker: Worker<Fake>,
    news: mpsc::Receiver<News>,
    engine: Engine,
    openings: Openings,
}

mod reference;

const UIDS: [&str; 3] = ["aaaa", "bbbb", "cccc"];

impl Test {
    /// Pods a, b and c, each with a process, and a policy about each that lets two blocks in.
    fn new() -> Self {
        let node = Fake::default();
        node.place().interfaces.insert("eth0".to_owned());
        let mut objects: Vec<Value> = Vec::new();
        for (number, (pod_name, uid)) in ["a", "b", "c"].into_iter().zip(UIDS).enumerate() {
            let number = u32::try_from(number).expect("three") + 1;
            node.run(number, uid, number.into());
            let address = format!("10.0.0.{number}");
            objects.push(pod(pod_name, uid, &address));
            objects.push(endpoint(pod_name, "eth0", [&address, ""]));
            objects.push(policy(pod_name, &["10.1.0.0/16", "10.2.0.0/16"]));
        }
        let (tell, news) = mpsc::channel();
        let worker = Worker::new(node.clone(), move |it| drop(tell.send(it)));
        Self { node, worker, news, engine: engine(&objects), openings: Openings::default() }
    }

    fn round(&self, pods: &[&str], found: Found) -> Round {
        let common = Common::of(self.engine.world(), &Exceptions::none(), &[].into());
        let names: Vec<NamespacedName> = pods.iter().map(|pod| name(pod)).collect();
        let ground = Ground { certainty: Certainty::Complete, openings: &self.openings };
        let orders = orders(&self.engine, &names, &common, ground);
        Round { orders, found, at: Instant::now() }
    }

    fn perform(&mut self, rounds: Vec<Round>) {
        let (dirty, _) = self.worker.take(rounds.into_iter());
        self.worker.work(&dirty);
    }

    /// Orders what is right for these Pods by now.
    fn order(&mut self, pods: &[&str]) {
        let round = self.round(pods, Found::Corrected);
        self.perform(vec![round]);
    }

    fn apply(&mut self, object: Value) {
        apply(&mut self.engine, &[object]);
    }

    /// What was told since this was asked last: Pods and their states.
    fn told(&self) -> Vec<String> {
        let told = self.news.try_iter().map(|news| match news {
            News::Pod(status) => format!("{} {}", status.pod.name, status.state.code()),
            News::Counted(namespace, counted) => format!("{namespace} counted {}", counted[0].1),
            News::Denied(pod, flows) => {
                let ports: Vec<u16> = flows.iter().map(|flow| flow.port).collect();
                format!("{} denied {ports:?}", pod.name)
            }
            News::Isolated(age) => format!("isolated after {age:?}"),
            News::Done { pods, .. } => format!("done {pods}"),
        });
        told.collect()
    }

    /// How long a Pod is left alone that failed.
    fn pause(&self, pod: &str) -> Option<Duration> {
        self.worker.pods[&name(pod)].pause.map(|(pause, _)| pause)
    }

    /// Has the worker try it again now.
    fn try_again(&mut self, pod: &str) {
        self.worker.work(&[name(pod)].into());
    }
}

#[test]
fn what_becomes_stricter_comes_before_what_does_not_whatever_the_names_are() {
    let mut test = Test::new();
    test.apply(policy("a", &[]));
    test.order(&["a", "b", "c"]);
    assert_eq!(test.node.done(), ["open 1", "open 2", "open 3"]);
    assert_eq!(test.told(), ["a enforced", "b enforced", "c enforced"]);
    test.apply(policy("a", &["10.1.0.0/16"]));
    test.engine.delete(&policy_key("b"));
    test.apply(policy("c", &["10.1.0.0/16"]));
    test.order(&["a", "b", "c"]);
    assert_eq!(test.node.done(), ["put 3", "put 1", "remove 2"]);
    assert_eq!(test.told(), ["b open"]);
}

#[test]
fn how_long_a_pod_ran_without_its_first_rules_is_told_unless_policies_left_it_open() {
    let mut test = Test::new();
    test.node.place().age = Some(Duration::from_millis(70));
    let mut round = test.round(&["a", "b"], Found::Corrected);
    round.orders[1].was_open = true;
    test.perform(vec![round]);
    assert_eq!(test.told(), ["isolated after 70ms", "a enforced", "b enforced"]);
    test.apply(policy("a", &[]));
    test.order(&["a"]);
    assert_eq!(test.told(), [""; 0], "these rules are not its first");
}

#[test]
fn what_rules_count_is_told_of_one_pod_after_the_other_and_once() {
    let mut test = Test::new();
    test.order(&["a", "b", "c"]);
    test.told();
    test.node.place().packets = 5;
    let turn = |_| {
        test.worker.visit_some();
        test.told()
    };
    let turns: Vec<Vec<String>> = (0..8).map(turn).collect();
    assert_eq!(turns.concat(), ["x counted 5"; 3]);
    assert!(turns.iter().all(|told| told.len() < 2), "{turns:?}");
    test.node.place().packets = 7;
    (0..4).for_each(|_| test.worker.visit_some());
    assert_eq!(test.told(), ["x counted 2"; 3]);
}

#[test]
fn flows_are_told_once_while_they_go_on_and_asked_for_if_something_was_denied() {
    let flow = |port| DeniedFlow {
        enforcement: Enforcement::Enforce,
        direction: Direction::Ingress,
        interface: "eth0".to_owned(),
        source: [10, 0, 0, 9].into(),
        destination: [10, 0, 0, 1].into(),
        protocol: 6,
        port,
    };
    let mut test = Test::new();
    test.order(&["a"]);
    test.told();
    let mut told = |packets, ports: &[u16]| {
        test.node.place().packets = packets;
        test.node.place().denied = ports.iter().map(|port| flow(*port)).collect();
        // The Pod's turn, and that after the last.
        (0..2).for_each(|_| test.worker.visit_some());
        test.told()
    };
    assert_eq!(told(1, &[80, 81]), ["x counted 1", "a denied [80, 81]"]);
    assert_eq!(told(1, &[80, 82]), [""; 0], "nothing was counted");
    assert_eq!(told(2, &[80, 82]), ["x counted 1", "a denied [80, 82]"], "for a while nothing was denied");
    assert_eq!(told(3, &[80, 83]), ["x counted 1", "a denied [83]"]);
    assert_eq!(told(4, &[]), ["x counted 1"]);
    assert_eq!(told(5, &[80]), ["x counted 1", "a denied [80]"], "it was over, and is back");
}

#[test]
fn an_interface_that_the_kernel_does_not_have_is_told_if_it_does_not_come() {
    let mut test = Test::new();
    test.apply(endpoint("a", "dpdk0", ["10.0.0.9", ""]));
    test.order(&["a"]);
    test.told();
    let mut absent = |interfaces: &[&str]| {
        test.node.place().interfaces = interfaces.iter().map(|name| (*name).to_owned()).collect();
        (0..8).for_each(|_| test.worker.visit_some());
        let told = test.news.try_iter().filter_map(|news| match news {
            News::Pod(status) => Some(status.absent.into_iter().collect::<Vec<_>>()),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(absent(&["eth0"]), [[""; 0]; 0], "it may come yet");
    assert_eq!(absent(&["eth0"]), [["dpdk0"]]);
    assert_eq!(absent(&["eth0"]), [[""; 0]; 0]);
    assert_eq!(absent(&["eth0", "dpdk0"]), [[""; 0]]);
}

/// Regression: an interface that a policy about another network leaves open was told of as one that it is not enforced on.
#[test]
fn an_interface_that_no_policy_isolates_may_be_absent() {
    let mut test = Test::new();
    let mut other = endpoint("a", "dpdk0", ["10.0.0.9", ""]);
    other["spec"]["NetworkName"] = json!("fast");
    let mut policy = policy("a", &[]);
    policy["spec"]["networkSelector"] = json!([{"name": "lan", "type": "DanmNet"}]);
    test.apply(other);
    test.apply(policy);
    test.order(&["a"]);
    assert_eq!(test.told(), ["a enforced"]);
    (0..32).for_each(|_| test.worker.visit_some());
    assert_eq!(test.told(), [""; 0]);
}

#[test]
fn of_several_orders_about_a_pod_the_last_one_counts() {
    let mut test = Test::new();
    let first = test.round(&["a", "b"], Found::LeftAlone);
    test.apply(policy("a", &[]));
    let second = test.round(&["a"], Found::Corrected);
    test.perform(vec![first, second]);
    assert_eq!(test.node.done(), ["open 1", "open 2"]);
    let is_written = |set: &FamilySet| *set.members == Members::Denied;
    assert!(test.node.place().tables[&1].sets().all(is_written), "nobody is let in");
    assert_eq!(test.node.place().looks, 1, "processes are read once for all");
}

#[test]
fn a_pod_that_fails_is_closed_or_keeps_its_rules_and_holds_up_no_others() {
    let mut test = Test::new();
    test.node.place().broken.push(1);
    test.node.place().takes_closed_alone.push(2);
    test.order(&["a", "b", "c"]);
    assert_eq!(test.told(), ["a failed", "b closed", "c enforced"]);
    assert!(test.node.place().tables[&2].sets().next().is_none(), "nobody is let in");

    test.node.place().broken.push(3);
    let before = test.node.place().tables[&3].clone();
    test.apply(policy("c", &["10.1.0.0/16"]));
    test.order(&["c"]);
    assert_eq!((test.told(), test.node.place().tables[&3] == before), (vec!["c failed".to_owned()], true));

    test.node.place().broken.clear();
    test.node.place().takes_closed_alone.clear();
    for pod in ["a", "b", "c"] {
        test.try_again(pod);
        assert_eq!(test.pause(pod), None);
    }
    assert_eq!(test.told(), ["a enforced", "b enforced", "c enforced"]);
}

#[test]
fn what_is_audited_closes_nobody_if_its_rules_cannot_be_had() {
    let mut test = Test::new();
    test.node.place().takes_closed_alone.push(1);
    let mut audited = policy("a", &["10.9.0.0/16"]);
    audited["spec"]["enforcement"] = "audit".into();
    test.apply(audited);
    test.order(&["a"]);
    assert_eq!(test.told(), ["a failed"]);
    assert!(test.node.place().tables.is_empty());
}

#[test]
fn a_pod_whose_audited_policy_is_enforced_is_closed_if_its_rules_cannot_be_had() {
    let mut test = Test::new();
    test.apply(audited(&["10.9.0.0/16"]));
    test.order(&["a"]);
    assert_eq!(test.told(), ["a audited"]);
    test.node.place().takes_closed_alone.push(1);
    test.apply(policy("a", &["10.9.0.0/16"]));
    test.order(&["a"]);
    assert_eq!(test.told(), ["a closed"]);
    assert!(test.node.place().tables[&1].sets().next().is_none(), "nobody is let in");
    test.node.place().takes_closed_alone.clear();
    test.try_again("a");
    assert_eq!(test.told(), ["a enforced"]);
}

#[test]
fn a_pod_whose_policy_is_audited_is_open_though_its_rules_cannot_be_had() {
    let mut test = Test::new();
    test.node.place().takes_closed_alone.push(1);
    test.order(&["a"]);
    assert_eq!(test.told(), ["a closed"]);
    test.apply(audited(&["10.9.0.0/16"]));
    test.order(&["a"]);
    assert_eq!(test.told(), ["a failed"]);
    assert!(test.node.place().tables[&1].is_empty(), "nothing is denied");
}

/// A policy about the Pod `a` that lets these come in, and denies nothing.
fn audited(blocks: &[&str]) -> Value {
    let mut audited = policy("a", blocks);
    audited["spec"]["enforcement"] = "audit".into();
    audited
}

#[test]
fn of_pods_that_are_new_those_come_last_to_which_nothing_is_denied() {
    let mut test = Test::new();
    test.apply(audited(&["10.9.0.0/16"]));
    test.order(&["a", "b"]);
    assert_eq!(test.node.done(), ["open 2", "open 1"]);
}

#[test]
fn what_fails_is_told_once_and_tried_again_after_pauses_that_grow() {
    let mut test = Test::new();
    test.node.place().broken.push(1);
    test.node.place().takes_closed_alone.push(2);
    test.order(&["a", "b"]);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        pauses.extend(test.pause("a"));
        test.try_again("a");
        test.try_again("b");
    }
    assert_eq!(pauses[..3], [PAUSE, 2 * PAUSE, 4 * PAUSE]);
    assert_eq!(test.pause("a"), Some(LONGEST_PAUSE));
    assert_eq!(test.told(), ["a failed", "b closed"]);
    // An order is no reason to wait.
    test.order(&["a"]);
    assert_eq!(test.pause("a"), Some(PAUSE));
}

#[test]
fn a_pod_that_has_no_process_is_waited_for_and_what_its_endpoints_say_is_not_false_yet() {
    let mut test = Test::new();
    test.node.end(1);
    test.order(&["a"]);
    let News::Pod(status) = test.news.try_recv().expect("it is told") else { panic!("it is about a Pod") };
    assert_eq!((status.state, status.refused), (State::Waiting, vec![]));
    for _ in 0..10 {
        test.try_again("a");
    }
    assert_eq!(test.pause("a"), Some(LONGEST_SEARCH), "it is open until it is found");
    test.node.run(11, UIDS[0], 11);
    test.try_again("a");
    assert_eq!(test.node.done(), ["open 11"]);
    let News::Pod(status) = test.news.try_recv().expect("it is told") else { panic!("it is about a Pod") };
    assert_eq!((status.state, status.refused.len()), (State::Enforced, 1));
}

#[test]
fn namespaces_that_come_are_given_rules_and_those_that_go_are_let_go() {
    let mut test = Test::new();
    test.order(&["a"]);
    // Another process takes its place.
    test.node.run(11, UIDS[0], 1);
    test.node.end(1);
    test.worker.look();
    assert_eq!((test.node.done(), test.told()), (vec!["open 1".to_owned()], vec!["a enforced".to_owned()]));
    // All of it goes elsewhere.
    test.node.end(11);
    test.node.run(12, UIDS[0], 12);
    test.worker.look();
    assert_eq!(test.node.done(), ["open 12"]);
    let homes = &test.worker.pods[&name("a")].homes;
    assert_eq!(homes.keys().map(|id| id.inode).collect::<Vec<_>>(), [12]);
    test.node.end(12);
    test.told();
    test.worker.look();
    assert_eq!(test.told(), ["a waiting"]);
    assert!(test.node.place().tables.contains_key(&12), "rules stay");
}

#[test]
fn one_namespace_of_several_that_fails_is_not_forgotten() {
    let mut test = Test::new();
    test.node.run(11, UIDS[0], 11);
    test.node.place().broken.push(11);
    test.order(&["a"]);
    assert_eq!(test.told(), ["a failed"]);
    test.try_again("a");
    assert_eq!(test.told(), [""; 0], "it fails still");
    test.node.place().broken.clear();
    test.try_again("a");
    assert_eq!(test.told(), ["a enforced"]);
    assert_eq!(test.node.done(), ["open 1", "open 11"]);
}

#[test]
fn another_pod_of_the_same_name_has_a_namespace_of_its_own() {
    let mut test = Test::new();
    test.order(&["a"]);
    let before = test.node.place().tables[&1].clone();
    test.node.run(11, "dddd", 11);
    test.apply(pod("a", "dddd", "10.0.0.1"));
    test.apply(policy("a", &[]));
    test.order(&["a"]);
    assert_eq!(test.node.done(), ["open 1", "open 11"]);
    assert!(test.node.place().tables[&1] == before, "nothing is written to the one before");
}

#[test]
fn rules_of_a_pod_that_is_gone_stay_and_its_namespace_is_let_go() {
    let mut test = Test::new();
    test.order(&["a"]);
    test.perform(vec![Round {
        orders: vec![Order::gone(name("a"))],
        found: Found::Corrected,
        at: Instant::now(),
    }]);
    assert!(test.worker.pods.is_empty() && test.node.place().tables.contains_key(&1));
    assert_eq!(test.node.done(), ["open 1"]);
}

#[test]
fn what_an_agent_before_left_stays_until_everything_is_known() {
    let mut test = Test::new();
    let old = Program::default();
    test.node.place().tables.insert(1, old.clone());
    let round = test.round(&["a", "b"], Found::LeftAlone);
    test.perform(vec![round]);
    assert_eq!(test.told(), ["a left-alone", "b enforced"]);
    test.try_again("a");
    test.worker.try_again();
    test.worker.look();
    assert!(test.node.place().tables[&1] == old);
    test.order(&["a"]);
    assert_eq!((test.told(), test.node.place().tables[&1] == old), (vec!["a enforced".to_owned()], false));
}

#[test]
fn what_an_agent_before_left_in_a_pod_that_is_open_is_taken_away() {
    let mut test = Test::new();
    test.node.place().tables.insert(1, Program::default());
    test.engine.delete(&policy_key("a"));
    test.order(&["a"]);
    assert_eq!((test.node.done(), test.told()), (vec!["clean 1".to_owned()], vec!["a open".to_owned()]));
}

#[test]
fn two_pods_in_one_namespace_do_not_take_turns_and_one_that_is_open_takes_nothing_away() {
    let mut test = Test::new();
    test.node.end(2);
    test.node.run(2, UIDS[1], 1);
    test.order(&["a", "b"]);
    assert_eq!(
        (test.node.done(), test.told()),
        (vec!["open 1".to_owned()], vec!["a enforced".to_owned(), "b failed".to_owned()])
    );
    // The first has no rules any more: the second has its own.
    test.engine.delete(&policy_key("a"));
    test.order(&["a"]);
    test.try_again("b");
    assert_eq!(test.told(), ["a open", "b enforced"]);
    test.order(&["a"]);
    test.node.done();
    test.order(&["a"]);
    assert_eq!(test.node.done(), [""; 0]);
    assert!(test.node.place().tables.contains_key(&1));
}

#[test]
fn a_pod_that_is_opened_loses_its_own_rules_alone_and_has_them_anew_afterwards() {
    let mut test = Test::new();
    test.node.end(2);
    test.node.run(2, UIDS[1], 1);
    test.order(&["a", "c"]);
    test.node.done();
    test.told();
    test.openings = open_namespace();
    test.order(&["b", "c"]);
    assert_eq!(test.told(), ["b opened", "c opened"]);
    assert_eq!(test.node.done(), ["remove 3"], "where b is, are the rules of another, which stay");

    test.openings = Openings::default();
    test.order(&["c"]);
    assert_eq!((test.node.done(), test.told()), (vec!["open 3".to_owned()], vec!["c enforced".to_owned()]));
}

#[test]
fn rules_that_somebody_changed_are_told_and_those_that_cannot_be_read_are_taken_over_anew() {
    let mut test = Test::new();
    test.order(&["a", "b"]);
    test.told();
    test.node.done();
    test.node.place().tampered.push(1);
    test.worker.look();
    let News::Pod(status) = test.news.try_recv().expect("it is told") else { panic!("it is about a Pod") };
    assert!(status.is_tampered && *status.pod.name == *"a");
    test.worker.look();
    assert_eq!(test.told(), [""; 0]);
    test.node.place().unreadable.push(2);
    test.worker.look();
    assert_eq!(test.node.done(), ["open 2"]);
}
