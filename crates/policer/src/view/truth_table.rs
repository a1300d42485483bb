//! A matrix as people read it: a table for each probe, rows open connections to columns, a character says what becomes of
//! them. Columns have the numbers of the rows; where there are too many for the screen, they come in several blocks.

use std::ops::Range;

use danm_api::NetworkRef;
use operator_runtime::Screen;
use policy_engine::NamespacedName;

use crate::{
    cli::Via,
    matrix::{Ends, Matrix},
    place::Place,
    view::ink::Ink,
};

/// So many columns have a space between them.
const SPACED: usize = 40;

/// However narrow a screen is, so many columns are in a block.
const FEWEST: usize = 4;

/// A table that is being drawn.
struct Table<'a> {
    matrix: &'a Matrix,
    screen: &'a Screen,
    /// The places in the order in which they are shown: by namespace and network.
    order: Vec<usize>,
    /// Where a group begins.
    begins: Vec<bool>,
    labels: Vec<String>,
    is_spaced: bool,
}

/// What a cell says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Allowed,
    NotOut,
    NotIn,
    Neither,
    None,
}

/// Places are shown with others of their namespace and network.
type Group<'a> = (&'a str, bool, Option<&'a NetworkRef>);

/// The tables of all probes, and what the characters mean.
pub(crate) fn text(matrix: &Matrix, via: Via, screen: &Screen) -> String {
    if matrix.places.is_empty() {
        return "There is nobody: no Pod with an address was given.\n".to_owned();
    }
    let table = Table::of(matrix, screen);
    let mut text = String::new();
    for (index, probe) in matrix.probes.iter().enumerate() {
        let judge = match via {
            Via::Policy => "by the policies",
            Via::Ruleset => "by the rules made of the policies",
        };
        let title = Ink::Strong.paint(&probe.to_string(), screen);
        text = text + &title + "  rows open connections to columns; judged " + judge + "\n";
        table.blocks().into_iter().for_each(|columns| text += &table.block(index, &columns));
        text = text + "\n" + &table.counts(index) + "\n\n";
    }
    text + &legend(screen)
}

// === impl Table ===

impl<'a> Table<'a> {
    fn of(matrix: &'a Matrix, screen: &'a Screen) -> Self {
        let mut order: Vec<usize> = (0..matrix.places.len()).collect();
        order.sort_by_key(|index| matrix.places.get(*index).map(|place| (group(place), place)));
        let place = |index: &usize| matrix.places.get(*index);
        let begins = order.iter().enumerate().map(|(at, index)| {
            let before = at.checked_sub(1).and_then(|before| order.get(before));
            before.and_then(place).map(group) != place(index).map(group)
        });
        let begins = begins.collect();
        let labels = labels(&order.iter().filter_map(place).collect::<Vec<_>>());
        Self { matrix, screen, is_spaced: order.len() <= SPACED, order, begins, labels }
    }

    fn place(&self, row: usize) -> Option<&'a Place> {
        self.matrix.places.get(*self.order.get(row)?)
    }

    /// Columns that fit the screen, and those that are in the next blocks.
    fn blocks(&self) -> Vec<Range<usize>> {
        let all = self.order.len();
        let label = self.labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
        let room = self.screen.width.map_or(usize::MAX, |width| width.saturating_sub(label));
        let mut blocks = Vec::new();
        let mut first = 0;
        while first < all {
            let mut end = first;
            let mut used = 0;
            while end < all && (used < room || end - first < FEWEST) {
                used += self.gap(end, first).len() + 1;
                end += usize::from(used <= room || end - first < FEWEST);
            }
            blocks.push(first..end);
            first = end;
        }
        blocks
    }

    /// What is before a column.
    fn gap(&self, column: usize, first: usize) -> &'static str {
        let begins = self.begins.get(column).copied().unwrap_or_default() && column > first;
        match (self.is_spaced, begins) {
            (true, true) => "   ",
            (true, false) => " ",
            (false, true) => "  ",
            (false, false) => "",
        }
    }

    fn block(&self, probe: usize, columns: &Range<usize>) -> String {
        let mut text = String::from("\n") + &self.headings(columns);
        for row in 0..self.order.len() {
            if self.begins.get(row).copied().unwrap_or_default() {
                text += &self.group_heading(row);
            }
            text += &self.row(row, probe, columns);
        }
        text
    }

    /// The numbers of the columns, a digit a line.
    fn headings(&self, columns: &Range<usize>) -> String {
        let width = self.labels.first().map_or(0, |label| label.chars().count());
        let digits = columns.end.to_string().len();
        let line = |digit: usize| {
            let cells = columns.clone().map(|column| {
                let number = format!("{:>digits$}", column + 1);
                self.gap(column, columns.start).to_owned() + number.get(digit..=digit).unwrap_or(" ")
            });
            let side = if digit + 1 == digits { "from" } else { "" };
            let line = format!("{side:width$}{}", cells.collect::<String>());
            Ink::Faint.paint(line.trim_end(), self.screen) + "\n"
        };
        (0..digits).map(line).collect()
    }

    fn group_heading(&self, row: usize) -> String {
        let Some(place) = self.place(row) else { return String::new() };
        let network = match (&place.network, place.has_endpoint) {
            (Some(network), _) => format!("on {} {}", network.kind, network.name),
            (None, true) => "on a network that is not known".to_owned(),
            (None, false) => "without a DanmEp".to_owned(),
        };
        Ink::Strong.paint(&format!("{}, {network}", place.pod.namespace), self.screen) + "\n"
    }

    fn row(&self, row: usize, probe: usize, columns: &Range<usize>) -> String {
        let label = self.labels.get(row).map_or("", String::as_str);
        let cells = columns.clone().map(|column| {
            let mark = self.mark(row, column, probe);
            self.gap(column, columns.start).to_owned() + &mark.paint(self.screen)
        });
        Ink::Plain.paint(label, self.screen) + &cells.collect::<String>() + "\n"
    }

    fn mark(&self, row: usize, column: usize, probe: usize) -> Mark {
        let (Some(from), Some(to)) = (self.order.get(row), self.order.get(column)) else { return Mark::None };
        self.matrix.ends(*from, *to, probe).map_or(Mark::None, Mark::from)
    }

    fn counts(&self, probe: usize) -> String {
        let all = 0..self.order.len();
        let marks: Vec<Mark> = all
            .clone()
            .flat_map(|row| all.clone().map(move |column| self.mark(row, column, probe)))
            .collect();
        let count = |wanted: Mark| marks.iter().filter(|mark| **mark == wanted).count();
        let tried = marks.len() - count(Mark::None);
        format!(
            "{} of {tried} allowed; {} not let out, {} not let in, {} neither",
            count(Mark::Allowed),
            count(Mark::NotOut),
            count(Mark::NotIn),
            count(Mark::Neither),
        )
    }
}

fn group(place: &Place) -> Group<'_> {
    (&place.pod.namespace, !place.has_endpoint, place.network.as_ref())
}

/// The beginnings of rows, all of one width: number, Pod, interface, address.
fn labels(places: &[&Place]) -> Vec<String> {
    let pod = |place: &&Place| {
        let NamespacedName { name, .. } = &place.pod;
        name.chars().count()
    };
    let pods = places.iter().map(pod).max().unwrap_or_default();
    let interfaces = places.iter().map(|place| place.interface_name().len()).max().unwrap_or_default();
    let addresses = places.iter().map(|place| place.address.to_string().len()).max().unwrap_or_default();
    let numbers = places.len().to_string().len();
    let label = |(index, place): (usize, &&Place)| {
        let number = index + 1;
        let (pod, interface, address) = (&place.pod.name, place.interface_name(), place.address.to_string());
        format!("{number:>numbers$}  {pod:pods$}  {interface:interfaces$}  {address:addresses$}  ")
    };
    places.iter().enumerate().map(label).collect()
}

// === impl Mark ===

impl Mark {
    const fn glyph(self, is_ascii: bool) -> &'static str {
        match (self, is_ascii) {
            (Self::Allowed, false) => "●",
            (Self::NotOut, false) => "↑",
            (Self::NotIn, false) => "↓",
            (Self::Neither, false) => "×",
            (Self::None, false) => "·",
            (Self::Allowed, true) => "+",
            (Self::NotOut, true) => "^",
            (Self::NotIn, true) => "v",
            (Self::Neither, true) => "X",
            (Self::None, true) => ".",
        }
    }

    const fn ink(self) -> Ink {
        match self {
            Self::Allowed => Ink::Allowed,
            Self::NotOut | Self::NotIn | Self::Neither => Ink::Denied,
            Self::None => Ink::Faint,
        }
    }

    fn paint(self, screen: &Screen) -> String {
        self.ink().paint(self.glyph(screen.is_ascii), screen)
    }
}

impl From<Ends> for Mark {
    fn from(ends: Ends) -> Self {
        match (ends.egress.allows(), ends.ingress.allows()) {
            (true, true) => Self::Allowed,
            (false, true) => Self::NotOut,
            (true, false) => Self::NotIn,
            (false, false) => Self::Neither,
        }
    }
}

fn legend(screen: &Screen) -> String {
    let entries = [
        (Mark::Allowed, "allowed"),
        (Mark::NotOut, "not let out (egress)"),
        (Mark::NotIn, "not let in (ingress)"),
        (Mark::Neither, "neither"),
        (Mark::None, "the same Pod, or another address family"),
    ];
    let entries = entries.map(|(mark, words)| format!("{} {words}", mark.paint(screen)));
    entries.join("   ") + "\n"
}
