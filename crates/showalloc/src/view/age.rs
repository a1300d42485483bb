//! How long ago something was, as kubectl says it.

/// The time between two moments in seconds since 1970; empty where the first is not known.
pub fn age(created: i64, now: i64) -> String {
    const UNITS: [(i64, &str, i64, &str); 4] =
        [(86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s"), (1, "s", 1, "s")];
    if created == 0 {
        return String::new();
    }
    let seconds = (now - created).max(0);
    let Some((unit, word, part, part_word)) = UNITS.into_iter().find(|(unit, ..)| seconds >= *unit) else {
        return "0s".to_owned();
    };
    let (whole, rest) = (seconds / unit, seconds % unit / part);
    // Of a long time the smaller unit says nothing.
    if rest == 0 || whole >= 8 || unit == 1 {
        format!("{whole}{word}")
    } else {
        format!("{whole}{word}{rest}{part_word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_as_kubectl_tells_it() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (61, "1m1s"),
            (600, "10m"),
            (3_700, "1h1m"),
            (90_000, "1d1h"),
            (864_000, "10d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(1_000_000, 1_000_000 + seconds), expected);
        }
        assert_eq!(age(0, 5), "", "not known");
        assert_eq!(age(10, 5), "0s", "the clocks of two machines");
    }
}
