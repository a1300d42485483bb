//! The objects of one kind, now and as far back as is remembered. Which writes are allowed is the verbs'
//! business.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    log::{Event, Log},
    object::{Key, Object},
};

/// All objects of a kind at one revision, in the order of their keys.
pub(crate) type Snapshot = Arc<Vec<Arc<Object>>>;

/// How many lists that are read in chunks may be under way, each at its own revision.
const SNAPSHOTS: usize = 32;

/// As long as the real server keeps what is compacted.
const SNAPSHOT_LIFE: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Collection {
    objects: BTreeMap<Key, Arc<Object>>,
    pub(crate) log: Arc<Log>,
    snapshots: VecDeque<(u64, Instant, Snapshot)>,
}

impl Collection {
    pub(crate) fn new(history: usize, revision: u64) -> Self {
        let log = Arc::new(Log::new(history, revision));
        Self { objects: BTreeMap::new(), log, snapshots: VecDeque::new() }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub(crate) fn is_empty_in(&self, namespace: &str) -> bool {
        let (first, end) = Key::bounds(namespace);
        self.objects.range(first..end).next().is_none()
    }

    /// Puts an object in place of what was there.
    pub(crate) fn put(&mut self, object: Arc<Object>) {
        let before = self.objects.insert(object.key.clone(), object.clone());
        self.log.push(Event { object, before, is_removal: false });
    }

    /// Removes an object; the log keeps its last state.
    pub(crate) fn remove(&mut self, last: Arc<Object>) {
        let before = self.objects.remove(&last.key);
        self.log.push(Event { object: last, before, is_removal: true });
    }

    /// The objects now: all, or those of a namespace.
    pub(crate) fn list(&self, namespace: Option<&str>) -> Vec<Arc<Object>> {
        match namespace {
            Some(namespace) => {
                let (first, end) = Key::bounds(namespace);
                self.objects.range(first..end).map(|(_, object)| object.clone()).collect()
            }
            None => self.objects.values().cloned().collect(),
        }
    }

    /// The objects as they were at a revision, which is now or remembered.
    pub(crate) fn at(&mut self, revision: u64, now: u64) -> Option<Snapshot> {
        self.snapshots.retain(|(_, taken, _)| taken.elapsed() < SNAPSHOT_LIFE);
        if let Some((_, _, snapshot)) = self.snapshots.iter().find(|(taken, ..)| *taken == revision) {
            return Some(snapshot.clone());
        }
        let objects = if revision == now { self.list(None) } else { self.roll_back(revision)? };
        let snapshot = Arc::new(objects);
        self.snapshots.push_back((revision, Instant::now(), snapshot.clone()));
        while self.snapshots.len() > SNAPSHOTS {
            self.snapshots.pop_front();
        }
        Some(snapshot)
    }

    /// Forgets the past: whoever asks for it has to begin anew.
    pub(crate) fn forget(&mut self, revision: u64) {
        self.snapshots.clear();
        self.log.forget(revision);
    }

    fn roll_back(&self, revision: u64) -> Option<Vec<Arc<Object>>> {
        let events = self.log.after(revision).ok()?;
        let mut past: HashMap<&Key, Option<&Arc<Object>>> = HashMap::new();
        for event in events.iter().rev() {
            past.insert(&event.object.key, event.before.as_ref());
        }
        let mut objects = self.objects.clone();
        for (key, before) in past {
            match before {
                Some(object) => objects.insert(key.clone(), object.clone()),
                None => objects.remove(key),
            };
        }
        Some(objects.into_values().collect())
    }
}
