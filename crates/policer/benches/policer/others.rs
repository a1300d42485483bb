//! The way of others: a rule for each peer, all of them loaded by `nft` whenever one changes.

use std::fmt::Write;

use crate::{namespace::Namespace, objects};

/// The rules of a Pod that so many peers may talk to, on any port. Connections that go on are let through first.
pub fn rules(peers: usize) -> String {
    let mut text = String::from(
        "table inet others\ndelete table inet others\ntable inet others {\n  chain input {\n    type filter hook input priority 0;\n    \
         ct state established,related accept\n",
    );
    // Nobody says in which order; whoever talks in these benchmarks is the first peer, and as far from the beginning as others.
    for peer in (0..peers).rev() {
        writeln!(text, "    iifname \"eth0\" ip saddr {} accept", objects::peer_address(peer))
            .expect("a text takes it");
    }
    text.push_str("    iifname \"eth0\" reject\n  }\n}\n");
    text
}

/// Loads rules into a namespace.
pub fn load(namespace: &Namespace, rules: &str) {
    namespace.run("nft", &["--file", "-"], rules);
}
