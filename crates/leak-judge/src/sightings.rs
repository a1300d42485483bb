//! Since when each anomaly that can be mended has been seen without a break, by our own clock. One look is none: a
//! bit without an endpoint is an endpoint on its way, an endpoint without a bit one on its way out.

use std::{net::IpAddr, time::Duration};

use danm_ipam::{BitIndex, Family};
use hashbrown::HashMap;

use crate::{
    Anomaly, MissingBit, Moment, OrphanBits, Rules, Uid, World,
    world::{AddressSpace, Bits, NetworkRecord},
};

/// What was seen at the last look. A network made anew under its name is another network.
#[derive(Debug, Default)]
pub struct Sightings {
    orphans: HashMap<(Uid, Family), Vec<Stretch>>,
    /// By the uids of the network and of the endpoint.
    missing: HashMap<(Uid, Uid, IpAddr), Moment>,
}

/// Neighbouring bits that have been seen as they are since the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub first: BitIndex,
    /// The last.
    pub last: BitIndex,
    /// Since when.
    pub since: Moment,
}

// === impl Sightings ===

impl Sightings {
    /// Takes in everything that is found now: what is not among it is forgotten.
    pub fn update(&mut self, found: &[Anomaly], world: &World, now: Moment) {
        let mut next = Self::default();
        for anomaly in found {
            let Some(network) = world.networks().get(anomaly.network()) else { continue };
            match anomaly {
                Anomaly::OrphanBits(orphans) => {
                    let known = self.orphans.get(&(network.uid.clone(), orphans.family));
                    let known = known.map_or(&[][..], Vec::as_slice);
                    let seen = next.orphans.entry((network.uid.clone(), orphans.family)).or_default();
                    seen.extend(continued(known, orphans.first, orphans.last, now));
                }
                Anomaly::MissingBit(missing) => {
                    let since = self.missing_since(&network.uid, missing).unwrap_or(now);
                    next.missing.insert(key(&network.uid, missing), since);
                }
                Anomaly::DuplicateAddress(_) | Anomaly::OutsideNetwork(_) | Anomaly::UnfitArray(_) => {}
            }
        }
        *self = next;
    }

    /// What of it is no passing state: a bit that is set is an endpoint on its way for a while, and one that is clear
    /// an endpoint on its way out.
    pub fn lasting(&self, found: &[Anomaly], world: &World, rules: &Rules, now: Moment) -> Vec<Anomaly> {
        let lasting = found.iter().flat_map(|anomaly| {
            let record = world.networks().get(anomaly.network());
            match (anomaly, record) {
                (Anomaly::OrphanBits(orphans), Some(record)) => {
                    let old = self.orphans_before(orphans, record, rules.ownership_window, now);
                    old.into_iter().map(Anomaly::OrphanBits).collect()
                }
                (Anomaly::MissingBit(missing), Some(record)) => {
                    let since = self.missing_since(&record.uid, missing);
                    let is_old = since.is_some_and(|since| now.since(since) >= rules.grace);
                    is_old.then(|| anomaly.clone()).into_iter().collect()
                }
                _ => vec![anomaly.clone()],
            }
        });
        lasting.collect()
    }

    fn orphans_before(
        &self,
        orphans: &OrphanBits,
        record: &NetworkRecord,
        age: Duration,
        now: Moment,
    ) -> Vec<OrphanBits> {
        let AddressSpace::Bits(bits) = record.space(orphans.family) else { return Vec::new() };
        let stretches = self.of_orphans(&record.uid, orphans, bits).into_iter();
        let old = stretches.filter(|stretch| now.since(stretch.since) >= age);
        old.map(|stretch| orphans.part(stretch.first, stretch.last)).collect()
    }

    /// Since when some bits of a network have been seen as orphans, as far as they were at the last look.
    pub(crate) fn of_orphans(&self, network: &Uid, orphans: &OrphanBits, bits: &Bits) -> Vec<Stretch> {
        let known = self.orphans.get(&(network.clone(), orphans.family)).map_or(&[][..], Vec::as_slice);
        let within = |stretch: &Stretch| Stretch {
            first: stretch.first.max(orphans.first),
            last: stretch.last.min(orphans.last),
            ..*stretch
        };
        let touching = from(known, orphans.first).iter().take_while(|stretch| stretch.first <= orphans.last);
        touching.map(within).flat_map(|stretch| unbroken(stretch, bits)).collect()
    }

    /// Since when a bit has been seen missing, if it was at the last look.
    pub(crate) fn missing_since(&self, network: &Uid, missing: &MissingBit) -> Option<Moment> {
        self.missing.get(&key(network, missing)).copied()
    }
}

fn key(network: &Uid, missing: &MissingBit) -> (Uid, Uid, IpAddr) {
    (network.clone(), missing.holder.uid.clone(), missing.address)
}

/// Of stretches in their order those that end at a bit or later.
fn from(known: &[Stretch], first: BitIndex) -> &[Stretch] {
    &known[known.partition_point(|stretch| stretch.last < first)..]
}

/// A run of bits, in stretches: what was known goes on, the rest begins now.
fn continued(known: &[Stretch], first: BitIndex, last: BitIndex, now: Moment) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut next = first.0;
    for stretch in from(known, first).iter().take_while(|stretch| stretch.first <= last) {
        if stretch.first.0 > next {
            stretches.push(Stretch {
                first: BitIndex(next),
                last: BitIndex(stretch.first.0 - 1),
                since: now,
            });
        }
        let [begin, end] = [stretch.first.0.max(next), stretch.last.0.min(last.0)];
        stretches.push(Stretch { first: BitIndex(begin), last: BitIndex(end), since: stretch.since });
        next = end + 1;
    }
    if next <= last.0 {
        stretches.push(Stretch { first: BitIndex(next), last, since: now });
    }
    stretches
}

/// A stretch of bits, in parts: who was cleared and set again since is younger, and nothing is older than the history
/// of the array.
fn unbroken(stretch: Stretch, bits: &Bits) -> Vec<Stretch> {
    let since = stretch.since.max(bits.seen_since);
    let mut young: Vec<(BitIndex, Moment)> = bits.rises_within(stretch.first..=stretch.last);
    young.retain(|(_, at)| *at > since);
    young.sort_unstable();
    let mut parts = Vec::new();
    let mut next = stretch.first.0;
    for (bit, at) in young {
        if bit.0 > next {
            parts.push(Stretch { first: BitIndex(next), last: BitIndex(bit.0 - 1), since });
        }
        parts.push(Stretch { first: bit, last: bit, since: at });
        next = bit.0 + 1;
    }
    if next <= stretch.last.0 {
        parts.push(Stretch { first: BitIndex(next), last: stretch.last, since });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_goes_on_and_what_is_new_begins_now() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let stretch =
            |first, last, since| Stretch { first: BitIndex(first), last: BitIndex(last), since: at(since) };
        let known = [stretch(2, 4, 1), stretch(6, 9, 2), stretch(20, 20, 3)];
        let continued = |first, last| continued(&known, BitIndex(first), BitIndex(last), at(9));
        assert_eq!(continued(1, 8), [stretch(1, 1, 9), stretch(2, 4, 1), stretch(5, 5, 9), stretch(6, 8, 2)]);
        assert_eq!(continued(3, 3), [stretch(3, 3, 1)]);
        assert_eq!(continued(10, 19), [stretch(10, 19, 9)]);
        assert_eq!(
            continued(9, 30),
            [stretch(9, 9, 2), stretch(10, 19, 9), stretch(20, 20, 3), stretch(21, 30, 9)]
        );
    }
}
