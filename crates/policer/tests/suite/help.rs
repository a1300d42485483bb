//! What people are told before they begin.

use crate::{output::compare, program::run};

#[tokio::test]
async fn help_has_examples() {
    for command in ["", "agent", "stats", "cleanup", "evaluate", "render", "explain"] {
        let help = run(&format!("{command} --help")).await.clean();
        assert!(help.contains("Examples:"), "{command}");
        compare(&format!("help{}{command}", if command.is_empty() { "" } else { "_" }), &help);
    }
}

#[tokio::test]
async fn the_version_is_told() {
    assert_eq!(run("--version").await.clean(), format!("danm-policer {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn shells_are_given_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&format!("completion {shell}")).await.clean();
        assert!(
            ["stats", "cleanup", "evaluate", "render", "explain"]
                .iter()
                .all(|command| script.contains(command)),
            "{shell}"
        );
    }
}

#[tokio::test]
async fn wrong_usage_is_told_with_what_is_right() {
    let expected = "expected PROTOCOL/PORT, such as TCP/80";
    for (arguments, word) in [
        ("evaluate --objects x", "--probe <PROTO/PORT>..."),
        ("evaluate --probe TCP/80", "--objects <PATH>..."),
        ("evaluate --objects x --probe 80", expected),
        ("evaluate --objects x --probe TCP/0", expected),
        ("evaluate --objects x --probe GRE/1", expected),
        ("evaluate --objects x --probe TCP/80 --via nft", "possible values: policy, ruleset"),
        ("evaluate --objects x --probe TCP/80 -o yaml", "possible values: table, json"),
        ("render --objects x --pod web-0", "\"web-0\" is not NAMESPACE/NAME"),
        (
            "explain --from a/b/c --to b --port TCP/80",
            "\"a/b/c\" is neither NAMESPACE/POD[@INTERFACE] nor an address",
        ),
        ("explain --from a --to b --port http", expected),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
    ] {
        let run = run(arguments).await;
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{arguments}");
        assert!(run.err.starts_with("error: ") && run.err.contains(word), "{arguments}: {}", run.err);
    }
}
