//! Calico's datastore as our programs use it: what is in it is read, and addresses are given back in it. What is written,
//! and whose an address is, `calico-ipam` decides.
//!
//! ```text
//!   claims ──> release ──> blocks, each by itself ──> handles, each once ──> what became of each claim
//!                 (read, prove whose, write if unchanged; again if not)
//! ```

mod error;
mod flavour;
mod kubernetes;
mod object;
mod release;

pub use error::{Failure, StoreError};
pub use flavour::Flavour;
pub use kubernetes::{KubernetesDatastore, Stored};
pub use release::{CalicoDatastore, DatastoreSettings, EtcdDatastore, EtcdSettings, Mode, Outcome, release};
