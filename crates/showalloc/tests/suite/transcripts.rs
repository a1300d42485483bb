//! What the reference showed of a real cluster, shown by the real program on the real API server, byte for byte.

use serde_json::Value;
use testkit::{objects::with, samples};

use crate::program::{program, run};

/// The cluster of the transcripts. They were made before there was a namespace `tenant-a`, of which a Pod got .11.
fn objects() -> impl Iterator<Item = Value> {
    let objects = samples::of_kinds(&["DanmNet", "ClusterNetwork", "DanmEp"]).into_iter();
    let objects = objects.filter(|object| object["metadata"]["namespace"] != "tenant-a");
    objects.map(|object| match object["metadata"]["name"].as_str() {
        Some("core") => with(object, "/spec/Options/alloc", "gCEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="),
        _ => object,
    })
}

#[tokio::test]
async fn what_the_reference_showed_of_a_real_cluster_is_shown_byte_for_byte() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create(objects()).await;
    let kubeconfig = cluster.kubeconfig();
    let kubeconfig = kubeconfig.to_str().expect("text");
    for (arguments, transcript) in [
        (["-kubeconfig", kubeconfig, "-dnet", "ext"], include_str!("../transcripts/ext.txt")),
        (["--kubeconfig", kubeconfig, "--dnet", "ext"], include_str!("../transcripts/ext.txt")),
        (["-kubeconfig", kubeconfig, "-cnet", "core"], include_str!("../transcripts/core.txt")),
    ] {
        assert_eq!(run(program(&arguments)).await.clean(), transcript, "{arguments:?}");
    }
}
