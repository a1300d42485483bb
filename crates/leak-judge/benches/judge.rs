//! What an audit costs in time and memory, and what the bit array costs, each beside a baseline in the same run.
//!
//! Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench judge`.

#![expect(clippy::expect_used, clippy::cast_precision_loss, reason = "figures for people")]

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    fs,
    hint::black_box,
    process::ExitCode,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use danm_api::{ApiGroup, Change, NetworkKind};
use danm_ipam::{AllocBits, BitIndex};
use leak_judge::{
    Anomaly, Judgement, Moment, Observation, Rules, Source, Suspects, Verdict, World, anomalies, judge, plan,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::{cpu_time, objects};

const GROUP: ApiGroup = ApiGroup::DanmIo;
const PODS: usize = 150_000;
const ENDPOINTS_PER_POD: usize = 2;
const ENDPOINTS: usize = PODS * ENDPOINTS_PER_POD;
const NODES: usize = 1_000;
const NAMESPACES: usize = 100;
/// Networks of /20, three a namespace.
const NETWORKS: usize = 300;
/// The largest array: a /9, or an IPv6 pool of /105.
const LARGEST: u32 = 1 << 23;
/// Measurements of which the median counts.
const RUNS: usize = 5;

/// CPU time that is much longer than a tick, in milliseconds.
const SHOWS_MS: f64 = 100.0;

/// One line of the table.
struct Figure {
    what: &'static str,
    value: f64,
    unit: &'static str,
    bar: Option<f64>,
    baseline: Option<(f64, &'static str)>,
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> ExitCode {
    let (world, mut figures) = index();
    figures.extend(looks(world));
    figures.extend(bit_array());
    let mut table = String::new();
    for figure in &figures {
        figure.print(&mut table);
    }
    println!("{table}");
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Figure {
    const fn new(what: &'static str, value: f64, unit: &'static str) -> Self {
        Self { what, value, unit, bar: None, baseline: None }
    }

    /// It has to be less than this.
    const fn under(mut self, bar: f64) -> Self {
        self.bar = Some(bar);
        self
    }

    /// What the least that there is to do costs in the same run.
    const fn beside(mut self, baseline: f64, what: &'static str) -> Self {
        self.baseline = Some((baseline, what));
        self
    }

    fn holds(&self) -> bool {
        self.bar.is_none_or(|bar| self.value < bar)
    }

    fn print(&self, table: &mut String) {
        let Self { what, value, unit, bar, baseline } = self;
        let bar = match bar {
            Some(bar) => format!("{} {bar:.0} {unit}", if self.holds() { "under" } else { "NOT UNDER" }),
            None => String::new(),
        };
        let baseline = match baseline {
            Some((baseline, what)) => {
                format!("{:.2} x of {baseline:.2} {unit} for {what}", value / baseline)
            }
            None => String::new(),
        };
        // Writing to a String does not fail.
        let _ = writeln!(table, "{what:<58} {value:>9.2} {unit:<5} {bar:<16} {baseline}");
    }
}

/// An index of the size that the project promises, half of it dead, and what it costs to hold it.
fn index() -> (World, Vec<Figure>) {
    let mut world = World::expecting([]);
    let empty = resident();
    fill_pods(&mut world, Moment::START);
    let with_pods = resident();
    fill_endpoints(&mut world, Moment::START);
    let with_all = resident();

    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let each = |bytes: usize, count: usize| bytes as f64 / count as f64;
    let share = each(with_all - with_pods, ENDPOINTS);
    let figures = vec![
        Figure::new("index, resident", megabytes(with_all - empty), "MB").under(250.0),
        Figure::new("  a Pod", each(with_pods - empty, PODS), "bytes"),
        Figure::new("  an endpoint, with its share of the networks", share, "bytes"),
    ];
    (world, figures)
}

/// What it costs to look at the whole index, when all that is dead has been seen so for long enough.
fn looks(mut world: World) -> Vec<Figure> {
    let mut now = Moment::START;
    let rules = Rules {
        grace: Duration::from_secs(5),
        ownership_window: Duration::from_secs(60),
        ..Rules::default()
    };
    let mut suspects = Suspects::default();
    let first = judge(&world, &suspects, &rules, now);
    suspects.update(&first.judgements, &world, now);
    for unasked in first.judgements.iter().filter(|judgement| judgement.is_unasked) {
        let uid = world.endpoints().get(unasked.slot).expect("it was judged").pod_uid.clone();
        world.observe(Observation::PodAbsent(uid), now);
    }
    now = now + rules.ownership_window;
    let audit = median(|| {
        let audit = judge(&world, &suspects, &rules, now);
        suspects.update(&audit.judgements, &world, now);
        audit
    });
    let audited = judge(&world, &suspects, &rules, now);
    let dangling: Vec<Judgement> = audited.dangling().copied().collect();
    assert_eq!(dangling.len(), ENDPOINTS / 2, "half of the endpoints are dead");
    let none = BTreeSet::new();
    let plan_cost = median(|| plan(&world, &dangling, &none, &rules, now));
    let anomaly_scan = median(|| anomalies(&world, &audited.judgements));
    let found: usize = anomalies(&world, &audited.judgements).iter().map(Anomaly::size).sum();
    assert!(found > NETWORKS, "{found}: there is something to be found");
    let floor = floor(&world);
    vec![
        Figure::new("audit of 300,000 endpoints and 150,000 Pods, CPU", audit, "ms")
            .under(100.0)
            .beside(floor, "one hash look-up an endpoint"),
        Figure::new("plan of 150,000 releases, CPU", plan_cost, "ms"),
        Figure::new("scan of their 300 address books for anomalies, CPU", anomaly_scan, "ms").under(100.0),
    ]
}

/// The least that any audit does: look up the Pod of each endpoint in a hash table.
fn floor(world: &World) -> f64 {
    let uids: HashMap<String, usize> =
        (0..PODS).map(|pod| (objects::uid(&format!("pod {pod}")), pod)).collect();
    let wanted: Vec<String> =
        world.endpoints().iter().map(|(_, endpoint)| endpoint.pod_uid.to_string()).collect();
    median(|| wanted.iter().filter(|uid| uids.contains_key(*uid)).count())
}

fn fill_pods(world: &mut World, now: Moment) {
    world.observe(Observation::Nodes(Change::Reset(nodes())), now);
    world.observe(Observation::Pods(Change::Reset(vec![])), now);
    for pod in 0..PODS {
        let object = objects::pod(&namespace(pod), &pod_name(pod), &node(pod));
        let object = objects::with(object, "/metadata/uid", objects::uid(&format!("pod {pod}")));
        world.observe(Observation::Pods(Change::Apply(read(object))), now);
    }
}

fn fill_endpoints(world: &mut World, now: Moment) {
    let networks = (0..NETWORKS).map(|network| read(network_object(network))).collect();
    world.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::Reset(networks)), now);
    world.observe(Observation::Endpoints(GROUP, Change::Reset(vec![])), now);
    for endpoint in 0..ENDPOINTS {
        let object = read(endpoint_object(endpoint));
        world.observe(Observation::Endpoints(GROUP, Change::Apply(object)), now);
    }
    assert!(world.coverage().is_synced(Source::endpoints(GROUP)));
    assert!(world.coverage().allows_verdicts());
    let suspects = Suspects::default();
    let rules = Rules { grace: Duration::ZERO, ownership_window: Duration::ZERO, ..Rules::default() };
    let audit = judge(world, &suspects, &rules, now);
    let dead = audit.judgements.iter().filter(|judgement| judgement.proof.verdict == Verdict::Dangling);
    assert_eq!(dead.count(), ENDPOINTS / 2);
}

fn nodes() -> Vec<danm_api::Node> {
    (0..NODES).map(|number| read(objects::node(&node(number), "True"))).collect()
}

fn namespace(pod: usize) -> String {
    format!("namespace-{}", pod % NAMESPACES)
}

fn pod_name(pod: usize) -> String {
    format!("workload-{:x}-{pod:05x}", pod % 977)
}

fn node(number: usize) -> String {
    format!("node-{}.example.net", number % NODES)
}

fn network_object(number: usize) -> Value {
    let mut bits = AllocBits::clear(4096);
    (0..1001).for_each(|bit| bits.set(BitIndex(bit)));
    bits.set(BitIndex(4095));
    let network = objects::network(
        GROUP,
        NetworkKind::DanmNet,
        &namespace(number),
        &format!("net-{}", number / NAMESPACES),
    );
    let network = objects::with(network, "/spec/Options/cidr", "10.0.0.0/20");
    objects::with(network, "/spec/Options/alloc", bits.encode())
}

/// Every other Pod's endpoints are dead: they name a uid that no Pod has.
fn endpoint_object(number: usize) -> Value {
    let pod = number / ENDPOINTS_PER_POD;
    let network = (pod / NAMESPACES + number) % (NETWORKS / NAMESPACES);
    let host_part = 1 + number / NETWORKS;
    let name = objects::uid(&format!("endpoint {number}"));
    let owner = if pod.is_multiple_of(2) { format!("pod {pod}") } else { format!("dead {pod}") };
    let namespace = namespace(pod);
    let mut object = objects::endpoint(GROUP, &namespace, &name, &pod_name(pod), &format!("net-{network}"));
    object["metadata"]["resourceVersion"] = json!((1_000_000 + number).to_string());
    object["spec"]["PodUID"] = json!(objects::uid(&owner));
    object["spec"]["Host"] = json!(node(pod));
    object["spec"]["Interface"]["Address"] =
        json!(format!("10.0.{}.{}/20", host_part / 256, host_part % 256));
    object
}

/// The largest array there can be: searched, changed, written.
fn bit_array() -> Vec<Figure> {
    let mut bits = AllocBits::clear(LARGEST);
    (0..LARGEST - 2).for_each(|bit| bits.set(BitIndex(bit)));
    let all = BitIndex(0)..=BitIndex(LARGEST - 1);
    assert_eq!(bits.first_clear(all.clone()), Some(BitIndex(LARGEST - 2)));
    let search = median(|| bits.first_clear(black_box(all.clone())));
    let bit_by_bit = median(|| (0..LARGEST).find(|&bit| !bits.is_set(black_box(BitIndex(bit)))));

    let text = bits.encode();
    let change = median(|| {
        let mut bits = AllocBits::decode(black_box(&text), LARGEST).expect("our own text");
        bits.unset(BitIndex(LARGEST / 2));
        bits.encode()
    });
    let base64 = median(|| STANDARD.encode(STANDARD.decode(black_box(&text)).expect("our own text")));
    vec![
        Figure::new("first free bit of 2^23, the last but one, CPU", search, "ms")
            .under(1.0)
            .beside(bit_by_bit, "bit by bit"),
        Figure::new("2^23 bits decoded, one changed, encoded, CPU", change, "ms")
            .under(10.0)
            .beside(base64, "base64 alone"),
    ]
}

fn read<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("a builder's object is readable")
}

/// The median CPU time of a call in milliseconds. The kernel's account has the grain of a tick, so that a short
/// call is repeated until it shows.
fn median<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (before, mut calls) = (cpu_time(), 0.0);
            loop {
                black_box(call());
                calls += 1.0;
                let spent = cpu_time().saturating_sub(before).as_secs_f64() * 1e3;
                if spent > SHOWS_MS {
                    return spent / calls;
                }
            }
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a Linux kernel");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}
