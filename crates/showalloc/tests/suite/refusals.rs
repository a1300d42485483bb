//! What people get who ask for what there is not, or may not: one sentence on standard error, exit 2, and nothing on
//! standard output.

use std::{
    io::Write,
    net::SocketAddr,
    time::{Duration, Instant},
};

use danm_api::NetworkKind;
use serde_json::json;
use tempfile::NamedTempFile;
use testkit::{Cluster, objects::with};

use crate::{
    program::{ask, ask_all, program, run},
    town::{endpoint, network},
};

pub mod tests {
    in_town!(
        what_is_not_there_is_told_in_a_sentence,
        what_is_no_part_of_a_network_is_told_with_what_it_is,
        a_selector_that_is_none_is_told_at_once,
        a_namespace_that_cannot_be_one_is_told_and_not_asked_for,
        there_is_no_picture_of_a_table,
    );
}

async fn what_is_not_there_is_told_in_a_sentence(town: &Cluster) {
    let everywhere = "`networks -A` shows all";
    let cases = [
        ("show nope -n ran", format!("there is no network nope in namespace ran; {everywhere}")),
        ("map nope -A", format!("there is no network nope in any namespace; {everywhere}")),
        ("check overlap", format!("there is no network overlap in namespace default; {everywhere}")),
        ("show overlap nope -n ran", format!("there is no network nope in namespace ran; {everywhere}")),
        ("show tn/overlap -n ran", format!("there is no network TenantNetwork overlap in namespace ran; {everywhere}")),
        ("show layer-2 -n ran", "DanmNet ran/layer-2 has no subnet: it has no addresses to show".to_owned()),
        ("map layer-2 -n ran", "DanmNet ran/layer-2 has no subnet: it has no addresses to show".to_owned()),
        ("show overlap -6 -n ran", "DanmNet ran/overlap has no addresses of that family".to_owned()),
        ("map overlap -6 -n ran", "DanmNet ran/overlap has no addresses of that family".to_owned()),
        (
            "show broken -n ran",
            "DanmNet ran/broken: IPv4: the bit array has 3 bytes, its subnet of 256 addresses needs 32: was the subnet \
             edited?"
                .to_owned(),
        ),
        ("top", "top needs a terminal; `networks -w` follows changes without one".to_owned()),
    ];
    let commands = cases.each_ref().map(|(arguments, _)| *arguments);
    for ((arguments, expected), run) in cases.iter().zip(ask_all(town, &commands).await) {
        assert_eq!(run.error(), *expected, "{arguments}");
    }
}

async fn what_is_no_part_of_a_network_is_told_with_what_it_is(town: &Cluster) {
    let cases = [
        (
            "show internal -n ran --cidr 10.3.0.0/24",
            "--cidr 10.3.0.0/24 is no part of 10.0.0.0/24 or 10.4.0.0/24",
        ),
        ("show overlap -n ran --cidr 10.0.0.0/8", "--cidr 10.0.0.0/8 is no part of 10.0.0.0/24"),
        ("show overlap -n ran --cidr fd00::/120 -o json", "--cidr fd00::/120 is no part of 10.0.0.0/24"),
        ("map overlap -n ran --cidr 10.0.1.0/24", "--cidr 10.0.1.0/24 is no part of 10.0.0.0/24"),
        ("map overlap -n ran --cidr 10.0.1.0/24 -o svg", "--cidr 10.0.1.0/24 is no part of 10.0.0.0/24"),
        (
            "show -n ran --cidr 10.9.0.0/24",
            "--cidr 10.9.0.0/24 is no part of 10.0.0.0/24 or 10.1.0.0/24 or 10.2.0.0/24 or 10.4.0.0/24 or \
             2001:db8::/120",
        ),
    ];
    let commands = cases.each_ref().map(|(arguments, _)| *arguments);
    for ((arguments, expected), run) in cases.iter().zip(ask_all(town, &commands).await) {
        assert_eq!(run.error(), *expected, "{arguments}");
    }
}

async fn a_selector_that_is_none_is_told_at_once(town: &Cluster) {
    let begun = Instant::now();
    for scope in ["-A", "-n ran"] {
        let run = ask(town, &format!("networks {scope} -l ===")).await;
        assert!(run.error().starts_with("\"===\" is no label selector: "), "{run:#?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// It became part of the path of a request, query and all.
async fn a_namespace_that_cannot_be_one_is_told_and_not_asked_for(town: &Cluster) {
    for namespace in ["Ran", "ran/../core", "ran?limit=1", ""] {
        let run = ask(town, &format!("networks --namespace={namespace}")).await;
        assert_eq!(run.error(), format!("{namespace:?} is no name of a namespace"));
    }
}

async fn there_is_no_picture_of_a_table(town: &Cluster) {
    for command in ["networks", "check", "ip 10.0.0.5"] {
        let run = ask(town, &format!("{command} -o svg")).await;
        assert_eq!(run.error(), "-o svg is for show and map: there is no picture of this", "{command}");
    }
}

#[tokio::test]
async fn wrong_usage_is_told_with_what_is_right() {
    for (arguments, word) in [
        ("show pod/internal", "\"pod\" is no kind of network: say danmnet, tenantnetwork or clusternetwork"),
        ("show dn/", "is no name of a network"),
        ("show --no-such-flag", "unexpected argument '--no-such-flag' found"),
        ("networks --sort-by colour", "possible values: name, size, used, free, leaked, util"),
        ("networks -o xml", "possible values: table, wide, json, yaml, name, svg"),
        ("networks -4 -6", "cannot be used with"),
        ("networks -A -n ran", "cannot be used with"),
        ("show --cidr 10.0.0.0", "invalid value '10.0.0.0' for '--cidr"),
        ("show --width twenty", "invalid value 'twenty' for '--width"),
        ("networks --request-timeout soon", "is no duration"),
        ("ip 10.0.0.256", "\"10.0.0.256\" is neither an address nor NAMESPACE/POD"),
        ("ip a/b/c", "is neither an address nor NAMESPACE/POD"),
        ("map", "required arguments were not provided"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
    ] {
        let run = run(program(&arguments.split(' ').collect::<Vec<_>>())).await;
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{arguments}");
        assert!(run.err.starts_with("error: ") && run.err.contains(word), "{arguments}: {}", run.err);
    }
}

#[tokio::test]
async fn a_way_to_a_server_that_there_is_not_is_told_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("bound");
    drop(listener);
    let closed = kubeconfig(closed);
    let garbage = file("clusters: [this is no kubeconfig");
    let [closed, garbage] = [&closed, &garbage].map(|file| file.path().to_str().expect("text"));
    let cases: [(&[&str], &[&str]); 8] = [
        (&["networks", "--kubeconfig", closed], &["cannot ask the API server", "refused"]),
        (&["ip", "ran/web-0", "--kubeconfig", closed], &["cannot ask the API server", "refused"]),
        (&["networks", "--kubeconfig", "/no/such/file"], &["cannot use kubeconfig /no/such/file"]),
        (&["check", "--kubeconfig", garbage], &["cannot use kubeconfig", garbage]),
        (&["show", "--kubeconfig", closed, "--context", "nowhere"], &["cannot use kubeconfig", "nowhere"]),
        (&["networks"], &["found no way to an API server", "--kubeconfig"]),
        // A URL without scheme or host made the client panic.
        (&["networks", "--kubeconfig", closed, "--server", "nonsense"], &["\"nonsense", "http://"]),
        (&["networks", "--kubeconfig", closed, "--server", "/only/a/path"], &["/only/a/path", "http://"]),
    ];
    for (arguments, words) in cases {
        let begun = Instant::now();
        let run = run(program(arguments)).await;
        assert!(words.iter().all(|word| run.error().contains(word)), "{arguments:?}: {}", run.err);
        assert!(begun.elapsed() < Duration::from_secs(5), "{arguments:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_as_long_as_was_said() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let file = kubeconfig(silent.local_addr().expect("bound"));
    let path = file.path().to_str().expect("text");
    let begun = Instant::now();
    let run = run(program(&["networks", "--kubeconfig", path, "--request-timeout", "700ms"])).await;
    assert!(run.error().starts_with("the cluster could not be read within 700ms"), "{run:#?}");
    let waited = Duration::from_millis(700)..Duration::from_secs(5);
    assert!(waited.contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_cluster_without_danm_is_told() {
    let Ok(cluster) = crate::cluster().await else { return };
    cluster.uninstall().await;
    let commands = ["networks", "show", "show dn/internal", "check -A", "ip 10.0.0.1", "map internal"];
    for (command, run) in commands.iter().zip(ask_all(&cluster, &commands).await) {
        let expected = "the API server serves DanmEps neither in danm.io nor in danm.k8s.io: DANM is not installed here, \
                        or this is another cluster";
        assert_eq!(run.error(), expected, "{command}");
    }
}

/// Objects that no CRD of ours would let in: the reference's own have no schemas.
#[tokio::test]
async fn what_cannot_be_understood_is_told_by_name_and_holds_up_nobody() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.install_without_schemas().await;
    let odd =
        |name: &str, pointer: &str, value| with(network(NetworkKind::DanmNet, name, 1, &[7]), pointer, value);
    cluster
        .create([
            network(NetworkKind::DanmNet, "sound", 1, &[7]),
            odd("odd-options", "/spec/Options", json!(7)),
            odd("odd-cidr", "/spec/Options/cidr", json!("10.0.0.0/99")),
            odd("odd-alloc", "/spec/Options/alloc", json!("no base64!")),
            odd("no-alloc", "/spec/Options/alloc", json!("")),
            odd("short", "/spec/Options/alloc", json!("gAE=")),
            odd("long", "/spec/Options/alloc", json!("A".repeat(64))),
            with(endpoint("odd-spec", ("ran", "a"), "sound", ""), "/spec", json!("text")),
            with(
                endpoint("odd-interface", ("ran", "a"), "sound", ""),
                "/spec/Interface",
                json!(["10.1.0.9"]),
            ),
        ])
        .await;
    let cases = [
        ("odd-options", "DanmNet.danm.k8s.io ran/odd-options cannot be understood: "),
        ("odd-cidr", "DanmNet ran/odd-cidr: cidr \"10.0.0.0/99\" is not an IPv4 subnet"),
        ("odd-alloc", "DanmNet ran/odd-alloc: IPv4: the bit array is not standard base64: "),
        ("no-alloc", "DanmNet ran/no-alloc: IPv4: the bit array is missing, though the network has a subnet"),
        ("short", "DanmNet ran/short: IPv4: the bit array has 2 bytes, its subnet of 256 addresses needs 32"),
        ("long", "DanmNet ran/long: IPv4: the bit array has 48 bytes, its subnet of 256 addresses needs 32"),
    ];
    for command in ["show", "map"] {
        let commands = cases.map(|(name, _)| format!("{command} {name} -n ran"));
        for ((_, expected), run) in cases.iter().zip(ask_all(&cluster, &commands).await) {
            assert!(run.error().starts_with(expected), "{command}: {run:#?}");
        }
    }
    let sound = ask(&cluster, "show sound -n ran --no-headers").await.clean();
    assert!(sound.contains("10.1.0.7                leaked"), "{sound}");
    let report = crate::program::json(&ask(&cluster, "check -A -o json").await.clean());
    let counts = ["unreadable-array", "unreadable-endpoint"].map(|class| report["counts"][class].as_u64());
    assert_eq!(counts, [Some(6), Some(2)], "{report:#}");
    let overview = ask(&cluster, "networks -A --no-headers").await.clean();
    assert_eq!(overview.lines().filter(|row| row.contains(" unreadable ")).count(), 6, "{overview}");
}

/// A way to a server at an address, whatever is there.
fn kubeconfig(server: SocketAddr) -> NamedTempFile {
    file(&format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://{server}'}}}}]}}"
    ))
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}
