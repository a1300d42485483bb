//! The shape of the CRD manifests. That a real API server takes them, and the samples with them, is shown by
//! the tests on the control plane.

use danm_api::{ApiGroup, ApiType, DanmKind, NetworkKind, crd};
use serde_json::{Value, json};

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
    assert_eq!(names["shortNames"], json!(["tn", "tnet"]));
    assert_eq!(manifest["spec"]["scope"], "Namespaced");
    let all: Vec<String> = crd::manifests().into_iter().map(|(name, _)| name).collect();
    assert_eq!(all.len(), 13, "six kinds in both groups, one in the newer only: {all:?}");
}

fn schema_of_policies(field: &str) -> Value {
    let manifest = crd::manifest(ApiType { group: ApiGroup::DanmK8sIo, kind: DanmKind::NetworkPolicy });
    manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][field].clone()
}

#[test]
fn policies_have_a_status_in_both_groups() {
    for group in ApiGroup::ALL {
        let version = &crd::manifest(ApiType { group, kind: DanmKind::NetworkPolicy })["spec"]["versions"][0];
        assert!(version["subresources"]["status"].is_object(), "{group}");
    }
    let conditions = &schema_of_policies("status")["properties"]["conditions"];
    assert_eq!(conditions["x-kubernetes-list-type"], "map");
    assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
}

#[test]
fn every_field_of_a_policy_is_explained_and_none_is_filled_in() {
    for field in ["spec", "status"] {
        walk(field, &schema_of_policies(field), &mut |path, schema| {
            assert!(schema["default"].is_null(), "{path}");
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{path}.{name} is not explained");
            }
        });
    }
}

#[test]
fn null_is_as_good_as_absent_in_a_policy() {
    walk("spec", &schema_of_policies("spec"), &mut |path, schema| {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert_eq!(property["nullable"] == true, !required.contains(&name.as_str()), "{path}.{name}");
        }
    });
}

#[test]
fn every_rule_of_a_policy_says_what_is_wrong_and_what_to_do() {
    let mut rules = 0;
    walk("spec", &schema_of_policies("spec"), &mut |path, schema| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_default();
            assert!(
                message.split_once(": ").is_some_and(|(_, remedy)| !remedy.is_empty()),
                "{path}: {message}"
            );
            rules += 1;
        }
    });
    assert!(rules > 30, "{rules}");
}

#[test]
fn every_list_in_a_policy_that_a_rule_looks_into_is_bounded() {
    fn has_rules(schema: &Value) -> bool {
        let mut has_rules = false;
        walk("", schema, &mut |_, schema| has_rules |= schema["x-kubernetes-validations"].is_array());
        has_rules
    }
    walk("spec", &schema_of_policies("spec"), &mut |path, schema| {
        let is_bounded = schema["maxItems"].is_u64();
        assert!(schema["type"] != "array" || is_bounded || !has_rules(&schema["items"]), "{path}");
    });
}
