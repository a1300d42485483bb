//! What the connections of a server share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{fault::Faults, recorder::Recorder, sandbox::Options, store::Store};

#[derive(Debug)]
pub(crate) struct State {
    store: Mutex<Store>,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) options: Options,
    /// True once the server is to end.
    pub(crate) ending: watch::Sender<bool>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            store: Mutex::new(Store::new(options.history)),
            faults: Faults::default(),
            recorder: Recorder::default(),
            options,
            ending: watch::Sender::new(false),
        }
    }

    /// Nobody else reads or writes while this is held; it is never held across an await.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
