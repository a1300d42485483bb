//! Pods, reduced to what anybody here asks about.

use std::rc::Rc;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};

use super::{EPOCH, NAMESPACES, NodeKey, identifier};

/// A Pod, by the order of creation: as good as its uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey(pub usize);

/// How far a Pod has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not set up yet.
    Pending,
    /// At work.
    Running,
    /// Ended for good.
    Succeeded,
}

/// A Pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Which.
    pub key: PodKey,
    /// Its version.
    pub version: u64,
    /// Its namespace's place in [`NAMESPACES`].
    pub namespace: usize,
    /// Its name.
    pub name: Rc<str>,
    /// Its Node.
    pub node: NodeKey,
    /// Its phase.
    pub phase: Phase,
    /// Whether its deletion was asked for.
    pub is_deleting: bool,
    /// Whether its containers are not started again once they have ended.
    pub is_job: bool,
    /// Whether it is the mirror of a static Pod.
    pub is_mirror: bool,
}

impl PodKey {
    /// Its uid.
    pub fn uid(self) -> String {
        identifier(1, 0, self.0)
    }
}

impl Pod {
    /// As the API shows it; metadata only where that is asked for.
    pub fn render(&self, node: &str, only_metadata: bool) -> danm_api::Pod {
        let metadata = ObjectMeta {
            name: Some(self.name.to_string()),
            namespace: Some(NAMESPACES[self.namespace].to_owned()),
            uid: Some(self.key.uid()),
            resource_version: Some(self.version.to_string()),
            deletion_timestamp: self.is_deleting.then(|| Time(Timestamp::constant(EPOCH, 0))),
            annotations: self
                .is_mirror
                .then(|| [("kubernetes.io/config.mirror".to_owned(), "hash".to_owned())].into()),
            ..ObjectMeta::default()
        };
        let mut pod = danm_api::Pod { metadata: Box::new(metadata), ..danm_api::Pod::default() };
        if !only_metadata {
            pod.spec.node_name = Some(node.to_owned());
            pod.status.phase = Some(format!("{:?}", self.phase));
            pod.spec.restart_policy = Some((if self.is_job { "Never" } else { "Always" }).into());
        }
        pod
    }
}
