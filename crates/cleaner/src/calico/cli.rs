//! The commands about Calico's addresses, as they are typed.

use std::net::IpAddr;

use calico_ipam::{HandleId, PodName, Proof};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::DatastoreArgs;

/// What to do about Calico's addresses.
#[derive(Args, Clone, Debug)]
pub(crate) struct CalicoArgs {
    #[command(subcommand)]
    pub command: CalicoCommand,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CalicoCommand {
    /// Compare blocks, handles, Pods and endpoints with each other; nothing is written
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Give addresses back by hand, with proof of whose they were; what is in use is refused
    #[command(after_help = RELEASE_EXAMPLES)]
    Release(ReleaseArgs),
}

/// How to check.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub output: OutputArgs,

    /// Exit with 1 if anything was found
    #[arg(long)]
    pub exit_code: bool,

    #[command(flatten)]
    pub datastore: DatastoreArgs,
}

/// What to give back.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReleaseArgs {
    /// The addresses
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<IpAddr>,

    #[command(flatten)]
    pub proof: ProofArgs,

    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub datastore: DatastoreArgs,
}

/// How results are shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// As what to print
    #[arg(
        id = "output",
        short = 'o',
        long = "output",
        value_name = "text|json",
        default_value = "text",
        value_enum,
        hide_possible_values = true
    )]
    pub format: Format,
}

/// Whose the addresses have to be.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct ProofArgs {
    /// Only what this handle holds
    #[arg(long, value_name = "ID", value_parser = parse_handle)]
    pub handle: Option<HandleId>,

    /// Only what was given to the sandbox container of this id
    #[arg(long, value_name = "CID")]
    pub cid: Option<String>,

    /// Only what was given to this Pod
    #[arg(long, value_name = "NS/NAME", value_parser = parse_pod)]
    pub pod: Option<PodName>,
}

/// As what to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  What does not agree, and what to do about it:
    danm-cleaner calico check

  The addresses that nobody uses any more:
    danm-cleaner calico check -o json | jq -r '.findings[] | select(.kind == \"leaked\") | .address'

Exit codes:
  0  done
  1  something was found, where --exit-code is given
  2  wrong usage, no access, or something could not be read";

const RELEASE_EXAMPLES: &str = "\
Examples:
  What would be written:
    danm-cleaner calico release 10.0.0.6 --pod ran/du-0 --dry-run

  All that the check says of a handle:
    danm-cleaner calico release 10.0.0.6 fd00::6 --handle k8s-pod-network.4f5d...

Exit codes:
  0  all addresses are free
  2  wrong usage, no access, or an address was refused or could not be given back";

// === impl ProofArgs ===

impl ProofArgs {
    /// The one that was given.
    pub(crate) fn proof(&self) -> Option<Proof> {
        let Self { handle, cid, pod } = self;
        let by_handle = || handle.clone().map(Proof::Handle);
        let by_container = || cid.clone().map(Proof::Container);
        let by_pod = || {
            let PodName { namespace, name } = pod.clone()?;
            Some(Proof::Pod { namespace, pod: name })
        };
        by_handle().or_else(by_container).or_else(by_pod)
    }
}

fn parse_handle(text: &str) -> Result<HandleId, String> {
    let handle = HandleId::new(text);
    if handle.is_empty() { Err("expected the id of a handle".to_owned()) } else { Ok(handle) }
}

fn parse_pod(text: &str) -> Result<PodName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(PodName::new(namespace, name))
        }
        _ => Err("expected NAMESPACE/NAME".to_owned()),
    }
}
