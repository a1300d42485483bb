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

/// A watch with its memory.
struct Watch<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: u32,
    is_lost: bool,
}

/// Lists and then watches the selected objects of a kind, for ever. Lists are consistent reads; one that breaks off is
/// begun anew.
pub fn watch<K>(api: Api<K>, selection: Config) -> impl Stream<Item = Result<Change<K>, WatchFailure>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let begin = move || Watch {
        events: watcher(api.clone(), selection.clone().timeout(WATCH_SECONDS)).default_backoff().boxed(),
        failures: 0,
        is_lost: false,
    };
    stream::unfold(begin(), move |mut watch| {
        let begin = begin.clone();
        async move {
            if watch.is_lost {
                tokio::time::sleep(RESTART_AFTER).await;
                watch = begin();
            }
            let told = match watch.events.next().await? {
                Ok(event) => Ok(watch.told(event)),
                Err(error) => Err(watch.failed(&error)),
            };
            Some((told, watch))
        }
    })
}

impl<K> Watch<K> {
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
