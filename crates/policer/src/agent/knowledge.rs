//! What the agent knows: the world as far as it was read, how far that is, what cannot be read, and which policies have to be
//! looked at because something changed. Nothing is decided here. What is known of Pods is in `knowledge/pods.rs`, and what annotations open in
//! `openings.rs`.

mod pods;
mod restoration;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use danm_api::{Change, PolicySpec};
use operator_runtime::printable;
use policy_engine::{Engine, Key, Object, PolicyKey, World};

use self::pods::Pods;
pub(super) use self::restoration::Remembered;
use super::{
    coverage::{Coverage, Progress},
    openings::Openings,
    source::{Seen, Source},
    told::{Read, Record, Told},
};

/// What the agent knows.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    engine: Engine,
    coverage: Coverage,
    stocks: BTreeMap<Source, Stock>,
    pods: Pods,
    openings: Openings,
    records: BTreeMap<PolicyKey, Record>,
    /// Policies whose status may not say what is so.
    stale: BTreeSet<PolicyKey>,
    /// Whether that is so of all of them: any may name what changed.
    is_all_stale: bool,
    /// Counts what may change what is found out about policies.
    revision: u64,
    /// Counts what is taken in.
    changes: u64,
}

/// What is there of a source.
#[derive(Debug, Default)]
struct Stock {
    known: BTreeSet<Key>,
    /// What was listed so far, while it is listed anew.
    listed: Option<BTreeSet<Key>>,
    /// Objects that cannot be read as they are now, and why.
    unreadable: BTreeMap<Key, String>,
}

// === impl Knowledge ===

impl Knowledge {
    pub(super) const fn world(&self) -> &World {
        self.engine.world()
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Counts what is taken in.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What annotations open.
    pub(super) const fn openings(&self) -> &Openings {
        &self.openings
    }

    pub(super) fn record(&self, key: &PolicyKey) -> Option<(&PolicyKey, &Record)> {
        self.records.get_key_value(key)
    }

    /// As long as this is the same, so is what is found out about policies.
    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    /// What cannot be read, and why.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (&Source, &Key, &str)> {
        let stocks = self.stocks.iter();
        stocks.flat_map(|(source, stock)| {
            stock.unreadable.iter().map(move |(key, problem)| (source, key, problem.as_str()))
        })
    }

    /// Policies that have to be looked at, and may be in their present versions: as many as are asked for, and no longer
    /// noted.
    pub(super) fn take_stale(
        &mut self,
        count: usize,
        may: impl Fn(&PolicyKey, &Record) -> bool,
    ) -> Vec<PolicyKey> {
        if std::mem::take(&mut self.is_all_stale) {
            self.stale.extend(self.records.keys().cloned());
        }
        let may = |key: &&PolicyKey| self.records.get(*key).is_some_and(|record| may(key, record));
        let taken: Vec<PolicyKey> = self.stale.iter().filter(may).take(count).cloned().collect();
        for key in &taken {
            self.stale.remove(key);
        }
        taken
    }

    /// A policy has to be looked at again, if it is there still.
    pub(super) fn mark(&mut self, key: PolicyKey) {
        if self.records.contains_key(&key) {
            self.stale.insert(key);
        }
    }

    /// The status of a policy was written: its object is like this now, unless a watch has told of a later one since.
    pub(super) fn written(&mut self, key: &PolicyKey, judged: &str, now: Record) {
        if let Some(record) = self.records.get_mut(key).filter(|record| record.version == judged) {
            *record = now;
        }
    }

    /// Takes in what is seen.
    pub(super) fn take(&mut self, seen: Seen) {
        self.changes += 1;
        match seen {
            Seen::Changed(source, change) => self.change(&source, change),
            Seen::Unavailable(source, reason) => {
                // It is begun anew every few seconds, and fails in the same way until somebody mends it.
                if self.coverage.set(&source, Progress::Unavailable(reason.clone())) {
                    tracing::warn!("cannot read {source}: {}", printable(&reason, false));
                }
            }
            Seen::Served(source) => self.coverage.expect(source),
            // What it told stays until a list says otherwise: nobody is to be open because a definition is away.
            Seen::Unserved(source) => self.coverage.forget(&source),
            Seen::Ended(source) => {
                self.coverage.forget(&source);
                let known = self.stocks.remove(&source).map(|stock| stock.known).unwrap_or_default();
                known.iter().for_each(|key| self.delete(&source, key));
            }
            Seen::Discovered(result) => self.coverage.discovered(result),
        }
    }

    fn change(&mut self, source: &Source, change: Change<Box<Told>>) {
        match change {
            Change::Apply(told) | Change::Listed(told) => self.apply(source, *told),
            Change::Delete(told) => self.delete(source, &told.key),
            Change::Read(all) => all.into_iter().for_each(|told| self.apply(source, *told)),
            Change::Reset(all) => {
                self.begin_list(source);
                all.into_iter().for_each(|told| self.apply(source, *told));
                self.end_list(source);
            }
            Change::ListBegins => self.begin_list(source),
            Change::ListEnds => self.end_list(source),
        }
    }

    fn begin_list(&mut self, source: &Source) {
        self.stocks.entry(source.clone()).or_default().listed = Some(BTreeSet::new());
    }

    /// What is known and was not listed is gone.
    fn end_list(&mut self, source: &Source) {
        let stock = self.stocks.entry(source.clone()).or_default();
        let listed = stock.listed.take().unwrap_or_default();
        let all = stock.known.iter().chain(stock.unreadable.keys());
        let gone: BTreeSet<Key> = all.filter(|key| !listed.contains(key)).cloned().collect();
        gone.iter().for_each(|key| self.delete(source, key));
        if self.coverage.set(source, Progress::Synced) {
            tracing::debug!("{source} are listed");
        }
    }

    fn apply(&mut self, source: &Source, Told { key, read, word }: Told) {
        self.hear(source, &key, &read, word);
        let stock = self.stocks.entry(source.clone()).or_default();
        if let Some(listed) = &mut stock.listed {
            listed.insert(key.clone());
        }
        if let Read::Unreadable(problem, rest) = read {
            return self.keep(source, key, &problem, rest);
        }
        stock.unreadable.remove(&key);
        let is_new = stock.known.insert(key);
        match read {
            Read::Pod(name, sighting) => self.see_pod(source, &name, sighting),
            Read::Policy(object, record) => self.apply_policy(object, record),
            Read::Object(object) => self.apply_object(object, is_new),
            Read::Unreadable(..) => {}
        }
    }

    /// Keeps what was read of an object before; of one that never was, what it is all the same.
    fn keep(&mut self, source: &Source, key: Key, problem: &str, rest: Option<Object>) {
        let stock = self.stocks.entry(source.clone()).or_default();
        let rest = rest.filter(|_| !stock.known.contains(&key));
        let problem = printable(problem, false);
        if stock.unreadable.get(&key).is_none_or(|before| *before != problem) {
            let name = name_of(&key);
            tracing::warn!("{source} {name} cannot be read, and counts as it was before: {problem}");
            stock.unreadable.insert(key, problem.into_owned());
        }
        if let Some(rest) = rest {
            self.apply_to_engine(rest);
        }
    }

    fn apply_object(&mut self, object: Object, is_new: bool) {
        let decides = match &object {
            // A network changes with each address that is given, and to policies only by being there.
            Object::Network(..) if !is_new => return,
            Object::Network(..) => true,
            Object::Namespace(name, labels) => self.world().namespace(name) != Some(labels),
            _ => false,
        };
        self.apply_to_engine(object);
        if decides {
            self.mark_all();
        }
    }

    fn apply_policy(&mut self, object: Object, record: Record) {
        let Object::Policy(key, spec) = &object else { return };
        let (key, spec) = (key.clone(), Arc::clone(spec));
        let is_another = self.records.get(&key).is_some_and(|before| before.uid != record.uid);
        self.records.insert(key.clone(), record);
        // What one of the same name said before it was deleted is not an earlier version of this one.
        if is_another {
            self.engine.delete(&Key::Policy(key.clone()));
        }
        self.tell_problems(&key, &spec);
        let before = self.means_nobody_knows_whom(&key);
        self.engine.apply(object);
        if before != self.means_nobody_knows_whom(&key) {
            self.touch_all_of(&Key::Namespace(Arc::clone(&key.name.namespace)));
        }
        self.note_policy(&key);
        self.stale.insert(key);
        self.revision += 1;
    }

    /// Tells what is not understood in a policy, unless that was so before.
    fn tell_problems(&self, key: &PolicyKey, spec: &PolicySpec) {
        let before = self.world().policy(key).map(|policy| &policy.problems);
        if before == Some(&spec.problems) {
            return;
        }
        for problem in &spec.problems {
            let text = format!("{} {}", problem.field, problem.problem);
            tracing::warn!("DanmNetworkPolicy {key}: {}", printable(&text, false));
        }
        if spec.problems.is_empty() && before.is_some() {
            tracing::info!("DanmNetworkPolicy {key}: all of it is understood now");
        }
    }

    fn delete(&mut self, source: &Source, key: &Key) {
        self.forget_opening(source, key);
        if let Some(stock) = self.stocks.get_mut(source) {
            stock.known.remove(key);
            stock.unreadable.remove(key);
        }
        if let Key::Pod(name) = key {
            return self.lose_pod(source, name);
        }
        let named = self.named_by(key);
        if let Key::Policy(key) = key
            && self.means_nobody_knows_whom(key)
        {
            self.touch_all_of(&Key::Namespace(Arc::clone(&key.name.namespace)));
        }
        self.engine.delete(key);
        named.iter().for_each(|pod| self.touch_pod(pod));
        match key {
            Key::Policy(key) => {
                self.note_policy(key);
                self.records.remove(key);
                self.stale.remove(key);
                self.revision += 1;
            }
            Key::Network(..) | Key::Namespace(_) => self.mark_all(),
            _ => {}
        }
    }

    /// Whether there is such a policy, and nobody knows whom it is about: it may be any Pod of its namespace.
    fn means_nobody_knows_whom(&self, key: &PolicyKey) -> bool {
        self.world().policy(key).is_some_and(|policy| policy.spec.subject.is_none())
    }

    /// Takes an object in, and asks anew whom endpoints name.
    fn apply_to_engine(&mut self, object: Object) {
        let key = object.key();
        let before = self.named_by(&key);
        self.engine.apply(object);
        before.into_iter().chain(self.named_by(&key)).for_each(|pod| self.touch_pod(&pod));
    }

    fn mark_all(&mut self) {
        self.is_all_stale = true;
        self.revision += 1;
    }
}

/// The namespace and name of an object.
pub(super) fn name_of(key: &Key) -> String {
    let (namespace, name) = crate::inventory::names(key);
    match (namespace, name) {
        (_, "") => "without a name".to_owned(),
        ("", name) => printable(name, false).into_owned(),
        (namespace, name) => printable(&format!("{namespace}/{name}"), false).into_owned(),
    }
}

#[cfg(test)]
mod tests;
