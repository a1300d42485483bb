//! `calico check`: each kind of finding that can be made through the API server, and how it is told.

use serde_json::{Value, json};
use testkit::{Gate, calico, objects};

use crate::{
    access::fails_with,
    calico_books::{Books, attribute, block, container, endpoint, handle, pod_with},
    network::{network, pod},
};

#[tokio::test]
async fn where_all_agrees_nothing_is_found() {
    let Ok(mut books) = Books::with(&[(1, "du-0", 1), (2, "du-1", 2)]).await else { return };
    books
        .cluster
        .create([pod("du-0"), endpoint("du-0", "10.77.0.1", 1), pod_with("du-1", "10.77.0.2")])
        .await;

    let run = books.run(&["check", "-o", "json", "--exit-code"]).await;

    run.ends_with(0);
    let check: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(check["apiVersion"], "cleaner.danm.io/v1");
    assert_eq!(check["kind"], "CalicoCheck");
    assert_eq!(check["datastore"], json!({"type": "kubernetes", "locked": false}));
    let checked = json!({
        "blocks": 1, "handles": 2, "allocated": 2, "coolingDown": 0, "pods": 2, "endpoints": 1,
    });
    assert_eq!(check["checked"], checked);
    assert_eq!(check["findings"], json!([]));
    assert!(check["counts"].as_object().expect("counts").values().all(|count| count == 0), "{check}");
    let text = books.run(&["check"]).await.out;
    assert!(text.starts_with("all agrees: 2 addresses allocated, 0 cooling down; 1 block, 2 handles, 2 Pods, 1 endpoint (Calico"), "{text}");
}

/// What can be made through an API server, all at once.
async fn fill(books: &mut Books) {
    let of = |pod: &str, number: u8| attribute(pod, &handle(number));
    let tunnel = json!({"handle_id": "vxlan-tunnel-addr-node-a", "secondary": {"node": "node-a", "type": "vxlanTunnelAddress"}});
    books
        .block("10.77.0.8/29", &[(0, of("gone", 11)), (1, json!({"handle_id": "by-hand"})), (2, tunnel)])
        .await;
    books.block("10.77.0.16/29", &[(0, of("du-2", 12)), (1, of("du-3", 13)), (2, json!({}))]).await;
    books.block("10.88.0.0/29", &[]).await;
    let mut broken = block("10.77.0.24/29", &[]);
    broken["spec"]["unallocated"] = json!([0]);
    books.cluster.create([broken]).await;
    let inner = json!({"cidr": "10.77.0.4/31", "allocations": [null, null], "unallocated": [0, 1], "attributes": [], "strictAffinity": false});
    books.put("IPAMBlock", "10-77-0-4-31", &inner).await;
    for (number, count) in [(11, 1), (12, 2)] {
        let block = if number == 11 { "10.77.0.8/29" } else { "10.77.0.16/29" };
        books.handle(&handle(number), &[(block, count)]).await;
    }
    books.handle("by-hand", &[("10.77.0.8/29", 1)]).await;
    books.handle("vxlan-tunnel-addr-node-a", &[("10.77.0.8/29", 1)]).await;
    books.handle(&handle(99), &[("10.77.0.8/29", 1)]).await;
    let users = [
        pod_with("du-2", "10.77.0.16"),
        pod_with("du-4", "10.77.0.17"),
        pod_with("du-5", "10.77.0.23"),
        pod_with("du-6", "172.20.0.1"),
        pod_with("du-7", "10.77.0.1"),
        pod_with("du-8", "10.77.0.25"),
    ];
    books.cluster.create(users).await;
}

#[tokio::test]
async fn each_kind_is_found_and_told() {
    let Ok(mut books) = Books::with(&[(1, "du-0", 1)]).await else { return };
    books.cluster.create([pod("du-0"), endpoint("du-0", "10.77.0.1", 1)]).await;
    fill(&mut books).await;

    assert_eq!(
        books.findings().await,
        [
            "several-users 10.77.0.1 ran/du-0,ran/du-7",
            "not-allocated 10.77.0.23 ran/du-5",
            "owner-mismatch 10.77.0.17 ran/du-3,ran/du-4",
            "overlapping-blocks 10.77.0.4/31",
            "invalid-block",
            "leaked 10.77.0.8 ran/gone",
            "suspect 10.77.0.9",
            "suspect 10.77.0.18",
            "outside-pools 172.20.0.1 ran/du-6",
            "block-outside-pools 10.88.0.0/29",
            &format!("empty-handle {}", handle(99)),
            "handle-count 10.77.0.16/29",
            "missing-handle 10.77.0.17 ran/du-3,ran/du-4",
            "no-handle 10.77.0.18",
        ]
    );
    let text = books.run(&["check"]).await;
    text.ends_with(0);
    for line in [
        "14 findings: 7 addresses allocated, 0 cooling down; 5 blocks, 6 handles, 7 Pods, 1 endpoint",
        "\n\nleaked (1): nobody uses it",
        &format!("\n  10.77.0.8, handle {}: Pod ran/gone is gone\n", handle(11)),
        "\n  IPAMBlock 10-77-0-24-29: its allocations and unallocated disagree",
        "\n  block 10.77.0.4/31: all its addresses are in block 10.77.0.0/29, too\n",
    ] {
        assert!(text.out.contains(line), "{line:?} is not in {}", text.out);
    }
    books.run(&["check", "--exit-code"]).await.ends_with(1);
}

#[tokio::test]
async fn a_dead_endpoint_uses_nothing_and_is_named() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1)]).await else { return };
    books.cluster.create([endpoint("gone", "10.77.0.1", 1)]).await;

    assert_eq!(books.findings().await, ["leaked 10.77.0.1 ran/gone"]);
    assert!(books.run(&["check"]).await.out.contains("still named by endpoint ran/ep-gone"));
}

#[tokio::test]
async fn what_others_wrote_moves_no_cursor() {
    let Ok(mut books) = Books::open().await else { return };
    let hostile =
        json!({"handle_id": "h", "secondary": {"namespace": "ran", "pod": "\u{1b}[2Jgone", "node": "n"}});
    books.block("10.77.0.0/29", &[(1, hostile)]).await;

    let text = books.run(&["check"]).await.out;

    assert!(text.contains("[2Jgone is gone") && !text.contains('\u{1b}'), "{text:?}");
}

#[tokio::test]
async fn it_reads_also_what_is_locked_and_writes_nothing() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1)]).await else { return };
    books.lock().await;
    let gate = Gate::open(books.cluster.client(), usize::MAX).await.expect("a port");

    let run = crate::calico_books::run_with(gate.kubeconfig(), &["check", "-o", "json"], &[]).await;

    run.ends_with(0);
    let check: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(check["datastore"]["locked"], true);
    assert_eq!(check["counts"]["leaked"], 1);
    let requests = gate.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET ")), "{requests:#?}");
}

#[tokio::test]
async fn without_calico_it_says_so() {
    let Ok(books) = Books::open().await else { return };
    fails_with(&books.run(&["check", "--calico", "off"]).await, &["--calico off"]);
    fails_with(&books.run(&["check", "--calico", "etcd"]).await, &["ETCD_ENDPOINTS"]);
}

#[tokio::test]
async fn what_two_readings_do_not_both_show_is_no_finding() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1)]).await else { return };
    books.cluster.create([pod("du-0")]).await;
    // Between the first reading of blocks and the last the address is given back, as by Calico's own collector.
    let gate = Gate::open(books.cluster.client(), usize::MAX).await.expect("a port");
    let block = block("10.77.0.0/29", &[]);
    let check = crate::calico_books::run_with(gate.kubeconfig(), &["check", "-o", "json"], &[]);
    let given_back = async {
        while !gate.requests().iter().any(|request| request.contains("/pods")) {
            tokio::task::yield_now().await;
        }
        books.cluster.delete(&block).await;
        let handle = calico::object("IPAMHandle", &handle(1), &json!({}));
        books.cluster.delete(&handle).await;
    };
    let (run, ()) = tokio::join!(check, given_back);

    run.ends_with(0);
    assert!(run.out.contains("\"findings\": []"), "{}", run.out);
    assert!(!run.out.contains(&container(1)));
}

/// They share the addresses of their Node, and none of them is Calico's to give.
#[tokio::test]
async fn pods_on_the_network_of_their_node_share_its_addresses() {
    let Ok(mut books) = Books::open().await else { return };
    books.block("10.77.0.0/29", &[]).await;
    let on_node = |name: &str| objects::with(pod_with(name, "10.77.0.1"), "/spec/hostNetwork", true);
    books.cluster.create([on_node("proxy-a"), on_node("proxy-b")]).await;

    assert_eq!(books.findings().await, Vec::<String>::new());
}

/// An endpoint of Calico's type may have an address of each.
#[tokio::test]
async fn an_address_that_danm_gave_is_in_no_pool_and_need_not_be() {
    let Ok(mut books) = Books::with(&[(1, "du-0", 1)]).await else { return };
    let mixed =
        objects::with(endpoint("du-0", "10.77.0.1", 1), "/spec/Interface/AddressIPv6", "fd00:9::7/64");
    books.cluster.create([pod("du-0"), mixed]).await;
    assert_eq!(books.findings().await, ["outside-pools fd00:9::7 ran/du-0"]);
    let network =
        objects::with(network(&[]), "/spec/Options/allocation_pool_v6", json!({"cidr": "fd00:9::/120"}));

    books.cluster.create([network]).await;

    assert_eq!(books.findings().await, Vec::<String>::new());
}
