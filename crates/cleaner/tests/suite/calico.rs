//! Endpoints whose addresses Calico gave: what becomes of them, and of Calico's books.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use http::Method;
use serde_json::{Value, json};
use testkit::{
    Cluster, Unavailable, calico,
    objects::{self, endpoint, network, with},
};

use crate::{
    program::clean,
    running::{Running, eventually},
    shapes::held_in_calico,
};

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;
const BLOCK4: &str = "10.77.0.0/29";
const BLOCK6: &str = "fd00:77::/125";

/// A dead endpoint on a network of Calico's, with this address; each has another container.
fn dead(name: &str, address: &str) -> Value {
    let dead = with(endpoint(GROUP, "ran", name, name, "calico"), "/spec/NetworkType", "calico");
    with(dead, "/spec/Interface/Address", address)
}

/// A cluster with Calico, and its network.
async fn cluster() -> Result<Cluster, Unavailable> {
    let mut cluster = crate::cluster().await?;
    cluster.install(calico::definitions(calico::V1)).await;
    let network = with(network(GROUP, NetworkKind::DanmNet, "ran", "calico"), "/spec/NetworkType", "calico");
    cluster
        .create([
            objects::node("node-a", "True"),
            network,
            calico::pool("v4", "10.77.0.0/24", 29),
            calico::pool("v6", "fd00:77::/120", 125),
        ])
        .await;
    Ok(cluster)
}

/// What Calico's block says, whole.
async fn block(cluster: &Cluster, cidr: &str) -> Value {
    let block = cluster.get(&calico::block(cidr, &[])).await.expect("it is there");
    block["spec"].clone()
}

/// Says that Calico's datastore is ready, or locked.
async fn set_ready(cluster: &mut Cluster, is_ready: bool) {
    let information = calico::cluster_information(is_ready);
    match cluster.get(&information).await {
        Some(_) => drop(cluster.patch(&information, &json!({"spec": information["spec"]})).await),
        None => cluster.create([information]).await,
    }
}

#[tokio::test]
async fn the_address_of_a_dead_endpoint_goes_back_to_calico_and_then_the_endpoint_goes() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = dead("dead", "10.77.0.1/32");
    let blocks = [calico::block(BLOCK4, &[(1, &dead)]), calico::handle(&dead, &[(BLOCK4, 1)])];
    cluster.create(blocks).await;
    cluster.create([dead]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-gone released 10.77.0.1=calico:free"]);
    assert_eq!(held_in_calico(&cluster).await, (0, 0));
    assert_eq!(cluster.names(DanmKind::DanmEp).await, [""; 0]);
}

#[tokio::test]
async fn a_dry_run_would_release_and_writes_nothing_of_calicos() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = dead("dead", "10.77.0.1/32");
    cluster.create([calico::block(BLOCK4, &[(1, &dead)]), calico::handle(&dead, &[(BLOCK4, 1)])]).await;
    cluster.create([dead]).await;

    let run = clean(&cluster.kubeconfig(), &["--dry-run"]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-gone would-release 10.77.0.1=calico:free"]);
    assert_eq!(held_in_calico(&cluster).await, (1, 1));
}

/// Scenario 49.
#[tokio::test]
async fn an_address_that_calico_gave_to_another_pod_stays_and_only_the_endpoint_goes() {
    let Ok(mut cluster) = cluster().await else { return };
    let other = dead("somebody-else", "10.77.0.1/32");
    cluster.create([calico::block(BLOCK4, &[(1, &other)]), calico::handle(&other, &[(BLOCK4, 1)])]).await;
    cluster.create([dead("dead", "10.77.0.1/32")]).await;
    let before = block(&cluster, BLOCK4).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-gone released 10.77.0.1=calico:refuse"]);
    assert_eq!(block(&cluster, BLOCK4).await, before);
    assert!(run.log.contains("10.77.0.1 is not given back"), "{}", run.log);
}

/// Scenario 50.
#[tokio::test]
async fn both_families_of_one_handle_go_back_together() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = with(dead("dead", "10.77.0.1/32"), "/spec/Interface/AddressIPv6", "fd00:77::2/128");
    cluster
        .create([
            calico::block(BLOCK4, &[(1, &dead)]),
            calico::block(BLOCK6, &[(2, &dead)]),
            calico::handle(&dead, &[(BLOCK4, 1), (BLOCK6, 1)]),
        ])
        .await;
    cluster.create([dead]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-gone released 10.77.0.1=calico:free fd00:77::2=calico:free"]);
    assert_eq!(held_in_calico(&cluster).await, (0, 0));
}

/// Scenario 52: the block has nobody there; of another address the block is gone.
#[tokio::test]
async fn an_address_that_is_free_already_is_a_success() {
    let Ok(mut cluster) = cluster().await else { return };
    let held = dead("held-by-another", "10.77.0.3/32");
    cluster.create([calico::block(BLOCK4, &[(3, &held)])]).await;
    cluster.create([dead("free", "10.77.0.1/32"), dead("block-gone", "10.77.0.99/32")]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    let expected = [
        "block-gone dangling pod-gone released 10.77.0.99=calico:already-free",
        "free dangling pod-gone released 10.77.0.1=calico:already-free",
    ];
    assert_eq!(run.lines(), expected);
}

#[tokio::test]
async fn books_without_any_block_prove_nothing() {
    let Ok(mut cluster) = cluster().await else { return };
    cluster.create([dead("dead", "10.77.0.1/32")]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(2);
    assert_eq!(run.lines(), ["dead dangling pod-gone failed 10.77.0.1=calico:keep"]);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, ["dead"]);
}

/// Scenario 54.
#[tokio::test]
async fn while_the_datastore_is_locked_endpoints_of_calico_wait_and_nobody_else_does() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = dead("dead", "10.77.0.1/32");
    cluster.create([calico::block(BLOCK4, &[(1, &dead)]), calico::handle(&dead, &[(BLOCK4, 1)])]).await;
    let of_danm =
        with(endpoint(GROUP, "ran", "of-danm", "gone", "n"), "/spec/Interface/Address", "10.0.0.5/24");
    let network = objects::with_bits(network(GROUP, NetworkKind::DanmNet, "ran", "n"), &[5]);
    cluster.create([network, dead, of_danm]).await;
    set_ready(&mut cluster, false).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    let expected = [
        "dead dangling calico-locked held 10.77.0.1=calico:keep",
        "of-danm dangling pod-gone released 10.0.0.5=danm:free",
    ];
    assert_eq!(run.lines(), expected);
    assert_eq!(held_in_calico(&cluster).await, (1, 1));

    set_ready(&mut cluster, true).await;
    clean(&cluster.kubeconfig(), &[]).await.ends_with(0);
    assert_eq!(held_in_calico(&cluster).await, (0, 0));
    assert_eq!(cluster.names(DanmKind::DanmEp).await, [""; 0]);
}

/// An endpoint with an address of each: DANM's is not given back before Calico's.
#[tokio::test]
async fn a_mixed_endpoint_stays_until_both_addresses_are_settled() {
    let Ok(mut cluster) = cluster().await else { return };
    let mixed = network(GROUP, NetworkKind::DanmNet, "ran", "mixed");
    let mixed = objects::with_bits(with(mixed, "/spec/NetworkType", "calico"), &[5]);
    let dead = with(dead("dead", "10.0.0.5/24"), "/spec/NetworkName", "mixed");
    let dead = with(dead, "/spec/Interface/AddressIPv6", "fd00:77::2/128");
    cluster.create([calico::block(BLOCK6, &[(2, &dead)]), calico::handle(&dead, &[(BLOCK6, 1)])]).await;
    cluster.create([mixed.clone(), dead]).await;
    set_ready(&mut cluster, false).await;

    let locked = clean(&cluster.kubeconfig(), &[]).await;

    assert_eq!(
        locked.lines(),
        ["dead dangling calico-locked held 10.0.0.5=danm:keep fd00:77::2=calico:keep"]
    );
    let bits = async |cluster: &Cluster| {
        let network = cluster.get(&mixed).await.expect("it is there");
        objects::set_bits(network["spec"]["Options"]["alloc"].as_str().expect("an array"))
    };
    assert_eq!(bits(&cluster).await, [5]);

    set_ready(&mut cluster, true).await;
    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-gone released 10.0.0.5=danm:free fd00:77::2=calico:free"]);
    assert_eq!((bits(&cluster).await, held_in_calico(&cluster).await), (vec![], (0, 0)));
}

#[tokio::test]
async fn switched_off_it_keeps_the_endpoints_of_calico_and_says_so() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = dead("dead", "10.77.0.1/32");
    cluster.create([calico::block(BLOCK4, &[(1, &dead)])]).await;
    cluster.create([dead]).await;

    let run = clean(&cluster.kubeconfig(), &["--calico", "off"]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling calico-address kept 10.77.0.1=calico:keep"]);
    assert!(run.rows()[0]["evidence"].to_string().contains("switched off"), "{}", run.out);
}

/// Calico's books may be of yesterday, as after a data store was restored from a backup.
#[tokio::test]
async fn an_address_that_a_living_pod_says_to_have_is_held_whatever_the_block_says() {
    let Ok(mut cluster) = cluster().await else { return };
    let dead = dead("dead", "10.77.0.1/32");
    let living = objects::pod("ran", "living", "node-a");
    let living = with(living, "/status/podIPs", json!([{"ip": "10.77.0.1"}]));
    cluster.create([calico::block(BLOCK4, &[(1, &dead)]), living]).await;
    cluster.create([dead]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead dangling pod-has-address held 10.77.0.1=calico:keep"]);
    assert!(run.out.contains("Calico's books say that it is this endpoint's"), "{}", run.out);
    assert_eq!(held_in_calico(&cluster).await.0, 1);
}

/// A block whose arrays disagree.
#[tokio::test]
async fn a_block_that_cannot_be_read_holds_up_its_own_addresses_and_no_others() {
    let Ok(mut cluster) = cluster().await else { return };
    let (one, other) = (dead("one", "10.77.0.1/32"), dead("another", "10.77.0.9/32"));
    let broken = with(calico::block(BLOCK4, &[(1, &one)]), "/spec/allocations", json!([7, 7]));
    let sound = calico::block("10.77.0.8/29", &[(1, &other)]);
    cluster.create([broken, sound]).await;
    cluster.create([one, other]).await;

    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(2);
    let expected = [
        "another dangling pod-gone released 10.77.0.9=calico:free",
        "one dangling pod-gone failed 10.77.0.1=calico:keep",
    ];
    assert_eq!(run.lines(), expected);
    assert!(run.out.contains("10-77-0-0-29"), "it names the block: {}", run.out);
}

#[tokio::test]
async fn the_controller_counts_what_it_gave_back_and_what_it_refused() {
    let Ok(mut cluster) = cluster().await else { return };
    let (dead, late) = (dead("dead", "10.77.0.1/32"), dead("late-one", "10.77.0.2/32"));
    let other = self::dead("somebody-else", "10.77.0.2/32");
    cluster.create([calico::block(BLOCK4, &[(1, &dead), (2, &other)])]).await;
    cluster.create([dead, late]).await;

    let cleaner = Running::start(&cluster.kubeconfig(), &["--leader-elect", "false"]).await;

    eventually("both endpoints are gone", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    let count = async |result: &str| {
        cleaner.metric(&format!("danm_cleaner_calico_addresses_total{{result=\"{result}\"}}")).await
    };
    assert_eq!((count("released").await, count("refused").await), (Some(1.0), Some(1.0)));
    eventually("an Event tells it", async || {
        let events = cluster.send(Method::GET, "/api/v1/namespaces/ran/events", None).await.expect("events");
        events["items"].to_string().contains("AddressesReleased")
    })
    .await;
    assert!(cleaner.log().contains("10.77.0.2 is not given back"), "{}", cleaner.log());
}
