//! Objects from a cluster, as the inventory takes them: each kind is listed once, whatever of it is served. What cannot be read
//! is told in words; without what decides about everything there is no answer.

use anyhow::{anyhow, ensure};
use danm_api::{ApiGroup, DanmKind, NetworkKind, VERSION};
use http::Request;
use kube::Client;
use operator_runtime::{describe, items};
use policy_engine::Object;
use serde_json::Value;

use crate::{
    inventory::{Inventory, Told},
    opening::Word,
    output::{note, notes},
};

/// Objects that are asked for at once.
const CHUNK: usize = 500;

/// How often a list that expires is begun anew.
const RESTARTS: usize = 2;

/// The kind of policies.
const POLICY: &str = "DanmNetworkPolicy";

/// A kind that is served.
struct Served {
    /// What people call it, such as `danmeps.danm.k8s.io`.
    name: String,
    kind: String,
    path: String,
    /// Whether no answer is right without it.
    is_essential: bool,
}

/// Reads everything that policies are about. What people should know is told on standard error.
pub(crate) async fn read(client: &Client) -> anyhow::Result<Inventory> {
    let served = served(client).await?;
    let mut told = Vec::new();
    let mut unread = Vec::new();
    for kind in &served {
        match list(client, &kind.path).await {
            Ok(objects) => told.extend(objects),
            Err(error) if kind.is_essential => {
                return Err(anyhow!("cannot read {}: {}", kind.name, said(&error)));
            }
            Err(error) => unread.push((kind.name.clone(), said(&error))),
        }
    }
    if let Some((_, reason)) = unread.first() {
        let names: Vec<&str> = unread.iter().map(|(name, _)| name.as_str()).collect();
        note(&format!("note: {} cannot be read ({reason}): the answer does without", names.join(", ")));
    }
    let (inventory, twice) = Inventory::of(told);
    notes(&twice);
    Ok(inventory.with_world())
}

/// The kinds that are there. Without endpoints DANM is not there, or this is another cluster.
async fn served(client: &Client) -> anyhow::Result<Vec<Served>> {
    let mut served: Vec<Served> = [("namespaces", true), ("pods", true), ("services", false)]
        .map(|(plural, is_essential)| core(plural, is_essential))
        .into();
    served.push(Served {
        name: "endpointslices".to_owned(),
        kind: "EndpointSlice".to_owned(),
        path: "/apis/discovery.k8s.io/v1/endpointslices".to_owned(),
        is_essential: false,
    });
    for group in ApiGroup::ALL {
        served.extend(of_group(client, group).await?);
    }
    let has = |kind: &str| served.iter().any(|one| one.kind == kind);
    ensure!(
        has(DanmKind::DanmEp.name()),
        "the API server serves DanmEps neither in {} nor in {}: DANM is not installed here, or this is another cluster",
        ApiGroup::DanmIo,
        ApiGroup::DanmK8sIo,
    );
    if !has(POLICY) {
        note("note: the API server serves no DanmNetworkPolicies: nothing is isolated");
    }
    Ok(served)
}

fn core(plural: &str, is_essential: bool) -> Served {
    Served { name: plural.to_owned(), kind: String::new(), path: format!("/api/v1/{plural}"), is_essential }
}

async fn of_group(client: &Client, group: ApiGroup) -> anyhow::Result<Vec<Served>> {
    let resources = match client.list_api_group_resources(&format!("{group}/{VERSION}")).await {
        Ok(list) => list.resources,
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
        Err(error) => return Err(anyhow!("cannot ask the API server what it serves: {}", said(&error))),
    };
    let is_network = |kind: &str| NetworkKind::ALL.iter().any(|network| network.name() == kind);
    let is_essential = |kind: &str| kind == POLICY || kind == DanmKind::DanmEp.name();
    let meant = resources.into_iter().filter(|resource| {
        !resource.name.contains('/') && (is_network(&resource.kind) || is_essential(&resource.kind))
    });
    let served = meant.map(|resource| Served {
        name: format!("{}.{group}", resource.name),
        path: format!("/apis/{group}/{VERSION}/{}", resource.name),
        is_essential: is_essential(&resource.kind),
        kind: resource.kind,
    });
    Ok(served.collect())
}

/// All objects of a kind. A list that expires on the way is begun anew.
async fn list(client: &Client, path: &str) -> Result<Vec<Told>, kube::Error> {
    for _ in 0..RESTARTS {
        match list_once(client, path).await {
            Err(kube::Error::Api(status)) if status.code == 410 => {}
            listed => return listed,
        }
    }
    list_once(client, path).await
}

/// All objects of a kind, chunk by chunk. Of each chunk only what policies are about is kept: in the container of an agent memory is scarce.
async fn list_once(client: &Client, path: &str) -> Result<Vec<Told>, kube::Error> {
    let mut objects = Vec::new();
    let mut rest = String::new();
    loop {
        let request = Request::get(format!("{path}?limit={CHUNK}{rest}")).body(Vec::new());
        let chunk: Value = client.request(request.map_err(kube::Error::HttpError)?).await?;
        let next = chunk["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        objects.extend(items(chunk).iter().filter_map(read_one));
        if next.is_empty() {
            return Ok(objects);
        }
        rest = format!("&continue={}", escaped(&next));
    }
}

/// What tenants wrote may be unreadable; that holds up nobody.
fn read_one(object: &Value) -> Option<Told> {
    match Object::read(object) {
        Ok(read) => read.map(|read| Told { object: read, source: "".into(), word: Word::of(object) }),
        Err(problem) => {
            note(&format!("warning: {problem}"));
            None
        }
    }
}

/// A text as part of a query.
fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// What a server said, without what kube puts around it.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => describe(error),
    }
}
