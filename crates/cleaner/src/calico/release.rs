//! `calico release`: gives addresses back by hand. What somebody uses is refused before Calico is asked; whose the others are
//! Calico's own books have to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    process::ExitCode,
};

use anyhow::{Context, ensure};
use calico_ipam::{Claim, Ownership, PodName, Proof, Witness, ownership};
use calico_store::{Inventory, Mode, Outcome};
use kube::Client;
use operator_runtime::printable;
use serde::Serialize;

use super::{
    Calico, CalicoAccess,
    cli::{Format, ReleaseArgs},
    printing::{print, print_json},
    users::{Census, census},
};

/// What became of an address.
#[derive(Debug, Serialize)]
struct ReleaseRow {
    /// The address.
    address: IpAddr,
    /// What became of it.
    result: Fate,
    /// Why.
    reason: String,
    /// What was written for it, or would be, in order.
    writes: Vec<String>,
}

/// What became of an address, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    Released,
    AlreadyFree,
    Refused,
    Unknown,
}

/// Gives addresses back.
pub(super) async fn run(args: &ReleaseArgs, client: Client) -> anyhow::Result<ExitCode> {
    let proof = args.proof.proof().context("say whose the addresses have to be: --handle, --cid or --pod")?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Write };
    let calico = CalicoAccess::new(client.clone(), args.datastore.calico);
    // Without a datastore nothing else has to be read.
    let datastore = calico.datastore().await?;
    let inventory = match proof {
        // Read before it is read who lives: a name may be another Pod's by then, a handle is not.
        Proof::Pod { .. } => datastore.inventory().await?,
        _ => Inventory::default(),
    };
    let census = census(client).await?;
    let (claims, refused) = claims(&inventory, &census, &args.addresses, &proof);
    let rows = release(&calico, claims, refused, mode).await?;
    match args.output.format {
        Format::Text => print(&text(&rows, mode))?,
        Format::Json => print_json(&rows)?,
    }
    let left = rows.iter().filter(|row| !row.is_free()).count();
    ensure!(left == 0, "{left} of {} addresses not given back: {}", rows.len(), first_reason(&rows));
    Ok(ExitCode::SUCCESS)
}

/// What Calico is asked for, and what is refused before: each address once.
fn claims(
    inventory: &Inventory,
    census: &Census,
    addresses: &[IpAddr],
    proof: &Proof,
) -> (Vec<Claim>, BTreeMap<IpAddr, String>) {
    let distinct: BTreeSet<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    let (mut claims, mut refused) = (Vec::new(), BTreeMap::new());
    for address in distinct {
        match objection(census, address, proof) {
            Some(reason) => drop(refused.insert(address, reason)),
            None => claims.push(pinned(inventory, Claim { address, proof: proof.clone() })),
        }
    }
    (claims, refused)
}

/// Gives the rows of all addresses, in order.
async fn release(
    calico: &impl Calico,
    claims: Vec<Claim>,
    refused: BTreeMap<IpAddr, String>,
    mode: Mode,
) -> anyhow::Result<Vec<ReleaseRow>> {
    let addresses: Vec<IpAddr> = claims.iter().map(|claim| claim.address).collect();
    let outcomes = if claims.is_empty() { Vec::new() } else { calico.release(claims, mode).await? };
    let asked =
        addresses.into_iter().zip(outcomes).map(|(address, outcome)| ReleaseRow::new(address, outcome));
    let refused = refused.into_iter().map(|(address, reason)| ReleaseRow::refused(address, reason));
    let mut rows: Vec<ReleaseRow> = asked.chain(refused).collect();
    rows.sort_by_key(|row| row.address);
    Ok(rows)
}

/// A claim by a Pod's name, as one by the handle that holds the address for a container of that Pod.
fn pinned(inventory: &Inventory, claim: Claim) -> Claim {
    let Proof::Pod { .. } = claim.proof else { return claim };
    let handle = inventory.blocks.iter().find_map(|block| match ownership(block, &claim) {
        Ownership::Claimants(wanted, _) => wanted.handle,
        Ownership::Nobodys(_) | Ownership::Others(_) => None,
    });
    match handle.filter(|handle| handle.container().is_some()) {
        Some(handle) => Claim { proof: Proof::Handle(handle), ..claim },
        None => claim,
    }
}

/// Who uses an address, or may. An endpoint that is left is the Cleaner's to release, which waits for its proofs.
fn objection(census: &Census, address: IpAddr, proof: &Proof) -> Option<String> {
    let users = &census.users;
    if let Some(pod) = users.of(address).first() {
        return Some(format!("Pod {pod} uses it"));
    }
    let endpoint = users.holdings_of(address).iter().find_map(|holding| match &holding.witness {
        Witness::Endpoint { name, .. } => Some(format!("{}/{name}", holding.pod.namespace)),
        Witness::Pod => None,
    });
    if let Some(endpoint) = endpoint {
        return Some(format!("endpoint {endpoint} has it: danm-cleaner releases both when it is dead"));
    }
    if let Some(endpoint) = census.unread.get(&address) {
        return Some(format!("endpoint {endpoint}, which cannot be understood, names it"));
    }
    let (pod, why) = match proof {
        Proof::Pod { namespace, pod } => {
            let name = PodName::new(namespace, pod);
            (users.is_alive(&name).then_some(name), "prove an address of an earlier one by --handle or --cid")
        }
        Proof::Container(container) => (users.pod_of(container), "the container is its own"),
        Proof::Handle(handle) => {
            (handle.container().and_then(|container| users.pod_of(container)), "the handle is its own")
        }
        Proof::Endpoint { .. } => (None, ""),
    };
    pod.map(|pod| format!("Pod {pod} is alive; {why}"))
}

fn text(rows: &[ReleaseRow], mode: Mode) -> String {
    let mut lines: Vec<String> = rows.iter().flat_map(|row| row.lines(mode)).collect();
    if mode == Mode::DryRun {
        lines.push("dry run: nothing was written".to_owned());
    }
    lines.join("\n")
}

fn first_reason(rows: &[ReleaseRow]) -> String {
    let first = rows.iter().find(|row| !row.is_free());
    first.map(|row| format!("{}: {}", row.address, printable(&row.reason, false))).unwrap_or_default()
}

// === impl ReleaseRow ===

impl ReleaseRow {
    fn new(address: IpAddr, outcome: Outcome) -> Self {
        let (result, reason, writes) = match outcome {
            Outcome::Released { reason, writes } => (Fate::Released, reason, writes),
            Outcome::AlreadyFree(reason) => (Fate::AlreadyFree, reason, Vec::new()),
            Outcome::Refused(reason) => (Fate::Refused, reason, Vec::new()),
            Outcome::Failed(error) => (Fate::Unknown, error.to_string(), Vec::new()),
        };
        Self { address, result, reason, writes }
    }

    fn refused(address: IpAddr, reason: String) -> Self {
        Self { address, result: Fate::Refused, reason, writes: Vec::new() }
    }

    fn is_free(&self) -> bool {
        matches!(self.result, Fate::Released | Fate::AlreadyFree)
    }

    fn lines(&self, mode: Mode) -> Vec<String> {
        let result = match self.result {
            Fate::Released if mode == Mode::DryRun => "would be released",
            Fate::Released => "released",
            Fate::AlreadyFree => "already free",
            Fate::Refused => "refused",
            Fate::Unknown => "unknown",
        };
        let line = format!("{} {result}: {}", self.address, self.reason);
        let writes = self.writes.iter().map(|write| format!("  {write}"));
        std::iter::once(line).chain(writes).map(|line| printable(&line, false).into_owned()).collect()
    }
}
