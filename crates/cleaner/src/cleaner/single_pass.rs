//! What a single pass remembers besides: when it has waited for long enough, and what it has told.

use std::{collections::HashSet, time::Duration};

use leak_judge::{EndpointPlan, Judgement, Moment, Uid, World};

/// How long it is tried in vain before what is left is reported instead.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// The memory of a single pass, or of a run that writes nothing.
#[derive(Debug, Default)]
pub(super) struct SinglePass {
    /// When it has waited for long enough, counted from the first look.
    horizon: Option<Moment>,
    /// Endpoints that have their row in the report.
    told: HashSet<Uid>,
    /// Those of a dry run that would be gone by now, and are no rivals of others.
    would_be_gone: Vec<(Uid, Judgement)>,
    /// Since when it has been tried in vain.
    tried_since: Option<Moment>,
    /// What went wrong last.
    pub(super) obstacle: String,
}

impl SinglePass {
    /// When the pass ends at the latest as far as time alone is waited for.
    pub(super) fn horizon(&mut self, patience: Duration, now: Moment) -> Moment {
        *self.horizon.get_or_insert(now + patience)
    }

    pub(super) fn is_told(&self, uid: &Uid) -> bool {
        self.told.contains(uid)
    }

    /// Something came of it.
    pub(super) fn tell(&mut self, uid: Uid) {
        self.told.insert(uid);
        self.tried_since = None;
    }

    /// Nothing is written, but it is reckoned as if it was.
    pub(super) fn would_go(&mut self, endpoint: &EndpointPlan) {
        let EndpointPlan { slot, finding, .. } = *endpoint;
        let judgement =
            Judgement { slot, proof: finding, ripe_at: None, heard_since: None, is_unasked: false, finding };
        self.would_be_gone.push((endpoint.uid.clone(), judgement));
    }

    /// Those that would be gone and are still there.
    pub(super) fn would_be_gone<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Judgement> + 'a {
        let is_there = |(uid, judgement): &&(Uid, Judgement)| {
            world.endpoints().get(judgement.slot).is_some_and(|endpoint| endpoint.uid == *uid)
        };
        self.would_be_gone.iter().filter(is_there).map(|(_, judgement)| *judgement)
    }

    /// Forgets endpoints that are gone.
    pub(super) fn prune(&mut self, is_there: impl Fn(&Uid) -> bool) {
        self.would_be_gone.retain(|(uid, _)| is_there(uid));
        self.told.retain(is_there);
    }

    pub(super) fn tries(&mut self, now: Moment) {
        self.tried_since.get_or_insert(now);
    }

    pub(super) fn rests(&mut self) {
        self.tried_since = None;
    }

    pub(super) fn has_given_up(&self, now: Moment) -> bool {
        self.tried_since.is_some_and(|since| now.since(since) > GIVE_UP_AFTER)
    }
}
