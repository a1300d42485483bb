//! Durations as people type them.

use std::{str::FromStr, time::Duration};

use jiff::SignedDuration;

/// Reads a duration such as `500ms`, `5s` or `2m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: expected a number with a unit, such as 500ms, 5s or 2m");
    let duration = SignedDuration::from_str(text).map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let cases = [("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("0s", 0), ("1h", 3_600_000)];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "-5s", "five", "5 parsecs", "s"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
