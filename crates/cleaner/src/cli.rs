//! The command line as it is typed. What it means is in `config.rs`.

use std::{net::SocketAddr, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use leak_judge::{Limit, Reason, Treatment};
use operator_runtime::{ConnectArgs, LogArgs, parse_duration};

use crate::calico::CalicoArgs;

/// Finds DANM addresses that nobody uses any more, and frees them.
#[derive(Clone, Debug, Parser)]
#[command(name = "danm-cleaner", version, args_conflicts_with_subcommands = true, args_override_self = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    /// How to log
    pub log: LogArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Clean (the default)
    Run(RunArgs),
    /// Look at Calico's addresses, and give some back by hand
    Calico(CalicoArgs),
}

/// How to clean.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// Make one complete pass, then exit
    #[arg(long, env = "DANM_CLEANER_ONCE")]
    pub once: bool,

    /// Decide and report, write nothing
    #[arg(long, env = "DANM_CLEANER_DRY_RUN")]
    pub dry_run: bool,

    /// Write every decision as a JSON array to FILE, or to standard output
    #[arg(long, value_name = "FILE|-", env = "DANM_CLEANER_REPORT")]
    pub report: Option<String>,

    /// Time between the two observations that a verdict needs
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration, env = "DANM_CLEANER_GRACE")]
    pub grace: Duration,

    /// How long an address must have been seen allocated if its history is not known; 0s for closed test clusters
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = parse_duration,
        env = "DANM_CLEANER_OWNERSHIP_WINDOW"
    )]
    pub ownership_window: Duration,

    /// How long a bit must have been seen set and claimed by no endpoint before it is released
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration, env = "DANM_CLEANER_ORPHAN_GRACE")]
    pub orphan_grace: Duration,

    /// What becomes of set bits that no endpoint claims
    #[arg(
        long,
        value_name = "report|release",
        default_value = "report",
        value_enum,
        hide_possible_values = true,
        env = "DANM_CLEANER_ORPHANS"
    )]
    pub orphans: Orphans,

    /// Believe at most so many releases at once, a percentage of the endpoints judged or a count
    #[arg(long, value_name = "N%|N", default_value = "50%", env = "DANM_CLEANER_MAX_RELEASE")]
    pub max_release: Limit,

    /// Believe so many releases at once in any case
    #[arg(long, value_name = "N", default_value_t = 100, env = "DANM_CLEANER_MAX_RELEASE_MIN")]
    pub max_release_min: usize,

    /// How long the brake holds once it has tripped; afterwards each Pod and Node is asked for by name
    #[arg(long, value_name = "DURATION|forever", default_value = "10m", value_parser = parse_hold, env = "DANM_CLEANER_BRAKE_HOLD")]
    pub brake_hold: Hold,

    /// Believe any number of releases: in this one pass, or in the first ten minutes of a controller
    #[arg(long)]
    pub override_brake: bool,

    /// How long a Node must not have answered for its endpoints to be released once their Pods are gone, on that
    /// alone
    #[arg(
        long,
        value_name = "DURATION|never",
        default_value = "never",
        value_parser = parse_unreachable,
        env = "DANM_CLEANER_UNREACHABLE_GRACE"
    )]
    pub unreachable_grace: Unreachable,

    /// How to treat endpoints whose death has this proof; the annotation danm.io/cleaner of a network or a namespace
    /// says otherwise
    #[arg(long, value_name = "PROOF=off|report|release", value_delimiter = ',', value_parser = parse_policy, env = "DANM_CLEANER_POLICY")]
    pub policy: Vec<(Reason, Treatment)>,

    #[command(flatten)]
    pub datastore: DatastoreArgs,

    /// Look at everything at least this often
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration, env = "DANM_CLEANER_AUDIT_INTERVAL")]
    pub audit_interval: Duration,

    #[command(flatten)]
    pub controller: ControllerArgs,
}

/// Where Calico's addresses are.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatastoreArgs {
    /// Where Calico keeps account of the addresses that it gives; auto finds out, off keeps the endpoints that have any
    #[arg(
        long,
        value_name = "auto|off|kubernetes|etcd",
        default_value = "auto",
        value_enum,
        hide_possible_values = true,
        env = "DANM_CLEANER_CALICO"
    )]
    pub calico: CalicoChoice,
}

/// How to be a controller.
#[derive(Args, Clone, Debug)]
pub(crate) struct ControllerArgs {
    /// Act only while holding the Lease, so that one of several replicas does
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set, env = "DANM_CLEANER_LEADER_ELECT")]
    pub leader_elect: bool,

    /// Namespace of the Lease
    #[arg(long, value_name = "NAME", default_value = "kube-system", env = "DANM_CLEANER_LEASE_NAMESPACE")]
    pub lease_namespace: String,

    /// Name of the Lease
    #[arg(long, value_name = "NAME", default_value = "danm-cleaner", env = "DANM_CLEANER_LEASE_NAME")]
    pub lease_name: String,

    /// Where /live, /ready, /metrics and /debug/state.json are served
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8080", env = "DANM_CLEANER_ADMIN_LISTEN")]
    pub admin_listen: SocketAddr,
}

/// What becomes of set bits that no endpoint claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Orphans {
    /// They are told of.
    Report,
    /// They are released.
    Release,
}

/// Where Calico keeps account of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CalicoChoice {
    /// Wherever it is found.
    Auto,
    /// Nowhere that we are to look.
    Off,
    /// In the Kubernetes API.
    Kubernetes,
    /// In an etcd.
    Etcd,
}

/// How long the brake holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    For(Duration),
    Forever,
}

/// How long a Node must not have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    For(Duration),
    Never,
}

fn parse_unreachable(text: &str) -> Result<Unreachable, String> {
    match text {
        "never" => Ok(Unreachable::Never),
        text => parse_duration(text).map(Unreachable::For),
    }
}

fn parse_policy(text: &str) -> Result<(Reason, Treatment), String> {
    let (proof, treatment) = text.split_once('=').ok_or("expected PROOF=off|report|release")?;
    let reason = Reason::PROOFS.into_iter().find(|reason| reason.code() == proof).ok_or_else(|| {
        format!("{proof:?} is no proof: there are {}", Reason::PROOFS.map(Reason::code).join(", "))
    })?;
    Ok((reason, treatment.parse()?))
}

fn parse_hold(text: &str) -> Result<Hold, String> {
    match text {
        "forever" => Ok(Hold::Forever),
        text => parse_duration(text).map(Hold::For),
    }
}

const EXAMPLES: &str = "\
Examples:
  As a controller, with the account of its Pod:
    danm-cleaner

  What would be freed, and why:
    danm-cleaner --once --dry-run --report -

  After the loss of a cluster, when more than half of all endpoints are dead:
    danm-cleaner --once --override-brake --report after-the-crash.json

  What of Calico's addresses does not agree:
    danm-cleaner calico check

Exit codes:
  0  done
  1  problems were found, where --exit-code is given
  2  wrong usage, no access, or something could not be read or released";

impl Cli {
    /// The arguments of the run, whichever way they were given.
    pub(crate) fn run_args(&self) -> &RunArgs {
        match &self.command {
            Some(Command::Run(args)) => args,
            Some(Command::Calico(_)) | None => &self.run,
        }
    }
}
