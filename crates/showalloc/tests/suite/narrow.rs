//! A terminal of 20 columns: whatever is shown to people fits into it.

use testkit::Cluster;

use crate::program::{ask, ask_all};

pub mod tests {
    in_town!(no_line_is_wider_than_the_terminal);
}

const COMMANDS: [&str; 9] = [
    "networks -A",
    "networks -n nowhere-to-be-found -l no=where",
    "show -n ran internal",
    "show -n ran internal backbone -a",
    "show -n nowhere-to-be-found -l no=where",
    "ip 10.0.0.6",
    "ip 10.250.0.1",
    "check -A",
    "map internal backbone -n ran",
];

async fn no_line_is_wider_than_the_terminal(town: &Cluster) {
    for flags in ["", "-o wide --ascii --no-headers"] {
        let commands = COMMANDS.map(|command| format!("{command} {flags} --width 20"));
        for (command, run) in commands.iter().zip(ask_all(town, &commands).await) {
            let shown = run.clean();
            assert!(!shown.is_empty(), "{command}");
            let wide = shown.lines().find(|line| line.chars().count() > 20);
            assert_eq!(wide, None, "{command}");
        }
    }
    let curve = ask(town, "map overlap -n ran --hilbert --width 20").await.clean();
    assert!(curve.lines().all(|line| line.chars().count() <= 20), "{curve}");
}
