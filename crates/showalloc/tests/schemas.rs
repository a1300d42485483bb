//! The published schemas of the JSON formats, compared with what the program writes: scripts are written for them, in
//! languages whose tools take them at their word. A document has to have what its schema requires, and nothing that the
//! schema does not know.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

use std::{collections::BTreeSet, fs, path::Path, process::Stdio};

use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::State;
use serde_json::{Map, Value, json};
use showalloc::checking::Class;
use testkit::{
    Cluster, Server,
    objects::{self, with},
};
use tokio::process::Command;

const KINDS: [&str; 5] =
    ["AddressLookup", "AllocationMap", "AllocationMapList", "CheckReport", "NetworkList"];

/// Members of an object, by their names.
type Members = BTreeSet<String>;

/// A schema, as far as ours go.
struct Schema {
    root: Value,
}

// === Documents ===

/// A cluster with everything that a document can tell of.
async fn cluster() -> Cluster {
    let (group, of) = (ApiGroup::DanmIo, NetworkKind::DanmNet);
    let network = |kind, name| objects::network(group, kind, "ran", name);
    let internal = objects::with_bits(network(of, "internal"), &[1, 2, 3, 9]);
    let internal = with(internal, "/spec/Options/routes", json!({"10.9.0.0/16": "10.0.0.254"}));
    let pool = json!({"start": "10.0.0.1", "end": "10.0.0.250"});
    let internal = with(internal, "/spec/Options/allocation_pool", pool);
    let dual = objects::with_bits(network(NetworkKind::ClusterNetwork, "dual"), &[1]);
    let dual = with(dual, "/spec/Options/net6", "2001:db8::/64");
    let pool = json!({"cidr": "2001:db8::/120", "start": "2001:db8::1", "end": "2001:db8::fe"});
    let dual = with(dual, "/spec/Options/allocation_pool_v6", pool);
    let networks = [
        internal,
        with(dual, "/spec/Options/alloc6", objects::alloc(&[5])),
        with(objects::with_bits(network(of, "broken"), &[]), "/spec/Options/alloc", "gAE="),
        network(of, "bare"),
    ];
    let pods = ["web-0", "web-1", "web-2"].map(|pod| objects::pod("ran", pod, "node-a"));
    let endpoint = |name: &str, pod: &str, network: &str, address: &str| {
        let endpoint = objects::endpoint(group, "ran", name, pod, network);
        with(endpoint, "/spec/Interface/Address", address)
    };
    let endpoints = [
        endpoint("allocated", "web-0", "internal", "10.0.0.1/24"),
        endpoint("leaked", "gone", "internal", "10.0.0.2/24"),
        endpoint("conflict", "web-0", "internal", "10.0.0.3/24"),
        endpoint("rival", "web-1", "internal", "10.0.0.3/24"),
        endpoint("missing-bit", "web-2", "internal", "10.0.0.4/24"),
        endpoint("outside", "web-2", "internal", "192.168.0.1/24"),
        endpoint("nowhere", "web-2", "nowhere", "10.7.0.1/24"),
        endpoint("without-address", "web-2", "bare", ""),
        endpoint("idle", "gone", "bare", ""),
        endpoint("unreadable", "web-2", "internal", "10.0.0.300/24"),
    ];
    let cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    let all = [objects::node("node-a", "True")].into_iter().chain(pods).chain(networks).chain(endpoints);
    cluster.sandbox().load(all).expect("sound objects");
    cluster
}

/// What the program writes.
async fn document(cluster: &Cluster, arguments: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_showalloc"));
    command.args(arguments.split(' ')).args(["-o", "json", "--kubeconfig"]).arg(cluster.kubeconfig());
    let output = command.stdin(Stdio::null()).output().await.expect("the program was built");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A document of each kind and a few that differ in what they have.
async fn documents() -> Vec<Value> {
    let cluster = cluster().await;
    let mut documents = Vec::new();
    for arguments in [
        "show dn/internal -n ran",
        "show dn/internal -n ran --cidr 10.0.0.0/28",
        "show -A",
        "map dual",
        "networks -A",
        "ip 10.0.0.1",
        "ip 10.0.0.3",
        "ip 10.0.0.200",
        "ip 203.0.113.1",
        "ip ran/web-2",
        "ip ran/nobody",
        "check -A",
        "check -n nobody",
    ] {
        documents.push(document(&cluster, arguments).await);
    }
    documents
}

// === Laws ===

#[tokio::test]
async fn every_document_is_as_its_published_schema_says() {
    let documents = documents().await;
    for document in &documents {
        let kind = document["kind"].as_str().expect("a kind");
        assert_eq!(Schema::of(kind).problems(document), Vec::<String>::new(), "{document:#}");
    }
    let kinds: BTreeSet<&str> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(KINDS), "each kind is written");
}

#[tokio::test]
async fn the_documents_that_are_compared_tell_of_every_state_and_every_class() {
    let documents = documents().await;
    let of = |kind: &str| documents.iter().filter(|document| document["kind"] == kind).collect::<Vec<_>>();
    let maps = of("AllocationMap");
    for state in State::ALL {
        assert!(maps.iter().any(|map| map["counts"][state.code()] != 0), "{state}");
    }
    let reports = of("CheckReport");
    for class in Class::ALL {
        assert!(reports.iter().any(|report| report["counts"][class.code()] != 0), "{}", class.code());
    }
}

#[tokio::test]
async fn whatever_is_missing_or_added_anywhere_in_a_document_is_seen() {
    for document in documents().await {
        let schema = Schema::of(document["kind"].as_str().expect("a kind"));
        for path in objects_in(&document) {
            let object = |document: &Value| document.pointer(&path).and_then(Value::as_object).cloned();
            for member in object(&document).expect("an object").keys() {
                let mut less = document.clone();
                members_of(&mut less, &path).remove(member);
                // A network of which nothing more is said is one without addresses.
                let is_optional = member == "problem";
                assert!(
                    is_optional || !schema.problems(&less).is_empty(),
                    "{path} without {member}: {less:#}"
                );
                let mut other = document.clone();
                members_of(&mut other, &path).insert(member.clone(), json!([false]));
                assert!(!schema.problems(&other).is_empty(), "{path} with another {member}: {other:#}");
            }
            let mut more = document.clone();
            members_of(&mut more, &path).insert("surprise".to_owned(), json!("!"));
            assert!(!schema.problems(&more).is_empty(), "{path} with a surprise: {more:#}");
        }
    }
}

#[test]
fn the_schema_of_a_map_has_exactly_the_members_that_people_script_against() {
    let schema = Schema::of("AllocationMap");
    let cases: [(&str, &[&str]); 5] = [
        ("", &["apiVersion", "kind", "network", "family", "cidr", "pool", "size", "counts", "runs"]),
        ("/$defs/NetworkName", &["group", "kind", "namespace", "name"]),
        ("/$defs/AddressRange", &["start", "end"]),
        ("/$defs/Run", &["start", "end", "count", "state", "endpoints"]),
        ("/$defs/EndpointRow", &["namespace", "name", "uid", "pod", "interface", "host"]),
    ];
    for (place, expected) in cases {
        let object = schema.root.pointer(place).expect(place);
        let expected: Members = expected.iter().map(|&member| member.to_owned()).collect();
        assert_eq!(keys(&object["properties"]), expected, "{place}");
        assert_eq!(texts(&object["required"]), expected, "{place}");
    }
    let words = |place: &str| -> Vec<String> {
        let words = schema.root.pointer(place).and_then(Value::as_array).expect(place);
        words.iter().filter_map(|word| word["const"].as_str()).map(str::to_owned).collect()
    };
    let states = [
        "network-address",
        "broadcast",
        "gateway",
        "outside-pool",
        "free",
        "allocated",
        "leaked",
        "conflict",
        "missing-bit",
    ];
    assert_eq!(words("/$defs/State/oneOf"), states);
    assert_eq!(words("/$defs/Family/oneOf"), ["IPv4", "IPv6"]);
    assert_eq!(schema.root["properties"]["apiVersion"]["const"], "showalloc.danm.io/v1");
}

// === impl Schema ===

impl Schema {
    fn of(kind: &str) -> Self {
        let name = format!("showalloc.danm.io_v1_{kind}.json");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { root: serde_json::from_str(&text).expect("JSON") }
    }

    /// Everything in a document that is not as the schema says.
    fn problems(&self, document: &Value) -> Vec<String> {
        self.problems_of(&self.root, document, "")
    }

    fn problems_of(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut problems = self.mismatches(schema, value, at);
        if let Some(object) = value.as_object() {
            let known = self.known(schema, value, at);
            let unknown = object.keys().filter(|member| !known.contains(*member));
            problems.extend(unknown.map(|member| format!("{at}/{member} is not in the schema")));
        }
        problems
    }

    /// The same except for members of the value itself that the schema does not know.
    fn mismatches(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(referred) = self.referred(schema) {
            problems.extend(self.mismatches(referred, value, at));
        }
        if let Some(expected) = schema.get("const").filter(|expected| *expected != value) {
            problems.push(format!("{at} is {value}, not {expected}"));
        }
        if let Some(types) = schema.get("type").filter(|types| !is_of_type(types, value)) {
            problems.push(format!("{at} is {value}, not of type {types}"));
        }
        for (word, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let fitting = schema.get(word).map(|_| self.fitting(schema, word, value, at).count());
            if fitting.is_some_and(|count| count == 0 || count > most) {
                problems.push(format!("{at} is {value}, which is {fitting:?} of {word}"));
            }
        }
        if let Some(object) = value.as_object() {
            problems.extend(self.mismatches_of_members(schema, object, at));
        }
        if let (Some(items), Some(array)) = (schema.get("items"), value.as_array()) {
            let of_items = array.iter().enumerate();
            problems.extend(
                of_items.flat_map(|(index, item)| self.problems_of(items, item, &format!("{at}/{index}"))),
            );
        }
        problems
    }

    fn mismatches_of_members(&self, schema: &Value, object: &Map<String, Value>, at: &str) -> Vec<String> {
        let required = texts(&schema["required"]);
        let missing = required.iter().filter(|member| !object.contains_key(*member));
        let mut problems: Vec<String> = missing.map(|member| format!("{at}/{member} is missing")).collect();
        for (member, value) in object {
            let known = schema.get("properties").and_then(|known| known.get(member));
            if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
                problems.extend(self.problems_of(schema, value, &format!("{at}/{member}")));
            }
        }
        problems
    }

    /// The members that an object like this one may have. A count of each state is open: there may be more states
    /// one day, but none that is required now may be missing, and no other.
    fn known(&self, schema: &Value, value: &Value, at: &str) -> Members {
        let mut known = keys(&schema["properties"]);
        if schema.get("additionalProperties").is_some() {
            known.extend(texts(&schema["required"]));
        }
        if let Some(referred) = self.referred(schema) {
            known.extend(self.known(referred, value, at));
        }
        for word in ["anyOf", "oneOf"] {
            for variant in self.fitting(schema, word, value, at) {
                known.extend(self.known(variant, value, at));
            }
        }
        known
    }

    fn fitting<'a>(
        &'a self,
        schema: &'a Value,
        word: &str,
        value: &'a Value,
        at: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let variants = schema.get(word).and_then(Value::as_array).into_iter().flatten();
        variants.filter(move |variant| self.mismatches(variant, value, at).is_empty())
    }

    fn referred<'a>(&'a self, schema: &Value) -> Option<&'a Value> {
        let place = schema.get("$ref")?.as_str()?.strip_prefix('#').expect("all is in one file");
        Some(self.root.pointer(place).expect("what is referred to is there"))
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is_of = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        _ => panic!("{name} is no type"),
    };
    types.as_array().map_or_else(|| is_of(types), |types| types.iter().any(is_of))
}

fn keys(object: &Value) -> Members {
    object.as_object().into_iter().flat_map(Map::keys).cloned().collect()
}

fn texts(array: &Value) -> Members {
    array.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where the objects of a document are.
fn objects_in(value: &Value) -> Vec<String> {
    let inside = |name: &str, value: &Value| -> Vec<String> {
        objects_in(value).into_iter().map(|path| format!("/{name}{path}")).collect()
    };
    match value {
        Value::Object(object) => {
            let inner = object.iter().flat_map(|(name, value)| inside(name, value));
            std::iter::once(String::new()).chain(inner).collect()
        }
        // The first few are like all others.
        Value::Array(array) => array
            .iter()
            .take(4)
            .enumerate()
            .flat_map(|(index, value)| inside(&index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn members_of<'a>(document: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(path).and_then(Value::as_object_mut).expect("an object")
}
