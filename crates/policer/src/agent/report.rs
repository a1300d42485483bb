//! How things stand with the agent, as one value: what metrics, probes and people are shown of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use danm_api::FieldProblem;
use jiff::Timestamp;
use operator_runtime::printable;
use policy_engine::{NamespacedName, Policy, PolicyKey, Ruleset, World, unresolved};

use super::{
    coverage::Progress,
    enforcement::{Enforcement, status::Status},
    knowledge::{Knowledge, name_of},
    scribe::Trouble,
};

/// How things stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    /// Sources by name: how far they were read in words, and whether they were.
    pub(super) sources: BTreeMap<String, (String, bool)>,
    /// What is not known yet, a line a reason.
    pub(super) gaps: Vec<String>,
    /// What is found out about policies.
    pub(super) findings: Arc<Findings>,
    /// How many Pods this node has.
    pub(super) local_pods: usize,
    /// Pods by their namespaces, where a policy is not understood at all.
    pub(super) uncovered: BTreeMap<Arc<str>, usize>,
    /// Objects that cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
    /// Policies whose status cannot be written, and why.
    pub(super) troubles: BTreeMap<String, String>,
    /// The namespaces that an annotation opens.
    pub(super) opened: Vec<Arc<str>>,
    /// How it went with Pods of this node that are to have rules, or in which something of the reference's was found.
    pub(super) pods: Vec<(Status, Timestamp)>,
    /// The rules that Pods of this node are to have.
    pub(super) rules: BTreeMap<NamespacedName, Arc<Ruleset>>,
}

/// What is found out about policies. That takes time where there are many, and Pods make no difference to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// How many policies there are, by what is understood of them.
    pub(super) states: BTreeMap<State, usize>,
    /// Policies of which something is not understood, or which name what is not there.
    pub(super) flawed: Vec<Flawed>,
    /// How many policies are audited.
    pub(super) audited: usize,
}

/// How much of a policy is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// All of it.
    Accepted,
    /// Whom it is about, and not all of its entries.
    EntriesNotUnderstood,
    /// Nothing of use.
    NotUnderstood,
    /// Nothing of use, and what it said before stays in force.
    EarlierVersion,
}

/// A policy with a flaw.
#[derive(Clone, Debug)]
pub(super) struct Flawed {
    pub(super) key: PolicyKey,
    pub(super) state: State,
    pub(super) problems: Vec<FieldProblem>,
    pub(super) unresolved: Vec<FieldProblem>,
}

/// An object that cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) problem: String,
}

/// Something in a policy that is not understood, as a metric names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) namespace: String,
    pub(super) policy: String,
    pub(super) field: String,
}

/// The longest name of a field that is shown: authors choose it where they name one that there is not.
const LONGEST_FIELD: usize = 200;

// === impl Report ===

impl Report {
    pub(super) fn of(
        knowledge: &Knowledge,
        findings: Arc<Findings>,
        troubles: &BTreeMap<PolicyKey, Trouble>,
        enforcement: Option<&mut Enforcement>,
    ) -> Self {
        let coverage = knowledge.coverage();
        let sources = coverage.sources().map(|(source, progress)| {
            (source.to_string(), (progress.words(), *progress == Progress::Synced))
        });
        let unreadable = knowledge.unreadable().map(|(source, key, problem)| Unreadable {
            kind: source.kind(),
            name: name_of(key),
            problem: problem.to_owned(),
        });
        let troubles = troubles.iter().map(|(key, trouble)| (key.to_string(), trouble.reason.clone()));
        let (mut gaps, mut pods, mut rules) = (coverage.gaps(), Vec::new(), BTreeMap::new());
        if let Some(enforcement) = enforcement {
            let untried = enforcement.untried();
            gaps.extend(
                (untried > 0).then(|| format!("{untried} pods of this node have not been tried yet")),
            );
            pods.extend(enforcement.statuses().cloned());
            rules.extend(enforcement.rules().map(|(pod, rules)| (pod.clone(), Arc::clone(rules))));
        }
        Self {
            sources: sources.collect(),
            gaps,
            local_pods: knowledge.local_pods().len(),
            uncovered: uncovered(knowledge.world(), &findings),
            findings,
            unreadable: unreadable.collect(),
            troubles: troubles.collect(),
            rules,
            opened: knowledge.openings().namespaces().cloned().collect(),
            pods,
        }
    }
}

// === impl Findings ===

impl Findings {
    pub(super) fn of(world: &World) -> Self {
        let mut states: BTreeMap<State, usize> = State::ALL.map(|state| (state, 0)).into();
        for (_, policy) in world.policies() {
            *states.entry(State::of(policy)).or_default() += 1;
        }
        let flawed = world.policies().filter_map(|(key, policy)| Flawed::of(world, key, policy));
        let audited = world.policies().filter(|(_, policy)| policy.spec.is_audited()).count();
        Self { states, flawed: flawed.collect(), audited }
    }

    /// What is not understood, at most so much of it, and how much more there is. Each namespace has its turn, so that one
    /// does not hide another's.
    pub(super) fn problems(&self, limit: usize) -> (Vec<Problem>, usize) {
        let mut by_namespace: BTreeMap<&str, BTreeSet<Problem>> = BTreeMap::new();
        for flawed in &self.flawed {
            let name = &flawed.key.name;
            let of_namespace = by_namespace.entry(&name.namespace).or_default();
            of_namespace.extend(flawed.problems.iter().map(|problem| Problem {
                namespace: name.namespace.to_string(),
                policy: name.name.to_string(),
                field: printable(&problem.field, false).chars().take(LONGEST_FIELD).collect(),
            }));
        }
        let turns = by_namespace.into_values().flat_map(|problems| problems.into_iter().enumerate());
        let mut all: Vec<(usize, Problem)> = turns.collect();
        all.sort();
        let more = all.len().saturating_sub(limit);
        (all.into_iter().take(limit).map(|(_, problem)| problem).collect(), more)
    }
}

/// How many living Pods with a network of their own there are in namespaces with a policy of which nobody knows whom it is about, nor ever did.
fn uncovered(world: &World, findings: &Findings) -> BTreeMap<Arc<str>, usize> {
    let lost = findings.flawed.iter().filter(|policy| policy.state == State::NotUnderstood);
    let mut counts: BTreeMap<Arc<str>, usize> =
        lost.map(|policy| (Arc::clone(&policy.key.name.namespace), 0)).collect();
    if !counts.is_empty() {
        // No policy is about others, and not all of those of other nodes are known.
        for (name, _) in world.pods().filter(|(_, pod)| pod.is_peer()) {
            counts.entry(Arc::clone(&name.namespace)).and_modify(|count| *count += 1);
        }
    }
    counts
}

// === impl State ===

impl State {
    /// All of them.
    pub(super) const ALL: [Self; 4] =
        [Self::Accepted, Self::EntriesNotUnderstood, Self::NotUnderstood, Self::EarlierVersion];

    pub(super) fn of(policy: &Policy) -> Self {
        if policy.problems.is_empty() {
            Self::Accepted
        } else if policy.is_earlier_version {
            Self::EarlierVersion
        } else if policy.spec.subject.is_none() {
            Self::NotUnderstood
        } else {
            Self::EntriesNotUnderstood
        }
    }

    /// As metrics call it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::EntriesNotUnderstood => "entries-not-understood",
            Self::NotUnderstood => "not-understood",
            Self::EarlierVersion => "earlier-version",
        }
    }
}

// === impl Flawed ===

impl Flawed {
    fn of(world: &World, key: &PolicyKey, policy: &Policy) -> Option<Self> {
        let unresolved = unresolved(world, key);
        let is_flawed = !policy.problems.is_empty() || !unresolved.is_empty();
        is_flawed.then(|| Self {
            key: key.clone(),
            state: State::of(policy),
            problems: policy.problems.clone(),
            unresolved,
        })
    }
}

#[cfg(test)]
mod tests {
    use danm_api::ApiGroup;

    use super::*;

    fn flawed(namespace: &str, policy: &str, problems: usize) -> Flawed {
        let problem = |index| FieldProblem { field: format!("spec.f{index}"), problem: String::new() };
        Flawed {
            key: PolicyKey { name: NamespacedName::new(namespace, policy), group: ApiGroup::DanmIo },
            state: State::EntriesNotUnderstood,
            problems: (0..problems).map(problem).collect(),
            unresolved: Vec::new(),
        }
    }

    #[test]
    fn a_tenant_with_many_problems_hides_nobody_elses() {
        let flawed = vec![flawed("a", "loud", 5000), flawed("b", "quiet", 1)];
        let (shown, more) = Findings { flawed, ..Findings::default() }.problems(1000);
        assert_eq!((shown.len(), more), (1000, 4001));
        assert!(shown.iter().any(|problem| problem.policy == "quiet"));
    }

    #[test]
    fn a_field_is_shown_once_and_no_longer_than_people_read() {
        let mut one = flawed("a", "p", 2);
        one.problems[0].field = "x".repeat(5000);
        let twin = one.clone();
        let (shown, more) = Findings { flawed: vec![one, twin], ..Findings::default() }.problems(1000);
        assert_eq!((shown.len(), more), (2, 0));
        assert!(shown.iter().all(|problem| problem.field.chars().count() <= LONGEST_FIELD));
    }
}
