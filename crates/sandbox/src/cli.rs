//! The command line as it is typed. What a command does is in `run.rs`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use operator_runtime::LogArgs;

/// A Kubernetes API server in one process, for trying out and for tests.
#[derive(Clone, Debug, Parser)]
#[command(name = "danm-sandbox", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to log
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the Kubernetes API, with objects in memory, until SIGINT or SIGTERM
    #[command(after_help = EXAMPLES)]
    Serve(ServeArgs),
    /// Show what danm-cleaner and danm-policer are for: a cluster loses a node, then everything, and gets its addresses back;
    /// then a policy comes, and real connections between Pods are denied
    Demo(DemoArgs),
}

/// How to show it.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the cluster and the programs running at the end, until Ctrl-C
    #[arg(long, env = "DANM_SANDBOX_KEEP")]
    pub keep: bool,
    /// Show only this part
    #[arg(long, value_name = "PART", value_enum)]
    pub only: Option<Part>,
}

/// The parts of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Addresses that are given back
    Cleaner,
    /// Connections that are denied
    Policer,
}

/// How to serve.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 means a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", env = "DANM_SANDBOX_LISTEN")]
    pub listen: SocketAddr,

    /// Write a kubeconfig for this server to OUT
    #[arg(long, value_name = "OUT", env = "DANM_SANDBOX_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,

    /// Objects to begin with, YAML or JSON: a file, a folder, or - for standard input; may be repeated
    #[arg(long, value_name = "PATH")]
    pub load: Vec<PathBuf>,
}

// === impl DemoArgs ===

impl DemoArgs {
    /// Whether it has this part.
    pub(crate) fn shows(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

const EXAMPLES: &str = "\
Examples:
  An empty cluster, and kubectl at work in it:
    danm-sandbox serve --kubeconfig sandbox.kubeconfig &
    kubectl --kubeconfig sandbox.kubeconfig get danmnets -A

  A copy of what a real cluster holds, to try things on:
    kubectl get danmnets,danmeps,pods,nodes -A -o yaml | danm-sandbox serve --load -

  What danm-cleaner and danm-policer are for, in less than a minute:
    danm-sandbox demo

It knows no users and no rights: do not let it listen on an address that others reach.

Exit codes:
  0  ended by a signal, or the demo is done
  2  wrong usage, unreadable input, an address that cannot be listened on, or a demo that failed";
