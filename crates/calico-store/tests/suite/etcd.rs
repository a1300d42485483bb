//! Addresses are given back in a real etcd.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use calico_ipam::Location;
use calico_store::{
    CalicoDatastore, DatastoreSettings, EtcdDatastore, Failure, Inventory, Mode, Outcome, StoreError, release,
};
use futures::future::{join, join_all};
use serde_json::{Value, json};
use testkit::{Etcd, Unavailable};

use crate::{
    calico::{SEQUENCE_NUMBER, block, claim, counts, handle},
    golden::{Objects, Replay, State, cidr, replay},
};

const V4: &str = "10.77.0.0/29";
const V6: &str = "fd00:77::/125";

const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";
const IPAM: &str = "/calico/ipam/v2";

/// An etcd with Calico's objects in it, and the datastore that is tested.
struct Calico {
    etcd: Etcd,
    store: CalicoDatastore,
}

impl Calico {
    async fn start() -> Result<Self, Unavailable> {
        let etcd = Etcd::start().await?;
        let store = connect(&[("ETCD_ENDPOINTS", etcd.url())]).await.expect("it lets everybody in");
        Ok(Self { etcd, store }.with_pools().await)
    }

    async fn with_pools(self) -> Self {
        self.pool("pool4", &json!({"cidr": "10.77.0.0/24", "blockSize": 29})).await;
        self.pool("pool6", &json!({"cidr": "fd00:77::/120", "blockSize": 125})).await;
        self
    }

    async fn pool(&self, name: &str, spec: &Value) {
        let pool = json!({"kind": "IPPool", "metadata": {"name": name}, "spec": spec});
        self.etcd.put(&format!("{RESOURCES}/ippools/{name}"), &pool.to_string()).await;
    }

    async fn block(&self, cidr: &str, held: &[(usize, u8)]) {
        let mut block = block(cidr, held);
        block.as_object_mut().expect("an object").remove("strictAffinity");
        self.etcd.put(&block_key(cidr), &block.to_string()).await;
    }

    async fn handle(&self, container: u8, blocks: &[(&str, i64)]) {
        self.etcd.put(&handle_key(container), &counts(blocks).to_string()).await;
    }

    async fn release(&self, claims: &[calico_ipam::Claim]) -> Vec<Outcome> {
        release(&self.store, claims, Mode::Write).await.expect("it can be used")
    }

    async fn value(&self, key: &str) -> Option<Value> {
        let pair = self.etcd.get(key).await?;
        Some(serde_json::from_str(&pair.value).expect("JSON"))
    }

    async fn allocations(&self, cidr: &str) -> Value {
        self.value(&block_key(cidr)).await.expect("a block")["allocations"].clone()
    }
}

fn block_key(cidr: &str) -> String {
    Location::Block(cidr.parse().expect("a cidr")).etcd_key()
}

fn handle_key(container: u8) -> String {
    format!("{IPAM}/handle/{}", handle(container))
}

/// The datastore that these variables tell of.
async fn connect(variables: &[(&str, &str)]) -> Result<CalicoDatastore, StoreError> {
    let lookup = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    };
    let settings = DatastoreSettings::read(None, lookup).expect("they can work");
    let Some(DatastoreSettings::Etcd(settings)) = settings else { panic!("it is no etcd: {settings:?}") };
    EtcdDatastore::connect(&settings).await.map(CalicoDatastore::Etcd)
}

fn is_released(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Released { .. })
}

/// Scenario 50: both families of a Pod, and several addresses of one block, by one handle. A block and its handles change at
/// once.
#[tokio::test]
async fn a_block_and_its_handles_change_in_one_transaction() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 1), (3, 2), (4, 3)]).await;
    calico.block(V6, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 2), (V6, 1)]).await;
    calico.handle(2, &[(V4, 1)]).await;
    calico.handle(3, &[(V4, 1)]).await;

    let released =
        calico.release(&[claim("10.77.0.1", 1), claim("10.77.0.2", 1), claim("10.77.0.3", 2)]).await;

    assert!(released.iter().all(is_released), "{released:?}");
    let block = calico.etcd.get(&block_key(V4)).await.expect("a block");
    let left = calico.etcd.get(&handle_key(1)).await.expect("it holds another");
    assert_eq!(block.revision, left.revision, "they changed at once");
    assert_eq!(calico.value(&handle_key(1)).await, Some(counts(&[(V6, 1)])));
    assert_eq!(calico.etcd.get(&handle_key(2)).await, None);
    assert!(calico.etcd.get(&handle_key(3)).await.is_some_and(|handle| handle.revision < block.revision));

    let rest = calico.release(&[claim("fd00:77::1", 1)]).await;

    let [Outcome::Released { writes, .. }] = &*rest else { panic!("{rest:?}") };
    let expected = [format!("PUT {}", block_key(V6)), format!("DELETE {}", handle_key(1))];
    assert_eq!(*writes, expected);
    assert_eq!(calico.etcd.get(&handle_key(1)).await, None);
}

#[tokio::test]
async fn a_dry_run_tells_what_it_would_write_and_writes_nothing() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    let before = calico.etcd.below("/").await;

    let released =
        release(&calico.store, &[claim("10.77.0.1", 1)], Mode::DryRun).await.expect("it can be used");

    let [Outcome::Released { writes, .. }] = &*released else { panic!("{released:?}") };
    assert_eq!(*writes, [format!("PUT {}", block_key(V4)), format!("DELETE {}", handle_key(1))]);
    assert_eq!(calico.etcd.below("/").await, before);
}

/// Scenario 49: an address of which somebody else holds the handle by now.
#[tokio::test]
async fn what_is_somebody_else_s_is_not_touched() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 3)]).await;
    calico.handle(3, &[(V4, 1)]).await;
    let before = calico.etcd.below("/").await;

    let released = calico.release(&[claim("10.77.0.1", 9)]).await;

    assert!(matches!(&*released, [Outcome::Refused(_)]), "{released:?}");
    assert_eq!(calico.etcd.below("/").await, before);
}

/// Scenario 54: Calico moves its datastore.
#[tokio::test]
async fn a_locked_datastore_is_left_as_it_is() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    let locked = json!({"kind": "ClusterInformation", "spec": {"datastoreReady": false}});
    calico.etcd.put(&format!("{RESOURCES}/clusterinformations/default"), &locked.to_string()).await;
    let before = calico.etcd.below("/").await;

    let refused = release(&calico.store, &[claim("10.77.0.1", 1)], Mode::Write).await;

    assert!(refused.as_ref().is_err_and(|error| error.failure == Failure::Locked), "{refused:?}");
    assert_eq!(calico.etcd.below("/").await, before);
    assert!(calico.store.inventory().await.expect("it is read").is_locked);
}

/// Scenarios 55 and 56: members of newer versions, and numbers that no floating point number holds.
#[tokio::test]
async fn what_is_not_understood_comes_back_letter_by_letter() {
    let Ok(calico) = Calico::start().await else { return };
    let text = format!(
        r#"{{"cidr":"{V4}","affinity":null,"hostAffinity":null,"affinity_claim_time":"2026-11-23T22:17:15Z","newer":{{"big":12345678901234567890123,"small":1.10}},"allocations":[null,0,1,null,null,null,null,null],"unallocated":[0,3,4,5,6,7],"attributes":[{{"handle_id":"{}","secondary":null}},{{"handle_id":null,"secondary":{{"node":"b"}},"newer":1e400}}],"sequenceNumber":18446744073709551614}}"#,
        handle(1)
    );
    calico.etcd.put(&block_key(V4), &text).await;
    calico.etcd.put(&handle_key(1), r#"{"block":{"10.77.0.0/29":1},"deleted":false,"newer":1.10}"#).await;

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(released.iter().all(is_released), "{released:?}");
    let written = calico.etcd.get(&block_key(V4)).await.expect("a block").value;
    for kept in [
        r#""newer":{"big":12345678901234567890123,"small":1.10}"#,
        r#"{"handle_id":null,"secondary":{"node":"b"},"newer":1e400}"#,
        r#""sequenceNumber":18446744073709551615"#,
        r#""affinity":null"#,
        r#""hostAffinity":null"#,
        r#""affinity_claim_time":"2026-11-23T22:17:15Z""#,
    ] {
        assert!(written.contains(kept), "{kept} is not in {written}");
    }
    assert_eq!(calico.etcd.get(&handle_key(1)).await, None);
}

/// Scenario 52: pools that are gone or were made anew, an address that nobody has.
#[tokio::test]
async fn a_block_that_no_pool_tells_of_is_found() {
    let Ok(calico) = Calico::start().await else { return };
    calico.pool("pool4", &json!({"cidr": "10.77.0.0/24", "blockSize": 30})).await;
    calico.pool("pool6", &json!({"cidr": "fd00:99::/120"})).await;
    calico.block(V4, &[(1, 1)]).await;
    calico.block(V6, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1), (V6, 1)]).await;

    let claims = [claim("10.77.0.1", 1), claim("fd00:77::1", 1), claim("10.77.0.200", 1)];
    let released = calico.release(&claims).await;

    let [Outcome::Released { .. }, Outcome::Released { .. }, Outcome::AlreadyFree(_)] = &*released else {
        panic!("{released:?}")
    };
    assert_eq!(calico.etcd.get(&handle_key(1)).await, None);
}

/// The wrong etcd holds no block either.
#[tokio::test]
async fn where_there_is_no_block_at_all_nothing_is_proved_to_be_free() {
    let Ok(calico) = Calico::start().await else { return };

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    let [Outcome::Failed(error)] = &*released else { panic!("{released:?}") };
    assert!(error.to_string().contains("is this the datastore of this cluster's Calico?"), "{error}");
}

/// Scenario 51: an earlier release, or Calico's own, was cut short between block and handle.
#[tokio::test]
async fn a_handle_that_was_never_told_is_counted_anew() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(3, 4)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    calico.handle(4, &[(V4, 1)]).await;

    let released = calico.release(&[claim("10.77.0.1", 1)]).await;

    assert!(matches!(&*released, [Outcome::AlreadyFree(_)]), "{released:?}");
    assert_eq!(calico.etcd.get(&handle_key(1)).await, None);
    assert!(calico.etcd.get(&handle_key(4)).await.is_some());
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

    assert!(all.iter().flatten().all(is_released), "{all:?}");
    let block = calico.value(&block_key(V4)).await.expect("a block");
    assert_eq!(block["allocations"], json!([null, null, null, null, null, null, null, 0]));
    assert_eq!(block["sequenceNumber"], json!(SEQUENCE_NUMBER + 7));
    assert_eq!(calico.etcd.below(&format!("{IPAM}/handle/")).await.len(), 1);
}

/// Scenario 57: Calico collects the same garbage at the same time, the block first and the handle after it.
#[tokio::test]
async fn with_calico_s_own_collector_each_address_is_given_back_once() {
    let Ok(calico) = Calico::start().await else { return };
    for round in 0..10 {
        let held: Vec<(usize, u8)> = (0..8).map(|container| (usize::from(container), container)).collect();
        calico.block(V4, &held).await;
        for container in 0..8 {
            calico.handle(container, &[(V4, 1)]).await;
        }
        let claims: Vec<_> = (0..8).map(|place| claim(&format!("10.77.0.{place}"), place)).collect();

        let (released, collected) = join(calico.release(&claims[..5]), collect(&calico, &claims[3..])).await;

        let done = |outcome: &Outcome| is_released(outcome) || matches!(outcome, Outcome::AlreadyFree(_));
        assert!(released.iter().all(done), "{round}: {released:?}");
        assert_eq!(calico.allocations(V4).await, json!(vec![Value::Null; 8]), "{round}");
        let by_us = released.iter().filter(|outcome| is_released(outcome)).count();
        assert_eq!(by_us + collected, 8, "{round}: each once");
        let handles = calico.etcd.below(&format!("{IPAM}/handle/")).await;
        assert!(handles.is_empty(), "{round}: {handles:?}");
    }
}

/// As Calico's collector does it: one address after the other, the block first, and the handle after it. Gives how many it
/// gave back.
async fn collect(calico: &Calico, claims: &[calico_ipam::Claim]) -> usize {
    let terms = calico_ipam::Terms { now: jiff::Timestamp::now(), cooldown: jiff::SignedDuration::ZERO };
    let mut collected = 0;
    for claim in claims {
        loop {
            let pair = calico.etcd.get(&block_key(V4)).await.expect("a block");
            let block = calico_ipam::Block::read(&pair.value).expect("a block");
            let wanted = calico_ipam::Wanted { address: claim.address, handle: None, sequence_number: None };
            let release = block.release(&[wanted], &terms).expect("it is given back");
            let Some(calico_ipam::Change::Put(members)) = calico_ipam::Change::of_block(&release.change)
            else {
                break;
            };
            let text = serde_json::to_string(&members).expect("JSON");
            if calico.etcd.put_if(&block_key(V4), pair.revision, &text).await {
                collected += release.released.len();
                for handle in release.counts.keys() {
                    calico.etcd.delete(&format!("{IPAM}/handle/{handle}")).await;
                }
                break;
            }
        }
    }
    collected
}

/// An etcd takes 128 operations in a transaction; the handles beyond are told after it.
#[tokio::test]
async fn a_block_of_more_handles_than_a_transaction_takes_is_given_back_as_a_whole() {
    let Ok(calico) = Calico::start().await else { return };
    calico.pool("pool4", &json!({"cidr": "10.77.0.0/24", "blockSize": 24})).await;
    let wide = "10.77.0.0/24";
    let mut value = block(wide, &[]);
    value["allocations"] = json!((0..=255).collect::<Vec<u8>>());
    value["unallocated"] = json!([]);
    value["attributes"] =
        (0..=255_u8).map(|number| json!({"handle_id": handle(number)})).collect::<Vec<_>>().into();
    calico.etcd.put(&block_key(wide), &value.to_string()).await;
    for container in 0..=255 {
        calico.handle(container, &[(wide, 1)]).await;
    }

    let claims: Vec<_> = (0..=254).map(|place| claim(&format!("10.77.0.{place}"), place)).collect();
    let released = calico.release(&claims).await;

    assert!(released.iter().all(is_released), "{released:?}");
    let left = calico.etcd.below(&format!("{IPAM}/handle/")).await;
    assert_eq!(left.keys().collect::<Vec<_>>(), [&handle_key(255)]);
    let block = calico.value(&block_key(wide)).await.expect("a block");
    assert_eq!(block["sequenceNumber"], json!(SEQUENCE_NUMBER + 1), "it was written once");
}

/// What is wrong with one object holds up nobody else.
#[tokio::test]
async fn an_object_that_cannot_be_understood_is_named() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 2)]).await;
    calico.etcd.put(&block_key("10.77.0.8/29"), "{").await;
    calico.handle(2, &[(V4, 1)]).await;
    calico.etcd.put(&handle_key(1), r#"{"block":{"10.77.0.0/29":"one"}}"#).await;

    let claims = [claim("10.77.0.1", 1), claim("10.77.0.2", 2), claim("10.77.0.9", 3)];
    let released = calico.release(&claims).await;

    let [Outcome::Failed(handle), Outcome::Released { .. }, Outcome::Failed(block)] = &*released else {
        panic!("{released:?}")
    };
    assert!(handle.to_string().starts_with(&handle_key(1)), "{handle}");
    assert!(block.to_string().starts_with(&block_key("10.77.0.8/29")), "{block}");
    let Inventory { blocks, problems, .. } = calico.store.inventory().await.expect("it is read");
    assert_eq!(blocks.len(), 1);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[tokio::test]
async fn an_inventory_holds_everything() {
    let Ok(calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1)]).await;
    calico.block(V6, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1), (V6, 1)]).await;
    calico.etcd.put(&format!("{IPAM}/config"), r#"{"strict_affinity":false,"ipCooldownSeconds":600}"#).await;

    let inventory = calico.store.inventory().await.expect("it is read");

    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.blocks.len(), 2);
    assert_eq!(inventory.handles.keys().map(ToString::to_string).collect::<Vec<_>>(), [handle(1)]);
    assert_eq!(inventory.config.cooldown.as_secs(), 600);
    assert_eq!(
        inventory
            .pools
            .block_of("10.77.0.9".parse().expect("an address"))
            .map(|it| it.to_string())
            .as_deref(),
        Some("10.77.0.8/29")
    );
}

/// With certificates of one authority on both sides.
#[tokio::test]
async fn an_etcd_with_tls_is_reached_with_a_certificate_of_its_authority_alone() {
    let Ok(etcd) = Etcd::start_with_tls().await else { return };
    let path = |name: &str| etcd.file(name).display().to_string();
    let (ca, other, certificate, key) =
        (path("ca.pem"), path("other-ca.pem"), path("client.pem"), path("client.key"));
    let endpoints = ("ETCD_ENDPOINTS", etcd.url());
    let identity = [("ETCD_CERT_FILE", &*certificate), ("ETCD_KEY_FILE", &*key)];

    let store = connect(&[endpoints, ("ETCD_CA_CERT_FILE", &ca), identity[0], identity[1]]).await;
    let calico = Calico { store: store.expect("it lets us in"), etcd }.with_pools().await;
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;
    let released = calico.release(&[claim("10.77.0.1", 1)]).await;
    assert!(released.iter().all(is_released), "{released:?}");

    let endpoints = ("ETCD_ENDPOINTS", calico.etcd.url());
    let without = connect(&[endpoints, ("ETCD_CA_CERT_FILE", &ca)]).await;
    let error = without.err().expect("it asks for a certificate").to_string();
    assert!(error.contains("set ETCD_CERT_FILE and ETCD_KEY_FILE"), "{error}");
    let wrong = connect(&[endpoints, ("ETCD_CA_CERT_FILE", &other), identity[0], identity[1]]).await;
    let error = wrong.err().expect("it cannot be trusted").to_string();
    assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
}

/// A token grows old when anybody's rights change, and then a new one is asked for.
#[tokio::test]
async fn an_etcd_with_users_is_reached_with_the_right_password_alone() {
    let Ok(mut calico) = Calico::start().await else { return };
    calico.block(V4, &[(1, 1), (2, 2)]).await;
    calico.etcd.enable_users("calico", "s3cret", "/calico/").await;
    let url = calico.etcd.url().to_owned();
    let endpoints = ("ETCD_ENDPOINTS", &*url);

    let nobody = connect(&[endpoints]).await.err().expect("nobody is let in");
    assert!(nobody.to_string().contains("user name is empty"), "{nobody}");
    let wrong = connect(&[endpoints, ("ETCD_USERNAME", "calico"), ("ETCD_PASSWORD", "gu3ssed")]).await;
    let wrong = wrong.err().expect("it is not let in").to_string();
    assert!(wrong.contains("authentication failed") && !wrong.contains("gu3ssed"), "{wrong}");

    calico.store = connect(&[endpoints, ("ETCD_USERNAME", "calico"), ("ETCD_PASSWORD", "s3cret")])
        .await
        .expect("it is let in");
    let released = calico.release(&[claim("10.77.0.1", 1)]).await;
    assert!(released.iter().all(is_released), "{released:?}");
    calico.etcd.change_password("calico", "s3cret").await;
    let released = calico.release(&[claim("10.77.0.2", 2)]).await;
    assert!(released.iter().all(is_released), "{released:?}");
}

/// Calico's own client waits for ever.
#[tokio::test]
async fn an_etcd_that_is_silent_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let started = Instant::now();

    let error = connect(&[("ETCD_ENDPOINTS", &url)]).await.err().expect("nobody answers");

    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    assert!(error.to_string().contains(&url) && error.to_string().contains("no answer within"), "{error}");
}

#[tokio::test]
async fn of_several_members_one_that_lives_is_enough() {
    let Ok(calico) = Calico::start().await else { return };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", silent.local_addr().expect("an address"));
    // Nobody listens on it any more.
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let endpoints = format!("http://{dead}, {silent},{}", calico.etcd.url());
    calico.block(V4, &[(1, 1)]).await;
    calico.handle(1, &[(V4, 1)]).await;

    let store = connect(&[("ETCD_ENDPOINTS", &endpoints)]).await.expect("one lives");
    let started = Instant::now();
    let released = release(&store, &[claim("10.77.0.1", 1)], Mode::Write).await.expect("it can be used");

    assert!(released.iter().all(is_released), "{released:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "the one that answered is asked first");
}

impl Replay for Calico {
    fn store(&self) -> &CalicoDatastore {
        &self.store
    }

    async fn load(&self, state: &State) {
        self.etcd.wipe().await;
        for block in &state.blocks {
            self.etcd.put(&block_key(&cidr(block)), &block.to_string()).await;
        }
        for (id, handle) in &state.handles {
            self.etcd.put(&format!("{IPAM}/handle/{id}"), &handle.to_string()).await;
        }
        for (name, pool) in &state.pools {
            self.pool(name, pool).await;
        }
        if let Some(config) = &state.config {
            self.etcd.put(&format!("{IPAM}/config"), &config.to_string()).await;
        }
    }

    async fn objects(&self) -> Objects {
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let blocks = self.etcd.below(&format!("{IPAM}/assignment/")).await;
        let blocks = blocks.values().map(|pair| value(&pair.value)).map(|block| (cidr(&block), block));
        let handles = self.etcd.below(&format!("{IPAM}/handle/")).await;
        let handles = handles.iter().map(|(key, pair)| {
            (key.trim_start_matches(&format!("{IPAM}/handle/")).to_owned(), value(&pair.value))
        });
        blocks.chain(handles).collect()
    }
}

/// Scenarios 50, 52 and 53: what Calico's library does in etcd.
#[tokio::test]
async fn the_state_afterwards_is_calico_s_in_etcd() {
    let Ok(calico) = Calico::start().await else { return };
    let replayed = replay(&calico, include_str!("../../../calico-ipam/golden/etcd.jsonl"), true).await;
    assert_eq!(replayed, 59);
}
