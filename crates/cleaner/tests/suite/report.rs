//! What the report says and what is freed, on clusters with all shapes of endpoints.

use std::collections::HashSet;

use danm_api::DanmKind;
use serde_json::Value;
use testkit::{Cluster, objects, samples};

use crate::{
    program::{clean, run},
    shapes,
};

/// Names and versions of everything, to see that nothing was written.
async fn versions(cluster: &Cluster) -> Vec<(String, String)> {
    let mut versions = Vec::new();
    for kind in DanmKind::ALL {
        let name =
            |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let objects = cluster.all(kind).await;
        versions.extend(objects.iter().map(|object| (name(object, "name"), name(object, "resourceVersion"))));
    }
    versions
}

#[tokio::test]
async fn a_pass_frees_the_dead_and_nothing_else() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines().join("\n"), shapes::REPORT);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, shapes::survivors());
    assert_eq!(shapes::bits_of(&cluster).await, shapes::bits_without_the_dead());
}

#[tokio::test]
async fn a_second_pass_finds_nothing_more_to_do() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let kubeconfig = cluster.kubeconfig();
    clean(&kubeconfig, &[]).await.ends_with(0);
    let before = versions(&cluster).await;

    let run = clean(&kubeconfig, &[]).await;

    run.ends_with(0);
    assert!(run.rows().iter().all(|row| row["action"] != "released"), "{:#?}", run.lines());
    assert_eq!(versions(&cluster).await, before);
}

#[tokio::test]
async fn a_dry_run_reports_the_same_and_writes_nothing() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let before = versions(&cluster).await;

    let run = clean(&cluster.kubeconfig(), &["--dry-run"]).await;

    run.ends_with(0);
    assert_eq!(run.lines().join("\n"), shapes::REPORT.replace(" released", " would-release"));
    assert_eq!(versions(&cluster).await, before);
}

#[tokio::test]
async fn the_readme_shows_what_a_dry_run_prints() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let kubeconfig = cluster.kubeconfig();
    let quick =
        ["--grace", "100ms", "--ownership-window", "0s", "--kubeconfig", kubeconfig.to_str().expect("text")];

    let run = run(&[&["--once", "--dry-run"], &quick[..]].concat()).await;

    run.ends_with(0);
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&run.out), "{}", run.out);
}

/// Every sample is an object of a real cluster; the Pods that are among them live.
#[tokio::test]
async fn of_a_real_clusters_objects_those_of_living_pods_are_kept() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut objects = samples::objects();
    let mut seen = HashSet::new();
    objects
        .retain(|object| seen.insert((object["kind"].to_string(), object["metadata"]["name"].to_string())));
    objects.sort_by_key(|object| (object["kind"] != "Pod", object["kind"] == "DanmEp"));
    let endpoints: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "DanmEp").collect();
    let is_alive = |endpoint: &Value| {
        let mut pods = objects.iter().filter(|object| object["kind"] == "Pod");
        pods.any(|pod| pod["metadata"]["uid"] == endpoint["spec"]["PodUID"])
    };
    let mut alive: Vec<&str> = endpoints
        .iter()
        .filter(|endpoint| is_alive(endpoint))
        .filter_map(|endpoint| endpoint["metadata"]["name"].as_str())
        .collect();
    alive.sort_unstable();
    assert!(!alive.is_empty() && alive.len() < endpoints.len());
    cluster.create([objects::node("vm", "True")]).await;
    cluster.create(objects.clone()).await;

    let run = clean(&cluster.kubeconfig(), &["--override-brake"]).await;

    run.ends_with(0);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, alive, "{:#?}", run.lines());
    for row in run.rows().iter().filter(|row| row["name"] != "") {
        let is_alive = alive.iter().any(|name| row["name"] == *name);
        let expected = if is_alive { ("live", "kept") } else { ("dangling", "released") };
        assert_eq!(
            (row["verdict"].as_str(), row["action"].as_str()),
            (Some(expected.0), Some(expected.1)),
            "{row:#}"
        );
    }
}
