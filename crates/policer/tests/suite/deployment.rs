//! The manifests, compared with what the program does: how it is called, what it asks an API server for, and which capabilities it
//! needs. That a real API server takes them is told in `agent_rights.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    process::Stdio,
};

use clap::Arg;
use danm_api::ApiGroup;
use serde_json::{Value, json};
use testkit::{
    Cluster, Running, eventually, manifests, objects,
    rights::{Right, granted, used},
};
use tokio::process::Command;

use crate::{
    policies::{agent, agent_with, policy},
    program::{Run, finish, program},
    town::{Town, database, from_web},
};

fn daemon_set() -> Value {
    manifests::objects_in("policer/daemonset.yaml").remove(0)
}

fn pod(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]
}

fn container(workload: &Value) -> &Value {
    &pod(workload)["containers"][0]
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Variables of the environment; the kubelet knows what a field of the Pod is.
fn variables(container: &Value) -> BTreeMap<&str, &str> {
    let is_node = |it: &Value| it["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName";
    let list = container["env"].as_array().into_iter().flatten();
    list.map(|it| {
        let value = if is_node(it) { Some("node-a") } else { it["value"].as_str() };
        (it["name"].as_str().expect("a name"), value.expect("a value that is known here"))
    })
    .collect()
}

/// What a container makes of a way to an API server that there is not.
async fn call(container: &Value) -> Run {
    let mut command = program(&texts(&container["args"]));
    command.envs(variables(container)).args(["--kubeconfig", "/no/such/file"]);
    finish(command, "").await
}

/// An argument of the agent.
fn argument(name: &str) -> Arg {
    let cli = policer::command();
    let agent = cli.find_subcommand("agent").expect("there is an agent");
    let argument = agent.get_arguments().find(|it| it.get_long() == Some(name));
    argument.expect("there is such an argument").clone()
}

fn default_of(name: &str) -> String {
    argument(name).get_default_values()[0].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn the_daemonset_calls_the_agent_as_it_understands() {
    let daemon_set = daemon_set();
    let run = call(container(&daemon_set)).await;
    assert!(run.error().starts_with("cannot use kubeconfig /no/such/file: "), "{run:#?}");
    let listen: SocketAddr = default_of("admin-listen").parse().expect("an address");
    let port = listen.port();
    assert_eq!(container(&daemon_set)["ports"][0]["containerPort"], port);
    let annotations = &daemon_set["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], port.to_string());
}

#[tokio::test]
async fn probes_ask_what_the_agent_serves() {
    let daemon_set = daemon_set();
    let cluster = crate::cluster().await.expect("it is in memory");
    let agent = agent(&cluster).await;
    agent.ready().await;
    for probe in ["livenessProbe", "readinessProbe"] {
        let asked = &container(&daemon_set)[probe]["httpGet"];
        assert_eq!(asked["port"], container(&daemon_set)["ports"][0]["name"], "{probe}");
        assert_eq!(agent.ask(asked["path"].as_str().expect("a path")).await.0, 200, "{probe}");
    }
}

#[test]
fn what_the_agent_reads_and_keeps_on_the_node_is_mounted() {
    let daemon_set = daemon_set();
    let mounts = container(&daemon_set)["volumeMounts"].as_array().expect("mounts");
    let volumes = pod(&daemon_set)["volumes"].as_array().expect("volumes");
    let of_node = |path: &str| {
        let mount = mounts.iter().find(|mount| mount["mountPath"] == path).expect("it is mounted");
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("it is there");
        (volume["hostPath"]["path"].clone(), mount["readOnly"] == true)
    };
    let state = default_of("state-dir");
    assert_eq!(of_node(&state), (json!(state), false));
    let arguments = texts(&container(&daemon_set)["args"]);
    let roots = arguments.iter().find_map(|it| it.strip_prefix("--netns-root=")).expect("roots");
    let roots: Vec<_> = roots.split(',').filter_map(|root| root.split_once('=')).collect();
    // As the agent has them by itself: one folder by both of its names.
    assert_eq!(
        roots.iter().map(|(written, _)| *written).collect::<Vec<_>>(),
        ["/var/run/netns", "/run/netns"]
    );
    for (_, here) in roots {
        assert_eq!(of_node(here), (json!("/var/run/netns"), true));
    }
    assert_eq!(
        (&pod(&daemon_set)["hostPID"], &pod(&daemon_set)["hostNetwork"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn everything_belongs_to_one_service_account() {
    let daemon_set = daemon_set();
    let account = json!({"kind": "ServiceAccount", "name": pod(&daemon_set)["serviceAccountName"], "namespace": "kube-system"});
    for file in ["policer/rbac.yaml", "policer/all-nodes/rbac.yaml"] {
        let objects = manifests::objects_in(file);
        let bindings = objects.iter().filter(|it| it["subjects"].is_array());
        assert!(bindings.map(|it| &it["subjects"]).all(|subjects| *subjects == json!([account])), "{file}");
    }
}

/// A policy of each group, and one of which something is to be told.
fn one_of_each() -> Vec<Value> {
    let of_group = |group: ApiGroup| {
        let policy =
            policy(&group.name().replace('.', "-"), &json!({"podSelector": {}, "ingress": [{"from": [{}]}]}));
        objects::with(policy, "/apiVersion", format!("{group}/v1"))
    };
    // Of this Pod more is read than its metadata: no endpoint names it.
    ApiGroup::ALL.into_iter().map(of_group).chain([objects::pod("bare", "p", "node-b")]).collect()
}

fn rights_used(cluster: &Cluster) -> BTreeSet<Right> {
    cluster.sandbox().requests().iter().filter_map(used).collect()
}

/// The rights that an agent with these arguments uses, from its first request to its last; it has used these at least.
async fn rights_of_agent(arguments: &[&str], least: &BTreeSet<Right>) -> BTreeSet<Right> {
    let mut cluster = crate::cluster().await.expect("it is in memory");
    cluster.create(one_of_each()).await;
    cluster.sandbox().clear_requests();
    let agent = agent_with(&cluster.kubeconfig().display().to_string(), arguments).await;
    // A Lease is written again when it is given back.
    let last = ("coordination.k8s.io".to_owned(), "leases".to_owned(), "update".to_owned());
    let missing = || -> Vec<Right> {
        let used = rights_used(&cluster);
        least.iter().filter(|right| !used.contains(right) && **right != last).cloned().collect()
    };
    eventually("all is used", async || missing().is_empty()).await;
    assert!(agent.stop("TERM").await.1);
    rights_used(&cluster)
}

#[tokio::test]
async fn the_manifest_gives_exactly_the_rights_that_are_used() {
    let granted = granted("policer/rbac.yaml");
    assert_eq!(rights_of_agent(&[], &granted).await, granted);
}

#[tokio::test]
async fn who_lets_all_nodes_in_needs_the_other_manifest_too_and_nothing_else() {
    let mut granted_in_both = granted("policer/rbac.yaml");
    granted_in_both.extend(granted("policer/all-nodes/rbac.yaml"));
    assert_eq!(rights_of_agent(&["--allow-node", "all"], &granted_in_both).await, granted_in_both);
}

/// The same command with these capabilities and no others, as a runtime starts it.
fn confined(command: &Command, capabilities: &[&str]) -> Command {
    let bounds: Vec<String> = capabilities.iter().map(|name| format!(",+{}", name.to_lowercase())).collect();
    let bounds = format!("--bounding-set=-all{}", bounds.concat());
    started_by("setpriv", &["--no-new-privs", "--inh-caps=-all", &bounds], command)
}

/// A command that is started by another program.
fn started_by(starter: &str, arguments: &[&str], command: &Command) -> Command {
    let mut started = Command::new(starter);
    started
        .args(arguments)
        .arg(command.as_std().get_program())
        .args(command.as_std().get_args())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    started
}

#[tokio::test]
async fn the_agent_needs_all_capabilities_of_the_daemonset_and_no_other() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let daemon_set = daemon_set();
    let all = texts(&container(&daemon_set)["securityContext"]["capabilities"]["add"]);
    let agent = town.node.agent_command(&town.cluster.kubeconfig());
    for missing in &all {
        let rest: Vec<&str> = all.iter().filter(|it| *it != missing).copied().collect();
        let command = confined(&agent, &rest);
        if *missing == "SYS_PTRACE" {
            let run = finish(command, "").await;
            assert!(run.err.contains("the agent needs hostPID and CAP_SYS_PTRACE"), "{run:#?}");
            continue;
        }
        let agent = Running::start(command).await;
        eventually(&format!("without {missing} nothing is enforced"), async || {
            town.db.state(&agent).await["state"] == "failed"
        })
        .await;
        assert!(town.batch.reaches(&town.db, 80), "{missing}");
    }
    let agent = Running::start(confined(&agent, &all)).await;
    agent.ready().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    assert!(agent.stop("TERM").await.1);

    let cleanup = town.node.cleanup_command(&[]);
    let run = finish(confined(&cleanup, &all), "").await;
    assert!(run.code == Some(0) && run.out.contains("were taken away"), "{run:#?}");
    assert!(town.batch.reaches(&town.db, 80));
}

/// It holds a socket for each network namespace, and container runtimes may begin with a limit that is soon reached.
#[tokio::test]
async fn the_agent_may_have_as_many_files_open_as_its_container() {
    let Some(town) = Town::new().await else { return };
    let agent = town.node.agent_command(&town.cluster.kubeconfig());
    let agent = Running::start(started_by("prlimit", &["--nofile=256:4096"], &agent)).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).expect("it runs");
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("there is a limit");
    assert_eq!(files.split_whitespace().collect::<Vec<_>>(), ["4096", "4096", "files"]);
}

#[tokio::test]
async fn removal_cleans_up_as_the_agent_is_confined_and_then_only_watches() {
    let daemon_set = daemon_set();
    let removal = manifests::objects_in("policer/removal/patch.yaml").remove(0);
    let cleanup = &pod(&removal)["initContainers"][0];
    for field in ["image", "securityContext"] {
        assert_eq!(cleanup[field], container(&daemon_set)[field], "{field}");
    }
    let run = finish(program(&[&texts(&cleanup["args"])[..], &["--help"]].concat()), "").await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(container(&removal)["name"], container(&daemon_set)["name"], "the patch is merged by names");
    let variable = argument("dry-run").get_env().and_then(|it| it.to_str()).expect("a variable").to_owned();
    assert_eq!(variables(container(&removal)), [(&*variable, "true")].into());
}
