//! The seam to Calico's datastore: what the loop asks of it.

mod access;

use std::future::Future;

use calico_ipam::Claim;
use calico_store::{Mode, Outcome, StoreError};

pub(crate) use access::CalicoAccess;

/// Calico's datastore, wherever it is.
pub trait Calico {
    /// Gives back the addresses that are proved to be the claimants'. Gives what became of each, in their order. An error
    /// means that the datastore as a whole cannot be used now, and that nothing was done.
    fn release(
        &self,
        claims: Vec<Claim>,
        mode: Mode,
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>>;
}
