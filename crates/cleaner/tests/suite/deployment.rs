//! The manifests, compared with what the program does.

use std::collections::BTreeSet;

use clap::Parser;
use danm_api::{ApiGroup, DanmKind, NetworkKind};
use http::Method;
use serde_json::{Value, json};
use testkit::{
    Cluster, calico, manifests, objects,
    rights::{Right, granted, used},
};

use crate::{
    running::{Running, eventually},
    shapes,
};

/// Calico's groups, the usual one and the newer one.
const CALICO: [&str; 2] = ["crd.projectcalico.org", "projectcalico.org"];

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

/// The rights of a controller that were used; those in Calico's groups, or the others.
fn used_rights(cluster: &Cluster, in_calico: bool) -> BTreeSet<Right> {
    let requests = cluster.sandbox().requests();
    let is_wanted = |(group, ..): &Right| CALICO.contains(&group.as_str()) == in_calico;
    requests.iter().filter_map(used).filter(is_wanted).collect()
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
    let granted = granted("cleaner/rbac.yaml");
    eventually("all is used", async || used_rights(&cluster, false).is_superset(&granted)).await;
    drop(cleaner);
    assert_eq!(used_rights(&cluster, false), granted);
}

#[tokio::test]
async fn the_manifest_for_calico_gives_exactly_the_rights_that_are_used() {
    let mut cluster = crate::cluster().await.expect("it is in memory");
    let endpoint = |name: &str, address: &str| {
        let endpoint = objects::endpoint(ApiGroup::DanmK8sIo, "ran", name, name, "calico");
        let endpoint = objects::with(endpoint, "/spec/NetworkType", "calico");
        objects::with(endpoint, "/spec/Interface/Address", address)
    };
    // The last of a block of no node, one that is free, and one that is in no block.
    let (last, free) = (endpoint("last", "10.77.0.1/32"), endpoint("was-freed", "10.77.0.9/32"));
    let nobodys = objects::with(calico::block("10.77.0.0/29", &[(1, &last)]), "/spec/affinity", Value::Null);
    let handle = calico::handle(&last, &[("10.77.0.0/29", 1)]);
    let network = objects::network(ApiGroup::DanmK8sIo, NetworkKind::DanmNet, "ran", "calico");
    cluster
        .create([
            objects::node("node-a", "True"),
            objects::with(network, "/spec/NetworkType", "calico"),
            calico::pool("v4", "10.77.0.0/24", 29),
            nobodys,
            calico::block("10.77.0.8/29", &[]),
            handle,
        ])
        .await;
    cluster.create([last, free, endpoint("in-no-block", "10.77.0.99/32")]).await;
    let granted = granted("cleaner/calico-kubernetes/rbac.yaml");
    let in_group = |wanted: &str| -> BTreeSet<Right> {
        granted.iter().filter(|(group, ..)| group == wanted).cloned().collect()
    };
    cluster.sandbox().clear_requests();
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;

    eventually("all is used", async || used_rights(&cluster, true).is_superset(&in_group(CALICO[0]))).await;
    eventually("all endpoints are gone", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    drop(cleaner);
    let used = used_rights(&cluster, true);
    assert_eq!(used, in_group(CALICO[0]));
    let newer = used.into_iter().map(|(_, resource, verb)| {
        let resource = if resource == "ipamconfigs" { "ipamconfigurations".to_owned() } else { resource };
        (CALICO[1].to_owned(), resource, verb)
    });
    assert_eq!(newer.collect::<BTreeSet<Right>>(), in_group(CALICO[1]), "the same in the newer group");
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

/// The Deployment for Calico in etcd says what it adds, and is otherwise the same.
#[test]
fn the_deployment_for_calico_in_etcd_is_the_other_one_with_a_configuration_and_a_secret() {
    let mut with_etcd = manifests::objects_in("cleaner/calico-etcd/deployment.yaml").remove(0);
    let pod = &mut with_etcd["spec"]["template"]["spec"];
    let mut taken = |pointer: &str| pod.pointer_mut(pointer).map(Value::take).expect("it is there");
    let mounts = taken("/containers/0/volumeMounts");
    let volumes = taken("/volumes");
    assert_eq!(taken("/securityContext/fsGroup"), pod["securityContext"]["runAsUser"]);
    assert_eq!(volumes[0]["configMap"]["name"], "calico-config");
    assert_eq!(volumes[1]["secret"]["secretName"], "calico-datastore-secret");
    assert_eq!(mounts[0]["mountPath"], "/etc/calico/calicoctl.cfg");
    assert_eq!(mounts[1]["mountPath"], "/etc/calico/certs");

    let mut base = manifests::objects_in("cleaner/deployment.yaml").remove(0);
    for pointer in ["/spec/template/spec/volumes", "/spec/template/spec/securityContext/fsGroup"] {
        base = objects::with(base, pointer, Value::Null);
    }
    base["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = Value::Null;
    assert_eq!(with_etcd, base);
}

/// The example names the files that the Secret is made of, where the Deployment puts them.
#[test]
fn the_example_of_calicoctls_configuration_is_one() {
    let text = manifests::text_of("cleaner/calico-etcd/calicoctl.cfg");
    let error = match calico_store::DatastoreSettings::read(Some(&text), |_| None) {
        Ok(Some(calico_store::DatastoreSettings::Etcd(_))) => return,
        Ok(_) => panic!("it names no etcd"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("/etc/calico/certs/ca.pem"), "only the files are missing here: {error}");
}
