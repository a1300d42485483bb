//! Whose an address is: its container's, somebody else's by now, nobody's any more, or of holders that are no Pods.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use calico_ipam::{Block, Claim, HandleId, Ownership, Proof, ownership};
use serde_json::{Value, json};

const CONTAINER: &str = "4f5d0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";

/// Whose 10.0.0.1 is, of which a block says this.
fn of(attribute: &Value) -> Ownership {
    of_container(attribute, CONTAINER)
}

fn of_container(attribute: &Value, container: &str) -> Ownership {
    proved(attribute, endpoint(container))
}

/// Whose it is for somebody with this proof.
fn proved(attribute: &Value, proof: Proof) -> Ownership {
    let block = json!({
        "cidr": "10.0.0.0/31", "allocations": [null, 0], "unallocated": [0], "attributes": [attribute],
    });
    let block = Block::read(&block.to_string()).expect("a block");
    ownership(&block, &claim("10.0.0.1", proof))
}

fn claim(address: &str, proof: Proof) -> Claim {
    Claim { address: address.parse().expect("an address"), proof }
}

fn endpoint(container: &str) -> Proof {
    Proof::Endpoint {
        container: container.to_owned(),
        namespace: "ran".to_owned(),
        pod: "du-0".to_owned(),
        nodes: vec!["node-a".to_owned(), "host-a".to_owned()],
    }
}

fn pod(namespace: &str, pod: &str) -> Proof {
    Proof::Pod { namespace: namespace.to_owned(), pod: pod.to_owned() }
}

/// Every proof that names what holds the address in `held_by`.
fn all_proofs(handle: &str) -> [Proof; 4] {
    [
        endpoint(CONTAINER),
        Proof::Handle(HandleId::new(handle)),
        Proof::Container(CONTAINER.to_owned()),
        pod("ran", "du-0"),
    ]
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
        for proof in all_proofs(&handle) {
            let whose = proved(&held_by(&handle), proof.clone());
            assert!(matches!(whose, Ownership::Others(_)), "{handle} {proof:?}");
        }
    }
    let handle = format!("k8s-pod-network.{CONTAINER}");
    let mut moved = held_by(&handle);
    moved["alternateOwnerAttrs"] = json!({"pod": "virt-launcher-2"});
    let mut tunnel = held_by(&handle);
    tunnel["secondary"]["type"] = json!("wireguardTunnelAddress");
    let mut machine = held_by(&handle);
    machine["secondary"]["vmi-name"] = json!("vm-0");
    for holder in [moved, tunnel, machine] {
        for proof in all_proofs(&handle) {
            let whose = proved(&holder, proof.clone());
            assert!(matches!(whose, Ownership::Others(_)), "{holder} {proof:?}");
        }
    }
}

/// By hand an address is given back with one proof alone, which has to agree letter by letter.
#[test]
fn each_proof_by_hand_holds_for_what_it_names_and_for_nothing_else() {
    let handle = format!("k8s-pod-network.{CONTAINER}");
    for proof in all_proofs(&handle) {
        assert!(matches!(proved(&held_by(&handle), proof.clone()), Ownership::Claimants(..)), "{proof:?}");
        let freed = json!({"releasedAt": "2026-11-23T22:17:16Z"});
        assert!(matches!(proved(&freed, proof.clone()), Ownership::Nobodys(_)), "{proof:?}");
    }
    let wrong = [
        Proof::Handle(HandleId::new(&handle.to_uppercase())),
        Proof::Handle(HandleId::new(CONTAINER)),
        Proof::Handle(HandleId::default()),
        Proof::Container(CONTAINER.to_uppercase()),
        Proof::Container(String::new()),
        pod("core", "du-0"),
        pod("ran", "du-1"),
        pod("", ""),
    ];
    for proof in wrong {
        assert!(matches!(proved(&held_by(&handle), proof.clone()), Ownership::Others(_)), "{proof:?}");
    }
}

/// Older versions write no handle, and some write neither a Pod.
#[test]
fn by_hand_an_address_without_a_handle_is_its_pod_s_alone() {
    let of_pod = json!({"secondary": {"namespace": "ran", "pod": "du-0", "node": "elsewhere"}});
    for holder in [of_pod.clone(), json!({})] {
        for proof in [Proof::Handle(HandleId::default()), Proof::Container(String::new()), pod("", "")] {
            assert!(matches!(proved(&holder, proof.clone()), Ownership::Others(_)), "{holder} {proof:?}");
        }
    }
    assert!(matches!(proved(&of_pod, pod("ran", "du-0")), Ownership::Claimants(..)));
}

#[test]
fn what_was_given_back_is_nobodys() {
    assert!(matches!(of(&json!({"releasedAt": "2026-11-23T22:17:16Z"})), Ownership::Nobodys(_)));
    let block = r#"{"cidr":"10.0.0.0/31","allocations":[null,null],"unallocated":[1,0],"attributes":[]}"#;
    let block = Block::read(block).expect("a block");
    let whose = ownership(&block, &claim("10.0.0.0", endpoint(CONTAINER)));
    assert!(matches!(whose, Ownership::Nobodys(_)));
}
