//! Decides which allocations nobody uses any more, how sure that is, and what to write to give them back.
//!
//! ```text
//!   watches, fresh reads
//!         │ Observation
//!         v
//!       World ──> judge ──────────> Audit (a Finding per endpoint)
//!       (index)     ^                 │
//!                   │                 v
//!               Suspects <── update  plan ──> Plan (one write per network, the endpoints to delete,
//!          (two observations)         ^             what is held and why)
//!                                     │
//!      evidence: Pods, Nodes      owners: DANM's bit arrays, Calico, somebody else, nobody
//! ```
//!
//! ```text
//!       World ──> anomalies ──> what does not agree in the address books of networks
//!                                 │
//!                 Sightings <── update ──> Mending (bits to set, bits to clear)
//! ```
//!
//! Responsible for every decision of the Cleaner: all of it is a pure function of what was observed and of our
//! own clock. Not responsible for reading or writing anything; that is the Cleaner's loop, which asks again
//! after each fresh read. [`Lookout`] looks again at what is news, and now and then at everything. Showalloc shows
//! the same verdicts.
//!
//! The rule behind all rules: without positive proof that the holder is dead, and that the address is still
//! its own, nothing is released.

mod address_book;
mod anomaly;
mod brake;
mod evidence;
mod hosts;
mod interner;
mod judge;
mod lookout;
mod mending;
mod moment;
pub mod mutant;
mod owner;
mod plan;
mod report;
mod sightings;
mod suspects;
mod treatment;
mod uid;
mod verdict;
mod world;

pub use address_book::AddressBook;
pub use anomaly::{
    Anomaly, AnomalyKind, DuplicateAddress, Holder, MissingBit, OrphanBits, OutsideNetwork, UnfitArray,
    anomalies,
};
pub use brake::{Brake, Limit};
pub use evidence::{Case, Evidence};
pub use hosts::{HostState, Hosts};
pub use judge::{Audit, Judgement, Rules, judge};
pub use lookout::Lookout;
pub use mending::{Mending, MendingRules, RipeOrphans, ripe_orphans, ripening};
pub use moment::Moment;
pub use owner::{AddressCase, AddressOwner, Owner, Settlement};
pub use plan::{AddressPlan, EndpointPlan, Held, NetworkPlan, NetworkWrite, Plan, is_report_only, plan};
pub use report::{Action, AddressAction, AddressRow, Fate, NetworkRow, PodRow, Remark, Reporter, Row};
pub use sightings::{Sightings, Stretch};
pub use suspects::Suspects;
pub use treatment::{TREATMENT_ANNOTATION, Treatment, Treatments};
pub use uid::Uid;
pub use verdict::{Finding, Reason, Verdict};
pub use world::{
    AddressSpace, Bits, BootAge, Boots, CalicoAnswer, CalicoAnswers, Claims, Coverage, Departure, Endpoint,
    EndpointId, Endpoints, Life, Namespaces, NetworkId, NetworkLookup, NetworkRecord, Networks, News,
    NodeRecord, Nodes, ObjectRef, Observation, Parked, PodRecord, Pods, Pulses, Reservations, Rise, Slot,
    Source, Version, World,
};

/// The annotation of a network that names, separated by commas, the uids of endpoints whose addresses were
/// given back by a write to that network: they have only to be deleted.
pub const RELEASED_ANNOTATION: &str = "danm.io/cleaner-released";
