//! Has statements written, several at a time and each policy's on its own, so that one that is refused or not answered holds
//! up no other. Which are to be written, is decided in `review.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use operator_runtime::printable;
use policy_engine::PolicyKey;

use super::{
    review::Statement,
    status_writer::{StatusWriter, Written},
    told::Record,
};

/// Writes under way at the same time.
const IN_FLIGHT: usize = 16;

/// How long a policy that does not change is left alone after a write of its status failed. Rights and definitions change by
/// hand.
const PAUSE: Duration = Duration::from_secs(10);

/// Writes under way, and what failed.
pub(super) struct Scribe {
    writer: StatusWriter,
    writes: FuturesUnordered<BoxFuture<'static, (Statement, Written)>>,
    in_flight: BTreeSet<PolicyKey>,
    troubles: BTreeMap<PolicyKey, Trouble>,
}

/// Why the status of a policy could not be written.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) reason: String,
    /// Of the version that was judged.
    version: String,
    /// When it may be tried again.
    until: Instant,
}

// === impl Scribe ===

impl Scribe {
    pub(super) fn new(writer: StatusWriter) -> Self {
        Self {
            writer,
            writes: FuturesUnordered::new(),
            in_flight: BTreeSet::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// How many writes may be begun.
    pub(super) fn room(&self) -> usize {
        IN_FLIGHT.saturating_sub(self.writes.len())
    }

    /// Whether something may be written about a policy now.
    pub(super) fn may_write(&self, key: &PolicyKey, record: &Record, now: Instant) -> bool {
        let trouble = self.troubles.get(key).filter(|trouble| trouble.version == record.version);
        !self.in_flight.contains(key) && trouble.is_none_or(|trouble| trouble.until <= now)
    }

    pub(super) fn begin(&mut self, statement: Statement) {
        self.in_flight.insert(statement.key.clone());
        let writer = self.writer.clone();
        let write = async move {
            let written = writer.write(&statement).await;
            (statement, written)
        };
        self.writes.push(write.boxed());
    }

    /// The next write that comes to an end; for ever under way if there is none.
    pub(super) async fn next(&mut self) -> (Statement, Written) {
        match self.writes.next().await {
            Some(written) => written,
            None => std::future::pending().await,
        }
    }

    /// Takes note of what became of a write. What fails in the same way again is not told again.
    pub(super) fn settle(&mut self, statement: &Statement, written: &Written, now: Instant) {
        let Statement { key, version, .. } = statement;
        self.in_flight.remove(key);
        let (Written::Refused(reason) | Written::Unknown(reason)) = written else {
            self.troubles.remove(key);
            return;
        };
        let reason = printable(reason, false).into_owned();
        let trouble = Trouble { reason, version: version.clone(), until: now + PAUSE };
        if self.troubles.get(key).is_none_or(|before| before.reason != trouble.reason) {
            tracing::warn!("cannot write status.conditions of DanmNetworkPolicy {key}: {}", trouble.reason);
        }
        self.troubles.insert(key.clone(), trouble);
    }

    /// A policy that is gone is in no trouble.
    pub(super) fn forget_all_but(&mut self, is_there: impl Fn(&PolicyKey) -> bool) {
        self.troubles.retain(|key, _| is_there(key));
    }

    /// The policies whose status cannot be written, and why.
    pub(super) const fn troubles(&self) -> &BTreeMap<PolicyKey, Trouble> {
        &self.troubles
    }
}
