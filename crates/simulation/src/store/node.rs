//! Nodes, reduced to what anybody here asks about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::identifier;
use crate::agenda::Millis;

/// A machine, or its Node object under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey(pub usize);

/// What is said of a kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It answers.
    Ready,
    /// It answers, and is not fit yet.
    Unfit,
    /// It has not been heard of.
    Silent,
}

/// A Node object.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which.
    pub key: NodeKey,
    /// Which object of this name.
    pub incarnation: u32,
    /// Its version.
    pub version: u64,
    /// What is said of its kubelet.
    pub condition: Condition,
    /// Which start of the machine it is of.
    pub boot: u32,
    /// When that became so.
    pub turned: Millis,
    /// When its kubelet last said how it fares.
    pub beat: Millis,
    /// Whether an operator has said that it is shut down.
    pub is_out_of_service: bool,
    /// Whether its label gives the name the machine gives itself.
    pub is_labelled: bool,
}

impl NodeKey {
    /// Its name.
    pub fn name(self) -> String {
        format!("node-{}", self.0)
    }

    /// The name the machine gives itself.
    pub fn host(self, is_odd: bool) -> String {
        if is_odd { format!("node-{}.site.example", self.0) } else { self.name() }
    }

    /// The Node of a name.
    pub fn named(name: &str) -> Option<Self> {
        name.strip_prefix("node-")?.parse().ok().map(Self)
    }
}

impl Condition {
    const fn text(self) -> &'static str {
        match self {
            Self::Ready => "True",
            Self::Unfit => "False",
            Self::Silent => "Unknown",
        }
    }
}

impl Node {
    /// Whether its kubelet is said to answer, and to be fit.
    pub fn is_ready(&self) -> bool {
        self.condition == Condition::Ready
    }

    /// As the API shows it. `host` is the name the machine gives itself.
    pub fn render(&self, host: &str) -> danm_api::Node {
        let name = self.key.name();
        let hostname = if self.is_labelled { host.to_owned() } else { name.clone() };
        let metadata = ObjectMeta {
            name: Some(name),
            uid: Some(identifier(2, self.incarnation, self.key.0)),
            resource_version: Some(self.version.to_string()),
            labels: Some([("kubernetes.io/hostname".to_owned(), hostname)].into()),
            ..ObjectMeta::default()
        };
        let mut node = danm_api::Node { metadata: Box::new(metadata), ..danm_api::Node::default() };
        node.status.conditions.resize_with(1, Default::default);
        for condition in &mut node.status.conditions {
            "Ready".clone_into(&mut condition.r#type);
            self.condition.text().clone_into(&mut condition.status);
            condition.last_heartbeat_time = Some(self.beat.to_string());
            condition.last_transition_time = Some((self.turned / 1_000).to_string());
        }
        node.status.node_info.boot_id = format!("{}-{}", self.key.0, self.boot);
        if self.is_out_of_service {
            node.spec.taints.resize_with(1, Default::default);
            for taint in &mut node.spec.taints {
                "node.kubernetes.io/out-of-service".clone_into(&mut taint.key);
            }
        }
        node
    }
}
