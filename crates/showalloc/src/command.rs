//! The commands: each asks for what it needs, and prints what the views make of it.

pub(crate) mod check;
pub(crate) mod following;
pub(crate) mod ip;
pub(crate) mod map;
pub(crate) mod networks;
pub(crate) mod selected;
pub(crate) mod show;
pub(crate) mod top;
