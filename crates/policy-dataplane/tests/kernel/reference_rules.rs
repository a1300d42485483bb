//! Rules of the reference Policer, made by the real `iptables`: found, and taken away without a moment at which more passes than ours
//! let through; what anybody else has in the same chains stays.

use std::{
    collections::BTreeSet,
    env,
    fs::File,
    net::SocketAddr,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

use policy_dataplane::{ReferenceError, ReferenceRules};

use crate::{
    namespace::Namespace,
    port,
    probe::connection,
    star::{Star, Who, friend_on},
    stream::Stream,
};

const SCRIPT: &str = include_str!("reference-rules.sh");

/// The two programs of each kind.
const NFT: [&str; 2] = ["iptables-nft", "ip6tables-nft"];
const LEGACY: [&str; 2] = ["iptables-legacy", "ip6tables-legacy"];

/// Whom its policies let in: nobody that there is.
const NOBODY: [&str; 2] = ["192.0.2.9", "2001:db8::9"];

const PORT: u16 = 80;

/// Rules of others that it finds there, and that come after it. Those that say what it writes are there already when it comes.
const BEFORE: &str = "
    $IPT -N MINE
    $IPT -A MINE -p udp --dport 7 -j DROP
    $IPT -A INPUT -j MINE
    $IPT -A INPUT -i lo -j ACCEPT
    $IPT -A OUTPUT -p udp --dport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
";
const AFTER: &str = "
    $IPT -A INPUT -i lo+ -j ACCEPT
    $IPT -A INPUT -i lo -p tcp -j ACCEPT
    $IPT -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
    $IPT -A INPUT ! -i lo -j ACCEPT
    $IPT -A INPUT -p tcp -j REJECT
    $IPT -A INPUT -m comment --comment mine -j REJECT
    $IPT -I OUTPUT -p tcp --dport 53 -j ACCEPT
    $IPT -A OUTPUT -p tcp --dport 53:54 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
    $IPT -A OUTPUT -p tcp --sport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
    $IPT -A OUTPUT -p udp --dport 54 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
    $IPT -A FORWARD -j DROP
    $IPT -t mangle -A INPUT -i lo -j ACCEPT
";

/// Whether there is an iptables to make them with, and a kernel that takes them; a word about it if not.
fn has_iptables() -> bool {
    let Some(namespace) = Namespace::new() else { return false };
    let rule = ["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT"];
    let has = namespace.attempt(NFT[0], &rule, "").status.success();
    if !has {
        assert!(env::var_os("CI").is_none(), "CI skips nothing, and {} cannot be used", NFT[0]);
        eprintln!("SKIPPED: {} cannot be used", NFT[0]);
    }
    has
}

fn reference(namespace: &Namespace, programs: [&str; 2]) {
    let arguments = [&["-s", "--"], &programs[..], &NOBODY[..]].concat();
    namespace.run("sh", &arguments, SCRIPT);
}

/// Rules of others, in both families.
fn others(namespace: &Namespace, rules: &str) {
    for program in NFT {
        namespace.run("sh", &["-e"], &rules.replace("$IPT", program));
    }
}

/// All rules of iptables, by both families.
fn saved(namespace: &Namespace) -> Vec<String> {
    let of = |program: &&str| namespace.run(&format!("{program}-save"), &[], "");
    let text: String = NFT.iter().map(of).collect();
    text.lines().filter(|line| line.starts_with('-')).map(str::to_owned).collect()
}

fn look(namespace: &Namespace) -> ReferenceRules {
    let place = File::open(namespace.path()).expect("a namespace");
    ReferenceRules::look(place.as_fd()).expect("it is read").0
}

fn take_away(namespace: &Namespace) -> Result<ReferenceRules, ReferenceError> {
    let place = File::open(namespace.path()).expect("a namespace");
    ReferenceRules::take_away(place.as_fd()).map(|(rules, _)| rules)
}

fn its_chains() -> BTreeSet<String> {
    let chains = ["ip filter DANM_EGRESS_V4", "ip filter DANM_INGRESS_V4", "ip6 filter DANM_EGRESS_V6"];
    chains.into_iter().chain(["ip6 filter DANM_INGRESS_V6"]).map(str::to_owned).collect()
}

#[test]
fn its_rules_are_found_and_taken_away_and_those_of_others_stay() {
    let (Some(pod), Some(other)) = (Namespace::new(), Namespace::new()) else { return };
    if !has_iptables() {
        return;
    }
    assert_eq!(look(&pod), ReferenceRules::default());
    others(&pod, BEFORE);
    reference(&pod, NFT);
    others(&pod, AFTER);
    let before = saved(&pod);
    let found = look(&pod);
    assert_eq!((&found.chains, found.suspicions.len()), (&its_chains(), 0), "{found:?}");
    assert_eq!(saved(&pod), before, "who looks changes nothing");

    let taken = take_away(&pod).expect("it may");

    assert_eq!(taken, found);
    assert_eq!(look(&pod), ReferenceRules::default());
    others(&other, BEFORE);
    others(&other, AFTER);
    assert_eq!(saved(&pod), saved(&other), "as if it had never been there");
    assert_eq!(take_away(&pod).expect("it may"), ReferenceRules::default());
    assert_eq!(saved(&pod), saved(&other), "without its chains nothing is its own");
}

#[test]
fn a_family_without_chains_loses_the_default_rules_too() {
    let Some(pod) = Namespace::new() else { return };
    if !has_iptables() {
        return;
    }
    reference(&pod, NFT);
    for (chain, from) in [("DANM_INGRESS_V6", "INPUT"), ("DANM_EGRESS_V6", "OUTPUT")] {
        pod.run(NFT[1], &["-D", from, "-j", chain], "");
        pod.run(NFT[1], &["-F", chain], "");
        pod.run(NFT[1], &["-X", chain], "");
    }
    take_away(&pod).expect("it may");
    assert!(saved(&pod).is_empty(), "{:?}", saved(&pod));
}

#[test]
fn where_a_rule_of_somebody_else_leads_to_its_chain_all_stays_and_the_chain_is_named() {
    let Some(pod) = Namespace::new() else { return };
    if !has_iptables() {
        return;
    }
    reference(&pod, NFT);
    pod.run(NFT[0], &["-A", "INPUT", "-p", "tcp", "-j", "DANM_INGRESS_V4"], "");
    let before = saved(&pod);
    let error = take_away(&pod).expect_err("it is used");
    assert!(error.to_string().contains("leads to its chain ip filter DANM_INGRESS_V4"), "{error}");
    assert_eq!(saved(&pod), before);
    pod.run(NFT[0], &["-D", "INPUT", "-p", "tcp", "-j", "DANM_INGRESS_V4"], "");
    take_away(&pod).expect("it may");
    assert!(saved(&pod).is_empty());
}

#[test]
fn what_may_be_of_it_is_told_and_stays() {
    let (Some(alike), Some(legacy)) = (Namespace::new(), Namespace::new()) else { return };
    if !has_iptables() {
        return;
    }
    // What it writes of itself where policies allow nothing.
    let script = SCRIPT.lines().filter(|line| !line.contains("DANM_")).collect::<Vec<_>>().join("\n");
    alike.run("sh", &[&["-s", "--"], &NFT[..], &NOBODY[..]].concat(), &script);
    reference(&legacy, LEGACY);
    let before = saved(&alike);
    for (pod, words) in [(&alike, "has the default rules"), (&legacy, "iptables-legacy has a table filter")] {
        let found = look(pod);
        assert!(found.chains.is_empty());
        assert_eq!(found.suspicions.len(), 2, "one a family");
        assert!(found.suspicions.iter().all(|it| it.contains(words)), "{found:?}");
        take_away(pod).expect("there is nothing to do");
    }
    assert_eq!(saved(&alike), before);
    assert!(legacy.run("iptables-legacy-save", &[], "").contains("-A INPUT -j DANM_INGRESS_V4"));
}

#[test]
fn the_script_takes_those_of_iptables_legacy_away_where_ours_are_and_leaves_those_of_others() {
    let (Some(pod), Some(other)) = (Namespace::new(), Namespace::new()) else { return };
    if !has_iptables() {
        return;
    }
    let others = ["-A", "INPUT", "-i", "lo", "-p", "tcp", "-j", "ACCEPT"];
    let add_others = |namespace: &Namespace| {
        LEGACY.into_iter().for_each(|program| drop(namespace.run(program, &others, "")));
    };
    add_others(&pod);
    reference(&pod, LEGACY);
    [&pod, &other, &other].into_iter().for_each(add_others);
    let saved = |namespace: &Namespace| LEGACY.map(|program| namespace.run(program, &["-S"], ""));
    let before = saved(&pod);
    assert!(hand_over(&pod).is_empty());
    assert_eq!(saved(&pod), before, "without ours it would be open");

    let ours = "add table inet danm_policer; add chain inet danm_policer input { type filter hook input priority filter; }";
    pod.run("nft", &[ours], "");
    for words in ["rules were taken out of the network namespace of process", ""] {
        assert!(hand_over(&pod).starts_with(words));
        assert_eq!(saved(&pod), saved(&other));
    }
    assert_eq!(hand_over(&pod), "");
}

/// What the script says that takes rules of `iptables-legacy` away.
fn hand_over(pod: &Namespace) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/policer/handover/iptables-legacy.sh");
    let mut script = Command::new(script);
    let output = script.env("PROCESSES", pod.process().to_string()).output().expect("it is started");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn what_ours_allow_passes_once_its_rules_are_gone_and_what_they_deny_never_does() {
    let Some(mut star) = Star::new() else { return };
    if !has_iptables() {
        return;
    }
    reference(&star.pod, NFT);
    assert!(!call(&star, Who::Friend, PORT), "it lets nobody in");
    star.enforce(&[friend_on(&[PORT, PORT + 1])]);
    assert!(!call(&star, Who::Friend, PORT), "its rules are there still");
    take_away(&star.pod).expect("it may");
    assert!(call(&star, Who::Friend, PORT) && !call(&star, Who::Stranger, PORT));

    let receiver = port::udp(&star.pod, end(Who::Pod, PORT));
    let sender = port::udp(&star.peers[0], end(Who::Stranger, 0));
    let friends = Stream::tcp(&star.peers[0], (&star.pod, end(Who::Pod, PORT + 1)));
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let is_sent_to = || {
        let before = sent.load(SeqCst);
        while sent.load(SeqCst) < before + 10 {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(SeqCst) {
                // Whoever is told that it does not come goes on.
                let _ = sender.send_to(b"x", end(Who::Pod, PORT));
                sent.fetch_add(1, SeqCst);
            }
        });
        for _ in 0..10 {
            reference(&star.pod, NFT);
            is_sent_to();
            let taken = take_away(&star.pod);
            is_sent_to();
            assert_eq!(taken.ok().map(|it| it.chains), Some(its_chains()));
        }
        is_over.store(true, SeqCst);
    });
    receiver.set_nonblocking(true).expect("it may be told");
    assert!(receiver.recv(&mut [0; 8]).is_err(), "a stranger's datagram came");
    friends.goes_on();
    friends.end().expect("what both allow goes on");
    assert!(call(&star, Who::Friend, PORT) && !call(&star, Who::Stranger, PORT));
}

fn end(who: Who, port: u16) -> SocketAddr {
    SocketAddr::new(who.address(0, true), port)
}

/// Whether somebody reaches a port of the Pod.
fn call(star: &Star, who: Who, port: u16) -> bool {
    connection((&star.peers[0], end(who, 0)), (&star.pod, end(Who::Pod, port)))
}
