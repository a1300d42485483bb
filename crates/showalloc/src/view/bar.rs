//! How full something is, as a bar and a number. The number is always there; the bar never looks empty or full
//! unless it is. Knows nothing of networks.

use crate::view::{line::Line, palette::Ink, screen::Screen};

/// From here on somebody should know. Full is no error: it may be what was planned.
pub const WARNING: f64 = 0.9;

/// Columns of the longest percentage.
const NUMBER: usize = ">99.9 %".len();

/// Columns of what is around a bar: its ends, and the space before the number.
const FRAME: usize = 3;

/// The bar of a share from 0 to 1, exactly that many columns wide. Without room for a bar there is the number only.
pub fn line(share: f64, columns: usize, screen: &Screen) -> Line {
    let share = share.clamp(0.0, 1.0);
    let (ink, of_number) =
        if share >= WARNING { (Ink::Warning, Ink::Warning) } else { (Ink::Good, Ink::Plain) };
    let mut line = Line::default();
    let length = columns.saturating_sub(NUMBER + FRAME);
    if length >= 2 {
        let [start, on, off, end] =
            if screen.is_ascii { ["[", "#", ".", "]"] } else { ["▕", "█", "░", "▏"] };
        let filled = filled(share, length);
        line.push(Ink::Faint, start);
        line.push(ink, on.repeat(filled));
        line.push(Ink::Faint, off.repeat(length - filled) + end);
        line.push(Ink::Plain, " ");
    }
    let room = columns.saturating_sub(line.width());
    line.push(of_number, format!("{:>room$}", percent(share)));
    line
}

/// A share from 0 to 1 as people read it. What is not nothing is never `0 %`, and what is not all never `100 %`.
pub fn percent(share: f64) -> String {
    let tenths = share * 100.0;
    if share >= 1.0 {
        "100 %".to_owned()
    } else if tenths >= 99.95 {
        ">99.9 %".to_owned()
    } else if tenths >= 0.05 {
        format!("{tenths:.1} %")
    } else if share > 0.0 {
        "<0.1 %".to_owned()
    } else {
        "0 %".to_owned()
    }
}

/// How many of some places a share fills: at least one if it is not nothing, and not all unless it is all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a screen has few columns, and the share is between 0 and 1"
)]
pub(super) fn filled(share: f64, places: usize) -> usize {
    let rounded = (share * places as f64).round() as usize;
    if share >= 1.0 {
        places
    } else if share > 0.0 {
        rounded.clamp(1, places.saturating_sub(1).max(1))
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Screen = Screen { width: None, is_ascii: true, is_coloured: false };
    const UTF8: Screen = Screen { is_ascii: false, ..ASCII };

    #[test]
    fn a_bar_shows_the_share_and_the_number() {
        assert_eq!(line(0.024, 20, &UTF8).render(&UTF8), "▕█░░░░░░░░░▏   2.4 %");
        assert_eq!(line(0.5, 18, &ASCII).render(&ASCII), "[####....]  50.0 %");
        assert_eq!(line(0.0, 18, &ASCII).render(&ASCII), "[........]     0 %");
        assert_eq!(line(1.0, 18, &ASCII).render(&ASCII), "[########]   100 %");
    }

    #[test]
    fn nearly_empty_is_not_empty_and_nearly_full_is_not_full() {
        assert_eq!(line(1e-7, 18, &ASCII).render(&ASCII), "[#.......]  <0.1 %");
        assert_eq!(line(1.0 - 1e-7, 18, &ASCII).render(&ASCII), "[#######.] >99.9 %");
    }

    #[test]
    fn a_bar_is_as_wide_as_asked_and_never_without_its_number() {
        for share in [0.0, 1e-9, 0.0499, 0.5, 0.899, 0.9, 0.999_999, 1.0, 2.0, -1.0, f64::NAN] {
            for columns in 7..60 {
                let bar = line(share, columns, &UTF8);
                assert_eq!(bar.width(), columns, "{share}");
                assert!(bar.render(&UTF8).ends_with(" %"), "{share}");
            }
        }
    }

    #[test]
    fn ninety_percent_is_a_warning_and_full_is_no_worse() {
        let ink = |share| line(share, 20, &UTF8).spans()[1].ink;
        assert_eq!([ink(0.899), ink(0.9), ink(1.0)], [Ink::Good, Ink::Warning, Ink::Warning]);
    }
}
