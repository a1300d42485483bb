//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI`
//! set they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

/// Tests that look at the [`town`] and change nothing: here they share one, which takes a second to make. Each is named
/// before it begins, and where it fails the line tells which it is.
macro_rules! in_town {
    ($($test:ident),+ $(,)?) => {
        pub async fn all(cluster: &testkit::Cluster) {
            $(
                eprintln!("{}::{}", module_path!(), stringify!($test));
                super::$test(cluster).await;
            )+
        }
    };
}

mod check;
mod following;
mod hostile;
mod ip;
mod map;
mod narrow;
mod networks;
mod pipes;
mod plugin;
mod program;
mod refusals;
mod rights;
mod show;
mod snapshot;
mod town;
mod transcripts;
mod verdicts;
#[path = "../fixtures/xml.rs"]
mod xml;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}

#[tokio::test]
async fn whoever_only_looks_sees_the_same_as_on_the_server_in_memory() {
    let Some(cluster) = town::town().await else { return };
    // The server is far away, as it is in life: most of the time is spent waiting.
    tokio::join!(
        networks::tests::all(&cluster),
        show::tests::all(&cluster),
        ip::tests::all(&cluster),
        check::tests::all(&cluster),
        map::tests::all(&cluster),
        narrow::tests::all(&cluster),
        pipes::tests::all(&cluster),
        refusals::tests::all(&cluster),
    );
}
