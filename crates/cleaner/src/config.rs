//! What the command line means: typed, checked, and printed at the start of the log.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use leak_judge::{Brake, MendingRules, Rules, Treatments};

use crate::{
    cleaner::{BrakeRules, Cadence, CleanerRules},
    cli::{CalicoChoice, Cli, Hold, Orphans, RunArgs, Unreachable},
};

/// How long a controller overrides the brake that was told to: it cannot stay so in a manifest.
const OVERRIDE_FOR: Duration = Duration::from_secs(600);

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the Cleaner goes by.
    pub rules: CleanerRules,
    /// Where Calico keeps account of its addresses.
    pub calico: CalicoChoice,
    /// The namespace of our own objects.
    pub namespace: String,
    /// Where the report goes, if there is one.
    pub report: Option<ReportTarget>,
    /// What a controller needs besides.
    pub controller: ControllerConfig,
}

/// What a controller needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerConfig {
    /// The Lease, as namespace and name; `None` where nobody else is at work.
    pub lease: Option<(String, String)>,
    /// Where it is served how things stand.
    pub admin_listen: SocketAddr,
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
            !args.audit_interval.is_zero(),
            "--audit-interval 0s would audit without end: say how long to wait between two"
        );
        let cadence = if args.once { Cadence::Once } else { Cadence::Every(args.audit_interval) };
        let report = args.report.as_deref().map(|target| match target {
            "-" => ReportTarget::Stdout,
            file => ReportTarget::File(file.into()),
        });
        anyhow::ensure!(
            args.once || report != Some(ReportTarget::Stdout),
            "a controller reports again and again and cannot do so to standard output: name a file, or add --once"
        );
        let rules = CleanerRules {
            judge: judge_rules(args),
            mend: mend(args),
            brake: brake(args, cadence),
            dry_run: args.dry_run,
            cadence,
            report: report.is_some(),
        };
        let namespace = args.controller.lease_namespace.clone();
        Ok(Self { rules, calico: args.datastore.calico, namespace, report, controller: controller(args) })
    }
}

fn judge_rules(args: &RunArgs) -> Rules {
    let set = |all: Treatments, (proof, treatment): &(_, _)| all.with(*proof, *treatment);
    Rules {
        grace: args.grace,
        ownership_window: args.ownership_window,
        unreachable_grace: match args.unreachable_grace {
            Unreachable::For(grace) => Some(grace),
            Unreachable::Never => None,
        },
        treatments: args.policy.iter().fold(Treatments::default(), set),
        calico: args.datastore.calico != CalicoChoice::Off,
    }
}

/// Whoever has set a bit shows after the ownership window; nobody's is cleared sooner.
fn mend(args: &RunArgs) -> MendingRules {
    let orphan_for = args.orphan_grace.max(args.ownership_window);
    MendingRules {
        missing_for: args.grace,
        orphan_for: (args.orphans == Orphans::Release).then_some(orphan_for),
    }
}

fn brake(args: &RunArgs, cadence: Cadence) -> BrakeRules {
    let is_off = args.override_brake && cadence == Cadence::Once;
    BrakeRules {
        brake: (!is_off).then_some(Brake { limit: args.max_release, min: args.max_release_min }),
        hold: match args.brake_hold {
            Hold::For(hold) => Some(hold),
            Hold::Forever => None,
        },
        open_for: if args.override_brake { OVERRIDE_FOR } else { Duration::ZERO },
    }
}

/// A dry run writes nothing, a Lease neither.
fn controller(args: &RunArgs) -> ControllerConfig {
    let args_of = &args.controller;
    let lease = (args_of.lease_namespace.clone(), args_of.lease_name.clone());
    ControllerConfig {
        lease: (args_of.leader_elect && !args.dry_run).then_some(lease),
        admin_listen: args_of.admin_listen,
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CleanerRules { judge, mend, brake, dry_run, cadence, .. } = &self.rules;
        let mode = if *dry_run { "dry run, " } else { "" };
        write!(f, "{mode}{cadence}, grace {:?}, ownership window {:?}", judge.grace, judge.ownership_window)?;
        if let Some(grace) = mend.orphan_for {
            write!(f, ", bits without endpoints released after {grace:?}")?;
        }
        match brake.brake {
            Some(_) if !brake.open_for.is_zero() => write!(f, ", brake overridden for {:?}", brake.open_for),
            Some(limit) => write!(f, ", brake above {limit}"),
            None => f.write_str(", brake overridden"),
        }
    }
}
