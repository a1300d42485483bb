//! What a check tells, as programs read it and as people do.

use std::{collections::BTreeMap, fmt::Write, net::IpAddr};

use calico_ipam::{Finding, FindingKind};
use ipnet::IpNet;
use serde::Serialize;

use operator_runtime::printable;

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CalicoCheck {
    /// `cleaner.danm.io/v1`.
    pub api_version: &'static str,
    /// `CalicoCheck`.
    pub kind: &'static str,
    /// Where Calico's addresses are.
    pub datastore: Datastore,
    /// How much was looked at.
    pub checked: Checked,
    /// Number of findings of each kind; all kinds are there.
    pub counts: BTreeMap<&'static str, usize>,
    /// What does not agree.
    pub findings: Vec<FindingRow>,
}

/// Where Calico's addresses are.
#[derive(Debug, Serialize)]
pub(super) struct Datastore {
    /// `kubernetes` or `etcd`.
    pub r#type: &'static str,
    /// Whether Calico asks to leave everything as it is.
    pub locked: bool,
}

/// How much was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checked {
    /// Blocks that were understood.
    pub blocks: usize,
    /// Handles that were understood.
    pub handles: usize,
    /// Addresses that somebody has.
    pub allocated: usize,
    /// Addresses that were given back and that nobody gets yet.
    pub cooling_down: usize,
    /// Pods.
    pub pods: usize,
    /// Endpoints.
    pub endpoints: usize,
}

/// Something that does not agree.
#[derive(Debug, Serialize)]
pub(super) struct FindingRow {
    /// What kind of thing it is.
    pub kind: &'static str,
    /// The address, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The block, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<IpNet>,
    /// The handle, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// The Pods as `namespace/name`: whom the block names first, then who uses the address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
    /// What was seen.
    pub detail: String,
}

// === impl CalicoCheck ===

impl CalicoCheck {
    pub(super) fn new(
        datastore: Datastore,
        checked: Checked,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Self {
        let findings: Vec<FindingRow> = findings.into_iter().map(FindingRow::from).collect();
        let mut counts: BTreeMap<&'static str, usize> =
            FindingKind::ALL.iter().map(|kind| (kind.code(), 0)).collect();
        findings.iter().for_each(|finding| *counts.entry(finding.kind).or_default() += 1);
        let (api_version, kind) = ("cleaner.danm.io/v1", "CalicoCheck");
        Self { api_version, kind, datastore, checked, counts, findings }
    }

    /// For people: how much there is, and group by group what to do.
    pub(super) fn to_text(&self) -> String {
        let mut text = self.headline();
        for kind in FindingKind::ALL {
            let rows: Vec<&FindingRow> = self.findings.iter().filter(|row| row.kind == kind.code()).collect();
            if !rows.is_empty() {
                let _ = write!(text, "\n\n{kind} ({}): {}", rows.len(), next_step(kind));
                rows.iter().for_each(|row| text.extend(["\n  ", &printable(&row.to_text(), false)]));
            }
        }
        text
    }

    fn headline(&self) -> String {
        let Checked { blocks, handles, allocated, cooling_down, pods, endpoints } = &self.checked;
        let locked = if self.datastore.locked { ", which is locked" } else { "" };
        let found = match self.findings.len() {
            0 => "all agrees".to_owned(),
            count => counted(count, "finding"),
        };
        format!(
            "{found}: {allocated} addresses allocated, {cooling_down} cooling down; {}, {}, {}, {} (Calico's datastore: \
             {}{locked})",
            counted(*blocks, "block"),
            counted(*handles, "handle"),
            counted(*pods, "Pod"),
            counted(*endpoints, "endpoint"),
            self.datastore.r#type
        )
    }
}

// === impl FindingRow ===

impl FindingRow {
    fn to_text(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        let block = self.block.filter(|_| address.is_none()).map(|block| format!("block {block}"));
        let handle = self.handle.as_ref().map(|handle| format!("handle {handle}"));
        let about: Vec<String> = [address, block, handle].into_iter().flatten().collect();
        if about.is_empty() { self.detail.clone() } else { format!("{}: {}", about.join(", "), self.detail) }
    }
}

impl From<Finding> for FindingRow {
    fn from(finding: Finding) -> Self {
        let Finding { kind, address, block, handle, pods, detail } = finding;
        let handle = handle.map(|handle| handle.to_string());
        let pods = pods.iter().map(ToString::to_string).collect();
        Self { kind: kind.code(), address, block, handle, pods, detail }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What to do about findings of a kind.
const fn next_step(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::SeveralUsers => "delete all but one of the Pods; each gets another address",
        FindingKind::NotAllocated => "delete the Pod before somebody else gets its address",
        FindingKind::OwnerMismatch => "find out who has the address, and delete the Pod that should not",
        FindingKind::OverlappingBlocks => {
            "an address may be given twice; delete the Pods in the block that is not of its pool's block size"
        }
        FindingKind::InvalidBlock => "Calico may misjudge what is free in it; repair it",
        FindingKind::Unreadable => "nothing is concluded from it; repair it, or update danm-cleaner",
        FindingKind::Leaked => {
            "nobody uses it; what an endpoint names goes by itself, the rest by danm-cleaner calico release ADDRESS --handle ID"
        }
        FindingKind::Suspect => {
            "find out who has it; if nobody: danm-cleaner calico release ADDRESS --handle ID"
        }
        FindingKind::OutsidePools => {
            "restore the pool, or delete the Pod: it gets an address of another pool"
        }
        FindingKind::BlockOutsidePools => "restore the pool, or delete the Pods that are left in it",
        FindingKind::EmptyHandle => {
            "it does no harm; danm-cleaner calico release ADDRESS --handle ID with a free address counts it anew"
        }
        FindingKind::HandleCount => {
            "blocks are right; once the container is gone, danm-cleaner calico release ADDRESS --handle ID counts it anew"
        }
        FindingKind::MissingHandle => "it does no harm: the address is given back all the same",
        FindingKind::NoHandle => {
            "only its Pod proves whose it is: danm-cleaner calico release ADDRESS --pod NS/NAME"
        }
    }
}
