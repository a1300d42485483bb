//! `evaluate`: the matrix, for programs and for people.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    output::{compare, json},
    program::{finish, objects, program, run, run_on},
};

#[tokio::test]
async fn the_document_is_the_contract() {
    let (out, _) = run_on("shop.yaml", "evaluate --probe tcp/5432 Udp/53 -o json").await.told();
    let document = json(&out);
    assert_eq!(document["probes"], json!(["TCP/5432", "UDP/53"]));
    let endpoint = |namespace, pod, interface, address, network: Option<(&str, &str)>| {
        let network = network.map(|(kind, name)| json!({"kind": kind, "name": name}));
        json!({"namespace": namespace, "pod": pod, "interface": interface, "address": address, "network": network})
    };
    let (backbone, internal) = (Some(("ClusterNetwork", "backbone")), Some(("DanmNet", "internal")));
    let expected = json!([
        endpoint("lab", "batch-0", "eth0", "10.0.0.4", backbone),
        endpoint("lab", "batch-0", "eth0", "2001:db8::4", backbone),
        endpoint("lab", "probe-0", "", "10.9.0.3", None),
        endpoint("shop", "db-0", "eth0", "10.1.0.2", internal),
        endpoint("shop", "web-0", "eth0", "10.0.0.1", backbone),
        endpoint("shop", "web-0", "eth0", "2001:db8::1", backbone),
        endpoint("shop", "web-0", "eth1", "10.1.0.1", internal),
    ]);
    assert_eq!(document["endpoints"], expected);
    let results = document["results"].as_array().expect("a list");
    assert_eq!(results.len(), 2 * 20, "two probes, twenty pairs of one family and two Pods");
    let result = |from: u64, to: u64, probe: u64| {
        let found = results.iter().find(|it| it["from"] == from && it["to"] == to && it["probe"] == probe);
        let verdict = |it: &Value| {
            [&it["egress"], &it["ingress"], &it["verdict"]]
                .map(|it| it.as_str().unwrap_or_default().to_owned())
        };
        found.map(verdict)
    };
    assert_eq!(result(6, 3, 0), Some(["allow", "allow", "allow"].map(str::to_owned)));
    assert_eq!(result(6, 3, 1), Some(["allow", "deny", "deny"].map(str::to_owned)));
    assert_eq!(result(4, 3, 0), Some(["allow", "deny", "deny"].map(str::to_owned)));
    assert_eq!(result(0, 6, 0), Some(["deny", "allow", "deny"].map(str::to_owned)));
    assert_eq!(result(0, 3, 0), Some(["deny", "deny", "deny"].map(str::to_owned)));
    assert_eq!(result(4, 6, 0), None, "one Pod");
    assert_eq!(result(4, 1, 0), None, "two families");
}

#[tokio::test]
async fn people_are_shown_a_truth_table() {
    for (name, arguments) in [
        ("table", "--probe TCP/5432 ICMP"),
        ("table_ascii", "--probe TCP/5432 --ascii"),
        ("table_coloured", "--probe TCP/5432 --color always"),
        ("table_ruleset", "--probe TCP/80 --via ruleset"),
    ] {
        let (table, _) = run_on("shop.yaml", &format!("evaluate {arguments}")).await.told();
        compare(name, &table);
    }
}

#[tokio::test]
async fn where_the_screen_is_too_narrow_columns_come_in_blocks() {
    let arguments = format!(
        "evaluate --probe TCP/80 --width 60 --objects {} --objects {}",
        objects("doubts.yaml"),
        objects("shop.yaml")
    );
    let (table, _) = run(&arguments).await.told();
    assert!(
        table.lines().filter(|line| line.contains("10.")).all(|line| line.chars().count() <= 60),
        "{table}"
    );
    compare("table_narrow", &table);
}

#[tokio::test]
async fn colours_say_nothing_that_characters_do_not_and_can_be_switched_off() {
    let plain = run_on("shop.yaml", "evaluate --probe TCP/5432").await.out;
    let coloured = run_on("shop.yaml", "evaluate --probe TCP/5432 --color always").await.out;
    let mut bare = String::new();
    for (index, piece) in coloured.split('\u{1b}').enumerate() {
        let rest = piece.split_once('m').map_or(piece, |(_, rest)| rest);
        bare.push_str(if index == 0 { piece } else { rest });
    }
    assert_eq!(bare, plain);
    assert!(!plain.contains('\u{1b}'), "a pipe is no terminal");
}

/// The two ways to judge share nothing but the objects. These are all that the repository has: those of this suite, of the
/// guide, of the golden rulesets.
#[tokio::test]
async fn policies_and_rules_made_of_them_agree_on_every_example() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let golden = crates.join("policy-engine/tests/golden");
    let topology = golden.join("topology.yaml");
    let folders =
        fs::read_dir(&golden).expect("golden rulesets").map(|entry| entry.expect("an entry").path());
    let mut examples: Vec<Vec<PathBuf>> =
        folders.filter(|path| path.is_dir()).map(|folder| vec![topology.clone(), folder]).collect();
    examples.extend(["shop.yaml", "doubts.yaml"].map(|file| vec![objects(file).into()]));
    examples.push(vec![crates.join("../docs/examples/policies")]);
    assert!(examples.len() >= 15, "{examples:?}");
    for paths in examples {
        let matrix = async |via: &str| {
            let mut evaluate = program(&["evaluate", "-o", "json", "--via", via]);
            evaluate.args(["--probe", "TCP/80", "TCP/5432", "TCP/8080", "UDP/53", "SCTP/80", "ICMP"]);
            for path in &paths {
                evaluate.arg("--objects").arg(path);
            }
            finish(evaluate, "").await.told().0
        };
        let judged = matrix("policy").await;
        assert!(!json(&judged)["results"].as_array().expect("a list").is_empty(), "{paths:?}");
        assert_eq!(judged, matrix("ruleset").await, "{paths:?}");
    }
}

#[tokio::test]
async fn nobody_is_a_sentence() {
    let nobody = finish(program(&["evaluate", "--objects", "-", "--probe", "TCP/80"]), "").await;
    assert_eq!(nobody.clean(), "There is nobody: no Pod with an address was given.\n");
    let nobody =
        finish(program(&["evaluate", "--objects", "-", "--probe", "TCP/80", "-o", "json"]), "").await;
    assert_eq!(json(&nobody.clean()), json!({"probes": ["TCP/80"], "endpoints": [], "results": []}));
}

#[tokio::test]
async fn whoever_stops_reading_ends_the_program_quietly() {
    for output in ["table", "json"] {
        let shop = objects("shop.yaml");
        let mut command = program(&["evaluate", "--objects", &shop, "--probe", "TCP/80", "-o", output]);
        let mut child = command.spawn().expect("the program was built");
        drop(child.stdout.take());
        let ended = child.wait_with_output().await.expect("it ran");
        assert!(ended.status.success(), "{output}: {ended:?}");
        assert!(!String::from_utf8_lossy(&ended.stderr).contains("error"), "{output}: {ended:?}");
    }
}

/// Two hundred and fifty Pods with two interfaces each.
#[tokio::test]
async fn a_quarter_of_a_million_pairs_take_seconds() {
    let begun = Instant::now();
    let town = large_town().to_string();
    for via in ["policy", "ruleset"] {
        let arguments = ["evaluate", "--objects", "-", "--probe", "TCP/80", "-o", "json", "--via", via];
        let (out, _) = finish(program(&arguments), &town).await.told();
        assert_eq!(out.lines().filter(|line| line.starts_with("{\"from\"")).count(), 500 * 498);
    }
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
}

fn large_town() -> Value {
    let mut items = Vec::new();
    for (number, namespace) in (0..10).map(|number| (number, format!("n{number}"))) {
        for pod in 0..25 {
            let name = format!("p{pod}");
            let metadata =
                json!({"name": name, "namespace": namespace, "labels": {"app": format!("a{}", pod % 5)}});
            items.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}));
            for network in 0..2 {
                let interface = json!({"Name": format!("eth{network}"), "Address": format!("10.{number}.{network}.{pod}/16")});
                items.push(json!({
                    "apiVersion": "danm.io/v1",
                    "kind": "DanmEp",
                    "metadata": {"name": format!("{name}-{network}"), "namespace": namespace},
                    "spec": {"Pod": name, "NetworkName": format!("net{network}"), "apiType": "ClusterNetwork", "Interface": interface},
                }));
            }
        }
        for app in 0..4 {
            let peer = json!({"podSelector": {"matchLabels": {"app": format!("a{}", app + 1)}}, "namespaceSelector": {}});
            items.push(json!({
                "apiVersion": "danm.io/v1",
                "kind": "DanmNetworkPolicy",
                "metadata": {"name": format!("a{app}"), "namespace": namespace},
                "spec": {
                    "podSelector": {"matchLabels": {"app": format!("a{app}")}},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"from": [peer], "ports": [{"port": 80}]}],
                    "egress": [{"to": [peer, {"ipBlock": {"cidr": "10.0.0.0/9"}}]}],
                },
            }));
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
