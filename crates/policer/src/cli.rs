//! The command line as it is typed.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use clap_complete::Shell;
use operator_runtime::{ConnectArgs, LogArgs, LookArgs};
use policy_dataplane::Root;
use policy_engine::program::Forward;

use crate::{
    probe::Probe,
    subject::{ObjectName, Subject},
};

/// Says who may talk to whom by the network policies of DANM, on every interface of a Pod.
#[derive(Clone, Debug, Parser)]
#[command(name = "danm-policer", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub log: LogArgs,
    #[command(flatten, next_help_heading = "Access")]
    pub connect: ConnectArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// The agent of a node: keeps the rules that policies mean in the kernels of its Pods, and reports what becomes of them
    #[command(after_help = AGENT_EXAMPLES)]
    Agent(AgentArgs),
    /// Who may talk to whom, as a matrix, from files alone
    #[command(after_help = EVALUATE_EXAMPLES)]
    Evaluate(EvaluateArgs),
    /// The rules of a Pod in the syntax of nft, from files alone
    #[command(after_help = RENDER_EXAMPLES)]
    Render(RenderArgs),
    /// Which policy and which rule decides about a connection, and why
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Tells what the rules in the Pods of this node have counted: what was denied, and what was allowed by which policy
    #[command(after_help = STATS_EXAMPLES)]
    Stats(StatsArgs),
    /// Takes the rules away that an agent left in the Pods of this node. They stay when it ends
    #[command(after_help = CLEANUP_EXAMPLES)]
    Cleanup(CleanupArgs),
    /// Prints the completions for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args, Clone, Debug)]
pub(crate) struct AgentArgs {
    /// The name of the Node that it runs on
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), env = "DANM_POLICER_NODE_NAME")]
    pub node_name: String,
    /// Put no rules into Pods: watch, and report in conditions, Events and metrics
    #[arg(long, env = "DANM_POLICER_DRY_RUN")]
    pub dry_run: bool,
    /// Where /live, /ready, /metrics and /debug/state.json are served
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8081", env = "DANM_POLICER_ADMIN_LISTEN")]
    pub admin_listen: SocketAddr,
    /// Take rules of the reference Policer out of Pods that have ours, or are to have none; else they are only reported
    #[arg(long, env = "DANM_POLICER_REMOVE_REFERENCE_RULES")]
    pub remove_reference_rules: bool,
    #[command(flatten, next_help_heading = "Beside policies")]
    pub exceptions: ExceptionArgs,
    #[command(flatten, next_help_heading = "The node")]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Do as on kernels before 6.9, which know no tables with owners: look whether somebody has changed rules, and undo it
    #[arg(long, hide = true)]
    pub without_owned_tables: bool,
}

/// What passes whatever policies say, and what becomes of what was allowed before.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExceptionArgs {
    /// Which nodes reach the first interface of a Pod: its own, all, or none. Whom a node port lets in looks the same
    #[arg(long, value_enum, default_value = "own", env = "DANM_POLICER_ALLOW_NODE")]
    pub allow_node: AllowNode,
    /// Whom every Pod may ask for names: nobody, the cluster's DNS Service and the cache of the node, or anybody on port 53
    #[arg(long, value_enum, default_value = "cluster", env = "DANM_POLICER_DNS")]
    pub dns: DnsAccess,
    /// The cluster's DNS Service; may be said several times
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        value_delimiter = ',',
        default_value = "kube-system/kube-dns",
        env = "DANM_POLICER_DNS_SERVICE"
    )]
    pub dns_service: Vec<ObjectName>,
    /// What becomes of connections that were allowed before, once they would not be: cut, or kept as long as they last
    #[arg(long, value_enum, default_value = "recheck", env = "DANM_POLICER_ESTABLISHED")]
    pub established: Established,
    /// What becomes of packets that a Pod passes on between its interfaces: judged at both, let through, or refused
    #[arg(long, value_enum, default_value = "judge", env = "DANM_POLICER_FORWARD")]
    pub forward: ForwardMode,
    /// Let the annotation danm.io/policer=open of a Pod open it, too, and not that of its Namespace alone. Tenants write their Pods
    #[arg(long, env = "DANM_POLICER_POD_ANNOTATION")]
    pub pod_annotation: bool,
}

/// Where things are on the node.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlaceArgs {
    /// A folder of network namespaces, as endpoints write it; with =PATH where it is found here. May be said several times
    /// [default: /var/run/netns and /run/netns]
    #[arg(long, value_name = "FOLDER[=PATH]", value_delimiter = ',', env = "DANM_POLICER_NETNS_ROOT")]
    pub netns_root: Vec<Root>,
    /// The processes of the node
    #[arg(long, value_name = "FOLDER", default_value = "/proc", env = "DANM_POLICER_PROC")]
    pub proc: PathBuf,
}

/// Where the agent keeps what it knows.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateArgs {
    /// Where what was last known is kept, for a start without the API server; only this user may write to it
    #[arg(
        long = "state-dir",
        value_name = "FOLDER",
        default_value = "/var/lib/danm-policer",
        env = "DANM_POLICER_STATE_DIR"
    )]
    pub folder: PathBuf,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct StatsArgs {
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub output: TextFormat,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten, next_help_heading = "The node")]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CleanupArgs {
    /// Take nothing away: say where there are rules
    #[arg(long)]
    pub dry_run: bool,
    /// Take the rules of the reference Policer away, and leave ours: in Pods that ours cover, or everywhere
    #[arg(
        long,
        value_enum,
        value_name = "WHERE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "covered"
    )]
    pub reference: Option<ReferenceScope>,
    #[command(flatten, next_help_heading = "The node")]
    pub place: PlaceArgs,
}

/// Where rules of the reference Policer are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReferenceScope {
    /// Where rules of an agent of ours are
    Covered,
    /// In all Pods: those without rules of ours are open afterwards
    Everywhere,
}

/// Which nodes reach Pods whatever policies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AllowNode {
    /// The Pod's own
    Own,
    /// All of the cluster
    All,
    /// None
    None,
}

/// Whom Pods may ask for names whatever policies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DnsAccess {
    /// Nobody
    None,
    /// The cluster's DNS Service, and the cache of the node
    Cluster,
    /// Anybody, on port 53
    Any,
}

/// What becomes of connections that would not be allowed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Established {
    /// They are cut
    Recheck,
    /// They go on
    Keep,
}

/// What becomes of packets that a Pod passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForwardMode {
    /// They are judged at both interfaces
    Judge,
    /// They pass
    Open,
    /// They are refused
    Closed,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub objects: ObjectArgs,
    /// What is tried, such as TCP/80, UDP/53, SCTP/36412, or ICMP for what has no ports; may be said several times
    #[arg(long, value_name = "PROTO/PORT", num_args = 1.., required = true)]
    pub probe: Vec<Probe>,
    /// What judges: the policies as they are written, or the rules made of them for the Pods at both ends
    #[arg(
        long,
        value_name = "policy|ruleset",
        value_enum,
        default_value = "policy",
        hide_possible_values = true
    )]
    pub via: Via,
    /// The format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub output: MatrixFormat,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub objects: ObjectArgs,
    /// The Pod
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub pod: ObjectName,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ExplainArgs {
    /// Objects to go by, in place of those of the cluster: a file, a folder, or - for standard input
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub objects: Vec<PathBuf>,
    /// Who opens the connection
    #[arg(long, value_name = "NS/POD[@IF]|ADDRESS")]
    pub from: Subject,
    /// Who is spoken to
    #[arg(long, value_name = "NS/POD[@IF]|ADDRESS")]
    pub to: Subject,
    /// The port that is spoken to, such as TCP/80, or ICMP
    #[arg(long, value_name = "PROTO/PORT")]
    pub port: Probe,
    /// The namespace of a Pod that is named without one [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Tell besides what the kernels of this node have for the Pods at both ends, and whether it is what it should be
    #[arg(long)]
    pub kernel: bool,
    /// The format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub output: TextFormat,
    #[command(flatten)]
    pub look: LookArgs,
    #[command(flatten, next_help_heading = "The node, for --kernel")]
    pub place: PlaceArgs,
}

/// Which files.
#[derive(Args, Clone, Debug)]
pub(crate) struct ObjectArgs {
    /// Objects to go by: a file, a folder, or - for standard input; may be said several times
    #[arg(long = "objects", value_name = "PATH", num_args = 1.., required = true)]
    pub paths: Vec<PathBuf>,
}

/// What judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// The policies as they are written.
    #[default]
    Policy,
    /// The rules made of them.
    Ruleset,
}

/// Formats of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Formats of an explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

// === impl PlaceArgs ===

impl PlaceArgs {
    /// The folders of network namespaces.
    pub fn roots(&self) -> Vec<Root> {
        if self.netns_root.is_empty() { Root::usual() } else { self.netns_root.clone() }
    }
}

impl From<ForwardMode> for Forward {
    fn from(mode: ForwardMode) -> Self {
        match mode {
            ForwardMode::Judge => Self::Judge,
            ForwardMode::Open => Self::Open,
            ForwardMode::Closed => Self::Closed,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Who may talk to whom, by objects in files:
    danm-policer evaluate --objects manifests/ --probe TCP/80

  Why a Pod does not reach another, in the cluster of the current context:
    danm-policer explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/5432

  The rules of a Pod:
    danm-policer render --objects manifests/ --pod shop/db-0

Exit codes:
  0  done
  2  wrong usage, something that cannot be read, or no access";

const AGENT_EXAMPLES: &str = "\
Examples:
  In a Pod of a DaemonSet, where the environment names the Node:
    DANM_POLICER_NODE_NAME=node-a danm-policer agent

  To see what would become of policies:
    danm-policer agent --node-name node-a --dry-run

  What became of the policies:
    kubectl get danmnetworkpolicies -A -o wide";

const STATS_EXAMPLES: &str = "\
Examples:
  On a node, as root:
    danm-policer stats

  In the Pod of the agent of a node:
    kubectl exec -n kube-system danm-policer-x7k2p -- danm-policer stats

  Which Pods deny most:
    danm-policer stats -o json | jq '[.statistics[] | select(.verdict == \"deny\")] | sort_by(-.packets)[:5]'";

const CLEANUP_EXAMPLES: &str = "\
Examples:
  On a node, as root, once its agent is gone for good:
    danm-policer cleanup

  In a Pod with hostPID, where the node's folders are mounted elsewhere:
    danm-policer cleanup --netns-root /run/netns=/host/run/netns

  Where there are rules:
    danm-policer cleanup --dry-run

  Where the reference Policer has left rules:
    danm-policer cleanup --reference=everywhere --dry-run

No API server is asked, and every Pod of the node is open afterwards.
With --reference those keep our rules that have them.
While an agent is at work its rules are its own, and cannot be taken away.

Exit codes:
  0  done
  2  wrong usage, or rules that are there still";

const EVALUATE_EXAMPLES: &str = "\
Examples:
  One port, as a table:
    danm-policer evaluate --objects manifests/ --probe TCP/80

  What a cluster would do, several ports, for a script:
    kubectl get -A -o yaml ns,pods,services,endpointslices,danmeps,danmnetworkpolicies |
      danm-policer evaluate --objects - --probe TCP/80 UDP/53 -o json

  What the rules do that are made of the policies:
    danm-policer evaluate --objects manifests/ --probe TCP/80 --via ruleset";

const RENDER_EXAMPLES: &str = "\
Examples:
  Read the rules:
    danm-policer render --objects manifests/ --pod shop/db-0

  Let nft look at them:
    danm-policer render --objects manifests/ --pod shop/db-0 | nft -c -f -";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  In the cluster of the current context:
    danm-policer explain --from shop/web-0 --to shop/db-0 --port TCP/5432

  One interface, by objects in files:
    danm-policer explain --objects manifests/ --from shop/web-0@eth1 --to shop/db-0 --port TCP/80

  From outside, and to a Service:
    danm-policer explain --from 192.0.2.7 --to shop/db-0 --port TCP/5432
    danm-policer explain --from shop/web-0 --to 10.96.0.20 --port TCP/5432

  What the kernel really has, in the agent of the node on which one of them runs:
    kubectl exec -n kube-system danm-policer-x7k2p -- danm-policer explain --kernel \\
      --from shop/web-0 --to shop/db-0 --port TCP/5432";

/// The command line, for whoever describes it.
pub fn command() -> clap::Command {
    Cli::command()
}
