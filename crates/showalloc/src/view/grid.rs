//! A map as a picture of characters, one a cell, with a legend. Takes no more columns than there are: the space
//! between cells goes first, then half of the cells of a row, then the labels; never a cell. Names nobody.

use std::net::IpAddr;

use crate::view::{
    cells::{Cell, Cells},
    legend::legend,
    line::Line,
    order::{COLUMNS, Order, Place},
    palette::Ink,
    screen::Screen,
};

/// How the cells are set.
#[derive(Clone, Copy)]
struct Setting {
    order: Order,
    columns: usize,
    is_spaced: bool,
    is_labelled: bool,
}

/// Space after a label.
const GAP: &str = "  ";

/// The picture of a map. A curve that does not fit is drawn as rows: it cannot be broken.
pub fn grid(cells: &Cells<'_>, order: Order, screen: &Screen) -> Vec<Line> {
    let labels = labels(cells);
    let longest = labels.iter().map(String::len).max().unwrap_or_default();
    let setting = Setting::fitting(cells.list.len(), order, longest, screen.width);
    let mut lines = match setting.order {
        Order::Rows => rows(cells, &labels, setting, screen),
        Order::Hilbert => curve(cells, setting, screen),
    };
    lines.push(Line::default());
    lines.extend(legend(cells, setting.order, screen));
    lines
}

// === impl Setting ===

impl Setting {
    /// The most comfortable one that is not too wide.
    fn fitting(cells: usize, order: Order, label: usize, width: Option<usize>) -> Self {
        let full = order.size(cells).column;
        let rows = |columns: usize, is_spaced, is_labelled| Self {
            order: Order::Rows,
            columns: columns.min(cells),
            is_spaced,
            is_labelled,
        };
        let curve = |is_spaced| Self { order, columns: full, is_spaced, is_labelled: false };
        let curves = [true, false].map(curve).into_iter().filter(|curve| curve.order == Order::Hilbert);
        let labelled =
            [rows(COLUMNS, true, true), rows(COLUMNS, false, true), rows(COLUMNS / 2, false, true)];
        let bare = [COLUMNS, 8, 4, 2].map(|columns| rows(columns, false, false));
        let mut settings = curves.chain(labelled).chain(bare);
        let fits = |setting: &Self| width.is_none_or(|width| setting.width(label) <= width);
        settings.find(fits).unwrap_or_else(|| rows(1, false, false))
    }

    fn width(self, label: usize) -> usize {
        let cells = if self.is_spaced { 2 * self.columns - 1 } else { self.columns };
        if self.is_labelled { label + GAP.len() + cells } else { cells }
    }

    fn space(self) -> &'static str {
        if self.is_spaced { " " } else { "" }
    }
}

fn rows(cells: &Cells<'_>, labels: &[String], setting: Setting, screen: &Screen) -> Vec<Line> {
    let longest = labels.iter().map(String::len).max().unwrap_or_default();
    let label = |text: &str| {
        let text = if setting.is_labelled { format!("{text:longest$}{GAP}") } else { String::new() };
        Line::of(Ink::Faint, text)
    };
    let mut lines = Vec::new();
    if setting.is_labelled && setting.columns > 1 {
        let digits: Vec<String> = (0..setting.columns).map(|column| format!("{column:x}")).collect();
        let mut header = label("");
        header.push(Ink::Faint, digits.join(setting.space()));
        lines.push(header);
    }
    let labels = labels.iter().step_by(setting.columns);
    for (row, text) in cells.list.chunks(setting.columns).zip(labels) {
        let mut line = label(text);
        push_cells(&mut line, row.iter(), setting, screen);
        lines.push(line);
    }
    lines
}

fn curve(cells: &Cells<'_>, setting: Setting, screen: &Screen) -> Vec<Line> {
    let count = cells.list.len();
    let places = cells.list.iter().enumerate().map(|(index, cell)| (setting.order.place(index, count), cell));
    let mut places: Vec<(Place, &Cell<'_>)> = places.collect();
    places.sort_by_key(|(place, _)| (place.row, place.column));
    let row = |row: &[(Place, &Cell<'_>)]| {
        let mut line = Line::default();
        push_cells(&mut line, row.iter().map(|(_, cell)| *cell), setting, screen);
        line
    };
    places.chunk_by(|(one, _), (next, _)| one.row == next.row).map(row).collect()
}

fn push_cells<'a>(
    line: &mut Line,
    cells: impl Iterator<Item = &'a Cell<'a>>,
    setting: Setting,
    screen: &Screen,
) {
    for (column, cell) in cells.enumerate() {
        line.push(Ink::Plain, if column > 0 { setting.space() } else { "" });
        line.push(cell.shade.ink(), cell.shade.glyph(screen.is_ascii).to_string());
    }
}

/// What every cell is called, if a row begins with it: as people say it where an address is a cell, the end of the
/// address only.
pub(super) fn labels(cells: &Cells<'_>) -> Vec<String> {
    let is_single = cells.cell_size() == 1;
    let label = |cell: &Cell<'_>| match cell.first() {
        IpAddr::V4(address) if is_single => format!(".{}", address.octets()[3]),
        IpAddr::V6(address) if is_single => format!(":{:x}", address.segments()[7]),
        address => address.to_string(),
    };
    cells.list.iter().map(label).collect()
}
