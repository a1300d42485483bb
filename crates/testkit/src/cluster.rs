//! What is in a cluster, for one test at a time: objects as JSON, put and read through an API server, the real
//! one or that in memory.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use danm_api::{ApiGroup, DanmKind, VERSION, crd};
use futures::{StreamExt, stream};
use http::{Method, Request};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ControlPlane, Unavailable, calico};

/// Requests under way at the same time.
const IN_FLIGHT: usize = 16;

/// Fields of metadata that a server gives to each object anew.
const GIVEN_BY_SERVER: [&str; 5] =
    ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"];

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

static SHARED: Mutex<Option<ControlPlane>> = Mutex::new(None);

/// The API server that a cluster is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The real one. Tests of one binary share it, and wait for each other.
    ControlPlane,
    /// The one in memory, in this process.
    Sandbox,
}

/// An empty cluster that serves DANM's kinds, until it is dropped.
pub struct Cluster {
    backend: Backend,
    client: Client,
    /// The uids the server gave, by those the objects came with.
    uids: HashMap<String, String>,
}

enum Backend {
    ControlPlane(MutexGuard<'static, Option<ControlPlane>>),
    Sandbox(Box<Sandbox>, TempDir),
}

impl Cluster {
    /// An empty cluster on a server, or the reason why there is none. That is printed too: a test that is skipped
    /// says so.
    ///
    /// # Panics
    /// Where the server does not work.
    pub async fn empty_on(server: Server) -> Result<Self, Unavailable> {
        match server {
            Server::ControlPlane => Self::empty().await,
            Server::Sandbox => Ok(Self::in_memory().await),
        }
    }

    /// An empty cluster on the real control plane.
    ///
    /// # Panics
    /// Where the control plane does not work.
    #[expect(
        clippy::await_holding_lock,
        reason = "tests wait for each other; nobody who holds it waits for them"
    )]
    pub async fn empty() -> Result<Self, Unavailable> {
        let mut plane = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if plane.is_none() {
            let started = ControlPlane::start();
            if let Err(Unavailable(reason)) = &started {
                eprintln!("SKIPPED: {reason}");
            }
            *plane = Some(started?);
        }
        let kubeconfig = plane.as_ref().expect("it was started").kubeconfig();
        let mut cluster = Self::on(Backend::ControlPlane(plane), &kubeconfig).await;
        cluster.wipe().await;
        cluster.install(crd::manifests().into_iter().map(|(_, definition)| definition)).await;
        Ok(cluster)
    }

    async fn in_memory() -> Self {
        let sandbox = Sandbox::start(Options::default()).expect("there is a loopback");
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, sandbox.kubeconfig()).expect("written");
        Self::on(Backend::Sandbox(Box::new(sandbox), folder), &kubeconfig).await
    }

    async fn on(backend: Backend, kubeconfig: &Path) -> Self {
        Self { backend, client: client(kubeconfig).await, uids: HashMap::new() }
    }

    /// A kubeconfig of somebody who may do everything.
    ///
    /// # Panics
    /// Never: a cluster on a control plane is made with one.
    pub fn kubeconfig(&self) -> PathBuf {
        match &self.backend {
            Backend::ControlPlane(plane) => plane.as_ref().expect("it is made with one").kubeconfig(),
            Backend::Sandbox(_, folder) => folder.path().join("kubeconfig"),
        }
    }

    /// The server in memory, for faults.
    ///
    /// # Panics
    /// If it is on another.
    pub fn sandbox(&self) -> &Sandbox {
        match &self.backend {
            Backend::Sandbox(sandbox, _) => sandbox,
            Backend::ControlPlane(_) => panic!("the cluster is on the real control plane"),
        }
    }

    /// The control plane it is on.
    ///
    /// # Panics
    /// If it is on another server.
    pub fn plane(&mut self) -> &mut ControlPlane {
        match &mut self.backend {
            Backend::ControlPlane(plane) => plane.as_mut().expect("it is made with one"),
            Backend::Sandbox(..) => panic!("the cluster is in memory"),
        }
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Creates objects in their order, with their status. References to the uids of Pods made before are
    /// rewritten to those that the server gave.
    ///
    /// # Panics
    /// Where the server refuses one.
    pub async fn create(&mut self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            self.create_one(object).await.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Creates an object, or tells why the server refuses it.
    ///
    /// # Errors
    /// The server's words.
    pub async fn create_one(&mut self, mut object: Value) -> Result<Value, String> {
        self.make_namespace(object["metadata"]["namespace"].as_str()).await;
        if let Some(uid) = object.pointer_mut("/spec/PodUID")
            && let Some(given) = uid.as_str().and_then(|uid| self.uids.get(uid))
        {
            *uid = json!(given);
        }
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        let before = object["metadata"]["uid"].as_str().map(str::to_owned);
        let metadata = object["metadata"].as_object_mut().ok_or("no metadata")?;
        for given_by_server in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"]
        {
            metadata.remove(given_by_server);
        }
        let collection = collection_of(&object);
        let created = self.send(Method::POST, &collection, Some(&object)).await;
        let created = created.map_err(|error| format!("{name}: {error}"))?;
        if let (Some(before), Some(given)) = (before, created["metadata"]["uid"].as_str()) {
            self.uids.insert(before, given.to_owned());
        }
        if matches!(object["kind"].as_str(), Some("Pod" | "Node")) && !object["status"].is_null() {
            let path = format!("{}/status", path_of(&object));
            let status = json!({"status": object["status"]});
            return self.send(Method::PATCH, &path, Some(&status)).await;
        }
        Ok(created)
    }

    /// The uid that the server gave to an object created with this one.
    pub fn uid_of(&self, uid: &str) -> Option<&str> {
        self.uids.get(uid).map(String::as_str)
    }

    /// Merges a patch into an object.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub async fn patch(&self, object: &Value, patch: &Value) -> Value {
        let path = path_of(object);
        self.send(Method::PATCH, &path, Some(patch)).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Deletes an object at once.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub async fn delete(&self, object: &Value) {
        let path = path_of(object);
        let options = json!({"gracePeriodSeconds": 0});
        self.send(Method::DELETE, &path, Some(&options))
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// An object as it is now, if it is there.
    pub async fn get(&self, object: &Value) -> Option<Value> {
        self.send(Method::GET, &path_of(object), None).await.ok()
    }

    /// All objects of one of DANM's kinds in both groups.
    ///
    /// # Panics
    /// Where the server refuses to tell.
    pub async fn all(&self, kind: DanmKind) -> Vec<Value> {
        let mut all = Vec::new();
        for group in kind.groups() {
            all.extend(self.list(&format!("/apis/{group}/{VERSION}/{}", kind.plural())).await);
        }
        all
    }

    /// The names of all objects of one of DANM's kinds, in order.
    pub async fn names(&self, kind: DanmKind) -> Vec<String> {
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let mut names: Vec<String> = self.all(kind).await.iter().map(name).collect();
        names.sort();
        names
    }

    /// Installs definitions of kinds and waits until they are served.
    ///
    /// # Panics
    /// Where the server refuses them.
    pub async fn install(&self, definitions: impl IntoIterator<Item = Value>) {
        for mut definition in definitions {
            let path =
                format!("{DEFINITIONS}/{}", definition["metadata"]["name"].as_str().unwrap_or_default());
            let sent = match self.send(Method::GET, &path, None).await {
                Ok(present) => {
                    definition["metadata"]["resourceVersion"] =
                        present["metadata"]["resourceVersion"].clone();
                    self.send(Method::PUT, &path, Some(&definition)).await
                }
                Err(_) => self.send(Method::POST, DEFINITIONS, Some(&definition)).await,
            };
            sent.unwrap_or_else(|error| panic!("{path}: {error}"));
            while !is_served(&self.send(Method::GET, &path, None).await.unwrap_or_default()) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Installs DANM's kinds as the reference does: no schemas, so that anything is taken.
    ///
    /// # Panics
    /// Where the server refuses them.
    pub async fn install_without_schemas(&self) {
        let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definitions = crd::manifests().into_iter().map(|(_, mut definition)| {
            definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = anything.clone();
            definition
        });
        self.install(definitions).await;
    }

    /// Removes DANM's kinds, and waits until they are not served any more.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn uninstall(&self) {
        for kind in DanmKind::ALL {
            self.uninstall_kind(kind).await;
        }
        for group in ApiGroup::ALL {
            while self.send(Method::GET, &format!("/apis/{group}/{VERSION}"), None).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes the definitions of one kind away, with its objects, and waits until they are gone.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn uninstall_kind(&self, kind: DanmKind) {
        for group in kind.groups() {
            let path = format!("{DEFINITIONS}/{}.{group}", kind.plural());
            self.send(Method::DELETE, &path, None).await.unwrap_or_else(|error| panic!("{path}: {error}"));
            while self.send(Method::GET, &path, None).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Creates objects that do not need each other.
    ///
    /// # Panics
    /// Where the server refuses one.
    pub async fn create_at_once(&self, objects: impl IntoIterator<Item = Value>) {
        stream::iter(objects)
            .for_each_concurrent(IN_FLIGHT, |mut object| async move {
                for given_by_server in GIVEN_BY_SERVER {
                    object["metadata"].as_object_mut().map(|metadata| metadata.remove(given_by_server));
                }
                let sent = self.send(Method::POST, &collection_of(&object), Some(&object)).await;
                sent.unwrap_or_else(|error| panic!("{}: {error}", object["metadata"]["name"]));
            })
            .await;
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The server's words.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let content =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header("Content-Type", content).body(body);
        let request = request.map_err(|error| error.to_string())?;
        self.client.request(request).await.map_err(|error| error.to_string())
    }

    async fn list(&self, collection: &str) -> Vec<Value> {
        let list = self.send(Method::GET, collection, None).await;
        let list = list.unwrap_or_else(|error| panic!("{collection}: {error}"));
        let kind =
            list["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default().to_owned();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let complete = |mut item: Value| {
            item["kind"] = json!(kind);
            item["apiVersion"] = list["apiVersion"].clone();
            item
        };
        items.into_iter().map(complete).collect()
    }

    async fn make_namespace(&self, namespace: Option<&str>) {
        let Some(namespace) = namespace else { return };
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        // It may be there already, and then this is a conflict.
        let _ = self.send(Method::POST, "/api/v1/namespaces", Some(&object)).await;
    }

    /// Deletes all that tests make. Namespaces stay: without their controller they would never be gone.
    ///
    /// # Panics
    /// Where the server refuses to tell what there is.
    pub async fn wipe(&mut self) {
        let mut collections = vec!["/api/v1/pods".to_owned(), "/api/v1/nodes".to_owned()];
        for kind in DanmKind::ALL {
            let groups = kind.groups().iter();
            collections.extend(groups.map(|group| format!("/apis/{group}/{VERSION}/{}", kind.plural())));
        }
        collections.extend(calico::collections(calico::V1));
        for collection in collections {
            let is_served = self.send(Method::GET, &format!("{collection}?limit=1"), None).await.is_ok();
            let objects = if is_served { self.list(&collection).await } else { Vec::new() };
            let this = &*self;
            stream::iter(&objects)
                .for_each_concurrent(IN_FLIGHT, |object| async move {
                    if !object["metadata"]["finalizers"].is_null() {
                        this.patch(object, &json!({"metadata": {"finalizers": null}})).await;
                    }
                    // A finalizer taken away may have been all that kept it.
                    let _ = this
                        .send(Method::DELETE, &path_of(object), Some(&json!({"gracePeriodSeconds": 0})))
                        .await;
                })
                .await;
        }
    }
}

/// The path of the collection that an object belongs to.
///
/// # Panics
/// For kinds that no test uses.
pub fn collection_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let api = match object["apiVersion"].as_str().unwrap_or_default() {
        "v1" => "/api/v1".to_owned(),
        version => format!("/apis/{version}"),
    };
    let plural = match DanmKind::ALL.into_iter().find(|danm| danm.name() == kind) {
        Some(danm) => danm.plural().to_owned(),
        None => format!("{}s", kind.to_lowercase()),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{api}/namespaces/{namespace}/{plural}"),
        None => format!("{api}/{plural}"),
    }
}

fn path_of(object: &Value) -> String {
    format!("{}/{}", collection_of(object), object["metadata"]["name"].as_str().unwrap_or_default())
}

fn is_served(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    let is_established =
        |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
    conditions.is_some_and(|conditions| conditions.iter().any(is_established))
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("we wrote it");
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("it is valid");
    Client::try_from(config).expect("a TLS provider is linked")
}
