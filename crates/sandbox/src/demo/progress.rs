//! A progress line: on a terminal one that changes, elsewhere one at the end.

use std::io::{self, IsTerminal, Write};

/// How far something got.
pub(super) struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    is_live: bool,
}

/// Width of the bar.
const WIDTH: usize = 40;

impl Progress {
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: 0, is_live: io::stdout().is_terminal() }
    }

    pub(super) fn show(&mut self, done: usize) {
        self.done = done;
        if self.is_live {
            // A line that cannot be shown is no reason to stop.
            let _ = write!(io::stdout(), "\r{}", self.line());
            let _ = io::stdout().flush();
        }
    }

    pub(super) fn end(self) {
        let begin = if self.is_live { "\r" } else { "" };
        let _ = writeln!(io::stdout(), "{begin}{}", self.line());
    }

    fn line(&self) -> String {
        let Self { what, total, done, .. } = self;
        let filled = WIDTH * done.min(total) / (*total).max(1);
        format!("  {what} [{}{}] {done}/{total}", "#".repeat(filled), ".".repeat(WIDTH - filled))
    }
}
