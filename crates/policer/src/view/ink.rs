//! Colours of text, which repeat what characters say. They are those of Okabe and Ito, which colour-blind readers can tell
//! apart. What tenants wrote is made printable on the way.

use anstyle::{Ansi256Color, Color, Style};
use operator_runtime::{Screen, printable};

/// What a piece of text is coloured as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Text as any other.
    #[default]
    Plain,
    /// Of more weight.
    Strong,
    /// Of less weight.
    Faint,
    /// What is allowed.
    Allowed,
    /// What is not.
    Denied,
    /// What is in doubt.
    Doubt,
}

// === impl Ink ===

impl Ink {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => colour(245),
            Self::Allowed => colour(36),
            Self::Denied => colour(166).bold(),
            Self::Doubt => colour(178),
        }
    }

    /// Text as it is written to a screen.
    pub(crate) fn paint(self, text: &str, screen: &Screen) -> String {
        let shown = printable(text, screen.is_ascii);
        if !screen.is_coloured || self == Self::Plain || shown.trim().is_empty() {
            return shown.into_owned();
        }
        let style = self.style();
        format!("{style}{shown}{style:#}")
    }
}

const fn colour(number: u8) -> Style {
    Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(number))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_there_where_they_can_be_seen_and_nothing_else_moves_the_cursor() {
        let screen = |is_coloured| Screen { width: None, is_ascii: false, is_coloured };
        assert_eq!(Ink::Allowed.paint("x", &screen(true)), "\u{1b}[38;5;36mx\u{1b}[0m");
        assert_eq!(Ink::Allowed.paint("x\u{1b}[2J", &screen(false)), "x\u{fffd}[2J");
    }
}
