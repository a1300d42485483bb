//! A start of the agent on a node with many Pods: the first rules of all of them, and rules that are right already.

use policer::rehearsal::Rehearsal;
use policy_dataplane::{Batch, Protection, Snapshot};
use policy_engine::{
    Engine, NamespacedName, Object,
    program::{Flows, Program, gates},
};
use serde_json::Value;
use testkit::{Figure, median};

use crate::{
    bare,
    node::{Node, socket},
    objects, others,
    spent::Spent,
};

const PODS: usize = 250;
/// What a kernel counts that takes over what it has: that the table is ours, and in one of them two questions what it can do.
const COMMITS: usize = PODS + 2;
const PEERS: usize = 1_000;
const ROUNDS: usize = 5;
/// `nft` is slow: a few Pods tell how slow.
const PODS_OF_NFT: usize = 20;

/// Against the bare loop.
const TIMES: f64 = 1.5;

/// Measures.
pub fn measure() -> Vec<Figure> {
    let node = Node::new(PODS);
    let objects = objects::all(PODS, PEERS);
    let batches = batches(&objects);
    let (mut agents, mut bares, mut adoptions) = (Vec::new(), Vec::new(), Vec::new());
    let mut commits = 0;
    for round in 0..ROUNDS {
        let (spent, agent) = start(&node, &objects);
        agents.push(spent);
        if round == 0 {
            assert_same(&node, &objects);
        }
        agent.stop();
        let before = node.generations();
        let (spent, agent) = start(&node, &objects);
        adoptions.push(spent);
        agent.stop();
        let after = node.generations().into_iter().zip(before);
        commits = after.map(|(after, before)| after.wrapping_sub(before) as usize).sum();
        node.wipe();
        bares.push(open_and_send(&node, &batches));
        node.wipe();
    }
    figures(&agents, &bares, &adoptions, commits, of_nft(&node))
}

/// Starts an agent that knows everything. Gives what it spends until all Pods have rules.
fn start(node: &Node, objects: &[Value]) -> (Spent, Rehearsal) {
    let arguments = node.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut agent = Rehearsal::start(&arguments).expect("it starts");
    agent.list(objects).expect("lists");
    let (spent, _) = Spent::on(|| agent.enforce());
    assert_eq!(agent.enforced(), PODS, "all Pods have rules");
    (spent, agent)
}

fn open_and_send(node: &Node, batches: &[Vec<u8>]) -> Spent {
    let all = node.namespaces.iter().zip(batches);
    let (spent, _) = Spent::on(|| {
        let opened = all.map(|(namespace, bytes)| {
            let socket = bare::open(namespace);
            bare::send(&socket, bytes);
            socket
        });
        // They stay open, as those of the agent do.
        opened.collect::<Vec<_>>()
    });
    spent
}

/// What the agent sends to the kernel of each Pod.
fn batches(objects: &[Value]) -> Vec<Vec<u8>> {
    let batch = |program| Batch::replace(&program, Protection::Owned).bytes().to_vec();
    programs(objects).into_iter().map(batch).collect()
}

fn programs(objects: &[Value]) -> Vec<Program> {
    let mut engine = Engine::default();
    for object in objects {
        engine.apply(Object::read(object).expect("an object").expect("of a kind that counts"));
    }
    let pods: Vec<NamespacedName> =
        (0..PODS).map(|pod| NamespacedName::new(objects::HERE, &objects::name(pod))).collect();
    pods.iter().for_each(|pod| engine.track(pod));
    let program = |(number, pod)| {
        let ruleset = engine.ruleset(pod).expect("it is a target");
        let surroundings = objects::surroundings(number);
        Program::around(gates(&ruleset).into(), &ruleset, &surroundings, Flows::default())
    };
    pods.iter().enumerate().map(program).collect()
}

/// Makes sure that the bare loop sends what the agent sends.
fn assert_same(node: &Node, objects: &[Value]) {
    let there = socket(&node.namespaces[PODS - 1]).snapshot().expect("it is read");
    let program = programs(objects).pop().expect("there are some");
    assert_eq!(there, Snapshot::of(&program));
}

// === figures ===

fn figures(
    agents: &[Spent],
    bares: &[Spent],
    adoptions: &[Spent],
    commits: usize,
    nft: Figure,
) -> Vec<Figure> {
    let [agent, bare, adoption] = [agents, bares, adoptions].map(Spent::median);
    let ratio = median(&mut agents.iter().zip(bares).map(|(a, b)| a.wall / b.wall).collect::<Vec<_>>());
    vec![
        Figure {
            what: format!("a start, {PODS} Pods with {PEERS} peers: finding them to last commit"),
            value: format!("{agent}, {ratio:.2} x"),
            bar: Some((format!("at most {TIMES} x the bare loop"), ratio <= TIMES)),
        },
        Figure {
            what: "  a bare loop that opens a socket in each and sends the same bytes".to_owned(),
            value: bare.to_string(),
            bar: None,
        },
        nft,
        Figure {
            what: "  a start with the right rules in all Pods".to_owned(),
            value: adoption.to_string(),
            bar: None,
        },
        Figure {
            what: "  changes that kernels counted".to_owned(),
            value: format!("{commits} in {PODS} Pods"),
            bar: Some(("1 a Pod, which makes the table ours, and 2 probes".to_owned(), commits <= COMMITS)),
        },
    ]
}

fn of_nft(node: &Node) -> Figure {
    let rules = others::rules(PEERS);
    let namespaces = node.namespaces[..PODS_OF_NFT].iter();
    let mut rounds: Vec<f64> = namespaces.map(|it| Spent::on(|| others::load(it, &rules)).0.wall).collect();
    Figure {
        what: "  a rule per peer, loaded by nft".to_owned(),
        value: format!(
            "{:.0} ms ({PODS_OF_NFT} Pods measured, p50 x {PODS})",
            median(&mut rounds) * PODS as f64
        ),
        bar: None,
    }
}
