//! The real program, as people and scripts run it.
