//! Calico's datastore as our programs use it: what is in it is read, and addresses are given back in it. What is written,
//! and whose an address is, `calico-ipam` decides.
//!
//! ```text
//!   claims ──> release ──> blocks, each by itself ──> handles, each once
//!                │              (read, prove whose, write if unchanged; again if not)
//!                └─> Debts: handles that could not follow, to be paid later
//! ```

mod debts;
mod error;
mod flavour;
mod kubernetes;
mod object;
mod release;

pub use debts::Debts;
pub use error::{Failure, StoreError};
pub use flavour::Flavour;
pub use kubernetes::{KubernetesDatastore, Stored};
pub use release::{Outcome, Released, pay, recount, release};
