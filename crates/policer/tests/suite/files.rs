//! Objects in files: however they are written, and what is told of those that are not as they should be.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    output::json,
    program::{Run, finish, objects, program, run, run_on},
};

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nstatus: {podIPs: [{ip: 10.0.0.1}]}\n";

/// Evaluates a text in a file of its own.
async fn evaluate(name: &str, text: &str) -> Run {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join(name);
    fs::write(&file, text).expect("written");
    let run = evaluate_path(&file).await;
    let shown = |text: &str| text.replace(&format!("{}/", folder.path().display()), "");
    Run { err: shown(&run.err), ..run }
}

async fn evaluate_path(path: &Path) -> Run {
    run(&format!("evaluate --probe TCP/80 -o json --objects {}", path.display())).await
}

fn pods(run: Run) -> Vec<String> {
    let (out, _) = run.told();
    let endpoints = json(&out)["endpoints"].as_array().cloned().unwrap_or_default();
    endpoints.iter().map(|it| format!("{}/{}", it["namespace"], it["pod"]).replace('"', "")).collect()
}

#[tokio::test]
async fn objects_may_be_yaml_or_json_several_documents_and_lists() {
    let json = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "b", "namespace": "x"},
        "status": {"podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}]}}]}"#;
    let several = format!(
        "{POD}---\n# nothing\n---\n{}",
        POD.replace("name: a", "name: c").replace("namespace: x", "")
    );
    let folder = TempDir::new().expect("a folder");
    for (name, text) in
        [("one.json", json), ("two.yml", &several), ("three.txt", "not read"), ("four.yaml", "")]
    {
        fs::write(folder.path().join(name), text).expect("written");
    }
    assert_eq!(pods(evaluate_path(folder.path()).await), ["default/c", "x/a", "x/b", "x/b"]);
    let read =
        finish(program(&["evaluate", "--probe", "TCP/80", "-o", "json", "--objects", "-"]), &several).await;
    assert_eq!(pods(read), ["default/c", "x/a"]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    for arguments in [
        format!("--objects {} {} --probe TCP/80 -o json", path("one.json"), path("two.yml")),
        format!("--objects {} --probe TCP/80 -o json --objects {}", path("one.json"), path("two.yml")),
    ] {
        assert_eq!(pods(run(&format!("evaluate {arguments}")).await).len(), 4, "{arguments}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_with_file_object_and_problem() {
    let nowhere = run("evaluate --probe TCP/80 --objects /no/such/file").await;
    assert!(nowhere.error().starts_with("cannot read /no/such/file: "), "{nowhere:#?}");
    let cases = [
        ("a: [\n", "cannot understand a.yaml: "),
        ("- a\n", "cannot understand a.yaml: a document is no object: "),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x, labels: [1]}\n",
            "a.yaml: Pod x/a cannot be read: ",
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata: {namespace: x}\n", "a.yaml: a Pod has no metadata.name"),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: 7\n",
            "a.yaml: Service default/s cannot be read: ",
        ),
        (
            "apiVersion: danm.io/v1\nkind: DanmEp\nmetadata: {name: e}\nspec: text\n",
            "a.yaml: DanmEp default/e cannot be read: ",
        ),
    ];
    for (text, expected) in cases {
        let run = evaluate("a.yaml", text).await;
        assert!(run.error().starts_with(expected), "{text}: {}", run.err);
    }
}

#[tokio::test]
async fn other_objects_are_skipped_and_those_that_look_familiar_are_told() {
    let cases = [
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", None),
        ("image: {tag: 1}\n", Some("note: a.yaml: a document is no Kubernetes object, and skipped")),
        (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\n",
            Some("note: NetworkPolicies are skipped (1): DanmNetworkPolicies alone count here"),
        ),
        (
            "apiVersion: danm.io/v2\nkind: DanmNetworkPolicy\nmetadata: {name: n, namespace: x}\n",
            Some("note: a.yaml: DanmNetworkPolicy x/n is of danm.io/v2, which is not read"),
        ),
    ];
    for (text, note) in cases {
        let (_, notes) = evaluate("a.yaml", text).await.told();
        assert_eq!(notes, note.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

#[tokio::test]
async fn of_two_objects_of_one_name_the_later_counts() {
    let later = POD.replace("10.0.0.1", "10.0.0.7");
    let run = evaluate("a.yaml", &format!("{POD}---\n{later}")).await;
    assert!(
        run.err.starts_with("note: Pod x/a is there twice, in a.yaml and in a.yaml: the latter counts\n")
    );
    assert_eq!(json(&run.out)["endpoints"][0]["address"], "10.0.0.7");
}

#[tokio::test]
async fn a_namespace_that_was_not_given_has_its_name_as_label() {
    let (_, notes) = run_on("shop.yaml", "evaluate --probe TCP/80 -o json").await.told();
    let note = "note: no Namespace object was given for lab: its only label is taken to be kubernetes.io/metadata.name";
    assert_eq!(notes.first().map(String::as_str), Some(note));
    // Of one that was given without it, too.
    let policy = "apiVersion: danm.io/v1\nkind: DanmNetworkPolicy\nmetadata: {name: p, namespace: x}\nspec: {ingress: [{from: \
                  [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}}]}]}\n";
    let endpoint = "apiVersion: danm.io/v1\nkind: DanmEp\nmetadata: {name: e, namespace: x}\nspec: {Pod: a, NetworkName: n, \
                    Interface: {Name: eth0, Address: 10.0.0.1/24}}\n";
    let other = POD.replace("name: a, namespace: x", "name: b, namespace: y").replace("10.0.0.1", "10.0.0.2");
    for namespaces in ["", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: y, labels: {team: b}}\n"] {
        let text = format!("{POD}---\n{other}---\n{policy}---\n{endpoint}{namespaces}");
        let run = evaluate("a.yaml", &text).await;
        let results = json(&run.out)["results"].clone();
        assert_eq!(results[1]["verdict"], "allow", "{run:#?}");
    }
}

#[tokio::test]
async fn the_only_address_of_a_pod_counts_as_an_api_server_has_it() {
    let run = evaluate("a.yaml", &POD.replace("podIPs: [{ip: 10.0.0.1}]", "podIP: 10.0.0.8")).await;
    assert_eq!(json(&run.out)["endpoints"][0]["address"], "10.0.0.8", "{run:#?}");
}

#[tokio::test]
async fn problems_of_policies_are_told_with_their_fields() {
    let (_, notes) = run_on("doubts.yaml", "evaluate --probe TCP/80 -o json").await.told();
    let file = objects("doubts.yaml");
    let warnings: Vec<String> = notes
        .iter()
        .filter_map(|note| note.strip_prefix(&format!("warning: {file}: DanmNetworkPolicy odd/")))
        .map(str::to_owned)
        .collect();
    let expected = [
        "picky (danm.io): spec.ingress[0].ports[0] has a port that is not between 1 and 65535",
        "picky (danm.io): spec.ingress[1].from[0].colour is not known: what it stands in allows nothing",
        "vague (danm.io): spec.policyTypes is no list of Ingress and Egress: both are isolated",
    ];
    assert_eq!(warnings, expected, "{notes:#?}");
    let stray =
        "note: nobody's, because the Pod they name is not there or has another uid: DanmEps odd/stray";
    assert!(notes.iter().any(|note| note == stray), "{notes:#?}");
}

#[tokio::test]
async fn nothing_that_a_tenant_writes_reaches_the_terminal_as_a_command() {
    let text =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\\e[2J\", namespace: x}\nspec: {hostNetwork: true}\n";
    let run = evaluate("a.yaml", text).await;
    assert!(!run.err.contains('\u{1b}') && run.err.contains("x/a\u{fffd}[2J"), "{run:#?}");
}

#[tokio::test]
async fn a_policy_that_is_mistyped_or_selects_nobody_is_told() {
    let policy = |kind: &str, namespace: &str| {
        format!(
            "---\napiVersion: danm.k8s.io/v1\nkind: {kind}\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {{podSelector: {{}}}}\n"
        )
    };
    let text =
        format!("{POD}\n{}{}", policy("DanmNetworkPolcy", "x"), policy("DanmNetworkPolicy", "elsewhere"));
    let run = evaluate("a.yaml", &text).await;
    assert!(run.err.contains("danm.k8s.io/v1 has no kind DanmNetworkPolcy: skipped"), "{run:#?}");
    assert!(run.err.contains("note: DanmNetworkPolicy elsewhere/p selects no Pod"), "{run:#?}");
}
