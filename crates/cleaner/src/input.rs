//! What reaches the loop from outside.

use leak_judge::{Moment, Observation};

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// A watch saw something.
    Seen(Observation),
    /// Whether we are the one who may act has changed, or what its Lease says.
    Lead(Lead),
    /// It is time to stop: nothing new is begun.
    Stop,
}

/// Whether we may act, and what the operator says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Whether we hold the Lease, or need none.
    pub is_leading: bool,
    /// Until when the operator lets the brake be.
    pub brake_open_until: Option<Moment>,
}
