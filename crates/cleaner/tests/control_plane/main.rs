//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI`
//! set they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod access;
mod crash;
mod definitions;
mod pass;
mod program;
mod report;
mod shapes;
