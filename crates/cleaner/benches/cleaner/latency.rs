//! The time from a Pod's end to a free address, while Pods end all the time.

use std::{collections::HashMap, time::Duration};

use danm_api::{ApiGroup, ApiType, Change, DanmKind, Network, NetworkKind};
use futures::StreamExt;
use kube::{Api, runtime::watcher::Config};
use operator_runtime::watch;
use serde_json::Value;
use testkit::{AllocBits, BitIndex, Cluster, Figure, objects};
use tokio::{
    io::BufReader,
    process::Child,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::program::program;

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;
const NETWORKS: u32 = 20;
const PODS: u32 = 1_000;
const DELETIONS_PER_SECOND: u32 = 50;
const GRACE: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(10);

/// An address that turned free: network and bit.
type Freed = (u32, u32);

/// Measures.
pub async fn measure(cluster: &mut Cluster) -> Vec<Figure> {
    fill(cluster).await;
    let mut cleaner = start(cluster);
    let mut freed = watch_networks(cluster);
    sleep(WINDOW + GRACE).await;
    let deleted = delete_pods(cluster).await;
    let mut seconds: Vec<f64> = Vec::new();
    while seconds.len() < PODS as usize {
        let next = tokio::time::timeout(Duration::from_secs(120), freed.recv()).await;
        let Ok(Some((freed, at))) = next else { break };
        if let Some(begun) = deleted.get(&freed) {
            seconds.push(at.duration_since(*begun).as_secs_f64());
        }
    }
    cleaner.kill().await.expect("it runs");
    assert_eq!(seconds.len(), PODS as usize, "every address is freed");
    seconds.sort_by(f64::total_cmp);
    let grace = GRACE.as_secs_f64();
    let at = |percent: usize| seconds[(seconds.len() - 1) * percent / 100] - grace;
    let figure = |name: &str, over: f64, bar: f64| Figure {
        what: format!("Pod deleted -> address free, {DELETIONS_PER_SECOND} a second, {name}"),
        value: format!("grace + {:.0} ms", over * 1e3),
        bar: Some((format!("grace + {:.0} ms", bar * 1e3), over < bar)),
    };
    vec![figure("p50", at(50), 0.2), figure("p99", at(99), 1.0)]
}

async fn fill(cluster: &mut Cluster) {
    cluster.create([objects::node("node-a", "True")]).await;
    let per_network = PODS / NETWORKS;
    for number in 0..NETWORKS {
        let mut bits = AllocBits::clear(4096);
        (0..=per_network).chain([4095]).for_each(|bit| bits.set(BitIndex(bit)));
        let network = network(number);
        let network = objects::with(network, "/spec/Options/cidr", "10.0.0.0/20");
        cluster.create([objects::with(network, "/spec/Options/alloc", bits.encode())]).await;
    }
    for number in 0..PODS {
        cluster.create([pod(number)]).await;
        cluster.create([endpoint(number)]).await;
    }
}

fn network(number: u32) -> Value {
    objects::network(GROUP, NetworkKind::DanmNet, "ran", &format!("net-{number}"))
}

fn pod(number: u32) -> Value {
    objects::pod("ran", &format!("pod-{number}"), "node-a")
}

fn place(number: u32) -> Freed {
    (number % NETWORKS, 1 + number / NETWORKS)
}

fn endpoint(number: u32) -> Value {
    let (network, bit) = place(number);
    let name = format!("ep-{number}");
    let endpoint =
        objects::endpoint(GROUP, "ran", &name, &format!("pod-{number}"), &format!("net-{network}"));
    objects::with(endpoint, "/spec/Interface/Address", format!("10.0.{}.{}/20", bit / 256, bit % 256))
}

/// A controller as it is by default, but for a shorter window and no brake for so long.
fn start(cluster: &Cluster) -> Child {
    let arguments = ["--ownership-window", "10s", "--override-brake", "--leader-elect", "false"];
    let arguments = [&arguments[..], &["--admin-listen", "127.0.0.1:0"]].concat();
    let mut child = program(&cluster.kubeconfig(), &arguments).spawn().expect("it was built");
    let log = child.stderr.take().expect("it is piped");
    tokio::spawn(async move { tokio::io::copy(&mut BufReader::new(log), &mut tokio::io::sink()).await });
    child
}

/// Tells of every bit that turns clear, as soon as the watch does.
fn watch_networks(cluster: &Cluster) -> mpsc::UnboundedReceiver<(Freed, Instant)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let kind = ApiType { group: GROUP, kind: DanmKind::Network(NetworkKind::DanmNet) };
    let mut changes = Box::pin(watch::<Network>(Api::all_with(cluster.client(), &kind), Config::default()));
    tokio::spawn(async move {
        let mut known: HashMap<u32, AllocBits> = HashMap::new();
        while let Some(change) = changes.next().await {
            let Ok(Change::Apply(network) | Change::Listed(network)) = change else { continue };
            let now = Instant::now();
            let name = network.metadata.name.as_deref().unwrap_or_default();
            let Some(number) = name.strip_prefix("net-").and_then(|number| number.parse().ok()) else {
                continue;
            };
            let alloc = network.spec.options.and_then(|options| options.alloc).expect("an array");
            let bits = AllocBits::decode(&alloc, 4096).expect("a /20");
            let before = known.insert(number, bits.clone());
            let cleared =
                before.iter().flat_map(|before| before.changed(&bits)).filter(|bit| !bits.is_set(*bit));
            for BitIndex(bit) in cleared {
                if sender.send(((number, bit), now)).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// Deletes all Pods at an even pace. Gives the moment of each, by its address.
async fn delete_pods(cluster: &Cluster) -> HashMap<Freed, Instant> {
    let mut ticks = interval(Duration::from_secs(1) / DELETIONS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut deleted = HashMap::new();
    for number in 0..PODS {
        ticks.tick().await;
        cluster.delete(&pod(number)).await;
        deleted.insert(place(number), Instant::now());
    }
    deleted
}
