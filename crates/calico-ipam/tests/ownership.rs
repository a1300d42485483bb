//! Whose an address is: its container's, somebody else's by now, nobody's any more, or of holders that are no Pods.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use calico_ipam::{Block, Claim, Ownership, ownership};
use serde_json::{Value, json};

const CONTAINER: &str = "4f5d0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";

/// Whose 10.0.0.1 is, of which a block says this.
fn of(attribute: &Value) -> Ownership {
    of_container(attribute, CONTAINER)
}

fn of_container(attribute: &Value, container: &str) -> Ownership {
    let block = json!({
        "cidr": "10.0.0.0/31", "allocations": [null, 0], "unallocated": [0], "attributes": [attribute],
    });
    let block = Block::read(&block.to_string()).expect("a block");
    ownership(&block, &claim("10.0.0.1", container))
}

fn claim(address: &str, container: &str) -> Claim {
    Claim {
        address: address.parse().expect("an address"),
        container: container.to_owned(),
        namespace: "ran".to_owned(),
        pod: "du-0".to_owned(),
        nodes: vec!["node-a".to_owned(), "host-a".to_owned()],
    }
}

fn held_by(handle: &str) -> Value {
    json!({"handle_id": handle, "secondary": {"namespace": "ran", "pod": "du-0", "node": "node-a"}})
}

/// It may be given to another Pod between the judgement and the release.
#[test]
fn an_address_is_its_container_s_and_after_that_whoever_has_it() {
    assert!(matches!(of(&held_by(&format!("k8s-pod-network.{CONTAINER}"))), Ownership::Claimants(..)));
    assert!(matches!(of(&held_by(&format!("net.with.dots.{CONTAINER}\r\n"))), Ownership::Claimants(..)));
    let others = [
        format!("k8s-pod-network.{}", CONTAINER.replace("4f5d", "9999")),
        format!("k8s-pod-network.9{CONTAINER}"),
        format!("k8s-pod-network.{}", CONTAINER.to_uppercase()),
        format!(".{CONTAINER}"),
        CONTAINER.to_owned(),
    ];
    for other in others {
        assert!(matches!(of(&held_by(&other)), Ownership::Others(_)), "{other}");
    }
}

/// Older handles are `<namespace>.<pod>`, and anybody may write anything into an endpoint.
#[test]
fn a_name_in_the_place_of_a_container_s_id_proves_nothing() {
    for (handle, container) in [("victim.db-0", "db-0"), ("net.", ""), ("net.abc", "abc"), ("a.b.c", "b.c")] {
        let handle = json!({"handle_id": handle});
        assert!(matches!(of_container(&handle, container), Ownership::Others(_)), "{handle}");
    }
    let others = json!({
        "handle_id": format!("net.{CONTAINER}"),
        "secondary": {"namespace": "core", "pod": "victim", "node": "node-a"},
    });
    assert!(matches!(of(&others), Ownership::Others(_)), "the id was copied from somebody's endpoint");
    assert!(matches!(of(&json!({"handle_id": format!("net.{CONTAINER}")})), Ownership::Claimants(..)));
}

#[test]
fn without_a_handle_pod_namespace_and_node_have_to_agree() {
    let of_pod = |namespace: &str, pod: &str, node: &str| {
        of(&json!({"secondary": {"namespace": namespace, "pod": pod, "node": node}}))
    };
    assert!(matches!(of_pod("ran", "du-0", "node-a"), Ownership::Claimants(..)));
    assert!(matches!(of_pod("ran", "du-0", "host-a"), Ownership::Claimants(..)));
    for (namespace, pod, node) in
        [("core", "du-0", "node-a"), ("ran", "du-1", "node-a"), ("ran", "du-0", "b")]
    {
        assert!(matches!(of_pod(namespace, pod, node), Ownership::Others(_)), "{namespace}/{pod} on {node}");
    }
    assert!(matches!(of(&json!({})), Ownership::Others(_)));
    assert!(matches!(of(&json!({"handle_id": null, "secondary": null})), Ownership::Others(_)));
}

#[test]
fn what_is_no_pods_is_refused_whatever_else_agrees() {
    let kinds = [
        "windows-reserved-ipam-handle".to_owned(),
        "Windows-Reserved-IPAM-Handle".to_owned(),
        format!("ipip-tunnel-addr-x.{CONTAINER}"),
        format!("vxlan-tunnel-addr-x.{CONTAINER}"),
        format!("vxlan-v6-tunnel-addr-x.{CONTAINER}"),
        format!("wireguard-tunnel-addr-x.{CONTAINER}"),
        format!("wireguard-v6-tunnel-addr-x.{CONTAINER}"),
        format!("lb-x.{CONTAINER}"),
        format!("k8s-pod-network.vmi.ran.{CONTAINER}"),
    ];
    for handle in kinds {
        assert!(matches!(of(&held_by(&handle)), Ownership::Others(_)), "{handle}");
    }
    let mut moved = held_by(&format!("k8s-pod-network.{CONTAINER}"));
    moved["alternateOwnerAttrs"] = json!({"pod": "virt-launcher-2"});
    assert!(matches!(of(&moved), Ownership::Others(_)));
}

#[test]
fn what_was_given_back_is_nobodys() {
    assert!(matches!(of(&json!({"releasedAt": "2026-11-23T22:17:16Z"})), Ownership::Nobodys(_)));
    let block = r#"{"cidr":"10.0.0.0/31","allocations":[null,null],"unallocated":[1,0],"attributes":[]}"#;
    let block = Block::read(block).expect("a block");
    let whose = ownership(&block, &claim("10.0.0.0", CONTAINER));
    assert!(matches!(whose, Ownership::Nobodys(_)));
}
