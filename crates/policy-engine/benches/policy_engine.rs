//! What it costs to make the rulesets of very many Pods, to follow a change, and to remember peers; each beside a baseline of
//! the same run. Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench policy-engine`.
//!
//! Memory is what the process has more than before. Every world is built in a process of its own, so that none finds the
//! memory of another.

#![expect(
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "figures for people"
)]

use std::{
    env, fs,
    hint::black_box,
    process::{Command, ExitCode},
    time::Duration,
};

use policy_engine::{Engine, NamespacedName, Object, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::{Figure, cpu_time, median};

/// The first world: as Antrea's controller benchmark has it.
const NAMESPACES: usize = 25_000;
const PODS_PER_NAMESPACE: usize = 4;
/// The second: everybody is selected by everything.
const CROWD: usize = 10_000;
/// The third: one node, and peers that its Pods share.
const PODS_OF_A_NODE: usize = 250;
const SHARED_PEERS: usize = 10_000;
/// How many label changes are measured.
const CHANGES: usize = 1_001;

const MB: f64 = 1e6;

/// What one process measured, in ms and bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Measured {
    /// Making the engine and all rulesets.
    compile: f64,
    /// To look at each Pod and each policy once and copy what they are: the least that there is to do.
    baseline: f64,
    /// What the objects themselves take.
    world_bytes: f64,
    /// What the process has more than before it had any.
    bytes: f64,
    /// A label change, half of them below.
    change: f64,
    /// The same by making the engine and one ruleset anew.
    anew: f64,
    rulesets: usize,
    sets: usize,
    members: usize,
}

fn main() -> ExitCode {
    if let Some(world) = env::args().skip(1).find(|argument| !argument.starts_with('-')) {
        let measured = match &*world {
            "many" => many_namespaces(),
            "crowd" => crowd(),
            "node" => node(PODS_OF_A_NODE),
            "one" => node(1),
            _ => return ExitCode::FAILURE,
        };
        println!("{}", serde_json::to_string(&measured).expect("JSON"));
        return ExitCode::SUCCESS;
    }
    let [many, crowd, node, one] = ["many", "crowd", "node", "one"].map(in_a_process);
    let mut figures = of_many(&many);
    figures.extend(of_crowd(&crowd));
    figures.extend(of_node(&node, &one));
    Figure::print_all(&figures)
}

fn in_a_process(world: &str) -> Measured {
    let program = env::current_exe().expect("this program");
    let output = Command::new(program).arg(world).output().expect("it runs");
    assert!(output.status.success(), "{world}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what it measured")
}

// === figures ===

fn of_many(it: &Measured) -> Vec<Figure> {
    let pods = NAMESPACES * PODS_PER_NAMESPACE;
    vec![
        figure(
            format!("compile {pods} Pods, {} policies, {NAMESPACES} namespaces", 3 * NAMESPACES),
            format!("{:.2} s CPU, {} rulesets, {} sets", it.compile / 1e3, it.rulesets, it.sets),
            Some(("6 s", it.compile < 6e3)),
        ),
        figure(
            "  the least: look at each object once".into(),
            format!("{:.2} s CPU", it.baseline / 1e3),
            None,
        ),
        figure(
            "  memory, with the objects".into(),
            format!("{:.0} MB, of which objects {:.0}", it.bytes / MB, it.world_bytes / MB),
            Some(("1000 MB", it.bytes < 1e9)),
        ),
        figure(
            "  one label change".into(),
            format!("{:.4} ms CPU p50", it.change),
            Some(("1 ms", it.change < 1.0)),
        ),
        figure("  the same by making everything anew".into(), format!("{:.0} ms CPU", it.anew), None),
    ]
}

fn of_crowd(it: &Measured) -> Vec<Figure> {
    vec![
        figure(
            format!("compile {CROWD} Pods that {CROWD} policies all select"),
            format!("{:.2} s CPU, {} sets, {} members", it.compile / 1e3, it.sets, it.members),
            Some(("5 s", it.compile < 5e3)),
        ),
        figure(
            "  the least: look at each object once".into(),
            format!("{:.2} s CPU", it.baseline / 1e3),
            None,
        ),
        figure(
            "  memory, with the objects".into(),
            format!("{:.0} MB, of which objects {:.0}", it.bytes / MB, it.world_bytes / MB),
            Some(("500 MB", it.bytes < 5e8)),
        ),
    ]
}

/// Beside one Pod with the same peers: if memory grew with Pods times peers, it would be 250 times as much.
fn of_node(it: &Measured, one: &Measured) -> Vec<Figure> {
    let (many, single) = (it.bytes - it.world_bytes, one.bytes - one.world_bytes);
    let per_pod = (many - single) / (PODS_OF_A_NODE - 1) as f64;
    // An address of IPv4 in a list takes four bytes.
    let copied = (4 * SHARED_PEERS) as f64;
    vec![
        figure(
            format!("{PODS_OF_A_NODE} Pods that share {SHARED_PEERS} peers"),
            format!("{:.2} MB beside objects; {} sets, {} members", many / MB, it.sets, it.members),
            None,
        ),
        figure("  one Pod with the same peers".into(), format!("{:.2} MB", single / MB), None),
        figure(
            "  so each Pod more takes".into(),
            format!("{:.1} kB (a list of the peers: {:.0} kB)", per_pod / 1e3, copied / 1e3),
            Some(("a tenth of such a list", per_pod < copied / 10.0)),
        ),
    ]
}

fn figure(what: String, value: String, bar: Option<(&str, bool)>) -> Figure {
    let bar = bar.map(|(text, held)| (format!("under {text}"), held));
    Figure { what, value, bar }
}

// === worlds ===

fn many_namespaces() -> Measured {
    let objects = (0..NAMESPACES).flat_map(|namespace| {
        let name = format!("ns-{namespace}");
        let pods = (0..PODS_PER_NAMESPACE).flat_map({
            let name = name.clone();
            move |pod| pod_with_endpoint(&name, pod, namespace * PODS_PER_NAMESPACE + pod)
        });
        [namespace_object(&name)].into_iter().chain(pods).chain(policies_of(&name))
    });
    measure(objects, |engine, pods| {
        let mut spent: Vec<f64> = (0..CHANGES).map(|change| relabel(engine, pods, change)).collect();
        median(&mut spent)
    })
}

/// Nothing comes in; but from those of one app to those of another, and out to a port of them.
fn policies_of(namespace: &str) -> [Value; 3] {
    let app = |app: &str| json!({"matchLabels": {"app": app}});
    [
        policy(namespace, "deny", &json!({"podSelector": {}, "policyTypes": ["Ingress"]})),
        policy(
            namespace,
            "serve",
            &json!({
                "podSelector": app("1"),
                "ingress": [{"from": [{"podSelector": app("2")}], "ports": [{"port": 80}]}],
            }),
        ),
        policy(
            namespace,
            "ask",
            &json!({
                "podSelector": app("2"), "policyTypes": ["Egress"],
                "egress": [{
                    "to": [{"podSelector": app("1"), "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": namespace},
                    }}],
                    "ports": [{"port": "web"}],
                }],
            }),
        ),
    ]
}

fn crowd() -> Measured {
    let pods = (0..CROWD).flat_map(|pod| pod_with_endpoint("crowd", pod, pod));
    let policies = (0..CROWD).map(|number| {
        let from = json!([{"podSelector": {"matchLabels": {"app": "1"}}}, {"podSelector": {}}]);
        let spec = json!({
            "podSelector": {}, "policyTypes": ["Ingress"],
            "ingress": [{"from": from, "ports": [{"port": 1 + number}]}],
        });
        policy("crowd", &format!("p-{number}"), &spec)
    });
    measure([namespace_object("crowd")].into_iter().chain(pods).chain(policies), |_, _| 0.0)
}

fn node(pods: usize) -> Measured {
    let here = (0..pods).flat_map(|pod| pod_with_endpoint("here", pod, pod));
    let peers = (0..SHARED_PEERS).flat_map(|pod| pod_with_endpoint("there", pod, PODS_OF_A_NODE + pod));
    let from = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "there"}}}]);
    let spec = json!({"podSelector": {}, "ingress": [{"from": from}], "egress": [{"to": from}]});
    let policy = policy("here", "p", &spec);
    let namespaces = ["here", "there"].map(namespace_object);
    measure_those_of("here", namespaces.into_iter().chain(here).chain(peers).chain([policy]), |_, _| 0.0)
}

fn namespace_object(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
           "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}})
}

fn pod_with_endpoint(namespace: &str, pod: usize, number: usize) -> [Value; 2] {
    let name = format!("pod-{pod}");
    [
        pod_object(namespace, &name, if pod.is_multiple_of(2) { "1" } else { "2" }),
        json!({
            "apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": {"namespace": namespace, "name": name},
            "spec": {
                "NetworkName": "lan", "apiType": "ClusterNetwork", "Pod": name, "PodUID": name,
                "Interface": {
                    "Name": "eth0",
                    "Address": format!("10.{}.{}.{}/8", number >> 16, (number >> 8) & 255, number & 255),
                },
            },
        }),
    ]
}

fn pod_object(namespace: &str, name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": namespace, "name": name, "uid": name,
            "labels": {"app": app, "pod-template-hash": "5d9c7b6f4", "release": "r1"},
        },
        "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 80}]}]},
        "status": {"phase": "Running"},
    })
}

fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
           "metadata": {"namespace": namespace, "name": name}, "spec": spec})
}

// === measuring ===

fn measure(
    objects: impl Iterator<Item = Value>,
    change: impl Fn(&mut Engine, &[NamespacedName]) -> f64,
) -> Measured {
    measure_those_of("", objects, change)
}

/// Makes the rulesets of all Pods, or of those of one namespace.
fn measure_those_of(
    namespace: &str,
    objects: impl Iterator<Item = Value>,
    change: impl Fn(&mut Engine, &[NamespacedName]) -> f64,
) -> Measured {
    let before = memory();
    let mut world = World::default();
    for object in objects {
        world.apply(Object::read(&object).expect("an object").expect("of a kind that counts"));
    }
    let pods: Vec<NamespacedName> = world.pods().map(|(name, _)| name.clone()).collect();
    let pods: Vec<NamespacedName> =
        pods.into_iter().filter(|pod| namespace.is_empty() || *pod.namespace == *namespace).collect();
    let world_bytes = memory() - before;
    let (baseline, ()) = spent(|| look_at_each(&world));
    let (compile, mut engine) = spent(|| {
        let mut engine = Engine::new(world);
        pods.iter().for_each(|pod| engine.track(pod));
        pods.iter().for_each(|pod| drop(black_box(engine.ruleset(pod))));
        engine
    });
    let bytes = memory() - before;
    let rulesets = pods.iter().filter(|pod| engine.ruleset(pod).is_some()).count();
    assert_eq!(rulesets, pods.len(), "every Pod is a target");
    let (sets, members) = engine.size_of_sets();
    engine.take_changed();
    let change = change(&mut engine, &pods);
    let (anew, ()) = spent(|| {
        let mut engine = Engine::new(engine.world().clone());
        engine.track(&pods[0]);
        drop(black_box(engine.ruleset(&pods[0])));
    });
    Measured { compile, baseline, world_bytes, bytes, change, anew, rulesets, sets, members }
}

fn look_at_each(world: &World) {
    for (name, pod) in world.pods() {
        black_box((name.clone(), pod.clone()));
    }
    for (key, policy) in world.policies() {
        black_box((key.clone(), policy.clone()));
    }
}

/// One Pod gets another label, which makes it a peer of somebody else; then the rulesets that changed are taken.
fn relabel(engine: &mut Engine, pods: &[NamespacedName], change: usize) -> f64 {
    let pod = &pods[(change * 7_919) % pods.len()];
    let app = if (change / pods.len()).is_multiple_of(2) { "3" } else { "1" };
    let object = pod_object(&pod.namespace, &pod.name, app);
    let object = Object::read(&object).expect("an object").expect("a Pod");
    let (spent, changed) = spent(|| {
        engine.apply(object);
        let changed = engine.take_changed();
        changed.iter().for_each(|pod| drop(black_box(engine.ruleset(pod))));
        changed
    });
    assert!((1..=PODS_PER_NAMESPACE).contains(&changed.len()), "{} rulesets changed", changed.len());
    spent
}

/// CPU time of this thread, in ms.
fn spent<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before: Duration = cpu_time();
    let result = work();
    (cpu_time().saturating_sub(before).as_secs_f64() * 1e3, result)
}

/// What of this process is in memory and belongs to no file, in bytes.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024.0
}
