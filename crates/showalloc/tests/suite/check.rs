//! `check`: what does not agree, as a report and as an exit code.

use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    program::{ask, json},
    snapshot::{compare, steady_json},
};

pub mod tests {
    in_town!(
        every_class_of_problem_is_found_once_and_counted,
        the_report_is_read_by_people_and_by_scripts,
        only_with_the_flag_does_the_exit_code_tell,
        what_is_not_asked_for_is_not_told,
        a_sound_part_of_a_cluster_has_no_problems,
        names_are_those_of_the_endpoints_concerned,
        without_names_of_columns_the_rows_are_the_same,
    );
}

/// Class, network, first and last address, count, Pods.
type Row = (String, String, String, u64, String);

const PROBLEMS: [(&str, &str, &str, u64, &str); 10] = [
    ("leaked-bit", "danm.io/ran/vip", "10.1.0.101", 1, ""),
    ("leaked-bit", "danm.k8s.io/ran/internal", "10.0.0.6", 1, "gone"),
    ("leaked-bit", "danm.k8s.io/ran/internal", "10.0.0.8-10.0.0.9", 2, ""),
    ("missing-bit", "danm.k8s.io/ran/internal", "10.0.0.10", 1, "web-1"),
    ("conflict", "danm.k8s.io/ran/internal", "10.0.0.11", 1, "web-2 web-3"),
    ("outside-network", "danm.k8s.io/ran/internal", "192.168.7.7", 1, "web-4"),
    ("unreadable-array", "danm.k8s.io/ran/broken", "", 1, ""),
    ("missing-network", "danm.k8s.io/ran/nowhere", "", 1, "web-5"),
    ("suspect-endpoint", "danm.k8s.io/ran/layer-2", "", 1, "gone"),
    ("unreadable-endpoint", "danm.k8s.io/ran/internal", "", 1, "web-4"),
];

fn expected() -> Vec<Row> {
    let row = |(class, network, addresses, count, pods): (&str, &str, &str, u64, &str)| {
        (class.to_owned(), network.to_owned(), addresses.to_owned(), count, pods.to_owned())
    };
    PROBLEMS.into_iter().map(row).collect()
}

async fn every_class_of_problem_is_found_once_and_counted(town: &Cluster) {
    for scope in ["-A", "-n ran"] {
        let report = json(&ask(town, &format!("check {scope} -o json")).await.clean());
        assert_eq!(rows(&report), expected(), "{scope}");
        assert_eq!((&report["isJudged"], &report["limits"]), (&json!(true), &json!(null)), "{scope}");
        let counts = json!({
            "leaked-bit": 4, "missing-bit": 1, "conflict": 1, "outside-network": 1, "unreadable-array": 1,
            "missing-network": 1, "suspect-endpoint": 1, "unreadable-endpoint": 1,
        });
        assert_eq!(report["counts"], counts, "{scope}");
    }
}

async fn the_report_is_read_by_people_and_by_scripts(town: &Cluster) {
    compare("check", &ask(town, "check -A").await.clean());
    compare("check_wide", &ask(town, "check -A -o wide").await.clean());
    let report = ask(town, "check -A -o json").await.clean();
    compare("check_json", &report);
    let steady = steady_json(&report);
    let problems = steady["problems"].as_array().expect("problems");
    for problem in problems {
        let is_suspect = problem["class"] == "leaked-bit" || problem["class"] == "suspect-endpoint";
        let since = if is_suspect { json!("YYYY-MM-DDTHH:MM:SSZ") } else { json!(null) };
        assert_eq!(problem["suspectSince"], since, "{problem:#}");
    }
}

async fn only_with_the_flag_does_the_exit_code_tell(town: &Cluster) {
    for (arguments, code) in [
        ("check -A", 0),
        ("check -A --exit-code", 1),
        ("check -A --exit-code -o json", 1),
        ("check internal -n ran --exit-code", 1),
        ("check dn/overlap -n ran --exit-code", 0),
        ("check cn/backbone --exit-code", 0),
        ("check -n core --exit-code", 0),
    ] {
        let run = ask(town, arguments).await;
        assert_eq!((run.code, &*run.err), (Some(code), ""), "{arguments}: {run:#?}");
        assert!(!run.out.is_empty(), "{arguments}");
    }
}

async fn what_is_not_asked_for_is_not_told(town: &Cluster) {
    let classes = async |arguments: &str| -> Vec<String> {
        let report = json(&ask(town, &format!("check {arguments} -o json")).await.clean());
        rows(&report).into_iter().map(|(class, network, ..)| format!("{class} {network}")).collect()
    };
    assert_eq!(classes("vip -n ran").await, ["leaked-bit danm.io/ran/vip"]);
    assert_eq!(
        classes("broken vip -n ran").await,
        ["leaked-bit danm.io/ran/vip", "unreadable-array danm.k8s.io/ran/broken"]
    );
    let labelled = classes("-A -l tier=user").await;
    assert!(labelled.iter().all(|problem| problem.ends_with(" danm.k8s.io/ran/internal")), "{labelled:?}");
    assert_eq!(labelled.len(), 5, "endpoints that are on no selected network are not told of: {labelled:?}");
}

async fn a_sound_part_of_a_cluster_has_no_problems(town: &Cluster) {
    let report = ask(town, "check -n core").await.clean();
    let counts: Vec<&str> = report.lines().skip(1).filter_map(|row| row.split_whitespace().last()).collect();
    assert_eq!(counts, ["0"; 8]);
}

async fn names_are_those_of_the_endpoints_concerned(town: &Cluster) {
    let names = ask(town, "check -A -o name").await.clean();
    let names: Vec<&str> =
        names.lines().filter_map(|name| name.strip_prefix("danmep.danm.k8s.io/")).collect();
    let expected = [
        "gone-internal",
        "web-1-internal",
        "web-2-internal",
        "web-3-internal",
        "web-4-internal",
        "web-5-nowhere",
        "gone-layer-2",
        "web-4-broken",
    ];
    assert_eq!(names, expected);
}

async fn without_names_of_columns_the_rows_are_the_same(town: &Cluster) {
    let lines = async |flag: &str| -> Vec<String> {
        let text = ask(town, &format!("check -A {flag}")).await.clean();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        crate::snapshot::steady(&text).lines().map(words).collect()
    };
    let mut all = lines("").await;
    let headers = all.iter().filter(|line| line.starts_with("PROBLEM ")).count();
    assert_eq!(headers, 2);
    all.retain(|line| !line.starts_with("PROBLEM "));
    assert_eq!(lines("--no-headers").await, all);
}

/// The problems of a report in short.
pub fn rows(report: &Value) -> Vec<Row> {
    report["problems"].as_array().expect("problems").iter().map(row).collect()
}

fn row(problem: &Value) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let network = &problem["network"];
    let network = ["group", "namespace", "name"].map(|part| text(&network[part])).join("/");
    let (start, end) = (text(&problem["start"]), text(&problem["end"]));
    let addresses = if start == end { start } else { format!("{start}-{end}") };
    let pods: Vec<String> = problem["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|endpoint| text(&endpoint["pod"]))
        .collect();
    (
        text(&problem["class"]),
        network,
        addresses,
        problem["count"].as_u64().unwrap_or_default(),
        pods.join(" "),
    )
}
