//! The words by which an operator lets the brake of a running controller be.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

/// The annotation on the Lease.
const ANNOTATION: &str = "danm.io/cleaner-brake";

/// The same as `kubectl annotate` wants to hear it.
pub(super) fn go_on_until(until: Timestamp) -> String {
    format!("{ANNOTATION}=go-on-until={until}")
}

/// For how much longer the brake is to be let be: `go-on-until=TIME`, in RFC 3339.
pub(super) fn open_for(annotations: &BTreeMap<String, String>, now: Timestamp) -> Option<Duration> {
    let text = annotations.get(ANNOTATION)?;
    let until = text.trim().strip_prefix("go-on-until=").map(str::parse::<Timestamp>);
    let Some(Ok(until)) = until else {
        tracing::warn!(
            "the annotation {ANNOTATION}: {text} on the Lease is not understood: \
             expected go-on-until=TIME, such as go-on-until=2026-01-31T12:00:00Z"
        );
        return None;
    };
    Duration::try_from(until.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_is_let_be_until_a_time_that_is_to_come() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a time");
        let open = |text: &str| open_for(&[(ANNOTATION.to_owned(), text.to_owned())].into(), now);
        assert_eq!(open("go-on-until=2026-01-31T12:00:30Z"), Some(Duration::from_secs(30)));
        assert_eq!(open("go-on-until=2026-01-31T13:00:30+01:00"), Some(Duration::from_secs(30)));
        for text in ["go-on-until=2026-01-31T11:59:59Z", "go-on-until=tomorrow", "go on", ""] {
            assert_eq!(open(text), None, "{text:?}");
        }
        assert_eq!(open_for(&BTreeMap::new(), now), None);
    }
}
