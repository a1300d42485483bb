//! What the kernel has after a batch: exactly what `nft` makes of the same rules as text, for every scenario of the engine's golden
//! files; and nothing at all of a batch that is refused.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use danm_api::Protocol;
use policy_dataplane::{Batch, CommitError, Protection, Snapshot, Socket};
use policy_engine::{
    InterfaceName, Object, Ruleset, World, compile, nft,
    program::{Action, Dns, Family, Flows, Forward, NodeAccess, Program, ProgramRule, Surroundings, gates},
    set::Members,
};

use crate::{namespace::Namespace, objects, plain_numbers::with_plain_numbers};

pub fn listed(namespace: &Namespace) -> String {
    with_plain_numbers(&namespace.run("nft", &["list", "ruleset"], ""))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engine/tests/golden")
}

/// The rulesets of all Pods of all scenarios, each with where it is from.
pub fn rulesets() -> Vec<(String, Ruleset)> {
    let mut found = Vec::new();
    let topology = objects::read(&golden().join("topology.yaml"));
    for folder in fs::read_dir(golden()).expect("golden files") {
        let folder = folder.expect("an entry").path();
        let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => continue,
        };
        files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
        files.sort();
        let mut world = World::default();
        let all = topology.clone().into_iter().chain(files.iter().flat_map(|file| objects::read(file)));
        for object in all.filter_map(|object| Object::read(&object).ok().flatten()) {
            world.apply(object);
        }
        for (pod, _) in world.pods() {
            let name = format!("{} {pod}", folder.file_name().expect("a name").display());
            found.extend(compile(&world, pod).map(|ruleset| (name, ruleset)));
        }
    }
    assert!(found.len() > 20, "{} rulesets", found.len());
    found
}

/// Rules that deny something, and look into sets.
pub fn isolating_program() -> Program {
    let of_name = |(name, _): &(String, Ruleset)| name.starts_with("peer-through-a-network");
    let (_, ruleset) = rulesets().into_iter().find(of_name).expect("a scenario");
    Program::of(&ruleset)
}

#[test]
fn the_kernel_has_what_nft_makes_of_the_same_rules_as_text() {
    let (Some(ours), Some(theirs)) = (Namespace::new(), Namespace::new()) else { return };
    let socket = Socket::open_in(&ours.path()).expect("a socket");
    let (mut last, mut before) = (None, String::new());
    for (name, ruleset) in rulesets() {
        let batch = Batch::replace(&Program::of(&ruleset), Protection::Shared);
        socket.commit(&batch).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        theirs.run("nft", &["--file", "-"], &nft::text(&ruleset));
        assert_eq!(listed(&ours), listed(&theirs), "{name}");
        // What is read back is the program, and no other that was there before.
        let snapshot = socket.snapshot().expect("it is read");
        assert_eq!(snapshot, Snapshot::of(&Program::of(&ruleset)), "{name}");
        if let Some(last) = &last {
            assert_eq!(*last == snapshot, listed(&ours) == before, "{name}");
        }
        (last, before) = (Some(snapshot), listed(&ours));
    }
}

/// Every way to know connections, and every exception.
fn surroundings() -> Vec<(Surroundings, Flows)> {
    let [eth0, net1] = ["eth0", "net1"].map(|name| InterfaceName::new(name).expect("a name"));
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let servers = Members::Ports(
        vec![([10, 96, 0, 10].into(), Protocol::Udp, 53)],
        vec![("fd96::10".parse().expect("an address"), Protocol::Tcp, 5353)],
    );
    let nodes =
        Members::Addresses(vec![[192, 0, 2, 1].into()], vec!["2001:db8::1".parse().expect("an address")]);
    let full = Surroundings {
        nodes: Some(NodeAccess { interface: eth0.clone(), addresses: Arc::new(nodes) }),
        dns: Dns::Servers(Arc::new(servers)),
        dhcp: Family::ALL.map(|family| (eth0.clone(), family)).into(),
        forward: Forward::Closed,
        addresses: Some([(address("10.0.0.1"), eth0), (address("fd00::1"), net1)].into()),
    };
    vec![
        (full, Flows::Labelled(127)),
        (Surroundings { dns: Dns::Any, forward: Forward::Open, ..Surroundings::default() }, Flows::Kept),
        (Surroundings::default(), Flows::Unknown),
    ]
}

#[test]
fn the_kernel_has_what_nft_makes_of_exceptions_and_of_every_way_to_know_connections() {
    let (Some(ours), Some(theirs)) = (Namespace::new(), Namespace::new()) else { return };
    let socket = Socket::open_in(&ours.path()).expect("a socket");
    let mut before = Program::default();
    for (name, ruleset) in rulesets().into_iter().filter(|(_, ruleset)| !ruleset.is_open()) {
        for (surroundings, flows) in surroundings() {
            let now = Program::around(Arc::new(gates(&ruleset)), &ruleset, &surroundings, flows);
            socket.commit(&Batch::difference(&before, &now, Protection::Shared)).expect("it is sound");
            theirs.run("nft", &["--file", "-"], &nft::text_of(&now));
            assert_eq!(sorted(&listed(&ours)), sorted(&listed(&theirs)), "{name}, {flows:?}");
            let snapshot = socket.snapshot().expect("it is read");
            assert_eq!(snapshot, Snapshot::of(&now), "{name}, {flows:?}");
            let generation = if let Flows::Labelled(number) = flows { Some(number) } else { None };
            assert_eq!(snapshot.generation(), generation, "{name}");
            before = now;
        }
    }
}

#[test]
fn a_difference_makes_of_any_program_any_other() {
    let (Some(ours), Some(theirs)) = (Namespace::new(), Namespace::new()) else { return };
    let socket = Socket::open_in(&ours.path()).expect("a socket");
    let mut rulesets = rulesets();
    // There and back: what one step adds another takes away.
    rulesets.extend(rulesets.clone().into_iter().rev());
    let mut before = Program::default();
    for (name, ruleset) in rulesets {
        let now = Program::of(&ruleset);
        let batch = Batch::difference(&before, &now, Protection::Shared);
        assert_eq!(batch.is_empty(), before == now, "{name}");
        socket.commit(&batch).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        theirs.run("nft", &["--file", "-"], &nft::text(&ruleset));
        assert_eq!(sorted(&listed(&ours)), sorted(&listed(&theirs)), "{name}");
        before = now;
    }
}

/// The sets and chains of a table, in one order: that in which they came makes no difference.
fn sorted(listed: &str) -> Vec<&str> {
    let body = listed.trim_start_matches("table inet danm_policer {\n");
    let mut parts: Vec<&str> = body.split("\n\t}").map(str::trim).collect();
    parts.sort_unstable();
    parts
}

#[test]
fn of_a_batch_that_is_refused_nothing_is_there_and_the_error_names_what_it_was() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let (_, ruleset) =
        rulesets().into_iter().find(|(_, ruleset)| !ruleset.is_open()).expect("an isolated Pod");
    let mut program = Program::of(&ruleset);
    socket.commit(&Batch::replace(&program, Protection::Shared)).expect("it is sound");
    let before = listed(&namespace);
    let last = Arc::make_mut(&mut program.gates).chains.last_mut().expect("a chain");
    last.rules.push(ProgramRule {
        matches: Vec::new(),
        purpose: None,
        action: Action::Goto("nowhere".to_owned()),
    });
    let error =
        socket.commit(&Batch::replace(&program, Protection::Shared)).expect_err("there is no such chain");
    assert!(matches!(&error, CommitError::Refused { about, .. } if about.starts_with("rule ")), "{error:?}");
    assert_eq!(listed(&namespace), before);
}

#[test]
fn whatever_somebody_changes_in_a_table_is_seen() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let program = isolating_program();
    let peers = program.sets().find(|set| set.members.has_address([10, 1, 0, 2].into())).expect("a peer");
    let changes = [
        format!("add element inet danm_policer {} {{ 192.0.2.1 }}", peers.name),
        format!("delete element inet danm_policer {} {{ 10.1.0.2 }}", peers.name),
        "insert rule inet danm_policer input accept".to_owned(),
        "flush chain inet danm_policer others_ingress".to_owned(),
        "add chain inet danm_policer more".to_owned(),
        "add set inet danm_policer more { type ipv4_addr; }".to_owned(),
        "add table inet danm_policer { flags dormant; }".to_owned(),
        "add chain inet danm_policer input { policy drop; }".to_owned(),
        "delete table inet danm_policer".to_owned(),
    ];
    for change in changes {
        socket.commit(&Batch::replace(&program, Protection::Shared)).expect("it is sound");
        assert_eq!(socket.snapshot().expect("it is read"), Snapshot::of(&program));
        namespace.run("nft", &["--file", "-"], &change);
        assert_ne!(socket.snapshot().expect("it is read"), Snapshot::of(&program), "{change}");
    }
}

#[test]
fn programs_that_differ_in_one_place_are_told_apart() {
    let (_, ruleset) =
        rulesets().into_iter().find(|(_, ruleset)| !ruleset.is_open()).expect("an isolated Pod");
    let program = Program::of(&ruleset);
    let of = Snapshot::of(&program);
    for place in places(&program) {
        let mut without = program.clone();
        rules(&mut without, place).remove(place.2);
        assert_ne!(Snapshot::of(&without), of, "without the rule {place:?}");
        let mut elsewhere = program.clone();
        let action = &mut rules(&mut elsewhere, place)[place.2].action;
        *action = other(action);
        assert_ne!(Snapshot::of(&elsewhere), of, "another action of the rule {place:?}");
    }
}

/// Where each rule is: whether it is one of a gate, in which chain, and as which of its rules.
fn places(program: &Program) -> Vec<(bool, usize, usize)> {
    let parts = [(false, &program.frame), (true, &program.gates)];
    let chains = parts.into_iter().flat_map(|(is_gate, part)| {
        part.chains.iter().enumerate().map(move |(number, chain)| (is_gate, number, chain))
    });
    let rules = chains
        .flat_map(|(is_gate, number, chain)| (0..chain.rules.len()).map(move |rule| (is_gate, number, rule)));
    rules.collect()
}

fn rules(program: &mut Program, (is_gate, chain, _): (bool, usize, usize)) -> &mut Vec<ProgramRule> {
    let part = if is_gate { Arc::make_mut(&mut program.gates) } else { Arc::make_mut(&mut program.frame) };
    &mut part.chains[chain].rules
}

fn other(action: &Action) -> Action {
    match action {
        Action::Goto(_) | Action::Jump(_) => Action::Goto("input".to_owned()),
        Action::Label(label) => Action::Label(label + 1),
        Action::Accept | Action::Return => Action::Prohibit,
        _ => Action::Accept,
    }
}
