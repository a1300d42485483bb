//! What one cell of a picture shows of its addresses: the gravest of their problems, else the state of the only
//! one, else how many are taken. Decides that and how it looks; where the cell stands is decided elsewhere.

use danm_ipam::State;

use crate::view::{
    counts::Counts,
    palette::{self, Ink},
};

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shade {
    /// Its only address is in that state, or the gravest of them, or there is nothing taken.
    State(State),
    /// So many tenths of its addresses are taken, 1 to 9: never none, and never all.
    Partly(u8),
    /// All that endpoints can hold are taken.
    Full,
}

/// The gravest comes first: two Pods disturb each other, two may soon, or an address is lost.
const GRAVEST: [State; 3] = [State::Conflict, State::MissingBit, State::Leaked];

// === impl Shade ===

impl Shade {
    /// Of so many addresses.
    pub fn of(addresses: u64, counts: &Counts) -> Self {
        if let Some(problem) = GRAVEST.into_iter().find(|state| counts.of(*state) > 0) {
            return Self::State(problem);
        }
        if addresses == 1 {
            return Self::State(counts.iter().next().map_or(State::OutsidePool, |(state, _)| state));
        }
        let (taken, free) = (counts.taken(), counts.of(State::Free));
        // Addresses outside the pool can be asked for by number, so they are room too.
        let room = taken.saturating_add(free).saturating_add(counts.of(State::OutsidePool));
        match taken {
            0 if free > 0 => Self::State(State::Free),
            0 => Self::State(State::OutsidePool),
            _ if taken == room => Self::Full,
            _ => {
                let tenths = u128::from(taken) * 10 / u128::from(room);
                Self::Partly(u8::try_from(tenths).unwrap_or(9).clamp(1, 9))
            }
        }
    }

    /// The same as far as the characters can tell: there are three blocks for nine digits.
    #[must_use]
    pub fn as_drawn(self, is_ascii: bool) -> Self {
        match self {
            Self::Partly(tenths) if !is_ascii => Self::Partly(match tenths {
                ..4 => 1,
                4..7 => 4,
                _ => 7,
            }),
            _ => self,
        }
    }

    /// Its glyph.
    pub fn glyph(self, is_ascii: bool) -> char {
        match self.as_drawn(is_ascii) {
            Self::State(state) => palette::glyph(state, is_ascii),
            Self::Full => palette::glyph(State::Allocated, is_ascii),
            Self::Partly(tenths) if is_ascii => char::from(b'0' + tenths.clamp(1, 9)),
            Self::Partly(1) => '░',
            Self::Partly(4) => '▒',
            Self::Partly(_) => '▓',
        }
    }

    /// The colour of its glyph.
    pub const fn ink(self) -> Ink {
        match self {
            Self::State(state) => palette::ink(state),
            Self::Partly(_) | Self::Full => Ink::Taken,
        }
    }

    /// The colour of an area: the fuller, the darker.
    pub fn fill(self) -> &'static str {
        match self.as_drawn(false) {
            Self::State(state) => palette::fill(state),
            Self::Full => palette::fill(State::Allocated),
            Self::Partly(1) => "#bfdcec",
            Self::Partly(4) => "#7fb8d8",
            Self::Partly(_) => "#4095c5",
        }
    }

    /// What it means.
    pub fn words(self, is_ascii: bool) -> String {
        match self.as_drawn(is_ascii) {
            Self::State(state) => state.code().to_owned(),
            Self::Full => "full".to_owned(),
            Self::Partly(1) if is_ascii => "under 20 % taken".to_owned(),
            Self::Partly(1) => "under 40 % taken".to_owned(),
            Self::Partly(tenths) => format!("from {tenths}0 % taken"),
        }
    }

    /// Whether somebody has to look.
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::State(state) if state.is_problem())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shade(counts: &[(State, u64)]) -> Shade {
        let counts: Counts = counts.iter().copied().collect();
        Shade::of(counts.iter().map(|(_, count)| count).sum(), &counts)
    }

    #[test]
    fn the_gravest_problem_is_shown_however_rare_it_is() {
        let mut counts = vec![(State::Allocated, 250), (State::Free, 1)];
        for problem in [State::Leaked, State::MissingBit, State::Conflict] {
            counts.push((problem, 1));
            assert_eq!(shade(&counts), Shade::State(problem));
        }
    }

    #[test]
    fn what_is_taken_is_never_drawn_as_empty_and_what_is_free_never_as_full() {
        for taken in 1..256 {
            let shade = shade(&[(State::Allocated, taken), (State::Free, 256 - taken)]);
            assert!(matches!(shade, Shade::Partly(1..=9)), "{taken}: {shade:?}");
        }
        assert_eq!(shade(&[(State::Free, 256)]), Shade::State(State::Free));
        assert_eq!(shade(&[(State::Allocated, 256)]), Shade::Full);
    }

    #[test]
    fn what_nobody_can_hold_is_no_room() {
        let ends = [(State::NetworkAddress, 1), (State::Gateway, 1), (State::Allocated, 14)];
        assert_eq!(shade(&ends), Shade::Full);
        assert_eq!(shade(&[(State::OutsidePool, 15), (State::Allocated, 1)]), Shade::Partly(1));
        assert_eq!(
            shade(&[(State::OutsidePool, 15), (State::Broadcast, 1)]),
            Shade::State(State::OutsidePool)
        );
    }

    #[test]
    fn shades_of_one_picture_are_told_apart_without_colour() {
        let single = State::ALL.into_iter().filter(|state| *state != State::Broadcast).map(Shade::State);
        let density = (1..=9).map(Shade::Partly).chain([Shade::Full]);
        let of_cells = [State::OutsidePool, State::Free, State::Leaked, State::Conflict, State::MissingBit];
        let several: Vec<Shade> = of_cells.into_iter().map(Shade::State).chain(density).collect();
        for shades in [single.collect(), several] {
            for is_ascii in [true, false] {
                let drawn: BTreeSet<Shade> = shades.iter().map(|shade| shade.as_drawn(is_ascii)).collect();
                let glyphs: BTreeSet<char> = drawn.iter().map(|shade| shade.glyph(is_ascii)).collect();
                let words: BTreeSet<String> = drawn.iter().map(|shade| shade.words(is_ascii)).collect();
                assert_eq!((glyphs.len(), words.len()), (drawn.len(), drawn.len()));
                assert!(!is_ascii || glyphs.iter().all(char::is_ascii_graphic));
            }
        }
    }
}
