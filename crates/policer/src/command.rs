//! The commands: each reads what it needs, and prints what the views make of it.

pub(crate) mod cleanup;
pub(crate) mod evaluate;
pub(crate) mod explain;
mod reference_cleanup;
pub(crate) mod render;
pub(crate) mod stats;
