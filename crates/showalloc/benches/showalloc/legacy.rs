//! What a listing in the old spelling costs: CPU time with `-a`, beside the reference's way of finding the Pod of an
//! address, and beside that of half as many addresses and endpoints. Both ways print the same bytes.

use std::{
    hint::black_box,
    io::{self, BufWriter, Write},
};

use danm_api::{ApiGroup, Decoded, EndpointView, NetworkKind, NetworkOptions};
use danm_ipam::{AllocBits, BitIndex, Family, Pool};
use serde_json::{Value, json};
use showalloc::legacy::{
    holders::{Sighting, Subject},
    listing::{Listing, View, addresses},
};
use testkit::{
    Figure, cpu_time, median,
    objects::{self, with},
};

/// Measurements of each sort, taken in turn, of which the median counts.
const RUNS: usize = 5;

/// CPU time that is much longer than a tick, in milliseconds.
const SHOWS_MS: f64 = 100.0;

/// How much of the reference's CPU time a listing may take.
const SHARE: f64 = 0.2;

/// What twice as much may cost: less than the fourfold of a search per address, with room for caches.
const TWICE: f64 = 3.0;

/// A network, and those on it.
struct Scene {
    options: NetworkOptions,
    endpoints: Vec<Decoded<EndpointView>>,
}

/// Measures.
///
/// # Panics
/// Where the two ways do not print the same.
pub fn listing() -> Vec<Figure> {
    let scene = Scene::new(16, 10_000);
    let twice = Scene::new(15, 20_000);
    assert!(text(|out| scene.list(out)) == text(|out| scene.list_as_reference(out)), "they print the same");
    let (mut ours, mut double, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(cost(|| scene.list(&mut sink())));
        theirs.push(cost(|| scene.list_as_reference(&mut sink())));
        double.push(cost(|| twice.list(&mut sink())));
    }
    let (ours, double, theirs) = (median(&mut ours), median(&mut double), median(&mut theirs));
    let (share, growth) = (ours / theirs, double / ours);
    vec![
        Figure {
            what: "listing of a /16 with 10,000 endpoints and -a, CPU".to_owned(),
            value: format!("{ours:.2} ms, {share:.3} x of {theirs:.1} ms"),
            bar: Some((format!("at most {SHARE} x of a search per address"), share <= SHARE)),
        },
        Figure {
            what: "the same of a /15 with 20,000 endpoints".to_owned(),
            value: format!("{double:.2} ms, {growth:.2} x"),
            bar: Some((format!("at most {TWICE} x of half as much"), growth <= TWICE)),
        },
    ]
}

impl Scene {
    /// A network of this prefix length on which so many Pods hold addresses, all over it.
    fn new(prefix: u8, count: u32) -> Self {
        let base: u32 = 10 << 24;
        let size = 1 << (32 - prefix);
        let step = size / count;
        let held: Vec<u32> = (1..=count).map(|number| number * step).collect();
        let mut bits = AllocBits::clear(size);
        [0, size - 1].iter().chain(&held).for_each(|&bit| bits.set(BitIndex(bit)));
        let ip = |bit: u32| std::net::Ipv4Addr::from(base + bit);
        let options = json!({
            "cidr": format!("{}/{prefix}", ip(0)),
            "alloc": bits.encode(),
            "allocation_pool": {"start": ip(1), "end": ip(size - 2)},
        });
        let endpoint = |bit: &u32| read(endpoint(&format!("{}/{prefix}", ip(*bit)), *bit));
        Self { options: read(options), endpoints: held.iter().map(endpoint).collect() }
    }

    /// What the program does with a network and endpoints that it has read.
    fn list(&self, out: &mut impl Write) {
        let (pool, bits) = self.addresses();
        let subject = Subject { kind: NetworkKind::DanmNet, name: "net", namespace: "ran" };
        let claims =
            self.endpoints.iter().filter_map(|endpoint| match subject.sighting(&pool, endpoint)? {
                Sighting::Holds(claim) => Some(claim),
                Sighting::Unreadable(_) => None,
            });
        let listing = Listing::new(pool.clone(), bits, claims.collect());
        listing.write(&View { within: None, shows_all: true }, out).expect("a sink takes everything");
    }

    /// What the reference does: for each address that is taken it searches all endpoints for its text.
    fn list_as_reference(&self, out: &mut impl Write) {
        let (pool, bits) = self.addresses();
        for bit in 0..pool.size() {
            let address = pool.address_of(BitIndex(bit)).to_string();
            let status = if bit == 0 {
                "reserved (network base address)".to_owned()
            } else if bit == pool.last_bit().0 {
                "reserved (broadcast address)".to_owned()
            } else if !pool.dynamic().contains(&BitIndex(bit)) {
                "out of pool range".to_owned()
            } else if bits.is_set(BitIndex(bit)) {
                match self.endpoints.iter().find(|endpoint| is_at(endpoint, &address)) {
                    Some(endpoint) => format!("allocated (Pod: {})", pod(endpoint)),
                    None => "allocated (unknown Pod)".to_owned(),
                }
            } else {
                "free".to_owned()
            };
            writeln!(out, "{address:>15} : {status}").expect("a sink takes everything");
        }
    }

    fn addresses(&self) -> (Pool, AllocBits) {
        addresses(Family::Ipv4, &self.options).expect("sound").expect("it has a subnet")
    }
}

fn is_at(endpoint: &Decoded<EndpointView>, address: &str) -> bool {
    let Decoded::Readable(endpoint) = endpoint else { return false };
    let text = endpoint.spec.interface.as_ref().and_then(|interface| interface.address.as_deref());
    text.and_then(|text| text.split('/').next()) == Some(address)
}

fn pod(endpoint: &Decoded<EndpointView>) -> &str {
    let Decoded::Readable(endpoint) = endpoint else { return "" };
    endpoint.spec.pod.as_deref().unwrap_or_default()
}

fn endpoint(address: &str, number: u32) -> Value {
    let name = objects::uid(&format!("endpoint {number}"));
    let endpoint =
        objects::endpoint(ApiGroup::DanmK8sIo, "ran", &name, &format!("workload-{number:05x}"), "net");
    with(endpoint, "/spec/Interface/Address", address)
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("a builder's object is readable")
}

fn text(list: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::new();
    list(&mut text);
    text
}

fn sink() -> BufWriter<io::Sink> {
    BufWriter::new(io::sink())
}

/// The CPU time of a call in milliseconds. The kernel's account has the grain of a tick, so that a short call is repeated
/// until it shows.
fn cost(mut call: impl FnMut()) -> f64 {
    let (before, mut calls) = (cpu_time(), 0.0);
    loop {
        call();
        black_box(());
        calls += 1.0;
        let spent = cpu_time().saturating_sub(before).as_secs_f64() * 1e3;
        if spent > SHOWS_MS {
            return spent / calls;
        }
    }
}
