//! A release as a plan against what Calico's own library did (see `golden/README.md`): the state afterwards and the writes.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use calico_ipam::{
    Block, Change, Handle, HandleId, IpamConfig, Known, Location, Pool, Pools, ReleasePlan, Terms, Wanted,
    plan_release, plan_release_of_handle,
};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// Recorded calls, by datastore.
const DATASTORES: [(&str, &str, bool); 3] = [
    ("kdd", include_str!("../golden/kdd.jsonl"), true),
    ("kddv3", include_str!("../golden/kddv3.jsonl"), true),
    ("etcd", include_str!("../golden/etcd.jsonl"), false),
];

/// Another writer came in between, which is no matter of a plan.
const RACES: [&str; 6] = [
    "09a-conflict-block-update",
    "09b-conflict-handle-update",
    "09d-conflict-same-address",
    "09e-block-deleted-meanwhile",
    "09f-permanent-conflict",
    "09g-handle-cached-and-stale",
];

/// Where we know better than Calico, which looks for addresses of one family only.
const BETTER: [(&str, &str); 1] = [("etcd", "04i-pools-deleted-both-families")];

/// A handle of another name, which the Kubernetes API keeps under the same one: Calico finds nothing to release in it, and we
/// say that there is no such handle.
const OF_ANOTHER_NAME: &str = "15-uppercase-handle-b-by-handle-lower";

#[derive(Deserialize)]
struct Recorded {
    case: String,
    api: String,
    args: Value,
    time: jiff::Timestamp,
    result: Outcome,
    before: State,
    after: State,
    writes: Option<Vec<RecordedWrite>>,
}

#[derive(Deserialize)]
struct Outcome {
    unallocated: Option<Vec<String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct State {
    blocks: Vec<Box<RawValue>>,
    handles: BTreeMap<String, Box<RawValue>>,
    pools: BTreeMap<String, Box<RawValue>>,
    config: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RecordedWrite {
    kind: Option<String>,
    name: Option<String>,
    key: Option<String>,
    put: Option<Value>,
}

/// An object of a datastore, and what is in it.
type Objects = BTreeMap<String, Value>;

fn all() -> impl Iterator<Item = (&'static str, bool, Recorded)> {
    DATASTORES.into_iter().flat_map(|(datastore, lines, in_two_steps)| {
        let read =
            move |line| (datastore, in_two_steps, serde_json::from_str(line).expect("a recorded call"));
        lines.lines().map(read)
    })
}

/// Those that one plan has to agree with.
fn plannable() -> impl Iterator<Item = (String, Recorded, Option<ReleasePlan>)> {
    let calls = all().filter(|(_, _, recorded)| !RACES.contains(&recorded.case.as_str()));
    let calls = calls.filter(|(datastore, _, recorded)| !BETTER.contains(&(*datastore, &recorded.case)));
    calls.map(|(datastore, in_two_steps, recorded)| {
        let plan = plan(&recorded, in_two_steps);
        (format!("{datastore} {}", recorded.case), recorded, plan)
    })
}

fn known(state: &State, deletes_in_two_steps: bool) -> Known {
    let read = |text: &RawValue| Block::read(text.get()).expect("a block");
    let pools = state.pools.iter().map(|(name, spec)| Pool::read(name, spec.get()).expect("a pool"));
    let handle = |text: &RawValue| Handle::read(text.get()).expect("a handle");
    Known {
        pools: Pools::new(pools.collect()),
        blocks: state.blocks.iter().map(|text| read(text)).map(|block| (block.cidr(), block)).collect(),
        handles: state.handles.iter().map(|(id, text)| (HandleId::new(id), handle(text))).collect(),
        deletes_in_two_steps,
    }
}

/// None if the arguments are none.
fn plan(recorded: &Recorded, in_two_steps: bool) -> Option<ReleasePlan> {
    let known = known(&recorded.before, in_two_steps);
    let config = recorded.before.config.as_ref();
    let config =
        config.map(|text| IpamConfig::read(text.get()).expect("a configuration")).unwrap_or_default();
    let terms = Terms { now: recorded.time, cooldown: config.cooldown };
    if recorded.api == "ReleaseByHandle" {
        let handle = HandleId::new(recorded.args["handle"].as_str().expect("an id"));
        return Some(plan_release_of_handle(&known, &handle, &terms));
    }
    let wanted: Option<Vec<Wanted>> = recorded.args.as_array().expect("options").iter().map(wanted).collect();
    Some(plan_release(&known, &wanted?, &terms))
}

fn wanted(option: &Value) -> Option<Wanted> {
    let address: IpAddr = option["address"].as_str()?.parse().ok()?;
    Some(Wanted {
        address: address.to_canonical(),
        handle: option["handle"].as_str().filter(|id| !id.is_empty()).map(HandleId::new),
        sequence_number: option["sequenceNumber"].as_u64(),
    })
}

fn objects(state: &State) -> Objects {
    let value = |text: &RawValue| serde_json::from_str::<Value>(text.get()).expect("JSON");
    let block = |text: &RawValue| {
        let value = value(text);
        (value["cidr"].as_str().expect("a cidr").to_owned(), value)
    };
    let blocks = state.blocks.iter().map(|text| block(text));
    blocks.chain(state.handles.iter().map(|(id, text)| (id.clone(), value(text)))).collect()
}

fn name(location: &Location) -> String {
    match location {
        Location::Block(cidr) => cidr.to_string(),
        Location::Handle(id) => id.to_string(),
    }
}

fn applied(mut objects: Objects, plan: &ReleasePlan) -> Objects {
    for write in plan.writes() {
        let name = name(&write.location);
        match write.change {
            Change::Put(members) => {
                objects.insert(name, serde_json::to_value(members).expect("JSON"));
            }
            Change::Delete(_) => {
                objects.remove(&name).expect("what is deleted was there");
            }
        }
    }
    objects
}

#[test]
fn the_state_afterwards_is_calicos() {
    let mut compared = 0;
    for (case, recorded, plan) in plannable() {
        let before = objects(&recorded.before);
        let after = plan.map_or_else(|| before.clone(), |plan| applied(before.clone(), &plan));
        assert_eq!(after, objects(&recorded.after), "{case}");
        compared += 1;
    }
    assert_eq!(compared, 191);
}

/// What is written last into each object, as its place in a datastore.
#[test]
fn the_writes_are_calicos() {
    let mut in_order = 0;
    for (case, recorded, plan) in plannable() {
        let Some((plan, writes)) = plan.zip(recorded.writes) else { continue };
        let is_etcd = case.starts_with("etcd");
        let mut planned = Vec::new();
        for write in plan.writes() {
            let place = place(&write.location, is_etcd);
            match write.change {
                Change::Put(members) => {
                    planned.push((place, Some(serde_json::to_value(members).expect("JSON"))))
                }
                Change::Delete(members) if !is_etcd => {
                    planned.push((place.clone(), Some(serde_json::to_value(members).expect("JSON"))));
                    planned.push((place, None));
                }
                Change::Delete(_) => planned.push((place, None)),
            }
        }
        let recorded: Vec<(String, Option<Value>)> = writes.into_iter().map(RecordedWrite::placed).collect();
        if plan.blocks.len() <= 1 && plan.handles.len() <= 1 {
            assert_eq!(planned, recorded, "{case}");
            in_order += 1;
        } else {
            // Calico writes block by block, and a handle after each of its blocks.
            let last =
                |writes: &[(String, Option<Value>)]| writes.iter().cloned().collect::<BTreeMap<_, _>>();
            assert_eq!(last(&planned), last(&recorded), "{case}");
        }
    }
    assert_eq!(in_order, 165);
}

#[test]
fn what_is_refused_and_what_nobody_had_is_calicos() {
    for (case, recorded, plan) in plannable() {
        let Some(plan) = plan else {
            assert!(recorded.result.error.is_some(), "{case}: the arguments are none");
            continue;
        };
        if recorded.case == OF_ANOTHER_NAME {
            assert!(plan.blocks.is_empty() && plan.handles.is_empty(), "{case}");
            continue;
        }
        let is_refused = plan.blocks.iter().any(|block| block.release.is_err());
        let is_unknown_handle = recorded.api == "ReleaseByHandle" && plan.blocks.is_empty();
        assert_eq!(is_refused || is_unknown_handle, recorded.result.error.is_some(), "{case}");
        let of_blocks =
            plan.blocks.iter().flat_map(|block| block.release.iter().flat_map(|it| &it.unallocated));
        let unallocated: BTreeSet<String> = of_blocks.chain(&plan.homeless).map(IpAddr::to_string).collect();
        let told = recorded.result.unallocated.unwrap_or_default();
        assert_eq!(unallocated, told.into_iter().collect(), "{case}");
    }
}

/// Addresses of both families whose pools are gone: Calico looks through the blocks of one family only in etcd.
#[test]
fn an_address_without_a_pool_is_found_whichever_family_it_is_of() {
    let calls = all().filter(|(datastore, _, recorded)| BETTER.contains(&(*datastore, &recorded.case)));
    let mut found = 0;
    for (_, in_two_steps, recorded) in calls {
        let plan = plan(&recorded, in_two_steps).expect("addresses");
        assert!(plan.homeless.is_empty());
        assert!(
            plan.blocks.iter().all(|block| block.release.as_ref().is_ok_and(|it| it.released.len() == 1))
        );
        found += plan.blocks.len();
    }
    assert_eq!(found, 2);
}

#[test]
fn numbers_and_members_of_newer_versions_are_kept_letter_by_letter() {
    let unknown = r#"{"big":12345678901234567890123,"small":1.10,"list":[1e400]}"#;
    let text = format!(
        r#"{{"cidr":"10.0.0.0/31","allocations":[0,1],"unallocated":[],"sequenceNumber":18446744073709551614,
        "attributes":[{{"handle_id":"n.c","newer":{unknown}}},{{"handle_id":"n.d","newer":{unknown}}}],
        "newer":{unknown}}}"#
    );
    let block = Block::read(&text).expect("a block");
    let wanted =
        Wanted { address: "10.0.0.0".parse().expect("an address"), handle: None, sequence_number: None };
    let known = Known { blocks: [(block.cidr(), block)].into(), ..Known::default() };
    let terms = Terms { now: jiff::Timestamp::UNIX_EPOCH, cooldown: jiff::SignedDuration::ZERO };

    let plan = plan_release(&known, &[wanted], &terms);
    let write = plan.writes().next().expect("a write");
    let Change::Put(members) = write.change else { panic!("it is deleted") };
    let written = serde_json::to_string(&members).expect("JSON");

    assert_eq!(written.matches(unknown).count(), 2, "{written}");
    assert!(written.contains("18446744073709551615"), "{written}");
}

impl RecordedWrite {
    fn placed(self) -> (String, Option<Value>) {
        let place = match (self.key, self.kind, self.name) {
            (Some(key), _, _) => key,
            (None, Some(kind), Some(name)) => format!("{kind}/{name}"),
            _ => panic!("a write without a place"),
        };
        (place, self.put)
    }
}

fn place(location: &Location, is_etcd: bool) -> String {
    let kind = match location {
        Location::Block(_) => "ipamblocks",
        Location::Handle(_) => "ipamhandles",
    };
    if is_etcd { location.etcd_key() } else { format!("{kind}/{}", location.object_name()) }
}

/// What blocks of the oldest versions lack, and what it means that they do.
const OLDEST_LACK: [(&str, &str); 3] =
    [("sequenceNumber", "0"), ("sequenceNumberForAllocation", "{}"), ("deleted", "false")];

#[test]
fn every_recorded_block_is_read_and_written_as_it_was() {
    for (datastore, _, recorded) in all() {
        for text in recorded.before.blocks.iter().chain(&recorded.after.blocks) {
            let block = Block::read(text.get()).expect("a block");
            let was: Value = serde_json::from_str(text.get()).expect("JSON");
            let mut written = serde_json::to_value(block.to_json()).expect("JSON");
            for (member, unset) in OLDEST_LACK {
                if was.get(member).is_none() {
                    let set = written.as_object_mut().and_then(|members| members.remove(member));
                    assert_eq!(set.expect("it is written").to_string(), unset, "{member}");
                }
            }
            assert_eq!(written, was, "{datastore} {}", recorded.case);
            assert!(was["cidr"].as_str().is_some_and(|cidr| cidr.parse() == Ok::<IpNet, _>(block.cidr())));
        }
    }
}
