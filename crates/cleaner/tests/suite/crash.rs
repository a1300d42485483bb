//! Programs that are killed at any of their requests, and several at once: the end is the same.

use danm_api::DanmKind;
use testkit::{Cluster, Gate};

use crate::{
    program::{clean, start},
    shapes,
};

/// Runs the program until its `last` request has been performed, and kills it before it knows. Tells whether it
/// got so far.
async fn kill_after(cluster: &mut Cluster, last: usize) -> bool {
    let gate = Gate::open(cluster.client(), last).await.expect("a port");
    let mut program = start(&gate.kubeconfig(), &["--override-brake"]);
    let stopped = tokio::select! {
        () = gate.closed() => true,
        status = program.wait() => {
            assert!(status.expect("it ran").success(), "a run that nobody stops succeeds");
            false
        }
    };
    // Not told to stop, and not waited for: as a node that loses power.
    program.kill().await.expect("it can be killed");
    stopped
}

/// Scenarios 24, 25, 28 and 51: the answer to the last request is lost each time.
#[tokio::test]
async fn killed_at_any_request_and_started_again_it_ends_in_the_same_state() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let kubeconfig = cluster.kubeconfig();
    let mut last = 1;
    loop {
        cluster.wipe().await;
        shapes::fill(&mut cluster).await;
        let was_killed = kill_after(&mut cluster, last).await;

        clean(&kubeconfig, &["--override-brake"]).await.ends_with(0);

        assert_eq!(cluster.names(DanmKind::DanmEp).await, shapes::survivors(), "killed after request {last}");
        assert_eq!(
            shapes::bits_of(&cluster).await,
            shapes::bits_without_the_dead(),
            "killed after request {last}"
        );
        assert_eq!(shapes::held_in_calico(&cluster).await, (0, 0), "killed after request {last}");
        if !was_killed {
            break;
        }
        last += 1;
    }
    assert!(last > 40, "only {last} requests: the program was not seen at work");
}

/// Scenario 27.
#[tokio::test]
async fn two_at_once_do_no_harm() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let kubeconfig = cluster.kubeconfig();
    let arguments = ["--override-brake"];

    let (one, other) = tokio::join!(clean(&kubeconfig, &arguments), clean(&kubeconfig, &arguments));

    one.ends_with(0);
    other.ends_with(0);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, shapes::survivors());
    assert_eq!(shapes::bits_of(&cluster).await, shapes::bits_without_the_dead());
}
