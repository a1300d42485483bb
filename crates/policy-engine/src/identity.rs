//! What objects and interfaces are called. Whether there is one of that name is known to the `World`.

use std::{fmt, sync::Arc};

use danm_api::ApiGroup;
use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// The name of an object that lives in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamespacedName {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A policy. Two of the same name in two groups are two policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyKey {
    /// Its namespace and name. First, so that policies are in the order of their namespaces.
    pub name: NamespacedName,
    /// Its group.
    pub group: ApiGroup,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointKey {
    /// Its namespace and name.
    pub name: NamespacedName,
    /// Its group.
    pub group: ApiGroup,
}

/// The name of a network interface in a Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct InterfaceName(Arc<str>);

/// The longest that a kernel takes (`IFNAMSIZ` less the byte that ends it).
const LONGEST_INTERFACE_NAME: usize = 15;

// === impl NamespacedName ===

impl NamespacedName {
    /// The name in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

// === impl PolicyKey ===

/// As people call it; its group is told if it is not the one in which all dialects have policies.
impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            ApiGroup::DanmK8sIo => self.name.fmt(f),
            group @ ApiGroup::DanmIo => write!(f, "{} ({group})", self.name),
        }
    }
}

// === impl InterfaceName ===

impl InterfaceName {
    /// The interface of this name, if an endpoint may name it. Endpoints are written by tenants: the loopback is none of
    /// theirs, and names that mean something to those who read rules (`eth*`) name no interface.
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.@+".contains(c);
        let is_usable = !name.is_empty()
            && name.len() <= LONGEST_INTERFACE_NAME
            && name.chars().all(is_plain)
            && !["lo", ".", ".."].contains(&name);
        is_usable.then(|| Self(name.into()))
    }

    /// Has its letters in common with equal names.
    pub(crate) fn share(&mut self, names: &mut Shared<str>) {
        self.0 = names.share(&self.0);
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("no interface can be called so")
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
