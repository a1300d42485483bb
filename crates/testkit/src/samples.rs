//! The objects in `samples/`: dumps of a real cluster with DANM 4.2, whose README tells what they show.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde_json::Value;

/// The folder the dumps are in.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Every object of every dump, lists taken apart, in the order of the files' names.
///
/// # Panics
/// Where a dump cannot be read: the test that asked has no data.
pub fn objects() -> Vec<Value> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).expect("samples/ exists").map(|file| file.expect("readable").path()).collect();
    files.sort();
    files.iter().flat_map(|file| parse(&text(file), file)).collect()
}

/// The objects of some kinds.
///
/// # Panics
/// As [`objects`].
pub fn of_kinds(kinds: &[&str]) -> Vec<Value> {
    objects().into_iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind)).collect()
}

fn text(file: &Path) -> String {
    let bytes = fs::read(file).expect("readable");
    if file.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut text).expect("compressed text");
        text
    } else {
        String::from_utf8(bytes).expect("text")
    }
}

fn parse(text: &str, file: &Path) -> Vec<Value> {
    let options = serde_saphyr::options! { budget: None };
    let document: Value = serde_saphyr::from_str_with_options(text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    match document["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![document],
    }
}
