//! Tenants who write into their objects whatever they can: nothing of it moves a cursor, ends an element of a picture, or
//! takes long.

use std::time::{Duration, Instant};

use danm_api::NetworkKind;
use serde_json::{Value, json};
use testkit::{Cluster, objects::with};

use crate::{
    program::{ask, ask_all, json},
    town::{endpoint, network, pod},
    xml::assert_well_formed,
};

/// What a terminal would obey: it clears the screen, sets the title, prints in red, writes from right to left.
const COMMANDS: &str = "\u{1b}[2J\u{1b}]0;mine\u{7}\u{9b}31m\u{202e}exe\r\n\u{8}";

/// What a picture would obey.
const MARKUP: &str = "</title><script>alert(1)</script>\" onload=\"alert(1)&amp;&#0;]]>";

fn hostile(name: &str, text: &str) -> Value {
    let endpoint = endpoint(name, ("ran", text), "internal", "10.0.0.7/24");
    let endpoint = with(endpoint, "/spec/Interface/Name", text);
    let endpoint = with(endpoint, "/spec/PodUID", text);
    with(endpoint, "/spec/Host", text)
}

/// In every field that is shown, and in those that are only told of when they cannot be understood.
fn objects(text: &str) -> Vec<Value> {
    let odd = |name: &str, pointer: &str, value: Value| {
        with(endpoint(name, ("ran", "web-0"), "internal", "10.0.0.8/24"), pointer, value)
    };
    let network = |name: &str| network(NetworkKind::DanmNet, name, 0, &[7, 8, 9]);
    vec![
        pod("ran", "web-0"),
        network("internal"),
        hostile("everywhere", text),
        odd("address", "/spec/Interface/Address", json!(text)),
        odd("address6", "/spec/Interface/AddressIPv6", json!(text)),
        odd("network", "/spec/NetworkName", json!(text)),
        odd("kind", "/spec/apiType", json!(text)),
        odd("spec", "/spec", json!(text)),
        with(network("cidr"), "/spec/Options/cidr", text),
        with(network("alloc"), "/spec/Options/alloc", text),
        with(network("pool"), "/spec/Options/allocation_pool/start", text),
        with(network("routes"), "/spec/Options/routes", json!({text: text})),
        with(network("options"), "/spec/Options", text),
        with(network("tenants"), "/spec/AllowedTenants", json!([text])),
        with(network("treatment"), "/metadata/annotations", json!({"danm.io/cleaner": text})),
    ]
}

const QUESTIONS: [&str; 6] = [
    "networks -A",
    "show internal tenants treatment -n ran",
    "show -n ran -a",
    "ip 10.0.0.7",
    "check -A",
    "map internal -n ran",
];

/// One cluster for all: to change what a server refuses takes a while.
#[tokio::test]
async fn whatever_tenants_write_nobody_obeys_it() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.install_without_schemas().await;
    nothing_is_obeyed_by_a_terminal_or_a_browser(&mut cluster).await;
    cluster.wipe().await;
    scripts_read_what_was_written_and_no_escape_sequence_is_in_the_document(&mut cluster).await;
    cluster.wipe().await;
    a_name_of_a_million_characters_is_one_long_cell(&mut cluster).await;
}

async fn nothing_is_obeyed_by_a_terminal_or_a_browser(cluster: &mut Cluster) {
    for text in [COMMANDS, MARKUP] {
        cluster.wipe().await;
        cluster.create(objects(text)).await;
        let flags = ["", "-o wide --ascii --width 120", "-o name"];
        let commands: Vec<String> =
            QUESTIONS.iter().flat_map(|question| flags.map(|flags| format!("{question} {flags}"))).collect();
        for (command, run) in commands.iter().zip(ask_all(cluster, &commands).await) {
            assert_eq!(run.code, Some(0), "{command}: {run:#?}");
            [&run.out, &run.err].into_iter().for_each(|text| assert_harmless(text));
        }
        let pictures =
            ["show", "map", "map --hilbert"].map(|command| format!("{command} internal -n ran -o svg"));
        for picture in ask_all(cluster, &pictures).await {
            let picture = picture.clean();
            assert_harmless(&picture);
            assert_well_formed(&picture);
        }
        let unusable = ["cidr", "alloc", "pool", "options"].map(|name| format!("show {name} -n ran"));
        for run in ask_all(cluster, &unusable).await {
            assert_harmless(run.error());
        }
    }
}

async fn scripts_read_what_was_written_and_no_escape_sequence_is_in_the_document(cluster: &mut Cluster) {
    cluster.create(objects(COMMANDS)).await;
    let [as_json, as_yaml] =
        ["json", "yaml"].map(|format| QUESTIONS.map(|question| format!("{question} -o {format}")));
    let (as_json, as_yaml) = tokio::join!(ask_all(cluster, &as_json), ask_all(cluster, &as_yaml));
    for ((question, as_json), as_yaml) in QUESTIONS.iter().zip(as_json).zip(as_yaml) {
        let is_bare = |text: &str| text.chars().any(|c| c < ' ' && c != '\n');
        assert!(!is_bare(&as_json.out) && !is_bare(&as_yaml.out), "{question}");
        let mut documents = [json(&as_json.out), serde_saphyr::from_str(&as_yaml.out).expect("YAML")];
        documents.iter_mut().for_each(|document: &mut Value| forget_times(document));
        assert_eq!(documents[0], documents[1], "{question}");
    }
    let found = json(&ask(cluster, "ip 10.0.0.7 -o json").await.clean());
    let endpoint = &found["items"][0]["endpoint"];
    let fields = ["pod", "interface", "host"].map(|field| endpoint[field].clone());
    assert_eq!(fields, [json!(COMMANDS), json!(COMMANDS), json!(COMMANDS)]);
}

async fn a_name_of_a_million_characters_is_one_long_cell(cluster: &mut Cluster) {
    let long = format!("\u{1b}{}", "x".repeat(1_000_000));
    cluster.create([network(NetworkKind::DanmNet, "internal", 0, &[7])]).await;
    cluster.create([endpoint("long", ("ran", &long), "internal", "10.0.0.7/24")]).await;
    let begun = Instant::now();
    let questions = ["show internal -n ran", "ip 10.0.0.7", "check -A"];
    for whole in ask_all(cluster, &questions).await {
        let whole = whole.clean();
        assert!(whole.contains(&"x".repeat(1_000_000)));
        assert_harmless(&whole);
    }
    for cut in ask_all(cluster, &questions.map(|question| format!("{question} --width 80"))).await {
        let cut = cut.clean();
        assert!(cut.lines().all(|line| line.chars().count() <= 80), "{cut}");
        assert_harmless(&cut);
    }
    let picture = ask(cluster, "map internal -n ran -o svg").await.clean();
    assert_well_formed(&picture);
    assert!(picture.len() < 100_000, "{} bytes", picture.len());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Nothing but text and ends of lines: neither the control characters of old, nor those that turn or hide text.
fn assert_harmless(text: &str) {
    let harmful = text.chars().find(|character| {
        (character.is_control() && *character != '\n') || ('\u{202a}'..='\u{202e}').contains(character)
    });
    assert_eq!(harmful, None, "in {text:?}");
}

fn forget_times(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        Value::Object(members) => {
            members.retain(|name, _| name != "observedAt" && name != "suspectSince");
            members.values_mut().for_each(forget_times);
        }
        _ => {}
    }
}
