//! Batches as the kernel takes them: large ones, ones that are too large, and ones by whoever may not; and how many of them there were.

use std::{
    fs,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use policy_dataplane::{Batch, CommitError, Protection, Snapshot, Socket};
use policy_engine::{program::Program, set::Members};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::{listing::isolating_program, namespace::Namespace};

fn with_peers(count: u32) -> Program {
    let mut program = isolating_program();
    let peers = (0..count).map(|number| Ipv4Addr::from(0x0a00_0000 + number)).collect();
    let is_addresses = |members: &Members| matches!(members, Members::Addresses(..));
    let mut sets = Arc::make_mut(&mut program.gates).sets.iter_mut();
    let set = sets.find(|set| is_addresses(&set.members)).expect("a set of peers");
    set.members = Arc::new(Members::Addresses(peers, Vec::new()));
    program
}

#[test]
fn twenty_thousand_peers_are_one_batch_and_are_all_read_back() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let (few, many) = (with_peers(10), with_peers(20_000));
    let batch = Batch::replace(&many, Protection::Owned);
    // More than a socket takes as it is, and less than any may have, whoever opens it.
    assert!((213_000..425_000).contains(&batch.bytes().len()), "{}", batch.bytes().len());
    socket.commit(&batch).expect("there is room for it");
    assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&many));
    socket.commit(&Batch::difference(&many, &few, Protection::Owned)).expect("there is room for it");
    assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&few));
    socket.commit(&Batch::difference(&few, &many, Protection::Owned)).expect("there is room for it");
    assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&many));
}

/// Does something as somebody who may do nothing.
fn without_rights<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let powerless = scope.spawn(|| {
            let mut sets = capabilities(None).expect("they are told");
            sets.effective = CapabilitySet::empty();
            set_capabilities(None, sets).expect("anybody may have less");
            work()
        });
        powerless.join().expect("it ends")
    })
}

#[test]
fn a_batch_that_does_not_fit_is_refused_before_it_is_sent() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    // The kernel doubles what everybody may have, and a peer takes 16 bytes.
    let most = fs::read_to_string("/proc/sys/net/core/wmem_max").ok().and_then(|it| it.trim().parse().ok());
    let peers = most.unwrap_or(8_000_000_u32) / 8 + 1;
    let batch = Batch::replace(&with_peers(peers), Protection::Owned);
    let before = socket.generation().expect("it is told");
    let error = without_rights(|| socket.commit(&batch)).expect_err("it is larger than anybody may send");
    let CommitError::TooLarge { bytes, limit } = error else { panic!("{error:?}") };
    assert_eq!(bytes, batch.bytes().len());
    assert!((100_000..bytes).contains(&limit), "{limit}");
    assert_eq!(socket.generation().expect("it is told"), before);
}

#[test]
fn who_may_not_change_rules_is_told_so_and_not_that_somebody_owns_them() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let batch = Batch::replace(&with_peers(1), Protection::Owned);
    let error = without_rights(|| socket.commit(&batch)).expect_err("it may not");
    assert!(matches!(error, CommitError::Forbidden), "{error:?}");
}

#[test]
fn each_commit_of_anybody_is_one_generation_more() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let before = socket.generation().expect("it is told");
    for peers in 1..=3 {
        socket.commit(&Batch::replace(&with_peers(peers), Protection::Shared)).expect("it is sound");
        assert_eq!(socket.generation().expect("it is told"), before + peers);
    }
    namespace.run("nft", &["add", "table", "ip", "other"], "");
    assert_eq!(socket.generation().expect("it is told"), before + 4);
    let mut broken = with_peers(1);
    Arc::make_mut(&mut broken.frame).chains.first_mut().expect("a chain").name = "x".repeat(300);
    socket.commit(&Batch::replace(&broken, Protection::Shared)).expect_err("no chain is called so");
    assert_eq!(socket.generation().expect("it is told"), before + 4, "what is refused is no commit");
}

#[test]
fn a_table_that_is_read_while_somebody_changes_it_is_what_it_was_at_one_moment_or_an_error() {
    let Some(namespace) = Namespace::new() else { return };
    let open = || Socket::open_in(&namespace.path()).expect("a socket");
    let (reader, writer) = (open(), open());
    let programs = [with_peers(1), isolating_program()];
    let batches = programs.each_ref().map(|program| Batch::replace(program, Protection::Shared));
    let moments = programs.each_ref().map(Snapshot::of);
    writer.commit(&batches[0]).expect("it is sound");
    let is_over = AtomicBool::new(false);
    let whole = thread::scope(|scope| {
        scope.spawn(|| {
            for batch in batches.iter().cycle().take_while(|_| !is_over.load(SeqCst)) {
                writer.commit(batch).expect("it is sound");
            }
        });
        let read: Vec<Snapshot> = (0..1_000).filter_map(|_| reader.snapshot().ok()).collect();
        is_over.store(true, SeqCst);
        read
    });
    assert!(whole.iter().all(|snapshot| moments.contains(snapshot)));
    assert!(moments.contains(&reader.snapshot().expect("nobody changes it now")));
}

#[test]
fn a_set_that_has_just_grown_is_read_as_it_is() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let mut before = with_peers(1);
    socket.commit(&Batch::replace(&before, Protection::Owned)).expect("it is sound");
    for peers in [2_000, 10_000, 25_000, 40_000, 60_000] {
        let now = with_peers(peers);
        socket.commit(&Batch::difference(&before, &now, Protection::Owned)).expect("it is sound");
        assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&now), "{peers} peers");
        before = now;
    }
}
