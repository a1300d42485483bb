//! The addresses of nodes that reach Pods whatever policies say, as they are from time to time. Which Pods they reach, and by which
//! interface, is not known here.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use danm_api::Node;
use kube::{Api, Client, api::ListParams};
use operator_runtime::describe;
use policy_dataplane::host_addresses;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::cli::AllowNode;

/// How soon an address of this node is noticed.
const OWN: Duration = Duration::from_secs(5);

/// How soon a node is noticed that joins.
const ALL: Duration = Duration::from_secs(60);

/// So many nodes are asked for at once.
const CHUNK: u32 = 500;

/// The addresses, from now on. Those of this node are known at once.
pub(super) fn node_addresses(client: Client, allowed: AllowNode) -> watch::Receiver<BTreeSet<IpAddr>> {
    let own = if allowed == AllowNode::None { BTreeSet::new() } else { own(&BTreeSet::new()) };
    let (tell, told) = watch::channel(own);
    match allowed {
        AllowNode::None => {}
        AllowNode::Own => drop(tokio::spawn(follow_own(tell))),
        AllowNode::All => drop(tokio::spawn(follow_all(client, tell))),
    }
    told
}

/// What cannot be read is as it was.
fn own(before: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    host_addresses().unwrap_or_else(|error| {
        tracing::warn!("cannot read the addresses of this node: {error}");
        before.clone()
    })
}

async fn follow_own(tell: watch::Sender<BTreeSet<IpAddr>>) {
    let mut ticks = interval(OWN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !tell.is_closed() {
        ticks.tick().await;
        // The value is locked as long as it is borrowed, and to change it means to lock it.
        let before = tell.borrow().clone();
        change(&tell, own(&before));
    }
}

async fn follow_all(client: Client, tell: watch::Sender<BTreeSet<IpAddr>>) {
    let mut ticks = interval(ALL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !tell.is_closed() {
        ticks.tick().await;
        match of_cluster(&client).await {
            Ok(mut addresses) => {
                addresses.extend(own(&BTreeSet::new()));
                change(&tell, addresses);
            }
            Err(error) => tracing::warn!("cannot list nodes: {}", describe(&error)),
        }
    }
}

/// What all nodes say of themselves. Names among it are none of it.
async fn of_cluster(client: &Client) -> kube::Result<BTreeSet<IpAddr>> {
    let nodes: Api<Node> = Api::all(client.clone());
    let mut params = ListParams::default().limit(CHUNK);
    let mut addresses = BTreeSet::new();
    loop {
        let list = nodes.list(&params).await?;
        let told = list.items.iter().flat_map(|node| &node.status.addresses);
        addresses.extend(told.filter_map(|told| told.address.parse::<IpAddr>().ok()));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(addresses),
        }
    }
}

fn change(tell: &watch::Sender<BTreeSet<IpAddr>>, now: BTreeSet<IpAddr>) {
    tell.send_if_modified(|before| {
        let is_other = *before != now;
        *before = now;
        is_other
    });
}
