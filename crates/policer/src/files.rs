//! Objects from files, as the inventory takes them: kinds that policies are about are read or refused by name, others are
//! skipped.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use anyhow::{anyhow, bail};
use danm_api::{ApiGroup, DanmKind};
use operator_runtime::{Manifest, read_manifests};
use policy_engine::{NamespacedName, Object, unresolved};
use serde_json::{Value, json};

use crate::{
    inventory::{Inventory, Told, names},
    opening::Word,
    output::notes,
};

/// The namespace of objects that name none, as kubectl has it.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// The kinds that policies are about.
const KINDS: [&str; 9] = [
    "Namespace",
    "Pod",
    "Service",
    "EndpointSlice",
    "DanmEp",
    "DanmNet",
    "TenantNetwork",
    "ClusterNetwork",
    "DanmNetworkPolicy",
];

/// What was passed over, and people may not expect that.
#[derive(Default)]
struct Skipped {
    /// Documents that are no objects, by their files.
    documents: BTreeSet<String>,
    /// Objects of kinds with familiar names.
    objects: BTreeSet<String>,
    network_policies: usize,
}

/// Reads files. What people should know is told on standard error.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Inventory> {
    let mut told = Vec::new();
    let mut skipped = Skipped::default();
    for path in paths {
        for manifest in read_manifests(path)? {
            told.extend(objects(&manifest, &mut skipped)?);
        }
    }
    let (mut inventory, twice) = Inventory::of(told);
    let missing = inventory.complete_namespaces();
    let inventory = inventory.with_world();
    notes(&twice);
    notes(&skipped.notes());
    notes(&missing.into_iter().chain(inventory.policy_problems()).collect::<Vec<_>>());
    notes(&oddities(&inventory));
    Ok(inventory)
}

fn objects(manifest: &Manifest, skipped: &mut Skipped) -> anyhow::Result<Vec<Told>> {
    let source: Arc<str> = manifest.source.as_str().into();
    let mut objects = Vec::new();
    for value in &manifest.objects {
        let place = |problem: String| anyhow!("{source}: {problem}");
        match Object::read(&completed(value.clone())).map_err(|problem| place(problem.to_string()))? {
            Some(object) if !names(&object.key()).1.is_empty() => {
                objects.push(Told { object, source: Arc::clone(&source), word: Word::of(value) })
            }
            Some(_) => bail!(place(format!("a {} has no metadata.name", text(value, "kind")))),
            None => skipped.note(&source, value),
        }
    }
    Ok(objects)
}

/// An object as it would be after kubectl and an API server had it: in a namespace, and a Pod's only address in the list of all
/// of them.
fn completed(mut object: Value) -> Value {
    let is_of_cluster = ["Namespace", "ClusterNetwork"].contains(&text(&object, "kind"));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !is_of_cluster
        && metadata.get("namespace").is_none_or(|namespace| namespace.is_null() || namespace == "")
    {
        metadata.insert("namespace".to_owned(), DEFAULT_NAMESPACE.into());
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
        && !status.contains_key("podIPs")
        && let Some(address) = status.get("podIP").cloned()
    {
        status.insert("podIPs".to_owned(), json!([{"ip": address}]));
    }
    object
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// A kind that is mistyped is none; to skip it without a word would be to show what its object forbids as allowed.
fn is_unknown_to_danm(version: &str, kind: &str) -> bool {
    let is_of_danm = ApiGroup::ALL.iter().any(|group| version.split('/').next() == Some(group.name()));
    is_of_danm && DanmKind::ALL.iter().all(|known| known.name() != kind)
}

/// What is odd about policies as a whole: those that select no Pod, and networks that nobody has.
fn oddities(inventory: &Inventory) -> Vec<String> {
    let world = inventory.world();
    let mut odd = Vec::new();
    for (key, policy) in world.policies() {
        let selects =
            |labels| policy.spec.subject.as_ref().is_none_or(|subject| subject.pods.matches(labels));
        let mut of_namespace = world.pods().filter(|(name, _)| name.namespace == key.name.namespace);
        if !of_namespace.any(|(_, pod)| selects(&pod.labels)) {
            odd.push(format!("note: DanmNetworkPolicy {key} selects no Pod"));
        }
        if inventory.has_networks() {
            let unresolved = unresolved(world, key).into_iter();
            odd.extend(
                unresolved.map(|it| format!("note: DanmNetworkPolicy {key}: {} {}", it.field, it.problem)),
            );
        }
    }
    odd
}

// === impl Skipped ===

impl Skipped {
    fn note(&mut self, source: &str, object: &Value) {
        let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
        if version.is_empty() || kind.is_empty() {
            self.documents.insert(source.to_owned());
        } else if kind == "NetworkPolicy" {
            self.network_policies += 1;
        } else if is_unknown_to_danm(version, kind) {
            self.objects.insert(format!("{source}: {version} has no kind {kind}: skipped"));
        } else if KINDS.contains(&kind) {
            let metadata = &object["metadata"];
            let name = NamespacedName::new(text(metadata, "namespace"), text(metadata, "name"));
            self.objects.insert(format!("{source}: {kind} {name} is of {version}, which is not read"));
        }
    }

    fn notes(&self) -> Vec<String> {
        let documents = self
            .documents
            .iter()
            .map(|source| format!("note: {source}: a document is no Kubernetes object, and skipped"));
        let objects = self.objects.iter().map(|object| format!("note: {object}"));
        let policies = (self.network_policies > 0).then(|| {
            format!(
                "note: NetworkPolicies are skipped ({}): DanmNetworkPolicies alone count here",
                self.network_policies
            )
        });
        documents.chain(objects).chain(policies).collect()
    }
}
