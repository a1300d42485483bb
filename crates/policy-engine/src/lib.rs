//! What network policies mean, on every interface of a Pod.
//!
//! ```text
//!   objects ──> World ──┬── judge(world, pod, packet) ──> Judgement: the verdict, and why      (spec.rs: slow, obvious)
//!                       │
//!                       └── Engine ──> Ruleset ──┬── trace(ruleset, packet) ──> Verdict         (what a kernel would do)
//!                           (incremental)        └── nft text, for people and `nft -c`
//! ```
//!
//! Responsible for who may talk to whom, and for the value that says so to a kernel. Tests show that both ways agree on
//! every packet. Not responsible for how objects are written (`danm-api`), for how they are read from a cluster, nor for
//! putting rules into a kernel. Nothing here does any I/O.

mod compile;
mod condition;
mod counter;
mod engine;
mod identity;
pub mod nft;
mod packet;
pub mod program;
mod ranges;
pub mod ruleset;
mod selector_index;
pub mod set;
mod shared;
mod spec;
mod trace;
mod world;

pub use condition::{Condition, conditions, unresolved};
pub use counter::{Counted, CountedAt, Counter};
pub use engine::{Engine, compile};
pub use identity::{EndpointKey, InterfaceName, NamespacedName, PolicyKey};
pub use packet::{Direction, Packet, Traffic, Verdict};
pub use ruleset::Ruleset;
pub use spec::{
    Beside, Closest, Exchange, Flow, FlowVerdict, Grant, Judgement, Lacks, Missing, NearMiss, NoTarget,
    OpenPort, Side, Why, auditing, exchange, isolating, judge, nearest, verdict,
};
pub use world::{
    Attachment, Endpoint, Holder, InterfaceView, Key, Labels, NamedPort, NoObject, Object, Pod, Policy,
    Service, ServicePort, Slice, World,
};
