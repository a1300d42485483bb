//! Since when each endpoint has been found dead without a break. One observation is none: a verdict needs two,
//! a grace apart by our own clock.

use crate::{Judgement, Moment, Slot, Uid, World};

/// The endpoints found dead at the last look, by their place in the index: an audit asks about all of them.
#[derive(Debug, Default)]
pub struct Suspects {
    suspects: Vec<Option<(Uid, Suspicion)>>,
}

/// What is known of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Since when it has been found dead.
    pub since: Moment,
    /// Whether it is known, and not only not contradicted, that its Pod is gone.
    pub is_pod_gone: bool,
}

impl Suspects {
    /// Since when an endpoint has been found dead. Another may have had its place before.
    pub fn of(&self, slot: Slot, uid: &Uid) -> Option<Suspicion> {
        let (suspect, suspicion) = self.suspects.get(slot.index())?.as_ref()?;
        (suspect == uid).then_some(*suspicion)
    }

    /// Takes in what was found: of those that were judged, who was not found dead is no suspect any more.
    pub fn update(&mut self, judgements: &[Judgement], world: &World) {
        for judgement in judgements {
            let (slot, index) = (judgement.slot, judgement.slot.index());
            let suspect = judgement.suspicion.and_then(|suspicion| {
                world.endpoints().get(slot).map(|endpoint| (endpoint.uid.clone(), suspicion))
            });
            if suspect.is_some() && index >= self.suspects.len() {
                self.suspects.resize(index + 1, None);
            }
            if let Some(place) = self.suspects.get_mut(index) {
                *place = suspect;
            }
        }
    }
}
