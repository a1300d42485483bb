//! What people get who may not, cannot or should not: one sentence, exit 2, and no verdict on what could not be
//! read.

use std::io::Write;

use serde_json::{Value, json};
use testkit::objects;

use crate::{
    program::{Run, clean, run},
    shapes,
};

/// Asserts that a run failed with one sentence and told nothing else.
pub fn fails_with(run: &Run, words: &[&str]) {
    run.ends_with(2);
    let last = run.log.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{}", run.log);
    for word in words {
        assert!(last.contains(word), "{word:?} is missing in: {last}");
    }
    assert!(!run.log.contains("panicked"), "{}", run.log);
}

#[tokio::test]
async fn wrong_usage_is_told_in_one_sentence() {
    let missing = run(&["--once", "--kubeconfig", "/no/such/file"]).await;
    fails_with(&missing, &["/no/such/file"]);
    for arguments in [
        &["--once", "--grace", "5"][..],
        &["--once", "--max-release", "150%"],
        &["--once", "--no-such-flag"],
        &["--once", "--log-format", "xml"],
        &["sweep"],
    ] {
        let run = run(arguments).await;
        run.ends_with(2);
        assert!(run.log.starts_with("error: ") && run.out.is_empty(), "{arguments:?}: {}", run.log);
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_none_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"clusters: [this is no kubeconfig").expect("written");
    let path = file.path().to_str().expect("text");
    fails_with(&run(&["--once", "--kubeconfig", path]).await, &[path]);
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]}}"
    );
    file.write_all(config.as_bytes()).expect("written");
    let run = clean(file.path(), &[]).await;
    fails_with(&run, &["API server", "refused"]);
    assert_eq!(run.out, "");
}

#[tokio::test]
async fn a_cluster_without_danm_is_told() {
    let Ok(cluster) = crate::cluster().await else { return };
    cluster.uninstall().await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    fails_with(&run, &["DanmEps", "danm.io", "danm.k8s.io"]);
    assert_eq!(run.out, "");
}

/// Objects that no CRD of ours would let in: the reference's own have no schemas.
#[tokio::test]
async fn malformed_objects_are_named_once_and_hold_up_nobody() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.install_without_schemas().await;
    shapes::fill(&mut cluster).await;
    let like = |name: &str, pointer: &str, value: Value| {
        let group = danm_api::ApiGroup::DanmK8sIo;
        objects::with(objects::endpoint(group, "ran", name, name, "n"), pointer, value)
    };
    let network = |name: &str, pointer: &str, value: Value| {
        let kind = danm_api::NetworkKind::DanmNet;
        objects::with(objects::network(danm_api::ApiGroup::DanmK8sIo, kind, "ran", name), pointer, value)
    };
    let malformed = [
        like("odd-spec", "/spec", json!("text")),
        like("odd-interface", "/spec/Interface", json!(["10.0.0.222"])),
        like("odd-kind", "/spec/apiType", json!("Service")),
        network("odd-net", "/spec/Options", json!(7)),
        network("odd-cidr", "/spec/Options/cidr", json!("10.0.0.0/99")),
    ];
    cluster.create(malformed).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    for name in ["odd-spec", "odd-interface", "odd-kind", "odd-net", "odd-cidr", "broken"] {
        let named =
            run.log.lines().filter(|line| line.contains(&format!("ran/{name} cannot be used"))).count();
        assert_eq!(named, 1, "{name}: {}", run.log);
    }
    let odd = |name: &str| format!("{name} unknown unreadable-endpoint held");
    let mut lines = run.lines();
    lines.retain(|line| ![odd("odd-spec"), odd("odd-interface"), odd("odd-kind")].contains(line));
    assert_eq!(lines.join("\n"), shapes::REPORT);
}
