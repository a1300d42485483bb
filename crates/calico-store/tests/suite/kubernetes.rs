//! Addresses are given back in the Kubernetes API.

use calico_store::{Failure, Mode, Outcome, release};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::calico::{Calico, PATH, SEQUENCE_NUMBER, claim, handle};

const V4: &str = "10.77.0.0/29";
const V6: &str = "fd00:77::/125";

/// A block of eight addresses of which nobody has any.
fn nobody() -> Value {
    json!(vec![Value::Null; 8])
}

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

/// The pool was made anew with smaller blocks, or is gone: the block of before is found all the same.
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
