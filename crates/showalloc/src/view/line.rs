//! A line of coloured text. It knows its width before it is printed, and how to become safe bytes for a terminal:
//! no other character than printable ones, and no colours where there are none.

use std::fmt::Write;

use operator_runtime::printable;

use crate::view::{palette::Ink, screen::Screen};

/// A line. Every character is meant to be one column wide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<Span>,
}

/// A piece of a line in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its colour.
    pub ink: Ink,
    /// Its text.
    pub text: String,
}

// === impl Line ===

impl Line {
    /// A line with this text.
    pub fn of(ink: Ink, text: impl AsRef<str>) -> Self {
        let mut line = Self::default();
        line.push(ink, text);
        line
    }

    /// Adds text at the end.
    pub fn push(&mut self, ink: Ink, text: impl AsRef<str>) {
        let text = text.as_ref();
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            // Spaces have no colour: to change it for them would double the size of a picture.
            Some(last) if last.ink == ink || text.chars().all(|character| character == ' ') => {
                last.text.push_str(text);
            }
            _ => self.spans.push(Span { ink, text: text.to_owned() }),
        }
    }

    /// Adds a line at the end.
    pub fn append(&mut self, other: Self) {
        other.spans.into_iter().for_each(|span| self.push(span.ink, span.text));
    }

    /// Its columns.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.chars().count()).sum()
    }

    /// Whether nothing is on it.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Its pieces.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// As it is written to a screen, without the end of the line.
    pub fn render(&self, screen: &Screen) -> String {
        let mut text = String::new();
        for span in &self.spans {
            let shown = printable(&span.text, screen.is_ascii);
            let style = span.ink.style();
            let written = if screen.is_coloured {
                write!(text, "{style}{shown}{style:#}")
            } else {
                write!(text, "{shown}")
            };
            debug_assert!(written.is_ok(), "text can always be added to");
        }
        text
    }

    /// As much of it as fits the screen, with a mark where the rest was.
    #[must_use]
    pub fn cut(self, screen: &Screen) -> Self {
        let Some(width) = screen.width.filter(|width| self.width() > *width) else { return self };
        let mut room = width.saturating_sub(1);
        let mut kept = Self::default();
        for span in self.spans {
            let text: String = span.text.chars().take(room).collect();
            room -= text.chars().count();
            kept.push(span.ink, text);
        }
        kept.push(Ink::Faint, if screen.is_ascii { "~" } else { "…" });
        kept
    }

    /// Its words, and those that are longer than that in pieces.
    fn words(&self, longest: usize) -> Vec<Self> {
        let mut words = Vec::new();
        let mut word = Self::default();
        let all = self.spans.iter().flat_map(|span| span.text.chars().map(|character| (span.ink, character)));
        for (ink, character) in all {
            if character == ' ' || word.width() == longest {
                words.push(std::mem::take(&mut word));
            }
            if character != ' ' {
                word.push(ink, character.encode_utf8(&mut [0; 4]));
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::of(Ink::Plain, text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::of(Ink::Plain, text)
    }
}

/// The text of lines, each with its end.
pub fn text(lines: &[Line], screen: &Screen) -> String {
    lines.iter().map(|line| line.render(screen) + "\n").collect()
}

/// Puts items beside each other as long as they fit. Only an item that is wider than a line is broken.
pub fn flow(items: Vec<Line>, gap: &str, width: Option<usize>) -> Vec<Line> {
    let width = width.unwrap_or(usize::MAX).max(1);
    let mut lines: Vec<Line> = Vec::new();
    for item in items {
        if item.width() > width {
            lines.extend(flow(item.words(width), " ", Some(width)));
            continue;
        }
        match lines.last_mut() {
            Some(line) if line.width() + gap.len() + item.width() <= width => {
                line.push(Ink::Plain, gap);
                line.append(item);
            }
            _ => lines.push(item),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURED: Screen = Screen { width: None, is_ascii: false, is_coloured: true };

    fn words(text: &str) -> Vec<Line> {
        text.split(' ').map(|word| Line::of(Ink::Plain, word)).collect()
    }

    #[test]
    fn a_line_has_escape_sequences_only_where_there_are_colours() {
        let mut line = Line::of(Ink::Leaked, "L");
        line.push(Ink::Plain, " ");
        line.push(Ink::Plain, "and ");
        line.push(Ink::Taken, "█");
        assert_eq!(line.width(), 7);
        assert_eq!(
            line.render(&COLOURED),
            "\u{1b}[1m\u{1b}[38;5;166mL \u{1b}[0mand \u{1b}[38;5;32m█\u{1b}[0m"
        );
        assert_eq!(line.render(&Screen { is_coloured: false, ..COLOURED }), "L and █");
    }

    #[test]
    fn nothing_that_a_tenant_writes_reaches_the_terminal_as_a_command() {
        let line = Line::of(Ink::Plain, "\u{1b}]0;mine\u{7}\n");
        assert_eq!(line.render(&COLOURED), "\u{fffd}]0;mine\u{fffd}\u{fffd}");
    }

    #[test]
    fn lines_are_never_wider_than_asked_and_lose_no_word() {
        let sentence =
            "each cell is a /28 of 16 addresses; --cidr 2001:db8:ffff:ffff:ffff:ffff:ffff:f000/124 zooms in";
        for width in 1..120 {
            let lines = flow(words(sentence), " ", Some(width));
            assert!(lines.iter().all(|line| line.width() <= width && line.width() > 0), "{width}");
            let all: String = lines.iter().flat_map(Line::spans).map(|span| span.text.as_str()).collect();
            assert_eq!(all.replace(' ', ""), sentence.replace(' ', ""), "{width}");
        }
        assert_eq!(flow(words(sentence), " ", None).len(), 1);
    }
}
