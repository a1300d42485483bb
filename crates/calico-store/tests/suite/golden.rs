//! What Calico's own library did is done again, in real datastores: the state afterwards is the same.

use std::{collections::BTreeMap, net::IpAddr};

use calico_ipam::{Attribute, Block, Claim, HandleId, Proof};
use calico_store::{CalicoDatastore, Mode, release};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calico::Calico;

/// Another writer came in between: those who do that here are in tests of their own.
const RACES: [&str; 6] = [
    "09a-conflict-block-update",
    "09b-conflict-handle-update",
    "09d-conflict-same-address",
    "09e-block-deleted-meanwhile",
    "09f-permanent-conflict",
    "09g-handle-cached-and-stale",
];

/// What nobody can ask for here: texts that are no addresses, and numbers that are out of date.
const CANNOT_BE_ASKED: [&str; 5] = [
    "04g-bad-address-a-garbage",
    "04g-bad-address-b-empty",
    "04g-bad-address-c-with-prefix",
    "04g-bad-address-d-good-and-garbage",
    "08a-stale-sequence",
];

/// What is no Pod's, or nobody can prove to be his: Calico releases it for whoever asks, and we leave it as it is.
const REFUSED: [&str; 8] = [
    "07a-no-handle-b-empty-attrs",
    "13b-host-affinity-field-a-not-last",
    "13b-host-affinity-field-b-last",
    "10b-windows-reserved-itself",
    "10c-loadbalancer-a-one-by-ip",
    "10c-loadbalancer-b-rest-by-handle",
    "10d-tunnel-address",
    "16-alternate-owner-b-itself",
];

/// Calico writes a block anew in which nothing changes.
const NEEDLESS: &str = "04h-only-duplicates-b-free-twice";

/// Calico looks through the blocks of one family only, in etcd.
const FOUND_HERE: &str = "04i-pools-deleted-both-families";

/// Calico's release by handle does not renew the numbers of what is to cool down, as its release by address does. Here there is
/// only the latter.
const NUMBERED_OTHERWISE: &str = "14-cooldown-c-by-handle";

/// An object of a datastore, and what is in it.
pub type Objects = BTreeMap<String, Value>;

/// A recorded call.
#[derive(Deserialize)]
struct Recorded {
    case: String,
    api: String,
    args: Value,
    time: Timestamp,
    before: State,
    after: State,
}

/// What was in a datastore.
#[derive(Deserialize)]
pub struct State {
    pub blocks: Vec<Value>,
    pub handles: BTreeMap<String, Value>,
    pub pools: BTreeMap<String, Value>,
    pub config: Option<Value>,
}

/// A datastore in which calls are done again.
pub trait Replay {
    /// The datastore.
    fn store(&self) -> &CalicoDatastore;

    /// Makes it hold this and nothing else.
    async fn load(&self, state: &State);

    /// Its blocks by what they cover, and its handles by their ids.
    async fn objects(&self) -> Objects;
}

/// Does all recorded calls again. Gives how many there were.
pub async fn replay(place: &impl Replay, lines: &str, is_etcd: bool) -> usize {
    let mut replayed = 0;
    for line in lines.lines() {
        let mut recorded: Recorded = serde_json::from_str(line).expect("a recorded call");
        let case = recorded.case.as_str();
        if RACES.contains(&case) || CANNOT_BE_ASKED.contains(&case) || (is_etcd && case == FOUND_HERE) {
            continue;
        }
        let ago = Timestamp::now().duration_since(recorded.time);
        recorded.before.blocks.iter_mut().for_each(|block| move_times(block, ago));
        place.load(&recorded.before).await;

        let claims = recorded.claims();
        release(place.store(), &claims, Mode::Write).await.expect("it can be used");

        let stays = REFUSED.contains(&case) || case == NEEDLESS;
        let expected = if stays { &recorded.before } else { &recorded.after };
        let (mut is, mut expected) = (place.objects().await, expected.objects());
        for objects in [&mut is, &mut expected] {
            remove_times(objects);
            if case == NUMBERED_OTHERWISE {
                objects.values_mut().filter_map(Value::as_object_mut).for_each(|object| {
                    object.remove("sequenceNumberForAllocation");
                });
            }
        }
        assert_eq!(is, expected, "{case}");
        replayed += 1;
    }
    replayed
}

impl Recorded {
    /// Who would ask for the same here: whoever holds the address, unless it is said who.
    fn claims(&self) -> Vec<Claim> {
        if self.api == "ReleaseByHandle" {
            let id = HandleId::new(self.args["handle"].as_str().expect("an id"));
            let held = self.before.holders().into_iter().filter(|(_, holder)| holder.handle == id);
            let claim = |(address, _)| Claim { address, proof: Proof::Handle(id.clone()) };
            return held.map(claim).collect();
        }
        let holders = self.before.holders();
        let claim = |option: &Value| {
            let address: IpAddr = option["address"].as_str()?.parse().ok()?;
            let address = address.to_canonical();
            let asked_for = option["handle"].as_str().filter(|id| !id.is_empty()).map(HandleId::new);
            let holder = holders.get(&address);
            let held = holder.map(|holder| holder.handle.clone()).filter(|id| !id.is_empty());
            let pod = holder.and_then(Attribute::pod);
            let proof = match (asked_for.or(held), pod) {
                (Some(id), _) => Proof::Handle(id),
                (None, Some((namespace, pod))) => {
                    Proof::Pod { namespace: namespace.to_owned(), pod: pod.to_owned() }
                }
                (None, None) => Proof::Handle(HandleId::new("k8s-pod-network.nobody")),
            };
            Some(Claim { address, proof })
        };
        self.args
            .as_array()
            .expect("options")
            .iter()
            .map(|option| claim(option).expect("an address"))
            .collect()
    }
}

impl State {
    fn holders(&self) -> BTreeMap<IpAddr, Attribute> {
        let blocks = self.blocks.iter().map(|block| Block::read(&block.to_string()).expect("a block"));
        blocks
            .flat_map(|block| block.allocated().map(|(ip, holder)| (ip, holder.clone())).collect::<Vec<_>>())
            .collect()
    }

    fn objects(&self) -> Objects {
        let blocks = self.blocks.iter().map(|block| (cidr(block), block.clone()));
        blocks.chain(self.handles.iter().map(|(id, handle)| (id.clone(), handle.clone()))).collect()
    }
}

/// What a block covers.
pub fn cidr(block: &Value) -> String {
    block["cidr"].as_str().expect("a cidr").to_owned()
}

fn attributes(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.get_mut("attributes").and_then(Value::as_array_mut).into_iter().flatten()
}

/// As if it had been recorded now: what cools down does so for as long as it did then.
fn move_times(block: &mut Value, by: SignedDuration) {
    for time in attributes(block).filter_map(|attribute| attribute.get_mut("releasedAt")) {
        let at: Timestamp = time.as_str().and_then(|text| text.parse().ok()).expect("a time");
        *time = json!(at.checked_add(by).expect("a time"));
    }
}

fn remove_times(objects: &mut Objects) {
    for time in
        objects.values_mut().flat_map(attributes).filter_map(|attribute| attribute.get_mut("releasedAt"))
    {
        *time = json!("at some time");
    }
}

impl Replay for Calico {
    fn store(&self) -> &CalicoDatastore {
        &self.store
    }

    async fn load(&self, state: &State) {
        for kind in ["IPAMBlock", "IPAMHandle", "IPPool", self.config_kind()] {
            self.wipe(kind).await;
        }
        for block in &state.blocks {
            self.put("IPAMBlock", &cidr(block).replace(['.', ':', '/'], "-"), block.clone()).await;
        }
        for (id, handle) in &state.handles {
            self.put("IPAMHandle", &HandleId::new(id).object_name(), handle.clone()).await;
        }
        for (name, pool) in &state.pools {
            self.put("IPPool", name, pool.clone()).await;
        }
        if let Some(config) = &state.config {
            self.put(self.config_kind(), "default", config.clone()).await;
        }
    }

    async fn objects(&self) -> Objects {
        let blocks = self.list("IPAMBlock").await.into_iter().map(|block| {
            let spec = block["spec"].clone();
            (cidr(&spec), spec)
        });
        let handles = self.list("IPAMHandle").await.into_iter().map(|handle| {
            let spec = handle["spec"].clone();
            (spec["handleID"].as_str().expect("an id").to_owned(), spec)
        });
        blocks.chain(handles).collect()
    }
}

/// Scenarios 50, 52 and 53: what Calico's library does in the Kubernetes API.
#[tokio::test]
async fn the_state_afterwards_is_calico_s_in_the_kubernetes_api() {
    let Ok(calico) = Calico::start().await else { return };
    let replayed = replay(&calico, include_str!("../../../calico-ipam/golden/kdd.jsonl"), false).await;
    assert_eq!(replayed, 59);
}

#[tokio::test]
async fn the_state_afterwards_is_calico_s_in_the_newer_group() {
    let Ok(calico) = Calico::start_v3().await else { return };
    let replayed = replay(&calico, include_str!("../../../calico-ipam/golden/kddv3.jsonl"), false).await;
    assert_eq!(replayed, 58);
}
