//! The few fields of a Pod that our programs decide by. A whole Pod is some 15 kB of JSON and an index holds
//! a hundred thousand: what is not named here is skipped while it is read.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// A Pod, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pod {
    /// Its metadata, whole: the watch machinery needs it. Boxed: it makes most of what is passed from hand to hand.
    pub metadata: Box<ObjectMeta>,
    /// Where it runs, and what. Boxed like the metadata.
    #[serde(default)]
    pub spec: Box<PodSpec>,
    /// How it fares. Absent when the Pod was read as metadata only.
    #[serde(default)]
    pub status: PodStatus,
}

/// The part of a Pod's `spec` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Name of its Node, once it is bound to one.
    pub node_name: Option<String>,
    /// Whether it uses the network of its Node: its addresses are the Node's then.
    pub host_network: bool,
    /// `Always`, `OnFailure` or `Never`; `Always` where it is absent.
    pub restart_policy: Option<Box<str>>,
    /// How many seconds its containers may take to stop; 30 where it is absent.
    pub termination_grace_period_seconds: Option<i64>,
    /// Its containers, the ordinary ones.
    #[serde(deserialize_with = "list_or_null")]
    pub containers: Vec<Container>,
    /// Those that prepare the others, or run beside them.
    #[serde(deserialize_with = "list_or_null")]
    pub init_containers: Vec<Container>,
}

/// One item of a Pod's `spec.containers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Of a container that prepares others: `Always` if it runs beside them.
    pub restart_policy: Option<Box<str>>,
    /// The ports that it tells of. It may listen on others.
    #[serde(deserialize_with = "list_or_null")]
    pub ports: Vec<ContainerPort>,
}

/// One item of a container's `ports`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// What it is called, if it has a name.
    pub name: Option<Box<str>>,
    /// Its number.
    pub container_port: i64,
    /// `TCP`, `UDP` or `SCTP`; `TCP` where it is absent.
    pub protocol: Option<Box<str>>,
}

/// The part of a Pod's `status` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
    /// Why the Pod as a whole is as it is, such as `Evicted`.
    pub reason: Option<String>,
    /// Its addresses, as far as its kubelet was told of them. Where only the first was written (`podIP`), the API server
    /// fills this in.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    /// Its containers, the ordinary ones.
    pub container_statuses: Vec<ContainerStatus>,
    /// Those that prepare the others, or run beside them.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Those that were added for debugging.
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// One item of a Pod's `status.podIPs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// One item of a Pod's `status.containerStatuses`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// How far it has got.
    pub state: ContainerState,
}

/// A container's `state`: at most one member is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// There once it has ended.
    pub terminated: Option<IgnoredAny>,
}

/// What the API server fills in where a Pod does not say how long its containers may take to stop.
const DEFAULT_GRACE_SECONDS: i64 = 30;

/// The annotation by which a kubelet marks the image of a static Pod on the API server.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// The annotations by which Calico says which addresses it gave, before a kubelet does.
const CALICO_ANNOTATIONS: [&str; 2] = ["cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs"];

impl Pod {
    /// The addresses that it says to have, by its status and by Calico's annotations. Texts that are none are left out.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        let told = self.status.pod_ips.iter().map(|it| &*it.ip);
        let annotations = self.metadata.annotations.iter();
        let noted = annotations.flat_map(|all| CALICO_ANNOTATIONS.iter().filter_map(|name| all.get(*name)));
        let noted = noted.flat_map(|list| list.split(','));
        let address = |text: &str| text.trim().split('/').next()?.parse().ok();
        told.chain(noted).filter_map(address).collect()
    }

    /// Whether Calico says by an annotation that it gave an address.
    pub fn is_noted_by_calico(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.is_some_and(|all| CALICO_ANNOTATIONS.iter().any(|name| all.contains_key(*name)))
    }

    /// Whether it is the mirror of a static Pod: deleting it stops nothing, its kubelet makes it again under
    /// a new uid.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION))
    }

    /// Whether its phase says that it has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// Whether it has ended, and nothing starts it again: by its restart policy, or because its kubelet has ended it
    /// as a whole (it was evicted, its deadline passed, its node was shut down).
    pub fn is_finished(&self) -> bool {
        let policy = self.spec.restart_policy.as_deref().unwrap_or("Always");
        match self.status.phase.as_deref() {
            Some("Succeeded") => policy != "Always",
            Some("Failed") => {
                policy == "Never" || self.status.reason.as_ref().is_some_and(|reason| !reason.is_empty())
            }
            _ => false,
        }
    }

    /// How long its containers may still run if it is deleted now and its kubelet learns of it at once: by force, a
    /// Pod is gone before they are. Zero if all are known to have ended, or no kubelet has told of any.
    pub fn stops_within(&self) -> Duration {
        let PodStatus { container_statuses, init_container_statuses, ephemeral_container_statuses, .. } =
            &self.status;
        let all = [container_statuses, init_container_statuses, ephemeral_container_statuses];
        let may_run = all.into_iter().flatten().any(|container| container.state.terminated.is_none());
        if !may_run {
            return Duration::ZERO;
        }
        let grace = self.spec.termination_grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
        // Less than one second means one to a kubelet.
        Duration::from_secs(grace.max(1).unsigned_abs().min(u32::MAX.into()))
    }

    /// Whether every container is known to have ended. A kubelet before 1.27 calls a Pod failed that it evicts, and
    /// stops the containers afterwards.
    pub fn has_stopped(&self) -> bool {
        let containers = &self.status.container_statuses;
        self.status.phase.as_deref() == Some("Succeeded")
            || (!containers.is_empty() && containers.iter().all(|one| one.state.terminated.is_some()))
    }
}

/// A list, which is empty where the API server's language says `null`.
pub fn list_or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(list: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(list).map(Option::unwrap_or_default)
}

crate::node::core_resource!(Pod, "Pod", "pods", kube_core::NamespaceResourceScope);
