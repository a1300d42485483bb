//! Discovery: which groups, versions and resources there are.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::catalog::{Catalog, Resource};

/// The version of Kubernetes that we resemble.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "gitVersion": concat!("v1.37.2+danm-sandbox.", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": concat!("linux/", env!("CARGO_PKG_NAME")),
    })
}

/// What a path of discovery answers.
pub(crate) fn answer(catalog: &Catalog, path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["api", "v1"] => resources(catalog, "", "v1"),
        ["apis"] => {
            let groups: Vec<Value> = names(catalog).iter().filter_map(|name| group(catalog, name)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => {
            let mut group = group(catalog, name)?;
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(group)
        }
        ["apis", group, version] => resources(catalog, group, version),
        _ => None,
    }
}

fn names(catalog: &Catalog) -> Vec<String> {
    let mut names: Vec<String> = catalog.all().map(|resource| resource.group.clone()).collect();
    names.dedup();
    names.retain(|name| !name.is_empty());
    names
}

fn group(catalog: &Catalog, name: &str) -> Option<Value> {
    let resources = catalog.all().filter(|resource| resource.group == name && !name.is_empty());
    let mut versions: Vec<&str> = resources.map(|resource| resource.version.as_str()).collect();
    versions.dedup();
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let served = |resource: &&Arc<Resource>| resource.group == group && resource.version == version;
    let resources: Vec<Value> = catalog.all().filter(served).flat_map(|resource| entries(resource)).collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": resources,
        })
    })
}

fn entries(resource: &Resource) -> Vec<Value> {
    let verbs: &[&str] = if resource.is_review() {
        &["create"]
    } else {
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    };
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced(),
        "kind": resource.kind,
        "verbs": verbs,
    });
    for (field, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !names.is_empty() {
            entry[field] = json!(names);
        }
    }
    let mut entries = vec![entry];
    if resource.has_status {
        entries.push(json!({
            "name": format!("{}/status", resource.plural),
            "singularName": "",
            "namespaced": resource.is_namespaced(),
            "kind": resource.kind,
            "verbs": ["get", "patch", "update"],
        }));
    }
    entries
}
