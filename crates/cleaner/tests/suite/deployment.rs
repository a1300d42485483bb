//! The manifests, compared with what the program does.

use std::collections::BTreeSet;

use clap::Parser;
use danm_api::{ApiGroup, NetworkKind};
use http::Method;
use sandbox::Recorded;
use serde_json::{Value, json};
use testkit::{manifests, objects};

use crate::{
    running::{Running, eventually},
    shapes,
};

/// A right that a request needs, or that a rule gives: group, resource, verb.
type Right = (String, String, String);

fn granted() -> BTreeSet<Right> {
    let objects = manifests::objects_in("cleaner/rbac.yaml");
    let rules = objects.iter().flat_map(|object| object["rules"].as_array().into_iter().flatten());
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let words = rule[field].as_array().into_iter().flatten();
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in rules {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    rights.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    rights
}

/// The right that a request needs; none for discovery.
fn used(request: &Recorded) -> Option<Right> {
    let parts: Vec<&str> = request.uri.path().trim_matches('/').split('/').collect();
    let (group, rest) = match *parts.as_slice() {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        _ => return None,
    };
    let (resource, is_named) = match *rest {
        ["namespaces", _, resource] | [resource] => (resource, false),
        ["namespaces", _, resource, _] | [resource, _] => (resource, true),
        _ => return None,
    };
    let verb = match (&request.method, is_named) {
        (&Method::GET, _) if request.is_watch() => "watch",
        (&Method::GET, false) => "list",
        (&Method::GET, true) => "get",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, _) => "delete",
        _ => "other",
    };
    Some((group.to_owned(), resource.to_owned(), verb.to_owned()))
}

/// Of each kind in each group a network with a dead endpoint and a living one whose bit is clear, and a dead endpoint
/// whose network is gone.
fn one_of_each() -> Vec<Value> {
    let mut all = vec![objects::pod("ran", "lives", "node-a")];
    for group in ApiGroup::ALL {
        for kind in NetworkKind::ALL {
            let name = format!("{group}-{kind}").to_lowercase();
            let endpoint = |network: &str, name: String| {
                let endpoint = objects::endpoint(group, "ran", &name, "gone", network);
                let endpoint = objects::with(endpoint, "/spec/apiType", kind.name());
                objects::with(endpoint, "/spec/Interface/Address", "10.0.0.5/24")
            };
            all.push(objects::with_bits(objects::network(group, kind, "ran", &name), &[5]));
            all.push(endpoint(&name, format!("dead-{name}")));
            let living = objects::with(endpoint(&name, format!("living-{name}")), "/spec/Pod", "lives");
            let living = objects::with(living, "/spec/PodUID", objects::uid("ran/lives"));
            all.push(objects::with(living, "/spec/Interface/Address", "10.0.0.6/24"));
            all.push(endpoint("no-such-network", format!("lost-{name}")));
        }
    }
    all
}

#[tokio::test]
async fn the_manifest_gives_exactly_the_rights_that_are_used() {
    let mut cluster = crate::cluster().await.expect("it is in memory");
    shapes::fill(&mut cluster).await;
    cluster.create(one_of_each()).await;
    let booted = |boot| objects::booted(objects::node("node-c", "True"), boot, 1);
    cluster.create([booted("first")]).await;
    cluster.sandbox().clear_requests();
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the boot is stored", async || {
        let requests = cluster.sandbox().requests();
        requests
            .iter()
            .filter_map(used)
            .any(|(_, resource, verb)| resource == "configmaps" && verb == "create")
    })
    .await;
    let reboot = json!({"status": booted("second")["status"]});
    cluster.send(Method::PATCH, "/api/v1/nodes/node-c/status", Some(&reboot)).await.expect("it is taken");
    // The Lease is renewed, too.
    eventually("all is used", async || {
        let requests = cluster.sandbox().requests();
        requests.iter().filter_map(used).collect::<BTreeSet<Right>>().is_superset(&granted())
    })
    .await;
    drop(cleaner);
    let requests = cluster.sandbox().requests();
    assert_eq!(requests.iter().filter_map(used).collect::<BTreeSet<Right>>(), granted());
}

#[test]
fn the_deployment_is_called_as_the_program_understands_it() {
    let deployment = manifests::objects_in("cleaner/deployment.yaml").remove(0);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().expect("arguments").iter().filter_map(Value::as_str);
    let cli = cleaner::Cli::try_parse_from(["danm-cleaner"].into_iter().chain(arguments));
    assert!(cli.is_ok(), "{cli:?}");
    assert_eq!(container["ports"][0]["containerPort"], 8080, "the port of --admin-listen");
}
