//! Performs the write that mends the address book of one network. It decides nothing; what did not work is told, and
//! judged again by the caller.

use danm_api::{Decoded, Network};
use futures::{
    FutureExt, StreamExt,
    stream::{self, LocalBoxStream},
};
use kube::Resource;
use leak_judge::{Mending, NetworkId, NetworkWrite};

use crate::{ApiError, ApiServer, news::News};

/// A write, with what it is for.
#[derive(Clone, Debug)]
pub(crate) struct MendPlan {
    pub(crate) network: NetworkId,
    pub(crate) mending: Mending,
    pub(crate) write: NetworkWrite,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Mended {
    pub(crate) plan: MendPlan,
    /// The network as it is now.
    pub(crate) result: Result<Decoded<Network>, ApiError>,
}

/// What mending one network came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// The network.
    pub network: NetworkId,
    /// Its uid, if it was written.
    pub uid: Option<String>,
    /// Bits cleared that no endpoint claimed.
    pub freed: usize,
    /// Bits set that living endpoints missed.
    pub restored: usize,
    /// What went wrong, if anything.
    pub error: Option<ApiError>,
}

/// Writes.
pub(crate) fn mend<A: ApiServer + 'static>(api: A, plan: MendPlan) -> LocalBoxStream<'static, News> {
    let written = async move {
        let result = api.write_network(&plan.network, &plan.write).await;
        News::Mended(Mended { plan, result })
    };
    stream::once(written.boxed_local()).boxed_local()
}

impl Mend {
    pub(crate) fn of(mended: &Mended) -> Self {
        let Mended { plan: MendPlan { network, mending, .. }, result } = mended;
        let is_done = result.is_ok();
        Self {
            network: network.clone(),
            uid: result.as_ref().ok().and_then(|network| network.meta().uid.clone()),
            freed: if is_done { mending.freed() } else { 0 },
            restored: if is_done { mending.missing.len() } else { 0 },
            error: result.as_ref().err().cloned(),
        }
    }
}
