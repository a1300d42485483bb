//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI`
//! set they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

/// Tests that look at the [`town`] and change nothing: here they share one, which takes a second to make. Each is named
/// before it begins.
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

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}

#[tokio::test]
async fn whoever_only_looks_sees_the_same_as_on_the_server_in_memory() {
    let Some(cluster) = town::town().await else { return };
    networks::tests::all(&cluster).await;
    show::tests::all(&cluster).await;
    ip::tests::all(&cluster).await;
    check::tests::all(&cluster).await;
    map::tests::all(&cluster).await;
    narrow::tests::all(&cluster).await;
    pipes::tests::all(&cluster).await;
    refusals::tests::all(&cluster).await;
}
