//! `cleanup`: takes the rules away that an agent left in the network namespaces of a node's Pods. Asks no API server, and opens
//! every Pod: for whoever takes `danm-policer` away.

use std::os::fd::AsFd;

use anyhow::{Context, ensure};
use policy_dataplane::{Batch, CommitError, Node, Process, Socket};

use super::reference_cleanup;
use crate::{
    cli::CleanupArgs,
    output::{note, print},
};

/// What was found in a network namespace.
#[derive(Debug, PartialEq)]
enum Found {
    /// No rules of ours.
    Nothing,
    /// Rules of an agent that has gone.
    Rules,
    /// Rules that are another process's.
    Owned,
}

/// Where there are rules still.
#[derive(Debug, Default)]
struct Rest {
    owned: usize,
    failed: usize,
    /// Processes of which nobody knows where they are.
    unreadable: usize,
}

pub(crate) fn run(args: &CleanupArgs) -> anyhow::Result<()> {
    let node = Node::open(args.place.proc.clone(), args.place.roots())?;
    let residents = node.residents()?;
    if let Some(scope) = args.reference {
        return reference_cleanup::run(&node, &residents, scope, args.dry_run);
    }
    let mut rest = Rest { unreadable: residents.unreadable(), ..Rest::default() };
    for process in residents.everywhere() {
        let place = format!("{} of the Pod with uid {}", process.namespace, process.pod);
        match clean(&node, process, args.dry_run) {
            Ok(Found::Nothing) => {}
            Ok(Found::Rules) if args.dry_run => print(&format!("{place}: rules would be taken away\n"))?,
            Ok(Found::Rules) => print(&format!("{place}: rules were taken away\n"))?,
            Ok(Found::Owned) => {
                note(&format!("{place}: another process owns its rules"));
                rest.owned += 1;
            }
            Err(error) => {
                note(&format!("{place}: {error:#}"));
                rest.failed += 1;
            }
        }
    }
    rest.into_result()
}

/// Takes the rules out of the namespace of a process, if there are any.
fn clean(node: &Node, process: &Process, is_dry_run: bool) -> anyhow::Result<Found> {
    let netns = node.enter(process)?;
    let socket = Socket::open_at(netns.as_fd()).context("failed to enter it")?;
    if socket.snapshot().context("failed to read its rules")?.is_empty() {
        return Ok(Found::Nothing);
    }
    if is_dry_run {
        return Ok(Found::Rules);
    }
    match socket.commit(&Batch::remove()) {
        Ok(()) => Ok(Found::Rules),
        Err(CommitError::Owned) => Ok(Found::Owned),
        Err(error) => Err(error.into()),
    }
}

// === impl Rest ===

impl Rest {
    fn into_result(self) -> anyhow::Result<()> {
        let Self { owned, failed, unreadable } = self;
        ensure!(
            owned == 0,
            "the rules in {owned} network namespaces are another process's: an agent is at work on this node; stop it, and try again"
        );
        ensure!(failed == 0, "the rules in {failed} network namespaces may be there still");
        ensure!(
            unreadable == 0,
            "{unreadable} processes of this node cannot be read, and where they are there may be rules still: root and hostPID are needed"
        );
        Ok(())
    }
}
