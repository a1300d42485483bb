//! Rules of the reference Policer in the namespaces of a Pod: when they are looked for, and when they may go. How they are known, and
//! how they go, is `policy-dataplane`'s.
//!
//! They refuse what they do not allow. So they go where ours are in the kernel, or where it is known that there are to be none. While
//! not everything is listed, where something failed, and where it is not understood whom a policy means, nobody knows that.

use std::collections::{BTreeMap, BTreeSet};

use policy_dataplane::{Found, NamespaceId, Process, ReferenceRules};

use super::{
    enforced::Enforced,
    installer::Installer,
    kernel::Kernel,
    order::Order,
    status::{News, State},
};

/// What is there of the reference's rules in a Pod, as people are told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::agent) struct Remains {
    /// Its chains, as `ip filter DANM_INGRESS_V4`.
    pub(in crate::agent) found: BTreeSet<String>,
    /// What may be of it.
    pub(in crate::agent) suspected: BTreeSet<String>,
    /// How often rules of it were taken away: more than once if somebody writes them still.
    pub(in crate::agent) removals: usize,
    /// Why it is not known what is there, or is there still though it was to go.
    pub(in crate::agent) problem: Option<String>,
}

/// What was found in the namespaces of a Pod that were looked into, and what was done.
#[derive(Debug, Default)]
pub(super) struct Handover {
    seen: BTreeMap<NamespaceId, ReferenceRules>,
    /// How often it was looked again.
    looks: usize,
    removals: usize,
    problem: Option<String>,
}

/// So often a Pod is looked into again in which nothing was found: a reference that is at work writes soon after a Pod has begun.
const LOOKS: usize = 5;

/// Whether somebody looks who has looked before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Once,
    Again,
}

/// Whether they are taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// Nobody asks for it, or it is not time yet.
    None,
    /// It is asked for, and not done: they may be about what is not understood.
    Doubtful,
    Now,
}

const DOUBT: &str = "rules of the reference Policer stay, because a policy of this namespace does not say whom it means: it may be this Pod";

// === impl Remains ===

impl Remains {
    /// Whether there is nothing to tell.
    pub(in crate::agent) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Handover ===

impl Handover {
    pub(super) fn remains(&self) -> Remains {
        Remains {
            found: self.seen.values().flat_map(|rules| rules.chains.iter().cloned()).collect(),
            suspected: self.seen.values().flat_map(|rules| rules.suspicions.iter().cloned()).collect(),
            removals: self.removals,
            problem: self.problem.clone(),
        }
    }

    /// Whether there is something to do in a namespace.
    fn is_due(&self, namespace: NamespaceId, removal: Removal) -> bool {
        self.seen.get(&namespace).is_none_or(|seen| removal != Removal::None && !seen.chains.is_empty())
    }
}

// === impl Installer ===

impl<K: Kernel> Installer<K> {
    /// Looks into the namespaces of a Pod that nobody has looked into, now that this became of it, and takes away what may go. Gives
    /// what becomes of the Pod by that: one that is to be open is not, while something of it stays that was to go.
    pub(super) fn hand_over(
        &self,
        pod: &mut Enforced<K::Table>,
        everywhere: &[Process],
        state: State,
    ) -> State {
        let removal = self.removal(&pod.order, &state);
        let handover = &mut pod.handover;
        handover.seen.retain(|id, _| everywhere.iter().any(|process| process.namespace == *id));
        self.look_into(handover, everywhere, removal, Look::Once);
        match &handover.problem {
            Some(problem) if removal == Removal::Now && state != State::Enforced => {
                State::Failed(problem.clone())
            }
            _ => state,
        }
    }

    /// Looks once more into the namespaces that have rules of ours: while the reference is at work, it writes again. Tells if that is
    /// news.
    pub(super) fn look_for_reference(&self, pod: &mut Enforced<K::Table>) {
        let Some(status) = &mut pod.status else { return };
        if pod.handover.looks >= LOOKS && pod.handover.remains().is_nothing() {
            return;
        }
        pod.handover.looks += 1;
        let removal = self.removal(&pod.order, &status.state);
        let everywhere = pod.homes.values().map(|(process, _)| process);
        self.look_into(&mut pod.handover, everywhere, removal, Look::Again);
        let remains = pod.handover.remains();
        if *status.reference != remains {
            *status.reference = remains;
            (self.tell)(News::Pod(status.clone()));
        }
    }

    fn removal(&self, order: &Order, state: &State) -> Removal {
        let is_settled = matches!(state, State::Enforced | State::Audited | State::Open);
        // Whom an annotation opens, no policy is about.
        let is_time = matches!(state, State::Opened(_)) || is_settled && self.found == Found::Corrected;
        match order.is_doubtful {
            _ if !self.removes_reference || !is_time => Removal::None,
            true => Removal::Doubtful,
            false => Removal::Now,
        }
    }

    fn look_into<'a>(
        &self,
        handover: &mut Handover,
        namespaces: impl IntoIterator<Item = &'a Process>,
        removal: Removal,
        look: Look,
    ) {
        let is_due = |process: &&Process| look == Look::Again || handover.is_due(process.namespace, removal);
        let due: Vec<&Process> = namespaces.into_iter().filter(is_due).collect();
        if !due.is_empty() {
            handover.problem = None;
        }
        for process in due {
            if let Err(problem) = self.look_into_one(handover, process, removal) {
                handover.problem = Some(problem);
            }
        }
    }

    fn look_into_one(
        &self,
        handover: &mut Handover,
        process: &Process,
        removal: Removal,
    ) -> Result<(), String> {
        let mut found = self.kernel.reference_rules(process)?;
        let removed = match removal {
            Removal::Now if !found.chains.is_empty() => {
                self.kernel.remove_reference_rules(process).map(|()| {
                    handover.removals += 1;
                    found.chains.clear();
                })
            }
            Removal::Doubtful if !found.chains.is_empty() => Err(DOUBT.to_owned()),
            _ => Ok(()),
        };
        handover.seen.insert(process.namespace, found);
        removed
    }
}
