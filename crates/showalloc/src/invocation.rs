//! Which program is meant: the binary has two names, and one of them two spellings.

use std::{ffi::OsString, path::Path};

/// Which spelling the arguments are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// That of the reference: flags alone, with one or two dashes.
    Legacy,
    /// Commands, under this name.
    Commands(&'static str),
}

/// Kubectl calls its plugins by the name of the file. Under the program's own name whoever begins with a flag, or says
/// nothing, speaks as to the reference, which knows no commands.
pub fn spelling(program: &str, arguments: &[OsString]) -> Spelling {
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.starts_with("kubectl-") {
        return Spelling::Commands("kubectl danm");
    }
    let first = arguments.first().and_then(|argument| argument.to_str());
    match first {
        Some(first) if !first.starts_with('-') => Spelling::Commands("showalloc"),
        _ => Spelling::Legacy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_binary_and_its_first_argument_tell_the_spellings_apart() {
        let cases: [(&str, &[&str], Spelling); 5] = [
            ("/usr/bin/kubectl-danm", &["-A"], Spelling::Commands("kubectl danm")),
            ("/usr/bin/showalloc", &["-dnet", "internal"], Spelling::Legacy),
            ("showalloc", &[], Spelling::Legacy),
            ("showalloc", &["show", "internal"], Spelling::Commands("showalloc")),
            ("", &["networks"], Spelling::Commands("showalloc")),
        ];
        for (program, arguments, expected) in cases {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(spelling(program, &arguments), expected, "{program} {arguments:?}");
        }
    }
}
