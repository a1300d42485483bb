//! What the characters of a picture mean, of those that are in it, and what the picture cannot show: how many
//! addresses a cell stands for, and where one finds a subnet on a curve. The cells themselves are drawn elsewhere.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::view::{
    cells::{Cell, Cells},
    line::{Line, flow},
    order::Order,
    palette::Ink,
    screen::Screen,
    shade::Shade,
};

/// A glyph and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the glyph is of.
    pub shade: Shade,
    /// How many there are, and of what.
    pub words: String,
}

/// Exactly the glyphs that are in a picture, problems last.
pub fn entries(cells: &Cells<'_>, is_ascii: bool) -> Vec<Entry> {
    let mut counts: BTreeMap<(bool, Shade), usize> = BTreeMap::new();
    for cell in &cells.list {
        let shade = cell.shade.as_drawn(is_ascii);
        *counts.entry((shade.is_problem(), shade)).or_default() += 1;
    }
    let is_single = cells.cell_size() == 1;
    let entry = |((_, shade), count): ((bool, Shade), usize)| {
        let words = shade.words(is_ascii);
        let words = match count {
            _ if is_single => format!("{words}: {count}"),
            // Others of the cell may be in other states, even in the same trouble.
            _ if shade.is_problem() => format!("some {words}: {}", of_cells(count)),
            _ => format!("{words}: {}", of_cells(count)),
        };
        Entry { shade, words }
    };
    counts.into_iter().map(entry).collect()
}

/// What cells of several addresses hide, in phrases: the addresses of all of them by their states.
pub fn hidden(cells: &Cells<'_>) -> Option<Vec<String>> {
    let addresses: u64 = cells.list.iter().map(Cell::size).sum();
    let counts = cells.counts().iter().map(|(state, count)| format!("{count} {state}")).collect();
    let phrases = std::iter::once(format!("{addresses} addresses:")).chain(with_commas(counts));
    (cells.cell_size() > 1).then(|| phrases.collect())
}

/// How much a cell stands for, if for more than an address.
pub fn scale(cells: &Cells<'_>) -> Option<String> {
    let cell = cells.list.first().filter(|cell| cell.size() > 1)?;
    Some(format!("each cell is a /{} of {} addresses", cell.subnet.prefix_len(), cell.size()))
}

/// Where the large parts of a subnet are on its curve, in phrases.
pub fn parts(cells: &Cells<'_>) -> Option<Vec<String>> {
    let count = cells.list.len();
    let size = Order::Hilbert.size(count);
    let is_square = size.row == size.column;
    let parts: usize = if is_square { 4 } else { 2 };
    let longer = if is_square { 2 } else { 1 };
    let subnets = cells.subnet.subnets(cells.subnet.prefix_len().saturating_add(longer)).ok()?;
    let name = |(index, subnet): (usize, IpNet)| {
        let place = Order::Hilbert.place(index * count / parts, count);
        let side = if place.column < size.column / 2 { "left" } else { "right" };
        let height = if place.row < size.row / 2 { "upper " } else { "lower " };
        format!("{subnet} {}{side}", if is_square { height } else { "" })
    };
    (count >= parts).then(|| with_commas(subnets.enumerate().map(name).collect()))
}

/// The lines under a picture.
pub(super) fn legend(cells: &Cells<'_>, order: Order, screen: &Screen) -> Vec<Line> {
    let entry = |Entry { shade, words }: Entry| {
        let mut line = Line::of(shade.ink(), shade.glyph(screen.is_ascii).to_string());
        line.push(Ink::Plain, format!(" {words}"));
        line
    };
    let entries = entries(cells, screen.is_ascii).into_iter().map(entry);
    let mut lines = flow(entries.collect(), "   ", screen.width);
    let zoom = scale(cells).map(|scale| match cells.worth_a_look() {
        Some(subnet) => format!("{scale}; --cidr {subnet} zooms in"),
        None => scale,
    });
    let parts = parts(cells).filter(|_| order == Order::Hilbert);
    let sentences = [hidden(cells), parts, zoom.map(|zoom| vec![zoom])];
    for phrases in sentences.into_iter().flatten() {
        let phrases = phrases.into_iter().map(|phrase| Line::of(Ink::Plain, phrase));
        lines.extend(flow(phrases.collect(), " ", screen.width));
    }
    lines
}

fn of_cells(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

fn with_commas(mut phrases: Vec<String>) -> Vec<String> {
    let last = phrases.len().saturating_sub(1);
    phrases.iter_mut().take(last).for_each(|phrase| phrase.push(','));
    phrases
}
