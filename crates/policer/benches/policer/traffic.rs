//! What rules cost packets: of connections that go on, and of such as begin. Few peers, many peers and many policies take turns, and
//! the rules of others with them.

use std::{fs::File, os::fd::AsFd};

use policy_dataplane::{Found, Memory, Protection, Table, TableOptions};
use policy_engine::{
    Engine, NamespacedName, Object,
    program::{Program, gates},
};
use serde_json::{Value, json};
use testkit::{Figure, median};

use crate::{
    lane::{Lane, PORT},
    namespace::Namespace,
    objects, others,
};

const FEW: usize = 10;
const MANY: usize = 10_000;
const POLICIES: usize = 1_000;

/// What is measured at once is short, so that somebody who disturbs it spoils few of them.
const ROUNDS: usize = 41;
const PACKETS: usize = 3_200;
const CONNECTIONS: usize = 50;
/// Against few peers.
const SHARE: f64 = 0.85;

/// The ways, by what they are called.
const WAYS: [&str; 4] = ["10 peers", "10000 peers", "1000 policies", "10000 peers, a rule for each"];

/// Measures.
pub fn measure() -> Vec<Figure> {
    let ours = |objects: Vec<Value>| Lane::new(|pod| enforce(pod, &objects));
    let lanes = [
        ours(objects::all(1, FEW)),
        ours(objects::all(1, MANY)),
        ours(many_policies()),
        Lane::new(|pod| others::load(pod, &others::rules(MANY))),
    ];
    let packets = in_turns(&lanes, |lane| lane.packets(PACKETS));
    let connections = in_turns(&lanes, |lane| lane.connections(CONNECTIONS));
    let mut figures = figures("packets of an established connection", packets, &[1, 2]);
    figures.extend(self::figures("connections", connections, &[1]));
    figures
}

/// The median of each lane.
fn in_turns(lanes: &[Lane; 4], measure: impl Fn(&Lane) -> f64) -> [f64; 4] {
    let mut rates: [Vec<f64>; 4] = Default::default();
    for round in 0..=ROUNDS {
        for (rates, lane) in rates.iter_mut().zip(lanes) {
            let rate = measure(lane);
            // The first of each is not like the others.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    rates.map(|mut rates| median(&mut rates))
}

/// Puts the rules of the first Pod into a namespace, as the agent does.
fn enforce(namespace: &Namespace, objects: &[Value]) {
    let mut engine = Engine::default();
    for object in objects {
        engine.apply(Object::read(object).expect("an object").expect("of a kind that counts"));
    }
    let pod = NamespacedName::new(objects::HERE, &objects::name(0));
    engine.track(&pod);
    let ruleset = engine.ruleset(&pod).expect("it is a target");
    let (gates, surroundings) = (gates(&ruleset).into(), objects::surroundings(0));
    let options = TableOptions { protection: Protection::Owned, memory: Memory::Labels };
    let place = File::open(namespace.path()).expect("a namespace");
    let make = |flows| Program::around(std::sync::Arc::clone(&gates), &ruleset, &surroundings, flows);
    Table::open(place.as_fd(), options, &make, Found::Corrected).expect("the kernel takes it");
}

/// Each of the policies lets in some peers on a port of its own; the last one those who talk here.
fn many_policies() -> Vec<Value> {
    let mut all = vec![objects::namespace(objects::HERE), objects::namespace(objects::THERE)];
    all.extend(objects::pod(0));
    let label = |peer: usize| (POLICIES - 1 - peer / (MANY / POLICIES)).to_string();
    all.extend((0..MANY).flat_map(|peer| objects::labelled(objects::peer(peer), &label(peer))));
    all.extend((0..POLICIES).map(|number| {
        let from = json!([{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": objects::THERE}},
            "podSelector": {"matchLabels": {"app": number.to_string()}},
        }]);
        let last = POLICIES - 1;
        let port = if number == last { usize::from(PORT) } else { 10_000 + number };
        let ports = json!([{"protocol": "TCP", "port": port}, {"protocol": "UDP", "port": port}]);
        let spec = json!({"podSelector": {}, "ingress": [{"from": from, "ports": ports}]});
        objects::policy(&format!("p-{number:04}"), &spec)
    }));
    all
}

/// With a bar for some of the ways.
fn figures(what: &str, rates: [f64; 4], held: &[usize]) -> Vec<Figure> {
    let figure = |(place, rate): (usize, f64)| {
        let share = rate / rates[0];
        let bar = held.contains(&place);
        Figure {
            what: format!("{}{what}, {}", if place == 0 { "" } else { "  " }, WAYS[place]),
            value: format!("{rate:.0} a second, {share:.2} x"),
            bar: bar.then(|| (format!("at least {SHARE} x those with {}", WAYS[0]), share >= SHARE)),
        }
    };
    rates.into_iter().enumerate().map(figure).collect()
}
