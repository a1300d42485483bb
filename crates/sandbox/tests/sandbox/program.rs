//! The program: what it loads, says and refuses.

use std::{
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-sandbox"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn ready(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    line.trim_end().strip_prefix("ready ").unwrap_or_else(|| panic!("it said {line:?}")).to_owned()
}

async fn get(url: &str, path: &str) -> Value {
    let config = kube::Config::new(url.parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}

async fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = program(arguments).output().await.unwrap();
    assert!(stdout.is_empty(), "it is not ready");
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::File::create(folder.join(name)).unwrap().write_all(text.as_bytes()).unwrap();
}

const THING: &str = "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t, uid: u-1, creationTimestamp: '2020-01-01T00:00:00Z'}\n";
const DEFINITION: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.x.io}
spec:
  group: x.io
  scope: Cluster
  names: {plural: things, kind: Thing}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";

#[tokio::test]
async fn it_loads_folders_and_resolves_definitions_first() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.yaml", &format!("{THING}---\n{DEFINITION}"));
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "new", "uid": "u-2"}}]}"#;
    write(folder.path(), "b.json", list);
    write(folder.path(), "ignored.txt", "not an object");
    let kubeconfig = folder.path().join("kubeconfig");
    let mut child = program(&["serve", "--kubeconfig", kubeconfig.to_str().unwrap(), "--load"])
        .arg(folder.path())
        .spawn()
        .unwrap();
    let url = ready(&mut child).await;
    let thing = get(&url, "/apis/x.io/v1/things/t").await;
    assert_eq!(thing["metadata"]["uid"], "u-1");
    assert_eq!(thing["metadata"]["creationTimestamp"], "2020-01-01T00:00:00Z");
    assert_eq!(get(&url, "/api/v1/namespaces/new/configmaps/m").await["metadata"]["uid"], "u-2");
    assert_eq!(get(&url, "/api/v1/namespaces/new").await["status"]["phase"], "Active");
    assert!(std::fs::read_to_string(kubeconfig).unwrap().contains(&url));
}

#[tokio::test]
async fn it_loads_what_comes_in() {
    let mut child = program(&["serve", "--load", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-a\nstatus:\n  phase: x\n";
    tokio::io::AsyncWriteExt::write_all(&mut input, text.as_bytes()).await.unwrap();
    drop(input);
    let url = ready(&mut child).await;
    assert_eq!(get(&url, "/api/v1/nodes/node-a").await["status"]["phase"], "x");
}

#[tokio::test]
async fn it_ends_well_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut child = program(&["serve"]).spawn().unwrap();
        ready(&mut child).await;
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
        assert_eq!(child.wait().await.unwrap().code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn bad_input_is_one_sentence_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write(folder.path(), "broken.yaml", "a: [\n");
    write(folder.path(), "unknown.yaml", THING);
    write(folder.path(), "nameless.yaml", "apiVersion: v1\nkind: Node\nmetadata: {}\n");
    write(folder.path(), "wrong.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: A_B}\n");
    for (name, expected) in [
        ("missing.yaml", "cannot read"),
        ("broken.yaml", "cannot understand"),
        ("unknown.yaml", "no such kind in x.io/v1"),
        ("nameless.yaml", "has no metadata.name"),
        ("wrong.yaml", "Node \"A_B\" is invalid"),
    ] {
        let (code, message) = failure(&["serve", "--load", &path(name)]).await;
        assert_eq!(code, Some(2), "{name}");
        assert!(message.starts_with("error: ") && message.contains(expected), "{name}: {message}");
    }
    let (code, _) = failure(&["serve", "--listen", "nowhere"]).await;
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn its_help_has_examples() {
    let help = program(&["--help"]).output().await.unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"));
    assert!(program(&["--version"]).output().await.unwrap().status.success());
}
