//! In one sentence, whether the kernels of this node are as they should be at the ends of a connection.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{End, KernelState, Pair, ServiceRow};

/// Whether kernels are as they should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KernelSummary {
    /// The worst that is there; if nothing is amiss, whether something could not be seen.
    pub state: KernelState,
    /// In a sentence.
    pub summary: String,
}

// === impl KernelSummary ===

impl KernelSummary {
    pub(super) fn of(pairs: &[Pair], service: Option<&ServiceRow>) -> Self {
        let mut states = BTreeMap::new();
        for pair in pairs {
            for (party, end) in [(&pair.from, &pair.egress), (&pair.to, &pair.ingress)] {
                note(&mut states, format!("{}/{}", party.namespace, party.pod), end.as_ref());
            }
        }
        for answer in service.into_iter().flat_map(|service| &service.answering) {
            // After the Pod its interface is told.
            let pod = answer.pod.as_deref().and_then(|pod| pod.split(' ').next()).unwrap_or_default();
            note(&mut states, pod.to_owned(), answer.ingress.as_ref());
        }
        Self { state: worst(&states), summary: summary(&states) }
    }
}

/// Of several the worst is told.
fn note(states: &mut BTreeMap<String, KernelState>, pod: String, end: Option<&End>) {
    let rows = end.into_iter().flat_map(|end| &end.kernel);
    if let Some(state) = rows.map(|row| row.state).max() {
        let known = states.entry(pod).or_insert(state);
        *known = (*known).max(state);
    }
}

fn worst(states: &BTreeMap<String, KernelState>) -> KernelState {
    let (first, last) = (states.values().min(), states.values().max());
    match (first, last) {
        (_, Some(worst)) if *worst > KernelState::AsItShouldBe => *worst,
        (Some(least), _) => *least,
        (None, _) => KernelState::NotSeen,
    }
}

fn summary(states: &BTreeMap<String, KernelState>) -> String {
    let of = |wanted: &[KernelState]| {
        let pods = states.iter().filter(|(_, state)| wanted.contains(state)).map(|(pod, _)| pod.as_str());
        Some(pods.collect::<Vec<_>>().join(" and ")).filter(|pods| !pods.is_empty())
    };
    let parts = [
        of(&[KernelState::NoRules]).map(|pods| format!("no rules at {pods}, though policies are about it")),
        of(&[KernelState::Differs]).map(|pods| format!("not as it should be at {pods}")),
        of(&[KernelState::AsItShouldBe]).map(|pods| format!("as it should be at {pods}")),
        of(&[KernelState::Unknown]).map(|pods| format!("nobody knows at {pods}")),
        of(&[KernelState::NotSeen]).map(|pods| format!("{pods} is not seen from this node")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no Pod is at either end".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(states: &[(&str, KernelState)]) -> (KernelState, String) {
        let states = states.iter().map(|(pod, state)| ((*pod).to_owned(), *state)).collect();
        (worst(&states), summary(&states))
    }

    #[test]
    fn nothing_is_said_to_be_right_as_a_whole_of_which_a_part_was_not_seen() {
        use KernelState::{AsItShouldBe, Differs, NoRules, NotSeen, Unknown};
        let (web, db) = ("shop/web", "shop/db");
        for (first, second, state, sentence) in [
            (AsItShouldBe, AsItShouldBe, AsItShouldBe, "as it should be at shop/db and shop/web"),
            (
                AsItShouldBe,
                NotSeen,
                NotSeen,
                "as it should be at shop/web; shop/db is not seen from this node",
            ),
            (Unknown, AsItShouldBe, Unknown, "as it should be at shop/db; nobody knows at shop/web"),
            (
                Differs,
                NotSeen,
                Differs,
                "not as it should be at shop/web; shop/db is not seen from this node",
            ),
            (
                Differs,
                NoRules,
                NoRules,
                "no rules at shop/db, though policies are about it; not as it should be at shop/web",
            ),
        ] {
            assert_eq!(told(&[(web, first), (db, second)]), (state, sentence.to_owned()));
        }
        assert_eq!(told(&[]), (NotSeen, "no Pod is at either end".to_owned()));
    }
}
