//! The CRD manifests, made from the types of this crate. `cargo xtask generate` writes them to `deploy/crds`.
//!
//! They are for clusters without DANM's own manifests: both accept the same objects. The schemas keep fields
//! they do not know (`x-kubernetes-preserve-unknown-fields` at every level), as the types do. That of policies is written by
//! hand, in `network_policy/schema.rs`.

use kube_core::schema::StructuralSchemaRewriter;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    ApiGroup, ApiType, DanmEpSpec, DanmKind, NetworkSpec, ReservedIpSpec, VERSION,
    network_policy::schema as network_policy, tenant_config::HostDevice,
};

/// All manifests, each with the name of its object.
pub fn manifests() -> Vec<(String, Value)> {
    DanmKind::ALL
        .into_iter()
        .flat_map(|kind| kind.groups().iter().map(move |&group| ApiType { group, kind }))
        .map(|api| (object_name(api), manifest(api)))
        .collect()
}

/// The manifest of one kind in one group, an `apiextensions.k8s.io/v1` `CustomResourceDefinition`.
pub fn manifest(api: ApiType) -> Value {
    let kind = api.kind;
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata(api),
        "spec": {
            "group": api.group.name(),
            "scope": if kind.is_namespaced() { "Namespaced" } else { "Cluster" },
            "names": {
                "kind": kind.name(),
                "listKind": format!("{}List", kind.name()),
                "plural": kind.plural(),
                "singular": kind.name().to_lowercase(),
                "shortNames": kind.short_names(),
                "categories": categories(kind),
            },
            "versions": [version(api)],
        },
    })
}

fn object_name(api: ApiType) -> String {
    format!("{}.{}", api.kind.plural(), api.group)
}

/// A group that ends in `.k8s.io` is protected: the API server refuses its CRDs without this annotation.
fn metadata(api: ApiType) -> Value {
    match api.group {
        ApiGroup::DanmK8sIo => json!({
            "name": object_name(api),
            "annotations": {"api-approved.kubernetes.io": "unapproved, legacy group of DANM"},
        }),
        ApiGroup::DanmIo => json!({"name": object_name(api)}),
    }
}

/// `kubectl get all` shows what the reference's manifests make it show.
fn categories(kind: DanmKind) -> &'static [&'static str] {
    match kind {
        DanmKind::Network(_) | DanmKind::TenantConfig => &["all"],
        DanmKind::DanmEp | DanmKind::ReservedIp | DanmKind::NetworkPolicy => &[],
    }
}

fn version(api: ApiType) -> Value {
    let mut version = json!({
        "name": VERSION,
        "served": true,
        "storage": true,
        "schema": {"openAPIV3Schema": object_schema(api.kind)},
        "additionalPrinterColumns": printer_columns(api.kind),
    });
    if has_status(api) {
        version["subresources"] = json!({"status": {}});
    }
    version
}

/// The kinds whose status is written through the subresource: some of DANM 4.4, and policies, whose status is ours.
fn has_status(api: ApiType) -> bool {
    match api.kind {
        DanmKind::Network(_) | DanmKind::ReservedIp => api.group == ApiGroup::DanmIo,
        DanmKind::NetworkPolicy => true,
        DanmKind::DanmEp | DanmKind::TenantConfig => false,
    }
}

fn object_schema(kind: DanmKind) -> Value {
    let (required, mut properties) = match kind {
        DanmKind::Network(_) => (json!(["spec"]), json!({"spec": schema_of::<NetworkSpec>()})),
        DanmKind::DanmEp => (json!(["spec"]), json!({"spec": schema_of::<DanmEpSpec>()})),
        DanmKind::ReservedIp => (json!(["spec"]), json!({"spec": schema_of::<ReservedIpSpec>()})),
        DanmKind::TenantConfig => (json!([]), tenant_config_properties()),
        DanmKind::NetworkPolicy => (json!(["spec"]), json!({"spec": network_policy::spec()})),
    };
    properties["status"] = match kind {
        DanmKind::NetworkPolicy => network_policy::status(),
        _ => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    };
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// A `TenantConfig` has no `spec` whose schema could be derived: its fields stand beside `metadata`.
fn tenant_config_properties() -> Value {
    json!({
        "hostDevices": {"type": "array", "nullable": true, "items": schema_of::<HostDevice>()},
        "networkIds": {"type": "object", "nullable": true, "additionalProperties": {"type": "string"}},
    })
}

fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(StructuralSchemaRewriter)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn printer_columns(kind: DanmKind) -> Value {
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    let wide = |name: &str, r#type: &str, path: &str| json!({"name": name, "type": r#type, "jsonPath": path, "priority": 1});
    let age = json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"});
    match kind {
        DanmKind::Network(_) => json!([
            column("Type", ".spec.NetworkType"),
            column("CIDR", ".spec.Options.cidr"),
            column("IPv6", ".spec.Options.net6"),
            wide("Device", "string", ".spec.Options.host_device"),
            wide("Pool", "string", ".spec.Options.device_pool"),
            wide("VLAN", "integer", ".spec.Options.vlan"),
            wide("VxLAN", "integer", ".spec.Options.vxlan"),
            age,
        ]),
        DanmKind::DanmEp => json!([
            column("Pod", ".spec.Pod"),
            column("Interface", ".spec.Interface.Name"),
            column("Network", ".spec.NetworkName"),
            column("Address", ".spec.Interface.Address"),
            column("IPv6", ".spec.Interface.AddressIPv6"),
            wide("Kind", "string", ".spec.apiType"),
            wide("Host", "string", ".spec.Host"),
            wide("Pod-UID", "string", ".spec.PodUID"),
            age,
        ]),
        DanmKind::TenantConfig => json!([column("Devices", ".hostDevices[*].name"), age]),
        DanmKind::ReservedIp => json!([
            column("Network", ".spec.network.name"),
            column("Kind", ".spec.network.type"),
            column("Addresses", ".spec.ips[*].address"),
            age,
        ]),
        DanmKind::NetworkPolicy => json!([
            column("Pods", ".spec.podSelector"),
            column("Types", ".spec.policyTypes"),
            column("Enforcement", ".spec.enforcement"),
            column("Accepted", r#".status.conditions[?(@.type=="Accepted")].status"#),
            wide("ResolvedRefs", "string", r#".status.conditions[?(@.type=="ResolvedRefs")].status"#),
            wide("Reason", "string", r#".status.conditions[?(@.type=="Accepted")].reason"#),
            age,
        ]),
    }
}
