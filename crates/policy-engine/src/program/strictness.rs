//! Whether a program denies what another allowed: then connections that the other allowed have to be judged again. It may say so of
//! one that does not; never the other way round.

use std::{collections::BTreeMap, sync::Arc};

use super::{Entry, FamilySet, Part, Program, ProgramChain, frame};
use crate::set::Members;

impl Program {
    /// Whether this program may deny a packet that the other allows.
    pub fn is_stricter_than(&self, before: &Self) -> bool {
        self.leads_elsewhere_than(before) || self.gates.are_stricter_than(&before.gates)
    }

    /// Whether packets may take another way than before, whatever the gates say. What is known of connections makes no difference.
    pub fn leads_elsewhere_than(&self, before: &Self) -> bool {
        let ways = |part: &Part| -> Vec<ProgramChain> {
            let is_way = |chain: &&ProgramChain| ![frame::JUDGED, frame::ALLOWED].contains(&&*chain.name);
            part.chains.iter().filter(is_way).cloned().collect()
        };
        if self.is_empty() || self.frame == before.frame {
            return false;
        }
        loses_members(&self.frame.sets, &before.frame.sets) || ways(&self.frame) != ways(&before.frame)
    }
}

// === impl Part ===

impl Part {
    /// Whether these gates may deny a packet that the others allow.
    pub fn are_stricter_than(&self, before: &Self) -> bool {
        let by_name: BTreeMap<&str, &ProgramChain> =
            self.gates().map(|chain| (chain.name.as_str(), chain)).collect();
        let is_narrower = |before: &ProgramChain| match by_name.get(before.name.as_str()) {
            Some(now) => !is_subsequence(&before.rules, &now.rules),
            // Nothing is denied there any more, or the interface is one of those now that nobody names.
            None => before.entry != Entry::OtherInterfaces,
        };
        // A gate where there was none denies something that passed.
        self.gates().count() > before.gates().count()
            || before.gates().any(is_narrower)
            || loses_members(&self.sets, &before.sets)
    }

    /// The chains that decide something.
    fn gates(&self) -> impl Iterator<Item = &ProgramChain> {
        let is_gate =
            |chain: &&ProgramChain| matches!(chain.entry, Entry::Interface(_) | Entry::OtherInterfaces);
        self.chains.iter().filter(is_gate)
    }
}

/// All rules before the last ones allow something, so that more of them in any place allow more.
fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|it| it == wanted))
}

/// Whether somebody is not in a set any more. One that is gone has nobody.
fn loses_members(now: &[FamilySet], before: &[FamilySet]) -> bool {
    let by_name: BTreeMap<&str, &FamilySet> = now.iter().map(|set| (set.name.as_str(), set)).collect();
    let decide = before.iter().filter(|set| *set.members != Members::Denied);
    decide.into_iter().any(|before| match by_name.get(before.name.as_str()) {
        Some(now) => !now.members.contains(&before.members),
        None => true,
    })
}

// === impl Members ===

impl Members {
    /// Whether all of these are members.
    fn contains(self: &Arc<Self>, others: &Arc<Self>) -> bool {
        if Arc::ptr_eq(self, others) {
            return true;
        }
        match (&**self, &**others) {
            (Self::Addresses(v4, v6), Self::Addresses(other_v4, other_v6)) => {
                is_subsequence(other_v4, v4) && is_subsequence(other_v6, v6)
            }
            (Self::Ports(v4, v6), Self::Ports(other_v4, other_v6)) => {
                is_subsequence(other_v4, v4) && is_subsequence(other_v6, v6)
            }
            (now, before) => now == before,
        }
    }
}
