//! The spelling of the reference.
