//! Calico's datastore in the Kubernetes API. Objects are read and written as text, so that nothing in them changes that we
//! do not change. Each write is refused by the API server if the object is not what it was when it was read.

use std::time::Duration;

use calico_ipam::{Change, Location, Write};
use http::{Method, Request};
use kube::{Client, Error};
use operator_runtime::{Throttle, describe};
use serde::Serialize;
use serde_json::json;

use crate::{
    Failure, Flavour, StoreError,
    datastore::{Answer, Datastore, Entry, Kind, Named, Staged},
    object::{Object, Page},
    reader::unusable,
};

/// A request that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// The name of objects of which there is one.
const DEFAULT: &str = "default";

/// Objects in a page of a list.
const PAGE: u32 = 500;

/// The datastore in the Kubernetes API.
#[derive(Clone)]
pub struct KubernetesDatastore {
    client: Client,
    flavour: Flavour,
    throttle: Throttle,
}

// === impl KubernetesDatastore ===

impl KubernetesDatastore {
    /// Finds out how Calico's objects are served. `asked_for` is what `CALICO_API_GROUP` says.
    ///
    /// # Errors
    /// If the API server does not say what it serves, which a guess could not replace; if it serves nothing of Calico's.
    pub async fn discover(client: Client, asked_for: Option<&str>) -> Result<Self, StoreError> {
        let groups = tokio::time::timeout(DEADLINE, client.list_api_groups()).await;
        let groups = match groups {
            Ok(Ok(groups)) => groups,
            Ok(Err(error)) => {
                return Err(StoreError::new("API groups", Failure::Failed(describe(&error))));
            }
            Err(_) => return Err(StoreError::new("API groups", overdue())),
        };
        let served: Vec<&str> = groups.groups.iter().map(|group| group.name.as_str()).collect();
        let flavour = Flavour::find(asked_for, &served);
        let flavour = flavour.map_err(|reason| StoreError::new("Calico", Failure::Absent(reason)))?;
        Ok(Self::new(client, flavour))
    }

    /// The datastore in a group.
    pub fn new(client: Client, flavour: Flavour) -> Self {
        Self { client, flavour, throttle: Throttle::default() }
    }

    /// Changes an object that is still as it was read. A deletion is marked first, as Calico does it: that is the moment at
    /// which it is gone, whoever removes the object.
    async fn change(&self, object: &Object, write: &Write) -> Result<(), StoreError> {
        let called = called(&write.location);
        let path = format!("{}/{}", self.collection(plural(&write.location)), object.name);
        let (Change::Put(spec) | Change::Delete(spec)) = &write.change;
        let text = self.send(&called, Method::PUT, &path, Some(&object.with_spec(spec))).await?;
        if matches!(write.change, Change::Delete(_)) {
            let (marked, _) = Object::read(&text).map_err(|error| unusable(&called, &error))?;
            self.remove(&called, &path, &marked).await?;
        }
        Ok(())
    }

    async fn remove(&self, called: &str, path: &str, marked: &Object) -> Result<(), StoreError> {
        let preconditions = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": marked.uid, "resourceVersion": marked.version},
        });
        match self.send(called, Method::DELETE, path, Some(&preconditions)).await {
            // Somebody else has made an end of it.
            Err(StoreError { failure: Failure::NotFound, .. }) => Ok(()),
            removed => removed.map(|_| ()),
        }
    }

    fn collection(&self, plural: &str) -> String {
        format!("{}/{plural}", self.flavour.path())
    }

    /// Under which group the objects are.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    async fn send<B: Serialize>(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<String, StoreError> {
        let failed = |reason: String| StoreError::new(what, Failure::Failed(reason));
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| failed(error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body.unwrap_or_default())
            .map_err(|error| failed(error.to_string()))?;
        let answer = self.throttle.run(self.client.request_text(request));
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(StoreError::new(what, failure(&error))),
            Err(_) => Err(StoreError::new(what, overdue())),
        }
    }
}

impl Datastore for KubernetesDatastore {
    type Origin = Object;

    const HANDLES_WITH_BLOCK: usize = 0;

    const DELETES_IN_TWO_STEPS: bool = true;

    async fn get(&self, object: &Named<'_>) -> Result<Option<Entry<Object>>, StoreError> {
        let called = Self::name(object);
        let (plural, name) = match object {
            Named::At(location) => (plural(location), location.object_name()),
            Named::ClusterInformation => ("clusterinformations", DEFAULT.to_owned()),
            Named::Config => (self.flavour.configs(), DEFAULT.to_owned()),
        };
        let path = format!("{}/{name}", self.collection(plural));
        match self.send::<()>(&called, Method::GET, &path, None).await {
            Ok(text) => entry(&text, called).map(Some),
            Err(StoreError { failure: Failure::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_all(&self, locations: &[Location]) -> Result<Vec<Answer<Object>>, StoreError> {
        let mut answers = Vec::new();
        for location in locations {
            answers.push(self.get(&Named::At(location)).await);
        }
        Ok(answers)
    }

    async fn each(
        &self,
        kind: Kind,
        visit: &mut dyn FnMut(Result<Entry<Object>, StoreError>),
    ) -> Result<(), StoreError> {
        let (plural, options) = match kind {
            // From the cache of the API server: a list from the datastore of what was not changed for long waits some fifty
            // milliseconds for that to be certain. A pool that is missing in it costs a look at all blocks.
            Kind::Pools => ("ippools", "&resourceVersion=0"),
            Kind::Blocks => ("ipamblocks", ""),
            Kind::Handles => ("ipamhandles", ""),
        };
        let mut token = String::new();
        loop {
            let path = format!("{}?limit={PAGE}&continue={token}{options}", self.collection(plural));
            let text = self.send::<()>(plural, Method::GET, &path, None).await?;
            let page: Page = serde_json::from_str(&text).map_err(|error| unusable(plural, &error))?;
            for item in &page.items {
                visit(listed(item.get(), kind));
            }
            token = page.metadata.token;
            if token.is_empty() {
                return Ok(());
            }
        }
    }

    async fn write(&self, staged: &[Staged<Object>]) -> Result<(), StoreError> {
        for Staged { origin, write } in staged {
            self.change(origin, write).await?;
        }
        Ok(())
    }

    fn requests(write: &Write) -> Vec<String> {
        let called = called(&write.location);
        let put = format!("PUT {called}");
        match write.change {
            Change::Put(_) => vec![put],
            Change::Delete(_) => vec![put, format!("DELETE {called}")],
        }
    }

    fn name(object: &Named<'_>) -> String {
        match object {
            Named::At(location) => called(location),
            Named::ClusterInformation => format!("ClusterInformation {DEFAULT}"),
            Named::Config => format!("IPAMConfig {DEFAULT}"),
        }
    }
}

fn entry(text: &str, called: String) -> Result<Entry<Object>, StoreError> {
    let (object, spec) = Object::read(text).map_err(|error| unusable(&called, &error))?;
    Ok(Entry { called, name: object.name.clone(), text: spec, origin: object })
}

/// One of a list, which may not even have a name.
fn listed(text: &str, kind: Kind) -> Result<Entry<Object>, StoreError> {
    let kind = kind_name(kind);
    let mut entry = entry(text, format!("one {kind} of the list"))?;
    entry.called = format!("{kind} {}", entry.name);
    Ok(entry)
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Api(status) if status.code == 404 => Failure::NotFound,
        Error::Api(status) if status.code == 409 => Failure::Conflict,
        other => Failure::Failed(describe(other)),
    }
}

fn overdue() -> Failure {
    Failure::Failed(format!("no answer within {DEADLINE:?}"))
}

fn called(location: &Location) -> String {
    match location {
        Location::Block(_) => format!("IPAMBlock {}", location.object_name()),
        Location::Handle(_) => format!("IPAMHandle {}", location.object_name()),
    }
}

const fn plural(location: &Location) -> &'static str {
    match location {
        Location::Block(_) => "ipamblocks",
        Location::Handle(_) => "ipamhandles",
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Pools => "IPPool",
        Kind::Blocks => "IPAMBlock",
        Kind::Handles => "IPAMHandle",
    }
}
