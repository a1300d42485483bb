//! Since when each endpoint has been found dead without a break. One observation is none: a verdict needs two,
//! a grace apart by our own clock.

use crate::{Audit, Moment, Uid, Verdict, World};
use hashbrown::HashMap;

/// The endpoints found dead at the last look.
#[derive(Debug, Default)]
pub struct Suspects {
    since: HashMap<Uid, Moment>,
}

impl Suspects {
    /// Since when an endpoint has been found dead.
    pub fn since(&self, uid: &Uid) -> Option<Moment> {
        self.since.get(uid).copied()
    }

    /// Takes in an audit: who was not found dead is no suspect any more.
    pub fn update(&mut self, audit: &Audit, world: &World, now: Moment) {
        let dead = audit.judgements.iter().filter(|judgement| judgement.proof.verdict == Verdict::Dangling);
        let dead = dead.filter_map(|judgement| world.endpoints().get(judgement.slot));
        let mut since = HashMap::with_capacity(self.since.len());
        since.extend(dead.map(|endpoint| (endpoint.uid.clone(), self.since(&endpoint.uid).unwrap_or(now))));
        self.since = since;
    }
}
