//! The real program, as people and scripts run it: on files, and on the API server in memory.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod evaluate;
mod explain;
mod files;
mod help;
mod live;
mod program;
mod render;
