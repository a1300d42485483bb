//! `explain` on the real API server: it says the same as of the files that the cluster was made from.

use std::{fs, path::Path};

use operator_runtime::read_manifests;
use serde_json::{Value, json};
use testkit::{Cluster, collection_of};

use crate::program::{finish, objects, program, run_on};

/// What is called otherwise here: the API server gives addresses of Services from 10.0.0.0/24, and has taken the first.
const ADDRESSES: [(&str, &str); 2] = [("10.0.0.", "10.4.0."), ("10.96.0.20", "10.0.0.200")];

/// Objects as the real API server takes them.
fn completed(mut object: Value) -> Value {
    if object["kind"] == "EndpointSlice" {
        object["addressType"] = json!("IPv4");
    }
    if object["kind"] == "Pod" {
        let ports = object.pointer("/spec/containers/0/ports").cloned().unwrap_or_default();
        object["spec"]["containers"] = json!([{"name": "c", "image": "none.invalid/none", "ports": ports}]);
        object["spec"]["nodeName"] = json!("node-a");
    }
    object
}

async fn load(cluster: &mut Cluster, file: &Path) {
    let manifests = read_manifests(file).expect("we wrote it");
    for object in manifests.into_iter().flat_map(|manifest| manifest.objects).map(completed) {
        if object["kind"] == "Namespace" && cluster.get(&object).await.is_some() {
            // Namespaces stay from one test to the next.
            cluster.patch(&object, &json!({"metadata": {"labels": object["metadata"]["labels"]}})).await;
        } else {
            let place = collection_of(&object);
            cluster.create_one(object).await.unwrap_or_else(|error| panic!("{place}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_cluster_is_explained_like_the_files_it_was_made_from() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shop.yaml");
    let text = fs::read_to_string(objects("shop.yaml")).expect("we wrote it");
    let text = ADDRESSES.iter().fold(text, |text, (from, to)| text.replace(from, to));
    fs::write(&file, text).expect("written");
    load(&mut cluster, &file).await;
    for arguments in [
        "explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/5432",
        "explain --from shop/web-0 --to 10.0.0.200 --port TCP/5432",
        "explain --from lab/batch-0 --to shop/web-0 --port TCP/80 -o json",
    ] {
        let (expected, _) = run_on(&file.display().to_string(), arguments).await.told();
        let mut command = program(&arguments.split_whitespace().collect::<Vec<_>>());
        command.arg("--kubeconfig").arg(cluster.kubeconfig());
        assert_eq!(finish(command, "").await.clean(), expected, "{arguments}");
    }
}
