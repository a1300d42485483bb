//! `calico check`: reads everything, and tells what does not agree. What agrees or not `calico-ipam` decides.

use std::{collections::BTreeSet, process::ExitCode};

use calico_ipam::{Attribute, Books, Finding, Part, Unreadable, audit};
use calico_store::{CalicoDatastore, Inventory, StoreError};
use jiff::Timestamp;
use kube::Client;

use super::{
    CalicoAccess,
    cli::{CheckArgs, Format},
    document::{CalicoCheck, Checked, Datastore},
    printing::{print, print_json},
    users::{Census, census},
};

/// The code for problems that were found.
const FOUND: u8 = 1;

/// What one look at everything showed.
struct Look {
    inventory: Inventory,
    census: Census,
    findings: BTreeSet<Finding>,
}

/// Checks.
pub(super) async fn run(args: &CheckArgs, client: Client) -> anyhow::Result<ExitCode> {
    let datastore = CalicoAccess::new(client.clone(), args.datastore.calico).datastore().await?;
    let report = check(&datastore, &client).await?;
    match args.output.format {
        Format::Text => print(&report.to_text())?,
        Format::Json => print_json(&report)?,
    }
    let is_found = args.exit_code && !report.findings.is_empty();
    Ok(if is_found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// Others write while this reads, and what is half done looks wrong: what is wrong is still so at a second look.
async fn check(datastore: &CalicoDatastore, client: &Client) -> anyhow::Result<CalicoCheck> {
    let mut look = Look::at(datastore, client).await?;
    if !look.findings.is_empty() {
        let first = look.findings;
        look = Look::at(datastore, client).await?;
        look.findings.retain(|finding| first.contains(finding));
    }
    let r#type = match datastore {
        CalicoDatastore::Kubernetes(_) => "kubernetes",
        CalicoDatastore::Etcd(_) => "etcd",
    };
    let datastore = Datastore { r#type, locked: look.inventory.is_locked };
    Ok(CalicoCheck::new(datastore, look.checked(), look.findings))
}

// === impl Look ===

impl Look {
    /// Blocks come before Pods: a Pod is there before it gets an address.
    async fn at(datastore: &CalicoDatastore, client: &Client) -> anyhow::Result<Self> {
        let inventory = datastore.inventory().await?;
        let census = census(client.clone()).await?;
        let unreadable = inventory.problems.iter().map(unreadable).collect();
        let findings = audit(Books {
            pools: &inventory.pools,
            blocks: &inventory.blocks,
            handles: &inventory.handles,
            unreadable: &unreadable,
            users: &census.users,
            now: Timestamp::now(),
        });
        Ok(Self { inventory, census, findings })
    }

    fn checked(&self) -> Checked {
        let Inventory { blocks, handles, .. } = &self.inventory;
        let is_cooling = |holder: &Attribute| holder.released_at.is_some();
        let all = || blocks.iter().flat_map(|block| block.allocated().map(|(_, holder)| holder));
        Checked {
            blocks: blocks.len(),
            handles: handles.len(),
            allocated: all().filter(|holder| !is_cooling(holder)).count(),
            cooling_down: all().filter(|holder| is_cooling(holder)).count(),
            pods: self.census.pods,
            endpoints: self.census.endpoints,
        }
    }
}

/// What an object is for shows in its kind or in its key.
fn unreadable(error: &StoreError) -> Unreadable {
    let parts = [
        ("IPAMBlock ", Part::Block),
        ("/calico/ipam/v2/assignment/", Part::Block),
        ("IPAMHandle ", Part::Handle),
        ("/calico/ipam/v2/handle/", Part::Handle),
        ("IPPool ", Part::Pool),
        ("/calico/resources/v3/projectcalico.org/ippools/", Part::Pool),
    ];
    let part = parts.into_iter().find(|(start, _)| error.object.starts_with(start));
    Unreadable {
        part: part.map_or(Part::Other, |(_, part)| part),
        name: error.object.clone(),
        problem: error.failure.to_string(),
    }
}
