//! The upkeep of address books: which step mends what does not agree, what came of it, and what is told of the rest.

use std::time::Duration;

use danm_api::ApiGroup;
use kube::Resource;
use leak_judge::{
    AddressBook, Anomaly, Fate, Holder, Mending, Moment, NetworkId, Observation, Remark, RipeOrphans, Row,
    Source, Version, anomalies, ripe_orphans,
};

use super::{State, outcome::observation_of};
use crate::{
    Cadence, Failure,
    cleaner::{Inconsistency, setbacks::Target, step::Step},
    confirm::Questions,
    mend::{Mend, MendPlan, Mended},
    recheck::Rechecked,
};

/// Endpoints that are asked about in one round, one by one.
const RECHECKED_AT_ONCE: usize = 1_000;

/// All endpoints are not read more often than that for the sake of orphans, which have waited for longer.
const LISTS_APART: Duration = Duration::from_secs(60);

impl State {
    /// Looks at all address books.
    pub(super) fn inspect(&mut self, now: Moment) {
        let was_held = self.orphan_brake(now);
        let found = anomalies(&self.world, &self.lookout.doubtful().judgements);
        self.upkeep.look(found, &self.world, (&self.rules.judge, &self.rules.mend), now);
        if let Some(why) = self.orphan_brake(now).filter(|_| was_held.is_none()) {
            tracing::warn!("the brake holds bits without endpoints: {why}; if that is true, override it");
        }
    }

    /// What can be mended at once: what is ripe and confirmed, or else the reads that confirm it.
    pub(super) fn mend(&mut self, now: Moment) -> Option<Step> {
        if self.upkeep.ripe.is_empty() || self.is_stopping || !self.lead.is_leading {
            return None;
        }
        if self.single.has_given_up(now) {
            return None;
        }
        let mendings = self.mendings(now);
        let ready: Vec<MendPlan> =
            mendings.iter().filter_map(|(id, mending)| self.ready(id, mending, now)).collect();
        if !ready.is_empty() && !self.rules.dry_run {
            ready.iter().for_each(|plan| self.under_way.mend(&plan.network));
            return Some(Step::Mend(ready));
        }
        if !self.under_way.may_ask_for_upkeep() || self.is_listing() {
            return None;
        }
        self.recheck(&mendings, now).or_else(|| self.list_for(&mendings, now))
    }

    /// What is ripe in each network as it is now, as far as nothing stands in the way.
    fn mendings(&mut self, now: Moment) -> Vec<(NetworkId, Mending)> {
        let is_braked = self.orphan_brake(now).is_some();
        let mut mendings = Vec::new();
        for id in self.upkeep.ripe.clone() {
            if self.upkeep.refused.contains_key(&id) {
                self.upkeep.ripe.remove(&id);
                continue;
            }
            let is_held_up = self.setbacks.of(&Target::Network(id.clone()), now).is_some();
            if is_held_up || self.under_way.is_written(&id) {
                continue;
            }
            let book = AddressBook::of(&self.world, &id);
            let ripe = |book| Mending::of(book, &self.upkeep.sightings, &self.rules.mend, now);
            let mut mending = book.map_or_else(Mending::default, ripe);
            if mending.is_empty() {
                self.upkeep.ripe.remove(&id);
                continue;
            }
            let target = |holder: &Holder| Target::Endpoint(holder.id.clone());
            mending.missing.retain(|missing| self.setbacks.of(&target(&missing.holder), now).is_none());
            if is_braked {
                mending.orphans.clear();
            }
            mendings.push((id, mending));
        }
        mendings
    }

    fn ready(&self, id: &NetworkId, mending: &Mending, now: Moment) -> Option<MendPlan> {
        let orphans = mending.orphans.iter().filter(|ripe| self.has_shown(ripe)).cloned().collect();
        let missing = mending.missing.iter();
        let missing =
            missing.filter(|missing| self.upkeep.is_confirmed(&missing.holder, now)).cloned().collect();
        let mending = Mending { orphans, missing };
        let write = mending.write(self.world.networks().get(id)?)?;
        Some(MendPlan { network: id.clone(), mending, write })
    }

    /// Asks whether those live whose bits are missing.
    fn recheck(&mut self, mendings: &[(NetworkId, Mending)], now: Moment) -> Option<Step> {
        let holders =
            mendings.iter().flat_map(|(_, mending)| &mending.missing).map(|missing| &missing.holder);
        let is_open =
            |holder: &&Holder| !self.upkeep.is_asked(holder) && !self.upkeep.is_confirmed(holder, now);
        let open: Vec<Holder> = holders.filter(is_open).take(RECHECKED_AT_ONCE).cloned().collect();
        if open.is_empty() || self.rules.dry_run {
            return None;
        }
        self.upkeep.ask(&open);
        self.under_way.begin_round();
        Some(Step::Recheck(open))
    }

    /// Reads all endpoints where that shows that nobody holds the orphans.
    fn list_for(&mut self, mendings: &[(NetworkId, Mending)], now: Moment) -> Option<Step> {
        let hidden =
            mendings.iter().flat_map(|(_, mending)| &mending.orphans).filter(|ripe| !self.has_shown(ripe));
        let since = hidden.map(|ripe| ripe.shown_since).max()?;
        let may_list = self.upkeep.may_list_at.is_none_or(|at| at <= now);
        let mut groups = ApiGroup::ALL.into_iter();
        let is_unreadable = groups.any(|group| self.setbacks.of(&Target::Endpoints(group), now).is_some());
        if self.upkeep.is_listing || !may_list || is_unreadable {
            return None;
        }
        self.upkeep.is_listing = true;
        if let Cadence::Every(interval) = self.rules.cadence {
            self.upkeep.may_list_at = Some(now + interval.min(LISTS_APART));
        }
        let questions = Questions::about_endpoints(&self.world, since);
        self.under_way.ask(&questions);
        Some(Step::Confirm(questions))
    }

    /// Whether all endpoints have been read since.
    fn has_shown(&self, ripe: &RipeOrphans) -> bool {
        let served = |group: &ApiGroup| self.world.coverage().serves(Source::endpoints(*group));
        let groups: Vec<ApiGroup> = ApiGroup::ALL.into_iter().filter(served).collect();
        let is_read = |group: &ApiGroup| self.world.has_read_endpoints(*group, ripe.shown_since);
        !groups.is_empty() && groups.iter().all(is_read)
    }

    /// Why no bits without endpoints are cleared, if so: a list of endpoints that came back empty makes orphans of all.
    pub(super) fn orphan_brake(&self, now: Moment) -> Option<String> {
        self.rules.mend.orphan_for?;
        let (allocated, orphans) = self.upkeep.counted();
        let limit = self.brake.limit_passed(allocated, orphans, now)?;
        Some(format!("{orphans} of {allocated} allocated addresses have no endpoint, more than {limit}"))
    }

    /// It was asked whether some endpoints live.
    pub(crate) fn rechecked(&mut self, all: Vec<Rechecked>, asked_at: Moment, now: Moment) {
        self.waiting = None;
        self.under_way.end_round();
        for Rechecked { holder, seen, result } in all {
            self.upkeep.answered(&holder);
            if self.is_overtaken(&[Source::Pods, Source::endpoints(holder.id.group)], asked_at) {
                continue;
            }
            match result {
                Ok(version) => {
                    self.setbacks.clear(&Target::Endpoint(holder.id.clone()));
                    self.upkeep.confirm(&holder, version, now);
                }
                Err(error) => self.fail(Target::Endpoint(holder.id.clone()), error, None, now),
            }
            seen.into_iter().for_each(|observation| self.observe(observation, now));
        }
    }

    /// The address book of a network was mended, or not. Gives what there is to tell.
    pub(crate) fn mended(&mut self, mended: Mended, now: Moment) -> (Mend, Vec<Row>) {
        let told = Mend::of(&mended);
        let Mended { plan: MendPlan { network, mending, write }, result } = mended;
        self.waiting = None;
        self.under_way.wrote(&network);
        self.under_way.done();
        let target = Target::Network(network.clone());
        let object = match result {
            Ok(object) => object,
            Err(error) if self.is_final(&error) => {
                tracing::error!("{error}");
                self.upkeep.refused.insert(network, error.to_string());
                return (told, Vec::new());
            }
            Err(error) => {
                self.fail(target, error, Some(write.version), now);
                return (told, Vec::new());
            }
        };
        self.setbacks.clear(&target);
        self.single.rests();
        let version = Version::read(object.meta().resource_version.as_deref());
        self.observe(observation_of(&network, object), now);
        // By the time of the answer the watch may have shown later ones.
        if let Ok(version) = version {
            let restored = Observation::BitsRestored(network.clone(), mending.restored(), version);
            self.world.observe(restored, now);
        }
        self.upkeep.free(mending.freed());
        log(&network, &mending);
        let rows = mending.orphans.into_iter().flat_map(|ripe| {
            let note = Some(seen_for(ripe.since, now));
            Remark { anomaly: Anomaly::OrphanBits(ripe.bits), fate: Fate::Mended, note }.rows()
        });
        let rows = rows.collect();
        self.upkeep.mended.extend(mending.missing);
        (told, rows)
    }

    /// What is to be said in the report about anomalies.
    pub(super) fn remarks(&self, now: Moment) -> Vec<Remark> {
        let mended = self.upkeep.mended.iter().map(|missing| Remark {
            anomaly: Anomaly::MissingBit(missing.clone()),
            fate: Fate::Mended,
            note: None,
        });
        mended.chain(self.upkeep.found.iter().flat_map(|anomaly| self.remarks_on(anomaly, now))).collect()
    }

    /// Everything was reported. Gives what does not agree and was not told yet: the leader tells it.
    pub(crate) fn reported(&mut self) -> Vec<Inconsistency> {
        self.upkeep.mended.clear();
        let may_tell = self.lead.is_leading && !self.rules.dry_run;
        if may_tell { self.upkeep.tell(&self.world) } else { Vec::new() }
    }

    fn remarks_on(&self, anomaly: &Anomaly, now: Moment) -> Vec<Remark> {
        let record = self.world.networks().get(anomaly.network());
        match (anomaly, record) {
            (Anomaly::OrphanBits(orphans), Some(record)) if orphans.obstacle.is_none() => {
                let ripe = ripe_orphans(orphans, record, &self.upkeep.sightings, &self.rules.mend);
                let remarks: Vec<Remark> = ripe.map(|ripe| self.remark_on_orphans(ripe, now)).collect();
                if remarks.is_empty() { vec![Remark::of(anomaly.clone())] } else { remarks }
            }
            (Anomaly::OrphanBits(orphans), _) => {
                vec![Remark { note: orphans.obstacle.clone(), ..Remark::of(anomaly.clone()) }]
            }
            (Anomaly::MissingBit(missing), _) => {
                let error = self.setback_of(&missing.network, &missing.holder, now);
                let note = missing.obstacle.clone().or(error).unwrap_or_else(|| {
                    let rules = &self.rules;
                    let when = if rules.dry_run { "would be set" } else { "is set" };
                    format!("it {when} once it has been seen so twice, {:?} apart", rules.mend.missing_for)
                });
                vec![Remark { note: Some(note), ..Remark::of(anomaly.clone()) }]
            }
            _ => vec![Remark::of(anomaly.clone())],
        }
    }

    fn remark_on_orphans(&self, ripe: RipeOrphans, now: Moment) -> Remark {
        let wait = self.rules.mend.orphan_for.unwrap_or_default();
        let seen = seen_for(ripe.since, now);
        let (fate, note) = if ripe.shown_since > now {
            (Fate::Told, format!("{seen} of {wait:?}"))
        } else if let Some(why) = self.orphan_brake(now) {
            (Fate::Braked, why)
        } else if self.rules.dry_run && self.has_shown(&ripe) {
            (Fate::WouldBeMended, seen)
        } else if let Some(error) = self.failure_in(&ripe.bits.network, now) {
            (Fate::Failed, error)
        } else {
            (Fate::Told, seen)
        };
        Remark { anomaly: Anomaly::OrphanBits(ripe.bits), fate, note: Some(note) }
    }

    /// Why a network could not be mended. What a single pass ends without having mended it has given up.
    fn failure_in(&self, network: &NetworkId, now: Moment) -> Option<String> {
        if self.rules.cadence == Cadence::Once {
            let given_up = || format!("given up: {}", self.single.obstacle);
            return Some(self.upkeep.refused.get(network).cloned().unwrap_or_else(given_up));
        }
        let setback = self.setbacks.of(&Target::Network(network.clone()), now)?;
        matches!(setback.error.failure, Failure::Refused(_)).then(|| setback.error.to_string())
    }

    fn setback_of(&self, network: &NetworkId, holder: &Holder, now: Moment) -> Option<String> {
        let targets = [Target::Network(network.clone()), Target::Endpoint(holder.id.clone())];
        let setback = targets.iter().find_map(|target| self.setbacks.of(target, now));
        let error = setback.map(|setback| setback.error.to_string());
        error.or_else(|| self.upkeep.refused.get(network).cloned())
    }
}

fn seen_for(since: Moment, now: Moment) -> String {
    format!("that has been so for {:.1?}", now.since(since))
}

fn log(network: &NetworkId, mending: &Mending) {
    for ripe in &mending.orphans {
        tracing::info!("cleared bits of {network}: {}", ripe.bits);
    }
    for missing in &mending.missing {
        tracing::warn!("set bit {} of {network} again: {missing}", missing.bit.0);
    }
}
