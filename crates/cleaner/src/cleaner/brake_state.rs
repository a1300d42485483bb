//! The brake over time: when it trips, what it still lets pass, and when it is trusted again. Whether a number
//! is too large is [`Brake`]'s to say.

use std::time::Duration;

use leak_judge::{Brake, Finding, Moment};

/// How the brake works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrakeRules {
    /// When it trips; `None` where it is overridden for good.
    pub brake: Option<Brake>,
    /// How long it holds; `None` for as long as nobody says otherwise.
    pub hold: Option<Duration>,
    /// How long it is overridden after the start.
    pub open_for: Duration,
}

/// Whether releases that rest on the absence of a Pod alone may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passage {
    /// They may.
    Free,
    /// They may where each Pod and Node was asked for by name.
    OneByOne,
    /// They may not.
    Closed {
        /// Why.
        why: String,
        /// Until when, if time opens it.
        until: Option<Moment>,
    },
}

/// The brake, with what it remembers.
#[derive(Debug)]
pub struct BrakeState {
    rules: BrakeRules,
    /// Until when it is overridden from the start.
    overridden_until: Moment,
    /// Until when the operator lets it be, as far as is said now.
    let_be_until: Option<Moment>,
    tripped: Option<Tripped>,
    /// Releases of this audit interval that rested on the absence of a Pod alone.
    believed: usize,
}

#[derive(Debug)]
struct Tripped {
    at: Moment,
    why: String,
}

// === impl Passage ===

impl Passage {
    /// Whether a release that rests on this is held.
    pub fn holds(&self, finding: Finding) -> bool {
        matches!(self, Self::Closed { .. }) && Brake::concerns(finding)
    }
}

// === impl BrakeState ===

impl BrakeState {
    /// A brake that has not tripped.
    pub fn new(rules: BrakeRules, now: Moment) -> Self {
        Self { overridden_until: now + rules.open_for, let_be_until: None, rules, tripped: None, believed: 0 }
    }

    /// Takes in how many of the judged endpoints look dead for want of their Pod alone. It may trip by that.
    pub fn look(&mut self, judged: usize, doubtful: usize, now: Moment) {
        let Some(brake) = self.rules.brake else { return };
        if self.is_open(now) {
            self.tripped = None;
            return;
        }
        let (judged, doubtful) = (judged + self.believed, doubtful + self.believed);
        let trips = brake.trips(judged, doubtful);
        if self.tripped.is_some() {
            if !trips && self.passage(now) == Passage::OneByOne {
                self.tripped = None;
            }
            return;
        }
        if !trips {
            return;
        }
        let why = format!(
            "{doubtful} of {judged} endpoints look dead because their Pods are gone, more than {brake}"
        );
        self.tripped = Some(Tripped { at: now, why });
    }

    /// What may pass.
    pub fn passage(&self, now: Moment) -> Passage {
        let Some(Tripped { at, why }) = self.tripped.as_ref().filter(|_| !self.is_open(now)) else {
            return Passage::Free;
        };
        let until = self.rules.hold.map(|hold| *at + hold);
        match until {
            Some(until) if now >= until => Passage::OneByOne,
            until => Passage::Closed { why: why.clone(), until },
        }
    }

    /// A release was made that rested on the absence of a Pod alone.
    pub fn believe(&mut self) {
        self.believed += 1;
    }

    /// The limit that something else of which there may be too many at once is over, unless it is let be.
    pub fn limit_passed(&self, of: usize, number: usize, now: Moment) -> Option<Brake> {
        self.rules.brake.filter(|brake| brake.trips(of, number) && !self.is_open(now))
    }

    /// An audit interval begins.
    pub fn begin_interval(&mut self) {
        self.believed = 0;
    }

    /// The operator lets it be until a moment, or not any more: what was said before is taken back.
    pub const fn let_be_until(&mut self, until: Option<Moment>) {
        self.let_be_until = until;
    }

    fn is_open(&self, now: Moment) -> bool {
        now < self.overridden_until || self.let_be_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use leak_judge::Limit;

    use super::*;

    const HOLD: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    fn brake(open_for: u64) -> BrakeState {
        let brake = Some(Brake { limit: Limit::Percent(50), min: 10 });
        let rules = BrakeRules { brake, hold: Some(HOLD), open_for: Duration::from_secs(open_for) };
        BrakeState::new(rules, at(0))
    }

    /// Looks, and tells what may pass.
    fn look(brake: &mut BrakeState, judged: usize, doubtful: usize, second: u64) -> Passage {
        brake.look(judged, doubtful, at(second));
        brake.passage(at(second))
    }

    fn is_closed(passage: &Passage) -> bool {
        matches!(passage, Passage::Closed { .. })
    }

    #[test]
    fn it_holds_then_lets_pass_what_is_asked_one_by_one_then_is_trusted_again() {
        let mut brake = brake(0);
        assert_eq!(look(&mut brake, 100, 50, 1), Passage::Free);
        let Passage::Closed { why, until } = look(&mut brake, 100, 51, 2) else { panic!("it is closed") };
        assert!(why.contains("51 of 100"), "{why}");
        assert_eq!(until, Some(at(602)));
        assert!(is_closed(&look(&mut brake, 100, 0, 3)));
        assert!(is_closed(&brake.passage(at(601))), "the whole hold, whatever is seen");
        assert_eq!(look(&mut brake, 100, 51, 602), Passage::OneByOne);
        assert_eq!(look(&mut brake, 100, 50, 603), Passage::Free);
    }

    #[test]
    fn what_was_released_in_an_interval_counts_in_it() {
        let mut brake = brake(0);
        (0..30).for_each(|_| brake.believe());
        assert!(is_closed(&look(&mut brake, 50, 11, 1)), "41 of 80");
        let mut brake = self::brake(0);
        (0..30).for_each(|_| brake.believe());
        brake.begin_interval();
        assert_eq!(look(&mut brake, 50, 11, 1), Passage::Free, "11 of 50");
    }

    #[test]
    fn it_is_open_for_as_long_as_the_operator_says() {
        let mut brake = brake(600);
        assert_eq!(look(&mut brake, 100, 100, 599), Passage::Free);
        assert!(is_closed(&look(&mut brake, 100, 100, 600)));
        brake.let_be_until(Some(at(700)));
        assert_eq!(brake.passage(at(601)), Passage::Free);
        assert_eq!(look(&mut brake, 100, 100, 602), Passage::Free);
        assert!(is_closed(&look(&mut brake, 100, 100, 700)), "it trips anew");
        brake.let_be_until(Some(at(9000)));
        assert_eq!(look(&mut brake, 100, 100, 701), Passage::Free);
        brake.let_be_until(None);
        assert!(is_closed(&look(&mut brake, 100, 100, 702)), "the operator has taken it back");
    }
}
