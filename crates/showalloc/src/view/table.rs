//! Tables as kubectl draws them: columns as wide as what is in them, no borders. A line that would not fit the screen is
//! cut, so that every row stays one line.

use super::{line::Line, palette::Ink, screen::Screen};

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Line>>,
    numbers: Vec<usize>,
}

/// Between two columns.
const GAP: usize = 3;

// === impl Table ===

impl Table {
    /// A table with these columns.
    pub fn new(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), rows: Vec::new(), numbers: Vec::new() }
    }

    /// These columns hold numbers, and are aligned to the right.
    #[must_use]
    pub fn with_numbers(mut self, columns: &[usize]) -> Self {
        self.numbers = columns.to_vec();
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = impl Into<Line>>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// Its lines. Columns in which nothing is are left out.
    pub fn lines(&self, has_headers: bool, screen: &Screen) -> Vec<Line> {
        let is_used = |column: &usize| self.rows.iter().any(|row| cell(row, *column).is_some());
        let used: Vec<usize> = (0..self.headers.len()).filter(is_used).collect();
        let header: Vec<Line> = self.headers.iter().map(|name| Line::of(Ink::Plain, name)).collect();
        let rows: Vec<&Vec<Line>> = has_headers.then_some(&header).into_iter().chain(&self.rows).collect();
        let width_of =
            |column: &usize| rows.iter().filter_map(|row| cell(row, *column)).map(Line::width).max();
        let columns: Vec<Column> = used
            .iter()
            .map(|column| Column {
                index: *column,
                width: width_of(column).unwrap_or_default(),
                is_number: self.numbers.contains(column),
            })
            .collect();
        rows.iter().map(|row| line(row, &columns).cut(screen)).collect()
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
    fn no_line_is_wider_than_the_screen() {
        for width in [1, 7, 20, 30] {
            let lines = table().lines(true, &screen(Some(width)));
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
        }
    }
}
