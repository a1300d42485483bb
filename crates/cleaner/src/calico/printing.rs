//! Puts results on standard output.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use serde::Serialize;

/// Prints a document for programs.
pub(super) fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(document).context("cannot write JSON")?)
}

/// Prints a text. A reader who went away is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("failed to print the result"),
    }
}
