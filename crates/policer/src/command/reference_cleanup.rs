//! `cleanup --reference`: takes the rules of the reference Policer out of the network namespaces of a node's Pods, and leaves ours. Asks no
//! API server, so it does not know which Pods are to be open: what ours do not cover stays, unless everything is to go.

use std::os::fd::AsFd;

use anyhow::{Context, ensure};
use policy_dataplane::{Node, Process, ReferenceRules, Residents, Socket};

use crate::{
    cli::ReferenceScope,
    output::{note, print},
};

/// What was found in a network namespace.
struct Look {
    found: ReferenceRules,
    /// Whether the reference's rules may go.
    may_go: bool,
}

/// Where they are still.
#[derive(Debug, Default)]
struct Rest {
    uncovered: usize,
    failed: usize,
    /// Processes of which nobody knows where they are.
    unreadable: usize,
}

pub(super) fn run(
    node: &Node,
    residents: &Residents,
    scope: ReferenceScope,
    is_dry_run: bool,
) -> anyhow::Result<()> {
    let mut rest = Rest { unreadable: residents.unreadable(), ..Rest::default() };
    for process in residents.everywhere() {
        let place = format!("{} of the Pod with uid {}", process.namespace, process.pod);
        let Look { found, may_go } = match clean(node, process, scope, is_dry_run) {
            Ok(look) => look,
            Err(error) => {
                note(&format!("{place}: {error:#}"));
                rest.failed += 1;
                continue;
            }
        };
        found.suspicions.iter().for_each(|suspicion| note(&format!("{place}: {suspicion}")));
        if found.chains.is_empty() {
            continue;
        }
        let chains = found.chains.into_iter().collect::<Vec<_>>().join(", ");
        if may_go {
            let verb = if is_dry_run { "would be" } else { "were" };
            print(&format!("{place}: rules of the reference Policer {verb} taken away, with {chains}\n"))?;
        } else {
            note(&format!(
                "{place}: rules of the reference Policer stay, because none of ours are there: {chains}"
            ));
            rest.uncovered += 1;
        }
    }
    rest.into_result()
}

/// Looks into the namespace of a process, and takes what may go.
fn clean(node: &Node, process: &Process, scope: ReferenceScope, is_dry_run: bool) -> anyhow::Result<Look> {
    let netns = node.enter(process)?;
    let (found, _) = ReferenceRules::look(netns.as_fd())?;
    let may_go = !found.chains.is_empty()
        && match scope {
            ReferenceScope::Everywhere => true,
            ReferenceScope::Covered => {
                let socket = Socket::open_at(netns.as_fd()).context("failed to enter it")?;
                socket.snapshot().context("failed to read our rules")?.denies()
            }
        };
    if may_go && !is_dry_run {
        ReferenceRules::take_away(netns.as_fd())?;
    }
    Ok(Look { found, may_go })
}

// === impl Rest ===

impl Rest {
    fn into_result(self) -> anyhow::Result<()> {
        let Self { uncovered, failed, unreadable } = self;
        ensure!(
            failed == 0,
            "rules of the reference Policer in {failed} network namespaces may be there still"
        );
        ensure!(
            unreadable == 0,
            "{unreadable} processes of this node cannot be read, and where they are there may be rules still: root and hostPID are needed"
        );
        ensure!(
            uncovered == 0,
            "in {uncovered} network namespaces rules of the reference Policer stay: where no policy isolates a Pod, the agent takes \
             them away with --remove-reference-rules; --reference=everywhere does, whatever policies say"
        );
        Ok(())
    }
}
