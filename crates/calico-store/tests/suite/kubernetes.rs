//! Addresses are given back in the Kubernetes API.

use calico_ipam::{Block, Change, Claim, Terms, Wanted};
use calico_store::{Failure, Inventory, Mode, Outcome, release};
use futures::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};

use crate::calico::{Calico, PATH, SEQUENCE_NUMBER, claim, handle};

const V4: &str = "10.77.0.0/29";
const V6: &str = "fd00:77::/125";

/// A block of eight addresses of which nobody has any.
fn nobody() -> Value {
    json!(vec![Value::Null; 8])
}

/// Scenario 50.
#[tokio::test]
async fn both_families_of_a_pod_are_given_back_and_its_handle_goes() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 2)]).await;
    calico.block(V6, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1), (V6, 1)]).await;
    calico.handle(2, &[(V4, 1)]).await;

    let released = calico.release(&[claim("10.77.0.1", 1), claim("fd00:77::1", 1)]).await;

    assert!(released.iter().all(|outcome| matches!(outcome, Outcome::Released { .. })), "{released:?}");
    assert_eq!(calico.allocations(V4).await, json!([null, null, 0, null, null, null, null, null]));
    assert_eq!(calico.allocations(V6).await, nobody());
    assert!(!calico.has_handle(1).await);
    assert!(calico.has_handle(2).await);
}

#[tokio::test]
async fn so_they_are_in_the_newer_group() {
    let Ok(calico) = Calico::start_v3().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    calico.put("IPAMConfiguration", "default", json!({"ipCooldownSeconds": 600})).await;

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(matches!(&*released, [Outcome::Released { .. }]), "{released:?}");
    let block = calico.get("IPAMBlock", "10-77-0-0-29").await.expect("a block");
    assert!(block["spec"]["attributes"][0]["releasedAt"].is_string(), "its configuration is read: {block}");
    assert!(!calico.has_handle(1).await);
}

/// Scenario 49.
#[tokio::test]
async fn what_is_somebody_elses_is_not_touched() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 3)]).await;
    calico.handle(3, &[(V4, 1)]).await;
    let before = calico.get("IPAMBlock", "10-77-0-0-29").await;

    let released = calico.release(&[claim("10.77.0.1", 9)]).await;

    assert!(matches!(&*released, [Outcome::Refused(_)]), "{released:?}");
    assert_eq!(calico.get("IPAMBlock", "10-77-0-0-29").await, before);
    assert!(calico.has_handle(3).await);
}

/// Scenarios 55 and 56.
#[tokio::test]
async fn everything_that_is_not_ours_comes_back_as_it_was() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 2)]).await;
    let patch = json!({
        "metadata": {"labels": {"team": "ran"}, "annotations": {"note": "kept"}},
        "spec": {"newer": {"deep": [1, 9_007_199_254_740_993_i64]}},
    });
    let path = format!("{PATH}/ipamblocks/10-77-0-0-29");
    calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");

    calico.release(&[claim("10.77.0.1", 1)]).await;

    let block = calico.get("IPAMBlock", "10-77-0-0-29").await.expect("a block");
    assert_eq!(block["metadata"]["labels"], json!({"team": "ran"}));
    assert_eq!(block["metadata"]["annotations"]["note"], json!("kept"));
    assert_eq!(block["spec"]["newer"], patch["spec"]["newer"]);
    assert_eq!(block["spec"]["sequenceNumber"], json!(SEQUENCE_NUMBER + 1));
    assert_eq!(block["spec"]["sequenceNumberForAllocation"], json!({"2": SEQUENCE_NUMBER - 1}));
}

/// Scenario 53.
#[tokio::test]
async fn a_block_for_nobody_goes_with_its_last_address() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    let path = format!("{PATH}/ipamblocks/10-77-0-0-29");
    let patch = json!({"spec": {"affinity": null}});
    calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");

    calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(calico.get("IPAMBlock", "10-77-0-0-29").await.is_none());
    assert!(!calico.has_handle(1).await);
}

/// Scenario 52: the pool was made anew with smaller blocks, or is gone: the block of before is found all the same.
#[tokio::test]
async fn a_block_that_no_pool_tells_of_is_found() {
    for pool in [Some(json!({"cidr": "10.77.0.0/24", "blockSize": 30})), None] {
        let Ok(calico) = Calico::start().await else { return };
        calico.block(V4, &[(1, 1)]).await;
        if let Some(pool) = &pool {
            calico.put("IPPool", "pool4", pool.clone()).await;
        } else {
            let path = format!("{PATH}/ippools/pool4");
            calico.cluster().send(Method::DELETE, &path, None).await.expect("it is deleted");
        }

        let released = calico.release(&[claim("10.77.0.1", 1), claim("10.77.0.200", 1)]).await;

        assert!(matches!(&*released, [Outcome::Released { .. }, Outcome::AlreadyFree(_)]), "{released:?}");
        assert_eq!(calico.allocations(V4).await, nobody(), "{pool:?}");
    }
}

/// Scenario 52.
#[tokio::test]
async fn what_is_free_in_a_new_block_may_be_held_in_one_of_before() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    calico.put("IPPool", "pool4", json!({"cidr": "10.77.0.0/24", "blockSize": 30})).await;
    let new = json!({
        "cidr": "10.77.0.0/30", "allocations": [null, null, null, null], "unallocated": [0, 1, 2, 3],
        "attributes": [], "sequenceNumber": 1, "strictAffinity": false, "deleted": false,
    });
    calico.put("IPAMBlock", "10-77-0-0-30", new).await;

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(matches!(&*released, [Outcome::Released { .. }]), "{released:?}");
    assert_eq!(calico.allocations(V4).await, nobody());
    assert!(!calico.has_handle(1).await);
}

/// Scenario 54.
#[tokio::test]
async fn a_locked_datastore_is_left_as_it_is() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.put("ClusterInformation", "default", json!({"datastoreReady": false})).await;
    let before = calico.get("IPAMBlock", "10-77-0-0-29").await;

    let refused = release(&calico.store, &[claim("10.77.0.1", 1)], Mode::Write).await;

    assert!(refused.as_ref().is_err_and(|error| error.failure == Failure::Locked), "{refused:?}");
    assert_eq!(calico.get("IPAMBlock", "10-77-0-0-29").await, before);
}

#[tokio::test]
async fn an_address_that_is_to_cool_down_is_marked_and_its_handle_is_told() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    calico.put("IPAMConfig", "default", json!({"ipCooldownSeconds": 600})).await;

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(matches!(&*released, [Outcome::Released { .. }]), "{released:?}");
    let block = calico.get("IPAMBlock", "10-77-0-0-29").await.expect("a block");
    assert!(block["spec"]["attributes"][0]["releasedAt"].is_string(), "{block}");
    assert!(!calico.has_handle(1).await);
    let again = calico.release(&[claim("10.77.0.1", 1)]).await;
    assert!(matches!(&*again, [Outcome::AlreadyFree(_)]), "{again:?}");
}

#[tokio::test]
async fn writers_that_race_for_one_block_lose_nothing() {
    let Ok(calico) = Calico::start().await else { return };
    let held: Vec<(usize, u8)> = (0..8).map(|container| (usize::from(container), container)).collect();
    calico.block(V4, &held).await;
    for container in 0..8 {
        calico.handle(container, &[(V4, 1)]).await;
    }

    let claims: Vec<_> = (0..7).map(|place| [claim(&format!("10.77.0.{place}"), place)]).collect();
    let all = join_all(claims.iter().map(|claims| calico.release(claims))).await;

    assert!(all.iter().all(|released| matches!(&**released, [Outcome::Released { .. }])), "{all:?}");
    let block = calico.get("IPAMBlock", "10-77-0-0-29").await.expect("a block");
    assert_eq!(block["spec"]["allocations"], json!([null, null, null, null, null, null, null, 0]));
    assert_eq!(block["spec"]["sequenceNumber"], json!(SEQUENCE_NUMBER + 7));
    let mut free: Vec<u64> =
        block["spec"]["unallocated"].as_array().expect("an array").iter().filter_map(Value::as_u64).collect();
    free.sort_unstable();
    assert_eq!(free, [0, 1, 2, 3, 4, 5, 6]);
    for container in 0..7 {
        assert!(!calico.has_handle(container).await, "{container}");
    }
}

#[tokio::test]
async fn a_block_that_contradicts_itself_holds_up_nobody_else() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.block("10.77.0.8/29", &[(1, 2)]).await;
    let path = format!("{PATH}/ipamblocks/10-77-0-0-29");
    let patch = json!({"spec": {"unallocated": [0]}});
    calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");

    let released = calico.release(&[claim("10.77.0.1", 1), claim("10.77.0.9", 2)]).await;

    let [Outcome::Failed(error), Outcome::Released { .. }] = &*released else { panic!("{released:?}") };
    assert_eq!(
        error.to_string(),
        "IPAMBlock 10-77-0-0-29: its allocations and unallocated disagree about which addresses are free"
    );
}

/// A block that does not say what it covers may be the one that is looked for.
#[tokio::test]
async fn an_address_is_not_free_because_a_block_cannot_be_read() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico
        .cluster()
        .send(Method::DELETE, &format!("{PATH}/ippools/pool4"), None)
        .await
        .expect("it is deleted");
    let patch = json!({"spec": {"cidr": "10.77.0.0"}});
    let path = format!("{PATH}/ipamblocks/10-77-0-0-29");
    calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    let [Outcome::Failed(error)] = &*released else { panic!("{released:?}") };
    assert!(
        error.to_string().starts_with("IPAMBlock 10-77-0-0-29: its cidr cannot be understood"),
        "{error}"
    );
}

/// What is wrong with the handle of one holds up no other.
#[tokio::test]
async fn a_handle_that_cannot_be_told_holds_up_its_claim_alone() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 2)]).await;
    calico.block("10.77.0.8/29", &[]).await;
    for container in [1, 2, 5] {
        calico.handle(container, &[(V4, 1)]).await;
    }
    for container in [1, 5] {
        let path = format!("{PATH}/ipamhandles/{}", handle(container));
        let patch = json!({"spec": {"block": {"10.77.0.0/29": "one"}}});
        calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");
    }

    let claims =
        [claim("10.77.0.1", 1), claim("10.77.0.2", 2), claim("10.77.0.9", 5), claim("10.77.0.10", 6)];
    let released = calico.release(&claims).await;

    let [Outcome::Failed(_), Outcome::Released { .. }, Outcome::Failed(_), Outcome::AlreadyFree(_)] =
        &*released
    else {
        panic!("{released:?}")
    };
    assert_eq!(calico.allocations(V4).await, nobody());
    assert!(!calico.has_handle(2).await);
}

/// Scenario 57: Calico collects the same garbage at the same time, the block first and the handle after it.
#[tokio::test]
async fn with_calico_s_own_collector_each_address_is_given_back_once() {
    let Ok(calico) = Calico::start().await else { return };
    let held: Vec<(usize, u8)> = (0..8).map(|container| (usize::from(container), container)).collect();
    for round in 0..5 {
        calico.block(V4, &held).await;
        for container in 0..8 {
            calico.handle(container, &[(V4, 1)]).await;
        }
        let claims: Vec<_> = (0..8).map(|place| claim(&format!("10.77.0.{place}"), place)).collect();

        let (released, collected) = join(calico.release(&claims[..5]), collect(&calico, &claims[3..])).await;

        let by_us = released.iter().filter(|outcome| matches!(outcome, Outcome::Released { .. })).count();
        let free = released.iter().filter(|outcome| matches!(outcome, Outcome::AlreadyFree(_))).count();
        assert_eq!(by_us + free, 5, "{round}: {released:?}");
        assert_eq!(by_us + collected, 8, "{round}: each once");
        assert_eq!(calico.allocations(V4).await, nobody(), "{round}");
        assert_eq!(calico.list("IPAMHandle").await, [] as [Value; 0], "{round}");
    }
}

/// As Calico's collector does it: one address after the other, the block first, and the handle after it. Gives how many it
/// gave back.
async fn collect(calico: &Calico, claims: &[Claim]) -> usize {
    let terms = Terms { now: jiff::Timestamp::now(), cooldown: jiff::SignedDuration::ZERO };
    let path = format!("{PATH}/ipamblocks/10-77-0-0-29");
    let mut collected = 0;
    for claim in claims {
        loop {
            let mut object = calico.get("IPAMBlock", "10-77-0-0-29").await.expect("a block");
            let block = Block::read(&object["spec"].to_string()).expect("a block");
            let wanted = Wanted { address: claim.address, handle: None, sequence_number: None };
            let release = block.release(&[wanted], &terms).expect("it is given back");
            let Some(Change::Put(spec)) = Change::of_block(&release.change) else { break };
            object["spec"] = serde_json::to_value(spec).expect("JSON");
            if calico.cluster().send(Method::PUT, &path, Some(&object)).await.is_ok() {
                collected += release.released.len();
                for id in release.counts.keys() {
                    // It may be gone by our hand.
                    let path = format!("{PATH}/ipamhandles/{id}");
                    let _ = calico.cluster().send(Method::DELETE, &path, None).await;
                }
                break;
            }
        }
    }
    collected
}

#[tokio::test]
async fn a_dry_run_tells_what_it_would_write_and_writes_nothing() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    let before = [calico.list("IPAMBlock").await, calico.list("IPAMHandle").await];

    let released =
        release(&calico.store, &[claim("10.77.0.1", 1)], Mode::DryRun).await.expect("it can be used");

    let expected = [
        "PUT IPAMBlock 10-77-0-0-29".to_owned(),
        format!("PUT IPAMHandle {}", handle(1)),
        format!("DELETE IPAMHandle {}", handle(1)),
    ];
    let [Outcome::Released { writes, .. }] = &*released else { panic!("{released:?}") };
    assert_eq!(*writes, expected);
    assert_eq!([calico.list("IPAMBlock").await, calico.list("IPAMHandle").await], before);
}

/// From some number on handles are read in lists.
#[tokio::test]
async fn many_handles_are_told_as_few_are() {
    let Ok(calico) = Calico::start().await else { return };
    let mut claims = Vec::new();
    for number in 0..10_u8 {
        let cidr = format!("10.77.0.{}/29", number * 8);
        let held: Vec<(usize, u8)> = (0..8).map(|place| (usize::from(place), number * 8 + place)).collect();
        calico.block(&cidr, &held).await;
        for (_, container) in held {
            // Its own address and another, which it keeps, for every second one.
            let other = ("10.77.0.248/29", 1);
            let counts = [(&*cidr, 1), other];
            calico.handle(container, if container % 2 == 0 { &counts[..1] } else { &counts }).await;
            claims.push(claim(&format!("10.77.0.{container}"), container));
        }
    }

    let released = calico.release(&claims).await;

    assert!(released.iter().all(|outcome| matches!(outcome, Outcome::Released { .. })), "{released:?}");
    let left = calico.list("IPAMHandle").await;
    assert_eq!(left.len(), 40);
    assert!(left.iter().all(|handle| handle["spec"]["block"] == json!({"10.77.0.248/29": 1})), "{left:?}");
}

/// The wrong cluster holds no block either.
#[tokio::test]
async fn where_there_is_no_block_at_all_nothing_is_proved_to_be_free() {
    let Ok(calico) = Calico::start().await else { return };

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    let [Outcome::Failed(error)] = &*released else { panic!("{released:?}") };
    assert!(error.to_string().contains("is this the datastore of this cluster's Calico?"), "{error}");
}

#[tokio::test]
async fn an_inventory_holds_everything_and_names_what_cannot_be_understood() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.block("10.77.0.8/29", &[]).await;
    calico.handle(1, &[(V4, 1)]).await;
    calico.handle(2, &[(V4, 1)]).await;
    calico.put("IPAMConfig", "default", json!({"ipCooldownSeconds": 600})).await;
    let broken = [
        (format!("{PATH}/ipamblocks/10-77-0-8-29"), json!({"spec": {"unallocated": [0]}})),
        (format!("{PATH}/ipamhandles/{}", handle(2)), json!({"spec": {"block": {"10.77.0.0/29": "one"}}})),
        (format!("{PATH}/ippools/pool6"), json!({"spec": {"cidr": "fd00"}})),
    ];
    for (path, patch) in broken {
        calico.cluster().send(Method::PATCH, &path, Some(&patch)).await.expect("it is changed");
    }

    let Inventory { pools, blocks, handles, is_locked, config, problems } =
        calico.store.inventory().await.expect("it is read");

    let block_of =
        |address: &str| pools.block_of(address.parse().expect("an address")).map(|cidr| cidr.to_string());
    assert_eq!(block_of("10.77.0.9").as_deref(), Some("10.77.0.8/29"));
    assert_eq!(block_of("fd00:77::1"), None);
    assert_eq!(blocks.iter().map(|block| block.cidr().to_string()).collect::<Vec<_>>(), [V4]);
    assert_eq!(handles.keys().map(ToString::to_string).collect::<Vec<_>>(), [handle(1)]);
    assert_eq!((is_locked, config.cooldown.as_secs()), (false, 600));
    let mut named: Vec<&str> = problems.iter().map(|problem| &*problem.object).collect();
    named.sort_unstable();
    assert_eq!(named, ["IPAMBlock 10-77-0-8-29", &format!("IPAMHandle {}", handle(2)), "IPPool pool6"]);
}

#[tokio::test]
async fn the_datastore_says_where_it_is() {
    let Ok(calico) = Calico::start().await else { return };
    assert_eq!(calico.store.to_string(), "the Kubernetes API (crd.projectcalico.org/v1)");
}
