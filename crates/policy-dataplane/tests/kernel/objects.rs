//! Documents of YAML, as the policy engine's own tests write them.

use std::{fs, path::Path};

use serde_json::Value;

/// The documents of a file; of one that is a list, its items.
pub fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a file of ours");
    // A namespace may be called `y`.
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options).expect("YAML");
    let items = documents.into_iter().flat_map(|document| match document {
        Value::Array(items) => items,
        one => vec![one],
    });
    items.collect()
}
