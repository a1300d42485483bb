//! What the command line means: typed, checked, and printed at the start of the log.

use std::{fmt, path::PathBuf};

use leak_judge::{Brake, Rules};

use crate::{cli::Cli, pass::PassRules};

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the pass goes by.
    pub rules: PassRules,
    /// Where the report goes, if there is one.
    pub report: Option<ReportTarget>,
}

/// Where the report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportTarget {
    /// Standard output.
    Stdout,
    /// A file, replaced as a whole.
    File(PathBuf),
}

impl Config {
    /// Checks what was typed.
    pub(crate) fn new(cli: &Cli) -> anyhow::Result<Self> {
        let args = cli.run_args();
        anyhow::ensure!(
            args.once,
            "danm-cleaner makes single passes: add --once (a controller that watches is not part of this release)"
        );
        let rules = PassRules {
            judge: Rules { grace: args.grace, ownership_window: args.ownership_window },
            brake: (!args.override_brake)
                .then_some(Brake { limit: args.max_release, min: args.max_release_min }),
            dry_run: args.dry_run,
        };
        let report = args.report.as_deref().map(|target| match target {
            "-" => ReportTarget::Stdout,
            file => ReportTarget::File(file.into()),
        });
        Ok(Self { rules, report })
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PassRules { judge, brake, dry_run } = &self.rules;
        let mode = if *dry_run { "dry run" } else { "one pass" };
        write!(f, "{mode}, grace {:?}, ownership window {:?}", judge.grace, judge.ownership_window)?;
        match brake {
            Some(brake) => write!(f, ", brake above {brake}"),
            None => f.write_str(", brake overridden"),
        }
    }
}
