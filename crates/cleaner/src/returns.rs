//! Gives addresses of dead endpoints back to Calico. It decides nothing; what did not work is told, and tried again by
//! the caller.

use calico_ipam::Claim;
use calico_store::{Mode, Outcome, StoreError};
use futures::{
    StreamExt,
    stream::{self, LocalBoxStream},
};
use leak_judge::{EndpointId, Uid};

use crate::{Calico, news::News};

/// An address of a dead endpoint that Calico gave, and what Calico is to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    /// The endpoint.
    pub(crate) endpoint: EndpointId,
    /// Its uid.
    pub(crate) uid: Uid,
    /// The address, and whose it has to be.
    pub(crate) claim: Claim,
    /// Whether Calico is only asked whose it is.
    pub(crate) is_question: bool,
}

/// What came of some.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) returns: Vec<Return>,
    /// Whether anything was written.
    pub(crate) mode: Mode,
    /// What became of each, in their order; or why nothing could be done.
    pub(crate) result: Result<Vec<Outcome>, StoreError>,
}

/// The same in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnCounts {
    /// Addresses given back.
    pub returned: usize,
    /// Addresses that were nobody's by then.
    pub already_free: usize,
    /// Addresses that were somebody else's.
    pub refused: usize,
    /// Addresses that could not be given back.
    pub failed: usize,
}

/// All in one go: what is in one block of Calico's is one write there.
pub(crate) fn give_back<K: Calico + 'static>(
    calico: K,
    returns: Vec<Return>,
    mode: Mode,
) -> LocalBoxStream<'static, News> {
    let given_back = async move {
        let claims = returns.iter().map(|one| one.claim.clone()).collect();
        let result = calico.release(claims, mode).await;
        News::Returned(Returned { returns, mode, result })
    };
    stream::once(given_back).boxed_local()
}

impl Returned {
    /// How many of them had which fate.
    pub(crate) fn counts(&self) -> ReturnCounts {
        let Ok(outcomes) = &self.result else {
            return ReturnCounts { failed: self.returns.len(), ..ReturnCounts::default() };
        };
        let mut counts = ReturnCounts::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Released { .. } if self.mode == Mode::DryRun => {}
                Outcome::Released { .. } => counts.returned += 1,
                Outcome::AlreadyFree(_) => counts.already_free += 1,
                Outcome::Refused(_) => counts.refused += 1,
                Outcome::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }
}
