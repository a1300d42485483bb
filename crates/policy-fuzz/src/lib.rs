//! The proof that rules mean what policies say: random worlds, all packets of a small alphabet, and two judges that share
//! nothing but the world: the spec evaluator, and a tracer of the compiled ruleset. They have to agree on every packet; an
//! engine that followed changes has to agree with one that begins anew.
//!
//! ```text
//!   worlds (objects by chance) ──> World ──┬── judge ────────────────┐
//!                                          └── Engine ──> trace ─────┴──> agreement ──> Tally
//! ```
//!
//! Alphabets are small, so that addresses, labels and names collide. Not responsible for what is right: if both are wrong in
//! the same way, the cases beside the engine have to tell.

mod agreement;
mod feature;
mod mutant;
mod objects;
mod packets;
mod policies;
mod restoration;
mod strictness;
mod tally;

pub use agreement::{Disagreement, Survey, follow_many, survey};
pub use feature::Feature;
pub use mutant::Mutant;
pub use objects::{Change, Fate, Story};
pub use restoration::restore_many;
pub use strictness::{Loosenings, loosenings};
pub use tally::Tally;
