//! Which kubelets have to be heard before anything is released, and when their Leases are read next: decides, does
//! not read. They are listened to from when an endpoint is found dead for the first time, so that nothing waits for it
//! later.

use std::{collections::BTreeSet, time::Duration};

use leak_judge::{Judgement, Moment, World};

/// How often a Lease is read until it has changed. Kubelets renew theirs every 10 s.
const EVERY: Duration = Duration::from_secs(2);

/// Leases read in one round.
const AT_ONCE: usize = 500;

/// Which are being read.
#[derive(Debug, Default)]
pub(super) struct Listening {
    is_busy: bool,
}

/// When the kubelet on which a judgement rests will have been heard for long enough, if it has been heard: it may have
/// been away until then, and gets the time to stop what it should not run, the grace or what the Pod asked for.
pub(super) fn heard_for_long_at(
    judgement: &Judgement,
    node: &str,
    world: &World,
    grace: Duration,
) -> Option<Moment> {
    let endpoint = world.endpoints().get(judgement.slot)?;
    let departure = world.pods().departure(&endpoint.pod_uid);
    let stops_within = departure.map_or(Duration::ZERO, |departure| departure.stops_within);
    Some(world.pulses().heard_at(node, judgement.heard_since?)? + grace.max(stops_within))
}

/// When the Lease on which a judgement rests is to be read next, if it is not heard yet.
pub(super) fn next_read(judgement: &Judgement, node: &str, world: &World) -> Option<Moment> {
    let since = judgement.heard_since.filter(|since| !world.pulses().is_heard(node, *since))?;
    // A read that began before the Pod was gone is no beginning: there has to be one after it, at once.
    let asked = world.pulses().asked(node).filter(|asked| *asked >= since);
    Some(asked.map_or(since, |asked| asked + EVERY))
}

impl Listening {
    /// The Nodes whose Leases are to be read now, of those that judgements rest on.
    pub(super) fn due<'a>(
        &mut self,
        judgements: impl Iterator<Item = (&'a Judgement, &'a str)>,
        world: &World,
        now: Moment,
    ) -> Vec<String> {
        if self.is_busy {
            return Vec::new();
        }
        let due = judgements
            .filter(|(judgement, node)| next_read(judgement, node, world).is_some_and(|next| next <= now));
        let nodes: BTreeSet<&str> = due.map(|(_, node)| node).collect();
        let nodes: Vec<String> = nodes.into_iter().take(AT_ONCE).map(str::to_owned).collect();
        self.is_busy = !nodes.is_empty();
        nodes
    }

    /// Whether some are being read.
    pub(super) const fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// They were read, or not.
    pub(super) const fn done(&mut self) {
        self.is_busy = false;
    }
}
