//! Asks whether kubelets are alive: reads the Leases that they renew. Which, and when, is decided in
//! `cleaner/listening.rs`.

use futures::{
    FutureExt, StreamExt,
    stream::{self, LocalBoxStream},
};
use leak_judge::{Moment, Version};

use crate::{ApiError, ApiServer, news::News};

/// Reads under way at the same time.
const IN_FLIGHT: usize = 16;

/// What came of one read.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) node: String,
    pub(crate) result: Result<Option<Version>, ApiError>,
}

/// Reads the Leases of some Nodes.
pub(crate) fn listen<A: ApiServer + Clone + 'static>(
    api: A,
    nodes: Vec<String>,
    asked: Moment,
) -> LocalBoxStream<'static, News> {
    let all = async move {
        let reads = stream::iter(nodes).map(|node| async {
            let result = api.node_lease(&node).await;
            Pulse { node, result }
        });
        News::Heard(reads.buffer_unordered(IN_FLIGHT).collect().await, asked)
    };
    stream::once(all.boxed_local()).boxed_local()
}
