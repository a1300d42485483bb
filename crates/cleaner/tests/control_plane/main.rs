//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI`
//! set they fail.

mod access;
mod crash;
mod definitions;
mod pass;
mod program;
mod report;
mod shapes;
