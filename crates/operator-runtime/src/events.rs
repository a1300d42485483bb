//! Events: what people see in `kubectl describe`. They are a courtesy, published beside the work: nobody waits
//! for them, and one that cannot be published is a line in the debug log. What matters is in logs and metrics.
//!
//! ```text
//!   publish ──> Recent (said already?) ──> bounded queue ──> a task ── POST ──> API server
//! ```

mod note;
mod recent;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

pub use self::note::{EventKind, EventNote};
use self::recent::Recent;
use crate::{clock::now, describe};

/// Publishes Events. Dropped, it still publishes what is queued, as long as the runtime lives.
#[derive(Debug)]
pub struct EventPublisher {
    queue: mpsc::Sender<Item>,
    recent: Mutex<Recent>,
    dropped: AtomicU64,
}

/// What waits for the task.
#[derive(Debug)]
enum Item {
    Note(Box<EventNote>),
    /// Tell when everything before this is done.
    Flush(oneshot::Sender<()>),
}

/// Who publishes, as Events name it.
struct Reporter {
    client: Client,
    component: String,
    instance: String,
}

/// Notes that may wait.
const QUEUE: usize = 256;

/// How long one Event may keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl EventPublisher ===

impl EventPublisher {
    /// A publisher for a program, `danm-cleaner` say, and its instance: see [`identity`](crate::identity). The
    /// one right it needs is to create `events`.
    pub fn new(client: Client, component: impl Into<String>, instance: impl Into<String>) -> Self {
        let (queue, notes) = mpsc::channel(QUEUE);
        let reporter = Reporter { client, component: component.into(), instance: instance.into() };
        tokio::spawn(reporter.run(notes));
        Self { queue, recent: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// Publishes a note, if the same was not published lately. Never waits: where too many wait already, the
    /// note is dropped and counted.
    pub fn publish(&self, note: EventNote) {
        // A place first: a note that is dropped has not been said.
        let Ok(place) = self.queue.try_reserve() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.is_new(&note, now()) {
            place.send(Item::Note(Box::new(note)));
        }
    }

    /// How many notes were dropped because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was published before has been tried, but not for longer than this. Tells whether it was.
    pub async fn flush(&self, limit: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            self.queue.send(Item::Flush(done)).await.ok()?;
            flushed.await.ok()
        };
        matches!(timeout(limit, flush).await, Ok(Some(())))
    }
}

// === impl Reporter ===

impl Reporter {
    async fn run(self, mut notes: mpsc::Receiver<Item>) {
        while let Some(item) = notes.recv().await {
            match item {
                Item::Note(note) => self.report(*note).await,
                // Whoever asked may have stopped waiting.
                Item::Flush(done) => drop(done.send(())),
            }
        }
    }

    async fn report(&self, note: EventNote) {
        let event = note.into_event(&self.component, &self.instance, Timestamp::now());
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let problem = match timeout(PATIENCE, events.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => describe(&error),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        let reason = event.reason.unwrap_or_default();
        tracing::debug!(namespace, reason, "cannot publish an Event: {problem}");
    }
}
