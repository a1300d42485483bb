//! The built-in kinds: one row each. How their tables look is in `table/builtin.rs`.

use super::{Resource, Scope};
use crate::table;

/// A row: what a kind is called, and what is special about it.
#[derive(Clone, Copy)]
struct Row {
    /// Group and version.
    api: (&'static str, &'static str),
    plural: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
    is_namespaced: bool,
    traits: &'static [Trait],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trait {
    Status,
    Generation,
    /// Part of `kubectl get all`.
    All,
}

use Trait::{All, Generation, Status};

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const REVIEWS: (&str, &str) = ("authorization.k8s.io", "v1");

const fn row(
    api: (&'static str, &'static str),
    plural: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
    traits: &'static [Trait],
) -> Row {
    Row { api, plural, kind, short, is_namespaced: true, traits }
}

const fn of_cluster(row: Row) -> Row {
    Row { is_namespaced: false, ..row }
}

const ROWS: [Row; 25] = [
    row(CORE, "pods", "Pod", &["po"], &[Status, Generation, All]),
    of_cluster(row(CORE, "nodes", "Node", &["no"], &[Status])),
    of_cluster(row(CORE, "namespaces", "Namespace", &["ns"], &[Status])),
    row(CORE, "configmaps", "ConfigMap", &["cm"], &[]),
    row(CORE, "secrets", "Secret", &[], &[]),
    row(CORE, "services", "Service", &["svc"], &[Status, All]),
    row(CORE, "endpoints", "Endpoints", &["ep"], &[]),
    row(CORE, "serviceaccounts", "ServiceAccount", &["sa"], &[]),
    row(CORE, "events", "Event", &["ev"], &[]),
    row(APPS, "deployments", "Deployment", &["deploy"], &[Status, Generation, All]),
    row(APPS, "daemonsets", "DaemonSet", &["ds"], &[Status, Generation, All]),
    row(APPS, "statefulsets", "StatefulSet", &["sts"], &[Status, Generation, All]),
    row(APPS, "replicasets", "ReplicaSet", &["rs"], &[Status, Generation, All]),
    row(("coordination.k8s.io", "v1"), "leases", "Lease", &[], &[]),
    row(("events.k8s.io", "v1"), "events", "Event", &["ev"], &[]),
    row(("discovery.k8s.io", "v1"), "endpointslices", "EndpointSlice", &[], &[Generation]),
    row(("networking.k8s.io", "v1"), "networkpolicies", "NetworkPolicy", &["netpol"], &[Generation]),
    of_cluster(row(RBAC, "clusterroles", "ClusterRole", &[], &[])),
    of_cluster(row(RBAC, "clusterrolebindings", "ClusterRoleBinding", &[], &[])),
    row(RBAC, "roles", "Role", &[], &[]),
    row(RBAC, "rolebindings", "RoleBinding", &[], &[]),
    of_cluster(row(REVIEWS, "selfsubjectaccessreviews", "SelfSubjectAccessReview", &[], &[])),
    of_cluster(row(REVIEWS, "subjectaccessreviews", "SubjectAccessReview", &[], &[])),
    row(REVIEWS, "localsubjectaccessreviews", "LocalSubjectAccessReview", &[], &[]),
    of_cluster(row(
        ("apiextensions.k8s.io", "v1"),
        "customresourcedefinitions",
        "CustomResourceDefinition",
        &["crd", "crds"],
        &[Status, Generation],
    )),
];

pub(crate) fn builtin() -> Vec<Resource> {
    ROWS.iter().map(Row::resource).collect()
}

impl Row {
    fn resource(&self) -> Resource {
        let (group, version) = self.api;
        let all: &[&str] = if self.traits.contains(&All) { &["all"] } else { &[] };
        Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            short_names: self.short.iter().map(ToString::to_string).collect(),
            categories: all.iter().map(ToString::to_string).collect(),
            scope: if self.is_namespaced { Scope::Namespaced } else { Scope::Cluster },
            has_status: self.traits.contains(&Status),
            has_generation: self.traits.contains(&Generation),
            is_custom: false,
            fields: fields(self.plural),
            columns: table::builtin_columns(self.kind),
            schema: None,
        }
    }
}

/// What field selectors may ask for, as the real server has it.
fn fields(plural: &str) -> &'static [&'static str] {
    match plural {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets" => &["status.replicas"],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        _ => &[],
    }
}
