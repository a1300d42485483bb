//! Policies that change under load: what is allowed all the time always comes, and what is denied all the time never does. A
//! batch is there as a whole or not at all, so there is no moment in between.

use std::{
    collections::BTreeSet,
    net::{IpAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use policy_engine::NamespacedName;
use serde_json::{Value, json};

use crate::lab::{Lab, PATIENCE};

/// The port that the policies under test are about.
const PORT: u16 = 7_000;

const UPDATES: u64 = 1_000;

/// Packets of each kind that have to be sent meanwhile.
const PACKETS: u64 = 5_000;

/// So many may be on their way: more than that does not fit into the receiver's buffer.
const ON_THE_WAY: u64 = 100;

/// What was sent and what came.
#[derive(Default)]
struct Flow {
    sent: AtomicU64,
    received: AtomicU64,
}

fn pod(namespace: &str, name: &str) -> NamespacedName {
    NamespacedName::new(namespace, name)
}

/// Counts what comes to x/a, by who sent it.
fn count(lab: &Lab, flows: &[(IpAddr, Arc<Flow>)]) {
    let socket = lab.pods[&pod("x", "a")].within(|| UdpSocket::bind(("0.0.0.0", PORT))).expect("a receiver");
    let flows = flows.to_vec();
    thread::spawn(move || {
        let mut byte = [0; 8];
        while let Ok((_, from)) = socket.recv_from(&mut byte) {
            let flow = flows.iter().find(|(address, _)| *address == from.ip());
            flow.expect("one of the two senders").1.received.fetch_add(1, SeqCst);
        }
    });
}

/// Sends without a pause until it is told to stop. Nobody answers, so every packet is a new one to the rules.
fn send(
    lab: &Lab,
    from: &NamespacedName,
    flow: &Arc<Flow>,
    is_over: &Arc<AtomicBool>,
    is_allowed: bool,
) -> JoinHandle<()> {
    let to = lab.pods[&pod("x", "a")].addresses[&("eth0", true)];
    let socket = lab.pods[from].within(|| UdpSocket::bind(("0.0.0.0", 0))).expect("a sender");
    let (flow, is_over) = (Arc::clone(flow), Arc::clone(is_over));
    thread::spawn(move || {
        while !is_over.load(SeqCst) {
            if is_allowed && flow.sent.load(SeqCst) - flow.received.load(SeqCst) >= ON_THE_WAY {
                thread::yield_now();
                continue;
            }
            // Counted before it can have come. What was rejected before is told at the next try, which sends nothing then.
            flow.sent.fetch_add(1, SeqCst);
            if socket.send_to(b"x", (to, PORT)).is_err() {
                flow.sent.fetch_sub(1, SeqCst);
            }
        }
    })
}

/// A policy for x/a that lets others in than y/c, or nobody; each number another.
fn update(number: u64) -> Value {
    let peers = [
        json!([{"podSelector": {"matchLabels": {"pod": "b"}}}]),
        json!([{"namespaceSelector": {"matchLabels": {"ns": "z"}}}]),
        json!([{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}}]),
        json!([{"podSelector": {}, "networkSelector": [{"name": "lan1", "type": "ClusterNetwork"}]}]),
    ];
    let ports =
        [json!([]), json!([{"port": PORT, "protocol": "UDP"}]), json!([{"port": 80}, {"port": "web"}])];
    let choose = |list: &[Value], salt: u64| {
        let place = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(salt) >> 33;
        list[usize::try_from(place).expect("a place") % list.len()].clone()
    };
    json!({
        "apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy",
        "metadata": {"namespace": "x", "name": format!("p{}", number % 7)},
        "spec": {
            "podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": choose(&peers, number), "ports": choose(&ports, 7)}],
            "egress": [{"to": choose(&peers, 3), "ports": choose(&ports, number)}],
        },
    })
}

#[test]
fn of_a_thousand_updates_under_load_none_loses_an_allowed_packet_or_passes_a_denied_one() {
    let Some(mut lab) = Lab::new(&BTreeSet::new()) else { return };
    let keep = json!({
        "apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy", "metadata": {"namespace": "x", "name": "keep"},
        "spec": {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "ingress": [{
                "from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}, "podSelector": {"matchLabels": {"pod": "b"}}}],
                "ports": [{"port": PORT, "protocol": "UDP"}],
            }],
        },
    });
    lab.apply(&[keep]);
    lab.program();
    let (allowed, denied) = (Arc::new(Flow::default()), Arc::new(Flow::default()));
    let is_over = Arc::new(AtomicBool::new(false));
    let address = |lab: &Lab, name: &str| lab.pods[&pod("y", name)].addresses[&("eth0", true)];
    count(&lab, &[(address(&lab, "b"), Arc::clone(&allowed)), (address(&lab, "c"), Arc::clone(&denied))]);
    let senders = [
        send(&lab, &pod("y", "b"), &allowed, &is_over, true),
        send(&lab, &pod("y", "c"), &denied, &is_over, false),
    ];

    let mut number = 0;
    while number < UPDATES || allowed.sent.load(SeqCst) < PACKETS || denied.sent.load(SeqCst) < PACKETS {
        lab.apply(&[update(number)]);
        lab.program();
        number += 1;
    }
    is_over.store(true, SeqCst);
    senders.into_iter().for_each(|sender| sender.join().expect("it sends to its end"));

    let begun = Instant::now();
    while allowed.received.load(SeqCst) < allowed.sent.load(SeqCst) && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
    let of = |flow: &Flow| (flow.sent.load(SeqCst), flow.received.load(SeqCst));
    let ((sent, received), (attempts, passed)) = (of(&allowed), of(&denied));
    assert_eq!(
        (sent - received, passed),
        (0, 0),
        "{sent} allowed and {attempts} denied packets, {number} updates"
    );
}
