//! The messages that we read, by the numbers that Kubernetes gave to their fields.

/// Number, name in JSON, and shape of each field.
pub(super) type Message = [(u64, &'static str, Shape)];

pub(super) enum Shape {
    Text,
    Number,
    Flag,
    Texts,
    /// Texts by texts.
    Map,
    /// Bytes by texts.
    BytesMap,
    Message(&'static Message),
}

use Shape::{BytesMap, Flag, Map, Message as Sub, Number, Text, Texts};

/// The message of a kind.
pub(super) fn of_kind(kind: &str) -> Option<&'static Message> {
    match kind {
        "Namespace" => Some(&NAMESPACE),
        "ConfigMap" => Some(&CONFIG_MAP),
        "Secret" => Some(&SECRET),
        "ServiceAccount" => Some(&SERVICE_ACCOUNT),
        "SelfSubjectAccessReview" => Some(&ACCESS_REVIEW),
        "DeleteOptions" => Some(&DELETE_OPTIONS),
        _ => None,
    }
}

/// What is around every object; the object itself is its second field.
pub(super) const ENVELOPE: [(u64, &str, Shape); 1] = [(1, "typeMeta", Sub(&TYPE_META))];

const TYPE_META: [(u64, &str, Shape); 2] = [(1, "apiVersion", Text), (2, "kind", Text)];

const METADATA: (u64, &str, Shape) = (
    1,
    "metadata",
    Sub(&[
        (1, "name", Text),
        (2, "generateName", Text),
        (3, "namespace", Text),
        (5, "uid", Text),
        (6, "resourceVersion", Text),
        (11, "labels", Map),
        (12, "annotations", Map),
        (14, "finalizers", Texts),
    ]),
);

const NAMESPACE: [(u64, &str, Shape); 2] = [METADATA, (2, "spec", Sub(&[(1, "finalizers", Texts)]))];

const CONFIG_MAP: [(u64, &str, Shape); 4] =
    [METADATA, (2, "data", Map), (3, "binaryData", BytesMap), (4, "immutable", Flag)];

const SECRET: [(u64, &str, Shape); 5] =
    [METADATA, (2, "data", BytesMap), (3, "type", Text), (4, "stringData", Map), (5, "immutable", Flag)];

const SERVICE_ACCOUNT: [(u64, &str, Shape); 2] = [METADATA, (4, "automountServiceAccountToken", Flag)];

const ACCESS_REVIEW: [(u64, &str, Shape); 2] = [
    METADATA,
    (
        2,
        "spec",
        Sub(&[
            (
                1,
                "resourceAttributes",
                Sub(&[
                    (1, "namespace", Text),
                    (2, "verb", Text),
                    (3, "group", Text),
                    (4, "version", Text),
                    (5, "resource", Text),
                    (6, "subresource", Text),
                    (7, "name", Text),
                ]),
            ),
            (2, "nonResourceAttributes", Sub(&[(1, "path", Text), (2, "verb", Text)])),
        ]),
    ),
];

const DELETE_OPTIONS: [(u64, &str, Shape); 4] = [
    (1, "gracePeriodSeconds", Number),
    (2, "preconditions", Sub(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];
