//! Makes the choices of a schedule that goes wrong fewer and more peaceful, as long as it still does.

use crate::{mutant::Mutant, schedule::Schedule, violation::Law};

/// The shortest choices found that go wrong, after so many tries at most.
pub fn shortest(choices: Vec<u16>, law: Law, mutant: Option<Mutant>, mut tries: usize) -> Vec<u16> {
    let mut goes_wrong = |choices: &[u16]| {
        tries = tries.saturating_sub(1);
        let schedule = Schedule::of_choices(choices.to_vec()).against(mutant);
        tries > 0 && schedule.run().violation.is_some_and(|violation| violation.law == law)
    };
    let mut best = choices;
    loop {
        let before = best.clone();
        let mut size = best.len().div_ceil(2);
        while size > 0 {
            best = without(best, size, &mut goes_wrong);
            size /= 2;
        }
        best = calmed(best, &mut goes_wrong);
        if best == before {
            return best;
        }
    }
}

/// Without the pieces of a size that are not needed.
fn without(mut best: Vec<u16>, size: usize, goes_wrong: &mut impl FnMut(&[u16]) -> bool) -> Vec<u16> {
    let mut end = best.len();
    while end > 0 {
        let begin = end.saturating_sub(size);
        let mut fewer = best.clone();
        fewer.drain(begin..end);
        let mut calmer = best.clone();
        calmer[begin..end].fill(0);
        if goes_wrong(&fewer) {
            best = fewer;
        } else if calmer != best && goes_wrong(&calmer) {
            best = calmer;
        }
        end = begin.min(best.len());
    }
    best
}

/// With smaller choices where they do.
fn calmed(mut best: Vec<u16>, goes_wrong: &mut impl FnMut(&[u16]) -> bool) -> Vec<u16> {
    for place in 0..best.len() {
        if best[place] > 1 {
            let mut calmer = best.clone();
            calmer[place] /= 2;
            if goes_wrong(&calmer) {
                best = calmer;
            }
        }
    }
    while best.last() == Some(&0) {
        best.pop();
    }
    best
}
