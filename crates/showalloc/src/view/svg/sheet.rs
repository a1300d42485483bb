//! One map on its sheet: title, utilisation, cells, legend. Measures itself, so that sheets can be stacked.

use danm_ipam::State;

use crate::view::{
    bar::{self, percent},
    cells::{Cell, Cells},
    grid::labels,
    legend::{self, Entry},
    line::{Line, flow},
    order::{COLUMNS, Order},
    palette::Ink,
    shade::Shade,
    svg::tooltip,
    xml::Element,
};

/// A drawing and its measures, in pixels.
pub(super) struct Sheet {
    pub drawing: Element,
    pub width: usize,
    pub height: usize,
    /// What it shows, for those who do not see it.
    pub name: String,
    /// What is on it.
    pub description: String,
}

/// From a cell to the next.
const PITCH: usize = 24;
/// Sides of a cell.
const SIDE: usize = 22;
/// Columns of a character of the text, and of the title: fonts differ, this is the widest of them.
const CHARACTER: usize = 8;
/// From a line of text to the next.
const LINE: usize = 22;
/// Characters of the title at most: names may have 253, and a picture of that width shows nothing.
const TITLE: usize = 72;
/// Characters of a line below the cells.
const NOTE: usize = 88;
/// Top of the bar, below the title.
const BAR: usize = 30;
/// Top of the cells' header.
const HEADER: usize = 62;
/// Top of the cells.
const CELLS: usize = 80;

// === impl Sheet ===

impl Sheet {
    pub(super) fn of(cells: &Cells<'_>, order: Order) -> Self {
        let labels = if order == Order::Rows { labels(cells) } else { Vec::new() };
        let longest = labels.iter().map(String::len).max().unwrap_or_default();
        let left = if longest == 0 { 0 } else { (longest + 1) * CHARACTER };
        let size = order.size(cells.list.len());
        let area = Element::new("g").with("transform", format!("translate({left} {CELLS})"));
        let right = left + size.column * PITCH + PITCH;
        let entries = legend::entries(cells, false);
        let notes = notes(cells, order);
        let below = CELLS + size.row.max(entries.len()) * PITCH;
        let title = name(cells);
        let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max();
        let widths = [
            longest(&mut entries.iter().map(|entry| &entry.words))
                .map(|words| right + (words + 4) * CHARACTER),
            longest(&mut notes.iter()).map(|note| note * CHARACTER),
            Some(title.chars().count().min(TITLE) * (CHARACTER + 2)),
        ];
        let mut parts = vec![heading(&title)];
        parts.extend(utilisation(cells));
        parts.extend(header(&labels, left));
        parts.push(area.children(squares(cells, order)));
        parts.extend(keys(&entries, right));
        parts.extend(remarks(&notes, below));
        Self {
            drawing: Element::new("g").children(parts),
            width: widths.into_iter().flatten().max().unwrap_or_default(),
            height: below + notes.len() * LINE,
            description: description(cells, &title),
            name: title,
        }
    }
}

/// Which network, and which part of it.
fn name(cells: &Cells<'_>) -> String {
    let network = &cells.map.network;
    let path = [network.namespace.as_str(), network.name.as_str()];
    let path = path.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let whole = cells.map.cidr.trunc();
    let part = if cells.subnet == whole { whole.to_string() } else { format!("{} of {whole}", cells.subnet) };
    format!("{} {path} {part}", network.kind)
}

fn description(cells: &Cells<'_>, name: &str) -> String {
    let counts = cells.counts();
    format!("{name}: {}; {} of the addresses for endpoints are taken.", counts, percent(counts.utilisation()))
}

fn heading(title: &str) -> Element {
    let shown: String = if title.chars().count() > TITLE {
        title.chars().take(TITLE - 1).chain(['…']).collect()
    } else {
        title.to_owned()
    };
    let whole = Element::new("title").text(title);
    Element::new("text")
        .with("y", 15)
        .with("font-size", 16)
        .with("font-weight", "bold")
        .child(whole)
        .text(shown)
}

fn utilisation(cells: &Cells<'_>) -> [Element; 3] {
    const LENGTH: usize = 240;
    let share = cells.counts().utilisation();
    let ink = if share >= bar::WARNING { Ink::Warning } else { Ink::Good };
    let rect = || Element::new("rect").with("y", BAR).with("height", 14);
    [
        rect().with("width", LENGTH).with("fill", "#e8e8e8"),
        rect().with("width", bar::filled(share, LENGTH)).with("fill", ink.hex()),
        text(LENGTH + 12, BAR + 12, &format!("{} taken", percent(share))),
    ]
}

/// The labels of rows, and the digits that are added to them.
fn header(labels: &[String], left: usize) -> Vec<Element> {
    let rows = labels.iter().step_by(COLUMNS).enumerate();
    let rows = rows.map(|(row, label)| text(0, CELLS + row * PITCH + 16, label));
    let digits = (0..COLUMNS.min(labels.len())).map(|column| {
        let digit = text(left + column * PITCH + SIDE / 2, HEADER + 12, &format!("{column:x}"));
        digit.with("text-anchor", "middle")
    });
    rows.chain(digits).map(|label| label.with("fill", Ink::Faint.hex())).collect()
}

fn squares(cells: &Cells<'_>, order: Order) -> Vec<Element> {
    let count = cells.list.len();
    let square = |(index, cell): (usize, &Cell<'_>)| {
        let place = order.place(index, count);
        square(cell.shade, place.column * PITCH, place.row * PITCH, Some(tooltip::of(cell)))
    };
    cells.list.iter().enumerate().map(square).collect()
}

/// A square with the letter of its shade, where that has one. The letter is a part of it, so that it has the tooltip
/// of the square, which comes first because older viewers look nowhere else.
fn square(shade: Shade, x: usize, y: usize, tooltip: Option<String>) -> Element {
    let rect = Element::new("rect").with("x", x).with("y", y).with("width", SIDE).with("height", SIDE);
    let rect = rect.with("fill", shade.fill());
    let rect = if shade == Shade::State(State::Free) { rect.with("stroke", "#d0d0d0") } else { rect };
    let tooltip = tooltip.map(|tooltip| Element::new("title").text(tooltip));
    let group = Element::new("g").children(tooltip).child(rect);
    match shade.glyph(false) {
        letter if letter.is_ascii_alphabetic() => {
            let letter = text(x + SIDE / 2, y + 16, &letter.to_string()).with("text-anchor", "middle");
            group.child(if shade.is_problem() { letter.with("font-weight", "bold") } else { letter })
        }
        _ => group,
    }
}

/// What the shades mean, beside the cells.
fn keys(entries: &[Entry], x: usize) -> Vec<Element> {
    let key = |(row, entry): (usize, &Entry)| {
        let y = CELLS + row * PITCH;
        [square(entry.shade, x, y, None), text(x + SIDE + CHARACTER, y + 16, &entry.words)]
    };
    entries.iter().enumerate().flat_map(key).collect()
}

/// The notes, below the cells.
fn remarks(notes: &[String], top: usize) -> Vec<Element> {
    let lines = notes.iter().enumerate().map(|(row, note)| text(0, top + (row + 1) * LINE, note));
    lines.map(|line| line.with("fill", Ink::Faint.hex())).collect()
}

/// What the cells cannot show.
fn notes(cells: &Cells<'_>, order: Order) -> Vec<String> {
    let parts = legend::parts(cells).filter(|_| order == Order::Hilbert);
    let sentences = [legend::hidden(cells), legend::scale(cells).map(|scale| vec![scale]), parts];
    let lines = sentences.into_iter().flatten().flat_map(|phrases| {
        let phrases = phrases.into_iter().map(|phrase| Line::of(Ink::Faint, phrase));
        flow(phrases.collect(), " ", Some(NOTE))
    });
    lines.map(|line| line.spans().iter().map(|span| span.text.as_str()).collect()).collect()
}

fn text(x: usize, y: usize, text: &str) -> Element {
    Element::new("text").with("x", x).with("y", y).text(text)
}
