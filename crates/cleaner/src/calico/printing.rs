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

/// A text that others wrote, with nothing in it that moves a cursor, turns the direction of writing or hides.
pub(super) fn printable(text: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    let substitute = char::REPLACEMENT_CHARACTER;
    text.chars().map(|character| if is_hidden(character) { substitute } else { character }).collect()
}
