//! What the kernels of this node have for some Pods: looked for as the agent does, by their processes, and read as it is, whoever made it
//! and whoever owns it. Nothing is changed. What should be there is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::AsFd,
};

use anyhow::Context;
use operator_runtime::printable;
use policy_dataplane::{Count, Home, NamespaceId, Node, PodUid, Residents, Snapshot, Socket, interfaces_in};
use policy_engine::{NamespacedName, World};

use crate::cli::PlaceArgs;

/// What was seen of some Pods.
pub(crate) type Sights = BTreeMap<NamespacedName, Sight>;

/// What was seen of a Pod.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// Nothing; why.
    Nothing(String),
    /// Its network namespaces, at least one; and how many more it has.
    Spaces(Vec<Space>, usize),
}

/// A network namespace of a Pod.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// Which it is.
    pub id: NamespaceId,
    /// Other Pods that are in it.
    pub shared_with: Vec<PodUid>,
    /// What its kernel has; why not, if it cannot be read.
    pub read: Result<Reading, String>,
}

/// What a kernel has.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Our table.
    pub table: Snapshot,
    /// What its rules have counted.
    pub counts: Vec<Count>,
    /// The interfaces that there are.
    pub interfaces: BTreeSet<String>,
}

/// Looks at some Pods.
///
/// # Errors
/// If nobody can tell what is on this node.
pub(crate) fn look(
    place: &PlaceArgs,
    world: &World,
    pods: BTreeSet<NamespacedName>,
) -> anyhow::Result<Sights> {
    let looked = || {
        anyhow::Ok({
            let node = Node::open(place.proc.clone(), place.roots())?;
            let residents = node.residents()?;
            (node, residents)
        })
    };
    let (node, residents) =
        looked().context("--kernel needs root on the node of a Pod, and its processes in sight")?;
    let see = |pod: NamespacedName| {
        let sight = see(&node, &residents, world, &pod);
        (pod, sight)
    };
    Ok(pods.into_iter().map(see).collect())
}

fn see(node: &Node, residents: &Residents, world: &World, pod: &NamespacedName) -> Sight {
    let uid = world.pod(pod).map(|pod| pod.uid.to_string()).unwrap_or_default();
    let Some(uid) = PodUid::new(&uid) else {
        return Sight::Nothing("its uid is not told, by which its processes would be known".to_owned());
    };
    let decision = residents.decide(&uid, &[]);
    if decision.homes.is_empty() {
        let unreadable = match residents.unreadable() {
            0 => String::new(),
            number => format!("; {number} processes could not be read"),
        };
        return Sight::Nothing(format!(
            "no process of it is on this node: it runs on another, does not run yet, or is a static Pod{unreadable}"
        ));
    }
    Sight::Spaces(decision.homes.into_iter().map(|home| Space::of(node, home)).collect(), decision.more)
}

// === impl Space ===

impl Space {
    fn of(node: &Node, home: Home) -> Self {
        let read =
            Reading::of(node, &home).map_err(|error| printable(&format!("{error:#}"), false).into_owned());
        Self { id: home.process.namespace, shared_with: home.shared_with, read }
    }
}

// === impl Reading ===

impl Reading {
    fn of(node: &Node, home: &Home) -> anyhow::Result<Self> {
        let netns = node.enter(&home.process)?;
        let socket = Socket::open_at(netns.as_fd()).context("failed to enter its network namespace")?;
        Ok(Self {
            table: socket.snapshot().context("failed to read its rules")?,
            counts: socket.counts().context("failed to read what its rules have counted")?,
            interfaces: interfaces_in(netns.as_fd()).context("failed to list its interfaces")?,
        })
    }
}
