//! What is on a terminal: a glyph in every place, with its look. Taken from lines and from ratatui's buffers, so that
//! both can be drawn alike.

use anstyle::{Ansi256Color, Color as AnsiColor, Effects};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use showalloc::view::{line::Line, palette::Ink};

/// A row of a terminal.
pub type Row = Vec<Glyph>;

/// A character in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyph {
    pub character: char,
    pub look: Look,
}

/// How it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// One of the 256 colours of terminals, if not that of all text.
    pub colour: Option<u8>,
    pub is_bold: bool,
    pub is_reversed: bool,
}

/// The rows of lines, one each.
pub fn of_lines(lines: &[Line]) -> Vec<Row> {
    let row = |line: &Line| {
        let glyphs = line.spans().iter().flat_map(|span| {
            let look = Look::of_ink(span.ink);
            span.text.chars().map(move |character| Glyph { character, look })
        });
        glyphs.collect()
    };
    lines.iter().map(row).collect()
}

/// The rows of a buffer.
pub fn of_buffer(buffer: &Buffer) -> Vec<Row> {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).map(|cells| cells.iter().map(Glyph::of_cell).collect()).collect()
}

// === impl Glyph ===

impl Glyph {
    fn of_cell(cell: &Cell) -> Self {
        Self { character: cell.symbol().chars().next().unwrap_or(' '), look: Look::of_cell(cell) }
    }
}

// === impl Look ===

impl Look {
    fn of_ink(ink: Ink) -> Self {
        let style = ink.style();
        let colour = match style.get_fg_color() {
            Some(AnsiColor::Ansi256(Ansi256Color(number))) => Some(number),
            _ => None,
        };
        Self { colour, is_bold: style.get_effects().contains(Effects::BOLD), is_reversed: false }
    }

    fn of_cell(cell: &Cell) -> Self {
        let colour = match cell.fg {
            Color::Indexed(number) => Some(number),
            _ => None,
        };
        Self {
            colour,
            is_bold: cell.modifier.contains(Modifier::BOLD),
            is_reversed: cell.modifier.contains(Modifier::REVERSED),
        }
    }
}
