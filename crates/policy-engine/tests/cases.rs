//! Cases of who may talk to whom, read from files: whoever judges packets has to judge these so. Knows how a case is written
//! and run; not what a policy means.
//!
//! `e2e` has what Kubernetes' conformance suite asks, `adversarial` what others got wrong, `decided` what only we do.
//! A case is a sentence, a topology, and steps that change it and say what is so then:
//! - `{probe: TCP/80, on: net1, denied: ["x/* -> y/a"]}`: between all Pods, interface by interface of that name (`all`: each),
//!   these pairs are denied and all others allowed.
//! - `{from: x/a@eth0, to: 192.0.2.1, port: TCP/80, verdict: deny}`: one packet. An end that is an address is judged by
//!   nobody, so it may also be one that its sender made up.
//! - `{apply: [objects], delete: [Kind/namespace/name]}` comes before what is expected.
//! - `problems`: which fields of a policy are not understood; none of them but these.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use danm_api::{NetworkKind, NetworkRef, Protocol};
use policy_engine::{
    Direction, Engine, InterfaceName, NamespacedName, Object, Packet, Ruleset, Traffic, Verdict, Why, World,
    compile, judge,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// All who judge packets: the evaluator, and the rulesets of an engine that followed all changes.
struct Court {
    engine: Engine,
    /// The rulesets as they are now.
    rulesets: BTreeMap<NamespacedName, Option<Ruleset>>,
}

/// A case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    says: String,
    topology: String,
    steps: Vec<Step>,
}

/// A change, and what is so after it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[derive(Default)]
struct Step {
    /// Objects, whole.
    apply: Vec<Value>,
    /// Objects, as `Kind/namespace/name`.
    delete: Vec<String>,
    expect: Vec<Value>,
    problems: Vec<Problems>,
    /// Networks that policies name and nobody has, as `Kind/namespace/name`.
    absent_networks: Vec<String>,
}

/// What is not understood in a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Problems {
    policy: String,
    fields: Vec<String>,
    /// Whether an earlier version is in force.
    #[serde(default)]
    is_earlier_version: bool,
}

/// What is so between all Pods.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    probe: String,
    on: String,
    denied: Vec<String>,
    #[serde(default)]
    over: Family,
}

/// What becomes of one packet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Single {
    from: String,
    to: String,
    port: String,
    #[serde(default)]
    source_port: Option<u16>,
    #[serde(default)]
    over: Family,
    verdict: ExpectedVerdict,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Family {
    #[default]
    IPv4,
    IPv6,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectedVerdict {
    Allow,
    Deny,
}

/// An end of a connection.
#[derive(Clone, PartialEq, Eq)]
enum End {
    Pod(NamespacedName, InterfaceName),
    Address(IpAddr),
}

/// A connection that somebody tries to open.
#[derive(Clone)]
struct Attempt {
    from: End,
    to: End,
    traffic: Traffic,
    family: Family,
}

/// A case that has no file here, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    case: u32,
    why: String,
}

// === reading ===

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // `y` is the name of a Namespace, not a way to say yes.
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder, in the order of their numbers.
fn files(name: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(folder().join(name)).expect("a folder of cases");
    let mut files: Vec<(u32, PathBuf)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let number = stem.split('-').next().and_then(|number| number.parse().ok());
            (number.unwrap_or_else(|| panic!("{stem}: has no number")), path)
        })
        .collect();
    files.sort();
    files
}

fn object(value: &Value) -> Object {
    Object::read(value)
        .unwrap_or_else(|error| panic!("{error}"))
        .unwrap_or_else(|| panic!("policies are not about {value}"))
}

fn delete(court: &mut Court, text: &str) {
    let parts: Vec<&str> = text.split('/').collect();
    let [kind, namespace, name] = parts[..] else { panic!("{text:?} is not Kind/namespace/name") };
    let version = match kind {
        "Namespace" | "Pod" | "Service" => "v1",
        "EndpointSlice" => "discovery.k8s.io/v1",
        _ => "danm.k8s.io/v1",
    };
    let metadata = json!({"namespace": namespace, "name": name});
    let spec = json!({"NetworkName": ""});
    let key = object(&json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})).key();
    let before = court.world().clone();
    court.engine.delete(&key);
    assert!(*court.world() != before, "{text} is not there");
}

fn namespaced(text: &str) -> NamespacedName {
    let (namespace, name) = text.split_once('/').unwrap_or_else(|| panic!("{text:?} has no namespace"));
    NamespacedName::new(namespace, name)
}

fn end(text: &str) -> End {
    match text.split_once('@') {
        Some((pod, interface)) => {
            let interface = InterfaceName::new(interface).unwrap_or_else(|| panic!("{text}: no interface"));
            End::Pod(namespaced(pod), interface)
        }
        None => End::Address(text.parse().unwrap_or_else(|_| panic!("{text:?} is no end"))),
    }
}

/// `TCP/80`, or something that has no ports: `ICMP`, `GRE`.
fn traffic(text: &str, source: Option<u16>) -> Traffic {
    let Some((protocol, port)) = text.split_once('/') else {
        assert!(["ICMP", "GRE"].contains(&text), "{text:?} is no traffic");
        return Traffic::Portless;
    };
    let protocol = Protocol::named(protocol).unwrap_or_else(|| panic!("{text}: no protocol"));
    let destination = port.parse().unwrap_or_else(|_| panic!("{text}: no port"));
    Traffic::Ports { protocol, source: source.unwrap_or(49_152), destination }
}

// === running ===

impl Court {
    fn world(&self) -> &World {
        self.engine.world()
    }

    fn apply(&mut self, object: Object) {
        if let Object::Pod(name, _) = &object {
            self.engine.track(name);
        }
        self.engine.apply(object);
    }

    /// Takes the rulesets of all Pods. One that is made anew has to be the same.
    fn convene(&mut self) {
        let pods: Vec<NamespacedName> = self.world().pods().map(|(name, _)| name.clone()).collect();
        self.rulesets = pods.into_iter().map(|pod| (pod.clone(), self.engine.ruleset(&pod))).collect();
        for (pod, ruleset) in &self.rulesets {
            assert_eq!(*ruleset, compile(self.world(), pod), "{pod}");
        }
    }

    /// What each says.
    fn verdicts(&self, pod: &NamespacedName, packet: &Packet) -> [(&'static str, Verdict); 2] {
        let ruleset = self.rulesets.get(pod).and_then(Option::as_ref);
        let traced = ruleset.map_or(Verdict::Allow, |ruleset| ruleset.trace(packet));
        [("evaluator", judge(self.world(), pod, packet).verdict), ("ruleset", traced)]
    }
}

/// The address of an end in this family, if it has one.
fn address(world: &World, end: &End, family: Family) -> Option<IpAddr> {
    match end {
        End::Address(address) => Some(*address),
        End::Pod(pod, interface) => {
            let endpoints = world.endpoints_of(pod).map(|(_, endpoint)| endpoint);
            let of_interface = endpoints.filter(|endpoint| endpoint.interface.as_ref() == Some(interface));
            let mut addresses = of_interface.flat_map(|endpoint| &endpoint.addresses);
            addresses.find(|address| address.is_ipv4() == (family == Family::IPv4)).copied()
        }
    }
}

/// The packets of an attempt, each at the Pod that judges it.
fn packets(world: &World, attempt: &Attempt) -> Vec<(NamespacedName, Packet)> {
    let sides =
        [(Direction::Egress, &attempt.from, &attempt.to), (Direction::Ingress, &attempt.to, &attempt.from)];
    let judged = sides.into_iter().filter_map(|(direction, here, there)| {
        let End::Pod(pod, interface) = here else { return None };
        let remote = address(world, there, attempt.family);
        let remote = remote.unwrap_or_else(|| panic!("{}: the other end has no address", show(attempt)));
        let packet = Packet { direction, interface: interface.clone(), remote, traffic: attempt.traffic };
        Some((pod.clone(), packet))
    });
    judged.collect()
}

/// What a judge says wrongly about an attempt.
fn misjudged(court: &Court, attempt: &Attempt, expected: Verdict) -> Vec<String> {
    let packets = packets(court.world(), attempt);
    assert!(!packets.is_empty(), "{}: nobody judges it", show(attempt));
    let mut failures = Vec::new();
    for judge in 0..2 {
        let verdicts = packets.iter().map(|(pod, packet)| court.verdicts(pod, packet)[judge]);
        let verdicts: Vec<_> = verdicts.collect();
        let name = verdicts[0].0;
        let got = Verdict::from(verdicts.iter().all(|(_, verdict)| verdict.allows()));
        if got != expected {
            let (expected, got) = (expected.name(), got.name());
            let why: Vec<String> =
                packets.iter().map(|(pod, packet)| why(court.world(), pod, packet)).collect();
            let why = why.join("; ");
            failures.push(format!("{name}: {}: expected {expected}, got {got}\n      {why}", show(attempt)));
        }
    }
    failures
}

/// Why the evaluator judges as it does.
fn why(world: &World, pod: &NamespacedName, packet: &Packet) -> String {
    let why = match judge(world, pod, packet).why {
        Why::DeniedBy(policies) => {
            format!("denied by {}", policies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Why::AllowedBy(grant) => {
            format!(
                "allowed by {} rule {} peer {:?} port {:?}",
                grant.policy, grant.rule, grant.peer, grant.port
            )
        }
        open => format!("{open:?}"),
    };
    format!("{} of {pod} at {}, other end {}: {why}", packet.direction, packet.interface, packet.remote)
}

fn show(attempt: &Attempt) -> String {
    let end = |end: &End| match end {
        End::Pod(pod, interface) => format!("{pod}@{interface}"),
        End::Address(address) => address.to_string(),
    };
    let traffic = match attempt.traffic {
        Traffic::Portless => "without ports".to_owned(),
        Traffic::Ports { protocol, source, destination } => {
            format!("{}/{destination} from port {source}", protocol.name())
        }
    };
    format!("{} -> {} {traffic}", end(&attempt.from), end(&attempt.to))
}

/// Whether `x/*` or `*` or `x/a` means this Pod.
fn is_meant(pattern: &str, pod: &NamespacedName) -> bool {
    let (namespace, name) = pattern.split_once('/').unwrap_or((pattern, "*"));
    [(namespace, &pod.namespace), (name, &pod.name)]
        .iter()
        .all(|(wanted, it)| *wanted == "*" || **wanted == ***it)
}

fn check_matrix(court: &Court, matrix: &Matrix) -> Vec<String> {
    let denied: Vec<(&str, &str)> = matrix
        .denied
        .iter()
        .map(|pair| pair.split_once(" -> ").unwrap_or_else(|| panic!("{pair:?} is no pair")))
        .collect();
    let mut used = BTreeSet::new();
    let mut failures = Vec::new();
    for attempt in attempts(court.world(), matrix) {
        let (End::Pod(from, _), End::Pod(to, _)) = (&attempt.from, &attempt.to) else { continue };
        let meant = |(a, b): &(&str, &str)| is_meant(a, from) && is_meant(b, to);
        used.extend(denied.iter().filter(|pair| meant(pair)).copied());
        let expected = Verdict::from(!denied.iter().any(meant));
        failures.extend(misjudged(court, &attempt, expected));
    }
    let idle = denied.iter().filter(|pair| !used.contains(*pair));
    failures.extend(idle.map(|(from, to)| format!("there is no pair {from} -> {to}")));
    failures
}

/// All pairs of two Pods that have an interface of that name with an address.
fn attempts(world: &World, matrix: &Matrix) -> Vec<Attempt> {
    let names = match &*matrix.on {
        "all" => vec!["eth0", "net1", "net2"],
        one => vec![one],
    };
    let mut attempts = Vec::new();
    for interface in names.into_iter().filter_map(InterfaceName::new) {
        let ends = world.pods().map(|(pod, _)| End::Pod(pod.clone(), interface.clone()));
        let ends: Vec<End> = ends.filter(|end| address(world, end, matrix.over).is_some()).collect();
        let pairs = ends.iter().flat_map(|from| ends.iter().map(move |to| (from, to)));
        attempts.extend(pairs.filter(|(from, to)| from != to).map(|(from, to)| Attempt {
            from: from.clone(),
            to: to.clone(),
            traffic: traffic(&matrix.probe, None),
            family: matrix.over,
        }));
    }
    assert!(!attempts.is_empty(), "nobody is on {}", matrix.on);
    attempts
}

fn check_single(court: &Court, single: &Single) -> Vec<String> {
    let attempt = Attempt {
        from: end(&single.from),
        to: end(&single.to),
        traffic: traffic(&single.port, single.source_port),
        family: single.over,
    };
    misjudged(court, &attempt, Verdict::from(matches!(single.verdict, ExpectedVerdict::Allow)))
}

fn check_problems(world: &World, expected: &Problems) -> Vec<String> {
    let name = namespaced(&expected.policy);
    let Some((_, policy)) = world.policies().find(|(key, _)| key.name == name) else {
        return vec![format!("there is no policy {name}")];
    };
    let fields: Vec<&str> = policy.problems.iter().map(|problem| problem.field.as_str()).collect();
    let mut failures = Vec::new();
    if fields != expected.fields {
        failures.push(format!("{name}: expected problems {:?}, got {fields:?}", expected.fields));
    }
    if policy.is_earlier_version != expected.is_earlier_version {
        failures.push(format!("{name}: is an earlier version: {}", policy.is_earlier_version));
    }
    failures
}

fn check_absent(world: &World, text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [kind, namespace, name] = parts[..] else { panic!("{text:?} is not Kind/namespace/name") };
    let kind: NetworkKind = kind.parse().unwrap_or_else(|error| panic!("{error}"));
    let network = NetworkRef::new(kind, &namespace.into(), &name.into());
    world.has_network(&network).then(|| format!("{network} is there"))
}

/// A member of `expect`.
fn check(court: &Court, expectation: &Value) -> Vec<String> {
    let said = |error: serde_json::Error| -> ! { panic!("{expectation}: {error}") };
    if expectation.get("probe").is_some() {
        check_matrix(court, &Matrix::deserialize(expectation).unwrap_or_else(|error| said(error)))
    } else {
        check_single(court, &Single::deserialize(expectation).unwrap_or_else(|error| said(error)))
    }
}

fn check_step(court: &mut Court, step: &Step) -> Vec<String> {
    step.apply.iter().for_each(|value| court.apply(object(value)));
    step.delete.iter().for_each(|text| delete(court, text));
    court.convene();
    let mut failures: Vec<String> = step.expect.iter().flat_map(|it| check(court, it)).collect();
    let world = court.world();
    failures.extend(step.problems.iter().flat_map(|it| check_problems(world, it)));
    failures.extend(step.absent_networks.iter().filter_map(|text| check_absent(world, text)));
    failures
}

/// Runs the cases of a folder. One that fails keeps no other from being run.
fn run(name: &str) {
    let mut failures = Vec::new();
    for (_, path) in files(name) {
        let case: Case = read(&path);
        let mut court = Court { engine: Engine::default(), rulesets: BTreeMap::new() };
        let topology: Vec<Value> = read(&folder().join(format!("topologies/{}.yaml", case.topology)));
        topology.iter().for_each(|value| court.apply(object(value)));
        for (index, step) in case.steps.iter().enumerate() {
            let found = check_step(&mut court, step);
            let place =
                format!("{}, step {}: {}", path.file_name().expect("a name").display(), index + 1, case.says);
            failures.extend((!found.is_empty()).then(|| format!("{place}\n    {}", found.join("\n    "))));
        }
    }
    assert!(failures.is_empty(), "{} steps fail:\n  {}", failures.len(), failures.join("\n  "));
}

#[test]
fn every_judge_says_what_the_conformance_suite_of_kubernetes_says() {
    run("e2e");
}

#[test]
fn every_judge_says_what_the_adversarial_cases_say() {
    run("adversarial");
}

#[test]
fn every_judge_says_what_is_decided_beyond_both() {
    run("decided");
}

#[test]
fn every_case_has_a_file_or_a_reason_to_be_elsewhere() {
    let numbers = |name: &str| -> Vec<u32> { files(name).into_iter().map(|(number, _)| number).collect() };
    assert_eq!(numbers("e2e"), (1..=48).collect::<Vec<_>>());
    let elsewhere: Vec<Elsewhere> = read(&folder().join("elsewhere.yaml"));
    assert!(elsewhere.iter().all(|it| !it.why.is_empty()));
    let here = numbers("adversarial");
    assert_eq!(here.len(), here.iter().collect::<BTreeSet<_>>().len(), "one file a case");
    let both: BTreeSet<u32> = here.into_iter().chain(elsewhere.iter().map(|it| it.case)).collect();
    assert_eq!(both, (1..=112).collect::<BTreeSet<_>>());
}

#[test]
fn the_name_of_a_file_is_the_sentence_of_its_case() {
    for (number, path) in ["e2e", "adversarial", "decided"].into_iter().flat_map(files) {
        let says = read::<Case>(&path).says.to_ascii_lowercase().replace('\'', "");
        let words = says.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let name = format!("{number:03}-{}", words.collect::<Vec<_>>().join("-"));
        assert_eq!(path.file_stem().expect("a name").to_string_lossy(), name);
    }
}
