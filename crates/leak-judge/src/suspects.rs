//! Since when each endpoint has been found dead without a break. One observation is none: a verdict needs two,
//! a grace apart by our own clock.

use crate::{Judgement, Moment, Slot, Uid, Verdict, World};

/// The endpoints found dead at the last look, by their place in the index: an audit asks about all of them.
#[derive(Debug, Default)]
pub struct Suspects {
    since: Vec<Option<(Uid, Moment)>>,
}

impl Suspects {
    /// Since when an endpoint has been found dead. Another may have had its place before.
    pub fn since(&self, slot: Slot, uid: &Uid) -> Option<Moment> {
        let (suspect, since) = self.since.get(slot.index())?.as_ref()?;
        (suspect == uid).then_some(*since)
    }

    /// Takes in what was found: of those that were judged, who was not found dead is no suspect any more.
    pub fn update(&mut self, judgements: &[Judgement], world: &World, now: Moment) {
        for judgement in judgements {
            let (slot, index) = (judgement.slot, judgement.slot.index());
            let is_dead = judgement.proof.verdict == Verdict::Dangling;
            let suspect = world
                .endpoints()
                .get(slot)
                .filter(|_| is_dead)
                .map(|endpoint| (endpoint.uid.clone(), self.since(slot, &endpoint.uid).unwrap_or(now)));
            if suspect.is_some() && index >= self.since.len() {
                self.since.resize(index + 1, None);
            }
            if let Some(place) = self.since.get_mut(index) {
                *place = suspect;
            }
        }
    }
}
