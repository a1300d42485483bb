//! The usage text, in the layout of Go's `flag` package. The words in it are those of the flags.

use std::fmt::Write as _;

use super::flags::{Flag, Takes};

/// What is said after it to those who asked for help.
const COMMANDS: &str = "
These flags are kept for scripts. There are commands that show both address families, whole namespaces,
leaks and pictures, also as JSON; the same program named kubectl-danm is a plugin of kubectl:
  showalloc show --help
  showalloc show -n tenant-a internal
  kubectl danm check -A
";

/// The usage text of a program with these flags.
pub fn usage(program: &str, flags: &[Flag]) -> String {
    let mut flags: Vec<&Flag> = flags.iter().collect();
    flags.sort_by_key(|flag| flag.name);
    let mut text = format!("Usage of {program}:\n");
    for flag in flags {
        describe(flag, &mut text);
    }
    text
}

/// The same, and where to find more.
pub fn help(program: &str, flags: &[Flag]) -> String {
    usage(program, flags) + COMMANDS
}

fn describe(flag: &Flag, text: &mut String) {
    let (value, help) = name_of_value(flag);
    let head = match value {
        Some(value) => format!("  -{} {value}", flag.name),
        None => format!("  -{}", flag.name),
    };
    // Four columns hold two spaces, a dash and one letter; the help is in line with that of all others.
    let gap = if head.len() <= 4 { "\t" } else { "\n    \t" };
    let help = help.replace('\n', "\n    \t");
    // Writing to a String does not fail.
    let _ = match flag.takes {
        Takes::Text(default) if !default.is_empty() => {
            writeln!(text, "{head}{gap}{help} (default {default:?})")
        }
        Takes::Text(_) | Takes::Switch => writeln!(text, "{head}{gap}{help}"),
    };
}

/// The name of the value, and the help without back quotes around it.
fn name_of_value(flag: &Flag) -> (Option<&str>, String) {
    let mut parts = flag.help.splitn(3, '`');
    if let (Some(before), Some(name), Some(after)) = (parts.next(), parts.next(), parts.next()) {
        return (Some(name), format!("{before}{name}{after}"));
    }
    let name = match flag.takes {
        Takes::Switch => None,
        Takes::Text(_) => Some("string"),
    };
    (name, flag.help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn flag(name: &'static str, takes: Takes, help: &'static str) -> Flag {
        Flag { name, takes, help }
    }

    /// What Go 1.26 prints for the same flags.
    #[test]
    fn the_layout_is_that_of_go() {
        let flags = [
            flag("kubeconfig", Takes::Text(""), "path of a kubeconfig `file`"),
            flag("n", Takes::Text("default"), "the namespace"),
            flag("a", Takes::Switch, "also show `free` addresses"),
            flag("6", Takes::Switch, "show IPv6"),
            flag("version", Takes::Switch, "say version"),
            flag("dnet", Takes::Text(""), "the name of a DanmNet"),
            flag("multi", Takes::Text(""), "first line\nsecond line"),
        ];
        let expected = "Usage of ./gf:\n  -6\tshow IPv6\n  -a free\n    \talso show free addresses\n  \
                        -dnet string\n    \tthe name of a DanmNet\n  \
                        -kubeconfig file\n    \tpath of a kubeconfig file\n  \
                        -multi string\n    \tfirst line\n    \tsecond line\n  \
                        -n string\n    \tthe namespace (default \"default\")\n  -version\n    \tsay version\n";
        assert_eq!(usage("./gf", &flags), expected);
    }

    #[test]
    fn help_is_the_usage_and_the_way_to_the_commands() {
        let help = help("showalloc", &[]);
        let more = help.strip_prefix("Usage of showalloc:\n").expect("the usage comes first");
        assert!(more.contains("showalloc show --help"), "{more}");
        assert!(more.contains("kubectl danm"), "{more}");
    }
}
