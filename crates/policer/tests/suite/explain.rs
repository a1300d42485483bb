//! `explain` on files: what people are told, and what is in the document.

use std::fs;

use serde_json::json;

use crate::{
    output::{compare, json},
    program::{Run, objects, run, run_on},
};

/// Runs a command on the shop, where what comes after this in its text is annotated as open.
async fn run_on_open_shop(after: &str, arguments: &str) -> Run {
    let text = fs::read_to_string(objects("shop.yaml")).expect("we wrote it");
    let annotated = format!("{after}annotations: {{danm.io/policer: open}}, ");
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    fs::write(&file, text.replacen(after, &annotated, 1)).expect("written");
    run(&format!("{arguments} --objects {}", file.path().display())).await
}

const DENIED: &str = "explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/80";

#[tokio::test]
async fn a_pod_of_a_namespace_that_is_opened_is_said_to_be_open() {
    let (text, _) = run_on_open_shop("metadata: {name: shop, ", DENIED).await.told();
    assert!(text.starts_with("ALLOWED  shop/web-0 reaches shop/db-0 on TCP/80\n"), "{text}");
    assert!(
        text.contains("the annotation danm.io/policer of its namespace opens it: no policy is enforced"),
        "{text}"
    );
    let (out, _) = run_on_open_shop("metadata: {name: shop, ", &format!("{DENIED} -o json")).await.told();
    assert_eq!(json(&out)["pairs"][0]["ingress"]["reason"], "opened");
}

/// Whether agents heed it is not known here.
#[tokio::test]
async fn a_pod_that_says_to_be_open_is_judged_by_policies_and_in_doubt() {
    let (text, _) = run_on_open_shop("metadata: {name: db-0, ", DENIED).await.told();
    assert!(text.starts_with("DENIED"), "{text}");
    assert!(
        text.contains(
            "  ! Pod shop/db-0 has the annotation danm.io/policer: where agents run with --pod-annotation, "
        ),
        "{text}"
    );
}

#[tokio::test]
async fn answers_about_policies_alone_tell_what_is_opened() {
    let note =
        "note: the annotation danm.io/policer opens what is judged here by policies alone: Namespace shop"
            .to_owned();
    for (arguments, is_told) in [
        ("evaluate --probe TCP/80", true),
        ("render --pod shop/db-0", true),
        ("render --pod lab/batch-0", false),
    ] {
        let (_, notes) = run_on_open_shop("metadata: {name: shop, ", arguments).await.told();
        assert_eq!(notes.contains(&note), is_told, "{arguments}: {notes:?}");
    }
}

#[tokio::test]
async fn people_are_told_which_rule_decides() {
    for (name, arguments) in [
        ("explain_allowed", "--from shop/web-0@eth1 --to shop/db-0 --port TCP/5432"),
        ("explain_denied_in", "--from shop/web-0@eth1 --to shop/db-0 --port TCP/80"),
        ("explain_denied_out", "--from lab/batch-0 --to 10.1.0.1 --port TCP/5432"),
        ("explain_several", "--from shop/web-0 --to shop/db-0 --port TCP/5432"),
        ("explain_service", "--from shop/web-0 --to 10.96.0.20 --port TCP/5432"),
        ("explain_service_without_port", "--from lab/batch-0 --to 10.96.0.20 --port TCP/53"),
        ("explain_outside", "--from 192.0.2.7 --to shop/db-0 --port ICMP"),
        ("explain_host_network", "--from lab/agent --to shop/db-0 --port UDP/53 --ascii"),
        ("explain_without_endpoint", "--from lab/probe-0 --to 10.1.0.2 --port TCP/5432 --color always"),
        ("explain_nobody", "--from 192.0.2.7 --to 192.0.2.8 --port TCP/1"),
    ] {
        let (text, _) = run_on("shop.yaml", &format!("explain {arguments}")).await.told();
        compare(name, &text);
    }
}

#[tokio::test]
async fn nobody_is_said_to_reach_a_service_on_a_port_that_it_has_not() {
    let (text, _) =
        run_on("shop.yaml", "explain --from shop/web-0@eth0 --to 10.96.0.20 --port TCP/80").await.told();
    let expected = "ALLOWED  shop/web-0 is let out to 10.96.0.20 (Service shop/db) on TCP/80, and nobody answers there\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("  ! Service shop/db has no such port\n"), "{text}");
}

#[tokio::test]
async fn people_are_told_what_is_in_doubt() {
    for (name, arguments) in [
        ("explain_doubts", "--from odd/twin --to odd/one --port TCP/80"),
        ("explain_doubts_of_interfaces", "--from odd/nameless --to odd/nowhere --port TCP/80"),
        ("explain_doubts_of_an_address", "--from odd/nameless --to 10.0.0.1 --port TCP/80"),
    ] {
        let (text, _) = run_on("doubts.yaml", &format!("explain {arguments}")).await.told();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/");
        compare(name, &text.replace(folder, ""));
    }
}

#[tokio::test]
async fn the_document_says_the_same() {
    let (out, _) =
        run_on("shop.yaml", "explain --from shop/web-0 --to shop/db-0 --port tcp/5432 -o json").await.told();
    let document = json(&out);
    assert_eq!((&document["verdict"], &document["port"]), (&json!("mixed"), &json!("TCP/5432")));
    let [denied, allowed] = [0, 1].map(|index| document["pairs"][index].clone());
    assert_eq!((&denied["verdict"], &denied["ingress"]["reason"]), (&json!("deny"), &json!("no-rule")));
    assert_eq!(denied["ingress"]["rules"][1]["rule"], "spec.ingress[1]");
    assert_eq!(allowed["egress"]["reason"], "not-isolated");
    let decided = &allowed["ingress"]["decidedBy"];
    let policy = json!({"group": "danm.k8s.io", "namespace": "shop", "name": "db"});
    assert_eq!((&decided["policy"], &decided["peer"]), (&policy, &json!("spec.ingress[0].from[0]")));
    assert_eq!(decided["port"], "spec.ingress[0].ports[0]");
    compare("explain_json", &out);
}

#[tokio::test]
async fn who_or_what_there_is_not_is_told_in_a_sentence() {
    let cases = [
        (
            "--from shop/wbe-0 --to shop/db-0",
            "there is no Pod shop/wbe-0; did you mean shop/web-0, or shop/db-0?",
        ),
        ("--from web-0 --to shop/db-0", "there is no Pod default/web-0"),
        (
            "--from shop/web-0@eth9 --to shop/db-0",
            "Pod shop/web-0 has no interface eth9 with an address; it has eth0, eth1",
        ),
        (
            "--from lab/agent@eth0 --to shop/db-0",
            "Pod lab/agent is part of its node (hostNetwork): eth0 is the node's, not its own",
        ),
        (
            "--from shop/web-0 --to lab/done",
            "Pod lab/done has ended: it speaks to nobody, and its addresses may be another's by now",
        ),
        (
            "--from shop/web-0@eth1 --to 2001:db8::4",
            "shop/web-0 and lab/batch-0 have no addresses of one family: they cannot speak to each other",
        ),
    ];
    for (arguments, expected) in cases {
        let run = run_on("shop.yaml", &format!("explain --port TCP/80 {arguments}")).await;
        let error = run.error();
        assert!(error.starts_with(expected), "{arguments}: {error}");
    }
    let run = run_on("doubts.yaml", "explain --port TCP/80 --from odd/silent --to odd/one").await;
    assert_eq!(
        run.error(),
        "no address of Pod odd/silent is known: no DanmEp tells one, nor does its status, which counts where there is no DanmEp"
    );
}

#[tokio::test]
async fn a_pod_without_a_namespace_is_of_the_one_that_is_meant() {
    let arguments = "explain --from web-0@eth1 --to db-0 --port TCP/5432 -n shop";
    let (text, _) = run_on("shop.yaml", arguments).await.told();
    assert!(text.starts_with("ALLOWED  shop/web-0 reaches shop/db-0 on TCP/5432\n"), "{text}");
}

#[tokio::test]
async fn what_a_pod_says_to_itself_is_allowed() {
    let asked = "explain --from shop/web-0 --to shop/web-0 --port TCP/80";
    let (text, _) = run_on("shop.yaml", asked).await.told();
    let said = "ALLOWED  shop/web-0 is the same Pod at both ends: what it says to itself passes, whatever policies say\n";
    assert_eq!(text, said);
    let (json, _) = run_on("shop.yaml", &format!("{asked} -o json")).await.told();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["verdict"], "allow");
}
