//! `calico release`: addresses given back by hand, each by its proof, and those that are refused.

use serde_json::{Value, json};
use testkit::Gate;

use crate::{
    access::fails_with,
    calico_books::{Books, attribute, container, endpoint, handle, pod_with, run_with},
    network::pod,
    program::Run,
};

const BLOCK: &str = "10.77.0.0/29";

/// The rows in short: `address result`.
fn results(run: &Run) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(&run.out).expect("JSON");
    let text = |row: &Value, member: &str| row[member].as_str().expect("a text").to_owned();
    rows.iter().map(|row| format!("{} {}", text(row, "address"), text(row, "result"))).collect()
}

#[tokio::test]
async fn an_address_goes_back_by_each_proof() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1), (2, "gone", 2), (3, "away", 3), (4, "du-0", 4)]).await
    else {
        return;
    };
    books.cluster.create([pod_with("du-0", "10.77.0.4")]).await;

    let by_handle = books.run(&["release", "10.77.0.1", "--handle", &handle(1), "-o", "json"]).await;
    by_handle.ends_with(0);
    assert_eq!(results(&by_handle), ["10.77.0.1 released"]);
    let by_container = books.run(&["release", "10.77.0.2", "--cid", &container(2), "-o", "json"]).await;
    by_container.ends_with(0);
    assert_eq!(results(&by_container), ["10.77.0.2 released"]);
    let by_pod = books.run(&["release", "10.77.0.3", "10.77.0.3", "--pod", "ran/away", "-o", "json"]).await;
    by_pod.ends_with(0);
    assert_eq!(results(&by_pod), ["10.77.0.3 released"], "once, however often it is named");

    assert_eq!(books.held(BLOCK).await, [4]);
    for (number, is_there) in [(1, false), (2, false), (3, false), (4, true)] {
        assert_eq!(books.has_handle(number).await, is_there, "handle {number}");
    }
    assert_eq!(books.findings().await, Vec::<String>::new());
    let again = books.run(&["release", "10.77.0.3", "--pod", "ran/away", "-o", "json"]).await;
    again.ends_with(0);
    assert_eq!(results(&again), ["10.77.0.3 already-free"]);
}

#[tokio::test]
async fn both_families_of_a_handle_go_together() {
    let Ok(mut books) = Books::open().await else { return };
    let attribute = attribute("gone", &handle(1));
    books.block(BLOCK, &[(1, attribute.clone())]).await;
    books.block("fd00:77::/125", &[(2, attribute)]).await;
    books.handle(&handle(1), &[(BLOCK, 1), ("fd00:77::/125", 1)]).await;

    let run = books.run(&["release", "10.77.0.1", "fd00:77::2", "--handle", &handle(1)]).await;

    run.ends_with(0);
    assert!(run.out.contains("fd00:77::2 released: "), "{}", run.out);
    assert!(run.out.contains("\n  PUT IPAMBlock fd00-77---125"), "{}", run.out);
    assert!(!books.has_handle(1).await);
    assert_eq!(books.findings().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_dry_run_tells_all_and_writes_nothing() {
    let Ok(books) = Books::with(&[(1, "gone", 1)]).await else { return };
    let gate = Gate::open(books.cluster.client(), usize::MAX).await.expect("a port");
    let kubeconfig = gate.kubeconfig();
    let arguments = ["release", "10.77.0.1", "--pod", "ran/gone", "--dry-run"];

    let text = run_with(kubeconfig.clone(), &arguments, &[]).await;
    let json = run_with(kubeconfig, &[&arguments[..], &["-o", "json"]].concat(), &[]).await;

    text.ends_with(0);
    assert!(text.out.starts_with("10.77.0.1 would be released: "), "{}", text.out);
    assert!(text.out.ends_with("dry run: nothing was written\n"), "{}", text.out);
    json.ends_with(0);
    let rows: Value = serde_json::from_str(&json.out).expect("JSON");
    let id = handle(1);
    assert_eq!(
        rows[0]["writes"],
        json!([
            "PUT IPAMBlock 10-77-0-0-29",
            format!("PUT IPAMHandle {id}"),
            format!("DELETE IPAMHandle {id}")
        ])
    );
    assert_eq!(rows[0]["reason"], format!("handle {id} holds it"), "a name may be another Pod's soon");
    let requests = gate.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET ")), "{requests:#?}");
    assert_eq!(books.held(BLOCK).await, [1]);
}

/// The proofs hold: only that somebody uses it speaks against it.
#[tokio::test]
async fn what_somebody_uses_is_refused_before_calico_is_asked() {
    let held = [(1, "du-0", 1), (2, "du-1", 2), (3, "gone", 3), (4, "du-0", 4), (5, "du-1", 2)];
    let Ok(mut books) = Books::with(&held[..4]).await else { return };
    books.cluster.create([pod_with("du-0", "10.77.0.1"), pod("du-1")]).await;
    books.cluster.create([endpoint("du-1", "10.77.0.2", 2), endpoint("gone", "10.77.0.3", 3)]).await;
    let refused = [
        ("10.77.0.1", "--handle", handle(1), "Pod ran/du-0 uses it"),
        ("10.77.0.2", "--cid", container(2), "Pod ran/du-1 uses it"),
        ("10.77.0.3", "--handle", handle(3), "endpoint ran/ep-gone has it"),
        ("10.77.0.4", "--pod", "ran/du-0".to_owned(), "Pod ran/du-0 is alive"),
        ("10.77.0.5", "--cid", container(2), "Pod ran/du-1 is alive"),
        ("10.77.0.5", "--handle", handle(2), "Pod ran/du-1 is alive"),
        ("::ffff:10.77.0.1", "--handle", handle(1), "Pod ran/du-0 uses it"),
    ];
    for (address, flag, proof, reason) in refused {
        let gate = Gate::open(books.cluster.client(), usize::MAX).await.expect("a port");
        let arguments = ["release", address, flag, &proof, "-o", "json"];
        let run = run_with(gate.kubeconfig(), &arguments, &[]).await;
        fails_with(&run, &["1 of 1 addresses", reason]);
        assert!(results(&run)[0].ends_with(" refused"), "{}", run.out);
        let requests = gate.requests();
        let is_release = |request: &String| request.contains("ipamblocks/") || !request.starts_with("GET ");
        assert!(!requests.iter().any(is_release), "{requests:#?}");
    }
    assert_eq!(books.held(BLOCK).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_the_books_say_is_another_s_is_refused_and_holds_up_nobody() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1), (2, "gone", 2)]).await else { return };
    let tunnel = json!({"handle_id": "ipip-tunnel-addr-node-a", "secondary": {"node": "node-a", "type": "ipipTunnelAddress"}});
    books.block("10.77.0.8/29", &[(0, tunnel)]).await;

    let run = books.run(&["release", "10.77.0.1", "10.77.0.2", "--handle", &handle(2), "-o", "json"]).await;
    fails_with(&run, &["1 of 2 addresses", "10.77.0.1", &handle(1)]);
    assert_eq!(results(&run), ["10.77.0.1 refused", "10.77.0.2 released"]);
    assert_eq!(books.held(BLOCK).await, [1]);

    let tunnel = books.run(&["release", "10.77.0.8", "--handle", "ipip-tunnel-addr-node-a"]).await;
    fails_with(&tunnel, &["tunnel"]);
    let other = books.run(&["release", "10.77.0.1", "--pod", "ran/other"]).await;
    fails_with(&other, &["ran/gone"]);
    assert_eq!(books.held(BLOCK).await, [1]);
}

/// As a release leaves it that was cut short between its two writes.
#[tokio::test]
async fn an_empty_handle_is_counted_anew() {
    let Ok(mut books) = Books::open().await else { return };
    books.block(BLOCK, &[]).await;
    books.handle(&handle(9), &[(BLOCK, 1)]).await;
    assert_eq!(books.findings().await, [format!("empty-handle {}", handle(9))]);

    let run = books.run(&["release", "10.77.0.1", "--handle", &handle(9)]).await;

    run.ends_with(0);
    assert!(run.out.starts_with("10.77.0.1 already free: "), "{}", run.out);
    assert!(!books.has_handle(9).await);
}

#[tokio::test]
async fn a_locked_datastore_is_left_alone() {
    let Ok(mut books) = Books::with(&[(1, "gone", 1)]).await else { return };
    books.lock().await;

    let run = books.run(&["release", "10.77.0.1", "--pod", "ran/gone"]).await;

    fails_with(&run, &["locked"]);
    assert_eq!(books.held(BLOCK).await, [1]);
}

#[tokio::test]
async fn exactly_one_proof_is_asked_for() {
    let wrong: [&[&str]; 8] = [
        &["calico", "release", "10.0.0.1"],
        &["calico", "release", "--pod", "ran/a"],
        &["calico", "release", "10.0.0.1", "--pod", "ran/a", "--cid", "c"],
        &["calico", "release", "10.0.0.1", "--handle", "h", "--cid", "c"],
        &["calico", "release", "10.0.0.1", "--handle", ""],
        &["calico", "release", "10.0.0.1", "--pod", "a"],
        &["calico", "release", "10.0.0.1/32", "--pod", "ran/a"],
        &["calico"],
    ];
    for arguments in wrong {
        let run = crate::program::run(arguments).await;
        run.ends_with(2);
        assert!(run.out.is_empty() && !run.log.is_empty(), "{arguments:?}: {}", run.log);
    }
}
