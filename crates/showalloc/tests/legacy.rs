//! The spelling of the reference program, against the API server in memory: what scripts see of it, which is standard
//! output, standard error and the exit code.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::{fs::File, process::Stdio};

use danm_api::{ApiGroup, NetworkKind};
use sandbox::{Effect, Fault, Match};
use serde_json::{Value, json};
use testkit::{
    Cluster, Server,
    objects::{self, with},
    samples,
};
use tokio::{io::AsyncReadExt, process::Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_showalloc");
const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

/// What a run came to.
#[derive(Debug)]
struct Shown {
    code: i32,
    out: String,
    err: String,
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

async fn finish(program: &mut Command) -> Shown {
    let child = program.spawn().expect("it was built");
    let ended = child.wait_with_output().await.expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = ended.status.code().expect("no signal ended it");
    Shown { code, out: text(ended.stdout), err: text(ended.stderr) }
}

async fn run(arguments: &[&str]) -> Shown {
    finish(&mut program(arguments)).await
}

/// Asks a cluster, with these arguments besides the way to it.
async fn ask(cluster: &Cluster, arguments: &str) -> Shown {
    let kubeconfig = cluster.kubeconfig();
    let mut words = vec!["-kubeconfig", kubeconfig.to_str().expect("text")];
    words.extend(arguments.split_whitespace());
    run(&words).await
}

impl Shown {
    /// The output of a run that went well and had nothing to say besides.
    fn clean(self) -> String {
        assert_eq!((self.code, &*self.err), (0, ""), "{self:#?}");
        self.out
    }

    /// The lines of addresses of a run that went well.
    fn addresses(&self) -> Vec<&str> {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out.lines().skip(6).map(str::trim_start).collect()
    }

    /// The text of an error, which is all that is on standard error, after the time.
    fn error(&self) -> &str {
        assert_eq!(self.code, 1, "{self:#?}");
        let (time, text) = self.err.split_at_checked(20).expect("a time comes first");
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000/00/00 00:00:00 ", "{self:#?}");
        text.strip_suffix('\n').filter(|text| !text.contains('\n')).expect("one line")
    }

    /// What is said besides, in one sentence.
    fn note(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        self.err.strip_suffix('\n').filter(|note| !note.contains('\n')).expect("one line")
    }
}

async fn cluster(objects: impl IntoIterator<Item = Value>) -> Cluster {
    let cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    cluster.sandbox().load(objects).expect("sound objects");
    cluster
}

/// The cluster of the transcripts. They were made before there was a namespace `tenant-a`, of which a Pod got .11.
async fn real_cluster() -> Cluster {
    let objects = samples::of_kinds(&["DanmNet", "ClusterNetwork", "DanmEp"]).into_iter();
    let objects = objects.filter(|object| object["metadata"]["namespace"] != "tenant-a");
    cluster(objects.map(|object| match object["metadata"]["name"].as_str() {
        Some("core") => with(object, "/spec/Options/alloc", "gCEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="),
        _ => object,
    }))
    .await
}

/// A network 10.0.0.0/24 named `net` with the whole subnet for a pool, and these bits set.
fn network(kind: NetworkKind, set: &[u32]) -> Value {
    let network = objects::with_bits(objects::network(GROUP, kind, "ran", "net"), set);
    with(network, "/spec/Options/allocation_pool", json!({"start": "10.0.0.1", "end": "10.0.0.254"}))
}

/// An endpoint on it.
fn endpoint(kind: NetworkKind, namespace: &str, pod: &str, octet: u32) -> Value {
    let endpoint = objects::endpoint(GROUP, namespace, &format!("{namespace}-{pod}-{octet}"), pod, "net");
    let endpoint = with(endpoint, "/spec/apiType", kind.name());
    with(endpoint, "/spec/Interface/Address", format!("10.0.0.{octet}/24"))
}

fn in_group(object: Value, group: ApiGroup) -> Value {
    with(object, "/apiVersion", format!("{group}/v1"))
}

#[track_caller]
fn begins(text: &str, beginning: &str) {
    assert!(text.starts_with(beginning), "{text}");
}

fn forbidden(path: &str) -> Fault {
    Fault::new(Match::any().path(path), Effect::Status { code: 403, retry_after: None })
}

#[tokio::test]
async fn what_the_reference_showed_of_a_real_cluster_is_shown_byte_for_byte() {
    let cluster = real_cluster().await;
    assert_eq!(ask(&cluster, "-cnet core").await.clean(), include_str!("transcripts/core.txt"));
    assert_eq!(ask(&cluster, "-dnet ext").await.clean(), include_str!("transcripts/ext.txt"));
}

#[tokio::test]
async fn every_spelling_of_the_flags_that_the_reference_knows_says_the_same() {
    let cluster = real_cluster().await;
    let spellings = [
        "-dnet ext",
        "-dnet=ext",
        "--dnet=ext",
        "-dnet ext -n default -a=false -6=F -showCIDR=",
        "--n=default --dnet ext --showCIDR 10.0.0.0/8",
        "-dnet x -cnet core -dnet ext -tnet x --",
        "-dnet ext more words -dnet x",
        "-kubeconf=/nowhere -kubeconfig KUBECONFIG -dnet ext",
        "-kubeconf KUBECONFIG -context danm-sandbox -dnet ext",
    ];
    let kubeconfig = cluster.kubeconfig();
    for spelling in spellings {
        let spelling = spelling.replace("KUBECONFIG", kubeconfig.to_str().expect("text"));
        assert_eq!(ask(&cluster, &spelling).await.clean(), include_str!("transcripts/ext.txt"), "{spelling}");
    }
}

#[tokio::test]
async fn the_ipv6_addresses_of_a_real_network_are_those_of_its_pool() {
    let shown = ask(&real_cluster().await, "-dnet ext -6").await.clean();
    let expected = [
        "       IP version: IPv6",
        "             CIDR: 2001:db8:20::/106",
        "       Pool start: 2001:db8:20::1",
        "       Pool   end: 2001:db8:20::3f:fffe",
        "--------------------------------------------------------------",
        "  2001:db8:20:: : reserved (network base address)",
        " 2001:db8:20::1 : allocated (Pod: m1)",
        " 2001:db8:20::2 : allocated (Pod: m2)",
        "2001:db8:20::3f:ffff : reserved (last address)",
    ];
    assert_eq!(shown.lines().skip(1).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_network_with_one_pod_has_three_lines_and_with_all_253_free_ones_more() {
    let kind = NetworkKind::DanmNet;
    let options = json!({
        "cidr": "10.100.100.0/24",
        "alloc": objects::alloc(&[1]),
        "allocation_pool": {"start": "10.100.100.1", "end": "10.100.100.254", "lastIp": "10.100.100.1/24"},
    });
    let pod = objects::endpoint(GROUP, "default", "ep", "web-0", "internal");
    let pod = with(pod, "/spec/Interface/Address", "10.100.100.1/24");
    let network = with(objects::network(GROUP, kind, "default", "internal"), "/spec/Options", options);
    let cluster = cluster([network, pod]).await;
    let few = ask(&cluster, "-dnet internal").await;
    let all = ask(&cluster, "-dnet internal -a").await;
    let taken = [
        "10.100.100.0 : reserved (network base address)",
        "10.100.100.1 : allocated (Pod: web-0)",
        "10.100.100.255 : reserved (broadcast address)",
    ];
    assert_eq!(few.addresses(), taken);
    let all = all.addresses();
    let (free, others): (Vec<&str>, Vec<&str>) = all.iter().partition(|line| line.ends_with(" : free"));
    assert_eq!((free.len(), others), (253, taken.to_vec()));
}

#[tokio::test]
async fn pods_of_all_namespaces_count_on_a_cluster_network() {
    let cluster = cluster(samples::of_kinds(&["ClusterNetwork", "DanmEp"])).await;
    let shown = ask(&cluster, "-cnet core").await;
    let pods = ["10.100.30.10 : allocated (Pod: m2)", "10.100.30.11 : allocated (Pod: tenant-a/edge)"];
    assert_eq!(shown.addresses()[1..3], pods);
    let pods = ["10.100.30.10 : allocated (Pod: default/m2)", "10.100.30.11 : allocated (Pod: edge)"];
    assert_eq!(ask(&cluster, "-cnet core -n tenant-a").await.addresses()[1..3], pods);
}

#[tokio::test]
async fn a_pod_on_another_network_with_the_same_subnet_holds_nothing_of_this_one() {
    let there = with(endpoint(NetworkKind::DanmNet, "ran", "m1", 1), "/spec/NetworkName", "twin");
    let cluster = cluster([network(NetworkKind::DanmNet, &[1]), there]).await;
    let shown = ask(&cluster, "-dnet net -n ran").await;
    assert_eq!(shown.addresses()[1], "10.0.0.1 : allocated (unknown Pod)");
}

#[tokio::test]
async fn a_held_address_that_is_marked_free_is_told_after_the_listing() {
    let kind = NetworkKind::DanmNet;
    let cluster = cluster([network(kind, &[]), endpoint(kind, "ran", "m1", 7)]).await;
    let shown = ask(&cluster, "-dnet net -n ran -a").await;
    assert_eq!(shown.addresses()[7], "10.0.0.7 : free");
    let note = "note: an address of this network is held by a Pod though it is marked free";
    assert_eq!(shown.note(), format!("{note}; `kubectl danm check` tells which"));
}

/// What is asked, and below it how the error begins.
const ERRORS: &str = "\
-kubeconfig /nowhere -showCIDR 10.0.0.0 -dnet x
ERROR: the specified sub-CIDR is not valid because: invalid CIDR address: 10.0.0.0
-kubeconfig /nowhere
ERROR: cannot build cluster config for K8s REST client because: cannot use kubeconfig /nowhere: 
-n default
ERROR: missing DanmNet/ClusterNetwork/TenantNetwork name. Specify one of these to show allocation map.
-dnet x
ERROR: missing DanmNet `x` in namespace `default`: danmnets.danm.k8s.io \"x\" not found
-cnet x
ERROR: missing ClusterNetwork `x`: clusternetworks.danm.k8s.io \"x\" not found
-tnet x -n y
ERROR: missing TenantNetwork `x` in namespace `y`: tenantnetworks.danm.k8s.io \"x\" not found
-dnet ../danmeps
ERROR: missing DanmNet `../danmeps` in namespace `default`: \"../danmeps\" cannot be the name of an object
-dnet ext -n=
ERROR: missing DanmNet `ext` in namespace ``: \"\" cannot be the name of an object";

#[tokio::test]
async fn errors_have_the_words_of_the_reference_in_its_order() {
    let cluster = real_cluster().await;
    let mut lines = ERRORS.lines();
    while let (Some(arguments), Some(error)) = (lines.next(), lines.next()) {
        let shown = ask(&cluster, arguments).await;
        begins(shown.error(), error);
        assert_eq!(shown.out, "", "{arguments}");
    }
}

#[tokio::test]
async fn a_network_without_addresses_has_a_head_and_an_error() {
    let cluster = real_cluster().await;
    let shown = ask(&cluster, "-dnet mgmt").await;
    assert_eq!(shown.error(), "ERROR: missing IPv4 network details");
    let head = "DANM network Kind: DanmNet\n       IP version: IPv4\n             CIDR: \n       Pool start: \n       \
                Pool   end: \n";
    assert_eq!(shown.out, head);
    assert_eq!(ask(&cluster, "-cnet core -6").await.error(), "ERROR: missing IPv6 network details");
    for detail in ["alloc", "allocation_pool/start", "allocation_pool/end"] {
        let lacking = with(network(NetworkKind::DanmNet, &[]), &format!("/spec/Options/{detail}"), "");
        cluster.sandbox().load([lacking]).expect("it may be empty");
        assert_eq!(ask(&cluster, "-dnet net -n ran").await.error(), "ERROR: missing IPv4 network details");
    }
}

#[tokio::test]
async fn an_array_that_cannot_be_used_is_an_error_after_the_head() {
    let problems = [("gAE=", "the bit array has 2 bytes"), ("gAE", "the bit array is not standard base64")];
    for (alloc, problem) in problems {
        let broken = with(network(NetworkKind::DanmNet, &[]), "/spec/Options/alloc", alloc);
        let shown = ask(&cluster([broken]).await, "-dnet net -n ran").await;
        let error = format!("ERROR: the IPv4 network details cannot be used because: {problem}");
        begins(shown.error(), &error);
        assert_eq!(shown.out.lines().count(), 5, "{shown:#?}");
    }
}

#[tokio::test]
async fn endpoints_that_cannot_be_listed_are_an_error_after_the_head_and_before_the_dashes() {
    let cluster = real_cluster().await;
    cluster.sandbox().inject(forbidden("/danmeps"));
    for network in ["-dnet ext", "-cnet core"] {
        let shown = ask(&cluster, network).await;
        begins(shown.error(), "ERROR: unable to list DanmEps in namespace `default`: ");
        assert_eq!(shown.out.lines().count(), 5, "{shown:#?}");
    }
}

#[tokio::test]
async fn whoever_may_not_see_other_namespaces_sees_their_own_and_is_told() {
    let cluster = real_cluster().await;
    cluster.sandbox().inject(forbidden("/apis/danm.k8s.io/v1/danmeps"));
    let shown = ask(&cluster, "-cnet core").await;
    begins(shown.note(), "note: only the DanmEps of namespace default can be listed");
    assert_eq!(shown.out, include_str!("transcripts/core.txt"));
}

#[tokio::test]
async fn whoever_may_see_one_group_only_sees_that_and_is_told() {
    // With and without the right to ask what is served.
    for hidden in ["/apis/danm.io/v1/", "/apis/danm.io/v1"] {
        let cluster = real_cluster().await;
        cluster.sandbox().inject(forbidden(hidden));
        let shown = ask(&cluster, "-dnet ext").await;
        begins(shown.note(), "note: the DanmEps of danm.io cannot be listed");
        assert_eq!(shown.out, include_str!("transcripts/ext.txt"));
    }
}

#[tokio::test]
async fn a_network_of_either_group_is_found_and_the_endpoints_of_both_are_on_it() {
    for group in ApiGroup::ALL {
        let kind = NetworkKind::TenantNetwork;
        let pods = [(ApiGroup::DanmK8sIo, 1), (ApiGroup::DanmIo, 2)];
        let pods = pods.map(|(group, octet)| in_group(endpoint(kind, "ran", group.name(), octet), group));
        let cluster = cluster(pods.into_iter().chain([in_group(network(kind, &[1, 2]), group)])).await;
        let shown = ask(&cluster, "-tnet net -n ran").await.clean();
        let shown: Vec<&str> = shown.lines().skip(7).take(2).map(str::trim_start).collect();
        let expected = ["10.0.0.1 : allocated (Pod: danm.k8s.io)", "10.0.0.2 : allocated (Pod: danm.io)"];
        assert_eq!(shown, expected, "{group}");
    }
}

#[tokio::test]
async fn of_a_network_in_both_groups_that_of_the_reference_is_shown_and_the_other_told() {
    let (kind, pod) = (NetworkKind::DanmNet, endpoint(NetworkKind::DanmNet, "ran", "m1", 1));
    let here = [network(kind, &[1]), pod.clone()];
    let copied = [network(kind, &[2]), pod].map(|object| in_group(object, ApiGroup::DanmIo));
    let cluster = cluster(here.into_iter().chain(copied)).await;
    let shown = ask(&cluster, "-dnet net -n ran").await;
    let shown_once = ["10.0.0.1 : allocated (Pod: m1)", "10.0.0.255 : reserved (broadcast address)"];
    assert_eq!(shown.addresses()[1..], shown_once);
    let note = "note: there is a DanmNet `net` in namespace `ran` in danm.io, too, with a bit array of its own; this \
                is that of danm.k8s.io";
    assert_eq!(shown.note(), note);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_is_left_out_and_named() {
    let kind = NetworkKind::DanmNet;
    let bad = with(endpoint(kind, "ran", "bad", 2), "/spec/Interface/Address", "10.0.0.2.2/24");
    let broken = with(endpoint(kind, "ran", "broken", 3), "/spec/Interface", json!([1]));
    let cluster = cluster([network(kind, &[1, 2, 3]), endpoint(kind, "ran", "m1", 1), bad]).await;
    cluster.install_without_schemas().await;
    cluster.sandbox().load([broken]).expect("anything is taken");
    let shown = ask(&cluster, "-dnet net -n ran").await;
    let (m1, unknown) = ("10.0.0.1 : allocated (Pod: m1)", ": allocated (unknown Pod)");
    assert_eq!(shown.addresses()[1..4], [m1, &format!("10.0.0.2 {unknown}"), &format!("10.0.0.3 {unknown}")]);
    begins(shown.note(), "note: 2 DanmEps cannot be read and are left out: ran/ran-bad-2 (");
    assert!(shown.note().contains("), ran/ran-broken-3 ("), "{shown:#?}");
}

#[tokio::test]
async fn a_list_that_the_server_does_not_remember_is_begun_anew() {
    let kind = NetworkKind::DanmNet;
    let others = (0..2_000)
        .map(|number| with(endpoint(kind, "ran", &format!("p{number}"), 9), "/spec/NetworkName", "x"));
    let cluster = cluster(others.chain([network(kind, &[1]), endpoint(kind, "ran", "z", 1)])).await;
    let expired = cluster.sandbox().inject(Fault::new(Match::any(), Effect::ExpireContinue).times(1));
    let shown = ask(&cluster, "-dnet net -n ran").await;
    assert_eq!(shown.addresses()[1], "10.0.0.1 : allocated (Pod: z)");
    assert_eq!(cluster.sandbox().hits(expired), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let cluster = real_cluster().await;
    let busy = Effect::Status { code: 429, retry_after: None };
    cluster.sandbox().inject(Fault::new(Match::any().path("/danmeps"), busy).times(2));
    assert_eq!(ask(&cluster, "-dnet ext").await.clean(), include_str!("transcripts/ext.txt"));
}

#[tokio::test]
async fn a_reader_who_goes_away_ends_it_quietly() {
    let cluster = real_cluster().await;
    let kubeconfig = cluster.kubeconfig();
    let four_million_lines = ["-kubeconfig", kubeconfig.to_str().expect("text"), "-a", "-6", "-dnet", "ext"];
    let mut child = program(&four_million_lines).spawn().expect("it was built");
    let mut out = child.stdout.take().expect("it is piped");
    out.read_exact(&mut [0; 1024]).await.expect("a listing");
    drop(out);
    let ended = child.wait_with_output().await.expect("it ends");
    assert_eq!((ended.status.code(), &*String::from_utf8_lossy(&ended.stderr)), (Some(0), ""));
}

#[tokio::test]
async fn a_disk_that_is_full_is_an_error() {
    let full = File::create("/dev/full").expect("a Linux kernel");
    let shown = finish(program(&["-version"]).stdout(full)).await;
    begins(shown.error(), "ERROR: cannot write the listing because: No space left");
}

#[tokio::test]
async fn flags_that_there_are_not_are_told_with_the_usage_and_end_with_2() {
    let refusals = [
        ("-x", "flag provided but not defined: -x"),
        ("-dnet", "flag needs an argument: -dnet"),
        ("-a=x", "invalid boolean value \"x\" for -a: parse error"),
        ("---x", "bad flag syntax: ---x"),
    ];
    for (argument, refusal) in refusals {
        let shown = run(&[argument]).await;
        let usage = shown.err.strip_prefix(refusal).expect(argument);
        begins(usage, &format!("\nUsage of {PROGRAM}:\n  -6\t"));
        assert!(usage.ends_with("  -version\n    \tprint the version and exit\n"), "{usage}");
        assert_eq!((shown.code, &*shown.out), (2, ""), "{argument}");
    }
}

#[tokio::test]
async fn help_is_the_usage_on_standard_error_and_ends_with_0() {
    for argument in ["-h", "-help", "--help"] {
        let shown = run(&["-a", argument]).await;
        begins(&shown.err, &format!("Usage of {PROGRAM}:\n  -6\t"));
        for part in [
            "\n  -a free\n    \tshow free addresses",
            " (default \"default\")\n",
            "\n  showalloc show --help\n",
        ] {
            assert!(shown.err.contains(part), "{shown:#?}");
        }
        assert_eq!((shown.code, &*shown.out), (0, ""));
    }
}

#[tokio::test]
async fn the_version_is_on_standard_output() {
    assert_eq!(run(&["--version"]).await.clean(), concat!("showalloc ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn a_cluster_without_danm_and_a_server_that_is_not_there_are_one_error() {
    let cluster = cluster([]).await;
    cluster.uninstall().await;
    let shown = ask(&cluster, "-dnet ext").await;
    let reason = "the API server serves danmnets neither in danm.k8s.io nor in danm.io";
    assert_eq!(shown.error(), format!("ERROR: missing DanmNet `ext` in namespace `default`: {reason}"));
    let kubeconfig = std::fs::read_to_string(cluster.kubeconfig()).expect("it is there");
    let nobody = kubeconfig.replace(&cluster.sandbox().url(), "http://127.0.0.1:1");
    std::fs::write(cluster.kubeconfig(), nobody).expect("written");
    let shown = ask(&cluster, "-dnet ext").await;
    begins(shown.error(), "ERROR: missing DanmNet `ext` in namespace `default`: ");
}
