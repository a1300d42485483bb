//! A terminal as a picture: a dark window with a title, text in columns, and blocks and borders as shapes, since no
//! two fonts draw these alike. Every word has its own place, so that columns stay columns in any font.

use showalloc::view::xml::Element;

use crate::terminal::{Glyph, Look, Row};

/// Columns and rows, in pixels, of text of this size.
const COLUMN: usize = 8;
const ROW: usize = 18;
const FONT: usize = 13;
/// From the top of a row to the line that its text stands on.
const BASE: usize = 13;
/// Space around the text, and the bar with the title above it.
const MARGIN: usize = 16;
const BAR: usize = 32;

const PAPER: &str = "#0d1117";
const FRAME: &str = "#30363d";
const TITLE: &str = "#8b949e";
const TEXT: &str = "#d0d7de";

/// Fonts with columns, none of them wider than a column.
const FONTS: &str = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace";

/// A window.
pub struct Window<'a> {
    /// What is shown, for those who do not see it.
    pub name: &'a str,
    /// What is written above it.
    pub title: &'a str,
    /// What is in it.
    pub rows: &'a [Row],
}

/// A rectangle in a place of a terminal, in pixels.
struct Shape {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    opacity: &'static str,
}

// === impl Window ===

impl Window<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = columns * COLUMN + 2 * MARGIN;
        let height = BAR + MARGIN + self.rows.len() * ROW + MARGIN;
        let picture = Element::new("svg")
            .with("xmlns", "http://www.w3.org/2000/svg")
            .with("width", width)
            .with("height", height)
            .with("viewBox", format!("0 0 {width} {height}"))
            .with("role", "img")
            .with("aria-labelledby", "window-title")
            .with("font-family", FONTS)
            .with("font-size", FONT)
            .with("fill", TEXT);
        let rows = self.rows.iter().enumerate().flat_map(|(index, row)| {
            let top = BAR + MARGIN + index * ROW;
            backgrounds(row, top).into_iter().chain(shapes(row, top)).chain(text(row, top))
        });
        let picture = picture
            .child(Element::new("title").with("id", "window-title").text(self.name))
            .children(self.frame(width, height))
            .children(rows);
        format!("{picture}\n")
    }

    fn frame(&self, width: usize, height: usize) -> Vec<Element> {
        let window = rectangle(0, 0, width, height).with("rx", 8).with("fill", PAPER);
        let line = rectangle(0, BAR, width, 1).with("fill", FRAME);
        let lights = ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate().map(|(index, colour)| {
            let light = Element::new("circle").with("cx", MARGIN + 4 + index * 20).with("cy", BAR / 2);
            light.with("r", 6).with("fill", colour)
        });
        let title = Element::new("text")
            .with("x", width / 2)
            .with("y", BAR / 2 + 5)
            .with("text-anchor", "middle")
            .with("fill", TITLE)
            .text(self.title);
        [window, line].into_iter().chain(lights).chain([title]).collect()
    }
}

/// The areas of a row whose colours are exchanged.
fn backgrounds(row: &Row, top: usize) -> Vec<Element> {
    let is_one = |one: &Glyph, next: &Glyph| one.look == next.look;
    let pieces = pieces(row, is_one).filter(|(_, piece)| piece.iter().any(|glyph| glyph.look.is_reversed));
    pieces
        .map(|(column, piece)| {
            let area = rectangle(MARGIN + column * COLUMN, top, piece.len() * COLUMN, ROW);
            area.with("fill", piece.first().map_or_else(String::new, |glyph| colour(glyph.look)))
        })
        .collect()
}

fn shapes(row: &Row, top: usize) -> Vec<Element> {
    let is_one = |one: &Glyph, next: &Glyph| one == next && is_wide(one.character);
    let drawn = pieces(row, is_one).flat_map(|(column, piece)| {
        let glyph = piece.first().copied();
        let shapes = glyph.map(|glyph| shapes_of(glyph.character, piece.len())).unwrap_or_default();
        let fill = glyph.map(|glyph| ink(glyph.look)).unwrap_or_default();
        shapes.into_iter().map(move |shape| {
            let x = MARGIN + column * COLUMN + shape.x;
            let area = rectangle(x, top + shape.y, shape.width, shape.height).with("fill", &fill);
            if shape.opacity.is_empty() { area } else { area.with("opacity", shape.opacity) }
        })
    });
    drawn.collect()
}

/// The words of a row, each in its place.
fn text(row: &Row, top: usize) -> Option<Element> {
    let is_word = |glyph: &Glyph| glyph.character != ' ' && shapes_of(glyph.character, 1).is_empty();
    let is_one = |one: &Glyph, next: &Glyph| is_word(one) && is_word(next) && one.look == next.look;
    let words = pieces(row, is_one).filter(|(_, piece)| piece.iter().all(is_word));
    let words: Vec<Element> = words
        .map(|(column, piece)| {
            let look = piece.first().map(|glyph| glyph.look).unwrap_or_default();
            let word = Element::new("tspan").with("x", MARGIN + column * COLUMN);
            let word = if ink(look) == TEXT { word } else { word.with("fill", ink(look)) };
            let word = if look.is_bold { word.with("font-weight", "bold") } else { word };
            word.text(piece.iter().map(|glyph| glyph.character).collect::<String>())
        })
        .collect();
    (!words.is_empty()).then(|| Element::new("text").with("y", top + BASE).children(words))
}

/// Pieces of neighbours that belong together, with the column of the first.
fn pieces<'a>(
    row: &'a Row,
    is_one: impl FnMut(&Glyph, &Glyph) -> bool + 'a,
) -> impl Iterator<Item = (usize, &'a [Glyph])> {
    row.chunk_by(is_one).scan(0, |column, piece| {
        let first = *column;
        *column += piece.len();
        Some((first, piece))
    })
}

/// Whether several of them are one shape.
fn is_wide(character: char) -> bool {
    "█▓▒░─".contains(character)
}

/// What so many of a character look like; nothing for what is text.
fn shapes_of(character: char, count: usize) -> Vec<Shape> {
    let (middle, centre) = (COLUMN / 2, ROW / 2);
    let shape = |x, y, width, height, opacity| Shape { x, y, width, height, opacity };
    // A little lower than a row, so that bars and cells of neighbouring rows stay apart.
    let block = |opacity| vec![shape(0, 2, count * COLUMN, ROW - 4, opacity)];
    let line = |x, width| shape(x, centre, width, 1, "");
    let post = |y, height| shape(middle, y, 1, height, "");
    match character {
        '█' => block(""),
        '▓' => block("0.75"),
        '▒' => block("0.5"),
        '░' => block("0.3"),
        '▕' => vec![shape(COLUMN - 1, 2, 1, ROW - 4, "")],
        '▏' => vec![shape(0, 2, 1, ROW - 4, "")],
        '─' => vec![line(0, count * COLUMN)],
        '│' => vec![post(0, ROW)],
        '┌' => vec![line(middle, middle), post(centre, ROW - centre)],
        '┐' => vec![line(0, middle + 1), post(centre, ROW - centre)],
        '└' => vec![line(middle, middle), post(0, centre)],
        '┘' => vec![line(0, middle + 1), post(0, centre)],
        _ => Vec::new(),
    }
}

/// What text and shapes are drawn in.
fn ink(look: Look) -> String {
    if look.is_reversed { PAPER.to_owned() } else { colour(look) }
}

/// One of the 256 colours: those from 16 on are a cube and greys, the same on every terminal.
fn colour(look: Look) -> String {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |number: u8| STEPS.get(usize::from(number % 6)).copied().unwrap_or_default();
    let [red, green, blue] = match look.colour {
        Some(number @ 16..=231) => [(number - 16) / 36, (number - 16) / 6, number - 16].map(step),
        Some(number @ 232..) => [8 + 10 * (number - 232); 3],
        _ => return TEXT.to_owned(),
    };
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn rectangle(x: usize, y: usize, width: usize, height: usize) -> Element {
    Element::new("rect").with("x", x).with("y", y).with("width", width).with("height", height)
}
