//! What connections came to, as people read it: rows open them to columns, network beside network. The kernel says whether one
//! comes about; why not is what `danm-policer` says of it. Colours repeat what characters say.

use operator_runtime::Screen;

use super::{Connection, Outcome, Outcomes, Verdict, Verdicts};
use crate::demo::town::{LANS, PODS, Place};

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Open,
    NotOut,
    NotIn,
    Neither,
    /// Whatever it is, it should not be.
    Odd,
    None,
}

/// In the order of the legend.
const MARKS: [Mark; 6] = [Mark::Open, Mark::NotOut, Mark::NotIn, Mark::Neither, Mark::Odd, Mark::None];

/// Between two networks.
const GAP: &str = "    ";

/// The table, and what the characters in it mean.
pub(in crate::demo) fn lines(outcomes: &Outcomes, verdicts: &Verdicts, screen: &Screen) -> Vec<String> {
    let names: Vec<String> = PODS.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    let label = names.iter().map(String::len).max().unwrap_or_default();
    let mark = |from, to| mark(Connection { from, to }, outcomes, verdicts);
    let mut lines = vec![format!("{:label$}{}", "", headings()), format!("{:label$}{}", "from", columns())];
    let mut seen = Vec::new();
    for (pod, name) in names.iter().enumerate() {
        let cells = (0..LANS.len()).map(|lan| {
            let cells = Place::all().filter(|to| to.lan == lan).map(|to| {
                let mark = mark(Place { pod, lan }, to);
                seen.push(mark);
                mark.paint(screen) + &" ".repeat(PODS[to.pod].name.len() - 1)
            });
            GAP.to_owned() + &cells.collect::<Vec<_>>().join("  ")
        });
        let row = format!("{name:label$}{}", cells.collect::<String>());
        lines.push(row);
    }
    let legend = MARKS.into_iter().filter(|mark| seen.contains(mark));
    let legend = legend.map(|mark| format!("{} {}", mark.paint(screen), mark.words()));
    lines.push(legend.collect::<Vec<_>>().join("   "));
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn mark(connection: Connection, outcomes: &Outcomes, verdicts: &Verdicts) -> Mark {
    match (outcomes.get(&connection), verdicts.get(&connection)) {
        (None, None) => Mark::None,
        (Some(Outcome::Open), Some(Verdict::Allowed)) => Mark::Open,
        (Some(Outcome::Refused), Some(Verdict::NotOut)) => Mark::NotOut,
        (Some(Outcome::Refused), Some(Verdict::NotIn)) => Mark::NotIn,
        (Some(Outcome::Refused), Some(Verdict::Neither)) => Mark::Neither,
        _ => Mark::Odd,
    }
}

/// Which networks these are.
fn headings() -> String {
    let heading = |(lan, one): (usize, &crate::demo::town::Lan)| {
        let text = format!("{} on {}", one.interface, one.name);
        format!("{GAP}{text:width$}", width = names(lan).chars().count())
    };
    LANS.iter().enumerate().map(heading).collect()
}

/// Who is on them.
fn columns() -> String {
    (0..LANS.len()).map(|lan| GAP.to_owned() + &names(lan)).collect()
}

fn names(lan: usize) -> String {
    let on_it = Place::all().filter(|place| place.lan == lan);
    on_it.map(|place| PODS[place.pod].name).collect::<Vec<_>>().join("  ")
}

// === impl Mark ===

impl Mark {
    /// The characters of `danm-policer evaluate`.
    const fn glyph(self, is_ascii: bool) -> &'static str {
        match (self, is_ascii) {
            (Self::Open, false) => "●",
            (Self::NotOut, false) => "↑",
            (Self::NotIn, false) => "↓",
            (Self::Neither, false) => "×",
            (Self::None, false) => "·",
            (Self::Open, true) => "+",
            (Self::NotOut, true) => "^",
            (Self::NotIn, true) => "v",
            (Self::Neither, true) => "X",
            (Self::None, true) => ".",
            (Self::Odd, _) => "?",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Open => "comes about",
            Self::NotOut => "not let out",
            Self::NotIn => "not let in",
            Self::Neither => "neither",
            Self::Odd => "not what was said of it",
            Self::None => "the same Pod, or one that is not on this network",
        }
    }

    fn paint(self, screen: &Screen) -> String {
        let glyph = self.glyph(screen.is_ascii);
        let colour = match self {
            Self::Open => "\u{1b}[38;5;36m",
            Self::NotOut | Self::NotIn | Self::Neither | Self::Odd => "\u{1b}[1;38;5;166m",
            Self::None => return glyph.to_owned(),
        };
        if screen.is_coloured { format!("{colour}{glyph}\u{1b}[0m") } else { glyph.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Screen = Screen { width: None, is_ascii: false, is_coloured: false };

    fn verdicts(of: impl Fn(Connection) -> Verdict) -> Verdicts {
        Connection::all().map(|connection| (connection, of(connection))).collect()
    }

    fn as_said(verdicts: &Verdicts) -> Outcomes {
        verdicts.iter().map(|(connection, verdict)| (*connection, verdict.outcome())).collect()
    }

    #[test]
    fn a_cell_says_what_became_of_a_connection_and_why() {
        let verdicts = verdicts(|Connection { from, to }| match (from.pod, to.pod) {
            (0, 3) => Verdict::Neither,
            (0, _) => Verdict::NotOut,
            (1, 0) if from.lan == 1 => Verdict::Allowed,
            (_, 0) => Verdict::NotIn,
            _ => Verdict::Allowed,
        });
        let mut outcomes = as_said(&verdicts);
        let batch = Place { pod: 2, lan: 1 };
        outcomes.insert(Connection { from: batch, to: Place { pod: 0, lan: 1 } }, Outcome::Open);
        let expected = "              eth0 on backbone         net1 on storage
from          db  web  batch  guest    db  web  batch
shop/db       ·   ↑    ↑      ×        ·   ↑    ↑
shop/web      ↓   ·    ●      ●        ●   ·    ●
shop/batch    ↓   ●    ·      ●        ?   ●    ·
lab/guest     ↓   ●    ●      ·        ·   ·    ·
● comes about   ↑ not let out   ↓ not let in   × neither   ? not what was said of it   · the same Pod, or one that is not on this network";
        assert_eq!(lines(&outcomes, &verdicts, &PLAIN).join("\n"), expected);
    }

    #[test]
    fn without_colours_and_without_unicode_it_says_the_same() {
        let verdicts = verdicts(|Connection { to, .. }| Verdict::of(true, to.pod != 0));
        let outcomes = as_said(&verdicts);
        let [ascii, coloured] = [(true, false), (true, true)].map(|(is_ascii, is_coloured)| {
            lines(&outcomes, &verdicts, &Screen { width: None, is_ascii, is_coloured }).join("\n")
        });
        assert!(ascii.is_ascii() && ascii.contains("shop/web      v   .    +      +"), "{ascii}");
        assert!(!ascii.contains('\u{1b}'), "{ascii}");
        let without = ["\u{1b}[38;5;36m", "\u{1b}[1;38;5;166m", "\u{1b}[0m"];
        assert_ne!(coloured, ascii);
        assert_eq!(without.iter().fold(coloured, |text, colour| text.replace(colour, "")), ascii);
    }
}
