//! Calico's datastore in an etcd. A block and its handles change in one transaction there, so that no handle ever counts what
//! no block holds. Which member of the etcd answers is `etcd/members.rs`'s business.

mod member;
mod members;
mod wire;

use std::{collections::BTreeSet, fmt};

use calico_ipam::{Change, Location, Members as Json, Write};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::{
    members::Members,
    wire::{
        Compare, DeleteRangeRequest, KeyValue, MOD_REVISION, PutRequest, RANGE, RangeRequest, RangeResponse,
        Request, RequestOp, Response, TXN, TxnRequest, TxnResponse,
    },
};
use crate::{
    EtcdSettings, Failure, StoreError,
    datastore::{Answer, Datastore, Entry, Kind, Named, Staged},
    reader::unusable,
};

/// Where the objects are that are resources of Calico's API too.
const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";

/// Where the configuration of the IPAM is.
const CONFIG: &str = "/calico/ipam/v2/config";

/// Where the blocks are.
const BLOCKS: [&str; 2] =
    ["/calico/ipam/v2/assignment/ipv4/block/", "/calico/ipam/v2/assignment/ipv6/block/"];

/// Where the handles are.
const HANDLES: &str = "/calico/ipam/v2/handle/";

/// Objects in a page of a list.
const PAGE: i64 = 200;

/// Operations in a transaction: an etcd takes 128, unless it was told otherwise.
const OPERATIONS: usize = 100;

/// The datastore in an etcd.
#[derive(Clone)]
pub struct EtcdDatastore {
    members: Members,
}

/// What Calico says of a node, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeSpec {
    orch_refs: Vec<NodeReference>,
}

/// What an orchestrator calls a node.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeReference {
    node_name: String,
}

// === impl EtcdDatastore ===

impl EtcdDatastore {
    /// Connects to an etcd, and makes sure that it answers.
    ///
    /// # Errors
    /// If the settings are none that can work, or if no member answers.
    pub async fn connect(settings: &EtcdSettings) -> Result<Self, StoreError> {
        let store = Self { members: Members::new(settings)? };
        store.get(&Named::ClusterInformation).await?;
        Ok(store)
    }

    /// Where it is, for people.
    pub(crate) fn endpoints(&self) -> impl fmt::Display {
        self.members.to_string()
    }

    /// The nodes that its Calico knows: by their names there, and by those that Kubernetes gave them.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn node_names(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut names = BTreeSet::new();
        let mut add = |node: Result<Entry<i64>, StoreError>| {
            let Ok(node) = node else { return };
            let spec: NodeSpec = serde_json::from_str(node.text.get()).unwrap_or_default();
            names.extend(spec.orch_refs.into_iter().map(|reference| reference.node_name));
            names.insert(node.name);
        };
        self.each_below(&format!("{RESOURCES}/nodes/"), true, &mut add).await?;
        Ok(names)
    }

    /// The objects whose keys begin with this.
    async fn each_below(
        &self,
        prefix: &str,
        is_resource: bool,
        visit: &mut dyn FnMut(Result<Entry<i64>, StoreError>),
    ) -> Result<(), StoreError> {
        // The first key after all that begin with the prefix, which ends in a slash.
        let range_end = format!("{}0", prefix.trim_end_matches('/')).into_bytes();
        let mut question = RangeRequest { key: prefix.as_bytes().to_vec(), range_end, limit: PAGE };
        loop {
            let page: RangeResponse = self.members.ask(prefix, RANGE, &question).await?;
            page.kvs.iter().for_each(|pair| visit(entry(pair, prefix, is_resource)));
            match page.kvs.last().filter(|_| page.more) {
                // The key that follows at once.
                Some(last) => question.key = [&last.key[..], &[0]].concat(),
                None => return Ok(()),
            }
        }
    }
}

impl Datastore for EtcdDatastore {
    /// The revision at which it was changed last.
    type Origin = i64;

    const HANDLES_WITH_BLOCK: usize = OPERATIONS - 1;

    const DELETES_IN_TWO_STEPS: bool = false;

    async fn get(&self, object: &Named<'_>) -> Result<Option<Entry<i64>>, StoreError> {
        let key = key(object);
        let answer: RangeResponse = self.members.ask(&key, RANGE, &read(&key)).await?;
        let is_resource = matches!(object, Named::ClusterInformation);
        answer.kvs.first().map(|pair| entry(pair, "", is_resource)).transpose()
    }

    async fn get_all(&self, locations: &[Location]) -> Result<Vec<Answer<i64>>, StoreError> {
        let mut answers = Vec::new();
        for some in locations.chunks(OPERATIONS) {
            let reads = some.iter().map(|location| RequestOp::of(Request::Range(read(&location.etcd_key()))));
            let question = TxnRequest { compare: Vec::new(), success: reads.collect() };
            let answer: TxnResponse = self.members.ask(HANDLES, TXN, &question).await?;
            if answer.responses.len() != some.len() {
                return Err(unusable(HANDLES, &"not as much was answered as was asked for"));
            }
            answers.extend(answer.responses.into_iter().map(|one| match one.response {
                Some(Response::Range(range)) => {
                    range.kvs.first().map(|pair| entry(pair, HANDLES, false)).transpose()
                }
                _ => Err(unusable(HANDLES, &"something else was answered than what was asked for")),
            }));
        }
        Ok(answers)
    }

    async fn each(
        &self,
        kind: Kind,
        visit: &mut dyn FnMut(Result<Entry<i64>, StoreError>),
    ) -> Result<(), StoreError> {
        match kind {
            Kind::Pools => self.each_below(&format!("{RESOURCES}/ippools/"), true, visit).await,
            Kind::Handles => self.each_below(HANDLES, false, visit).await,
            Kind::Blocks => {
                for prefix in BLOCKS {
                    self.each_below(prefix, false, visit).await?;
                }
                Ok(())
            }
        }
    }

    async fn write(&self, staged: &[Staged<i64>]) -> Result<(), StoreError> {
        let Some(called) = staged.first().map(|staged| staged.write.location.etcd_key()) else {
            return Ok(());
        };
        let mut transaction = TxnRequest::default();
        for Staged { origin, write } in staged {
            let key = write.location.etcd_key().into_bytes();
            transaction.success.push(RequestOp::of(match &write.change {
                Change::Put(value) => {
                    let value = text(value, &called)?;
                    Request::Put(PutRequest { key: key.clone(), value })
                }
                Change::Delete(_) => Request::DeleteRange(DeleteRangeRequest { key: key.clone() }),
            }));
            transaction.compare.push(Compare { target: MOD_REVISION, key, mod_revision: *origin });
        }
        // Where an answer is lost, and another member is asked to do what was done already, that is a conflict.
        let answer: TxnResponse = self.members.ask(&called, TXN, &transaction).await?;
        if answer.succeeded { Ok(()) } else { Err(StoreError::new(called, Failure::Conflict)) }
    }

    fn requests(write: &Write) -> Vec<String> {
        let verb = match write.change {
            Change::Put(_) => "PUT",
            Change::Delete(_) => "DELETE",
        };
        vec![format!("{verb} {}", write.location.etcd_key())]
    }

    fn name(object: &Named<'_>) -> String {
        key(object)
    }
}

fn key(object: &Named<'_>) -> String {
    match object {
        Named::At(location) => location.etcd_key(),
        Named::ClusterInformation => format!("{RESOURCES}/clusterinformations/default"),
        Named::Config => CONFIG.to_owned(),
    }
}

fn read(key: &str) -> RangeRequest {
    RangeRequest { key: key.as_bytes().to_vec(), ..RangeRequest::default() }
}

/// Resources say in their `spec` what others are as a whole.
fn entry(pair: &KeyValue, prefix: &str, is_resource: bool) -> Result<Entry<i64>, StoreError> {
    let called = String::from_utf8_lossy(&pair.key).into_owned();
    let whole: Box<RawValue> =
        serde_json::from_slice(&pair.value).map_err(|error| unusable(&called, &error))?;
    let text = if is_resource {
        let spec = Json::read(whole.get()).and_then(|members| Ok(members.require("spec")?));
        spec.map_err(|error| unusable(&called, &error))?
    } else {
        whole
    };
    let name = called.strip_prefix(prefix).unwrap_or(&called).to_owned();
    Ok(Entry { called, name, text, origin: pair.mod_revision })
}

fn text(value: &Json, called: &str) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| unusable(called, &error))
}
