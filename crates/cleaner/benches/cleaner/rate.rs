//! How fast many dead endpoints are released, beside a bare loop of deletes with the same preconditions and the
//! same number of requests under way, turn about on the same server.

use std::{collections::BTreeMap, time::Instant};

use danm_api::{ApiGroup, ApiType, DanmEp, DanmKind, NetworkKind};
use futures::{StreamExt, stream};
use http::Request;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Preconditions},
};
use serde_json::Value;
use testkit::{AllocBits, BitIndex, Cluster, Figure, median, objects};

use crate::program::{follow, program, time_of};

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;
const NETWORKS: u32 = 20;
/// Of each network, and as many living ones.
const DEAD: u32 = 500;
/// Requests that the Cleaner has under way.
const IN_FLIGHT: usize = 32;
const RUNS: usize = 5;
const WRITES: usize = 3;

/// What one pass came to.
struct Pass {
    seconds: f64,
    /// Of these, until the first endpoint was gone.
    confirming: f64,
    requests: BTreeMap<String, u64>,
}

/// Measures, without IPv6 and with the default IPv6 pool.
pub async fn measure(cluster: &mut Cluster) -> Vec<Figure> {
    fill(cluster, None).await;
    let (mut ratios, mut rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let dead = f64::from(NETWORKS * DEAD);
    let mut requests = BTreeMap::new();
    for run in 0..RUNS {
        make_dead(cluster).await;
        let pass = clean(cluster).await;
        make_dead(cluster).await;
        let bare = delete_all_dead(cluster).await;
        eprintln!(
            "run {run}: cleaner {:.0}/s, after {:.1} s of confirming and writing; bare loop {:.0}/s",
            dead / pass.seconds,
            pass.confirming,
            dead / bare
        );
        ratios.push(bare / pass.seconds);
        rates.push(dead / pass.seconds);
        bare_rates.push(dead / bare);
        requests = pass.requests;
    }
    let ratio = median(&mut ratios);
    let writes = requests.get("PATCH").copied().unwrap_or_default();
    let mut figures = vec![
        Figure {
            what: format!("release of {dead} of {} endpoints, beside a bare delete loop", 2.0 * dead),
            value: format!("{ratio:.2} x ({:.0}/s : {:.0}/s)", median(&mut rates), median(&mut bare_rates)),
            bar: Some(("0.80 x".to_owned(), ratio >= 0.8)),
        },
        Figure {
            what: "  requests by verb".to_owned(),
            value: words(&requests),
            bar: Some((format!("{WRITES} writes a network"), writes <= u64::from(NETWORKS) * WRITES as u64)),
        },
    ];
    cluster.wipe().await;
    fill(cluster, Some(106)).await;
    make_dead(cluster).await;
    let pass = clean(cluster).await;
    figures.push(Figure {
        what: "  the same with an IPv6 pool of /106 in each network".to_owned(),
        value: format!("{:.0}/s; {}", dead / pass.seconds, words(&pass.requests)),
        bar: None,
    });
    figures
}

fn words(requests: &BTreeMap<String, u64>) -> String {
    requests.iter().map(|(verb, count)| format!("{verb} {count}")).collect::<Vec<_>>().join(", ")
}

/// Networks, and the half of the endpoints that lives.
async fn fill(cluster: &mut Cluster, ipv6: Option<u8>) {
    cluster.create([objects::node("node-a", "True")]).await;
    cluster.create((0..NETWORKS).map(|number| network(number, ipv6))).await;
    for number in 0..DEAD {
        cluster.create([objects::pod("ran", &format!("alive-{number}"), "node-a")]).await;
    }
    let living = (0..NETWORKS * DEAD).map(|number| {
        let pod = format!("alive-{}", number / NETWORKS);
        let uid = cluster.uid_of(&objects::uid(&format!("ran/{pod}"))).expect("it was created").to_owned();
        let endpoint = endpoint(&format!("alive-{number}"), &pod, number % NETWORKS, 1 + number / NETWORKS);
        objects::with(endpoint, "/spec/PodUID", uid)
    });
    let living: Vec<Value> = living.collect();
    cluster.create_at_once(living).await;
}

/// The half that is dead: their Pods were never there. All bits are set anew.
async fn make_dead(cluster: &Cluster) {
    let alloc = bits().encode();
    for number in 0..NETWORKS {
        let patch = serde_json::json!({"spec": {"Options": {"alloc": alloc}}});
        cluster.patch(&network(number, None), &patch).await;
    }
    let dead = (0..NETWORKS * DEAD).map(|number| {
        let pod = format!("dead-{}", number / NETWORKS);
        endpoint(&format!("dead-{number}"), &pod, number % NETWORKS, 1 + DEAD + number / NETWORKS)
    });
    cluster.create_at_once(dead).await;
}

fn bits() -> AllocBits {
    let mut bits = AllocBits::clear(4096);
    (0..=2 * DEAD).chain([4095]).for_each(|bit| bits.set(BitIndex(bit)));
    bits
}

fn network(number: u32, ipv6: Option<u8>) -> Value {
    let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", &format!("net-{number}"));
    let network = objects::with(network, "/spec/Options/cidr", "10.0.0.0/20");
    let network = objects::with(network, "/spec/Options/alloc", bits().encode());
    let Some(prefix) = ipv6 else { return network };
    let size = 1 << (128 - u32::from(prefix));
    let mut alloc6 = AllocBits::clear(size);
    [0, size - 1].into_iter().for_each(|bit| alloc6.set(BitIndex(bit)));
    let network = objects::with(network, "/spec/Options/net6", "2001:db8::/64");
    let network =
        objects::with(network, "/spec/Options/allocation_pool_v6/cidr", format!("2001:db8::/{prefix}"));
    objects::with(network, "/spec/Options/alloc6", alloc6.encode())
}

fn endpoint(name: &str, pod: &str, network: u32, bit: u32) -> Value {
    let endpoint = objects::endpoint(GROUP, "ran", name, pod, &format!("net-{network}"));
    let address = format!("10.0.{}.{}/20", bit / 256, bit % 256);
    objects::with(endpoint, "/spec/Interface/Address", address)
}

/// Makes one pass, and times it from its first confirming read to its last delete.
async fn clean(cluster: &Cluster) -> Pass {
    let before = requests(cluster).await;
    let arguments = ["--once", "--grace", "100ms", "--ownership-window", "0s", "--override-brake"];
    let mut child = program(&cluster.kubeconfig(), &arguments).spawn().expect("it was built");
    let (mut first, mut gone, mut last, mut released) = (None, None, None, 0);
    follow(&mut child, |line| {
        if line.contains("confirming") {
            first = first.or_else(|| time_of(line));
        } else if line.contains("released DanmEp") {
            released += 1;
            last = time_of(line);
            gone = gone.or(last);
        }
    })
    .await;
    assert!(child.wait().await.expect("it ran").success());
    assert_eq!(released, NETWORKS * DEAD, "all of the dead, and no other");
    let first = first.expect("it confirmed");
    let [gone, last] = [gone, last].map(|at| at.expect("it released").duration_since(first).as_secs_f64());
    let after = requests(cluster).await;
    let made = |(verb, count): (String, u64)| {
        let made = count - before.get(&verb).copied().unwrap_or_default();
        (made > 0).then_some((verb, made))
    };
    Pass { seconds: last, confirming: gone, requests: after.into_iter().filter_map(made).collect() }
}

/// The requests that the API server has counted, for the kinds that matter here.
async fn requests(cluster: &Cluster) -> BTreeMap<String, u64> {
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let text = cluster.client().request_text(request).await.expect("metrics");
    let mut requests = BTreeMap::new();
    let kinds = ["danmeps", "danmnets", "pods", "nodes"].map(|kind| format!("resource=\"{kind}\""));
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        if kinds.iter().any(|kind| line.contains(kind.as_str())) {
            let verb =
                line.split("verb=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let count: f64 = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = count as u64;
            *requests.entry(verb.to_owned()).or_default() += count;
        }
    }
    requests
}

/// Deletes the dead without a thought, and times that.
async fn delete_all_dead(cluster: &Cluster) -> f64 {
    let kind = ApiType { group: GROUP, kind: DanmKind::DanmEp };
    let api: Api<DanmEp> = Api::namespaced_with(cluster.client(), "ran", &kind);
    let all = api.list(&ListParams::default()).await.expect("a list").items;
    let dead: Vec<DanmEp> = all
        .into_iter()
        .filter(|endpoint| endpoint.metadata.name.as_deref().is_some_and(|name| name.starts_with("dead-")))
        .collect();
    assert_eq!(dead.len(), (NETWORKS * DEAD) as usize);
    let begun = Instant::now();
    stream::iter(&dead)
        .for_each_concurrent(IN_FLIGHT, |endpoint| {
            let preconditions = Preconditions {
                uid: endpoint.metadata.uid.clone(),
                resource_version: endpoint.metadata.resource_version.clone(),
            };
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            let api = &api;
            async move {
                let name = endpoint.metadata.name.as_deref().expect("a name");
                api.delete(name, &params).await.expect("deleted");
            }
        })
        .await;
    begun.elapsed().as_secs_f64()
}
