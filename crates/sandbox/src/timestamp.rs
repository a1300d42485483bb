//! Points in time as the API writes them, and their age as `kubectl` shows it.

use jiff::Timestamp;

/// Now, in whole seconds.
pub(crate) fn now() -> String {
    after(0)
}

/// Some seconds from now.
pub(crate) fn after(seconds: i64) -> String {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now.saturating_add(seconds)).unwrap_or(Timestamp::MAX).to_string()
}

/// The seconds between two points in time.
pub(crate) fn seconds_between(earlier: &str, later: Timestamp) -> Option<i64> {
    Some(later.as_second() - earlier.parse::<Timestamp>().ok()?.as_second())
}

/// How long ago that was, in the words of `kubectl`: `5s`, `2m3s`, `7h`, `3d4h`.
pub(crate) fn age(then: &str) -> String {
    match seconds_between(then, Timestamp::now()) {
        Some(seconds) if seconds >= -1 => short(seconds.max(0)),
        Some(_) => "<invalid>".to_owned(),
        None => "<unknown>".to_owned(),
    }
}

fn short(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two((minutes, "m"), (seconds % 60, "s")),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two((hours, "h"), (minutes % 60, "m")),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two((days, "d"), (hours % 24, "h")),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two((days / 365, "y"), (days % 365, "d")),
        _ => format!("{}y", days / 365),
    }
}

fn two((large, unit): (i64, &str), (small, small_unit): (i64, &str)) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        let cases = [(0, "0s"), (119, "119s"), (120, "2m"), (183, "3m3s"), (3600, "60m"), (7 * 3600, "7h")];
        for (seconds, expected) in cases {
            assert_eq!(short(seconds), expected);
        }
        assert_eq!(short(3 * 86_400 + 4 * 3600), "3d4h");
        assert_eq!(short(400 * 86_400), "400d");
    }
}
