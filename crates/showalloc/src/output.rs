//! Where output goes and in which format.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::{
    cli::{Format, LookArgs, OutputArgs, When},
    view::screen::Screen,
};

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub(crate) format: Format,
    pub(crate) has_headers: bool,
    pub(crate) screen: Screen,
}

// === impl Output ===

impl Output {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        Self { format: args.output, has_headers: !args.no_headers, screen: screen(args.look) }
    }

    /// Whether people read it.
    pub(crate) const fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    pub(crate) const fn is_wide(&self) -> bool {
        matches!(self.format, Format::Wide)
    }

    /// Refuses pictures where there are none.
    pub(crate) fn without_pictures(self) -> anyhow::Result<Self> {
        if self.format == Format::Svg {
            bail!("-o svg is for show and map: there is no picture of this");
        }
        Ok(self)
    }

    /// A document in the format that was asked for; `None` where that is one for people.
    pub(crate) fn document(&self, document: &impl Serialize) -> anyhow::Result<Option<String>> {
        Ok(match self.format {
            Format::Json => Some(serde_json::to_string_pretty(document).context("cannot write JSON")? + "\n"),
            Format::Yaml => Some(serde_saphyr::to_string(document).context("cannot write YAML")?),
            Format::Table | Format::Wide | Format::Name | Format::Svg => None,
        })
    }
}

/// What can be shown: a terminal of its size, or a file with lines of any length.
pub(crate) fn screen(args: LookArgs) -> Screen {
    let is_terminal = io::stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let is_quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Screen {
        width: args.width.or_else(|| width.filter(|_| is_terminal)),
        is_ascii: args.ascii || !speaks_utf8(),
        is_coloured: match args.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                is_terminal && !is_quiet && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        },
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
pub(crate) fn print(text: &str) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Tells people something beside the output.
pub(crate) fn note(text: &str) {
    // Whoever closed standard error does not want to be told.
    let _ = writeln!(io::stderr(), "{text}");
}
