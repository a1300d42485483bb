//! What people are shown: text from values. Nothing is decided here.

pub(crate) mod denied_flows;
pub(crate) mod explanation;
pub(crate) mod ink;
pub(crate) mod statistics;
pub(crate) mod truth_table;
