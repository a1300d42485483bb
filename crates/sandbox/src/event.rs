//! Events have two APIs, `v1` and `events.k8s.io/v1`, that show the same objects under different names of
//! fields. They are kept under the names of `v1`.

use crate::{catalog::Resource, object::Fields};

/// Names in `v1`, and in `events.k8s.io/v1`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// Whether a resource shows its objects under other names than they are kept.
pub(crate) fn is_renamed(resource: &Resource) -> bool {
    resource.group == "events.k8s.io"
}

/// An object as it came, under the names that it is kept.
pub(crate) fn to_kept(resource: &Resource, fields: &mut Fields) {
    if is_renamed(resource) {
        NAMES.iter().for_each(|(kept, shown)| rename(fields, shown, kept));
    }
}

/// An object as it is kept, under the names that a resource shows.
pub(crate) fn to_shown(resource: &Resource, fields: &mut Fields) {
    if is_renamed(resource) {
        NAMES.iter().for_each(|(kept, shown)| rename(fields, kept, shown));
    }
}

/// The name under which a field is kept: `involvedObject.name` for `regarding.name`.
pub(crate) fn kept_path(resource: &Resource, path: &str) -> String {
    if !is_renamed(resource) {
        return path.to_owned();
    }
    let (first, rest) =
        path.split_once('.').map_or((path, String::new()), |(first, rest)| (first, format!(".{rest}")));
    let kept = NAMES.iter().find(|(_, shown)| *shown == first).map_or(first, |(kept, _)| kept);
    format!("{kept}{rest}")
}

fn rename(fields: &mut Fields, from: &str, to: &str) {
    if let Some(value) = fields.remove(from) {
        fields.insert(to.to_owned(), value);
    }
}
