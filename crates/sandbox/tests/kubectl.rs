//! The real kubectl at work on a sandbox. Without it these tests are skipped, and say so; with `CI` set they fail.

#![expect(clippy::unwrap_used, reason = "a test that has not what it needs has failed")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};

/// Nothing here takes so long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kubectl with a sandbox of its own.
struct Kubectl {
    binary: PathBuf,
    folder: TempDir,
    sandbox: Sandbox,
}

/// Where `cargo xtask control-plane` puts kubectl, or says that it is.
fn binary() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/control-plane");
    let folder = env::var_os("DANM_CONTROL_PLANE").map_or_else(usual, PathBuf::from);
    let binary = folder.join("kubectl");
    if binary.exists() {
        return Some(binary);
    }
    let reason = format!("there is no kubectl in {}; cargo xtask control-plane builds it", folder.display());
    assert!(env::var_os("CI").is_none(), "the tests with kubectl cannot be skipped: {reason}");
    eprintln!("SKIPPED: {reason}");
    None
}

impl Kubectl {
    fn start() -> Option<Self> {
        let binary = binary()?;
        let sandbox = Sandbox::start(Options::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), sandbox.kubeconfig()).unwrap();
        Some(Self { binary, folder, sandbox })
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn output(&self, arguments: &str, input: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap()
    }

    /// What it prints, where it succeeds.
    async fn run(&self, arguments: &str) -> String {
        self.run_with(arguments, "").await
    }

    async fn run_with(&self, arguments: &str, input: &str) -> String {
        let output = self.output(arguments, input).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kubectl {arguments}: {error}");
        assert!(
            !error.contains("error") && !error.contains("Warning: resource"),
            "kubectl {arguments}: {error}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    async fn fail(&self, arguments: &str) -> String {
        let output = self.output(arguments, "").await;
        assert!(!output.status.success(), "kubectl {arguments} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    async fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{arguments} -o json")).await).unwrap()
    }

    fn load(&self, objects: impl IntoIterator<Item = Value>) {
        self.sandbox.load(objects).unwrap();
    }
}

/// Lines as their words: columns are as wide as what is in them.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

fn pod(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "apps", "uid": format!("uid-{name}"), "labels": {"app": name}},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.1.1.1",
            "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 2}],
        },
    })
}

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
        },
    })
}

fn endpoint(name: &str) -> Value {
    json!({
        "apiVersion": "danm.io/v1", "kind": "DanmEp",
        "metadata": {"name": name, "namespace": "apps"},
        "spec": {
            "NetworkName": "net", "Pod": "p", "Host": "n",
            "Interface": {"Name": "eth1", "Address": "10.0.0.5/24"},
        },
    })
}

#[tokio::test]
async fn get_prints_tables() {
    let Some(kubectl) = Kubectl::start() else { return };
    kubectl.load([pod("p", "n"), pod("q", "n"), node("n"), endpoint("e")]);
    let pods = kubectl.run("get pods -n apps").await;
    assert_eq!(rows(&pods)[0], ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
    assert_eq!(rows(&pods)[1][..4], ["p", "1/1", "Running", "2"]);
    let wide = kubectl.run("get pods -n apps -o wide").await;
    assert_eq!(rows(&wide)[1][5..7], ["10.1.1.1", "n"]);
    let everywhere = kubectl.run("get pods -A -l app=q").await;
    assert_eq!(rows(&everywhere)[1][..2], ["apps", "q"]);
    assert_eq!(rows(&everywhere).len(), 2);
    assert_eq!(rows(&kubectl.run("get nodes").await)[1][..3], ["n", "Ready", "<none>"]);
    let endpoints = kubectl.run("get dep -n apps").await;
    assert_eq!(rows(&endpoints)[0][..5], ["NAME", "POD", "INTERFACE", "NETWORK", "ADDRESS"]);
    assert_eq!(rows(&endpoints)[1][..5], ["e", "p", "eth1", "net", "10.0.0.5/24"]);
    assert!(kubectl.run("get danmeps.danm.io -n apps -o wide").await.contains("HOST"));
    let yaml = kubectl.run("get pod p -n apps -o yaml").await;
    assert!(yaml.starts_with("apiVersion: v1\nkind: Pod\nmetadata:\n"), "{yaml}");
    assert!(kubectl.fail("get pod none -n apps").await.contains("pods \"none\" not found"));
    assert!(kubectl.run("get all -n apps").await.contains("pod/p"));
}

#[tokio::test]
async fn describe_shows_objects_and_their_events() {
    let Some(kubectl) = Kubectl::start() else { return };
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "e1", "namespace": "apps"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "apps", "uid": "uid-p"},
        "reason": "Moved", "note": "to another node", "type": "Normal", "reportingController": "x.io/mover",
    });
    kubectl.load([pod("p", "n"), node("n"), endpoint("e")]);
    kubectl.run_with("create -f -", &event.to_string()).await;
    let described = kubectl.run("describe pod p -n apps").await;
    assert!(described.contains("Status:       Running"), "{described}");
    assert!(described.contains("Moved") && described.contains("to another node"), "{described}");
    assert!(kubectl.run("describe node n").await.contains("KubeletReady"));
    assert!(kubectl.run("describe danmep e -n apps").await.contains("10.0.0.5/24"));
    assert!(kubectl.run("get events -n apps").await.contains("pod/p"));
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: '1', b: '2'}\n";
const NET: &str = "apiVersion: danm.io/v1\nkind: DanmNet\nmetadata: {name: net}\nspec: {NetworkID: net, Options: {vlan: 5}}\n";

#[tokio::test]
async fn apply_creates_and_then_changes() {
    let Some(kubectl) = Kubectl::start() else { return };
    for (text, changed, path, expected) in [
        (CONFIG, CONFIG.replace("a: '1', ", ""), "/data", json!({"b": "2"})),
        (NET, NET.replace("vlan: 5", "vxlan: 6"), "/spec/Options", json!({"vxlan": 6})),
    ] {
        assert!(kubectl.run_with("apply -f -", text).await.ends_with("created\n"));
        assert!(kubectl.run_with("apply -f -", text).await.ends_with("unchanged\n"));
        assert!(kubectl.run_with("apply -f -", &changed).await.ends_with("configured\n"));
        let name = if text == CONFIG { "configmap m" } else { "danmnet net" };
        assert_eq!(kubectl.json(&format!("get {name}")).await.pointer(path), Some(&expected));
    }
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - {name: c, image: one}\n      - {name: d, image: two}\n";
    kubectl.run_with("apply -f -", deployment).await;
    kubectl.run_with("apply -f -", &deployment.replace("one", "three")).await;
    let containers = kubectl.json("get deployment d").await["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(containers, json!([{"name": "c", "image": "three"}, {"name": "d", "image": "two"}]));
}

#[tokio::test]
async fn patch_label_and_annotate_change_objects() {
    let Some(kubectl) = Kubectl::start() else { return };
    kubectl.load([pod("p", "n"), endpoint("e")]);
    kubectl.run(r#"patch pod p -n apps -p {"spec":{"containers":[{"name":"c","image":"j"}]}}"#).await;
    kubectl.run(r#"patch danmep e -n apps --type merge -p {"spec":{"Pod":"q"}}"#).await;
    let operations = r#"[{"op":"replace","path":"/spec/Host","value":"m"}]"#;
    kubectl.run(&format!("patch danmep e -n apps --type json -p {operations}")).await;
    kubectl.run("label pod p -n apps tier=front").await;
    kubectl.run("annotate danmep e -n apps note=text").await;
    let pod = kubectl.json("get pod p -n apps").await;
    assert_eq!(pod["spec"]["containers"], json!([{"name": "c", "image": "j"}]));
    assert_eq!(pod["metadata"]["labels"]["tier"], "front");
    let endpoint = kubectl.json("get danmep e -n apps").await;
    assert_eq!((&endpoint["spec"]["Pod"], &endpoint["spec"]["Host"]), (&json!("q"), &json!("m")));
    assert_eq!(endpoint["metadata"]["annotations"]["note"], "text");
    kubectl.run("label pod p -n apps tier-").await;
    assert!(kubectl.json("get pod p -n apps").await["metadata"]["labels"]["tier"].is_null());
}

#[tokio::test]
async fn delete_waits_until_objects_are_gone() {
    let Some(kubectl) = Kubectl::start() else { return };
    kubectl.load([pod("p", "n"), pod("q", "n"), endpoint("e")]);
    assert!(kubectl.run("delete danmep e -n apps").await.contains("deleted"));
    kubectl.run("delete pod p -n apps --wait=false").await;
    assert!(kubectl.run("get pod p -n apps").await.contains("Terminating"));
    kubectl.run("delete pod p -n apps --grace-period=0 --force").await;
    assert!(kubectl.fail("get pod p -n apps").await.contains("NotFound"));
    kubectl.run(r#"patch pod q -n apps -p {"metadata":{"finalizers":["x.io/y"]}}"#).await;
    kubectl.run("delete pod q -n apps --now --wait=false").await;
    let waiting = kubectl.command("wait --for=delete pod/q -n apps --timeout=30s").spawn().unwrap();
    kubectl.run(r#"patch pod q -n apps --type merge -p {"metadata":{"finalizers":null}}"#).await;
    kubectl.run("delete pod q -n apps --grace-period=0 --force --ignore-not-found").await;
    let waited = timeout(PATIENCE, waiting.wait_with_output()).await.unwrap().unwrap();
    assert!(waited.status.success(), "{waited:?}");
}

#[tokio::test]
async fn namespaces_come_and_go() {
    let Some(kubectl) = Kubectl::start() else { return };
    kubectl.run("create ns team").await;
    kubectl.run("create configmap m --from-literal=a=b -n team").await;
    assert_eq!(kubectl.json("get configmap m -n team").await["data"], json!({"a": "b"}));
    kubectl.run("delete ns team").await;
    assert!(kubectl.fail("get ns team").await.contains("NotFound"));
    assert!(kubectl.fail("create deployment d --image=i").await.contains("use kubectl create -f"));
    assert!(kubectl.fail("create configmap m -n team").await.contains("namespaces \"team\" not found"));
}

#[tokio::test]
async fn kinds_are_listed_and_explained() {
    let Some(kubectl) = Kubectl::start() else { return };
    let resources = kubectl.run("api-resources").await;
    let rows = rows(&resources);
    assert!(rows.contains(&vec!["danmeps", "de,dep", "danm.io/v1", "true", "DanmEp"]), "{resources}");
    assert!(rows.contains(&vec!["nodes", "no", "v1", "false", "Node"]), "{resources}");
    let explained = kubectl.run("explain danmnets.spec.Options --api-version=danm.io/v1").await;
    assert!(explained.contains("cidr\t<string>"), "{explained}");
    assert!(kubectl.run("version").await.contains("Server Version: v1."));
    assert!(kubectl.run("auth can-i delete pods").await.contains("yes"));
}

#[tokio::test]
async fn policies_are_served_with_their_columns_and_their_status() {
    let Some(kubectl) = Kubectl::start() else { return };
    for group in ["danm.k8s.io", "danm.io"] {
        let policy = json!({
            "apiVersion": format!("{group}/v1"), "kind": "DanmNetworkPolicy", "metadata": {"name": "p"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "cu"}}, "policyTypes": ["Ingress"], "enforcement": "audit",
            },
        });
        kubectl.run_with("create -f -", &policy.to_string()).await;
        let accepted = r#"{"status":{"conditions":[{"type":"Accepted","status":"True","reason":"Understood","message":"","lastTransitionTime":"2026-11-23T21:55:09Z"}]}}"#;
        kubectl
            .run(&format!("patch dnetpol.{group} p --subresource=status --type=merge -p {accepted}"))
            .await;

        let table = kubectl.run(&format!("get dnetpol.{group}")).await;

        let row = ["p", r#"{"matchLabels":{"app":"cu"}}"#, r#"["Ingress"]"#, "audit", "True"];
        assert_eq!(rows(&table)[0], ["NAME", "PODS", "TYPES", "ENFORCEMENT", "ACCEPTED", "AGE"], "{table}");
        assert_eq!(rows(&table)[1][..5], row, "{table}");
    }
}

#[tokio::test]
async fn a_watch_prints_a_row_for_each_change() {
    let Some(kubectl) = Kubectl::start() else { return };
    kubectl.load([pod("p", "n")]);
    let mut watch = kubectl.command("get pods -n apps -w --output-watch-events").spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || -> Vec<String> {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(next().await[..3], ["EVENT", "NAME", "READY"]);
    assert_eq!(next().await[..2], ["ADDED", "p"]);
    kubectl.load([pod("q", "n")]);
    assert_eq!(next().await[..2], ["ADDED", "q"]);
    kubectl.run("delete pod q -n apps --grace-period=0 --force").await;
    assert_eq!(next().await[..2], ["DELETED", "q"]);
}
