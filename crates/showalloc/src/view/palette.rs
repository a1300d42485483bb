//! How states look: each has a glyph of its own in two character sets, and a colour that repeats what the glyph
//! says. The colours are those of Okabe and Ito, which colour-blind readers can tell apart. Draws nothing.

use anstyle::{Ansi256Color, Color, Style};
use danm_ipam::State;

/// What a piece of text is coloured as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ink {
    /// Text as any other.
    #[default]
    Plain,
    /// Of less weight: labels, what is free, what nobody may hold.
    Faint,
    /// Taken, and rightly so.
    Taken,
    /// A gateway.
    Gateway,
    /// Leaked.
    Leaked,
    /// Held by several.
    Conflict,
    /// In use with a clear bit.
    MissingBit,
    /// A value as it should be.
    Good,
    /// A value that somebody should know of; no error.
    Warning,
}

// === impl Ink ===

impl Ink {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Faint,
        Self::Taken,
        Self::Gateway,
        Self::Leaked,
        Self::Conflict,
        Self::MissingBit,
        Self::Good,
        Self::Warning,
    ];

    /// On a terminal, of either background. The nearest of the 256 colours: 16 of them would be whatever the
    /// user's theme says, and 2^24 are not known everywhere.
    pub const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Faint => colour(245),
            Self::Taken => colour(32),
            Self::Gateway => colour(74),
            Self::Leaked => colour(166).bold(),
            Self::Conflict => colour(175).bold(),
            Self::MissingBit => colour(178).bold(),
            Self::Good => colour(36),
            Self::Warning => colour(178),
        }
    }

    /// In a picture with a light background.
    pub const fn hex(self) -> &'static str {
        match self {
            Self::Plain => "#1a1a1a",
            Self::Faint => "#6b6b6b",
            Self::Taken => "#0072b2",
            Self::Gateway => "#56b4e9",
            Self::Leaked => "#d55e00",
            Self::Conflict => "#cc79a7",
            Self::MissingBit | Self::Warning => "#e69f00",
            Self::Good => "#009e73",
        }
    }
}

/// The glyph of a state. Both ends of a subnet share one, the only two states that do: their place tells them apart.
pub const fn glyph(state: State, is_ascii: bool) -> char {
    match state {
        State::Allocated if is_ascii => 'A',
        State::Allocated => '█',
        State::Free if is_ascii => '.',
        State::Free => '·',
        State::NetworkAddress | State::Broadcast => 'b',
        State::Gateway => 'g',
        State::OutsidePool => 'o',
        State::Leaked => 'L',
        State::Conflict => 'C',
        State::MissingBit => 'U',
    }
}

/// The colour of a state's glyph.
pub const fn ink(state: State) -> Ink {
    match state {
        State::NetworkAddress | State::Broadcast | State::OutsidePool | State::Free => Ink::Faint,
        State::Gateway => Ink::Gateway,
        State::Allocated => Ink::Taken,
        State::Leaked => Ink::Leaked,
        State::Conflict => Ink::Conflict,
        State::MissingBit => Ink::MissingBit,
    }
}

/// The colour of an area in a state. Black can be read on all but that of allocated addresses.
pub const fn fill(state: State) -> &'static str {
    match state {
        State::Free => "#f4f4f4",
        State::OutsidePool => "#dcdcdc",
        State::NetworkAddress | State::Broadcast => "#b0b0b0",
        _ => ink(state).hex(),
    }
}

const fn colour(number: u8) -> Style {
    Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(number))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn states_are_told_apart_without_colour_in_both_character_sets() {
        for is_ascii in [true, false] {
            let mut glyphs: BTreeMap<char, Vec<State>> = BTreeMap::new();
            State::ALL
                .iter()
                .for_each(|state| glyphs.entry(glyph(*state, is_ascii)).or_default().push(*state));
            glyphs.retain(|_, states| states.len() > 1);
            let ends = vec![State::NetworkAddress, State::Broadcast];
            assert_eq!(glyphs.into_values().collect::<Vec<_>>(), [ends]);
        }
    }

    #[test]
    fn ascii_is_ascii() {
        assert!(State::ALL.iter().all(|state| glyph(*state, true).is_ascii_graphic()));
    }

    #[test]
    fn whatever_needs_a_look_has_a_colour_of_its_own() {
        let problems: Vec<State> = State::ALL.into_iter().filter(|state| state.is_problem()).collect();
        for problem in &problems {
            let others = State::ALL.into_iter().filter(|state| state != problem);
            for other in others {
                assert_ne!(ink(*problem).hex(), ink(other).hex(), "{problem} and {other}");
                assert_ne!(ink(*problem).style(), ink(other).style(), "{problem} and {other}");
                assert_ne!(fill(*problem), fill(other), "{problem} and {other}");
            }
        }
    }
}
