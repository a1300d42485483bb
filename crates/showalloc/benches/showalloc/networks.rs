//! All networks of a large cluster, as `networks -A` shows them: what it takes to take their objects into the index, to judge
//! and to draw them, beside the whole program, most of which is reading.

use std::{fs, hint::black_box};

use danm_api::{ApiGroup, Change, Decoded, EndpointView, NetworkKind};
use danm_ipam::{AllocBits, BitIndex};
use leak_judge::{Moment, Observation, Source, Suspects, World};
use sandbox::{Options, Sandbox};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use showalloc::{
    look::{Look, Sight},
    overview::{NetworkOverview, Order, overviews, sort},
    view::{self, screen::Screen},
};
use testkit::{
    Figure, cpu_time, median,
    objects::{self, with},
};

use crate::process::{Cost, cost};

const GROUP: ApiGroup = ApiGroup::DanmIo;
const NODES: usize = 100;
/// Networks of /16.
const NETWORKS: usize = 1_000;
const ENDPOINTS: usize = 100_000;
const ENDPOINTS_PER_POD: usize = 2;
const PODS: usize = ENDPOINTS / ENDPOINTS_PER_POD;
const RUNS: usize = 5;
/// How many objects the API server sends at a time.
const PAGE: usize = 500;
/// CPU time in milliseconds.
const BAR: f64 = 300.0;

/// Measures.
pub async fn measure() -> Vec<Figure> {
    let (mut indexed, mut drawn, mut parsed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (world, cost) = index();
        indexed.push(cost);
        drawn.push(milliseconds(|| assert_eq!(table(&world).len(), NETWORKS + 1)));
        parsed.push(milliseconds(parse_endpoints));
    }
    let [indexed, drawn, parsed] = [indexed, drawn, parsed].map(|mut costs| median(&mut costs));
    let program = program().await;
    vec![
        Figure {
            what: "networks: 1,000 of /16, 100,000 endpoints, objects to table, CPU".to_owned(),
            value: format!("{:.0} ms, {drawn:.0} of them to judge and draw", indexed + drawn),
            bar: Some((format!("under {BAR:.0} ms"), indexed + drawn < BAR)),
        },
        Figure {
            what: "the whole program, from the first request on, CPU and memory".to_owned(),
            value: format!("{:.0} ms, {:.0} MB", program.cpu, program.peak),
            bar: None,
        },
        Figure {
            what: "JSON of the endpoints alone, CPU".to_owned(),
            value: format!("{parsed:.0} ms"),
            bar: None,
        },
    ]
}

/// What the program makes of the cluster, and what that costs. As its watches tell it: in pages, of which one is in
/// memory at a time.
fn index() -> (World, f64) {
    let networks = Source::networks(GROUP, NetworkKind::DanmNet);
    let core = [Source::Pods, Source::Nodes, Source::Namespaces];
    let mut world = World::expecting(core.into_iter().chain([Source::endpoints(GROUP), networks]));
    let mut cost = list(&mut world, NODES, &node, Observation::Nodes);
    cost += list(&mut world, 0, &node, Observation::Namespaces);
    cost += list(&mut world, NETWORKS, &network, |change| {
        Observation::Networks(GROUP, NetworkKind::DanmNet, change)
    });
    cost += list(&mut world, ENDPOINTS, &endpoint, |change| Observation::Endpoints(GROUP, change));
    cost += list(&mut world, PODS, &pod, Observation::Pods);
    (world, cost)
}

/// Lists one kind. Gives what it costs to take it in, without what it costs to make it.
fn list<T: DeserializeOwned>(
    world: &mut World,
    count: usize,
    object: &dyn Fn(usize) -> Value,
    observation: impl Fn(Change<T>) -> Observation,
) -> f64 {
    let mut observe = |changes: Vec<Change<T>>| {
        milliseconds(|| {
            changes.into_iter().for_each(|change| world.observe(observation(change), Moment::START));
        })
    };
    let texts: Vec<String> = (0..count).map(|number| object(number).to_string()).collect();
    let mut cost = observe(vec![Change::ListBegins]);
    for page in texts.chunks(PAGE) {
        let read = |text: &String| Change::Listed(serde_json::from_str(text).expect("readable"));
        cost += observe(page.iter().map(read).collect());
    }
    cost + observe(vec![Change::ListEnds])
}

/// What it prints of that.
fn table(world: &World) -> Vec<String> {
    let (sight, suspects) = (Sight::default(), Suspects::default());
    let look = Look::at(world, &sight, &suspects, Moment::START);
    let networks = world.networks().iter();
    let mut all: Vec<NetworkOverview> =
        networks.flat_map(|(id, record)| overviews(&look, id, record, |_| true)).collect();
    sort(&mut all, Order::Utilisation);
    let screen = Screen { width: None, is_ascii: false, is_coloured: false };
    view::overview::table(&all, false, true, &screen).iter().map(|line| line.render(&screen)).collect()
}

/// The real program, against an API server in this process.
async fn program() -> Cost {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() }).expect("a loopback");
    let load = |count: usize, object: &dyn Fn(usize) -> Value| {
        sandbox.load((0..count).map(object)).expect("it takes them");
    };
    load(NODES, &node);
    load(NETWORKS, &network);
    load(PODS, &pod);
    load(ENDPOINTS, &endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).expect("written");
    cost(&kubeconfig, &["networks", "-A"], NETWORKS + 1).await
}

/// What it takes to read the text of so many endpoints, one by one.
fn parse_endpoints() {
    let text = endpoint(1).to_string();
    for _ in 0..ENDPOINTS {
        black_box(serde_json::from_str::<Decoded<EndpointView>>(black_box(&text)).expect("readable"));
    }
}

fn milliseconds(work: impl FnOnce()) -> f64 {
    let before = cpu_time();
    work();
    cpu_time().saturating_sub(before).as_secs_f64() * 1e3
}

fn node(number: usize) -> Value {
    objects::node(&format!("node-{number}"), "True")
}

fn pod(number: usize) -> Value {
    objects::pod("ran", &pod_name(number), &format!("node-{}", number % NODES))
}

fn pod_name(number: usize) -> String {
    format!("workload-{number:05x}")
}

fn network(number: usize) -> Value {
    let mut bits = AllocBits::clear(65_536);
    let held = u32::try_from(ENDPOINTS / NETWORKS).expect("fits");
    (0..=held).chain([65_535]).for_each(|bit| bits.set(BitIndex(bit)));
    let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", &format!("net-{number}"));
    with(network, "/spec/Options", json!({"cidr": "10.0.0.0/16", "alloc": bits.encode()}))
}

fn endpoint(number: usize) -> Value {
    let bit = 1 + number / NETWORKS;
    let name = objects::uid(&format!("endpoint {number}"));
    let network = format!("net-{}", number % NETWORKS);
    let endpoint = objects::endpoint(GROUP, "ran", &name, &pod_name(number / ENDPOINTS_PER_POD), &network);
    let endpoint = with(endpoint, "/spec/Host", format!("node-{}", number / ENDPOINTS_PER_POD % NODES));
    with(endpoint, "/spec/Interface/Address", format!("10.0.0.{bit}/16"))
}
