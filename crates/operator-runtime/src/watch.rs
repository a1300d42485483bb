//! A watch as the verbs of an index. Lists are told object by object: whole, they would not fit into memory.

use std::{fmt::Debug, time::Duration};

use danm_api::Change;
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Config, Event, watcher},
    },
};
use serde::de::DeserializeOwned;

use crate::describe;

/// Why a watch does not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchFailure {
    /// Whether it will not go on where it was: it is begun anew after a while, with a list.
    pub is_lost: bool,
    /// The reason, for people.
    pub reason: String,
}

/// Bounds how long a connection that died silently goes unnoticed.
const WATCH_SECONDS: u32 = 60;

/// A watch that fails so often in a row is lost.
const FAILURES: u32 = 5;

/// When a lost watch is begun anew. Rights and definitions change by hand.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// Which objects a watch is about.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// What the server is asked for.
    pub of: Config,
    /// What it is asked for from then on if it does not understand that: older servers know fewer fields.
    pub otherwise: Option<Config>,
}

/// A watch with its memory.
struct Watch<K> {
    api: Api<K>,
    selection: Selection,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: u32,
    is_lost: bool,
}

/// Lists and then watches the selected objects of a kind, for ever. Lists are consistent reads; one that breaks off is
/// begun anew.
pub fn watch<K>(
    api: Api<K>,
    selection: impl Into<Selection>,
) -> impl Stream<Item = Result<Change<K>, WatchFailure>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    stream::unfold(Watch::new(api, selection.into()), |mut watch| async move {
        let told = watch.next().await?;
        Some((told, watch))
    })
}

// === impl Selection ===

impl From<Config> for Selection {
    fn from(of: Config) -> Self {
        Self { of, otherwise: None }
    }
}

// === impl Watch ===

impl<K> Watch<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    fn new(api: Api<K>, selection: Selection) -> Self {
        let events = begin(&api, &selection);
        Self { api, selection, events, failures: 0, is_lost: false }
    }

    async fn next(&mut self) -> Option<Result<Change<K>, WatchFailure>> {
        if self.is_lost {
            tokio::time::sleep(RESTART_AFTER).await;
            self.begin_anew();
        }
        loop {
            match self.events.next().await? {
                Ok(event) => return Some(Ok(self.told(event))),
                Err(error) => match self.selection.otherwise.take_if(|_| is_not_understood(&error)) {
                    Some(otherwise) => {
                        tracing::debug!(reason = reason(&error), "the API server is asked for less");
                        self.selection.of = otherwise;
                        self.begin_anew();
                    }
                    None => return Some(Err(self.failed(&error))),
                },
            }
        }
    }

    fn begin_anew(&mut self) {
        self.events = begin(&self.api, &self.selection);
        self.failures = 0;
        self.is_lost = false;
    }

    fn told(&mut self, event: Event<K>) -> Change<K> {
        // Each attempt to list begins with that, also one that fails.
        if !matches!(event, Event::Init) {
            self.failures = 0;
        }
        change(event)
    }

    fn failed(&mut self, error: &watcher::Error) -> WatchFailure {
        self.failures += 1;
        self.is_lost = is_final(error) || self.failures >= FAILURES;
        WatchFailure { is_lost: self.is_lost, reason: reason(error) }
    }
}

fn begin<K>(api: &Api<K>, selection: &Selection) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher(api.clone(), selection.of.clone().timeout(WATCH_SECONDS)).default_backoff().boxed()
}

fn change<K>(event: Event<K>) -> Change<K> {
    match event {
        Event::Init => Change::ListBegins,
        Event::InitApply(object) => Change::Listed(object),
        Event::InitDone => Change::ListEnds,
        Event::Apply(object) => Change::Apply(object),
        Event::Delete(object) => Change::Delete(object),
    }
}

/// Whether trying again at once is of no use: somebody has to change rights or definitions.
fn is_final(error: &watcher::Error) -> bool {
    let Some(kube::Error::Api(status)) = cause(error) else { return false };
    matches!(status.code, 401 | 403 | 404 | 405)
}

/// Whether the server takes what it is asked for to be no request: so it calls a selector with a field that it does not know.
fn is_not_understood(error: &watcher::Error) -> bool {
    matches!(cause(error), Some(kube::Error::Api(status)) if status.code == 400)
}

fn reason(error: &watcher::Error) -> String {
    cause(error).map_or_else(|| describe(error), |cause| describe(cause))
}

const fn cause(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}
