//! Watches whatever of its sources a cluster serves, now or later: definitions are installed and removed while the agent
//! runs. Besides, it watches what it is ordered to, and until it is. What a source is, is said in `source.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    stream::{self, AbortHandle, BoxStream, SelectAll, abortable},
};
use kube::Client;
use operator_runtime::{describe, served_kinds};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::source::{CORE, Seen, Source};

/// How soon a new definition is noticed.
const INTERVAL: Duration = Duration::from_secs(5);

/// A kind is gone that was not served so many times in a row: a server that starts may not know it yet.
const MISSES: u32 = 6;

/// What may wait for whoever takes it in.
const QUEUE: usize = 1024;

/// Which sources there are, as far as was seen.
#[derive(Debug)]
struct Served {
    /// All that were ever served. Each is watched from then on: it may come back.
    known: BTreeSet<Source>,
    /// How often in a row each of them was missing.
    missing: BTreeMap<Source, u32>,
}

/// What is to be watched besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is needed.
    Begin(Source),
    /// It is needed no longer.
    End(Source),
}

/// Watches under way.
struct Watches {
    client: Client,
    node: String,
    streams: SelectAll<BoxStream<'static, Seen>>,
    /// Those that were ordered.
    ordered: BTreeMap<Source, AbortHandle>,
}

/// Watches everything that is served and that a node needs, for as long as the stream is kept, and what is ordered. What is
/// read is taken in by a task of its own.
pub(super) fn feed(
    client: Client,
    node: String,
    orders: mpsc::UnboundedReceiver<Order>,
) -> impl Stream<Item = Seen> + Unpin {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    tokio::spawn(forward(client, node, orders, sender));
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Passes on what the watches see, begins those that are missing, and ends those that nobody needs.
async fn forward(
    client: Client,
    node: String,
    mut orders: mpsc::UnboundedReceiver<Order>,
    sender: mpsc::Sender<Seen>,
) {
    let mut served = Served { known: CORE.into(), missing: BTreeMap::new() };
    let (found, mut findings) = mpsc::channel(1);
    tokio::spawn(look(client.clone(), found));
    let mut watches = Watches { client, node, streams: SelectAll::new(), ordered: BTreeMap::new() };
    watches.begin(CORE);
    loop {
        let seen = tokio::select! {
            finding = findings.recv() => match finding {
                Some(Ok(sources)) => {
                    let (begin, mut seen) = served.found(&sources);
                    watches.begin(begin);
                    seen.push(Seen::Discovered(Ok(())));
                    seen
                }
                Some(Err(reason)) => vec![Seen::Discovered(Err(reason))],
                None => return,
            },
            Some(order) = orders.recv() => vec![watches.obey(order)],
            Some(seen) = watches.streams.next() => vec![seen],
        };
        for seen in seen {
            if sender.send(seen).await.is_err() {
                return;
            }
        }
    }
}

/// Asks what is served, again and again.
async fn look(client: Client, found: mpsc::Sender<Result<BTreeSet<Source>, String>>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let finding = match served_kinds(&client).await {
            Ok(served) => Ok(Source::of(&served)),
            Err(error) => Err(describe(&error)),
        };
        if found.send(finding).await.is_err() {
            return;
        }
    }
}

// === impl Watches ===

impl Watches {
    fn begin(&mut self, sources: impl IntoIterator<Item = Source>) {
        let begun = sources.into_iter().map(|source| source.watch(self.client.clone(), &self.node));
        self.streams.extend(begun);
    }

    /// Does as it is told, and says so. What a watch saw before it is ended is told before.
    fn obey(&mut self, order: Order) -> Seen {
        match order {
            Order::Begin(source) => {
                tracing::info!("{source} are watched, too");
                let (seen, handle) = abortable(source.clone().watch(self.client.clone(), &self.node));
                self.streams.push(seen.boxed());
                if let Some(before) = self.ordered.insert(source.clone(), handle) {
                    before.abort();
                }
                Seen::Served(source)
            }
            Order::End(source) => {
                tracing::info!("{source} are not watched any more: nothing needs them");
                if let Some(handle) = self.ordered.remove(&source) {
                    handle.abort();
                }
                Seen::Ended(source)
            }
        }
    }
}

// === impl Served ===

impl Served {
    /// Takes in what is served now. Gives the sources to be watched from now on, and what there is to tell.
    fn found(&mut self, now: &BTreeSet<Source>) -> (Vec<Source>, Vec<Seen>) {
        let begin: Vec<Source> = now.difference(&self.known).cloned().collect();
        let mut told: Vec<Seen> = begin.iter().cloned().map(Seen::Served).collect();
        for source in self.known.difference(now) {
            let misses = self.missing.entry(source.clone()).or_default();
            *misses += 1;
            if *misses == MISSES {
                tracing::warn!("{source} are not served any more");
                told.push(Seen::Unserved(source.clone()));
            }
        }
        for source in self.known.intersection(now) {
            if self.missing.remove(source).is_some_and(|misses| misses >= MISSES) {
                told.push(Seen::Served(source.clone()));
            }
        }
        self.known.extend(begin.iter().cloned());
        (begin, told)
    }
}

#[cfg(test)]
mod tests {
    use danm_api::{ApiGroup, ApiType, DanmKind};

    use super::*;
    use crate::agent::pod_scope::PodScope;

    #[test]
    fn a_kind_is_watched_once_and_gone_only_if_it_stays_away() {
        let policies = Source::Danm(ApiType { group: ApiGroup::DanmIo, kind: DanmKind::NetworkPolicy });
        let with: BTreeSet<Source> = CORE.into_iter().chain([policies.clone()]).collect();
        let without = BTreeSet::from(CORE);
        let mut served = Served { known: CORE.into(), missing: BTreeMap::new() };
        let (begin, told) = served.found(&with);
        assert_eq!(begin, std::slice::from_ref(&policies));
        assert!(matches!(&told[..], [Seen::Served(source)] if *source == policies));
        for _ in 1..MISSES {
            assert!(served.found(&without).1.is_empty());
        }
        assert!(matches!(&served.found(&without).1[..], [Seen::Unserved(source)] if *source == policies));
        assert!(served.found(&without).1.is_empty(), "told once");
        let (begin, told) = served.found(&with);
        assert!(begin.is_empty(), "it is watched still");
        assert!(matches!(&told[..], [Seen::Served(source)] if *source == policies));
    }

    #[tokio::test]
    async fn a_watch_that_is_ended_tells_nothing_more() {
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = Client::try_from(nowhere).unwrap();
        let node = "node-a".to_owned();
        let mut watches = Watches { client, node, streams: SelectAll::new(), ordered: BTreeMap::new() };
        let source = Source::Pods(PodScope::Everywhere);
        let begun = watches.obey(Order::Begin(source.clone()));
        assert!(matches!(begun, Seen::Served(it) if it == source));
        assert!(watches.streams.next().await.is_some(), "a list begins");
        let ended = watches.obey(Order::End(source.clone()));
        assert!(matches!(ended, Seen::Ended(it) if it == source));
        assert!(watches.streams.next().await.is_none());
    }
}
