//! The guides in `docs/`, compared with the programs: a flag, a metric or a reason that a guide does not name is a riddle in
//! somebody's worst hour. What there is to be named, tests know.

use std::{fs, path::Path};

/// Asserts that a guide names all of these, as code.
///
/// # Panics
/// If it does not, or is not there.
pub fn names(guide: &str, words: impl IntoIterator<Item = String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(guide);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // `--flag VALUE` and `metric{label}` name what they begin with.
    let is_named = |word: &str| {
        let begin = format!("`{word}");
        text.split(&begin).skip(1).any(|rest| rest.starts_with(['`', ' ', '{', '=']))
    };
    let missing: Vec<String> = words.into_iter().filter(|word| !is_named(word)).collect();
    assert!(missing.is_empty(), "not in docs/{guide}: {missing:?}");
}
