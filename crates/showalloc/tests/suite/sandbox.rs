//! The real program against the API server in memory: the same tests as on the real one. A difference is a bug in
//! the one in memory.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

/// Tests that look at the [`town`] and change nothing: here each has one of its own.
macro_rules! in_town {
    ($($test:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let cluster = crate::town::town().await.expect("it is in this process");
                super::$test(&cluster).await;
            }
        )+
    };
}

mod check;
mod faults;
mod following;
mod hostile;
mod ip;
mod map;
mod narrow;
mod networks;
mod pipes;
mod program;
mod refusals;
mod server;
mod show;
mod snapshot;
mod town;
mod verdicts;
#[path = "../fixtures/xml.rs"]
mod xml;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::Sandbox).await
}
