//! One network of the largest size, as `show` shows it.

use std::fs;

use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::{AllocBits, BitIndex};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use testkit::objects::{self, with};

use testkit::{Figure, median};

use crate::process::cost;

const GROUP: ApiGroup = ApiGroup::DanmIo;
const ENDPOINTS: u32 = 10;
/// Bits between two that are set.
const STEP: u32 = 700_000;
const SIZE: u32 = 1 << 23;
const RUNS: usize = 5;
/// CPU time in milliseconds, and memory in MB.
const BARS: (f64, f64) = (30.0, 50.0);

/// Measures both families.
pub async fn measure() -> Vec<Figure> {
    let ipv4 = json!({"cidr": "10.0.0.0/9", "alloc": array()});
    let ipv6 =
        json!({"net6": "2001:db8::/64", "alloc6": array(), "allocation_pool_v6": {"cidr": "2001:db8::/105"}});
    let of_ipv4 = |bit: u32| ("Address", format!("{}/9", std::net::Ipv4Addr::from((10 << 24) + bit)));
    let of_ipv6 = |bit: u32| {
        let base: u128 = 0x2001_0db8 << 96;
        ("AddressIPv6", format!("{}/64", std::net::Ipv6Addr::from(base + u128::from(bit))))
    };
    vec![
        measure_one("show of a /9 with 10 endpoints", &ipv4, &of_ipv4).await,
        measure_one("show of an IPv6 pool of /105 with 10 endpoints", &ipv6, &of_ipv6).await,
    ]
}

async fn measure_one(what: &str, options: &Value, address: &dyn Fn(u32) -> (&'static str, String)) -> Figure {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() }).expect("a loopback");
    let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", "large");
    let network = with(network, "/spec/Options", options.clone());
    let node = objects::node("node-a", "True");
    let pods = (1..=ENDPOINTS).map(|number| objects::pod("ran", &pod(number), "node-a"));
    let endpoints = (1..=ENDPOINTS).map(|number| endpoint(number, address(number * STEP)));
    sandbox.load([network, node].into_iter().chain(pods).chain(endpoints)).expect("it takes them");
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).expect("written");
    // Two lines sum up, one has the names of the columns; both ends, the endpoints, and what is between.
    let lines = 3 + 2 + 2 * ENDPOINTS as usize + 1;
    let (mut cpu, mut peak) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let one = cost(&kubeconfig, &["show", "danmnet/large", "-n", "ran"], lines).await;
        cpu.push(one.cpu);
        peak.push(one.peak);
    }
    let (cpu, peak) = (median(&mut cpu), median(&mut peak));
    let (cpu_bar, peak_bar) = BARS;
    Figure {
        what: format!("{what}, CPU and memory"),
        value: format!("{cpu:.1} ms, {peak:.1} MB"),
        bar: Some((format!("under {cpu_bar:.0} ms and {peak_bar:.0} MB"), cpu < cpu_bar && peak < peak_bar)),
    }
}

fn array() -> String {
    let mut bits = AllocBits::clear(SIZE);
    let held = (1..=ENDPOINTS).map(|number| number * STEP);
    [0, SIZE - 1].into_iter().chain(held).for_each(|bit| bits.set(BitIndex(bit)));
    bits.encode()
}

fn pod(number: u32) -> String {
    format!("workload-{number}")
}

fn endpoint(number: u32, (field, address): (&str, String)) -> Value {
    let name = objects::uid(&format!("endpoint {number}"));
    let endpoint = objects::endpoint(GROUP, "ran", &name, &pod(number), "large");
    with(endpoint, &format!("/spec/Interface/{field}"), address)
}
