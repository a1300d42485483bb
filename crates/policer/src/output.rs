//! Puts results on standard output, and what people should know besides on standard error.

use anyhow::Context;
use operator_runtime::printable;
use serde::Serialize;

/// Prints. A reader who went away is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    operator_runtime::print(text).context("cannot write to standard output")?;
    Ok(())
}

/// A document for programs.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document).context("cannot write JSON")? + "\n")
}

/// Tells people something beside the result.
pub(crate) fn note(text: &str) {
    operator_runtime::note(&printable(text, false));
}

/// Tells people several things beside the result.
pub(crate) fn notes(texts: &[String]) {
    texts.iter().for_each(|text| note(text));
}
