//! The way to a server, on the one in memory, which asks nobody who he is.

use crate::{
    program::{ask, program, run},
    town::town,
};

/// As with `kubectl --server`.
#[tokio::test]
async fn a_server_that_is_named_needs_no_kubeconfig() {
    let cluster = town().await.expect("it is in this process");
    let named = run(program(&["networks", "-A", "--server", &cluster.sandbox().url()])).await.clean();
    assert_eq!(named, ask(&cluster, "networks -A").await.clean());
}
