//! What Calico's IPAM keeps account of, and how an address is given back: which objects are written, in which order and
//! under which preconditions. It decides and does nothing: `calico-store` reads and writes.
//!
//! ```text
//!  address ──Pools──> cidr of a Block ──┐
//!                                       ├─ ReleasePlan: blocks first, then handles
//!  Block: who has which address ────────┤
//!  Handle: how many, in which blocks ───┘
//!
//!  all of them, and who uses addresses ─── audit: what does not agree
//! ```
//!
//! Facts: recorded operations of Calico's own library as of August 2026, which are the tests of this crate.

mod attribute;
mod audit;
mod block;
mod change;
mod claim;
mod config;
mod handle;
mod handle_id;
mod location;
mod members;
mod ownership;
mod plan;
mod pool;
mod release;

pub use attribute::Attribute;
pub use audit::{
    Books, Finding, FindingKind, Holding, Part, PodName, PodState, Unreadable, Users, Witness, audit,
};
pub use block::{Block, BlockError};
pub use change::Change;
pub use claim::{Claim, Proof};
pub use config::IpamConfig;
pub use handle::{Handle, HandleChange};
pub use handle_id::HandleId;
pub use location::Location;
pub use members::{MemberError, Members};
pub use ownership::{Ownership, ownership};
pub use plan::{BlockPlan, HandlePlan, Known, ReleasePlan, Write, plan_release, plan_release_of_handle};
pub use pool::{Pool, Pools};
pub use release::{BlockChange, BlockRelease, Refusal, Terms, Wanted};
