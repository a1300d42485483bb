//! The manifests in `deploy/`, as they are applied.

use std::{fs, path::Path};

use serde_json::Value;

/// The objects of a file in `deploy/`.
///
/// # Panics
/// Where it cannot be read.
pub fn objects_in(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text_of(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The text of a file in `deploy/`.
///
/// # Panics
/// Where it cannot be read.
pub fn text_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
