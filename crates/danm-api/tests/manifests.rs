//! The shape of the CRD manifests. That a real API server takes them, and the samples with them, is shown by
//! the tests on the control plane.

use danm_api::{ApiGroup, ApiType, DanmKind, NetworkKind, crd};
use serde_json::Value;

/// Calls `visit` with every schema inside a schema, its path first.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], visit);
    }
}

#[test]
fn every_level_with_fields_keeps_those_it_does_not_know() {
    for (name, manifest) in crd::manifests() {
        let mut levels = 0;
        walk(&name, &manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut |path, schema| {
            assert!(schema["$ref"].is_null(), "{path} is not inlined");
            if schema["properties"].is_object() {
                assert_eq!(schema["x-kubernetes-preserve-unknown-fields"], true, "{path}");
                assert!(schema["additionalProperties"].is_null(), "{path}");
                levels += 1;
            }
        });
        assert!(levels >= 1, "{name}");
    }
}

#[test]
fn only_the_protected_group_carries_the_approval_annotation() {
    for (name, manifest) in crd::manifests() {
        let annotation = &manifest["metadata"]["annotations"]["api-approved.kubernetes.io"];
        assert_eq!(annotation.is_string(), name.ends_with(".danm.k8s.io"), "{name}");
    }
}

#[test]
fn kinds_have_the_names_and_short_names_of_the_reference() {
    let kind = DanmKind::Network(NetworkKind::TenantNetwork);
    let manifest = crd::manifest(ApiType { group: ApiGroup::DanmK8sIo, kind });
    let names = &manifest["spec"]["names"];
    assert_eq!(names["plural"], "tenantnetworks");
    assert_eq!(names["shortNames"], serde_json::json!(["tn", "tnet"]));
    assert_eq!(manifest["spec"]["scope"], "Namespaced");
    let all: Vec<String> = crd::manifests().into_iter().map(|(name, _)| name).collect();
    assert_eq!(all.len(), 11, "five kinds in both groups, one in the newer only: {all:?}");
}
