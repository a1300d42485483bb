//! One peer more, or one less, of all Pods of a node: from what a watch tells to the last commit.

use netlink_sys::Socket;
use policer::rehearsal::Rehearsal;
use policy_dataplane::{Batch, Protection};
use policy_engine::{Engine, NamespacedName, Object, program::Program};
use serde_json::Value;
use testkit::{Figure, median};

use crate::{bare, node::Node, objects, others, spent::Spent};

const PODS: usize = 250;
const PEERS: usize = 1_000;
const ROUNDS: usize = 21;
/// `nft` is slow: a few Pods tell how slow.
const PODS_OF_NFT: usize = 5;
const ROUNDS_OF_NFT: usize = 3;

/// Against the bare loop.
const TIMES: f64 = 3.0;
/// For a Pod, in ms.
const CPU: f64 = 0.1;

/// One way of doing it.
#[derive(Default)]
struct Way {
    agent: Vec<Spent>,
    bare: Vec<Spent>,
}

/// Kernels that have what the agent's have, and what has to be told them so that it is another.
struct Bare {
    sockets: Vec<Socket>,
    more: Vec<u8>,
    less: Vec<u8>,
}

/// Measures.
pub fn measure() -> Vec<Figure> {
    let (node, other) = (Node::new(PODS), Node::new(PODS));
    let arguments = node.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut agent = Rehearsal::start(&arguments).expect("it starts");
    agent.list(&objects::all(PODS, PEERS)).expect("lists");
    agent.enforce();
    assert_eq!(agent.enforced(), PODS, "all Pods have rules");
    let bare = Bare::new(&other);
    let (mut more, mut less) = (Way::default(), Way::default());
    let newcomer = objects::peer(PEERS);
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            more.agent.push(told(&mut agent, &newcomer, true));
            more.bare.push(bare.send(&bare.more));
        } else {
            more.bare.push(bare.send(&bare.more));
            more.agent.push(told(&mut agent, &newcomer, true));
        }
        if round % 2 == 0 {
            less.agent.push(told(&mut agent, &newcomer, false));
            less.bare.push(bare.send(&bare.less));
        } else {
            less.bare.push(bare.send(&bare.less));
            less.agent.push(told(&mut agent, &newcomer, false));
        }
    }
    agent.stop();
    let mut figures = figures("comes", &more, true);
    figures.push(of_nft(&other));
    figures.extend(self::figures("goes", &less, false));
    figures
}

/// What the agent spends until all kernels know of a peer that has come or gone.
fn told(agent: &mut Rehearsal, [pod, endpoint]: &[Value; 2], is_there: bool) -> Spent {
    let event = |object| if is_there { agent.applied(object) } else { agent.deleted(object) };
    // A Pod without an address is nobody's peer; its endpoint decides.
    let (pod, endpoint) = (event(pod).expect("an object"), event(endpoint).expect("an object"));
    if is_there {
        agent.take(pod);
        assert_eq!(agent.enforce(), 0, "nobody is concerned yet");
        let (spent, pods) = Spent::on(|| {
            agent.take(endpoint);
            agent.enforce()
        });
        assert_eq!(pods, PODS, "all are concerned");
        spent
    } else {
        let (spent, pods) = Spent::on(|| {
            agent.take(endpoint);
            agent.enforce()
        });
        assert_eq!(pods, PODS, "all are concerned");
        agent.take(pod);
        spent
    }
}

// === impl Bare ===

impl Bare {
    fn new(node: &Node) -> Self {
        let [few, many] = [PEERS, PEERS + 1].map(program);
        let bytes = |before: &Program, now: &Program| {
            Batch::difference(before, now, Protection::Owned).bytes().to_vec()
        };
        let first = Batch::replace(&few, Protection::Owned).bytes().to_vec();
        let sockets: Vec<Socket> = node.namespaces.iter().map(bare::open).collect();
        sockets.iter().for_each(|socket| bare::send(socket, &first));
        Self { sockets, more: bytes(&few, &many), less: bytes(&many, &few) }
    }

    fn send(&self, bytes: &[u8]) -> Spent {
        Spent::on(|| self.sockets.iter().for_each(|socket| bare::send(socket, bytes))).0
    }
}

/// The rules of a Pod that has so many peers.
fn program(peers: usize) -> Program {
    let mut engine = Engine::default();
    for object in objects::all(1, peers) {
        engine.apply(Object::read(&object).expect("an object").expect("of a kind that counts"));
    }
    let pod = NamespacedName::new(objects::HERE, &objects::name(0));
    engine.track(&pod);
    Program::of(&engine.ruleset(&pod).expect("it is a target"))
}

// === figures ===

fn figures(what: &str, way: &Way, is_held: bool) -> Vec<Figure> {
    let [agent, bare] = [&way.agent, &way.bare].map(|all| Spent::median(all));
    let mut ratios: Vec<f64> = way.agent.iter().zip(&way.bare).map(|(a, b)| a.wall / b.wall).collect();
    let ratio = median(&mut ratios);
    let per_pod = agent.cpu / PODS as f64;
    let bar = |bar: String, held| is_held.then_some((bar, held));
    vec![
        Figure {
            what: format!("a peer {what}, {PODS} Pods with {PEERS}: watch event to last commit"),
            value: format!("{agent}, {ratio:.2} x"),
            bar: bar(format!("at most {TIMES} x the bare loop"), ratio <= TIMES),
        },
        Figure {
            what: "  a bare loop that sends the same bytes, made beforehand".to_owned(),
            value: bare.to_string(),
            bar: None,
        },
        Figure {
            what: "  so a Pod takes".to_owned(),
            value: format!("{:.1} us CPU p50 (bare {:.1})", per_pod * 1e3, bare.cpu / PODS as f64 * 1e3),
            bar: bar(format!("under {CPU} ms"), per_pod < CPU),
        },
    ]
}

fn of_nft(node: &Node) -> Figure {
    let rules = others::rules(PEERS + 1);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS_OF_NFT {
        for namespace in &node.namespaces[..PODS_OF_NFT] {
            rounds.push(Spent::on(|| others::load(namespace, &rules)).0.wall);
        }
    }
    Figure {
        what: "  a rule per peer, loaded by nft".to_owned(),
        value: format!(
            "{:.0} ms ({PODS_OF_NFT} Pods measured, p50 x {PODS})",
            median(&mut rounds) * PODS as f64
        ),
        bar: None,
    }
}
