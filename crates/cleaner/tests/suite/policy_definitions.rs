//! The CRD of policies on a real API server: what it refuses and in which words, what it takes and gives back whole, what
//! kubectl shows. What the policies mean is not tested here.

use danm_api::{ApiGroup, DanmKind, PolicySpec, VERSION};
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, collection_of, samples};

use crate::definitions::kubectl;

fn policy(group: ApiGroup, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{group}/{VERSION}"),
        "kind": DanmKind::NetworkPolicy.name(),
        "metadata": {"name": name, "namespace": "ran"},
        "spec": spec,
    })
}

fn with_port(port: &Value) -> Value {
    json!({"ingress": [{"ports": [port]}]})
}

fn with_peer(peer: &Value) -> Value {
    json!({"egress": [{"to": [peer]}]})
}

fn with_block(cidr: &str, except: &[&str]) -> Value {
    with_peer(&json!({"ipBlock": {"cidr": cidr, "except": except}}))
}

fn with_expression(expression: &Value) -> Value {
    json!({"podSelector": {"matchExpressions": [expression]}})
}

/// Policies that can never be right, each with words of the answer.
fn never_right() -> Vec<(Value, &'static str)> {
    [wrong_subjects(), wrong_selectors(), wrong_peers(), wrong_ports()].concat()
}

fn wrong_subjects() -> Vec<(Value, &'static str)> {
    vec![
        (json!(null), "spec: Required value"),
        (json!("all"), "must be of type object"),
        (json!({"policyTypes": ["ingress"]}), r#"supported values: "Ingress", "Egress""#),
        (
            json!({"networkSelector": []}),
            "leave networkSelector out to mean all interfaces, or name a network",
        ),
        (json!({"networkSelector": [{"type": "DanmNet"}]}), "name: Required value"),
        (json!({"networkSelector": [{"name": ""}]}), "should be at least 1 chars long"),
        (
            json!({"networkSelector": [{"name": "n", "type": "Network"}]}),
            "use DanmNet, TenantNetwork or ClusterNetwork, or leave type out to mean DanmNet",
        ),
        (json!({"ingress": [null]}), "must be of type object"),
        (json!({"ingress": {"from": []}}), "must be of type array"),
    ]
}

fn wrong_selectors() -> Vec<(Value, &'static str)> {
    let label = "In and NotIn need values, Exists and DoesNotExist take none";
    vec![
        (with_expression(&json!({"key": "a", "operator": "In"})), label),
        (with_expression(&json!({"key": "a", "operator": "NotIn", "values": []})), label),
        (with_expression(&json!({"key": "a", "operator": "NotIn", "values": null})), label),
        (with_expression(&json!({"key": "a", "operator": "Exists", "values": ["b"]})), label),
        (with_expression(&json!({"key": "a", "operator": "DoesNotExist", "values": ["b"]})), label),
        (
            with_expression(&json!({"key": "a", "operator": "in"})),
            r#"supported values: "In", "NotIn", "Exists", "#,
        ),
        (with_expression(&json!({"operator": "Exists"})), "key: Required value"),
        (with_expression(&json!({"key": "a"})), "operator: Required value"),
        (json!({"podSelector": {"matchLabels": {"a": 1}}}), "must be of type string"),
        (
            with_peer(&json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}})),
            label,
        ),
    ]
}

fn wrong_peers() -> Vec<(Value, &'static str)> {
    let [nobody, both, subnet] = [
        "give a podSelector, namespaceSelector, networkSelector or ipBlock, or leave the list of peers out",
        "an ipBlock beside selectors: make two peers of it",
        "no subnet: write it like 10.0.0.0/8 or 2001:db8::/32",
    ];
    vec![
        (with_peer(&json!({})), nobody),
        (with_peer(&json!({"podSelector": null, "ipBlock": null})), nobody),
        (json!({"ingress": [{"from": [{"unheardOf": {}}]}]}), nobody),
        (with_peer(&json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}})), both),
        (with_peer(&json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "namespaceSelector": {}})), both),
        (with_peer(&json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "networkSelector": []})), both),
        (with_peer(&json!({"ipBlock": {}})), "cidr: Required value"),
        (with_block("10.0.0.1", &[]), subnet),
        (with_block("10.0.0.0/33", &[]), subnet),
        (with_block("10.0.0/8", &["10.0.0.0/9"]), subnet),
        (with_block("::ffff:10.0.0.0/104", &[]), subnet),
        (with_block("10.0.0.0/8", &["10.0.0.1"]), subnet),
    ]
}

fn wrong_ports() -> Vec<(Value, &'static str)> {
    let [alone, named, below] = [
        "an endPort without a port: say where the range begins",
        "give the number of the port, or leave endPort out",
        "an endPort below its port: the range is empty, exchange them",
    ];
    vec![
        (with_port(&json!({"protocol": "tcp"})), "use TCP, UDP or SCTP"),
        (with_port(&json!({"Protocol": "ICMP"})), "use TCP, UDP or SCTP"),
        (with_port(&json!({"port": 0})), "should be greater than or equal to 1"),
        (with_port(&json!({"Port": 65536})), "should be less than or equal to 65535"),
        (with_port(&json!({"port": 1, "endPort": 65536})), "should be less than or equal to 65535"),
        (with_port(&json!({"Port": 1, "EndPort": 0})), "should be greater than or equal to 1"),
        (with_port(&json!({"port": "8080"})), "should match"),
        (with_port(&json!({"Port": "web--1"})), "should match"),
        (with_port(&json!({"port": "a-name-too-long-"})), "may not be more than 15 bytes"),
        (with_port(&json!({"port": 8080.5})), "must be of type integer"),
        (with_port(&json!({"endPort": 90})), alone),
        (with_port(&json!({"port": null, "EndPort": 90})), alone),
        (with_port(&json!({"port": "http", "endPort": 90})), named),
        (with_port(&json!({"Port": "http", "EndPort": 90})), named),
        (with_port(&json!({"port": 91, "endPort": 90})), below),
        (with_port(&json!({"Port": 91, "EndPort": 90})), below),
        (with_port(&json!({"Port": 91, "endPort": 90})), below),
        (with_port(&json!({"protocol": "TCP", "Protocol": "UDP"})), "both protocol and Protocol"),
        (with_port(&json!({"port": 1, "Port": 2})), "both port and Port"),
        (with_port(&json!({"port": 1, "endPort": 2, "EndPort": 2})), "both endPort and EndPort"),
    ]
}

/// Policies that the reader understands, but whose author cannot have meant them, and those that are too large.
fn too_much() -> Vec<(Value, &'static str)> {
    let [outside, whole] = [
        "every except has to be inside of its cidr: remove what is outside",
        "every except has to be smaller than its cidr: name a part of it",
    ];
    let expression = json!({"key": "a", "operator": "Exists"});
    let values = vec!["a"; 513];
    vec![
        (with_block("10.0.0.0/8", &["10.1.0.0/16", "11.0.0.0/16"]), outside),
        (with_block("10.0.0.0/8", &["2001:db8::/32"]), outside),
        (with_block("2001:db8::/32", &["2001:db9::/48"]), outside),
        (with_block("10.0.0.0/8", &["10.0.0.0/8"]), whole),
        (with_block("10.0.0.0/8", &["10.0.0.0/7"]), whole),
        (with_block("10.0.0.0/8", &["10.1.0.0/16"; 17]), "must have at most 16 items"),
        (json!({"ingress": vec![json!({}); 65]}), "must have at most 64 items"),
        (json!({"ingress": [{"ports": vec![json!({"port": 1}); 513]}]}), "must have at most 512 items"),
        (json!({"egress": [{"to": vec![json!({"podSelector": {}}); 301]}]}), "must have at most 300 items"),
        (json!({"networkSelector": vec![json!({"name": "n"}); 33]}), "must have at most 32 items"),
        (json!({"podSelector": {"matchExpressions": vec![expression; 17]}}), "must have at most 16 items"),
        (
            with_expression(&json!({"key": "a", "operator": "In", "values": values})),
            "must have at most 512 items",
        ),
        (json!({"podSelector": {"matchLabels": {"a": "a".repeat(64)}}}), "may not be more than 63 bytes"),
    ]
}

/// Specs that are taken as they are, and understood.
fn right() -> Vec<Value> {
    let selector = json!({
        "matchLabels": {"app": "cu", "empty": ""},
        "matchExpressions": [
            {"key": "example.com/tier", "operator": "In", "values": ["a", "b"]},
            {"key": "tier", "operator": "NotIn", "values": [""]},
            {"key": "tier", "operator": "Exists"},
            {"key": "tier", "operator": "Exists", "values": null},
            {"key": "old", "operator": "DoesNotExist", "values": []},
        ],
    });
    vec![
        json!({}),
        json!({"podSelector": {}, "policyTypes": [], "ingress": [], "egress": []}),
        json!({"podSelector": null, "networkSelector": null, "policyTypes": null, "ingress": null, "egress": null}),
        json!({"podSelector": {"matchLabels": null, "matchExpressions": null}, "policyTypes": ["Egress", "Ingress"]}),
        json!({"podSelector": selector, "networkSelector": [{"name": "n"}, {"name": "n", "type": ""}]}),
        json!({"ingress": [{}, {"from": [], "ports": []}, {"from": null, "ports": null}]}),
        with_peer(&json!({"podSelector": {}})),
        with_peer(
            &json!({"podSelector": selector, "namespaceSelector": selector, "networkSelector": [], "ipBlock": null}),
        ),
        with_peer(
            &json!({"networkSelector": [{"name": "n", "type": "ClusterNetwork"}, {"name": "n", "type": null}]}),
        ),
        with_block("0.0.0.0/0", &["10.0.0.0/8", "10.1.2.3/32", "192.168.1.1/16"]),
        with_block("2001:db8:0000:0000:0000:0000:0000:0001/32", &["2001:db8:1::/48"]),
        with_peer(&json!({"ipBlock": {"cidr": "10.0.0.1/8", "except": null}})),
        with_port(&json!({})),
        with_port(&json!({"protocol": null, "port": null, "endPort": null})),
        with_port(&json!({"protocol": "SCTP", "port": 1, "endPort": 65535})),
        with_port(&json!({"Protocol": "UDP", "Port": 2152, "EndPort": 2152})),
        with_port(&json!({"Protocol": "TCP", "Port": "http"})),
        with_port(&json!({"PROTOCOL": "UDP", "Port": 53, "port": null})),
        with_port(&json!({"port": "9-a-1"})),
    ]
}

/// A field that nobody knows in each place.
fn of_the_future() -> Value {
    json!({
        "future": {"deep": [1, null, {}]},
        "podSelector": {"future": null, "matchExpressions": [{"key": "a", "operator": "Exists", "future": 1}]},
        "networkSelector": [{"name": "n", "future": []}],
        "ingress": [{"future": {}, "from": [{"podSelector": {}, "future": "x"}], "ports": [{"future": 1.5}]}],
        "egress": [{"to": [{"ipBlock": {"cidr": "::/0", "future": {}}}]}],
    })
}

#[test]
fn the_reader_understands_what_the_server_takes_and_not_what_it_refuses() {
    for spec in right().into_iter().chain(too_much().into_iter().map(|(spec, _)| spec)) {
        assert_eq!(PolicySpec::read(&spec).problems, [], "{spec}");
    }
    for (spec, _) in never_right() {
        assert_ne!(PolicySpec::read(&spec).problems, [], "{spec}");
    }
}

#[tokio::test]
async fn a_policy_that_can_never_be_right_is_refused_in_words_that_help() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut wrong = Vec::new();
    for (spec, words) in [never_right(), too_much()].concat() {
        match cluster.create_one(policy(ApiGroup::DanmK8sIo, "p", &spec)).await {
            Ok(_) => {
                wrong.push(format!("{spec} was taken"));
                cluster.wipe().await;
            }
            Err(answer) if !answer.contains(words) => {
                wrong.push(format!("{spec}\n  {answer}\n  lacks {words}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_policy_comes_back_as_it_was_written() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut wrong = Vec::new();
    for group in ApiGroup::ALL {
        for (index, spec) in right().into_iter().chain([of_the_future()]).enumerate() {
            match cluster.create_one(policy(group, &format!("p{index}"), &spec)).await {
                Ok(stored) if stored["spec"] == spec => {}
                Ok(stored) => wrong.push(format!("{spec} came back as {}", stored["spec"])),
                Err(answer) => wrong.push(format!("{spec}\n  {answer}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_policy_of_the_reference_is_taken_and_comes_back_whole() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let samples = samples::of_kinds(&[DanmKind::NetworkPolicy.name()]);
    assert!(!samples.is_empty());
    for sample in samples {
        let stored = cluster.create_one(sample.clone()).await.expect("it is right");
        assert_eq!(stored["spec"], sample["spec"]);
        assert_eq!(stored["metadata"]["annotations"], sample["metadata"]["annotations"]);
    }
}

#[tokio::test]
async fn kubectl_shows_what_a_policy_is_about_and_what_became_of_it() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let spec = json!({"podSelector": {"matchLabels": {"app": "cu"}}, "policyTypes": ["Ingress"]});
    for group in ApiGroup::ALL {
        let policy = policy(group, "p", &spec);
        cluster.create([policy.clone()]).await;
        write_status(&cluster, &policy, &judged("False", "UnknownField")).await.expect("it is right");

        let kind = format!("dnetpol.{group}");
        let shown = kubectl(&mut cluster, &["get", &kind, "-n", "ran"]).await;
        let wide = kubectl(&mut cluster, &["get", &kind, "-n", "ran", "-o", "wide"]).await;

        for word in
            ["PODS", r#"{"matchLabels":{"app":"cu"}}"#, "TYPES", r#"["Ingress"]"#, "ACCEPTED", "False", "AGE"]
        {
            assert!(shown.contains(word), "{word} is missing:\n{shown}");
        }
        for word in ["RESOLVEDREFS", "Unknown", "REASON", "UnknownField"] {
            assert!(wide.contains(word), "{word} is missing:\n{wide}");
            assert!(!shown.contains(word) || word == "Unknown", "{word} is too much:\n{shown}");
        }
    }
}

#[tokio::test]
async fn kubectl_explains_the_fields() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    for field in [
        "spec",
        "spec.ingress.from.ipBlock.except",
        "spec.egress.ports.endPort",
        "spec.egress.ports.protocol",
        "status.conditions",
    ] {
        let field = format!("dnetpol.{field}");
        let version = format!("{}/{VERSION}", ApiGroup::DanmK8sIo);
        let shown = kubectl(&mut cluster, &["explain", &field, "--api-version", &version]).await;

        assert!(!shown.contains("<empty>"), "{field}:\n{shown}");
    }
}

#[tokio::test]
async fn the_status_of_a_policy_is_written_through_its_subresource_only() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    for group in ApiGroup::ALL {
        let mut policy = policy(group, "p", &json!({}));
        policy["status"] = judged("True", "Understood");
        let created = cluster.create_one(policy.clone()).await.expect("it is right");
        assert_eq!(created["status"], json!(null));
        let patched = cluster.patch(&policy, &json!({"status": policy["status"]})).await;
        assert_eq!(patched["status"], json!(null));

        let written = write_status(&cluster, &policy, &policy["status"]).await.expect("it is right");

        assert_eq!(written["status"], policy["status"]);
        assert_eq!(written["metadata"]["generation"], created["metadata"]["generation"]);
    }
}

#[tokio::test]
async fn a_condition_is_what_conditions_are_everywhere() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let policy = policy(ApiGroup::DanmIo, "p", &json!({}));
    cluster.create([policy.clone()]).await;
    let status = judged("True", "Understood");
    let twice = json!({"conditions": [status["conditions"][0], status["conditions"][0]]});
    let mut maybe = status.clone();
    maybe["conditions"][0]["status"] = json!("Maybe");
    let mut timeless = status;
    timeless["conditions"][0].as_object_mut().expect("an object").remove("lastTransitionTime");

    for (status, words) in [
        (twice, "Duplicate value"),
        (maybe, r#"supported values: "True", "False", "Unknown""#),
        (timeless, "lastTransitionTime: Required value"),
    ] {
        let answer = write_status(&cluster, &policy, &status).await.expect_err("it is wrong");
        assert!(answer.contains(words), "{answer} lacks {words}");
    }
}

fn judged(status: &str, reason: &str) -> Value {
    let condition = |r#type: &str, status: &str, reason: &str| {
        json!({
            "type": r#type, "status": status, "reason": reason, "message": "",
            "lastTransitionTime": "2026-11-23T21:55:09Z", "observedGeneration": 1,
        })
    };
    json!({"conditions": [condition("Accepted", status, reason), condition("ResolvedRefs", "Unknown", "Pending")]})
}

async fn write_status(cluster: &Cluster, policy: &Value, status: &Value) -> Result<Value, String> {
    let path = format!("{}/p/status", collection_of(policy));
    cluster.send(Method::PATCH, &path, Some(&json!({"status": status}))).await
}
