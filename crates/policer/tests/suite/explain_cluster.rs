//! `explain` on the real API server: it says the same as of the files that the cluster was made from.

use operator_runtime::read_manifests;
use serde_json::{Value, json};
use testkit::{Cluster, collection_of};

use crate::program::{finish, objects, program, run_on};

/// Objects as a real API server takes them: containers have names and images.
fn completed(mut object: Value) -> Value {
    if object["kind"] != "Pod" {
        return object;
    }
    let containers = object["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let ports: Vec<Value> =
        containers.iter().flat_map(|it| it["ports"].as_array().cloned()).flatten().collect();
    object["spec"]["containers"] = json!([{"name": "c", "image": "none.invalid/none", "ports": ports}]);
    object["spec"]["nodeName"] = json!("node-a");
    object
}

async fn load(cluster: &mut Cluster) {
    let manifests = read_manifests(objects("shop.yaml").as_ref()).expect("we wrote it");
    for object in manifests.into_iter().flat_map(|manifest| manifest.objects).map(completed) {
        // Namespaces stay from one test to the next.
        if object["kind"] == "Namespace" && cluster.get(&object).await.is_some() {
            cluster.patch(&object, &json!({"metadata": {"labels": object["metadata"]["labels"]}})).await;
            continue;
        }
        let place = collection_of(&object);
        cluster.create_one(object).await.unwrap_or_else(|error| panic!("{place}: {error}"));
    }
}

#[tokio::test]
async fn a_cluster_is_explained_like_the_files_it_was_made_from() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    load(&mut cluster).await;
    for arguments in [
        "explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/5432",
        "explain --from lab/batch-0 --to shop/web-0 --port TCP/80 -o json",
    ] {
        let (expected, _) = run_on("shop.yaml", arguments).await.told();
        let mut command = program(&arguments.split_whitespace().collect::<Vec<_>>());
        command.arg("--kubeconfig").arg(cluster.kubeconfig());
        assert_eq!(finish(command, "").await.clean(), expected, "{arguments}");
    }
}
