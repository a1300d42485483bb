//! The command line of `kubectl danm` as it is typed.

use std::{net::IpAddr, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use operator_runtime::{ConnectArgs, LookArgs, Overrides, parse_duration};

use crate::target::Target;

/// Shows who holds which address on the networks of DANM.
#[derive(Clone, Debug, Parser)]
#[command(name = "showalloc", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten, next_help_heading = "Access")]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// What to show.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// The addresses of networks and who holds them
    Show(ShowArgs),
    /// All networks: how full they are, and what is leaked
    #[command(alias = "nets")]
    Networks(NetworksArgs),
    /// Who holds an address, or which addresses a Pod holds, on every network
    Ip(IpArgs),
    /// What does not agree: leaked and missing bits, conflicts and the like
    Check(CheckArgs),
    /// A network as a picture
    Map(MapArgs),
    /// All networks live, with a picture of the one that is selected
    Top(TopArgs),
    /// Prints the completions for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// The networks; all of the namespace if none is named
    #[arg(value_name = "[KIND/]NAME")]
    pub targets: Vec<Target>,
    /// Give every address a line of its own, free ones too
    #[arg(short = 'a', long)]
    pub all: bool,
    #[command(flatten)]
    pub part: PartArgs,
    /// Go on, and show again what changes
    #[arg(short, long)]
    pub watch: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct NetworksArgs {
    /// Sort by this column, largest first if it is a number
    #[arg(long, value_name = "COLUMN", value_enum, default_value = "name")]
    pub sort_by: SortBy,
    /// Go on, and show again what changes
    #[arg(short, long)]
    pub watch: bool,
    #[command(flatten)]
    pub family: FamilyArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct IpArgs {
    /// An address, or a Pod as NAMESPACE/NAME
    #[arg(value_name = "ADDRESS|NAMESPACE/POD", value_parser = parse_subject)]
    pub subject: Subject,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// The networks; all if none is named
    #[arg(value_name = "[KIND/]NAME")]
    pub targets: Vec<Target>,
    /// Exit with 1 if something was found
    #[arg(long)]
    pub exit_code: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct MapArgs {
    /// The networks
    #[arg(value_name = "[KIND/]NAME", required = true)]
    pub targets: Vec<Target>,
    /// Draw along a Hilbert curve: every aligned subnet is one compact shape
    #[arg(long)]
    pub hilbert: bool,
    #[command(flatten)]
    pub part: PartArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub look: LookArgs,
}

/// Which part of a network.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PartArgs {
    /// Only addresses of this subnet
    #[arg(long, value_name = "SUBNET")]
    pub cidr: Option<IpNet>,
    #[command(flatten)]
    pub family: FamilyArgs,
}

/// Which family; both if none is said.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct FamilyArgs {
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

/// Which networks.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionArgs {
    /// The namespace [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only networks with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
}

/// How to print.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputArgs {
    /// The format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub output: Format,
    /// Leave the line with the names of the columns out
    #[arg(long)]
    pub no_headers: bool,
    #[command(flatten)]
    pub look: LookArgs,
}

/// Access to the API server, as kubectl spells it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Entry of the kubeconfig file's clusters
    #[arg(long, value_name = "NAME", global = true)]
    pub cluster: Option<String>,
    /// Entry of the kubeconfig file's users
    #[arg(long, value_name = "NAME", global = true)]
    pub user: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER", global = true)]
    pub as_user: Option<String>,
    /// Act as a member of this group; may be said several times
    #[arg(long, value_name = "GROUP", global = true)]
    pub as_group: Vec<String>,
    /// Address of the API server
    #[arg(short, long, value_name = "URL", global = true)]
    pub server: Option<String>,
    /// Bearer token
    #[arg(long, value_name = "TOKEN", global = true)]
    pub token: Option<String>,
    /// Name that the server's certificate has to be for
    #[arg(long, value_name = "NAME", global = true)]
    pub tls_server_name: Option<String>,
    /// Do not look at the server's certificate
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    /// Give up if the cluster has not been read by then; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout, global = true)]
    pub request_timeout: Option<Duration>,
}

/// What to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Address(IpAddr),
    Pod { namespace: String, name: String },
}

/// Formats of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people, with more columns
    Wide,
    /// The API showalloc.danm.io/v1
    Json,
    /// The same as YAML
    Yaml,
    /// The names alone
    Name,
    /// A picture
    Svg,
}

/// What to sort networks by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    #[default]
    Name,
    Size,
    Used,
    Free,
    Leaked,
    Util,
}

const EXAMPLES: &str = "\
Examples:
  How full all networks are, the fullest first:
    kubectl danm networks -A --sort-by util

  Who holds which address of a network:
    kubectl danm show danmnet/internal -n ran

  Who holds an address:
    kubectl danm ip 10.100.20.7

  Fail a script if anything is wrong:
    kubectl danm check -A --exit-code

Exit codes:
  0  done
  1  done, and problems were found (with --exit-code)
  2  wrong usage, something that cannot be read, or no access";

impl AccessArgs {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            server: self.server.clone(),
            tls_server_name: self.tls_server_name.clone(),
            skip_tls_verify: self.insecure_skip_tls_verify,
            token: self.token.clone(),
            impersonate: self.as_user.clone(),
            impersonate_groups: self.as_group.clone(),
        }
    }
}

/// As kubectl takes it: zero needs no unit.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { parse_duration(text) }
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Subject::Address(address.to_canonical()));
    }
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Subject::Pod { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err(format!("{text:?} is neither an address nor NAMESPACE/POD")),
    }
}

/// The command line under the name it was called by: `kubectl danm` where kubectl did.
pub fn command(called: &str) -> clap::Command {
    Cli::command().bin_name(called)
}
