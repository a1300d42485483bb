//! Where output goes and in which format.

use anyhow::{Context, bail};
use operator_runtime::Screen;
use serde::Serialize;

use crate::cli::{Format, OutputArgs};

pub(crate) use operator_runtime::note;

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
        Self { format: args.output, has_headers: !args.no_headers, screen: args.look.screen() }
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

/// Prints. Tells whether anybody is still reading.
pub(crate) fn print(text: &str) -> anyhow::Result<bool> {
    operator_runtime::print(text).context("cannot write to standard output")
}
