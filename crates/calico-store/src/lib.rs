//! Calico's datastore as our programs use it: what is in it is read, and addresses are given back in it. What is written,
//! and whose an address is, `calico-ipam` decides.
//!
//! ```text
//!   DatastoreSettings ──> CalicoDatastore ─┬─ KubernetesDatastore
//!                               │          └─ EtcdDatastore
//!   claims ──> release ─────────┤ blocks, each by itself, and the handles, each once ──> what became of each claim
//!                               │   (read, prove whose, write if unchanged; again if not)
//!                               └─> inventory: all that is in it, for an audit
//! ```

mod calico_datastore;
mod datastore;
mod error;
mod etcd;
mod etcd_settings;
mod flavour;
mod inventory;
mod kubernetes;
mod object;
mod reader;
mod release;
mod settings;

pub use calico_datastore::CalicoDatastore;
pub use error::{Failure, StoreError};
pub use etcd::EtcdDatastore;
pub use etcd_settings::EtcdSettings;
pub use flavour::Flavour;
pub use inventory::Inventory;
pub use kubernetes::KubernetesDatastore;
pub use release::{Mode, Outcome, release};
pub use settings::{DatastoreSettings, SettingsError};
