//! Completions of a command line for shells. Under which names a program is called is its own business.

use clap::Command;
use clap_complete::{Shell, generate};

/// The script for a shell, for the binary of this name.
pub fn completion(mut command: Command, shell: Shell, name: &str) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    // For bash clap spells a name with a dash in two ways, and completes no command then (clap-rs/clap#6421).
    if shell == Shell::Bash {
        script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
    } else {
        script
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_that_bash_is_led_to_is_there() {
        for name in ["kubectl-danm", "danm"] {
            let commands = ["show", "networks", "check"].map(Command::new);
            let script = completion(Command::new("danm").subcommands(commands), Shell::Bash, name);
            let lines = || script.lines().map(str::trim);
            let states = lines().filter_map(|line| line.strip_prefix("cmd=\"")?.strip_suffix('"'));
            let arms: BTreeSet<&str> = lines().filter_map(|line| line.strip_suffix(')')).collect();
            let states: Vec<&str> = states.filter(|state| !state.is_empty()).collect();
            assert!(states.len() > 5, "{states:?}");
            assert!(states.iter().all(|state| arms.contains(state)), "{name}: {states:?} {arms:?}");
        }
    }
}
