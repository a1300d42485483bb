//! `render`: the rules of a Pod, or a comment and the reason why there are none.

use crate::{output::compare, program::run_on};

#[tokio::test]
async fn a_pod_that_is_isolated_has_rules() {
    let (rules, _) = run_on("shop.yaml", "render --pod shop/db-0").await.told();
    compare("render", &rules);
}

#[tokio::test]
async fn a_pod_without_rules_is_told_why_and_gets_a_comment() {
    let cases = [
        ("shop/web-0", "no policy isolates an interface of Pod shop/web-0: everything passes"),
        ("lab/agent", "Pod lab/agent is part of its node (hostNetwork): no policy is about it"),
        (
            "lab/probe-0",
            "Pod lab/probe-0 has no DanmEp, so nobody knows its interfaces: no policy is enforced at it",
        ),
    ];
    for (pod, expected) in cases {
        let (rules, notes) = run_on("shop.yaml", &format!("render --pod {pod}")).await.told();
        assert!(rules.starts_with("# ") && !rules.contains("chain"), "{pod}: {rules}");
        assert_eq!(notes.last().map(String::as_str), Some(&*format!("note: {expected}")), "{pod}");
    }
}

#[tokio::test]
async fn a_pod_that_is_not_there_is_told_with_those_that_nearly_are() {
    let run = run_on("shop.yaml", "render --pod shop/wbe-0").await;
    assert_eq!(run.error(), "there is no Pod shop/wbe-0; did you mean shop/web-0, or shop/db-0?");
    let run = run_on("shop.yaml", "render --pod elsewhere/something-else").await;
    assert_eq!(run.error(), "there is no Pod elsewhere/something-else");
}
