//! Calico's datastore in the Kubernetes API. Objects are read and written as text, so that nothing in them changes that we
//! do not change. Each write is refused by the API server if the object is not what it was when it was read.

use std::{collections::BTreeSet, time::Duration};

use calico_ipam::{Block, Change, Handle, HandleId, IpamConfig, Location, Members, Pool, Pools};
use http::{Method, Request};
use ipnet::IpNet;
use kube::{Client, Error};
use operator_runtime::{Throttle, describe};
use serde::Serialize;
use serde_json::json;

use crate::{
    Failure, Flavour, StoreError,
    object::{Object, Page},
};

/// A request that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// Objects in a page of a list.
const PAGE: u32 = 500;

/// The datastore.
#[derive(Clone)]
pub struct KubernetesDatastore {
    client: Client,
    flavour: Flavour,
    throttle: Throttle,
}

/// Something that was read, and the object that it is in.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// What was read.
    pub value: T,
    object: Object,
}

// === impl KubernetesDatastore ===

impl KubernetesDatastore {
    /// Finds out how Calico's objects are served. `asked_for` is what `CALICO_API_GROUP` says.
    ///
    /// # Errors
    /// If the API server does not say what it serves: a guess could change the wrong objects.
    pub async fn discover(client: Client, asked_for: Option<&str>) -> Result<Self, StoreError> {
        let groups = tokio::time::timeout(DEADLINE, client.list_api_groups()).await;
        let groups = match groups {
            Ok(Ok(groups)) => groups,
            Ok(Err(error)) => {
                return Err(StoreError::new("API groups", Failure::Failed(describe(&error))));
            }
            Err(_) => return Err(StoreError::new("API groups", overdue())),
        };
        let names = groups.groups.iter().map(|group| group.name.as_str());
        Ok(Self::new(client, Flavour::choose(asked_for, names)))
    }

    /// The datastore in a group.
    pub fn new(client: Client, flavour: Flavour) -> Self {
        Self { client, flavour, throttle: Throttle::default() }
    }

    /// Whether Calico asks to leave everything as it is.
    ///
    /// # Errors
    /// If that cannot be read.
    pub async fn is_locked(&self) -> Result<bool, StoreError> {
        let Some(object) = self.get("clusterinformations", "default").await? else { return Ok(false) };
        let what = "ClusterInformation default";
        let spec = Members::read(object.spec.get()).map_err(|error| unusable(what, &error))?;
        let is_ready: Option<bool> = spec.get("datastoreReady").map_err(|error| unusable(what, &error))?;
        Ok(is_ready == Some(false))
    }

    /// How addresses are given back here.
    ///
    /// # Errors
    /// If that cannot be read.
    pub async fn config(&self) -> Result<IpamConfig, StoreError> {
        let Some(object) = self.get(self.flavour.configs(), "default").await? else {
            return Ok(IpamConfig::default());
        };
        IpamConfig::read(object.spec.get()).map_err(|error| unusable("IPAMConfig default", &error))
    }

    /// All pools. Those that cannot be understood are left out: the blocks of their addresses are looked for then.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn pools(&self) -> Result<Pools, StoreError> {
        // From the cache of the API server: a list from the datastore of what was not changed for long waits some fifty
        // milliseconds for that to be certain. A pool that is missing in it costs a look at all blocks.
        let (objects, _) = self.list("ippools", "resourceVersion=0").await?;
        let mut pools = Vec::new();
        for object in objects {
            match Pool::read(&object.name, object.spec.get()) {
                Ok(pool) => pools.push(pool),
                Err(error) => tracing::warn!("IPPool {} is left out: {error}", object.name),
            }
        }
        Ok(Pools::new(pools))
    }

    /// A block.
    ///
    /// # Errors
    /// If it cannot be read or worked with.
    pub async fn block(&self, cidr: IpNet) -> Result<Option<Stored<Block>>, StoreError> {
        let location = Location::Block(cidr);
        let Some(object) = self.get("ipamblocks", &location.object_name()).await? else { return Ok(None) };
        let value = Block::read(object.spec.get()).map_err(|error| unusable(&named(&location), &error))?;
        if value.cidr() != cidr {
            let reason = format!("it says that it is {}", value.cidr());
            return Err(StoreError::new(named(&location), Failure::Unusable(reason)));
        }
        Ok(Some(Stored { value, object }))
    }

    /// What all blocks cover, and what is wrong with one that does not say it: it may be the one that is looked for.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn cidrs(&self) -> Result<(Vec<IpNet>, Option<StoreError>), StoreError> {
        let (objects, mut hidden) = self.list("ipamblocks", "").await?;
        let mut cidrs = Vec::new();
        for object in objects {
            let what = format!("IPAMBlock {}", object.name);
            let cidr = Members::read(object.spec.get()).and_then(|spec| Ok(spec.require::<IpNet>("cidr")?));
            match cidr {
                Ok(cidr) => cidrs.push(cidr),
                Err(error) => hidden = Some(unusable(&what, &error)),
            }
        }
        Ok((cidrs, hidden))
    }

    /// A handle.
    ///
    /// # Errors
    /// If it cannot be read or worked with.
    pub async fn handle(&self, id: &HandleId) -> Result<Option<Stored<Handle>>, StoreError> {
        let location = Location::Handle(id.clone());
        let Some(object) = self.get("ipamhandles", &location.object_name()).await? else { return Ok(None) };
        let what = named(&location);
        let spec = Members::read(object.spec.get()).map_err(|error| unusable(&what, &error))?;
        let stored: Option<String> = spec.get("handleID").map_err(|error| unusable(&what, &error))?;
        if stored.as_deref().is_some_and(|stored| HandleId::new(stored) != *id) {
            return Ok(None);
        }
        let value = Handle::read(object.spec.get()).map_err(|error| unusable(&what, &error))?;
        Ok(Some(Stored { value, object }))
    }

    /// The handles that were made for one of these containers. One that cannot be understood is nobody's.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn handles_of(&self, containers: &BTreeSet<&str>) -> Result<Vec<HandleId>, StoreError> {
        let (objects, _) = self.list("ipamhandles", "").await?;
        let ids = objects.into_iter().map(|object| {
            let spec = Members::read(object.spec.get());
            let id = spec.ok().and_then(|spec| spec.get::<String>("handleID").ok().flatten());
            HandleId::new(&id.unwrap_or(object.name))
        });
        let is_wanted =
            |id: &HandleId| id.container().is_some_and(|container| containers.contains(container));
        Ok(ids.filter(is_wanted).collect())
    }

    /// Changes an object that is still as it was read. A deletion is marked first, as Calico does it: that is the moment at
    /// which it is gone, whoever removes the object.
    ///
    /// # Errors
    /// If it is not, or if that cannot be done.
    pub async fn write<T>(
        &self,
        stored: &Stored<T>,
        location: &Location,
        change: &Change,
    ) -> Result<(), StoreError> {
        let object = &stored.object;
        let path = format!("{}/{}", self.collection(plural(location)), object.name);
        let (Change::Put(spec) | Change::Delete(spec)) = change;
        let text = self.send(&named(location), Method::PUT, &path, Some(&object.with_spec(spec))).await?;
        if matches!(change, Change::Delete(_)) {
            let marked = Object::read(&text).map_err(|error| unusable(&named(location), &error))?;
            self.remove(location, &path, &marked).await?;
        }
        Ok(())
    }

    async fn remove(&self, location: &Location, path: &str, marked: &Object) -> Result<(), StoreError> {
        let preconditions = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": marked.uid, "resourceVersion": marked.version},
        });
        match self.send(&named(location), Method::DELETE, path, Some(&preconditions)).await {
            // Somebody else has made an end of it.
            Err(StoreError { failure: Failure::NotFound, .. }) => Ok(()),
            removed => removed.map(|_| ()),
        }
    }

    async fn get(&self, plural: &str, name: &str) -> Result<Option<Object>, StoreError> {
        let what = format!("{plural} {name}");
        let path = format!("{}/{name}", self.collection(plural));
        match self.send::<()>(&what, Method::GET, &path, None).await {
            Ok(text) => Object::read(&text).map(Some).map_err(|error| unusable(&what, &error)),
            Err(StoreError { failure: Failure::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a kind, and what is wrong with one that is none.
    async fn list(
        &self,
        plural: &str,
        options: &str,
    ) -> Result<(Vec<Object>, Option<StoreError>), StoreError> {
        let (mut objects, mut wrong) = (Vec::new(), None);
        let mut token = String::new();
        loop {
            let path = format!("{}?limit={PAGE}&continue={token}&{options}", self.collection(plural));
            let text = self.send::<()>(plural, Method::GET, &path, None).await?;
            let page: Page = serde_json::from_str(&text)
                .map_err(|error| StoreError::new(plural, Failure::Unusable(error.to_string())))?;
            for item in &page.items {
                match Object::read(item.get()) {
                    Ok(object) => objects.push(object),
                    Err(error) => {
                        tracing::warn!("one of {plural} is left out: {error}");
                        wrong = Some(unusable(plural, &error));
                    }
                }
            }
            token = page.metadata.token;
            if token.is_empty() {
                return Ok((objects, wrong));
            }
        }
    }

    fn collection(&self, plural: &str) -> String {
        format!("{}/{plural}", self.flavour.path())
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

fn unusable(what: &str, error: &impl ToString) -> StoreError {
    StoreError::new(what, Failure::Unusable(error.to_string()))
}

const fn plural(location: &Location) -> &'static str {
    match location {
        Location::Block(_) => "ipamblocks",
        Location::Handle(_) => "ipamhandles",
    }
}

fn named(location: &Location) -> String {
    let kind = match location {
        Location::Block(_) => "IPAMBlock",
        Location::Handle(_) => "IPAMHandle",
    };
    format!("{kind} {}", location.object_name())
}
