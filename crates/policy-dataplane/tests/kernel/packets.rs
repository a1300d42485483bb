//! Cases of policies with real packets: every Pod is a network namespace with several interfaces, has
//! its rules from the engine over netlink, and opens real connections to every other.
//!
//! A connection of SCTP is its first packet and the answer, made by hand: this kernel may have no sockets for it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use policy_engine::NamespacedName;
use serde_json::Value;

use crate::{
    lab::{INTERFACES, Lab, cases},
    objects,
};

/// The folders of cases; in the first are those of the conformance suite.
const FOLDERS: [&str; 2] = ["e2e", "adversarial"];

impl Lab {
    /// Everybody speaks to everybody. Gives the pairs that are not as they should be.
    fn probe(&self, matrix: &Value) -> (usize, Vec<String>) {
        let probe = matrix["probe"].as_str().expect("a probe");
        let (protocol, port) = probe.split_once('/').expect("protocol and port");
        let port: u16 = port.parse().expect("a number");
        let is_v4 = matrix["over"] != "IPv6";
        let denied: Vec<(&str, &str)> = matrix["denied"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|pair| pair.as_str().and_then(|pair| pair.split_once(" -> ")).expect("a pair"))
            .collect();
        let mut wrong = Vec::new();
        let mut tried = 0;
        for (from, client) in &self.pods {
            for (to, server) in self.pods.iter().filter(|(to, _)| *to != from) {
                let expected = !denied.iter().any(|(a, b)| is_meant(a, from) && is_meant(b, to));
                for interface in
                    INTERFACES.into_iter().filter(|it| matrix["on"] == "all" || matrix["on"] == *it)
                {
                    let both = (
                        client.addresses.get(&(interface, is_v4)),
                        server.addresses.get(&(interface, is_v4)),
                    );
                    let (Some(_), Some(address)) = both else { continue };
                    tried += 1;
                    if client.reaches(*address, port, protocol) != expected {
                        wrong.push(format!("{from} -> {to} by {interface} on {probe}: expected {expected}"));
                    }
                }
            }
        }
        // What came about is taken, so that there is room for more.
        for listener in &self.listeners {
            while listener.accept().is_ok() {}
        }
        (tried, wrong)
    }
}

fn is_meant(pattern: &str, pod: &NamespacedName) -> bool {
    let (namespace, name) = pattern.split_once('/').unwrap_or((pattern, "*"));
    [(namespace, &pod.namespace), (name, &pod.name)]
        .iter()
        .all(|(wanted, it)| *wanted == "*" || **wanted == ***it)
}

/// The ports on which cases have everybody speak to everybody.
fn ports() -> BTreeSet<u16> {
    let steps = FOLDERS.into_iter().flat_map(files).filter_map(|file| steps(&file)).flatten();
    let probes = steps.flat_map(|step| matrices(&step).cloned().collect::<Vec<_>>());
    let port = |matrix: Value| matrix["probe"].as_str()?.split_once('/')?.1.parse().ok();
    probes.filter_map(port).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cases().join(folder)).expect("cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The steps of a case, if packets between the Pods of the lab can show it: others have endpoints come and go.
fn steps(file: &Path) -> Option<Vec<Value>> {
    let case = objects::read(file).into_iter().next().expect("a case");
    let steps = case["steps"].as_array().expect("steps").clone();
    let mut applied = steps.iter().flat_map(|step| step["apply"].as_array().into_iter().flatten());
    let is_of_the_lab = applied.all(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let is_known_pod = object["kind"] == "Pod" && ["a", "b", "c"].contains(&name);
        is_known_pod || object["kind"] == "DanmNetworkPolicy" || object["kind"] == "Namespace"
    });
    let mut deleted = steps.iter().flat_map(|step| step["delete"].as_array().into_iter().flatten());
    let is_about_policies =
        deleted.all(|text| text.as_str().is_some_and(|text| text.starts_with("DanmNetworkPolicy/")));
    let probes: Vec<&str> = steps.iter().flat_map(matrices).filter_map(|it| it["probe"].as_str()).collect();
    let is_shown = !probes.is_empty();
    (case["topology"] == "three-by-three" && is_of_the_lab && is_about_policies && is_shown).then_some(steps)
}

/// What a step says of all pairs.
fn matrices(step: &Value) -> impl Iterator<Item = &Value> {
    step["expect"].as_array().into_iter().flatten().filter(|it| it["probe"].is_string())
}

/// Runs the cases of a folder. Gives how many there are, and how many connections were tried.
fn run(lab: &mut Lab, folder: &str) -> (usize, usize) {
    let (mut shown, mut tried, mut wrong) = (0, 0, Vec::new());
    for file in files(folder) {
        let Some(steps) = steps(&file) else { continue };
        shown += 1;
        for step in steps {
            lab.apply(step["apply"].as_array().map_or(&[], Vec::as_slice));
            for gone in step["delete"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                lab.delete(gone);
            }
            lab.program();
            for matrix in matrices(&step) {
                let (count, found) = lab.probe(matrix);
                tried += count;
                wrong.extend(found.into_iter().map(|it| format!("{}: {it}", file.display())));
            }
        }
        lab.reset();
    }
    let first: Vec<&String> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "{} of {tried} connections: {first:#?}", wrong.len());
    (shown, tried)
}

/// Regression: a Pod that is closed both ways rejected a connection with a reset, and its own rules for what goes out stopped
/// that, so that the client waited. Every attempt of a client has to come about or to fail at once.
#[test]
fn real_packets_say_what_the_conformance_suite_of_kubernetes_and_the_adversarial_cases_say() {
    let Some(mut lab) = Lab::new(&ports()) else { return };
    let [conformance, adversarial] = FOLDERS.map(|folder| run(&mut lab, folder));
    assert!(conformance.0 >= 46 && conformance.1 > 5_000, "{conformance:?} cases and connections");
    assert!(adversarial.0 >= 20 && adversarial.1 > 2_000, "{adversarial:?} cases and connections");
}
