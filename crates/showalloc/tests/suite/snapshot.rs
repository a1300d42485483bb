//! What people and scripts are shown, compared with what was looked at and accepted: the same files for both servers, with
//! what every server makes up for itself replaced by something as wide.

use serde_json::Value;

/// Compares output with the snapshot of that name.
pub fn compare(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, steady(text));
    });
}

/// Text without uids, times of today and ages, each replaced by something as wide.
pub fn steady(text: &str) -> String {
    let lines = text.split('\n').map(|line| steady_ages(&steady_marks(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The same of a document, without the formatting.
pub fn steady_json(text: &str) -> Value {
    crate::program::json(&steady(text))
}

fn steady_marks(line: &str) -> String {
    const SHAPES: [(&str, &str); 2] = [
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "uuuuuuuu-uuuu-uuuu-uuuu-uuuuuuuuuuuu"),
        ("dddd-dd-ddTdd:dd:ddZ", "YYYY-MM-DDTHH:MM:SSZ"),
    ];
    let mut steady = String::new();
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let found = SHAPES.iter().find(|(shape, _)| begins_as(rest, shape));
        let (piece, width) = found.map_or_else(
            || (character.to_string(), character.len_utf8()),
            |(shape, instead)| ((*instead).to_owned(), shape.len()),
        );
        steady.push_str(&piece);
        rest = &rest[width..];
    }
    steady
}

/// Whether text begins in a shape: `d` is a digit, `x` one of a hexadecimal number, everything else itself.
fn begins_as(text: &str, shape: &str) -> bool {
    let mut characters = text.chars();
    shape.chars().all(|expected| {
        characters.next().is_some_and(|character| match expected {
            'd' => character.is_ascii_digit(),
            'x' => character.is_ascii_hexdigit(),
            _ => character == expected,
        })
    })
}

/// Ages stand between spaces in a column of three, and are less than a minute: the objects were made by the test that looks
/// at them.
fn steady_ages(line: &str) -> String {
    let mut steady = Vec::new();
    let mut pieces = line.split(' ').peekable();
    while let Some(piece) = pieces.next() {
        if !is_age(piece) {
            steady.push(piece);
            continue;
        }
        steady.push("age");
        if piece.len() == 2 {
            pieces.next_if_eq(&"");
        }
    }
    steady.join(" ")
}

fn is_age(piece: &str) -> bool {
    let digits = piece.strip_suffix('s').unwrap_or_default();
    (1..=2).contains(&digits.len()) && digits.chars().all(|digit| digit.is_ascii_digit())
}
