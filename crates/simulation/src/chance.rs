//! Every decision of a schedule, drawn from one seed and written down, so that a schedule can be run again and
//! made shorter. It knows nothing of what is decided.
//!
//! The choice 0 is always the most peaceful one. When what was written down is exhausted every choice is 0: a
//! trace is shortened by cutting choices off and by setting them to 0.

/// The choices of one schedule.
#[derive(Debug)]
pub struct Chance {
    origin: Origin,
    made: Vec<u16>,
    is_peaceful: bool,
}

#[derive(Debug)]
enum Origin {
    /// `SplitMix64`: small, fast, and good enough to reach every choice.
    Seed(u64),
    Given {
        choices: Vec<u16>,
        next: usize,
    },
}

impl Chance {
    /// The choices of a seed.
    pub fn seeded(seed: u64) -> Self {
        // Neighbouring seeds are to have nothing in common.
        let origin = Origin::Seed(mixed(seed.wrapping_add(0x5EED)));
        Self { origin, made: Vec::with_capacity(2_048), is_peaceful: false }
    }

    /// These choices, then peace.
    pub fn given(choices: Vec<u16>) -> Self {
        Self { origin: Origin::Given { choices, next: 0 }, made: Vec::new(), is_peaceful: false }
    }

    /// From now on nothing bad happens: all choices are 0 and none is written down.
    pub fn calm_down(&mut self) {
        self.is_peaceful = true;
    }

    /// What was chosen so far.
    pub fn into_made(self) -> Vec<u16> {
        self.made
    }

    /// One of `count` things; the first is the most peaceful.
    pub fn pick(&mut self, count: u16) -> u16 {
        self.choose(count, |random| below(random, u64::from(count)))
    }

    /// Whether something happens that does so this often in a thousand.
    pub fn happens(&mut self, per_mille: u16) -> bool {
        self.choose(2, |random| u16::from(below(random, 1_000) < per_mille)) == 1
    }

    /// One of several things, by weight; the first is the most peaceful.
    pub fn weigh(&mut self, weights: &[u16]) -> usize {
        let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let index = |random| {
            let mut left = below(random, all);
            let place = (0..).zip(weights).find(|(_, weight)| {
                let here = left < **weight;
                left = left.saturating_sub(**weight);
                here
            });
            place.map_or(0, |(place, _)| place)
        };
        usize::from(self.choose(u16::try_from(weights.len()).unwrap_or(u16::MAX), index))
    }

    fn choose(&mut self, count: u16, by_chance: impl FnOnce(u64) -> u16) -> u16 {
        if self.is_peaceful {
            return 0;
        }
        let choice = match &mut self.origin {
            Origin::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                by_chance(mixed(*state))
            }
            Origin::Given { choices, next } => {
                let choice = choices.get(*next).copied().unwrap_or_default();
                *next += 1;
                choice.min(count.saturating_sub(1))
            }
        };
        self.made.push(choice);
        choice
    }
}

const fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// A number below `count` from a random one, without a division.
fn below(random: u64, count: u64) -> u16 {
    u16::try_from((u128::from(random) * u128::from(count)) >> 64).unwrap_or_default()
}
