//! Since when each endpoint has been found dead without a break. One observation is none: a verdict needs two,
//! a grace apart by our own clock.

use crate::{Audit, Moment, Slot, Uid, Verdict, World};

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

    /// Takes in an audit: who was not found dead is no suspect any more.
    pub fn update(&mut self, audit: &Audit, world: &World, now: Moment) {
        let mut since = Vec::with_capacity(audit.judgements.len());
        for judgement in
            audit.judgements.iter().filter(|judgement| judgement.proof.verdict == Verdict::Dangling)
        {
            let (slot, index) = (judgement.slot, judgement.slot.index());
            if let Some(endpoint) = world.endpoints().get(slot) {
                let seen = self.since(slot, &endpoint.uid).unwrap_or(now);
                since.resize(since.len().max(index + 1), None);
                since[index] = Some((endpoint.uid.clone(), seen));
            }
        }
        self.since = since;
    }
}
