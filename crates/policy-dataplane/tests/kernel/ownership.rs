//! Whose the table is: nobody but its owner changes one that is owned, whether the owner lives or is followed by another; and one
//! that anybody may change is seen to be changed.

use std::io;

use policy_dataplane::{Batch, CommitError, Protection, Snapshot, Socket};

use crate::{
    listing::{isolating_program, listed},
    namespace::Namespace,
};

/// What somebody in the Pod may try.
const ATTACKS: [&str; 6] = [
    "delete table inet danm_policer",
    "flush table inet danm_policer",
    "insert rule inet danm_policer input accept",
    "add chain inet danm_policer input { policy drop; }",
    "add table inet danm_policer { flags dormant; }",
    "flush ruleset",
];

fn open(namespace: &Namespace) -> Socket {
    Socket::open_in(&namespace.path()).expect("a socket")
}

fn attack(namespace: &Namespace) {
    for attack in ATTACKS {
        let output = namespace.attempt("nft", &["--file", "-"], attack);
        // It skips what it may not flush, and does not say so.
        assert_eq!(output.status.success(), attack == "flush ruleset", "{attack}: {output:?}");
    }
}

#[test]
fn a_probe_tells_what_the_kernel_can_do_and_leaves_nothing() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = open(&namespace);
    assert_eq!(Protection::probe(&socket).expect("it is answered"), Protection::Owned);
    assert_eq!(listed(&namespace), "");
    // Who has made a table of that name has no say in it.
    namespace.run("nft", &["add", "table", "inet", "danm_policer_probe"], "");
    assert_eq!(Protection::probe(&socket).expect("it is answered"), Protection::Owned);
}

#[test]
fn nobody_but_its_owner_changes_a_table_and_it_outlives_its_owner() {
    let Some(namespace) = Namespace::new() else { return };
    let (program, socket) = (isolating_program(), open(&namespace));
    let wanted = Snapshot::of(&program);
    socket.commit(&Batch::replace(&program, Protection::Owned)).expect("it is sound");
    attack(&namespace);
    assert_eq!(socket.snapshot().expect("it is read"), wanted);

    let second = open(&namespace);
    for batch in [
        Batch::adopt(Protection::Owned),
        Batch::adopt(Protection::Shared),
        Batch::replace(&program, Protection::Owned),
        Batch::replace(&program, Protection::Shared),
        Batch::remove(),
    ] {
        let error = second.commit(&batch).expect_err("the first socket owns it");
        assert!(matches!(error, CommitError::Owned), "{error:?}");
    }
    // Whoever may not change it may read it.
    assert_eq!(second.snapshot().expect("it is read"), wanted);

    drop(socket);
    assert_eq!(second.snapshot().expect("it is read"), wanted);
    second.commit(&Batch::adopt(Protection::Owned)).expect("its owner has gone");
    second.commit(&Batch::adopt(Protection::Owned)).expect("it is its own already");
    assert_eq!(second.snapshot().expect("it is read"), wanted);
    attack(&namespace);
    second.commit(&Batch::replace(&program, Protection::Owned)).expect("an owner may replace its table");
    attack(&namespace);
    assert_eq!(second.snapshot().expect("it is read"), wanted);
    second.commit(&Batch::remove()).expect("an owner may");
    assert_eq!(listed(&namespace), "");
}

#[test]
fn what_was_changed_between_two_owners_is_seen_and_mended() {
    let Some(namespace) = Namespace::new() else { return };
    let program = isolating_program();
    open(&namespace).commit(&Batch::replace(&program, Protection::Owned)).expect("it is sound");
    let socket = open(&namespace);
    // As long as it has no owner it is anybody's.
    namespace.run("nft", &["--file", "-"], "flush chain inet danm_policer others_ingress");
    socket.commit(&Batch::adopt(Protection::Owned)).expect("its owner has gone");
    assert_ne!(socket.snapshot().expect("it is read"), Snapshot::of(&program));
    socket.commit(&Batch::replace(&program, Protection::Owned)).expect("it is sound");
    assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&program));
}

#[test]
fn a_shared_table_is_anybodys_and_becomes_owned_when_it_is_replaced() {
    let Some(namespace) = Namespace::new() else { return };
    let (program, socket) = (isolating_program(), open(&namespace));
    let wanted = Snapshot::of(&program);
    for attack in ATTACKS {
        socket.commit(&Batch::replace(&program, Protection::Shared)).expect("it is sound");
        let generation = socket.generation().expect("it is told");
        assert_eq!(socket.snapshot().expect("it is read"), wanted);
        assert_eq!(socket.generation().expect("it is told"), generation, "nothing has changed");
        namespace.run("nft", &["--file", "-"], attack);
        assert_ne!(socket.snapshot().expect("it is read"), wanted, "{attack}");
        assert_ne!(socket.generation().expect("it is told"), generation, "{attack}");
    }
    socket.commit(&Batch::replace(&program, Protection::Shared)).expect("it is sound");
    socket.commit(&Batch::adopt(Protection::Shared)).expect("it is anybody's");
    let error = socket.commit(&Batch::adopt(Protection::Owned)).expect_err("it has never had an owner");
    assert!(
        matches!(&error, CommitError::Refused { source, .. } if source.kind() == io::ErrorKind::Unsupported)
    );
    socket.commit(&Batch::replace(&program, Protection::Owned)).expect("whoever replaces it may own it");
    attack(&namespace);
    assert_eq!(socket.snapshot().expect("it is read"), wanted);
}

#[test]
fn a_table_that_is_not_there_is_taken_away_without_an_error_and_adopted_empty() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = open(&namespace);
    socket.commit(&Batch::remove()).expect("there is nothing to do");
    assert_eq!(listed(&namespace), "");
    socket.commit(&Batch::adopt(Protection::Owned)).expect("it is made");
    assert_eq!(socket.snapshot().expect("it is read"), Snapshot::default());
    attack(&namespace);
}
