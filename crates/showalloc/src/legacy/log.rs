//! Lines on standard error as Go's `log` package writes them: the local time before the text.

use std::io::Write;

use jiff::Zoned;

use operator_runtime::printable;

/// Writes a line with the time before it. Whoever closed standard error does not want to be told.
pub fn log(text: &str, err: &mut dyn Write) {
    let _ = writeln!(err, "{} {}", Zoned::now().strftime("%Y/%m/%d %H:%M:%S"), printable(text, false));
}

/// Writes a line for people.
pub fn note(text: &str, err: &mut dyn Write) {
    let _ = writeln!(err, "{}", printable(text, false));
}
