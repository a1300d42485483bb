//! Watches whatever of DANM's kinds a cluster serves, now or later: definitions are installed and removed while
//! the Cleaner runs, and a cluster that is migrated serves two groups for a while.
//!
//! It also notices when the data store has gone back to an earlier state, as after a restore from a backup. Watches
//! do not: they wait in silence for versions that were there before. Then everything is listed anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cluster_feed::{CORE, QUEUE, Watches, sources};
use danm_api::{ApiType, Node};
use futures::{Stream, stream};
use kube::{Api, Client, api::ListParams};
use leak_judge::{Observation, Source};
use operator_runtime::{describe, served_kinds};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

/// How soon a new definition is noticed.
const INTERVAL: Duration = Duration::from_secs(5);

/// A kind is gone that was not served so many times in a row: a server that starts may not know it yet.
const MISSES: u32 = 6;

/// Which sources there are, as far as was seen.
#[derive(Debug, Default)]
struct Served {
    /// All that were ever served. Each is watched from then on: it may come back.
    known: BTreeSet<Source>,
    /// How often in a row each of them was missing.
    missing: BTreeMap<Source, u32>,
}

/// Watches everything that is served, for as long as the stream is kept. Pods and Nodes are.
pub(crate) fn discovered(client: Client) -> impl Stream<Item = Observation> + Unpin {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let (found, findings) = mpsc::channel(1);
    tokio::spawn(look(client.clone(), found));
    tokio::spawn(forward(client, findings, sender));
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// What was found out about the server.
#[derive(Debug)]
enum Finding {
    /// It serves these kinds.
    Serves(Vec<ApiType>),
    /// Its data store is of an earlier version than was seen before.
    WentBack { from: u64, to: u64 },
}

/// Asks what is served and how far the data store is, again and again.
async fn look(client: Client, found: mpsc::Sender<Finding>) {
    let mut latest = 0;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match served_kinds(&client).await {
            Ok(served) => {
                if found.send(Finding::Serves(served)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!("cannot ask the API server what it serves: {}", describe(&error));
            }
        }
        let Some(version) = version_of_data_store(&client).await else { continue };
        if version < latest && found.send(Finding::WentBack { from: latest, to: version }).await.is_err() {
            return;
        }
        latest = version;
    }
}

/// The version that a consistent list of next to nothing is of.
async fn version_of_data_store(client: &Client) -> Option<u64> {
    let nodes: Api<Node> = Api::all(client.clone());
    let list = nodes.list_metadata(&ListParams::default().limit(1)).await.ok()?;
    list.metadata.resource_version?.parse().ok()
}

/// Passes on what the watches see, and begins those that are missing.
async fn forward(client: Client, mut findings: mpsc::Receiver<Finding>, sender: mpsc::Sender<Observation>) {
    let mut served = Served::default();
    let mut watches = Watches::new(client);
    CORE.into_iter().for_each(|source| watches.begin(source));
    loop {
        let observations = tokio::select! {
            found = findings.recv() => match found {
                Some(Finding::WentBack { from, to }) => {
                    let why = format!("the data store went back from version {from} to {to}");
                    tracing::warn!("{why}: everything is listed anew, and what was seen before counts as nothing");
                    watches.begin_anew(&why)
                }
                Some(Finding::Serves(kinds)) => {
                    let (begin, told) = served.found(&sources(&kinds).collect());
                    begin.into_iter().for_each(|source| watches.begin(source));
                    told
                }
                None => return,
            },
            Some(observation) = watches.next() => vec![observation],
        };
        for observation in observations {
            if sender.send(observation).await.is_err() {
                return;
            }
        }
    }
}

impl Served {
    /// Takes in what is served now. Gives the sources to be watched from now on, and what there is to tell.
    fn found(&mut self, now: &BTreeSet<Source>) -> (Vec<Source>, Vec<Observation>) {
        let begin: Vec<Source> =
            now.difference(&self.known).copied().filter(|source| matches!(source, Source::Danm(_))).collect();
        let mut told: Vec<Observation> = begin.iter().copied().map(Observation::Served).collect();
        for source in self.known.difference(now) {
            let misses = self.missing.entry(*source).or_default();
            *misses += 1;
            if *misses == MISSES {
                tracing::warn!("{source} are not served any more");
                told.push(Observation::Unserved(*source));
            }
        }
        for source in self.known.intersection(now) {
            if self.missing.remove(source).is_some_and(|misses| misses >= MISSES) {
                told.push(Observation::Served(*source));
            }
        }
        self.known.extend(&begin);
        (begin, told)
    }
}

#[cfg(test)]
mod tests {
    use danm_api::{ApiGroup, NetworkKind};

    use super::*;

    #[test]
    fn a_kind_is_watched_once_and_gone_only_if_it_stays_away() {
        let endpoints = Source::endpoints(ApiGroup::DanmIo);
        let networks = Source::networks(ApiGroup::DanmIo, NetworkKind::DanmNet);
        let mut served = Served::default();
        let (begin, told) = served.found(&[Source::Pods, endpoints].into());
        assert_eq!(begin, [endpoints]);
        assert!(matches!(told[..], [Observation::Served(source)] if source == endpoints));
        assert_eq!(served.found(&[Source::Pods, endpoints, networks].into()).0, [networks]);
        for _ in 1..MISSES {
            assert!(served.found(&[endpoints].into()).1.is_empty());
        }
        let (_, told) = served.found(&[endpoints].into());
        assert!(matches!(told[..], [Observation::Unserved(source)] if source == networks));
        assert!(served.found(&[endpoints].into()).1.is_empty(), "told once");
        let (begin, told) = served.found(&[endpoints, networks].into());
        assert!(begin.is_empty(), "it is watched still");
        assert!(matches!(told[..], [Observation::Served(source)] if source == networks));
    }
}
