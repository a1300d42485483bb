//! Tables as kubectl draws them: columns as wide as what is in them, no borders. Where a screen is too narrow for all of
//! them, those are shown that tell most; what does not fit even so is cut, so that every row stays one line.

use super::{line::Line, palette::Ink, screen::Screen};

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Line>>,
    numbers: Vec<usize>,
    layouts: Vec<Vec<usize>>,
}

/// Between two columns.
const GAP: usize = 3;

/// The last column is for words, which may be cut; so much of them has to be seen.
const WORDS: usize = 24;

// === impl Table ===

impl Table {
    /// A table with these columns.
    pub fn new(headers: &[&'static str]) -> Self {
        let layouts = vec![(0..headers.len()).collect()];
        Self { headers: headers.to_vec(), rows: Vec::new(), numbers: Vec::new(), layouts }
    }

    /// These columns hold numbers, and are aligned to the right.
    #[must_use]
    pub fn with_numbers(mut self, columns: &[usize]) -> Self {
        self.numbers = columns.to_vec();
        self
    }

    /// The columns that are shown, and their order: the first that fits the screen, or else the last.
    #[must_use]
    pub fn with_layouts(mut self, layouts: &[&[usize]]) -> Self {
        self.layouts = layouts.iter().map(|layout| layout.to_vec()).collect();
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = impl Into<Line>>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// Its lines. Columns in which nothing is are left out.
    pub fn lines(&self, has_headers: bool, screen: &Screen) -> Vec<Line> {
        let header: Vec<Line> = self.headers.iter().map(|name| Line::of(Ink::Plain, name)).collect();
        let rows: Vec<&Vec<Line>> = has_headers.then_some(&header).into_iter().chain(&self.rows).collect();
        let mut layouts = self.layouts.iter().map(|layout| self.columns(layout, &rows)).peekable();
        let mut columns = Vec::new();
        while let Some(layout) = layouts.next() {
            if layouts.peek().is_none() || self.fits(&layout, screen) {
                columns = layout;
                break;
            }
        }
        rows.iter().map(|row| line(row, &columns).cut(screen)).collect()
    }

    /// The columns of a layout in which something is.
    fn columns(&self, layout: &[usize], rows: &[&Vec<Line>]) -> Vec<Column> {
        let is_used = |column: &&usize| self.rows.iter().any(|row| cell(row, **column).is_some());
        let column = |index: &usize| Column {
            index: *index,
            width: rows.iter().filter_map(|row| cell(row, *index)).map(Line::width).max().unwrap_or_default(),
            is_number: self.numbers.contains(index),
        };
        layout.iter().filter(is_used).map(column).collect()
    }

    fn fits(&self, columns: &[Column], screen: &Screen) -> bool {
        let needed = columns.iter().map(|column| {
            let are_words = column.index + 1 == self.headers.len();
            GAP + if are_words { column.width.min(WORDS) } else { column.width }
        });
        screen.width.is_none_or(|width| needed.sum::<usize>() <= width + GAP)
    }
}

/// A column that is shown.
struct Column {
    index: usize,
    width: usize,
    is_number: bool,
}

fn cell(row: &[Line], column: usize) -> Option<&Line> {
    row.get(column).filter(|cell| !cell.is_empty())
}

fn line(row: &[Line], columns: &[Column]) -> Line {
    let mut line = Line::default();
    let mut owed = 0;
    for column in columns {
        let cell = cell(row, column.index);
        let padding = column.width - cell.map_or(0, Line::width).min(column.width);
        if column.is_number {
            owed += padding;
        }
        if let Some(cell) = cell {
            line.push(Ink::Plain, " ".repeat(owed));
            line.append(cell.clone());
            owed = 0;
        } else if column.is_number {
            owed -= padding;
        }
        let rest = if cell.is_none() {
            column.width
        } else if column.is_number {
            0
        } else {
            padding
        };
        owed += rest + GAP;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::line::text;

    fn screen(width: Option<usize>) -> Screen {
        Screen { width, is_ascii: true, is_coloured: false }
    }

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "SIZE", "NOTHING", "WHY"]).with_numbers(&[1]);
        table.push(["a", "256", "", "a reason that is long"]);
        table.push(["longer", "8", "", ""]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_empty_ones_are_left_out() {
        let expected = "NAME     SIZE   WHY\na         256   a reason that is long\nlonger      8\n";
        assert_eq!(text(&table().lines(true, &screen(None)), &screen(None)), expected);
    }

    #[test]
    fn a_cell_without_content_keeps_its_place() {
        let mut table = Table::new(&["A", "N", "B", "C"]).with_numbers(&[1]);
        table.push(["a", "", "", "c"]);
        table.push(["aa", "10", "b", ""]);
        let expected = "A     N   B   C\na             c\naa   10   b\n";
        assert_eq!(text(&table.lines(true, &screen(None)), &screen(None)), expected);
    }

    #[test]
    fn on_a_narrow_screen_those_columns_are_shown_that_tell_most() {
        let table = || table().with_layouts(&[&[0, 1, 2, 3], &[1, 0]]);
        let lines = |width| text(&table().lines(true, &screen(Some(width))), &screen(Some(width)));
        assert!(lines(37).contains("WHY"));
        assert_eq!(lines(15), "SIZE   NAME\n 256   a\n   8   longer\n");
        assert_eq!(lines(9), "SIZE   N~\n 256   a\n   8   l~\n", "the last is cut");
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in [1, 7, 20, 30] {
            let lines = table().lines(true, &screen(Some(width)));
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
        }
    }
}
