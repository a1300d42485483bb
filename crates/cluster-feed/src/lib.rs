//! What a cluster says about itself, as the observations that the index of `leak-judge` takes in.
//!
//! ```text
//!   served kinds ──> sources ──> Watches (each within its Scope) ──> Observation, Observation, ...
//! ```
//!
//! Responsible for which kinds are read, in which order, and for the way from an object to an observation. Not
//! responsible for what follows from them, nor for when to begin anew: that is the programs' business.

mod scope;
mod watches;

pub use scope::Scope;
pub use watches::{CORE, QUEUE, Watches, observations, sources};
