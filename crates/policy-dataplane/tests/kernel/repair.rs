//! A table that somebody has changed, or that another version has made, becomes what it should be, and what is right already is
//! left alone.

use policy_dataplane::{Batch, Protection, Snapshot, Socket};
use policy_engine::program::Program;

use crate::{listing::rulesets, namespace::Namespace};

#[test]
fn whatever_was_found_becomes_what_is_wanted() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let programs: Vec<Program> = rulesets().iter().map(|(_, ruleset)| Program::of(ruleset)).collect();
    for (place, wanted) in programs.iter().enumerate() {
        let found = socket.snapshot().expect("it is read");
        let batch = Batch::repair(&found, wanted, Protection::Shared);
        socket.commit(&batch).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(wanted), "{place}");
        let again = Batch::repair(&socket.snapshot().expect("it is read"), wanted, Protection::Shared);
        assert!(again.is_empty(), "{place}: nothing is written where nothing is wrong");
    }
}

#[test]
fn a_repair_leaves_alone_what_nobody_has_changed() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let (_, ruleset) = rulesets()
        .into_iter()
        .find(|(name, _)| name.starts_with("peer-through-a-network"))
        .expect("a scenario");
    let program = Program::of(&ruleset);
    let peers = program.sets().find(|set| set.members.has_address([10, 1, 0, 2].into())).expect("a peer");
    let changes = [
        format!("add element inet danm_policer {} {{ 192.0.2.1 }}", peers.name),
        format!("delete element inet danm_policer {} {{ 10.1.0.2 }}", peers.name),
        "insert rule inet danm_policer judge_ingress accept".to_owned(),
        "flush chain inet danm_policer others_ingress".to_owned(),
        "add chain inet danm_policer more; add rule inet danm_policer more jump opening".to_owned(),
        "add set inet danm_policer more { type ipv4_addr; }; add rule inet danm_policer opening ip saddr @more accept".to_owned(),
    ];
    socket.commit(&Batch::replace(&program, Protection::Shared)).expect("it is sound");
    let handles = || namespace.run("nft", &["-a", "list", "chain", "inet", "danm_policer", "input"], "");
    let before = handles();
    for change in changes {
        namespace.run("nft", &["--file", "-"], &change);
        let found = socket.snapshot().expect("it is read");
        assert_ne!(found, Snapshot::of(&program), "{change}");
        let repair = Batch::repair(&found, &program, Protection::Shared);
        socket.commit(&repair).unwrap_or_else(|error| panic!("{change}: {error:?}"));
        assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&program), "{change}");
        assert_eq!(handles(), before, "{change}: rules that nobody changed are the same ones");
    }
    // What cannot be mended in parts is made anew.
    for change in ["add table inet danm_policer { flags dormant; }", "delete table inet danm_policer"] {
        namespace.run("nft", &["--file", "-"], change);
        let found = socket.snapshot().expect("it is read");
        assert_ne!(found, Snapshot::of(&program), "{change}");
        socket.commit(&Batch::repair(&found, &program, Protection::Shared)).expect("it is sound");
        assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&program), "{change}");
    }
}
