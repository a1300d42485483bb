//! A watch as the verbs of an index: a complete list is one `Reset`, whatever pages and restarts it took.

use std::fmt::Debug;

use danm_api::Change;
use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Config, Event, watcher},
    },
};
use serde::de::DeserializeOwned;

use crate::describe;

/// Why a watch does not deliver. It goes on trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchFailure {
    /// Whether trying again is of no use until somebody changes rights or definitions.
    pub is_final: bool,
    /// The reason, for people.
    pub reason: String,
}

/// Bounds how long a connection that died silently goes unnoticed.
const WATCH_SECONDS: u32 = 60;

/// Lists and then watches all objects of a kind, for ever. Lists are consistent reads; one that breaks off is
/// begun anew and not told.
pub fn watch<K>(api: Api<K>) -> impl Stream<Item = Result<Change<K>, WatchFailure>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let events = watcher(api, Config::default().timeout(WATCH_SECONDS)).default_backoff();
    let changes = events.scan(Vec::new(), |listed, event| {
        let change = match event {
            Ok(event) => change(event, listed).map(Ok),
            Err(error) => Some(Err(failure(&error))),
        };
        futures::future::ready(Some(change))
    });
    changes.flat_map(stream::iter)
}

fn change<K>(event: Event<K>, listed: &mut Vec<K>) -> Option<Change<K>> {
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(object) => listed.push(object),
        Event::InitDone => return Some(Change::Reset(std::mem::take(listed))),
        Event::Apply(object) => return Some(Change::Apply(object)),
        Event::Delete(object) => return Some(Change::Delete(object)),
    }
    None
}

fn failure(error: &watcher::Error) -> WatchFailure {
    let cause = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => {
            return WatchFailure { is_final: false, reason: describe(error) };
        }
    };
    let is_final = matches!(cause, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404 | 405));
    WatchFailure { is_final, reason: describe(cause) }
}
