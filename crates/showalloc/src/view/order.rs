//! Where the cells of a picture stand: row by row, as people speak about a /24, or along a Hilbert curve, on which
//! every aligned subnet is one compact shape. Places only: what stands there is decided elsewhere.

/// The order of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Row by row.
    #[default]
    Rows,
    /// Along a Hilbert curve from the upper left to the upper right; where the cells are two squares, only to the
    /// middle of the lower border.
    Hilbert,
}

/// A place, or a size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From the left.
    pub column: usize,
    /// From the top.
    pub row: usize,
}

/// Cells of a full row.
pub(super) const COLUMNS: usize = 16;

// === impl Order ===

impl Order {
    /// Columns and rows of a picture with so many cells, a power of two of them.
    pub fn size(self, cells: usize) -> Place {
        let (column, row) = match self {
            Self::Rows => (cells.min(COLUMNS), cells.div_ceil(COLUMNS)),
            Self::Hilbert => {
                let levels = levels(cells);
                (1 << levels, if is_half(cells) { 1 << (levels - 1) } else { 1 << levels })
            }
        };
        Place { column, row }
    }

    /// The place of a cell.
    pub fn place(self, index: usize, cells: usize) -> Place {
        match self {
            Self::Rows => Place { column: index % COLUMNS, row: index / COLUMNS },
            Self::Hilbert => {
                let Place { column, row } = on_curve(index, levels(cells));
                // The first half of a curve is its left half: lying on its side it fits a screen better.
                if is_half(cells) { Place { column: row, row: column } } else { Place { column, row } }
            }
        }
    }
}

/// How often the square of the curve was cut into four.
fn levels(cells: usize) -> u32 {
    cells.max(1).ilog2().div_ceil(2)
}

/// Whether the cells fill only the first half of the curve: they are two squares beside each other.
fn is_half(cells: usize) -> bool {
    cells.max(1).ilog2() % 2 == 1
}

/// A point of the curve from the upper left to the upper right of a square with that many levels.
fn on_curve(index: usize, levels: u32) -> Place {
    let Place { mut column, mut row } = Place::default();
    for level in 0..levels {
        let side = 1 << level;
        let quarter = index >> (2 * level) & 0b11;
        // The four quarters are upper left, lower left, lower right, upper right; the first and the last of them
        // are turned so that they end where the next one begins.
        if quarter == 0b11 {
            (column, row) = (side - 1 - column, side - 1 - row);
        }
        if matches!(quarter, 0b00 | 0b11) {
            (column, row) = (row, column);
        }
        column += if quarter >= 0b10 { side } else { 0 };
        row += if matches!(quarter, 0b01 | 0b10) { side } else { 0 };
    }
    Place { column, row }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ALL_SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

    fn places(order: Order, range: std::ops::Range<usize>, cells: usize) -> Vec<Place> {
        range.map(|index| order.place(index, cells)).collect()
    }

    /// Columns and rows of the smallest rectangle around places, if it has no gap.
    fn rectangle(places: &[Place]) -> Option<(usize, usize)> {
        let extent = |of: fn(&Place) -> usize| {
            let (low, high) = (places.iter().map(of).min()?, places.iter().map(of).max()?);
            Some(high - low + 1)
        };
        let (columns, rows) = (extent(|place| place.column)?, extent(|place| place.row)?);
        let different: BTreeSet<&Place> = places.iter().collect();
        (different.len() == columns * rows).then_some((columns, rows))
    }

    #[test]
    fn every_cell_has_a_place_of_its_own_and_no_place_is_left() {
        for order in [Order::Rows, Order::Hilbert] {
            for cells in ALL_SIZES {
                let Place { column, row } = order.size(cells);
                assert_eq!(
                    rectangle(&places(order, 0..cells, cells)),
                    Some((column, row)),
                    "{order:?} {cells}"
                );
                assert_eq!(column * row, cells, "{order:?}");
                assert_eq!(order.place(0, cells), Place::default(), "{order:?} {cells}");
            }
        }
    }

    #[test]
    fn neighbours_on_the_curve_touch() {
        for cells in ALL_SIZES {
            for pair in places(Order::Hilbert, 0..cells, cells).windows(2) {
                let [one, next] = pair else { unreachable!("windows of two") };
                let steps = one.column.abs_diff(next.column) + one.row.abs_diff(next.row);
                assert_eq!(steps, 1, "{one:?} {next:?} of {cells}");
            }
        }
    }

    #[test]
    fn every_aligned_subnet_is_a_square_or_two_beside_each_other() {
        for cells in ALL_SIZES {
            for subnet in ALL_SIZES.into_iter().filter(|subnet| *subnet <= cells) {
                for first in (0..cells).step_by(subnet) {
                    let shape = rectangle(&places(Order::Hilbert, first..first + subnet, cells));
                    let (columns, rows) = shape.expect("a rectangle without a gap");
                    let sides = (columns.min(rows), columns.max(rows));
                    let side = 1 << (subnet.ilog2() / 2);
                    assert_eq!(sides, (side, subnet / side), "{subnet} of {cells} at {first}");
                }
            }
        }
    }
}
