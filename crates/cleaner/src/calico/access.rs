//! Calico's datastore as the loop's trait sees it: found out and connected to when it is needed first, and again when
//! that has failed. A cluster without Calico never asks for it.

use std::{env, fs, io::ErrorKind, sync::Arc};

use calico_ipam::Claim;
use calico_store::{
    CalicoDatastore, DatastoreSettings, EtcdDatastore, EtcdSettings, Failure, KubernetesDatastore, Mode,
    Outcome, StoreError, release,
};
use danm_api::Node;
use kube::Client;
use tokio::sync::Mutex;

use crate::{ApiServer, Calico, CalicoChoice, kube_api_server::KubeApiServer};

/// The configuration of `calicoctl`, where it looks for it.
const CONFIGURATION: &str = "/etc/calico/calicoctl.cfg";

/// The variable that names the group of Calico's kinds.
const API_GROUP: &str = "CALICO_API_GROUP";

/// The way to the datastore.
#[derive(Clone)]
pub struct CalicoAccess {
    client: Client,
    choice: CalicoChoice,
    connected: Arc<Mutex<Option<CalicoDatastore>>>,
}

impl CalicoAccess {
    /// The way to the datastore that was chosen. Nothing is asked yet.
    pub fn new(client: Client, choice: CalicoChoice) -> Self {
        Self { client, choice, connected: Arc::default() }
    }

    /// The datastore.
    ///
    /// # Errors
    /// If there is none, or if it cannot be reached.
    pub async fn datastore(&self) -> Result<CalicoDatastore, StoreError> {
        let mut connected = self.connected.lock().await;
        if let Some(datastore) = &*connected {
            return Ok(datastore.clone());
        }
        let datastore = self.connect().await?;
        tracing::info!("Calico's addresses are in {datastore}");
        Ok(connected.insert(datastore).clone())
    }

    async fn connect(&self) -> Result<CalicoDatastore, StoreError> {
        let settings = match self.choice {
            CalicoChoice::Auto | CalicoChoice::Etcd => settings()?,
            CalicoChoice::Off | CalicoChoice::Kubernetes => None,
        };
        match (self.choice, settings) {
            (CalicoChoice::Off, _) => {
                let reason = "giving back to it is switched off (--calico off)".to_owned();
                Err(StoreError::new("Calico", Failure::Absent(reason)))
            }
            (CalicoChoice::Auto | CalicoChoice::Etcd, Some(DatastoreSettings::Etcd(settings))) => {
                self.etcd(&settings).await
            }
            (CalicoChoice::Etcd, _) => Err(problem(
                "--calico etcd",
                &format!("it needs ETCD_ENDPOINTS, or a {CONFIGURATION} with datastoreType etcdv3"),
            )),
            (CalicoChoice::Auto | CalicoChoice::Kubernetes, settings) => {
                let api_group = match settings {
                    Some(DatastoreSettings::Kubernetes { api_group }) => api_group,
                    _ => env::var(API_GROUP).ok(),
                };
                self.kubernetes(api_group.as_deref()).await
            }
        }
    }

    /// An etcd of another cluster knows nothing of what is held in this one: it would call free what is not.
    async fn etcd(&self, settings: &EtcdSettings) -> Result<CalicoDatastore, StoreError> {
        let etcd = EtcdDatastore::connect(settings).await?;
        let known = etcd.node_names().await?;
        let datastore = CalicoDatastore::Etcd(etcd);
        let nodes = KubeApiServer::new(self.client.clone(), "").nodes().await;
        let nodes = nodes
            .map_err(|error| StoreError::new(datastore.to_string(), Failure::Failed(error.to_string())))?;
        let is_known = |node: &&Node| node.metadata.name.as_ref().is_some_and(|name| known.contains(name));
        let known = nodes.iter().filter(is_known).count();
        if known * 2 < nodes.len() {
            let problem = format!(
                "it knows {known} of this cluster's {} Nodes: is it the etcd of another cluster?",
                nodes.len()
            );
            return Err(self::problem(&datastore.to_string(), &problem));
        }
        Ok(datastore)
    }

    async fn kubernetes(&self, api_group: Option<&str>) -> Result<CalicoDatastore, StoreError> {
        KubernetesDatastore::discover(self.client.clone(), api_group).await.map(CalicoDatastore::Kubernetes)
    }
}

impl Calico for CalicoAccess {
    async fn release(&self, claims: Vec<Claim>, mode: Mode) -> Result<Vec<Outcome>, StoreError> {
        let released = release(&self.datastore().await?, &claims, mode).await;
        if released.is_err() {
            // Certificates may have been changed, or where it is.
            *self.connected.lock().await = None;
        }
        released
    }
}

/// What the configuration file of `calicoctl` says, or else the environment.
fn settings() -> Result<Option<DatastoreSettings>, StoreError> {
    let file = match fs::read_to_string(CONFIGURATION) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(problem(CONFIGURATION, &error)),
    };
    let source = if file.is_some() { CONFIGURATION } else { "the environment" };
    let settings = DatastoreSettings::read(file.as_deref(), |name| env::var(name).ok());
    settings.map_err(|error| problem(source, &error))
}

fn problem(source: &str, problem: &impl ToString) -> StoreError {
    StoreError::new(source, Failure::Unusable(problem.to_string()))
}
