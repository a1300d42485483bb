//! What people see and how much of it: the flags about looks, what a terminal can show, and printing that takes no offence
//! when nobody reads. What is printed is the programs' business.

use std::io::{self, ErrorKind, IsTerminal, Write};

use clap::{Args, ValueEnum};

/// What the terminal can show, as every program lets people say it.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LookArgs {
    /// Use ASCII only
    #[arg(long)]
    pub ascii: bool,
    /// Whether to use colours; they never say anything that a character does not say too
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: When,
    /// Columns to fit into [default: those of the terminal]
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "they would be printed, and everybody knows what is meant")]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// A terminal, or whatever is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; lines are cut to fit. `None` where lines may be of any length, as in a file.
    pub width: Option<usize>,
    /// Whether only ASCII can be shown.
    pub is_ascii: bool,
    /// Whether colours can be shown. They never say anything that a character does not say too.
    pub is_coloured: bool,
}

// === impl LookArgs ===

impl LookArgs {
    /// What can be shown: a terminal of its size, or a file with lines of any length.
    pub fn screen(self) -> Screen {
        let is_terminal = io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let is_quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Screen {
            width: self.width.or_else(|| width.filter(|_| is_terminal)),
            is_ascii: self.ascii || !speaks_utf8(),
            is_coloured: match self.color {
                When::Always => true,
                When::Never => false,
                When::Auto => {
                    is_terminal && !is_quiet && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
                }
            },
        }
    }
}

/// Whether the locale says anything else than UTF-8. Where it says nothing, UTF-8 is what is meant today.
fn speaks_utf8() -> bool {
    let value = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    value.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Prints. Tells whether anybody is still reading.
pub fn print(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells people something beside the output.
pub fn note(text: &str) {
    // Whoever closed standard error does not want to be told.
    let _ = writeln!(io::stderr(), "{text}");
}
