//! `OpenAPI` v3: as much as `kubectl apply` asks (whether the server checks fields itself) and `kubectl explain`
//! shows (the schemas of definitions). Built-in kinds are told by name only.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Resource};

/// What a path under `/openapi` answers.
pub(crate) fn answer(catalog: &Catalog, path: &str) -> Option<Value> {
    let path = path.strip_prefix("/openapi/v3")?;
    match path.strip_prefix('/') {
        None if path.is_empty() => Some(index(catalog)),
        Some(group_version) => document(catalog, group_version),
        None => None,
    }
}

fn address(resource: &Resource) -> String {
    let root = if resource.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", resource.api_version())
}

fn index(catalog: &Catalog) -> Value {
    let addresses: BTreeSet<String> = catalog.all().map(|resource| address(resource)).collect();
    let paths: Map<String, Value> = addresses
        .into_iter()
        .map(|address| {
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{address}")});
            (address, url)
        })
        .collect();
    json!({"paths": paths})
}

fn document(catalog: &Catalog, group_version: &str) -> Option<Value> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for resource in catalog.all().filter(|resource| address(resource) == group_version) {
        let names = if resource.is_namespaced() { "namespaces/{namespace}/" } else { "" };
        let collection = format!("/{group_version}/{names}{}", resource.plural);
        paths.insert(
            format!("{collection}/{{name}}"),
            operations(resource, &["get", "put", "patch", "delete"]),
        );
        paths.insert(collection, operations(resource, &["get", "post"]));
        schemas.insert(schema_name(resource), schema(resource));
    }
    if schemas.is_empty() {
        return None;
    }
    schemas.insert("meta.v1.ObjectMeta".to_owned(), metadata());
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

fn schema_name(resource: &Resource) -> String {
    let mut parts: Vec<&str> = resource.group.split('.').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    parts.extend([resource.version.as_str(), resource.kind.as_str()]);
    parts.join(".")
}

fn kind(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

/// The parameter tells `kubectl` that it need not check fields itself.
fn operations(resource: &Resource, methods: &[&str]) -> Value {
    let writes = json!([
        {"name": "dryRun", "in": "query", "schema": {"type": "string"}},
        {"name": "fieldManager", "in": "query", "schema": {"type": "string"}},
        {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
    ]);
    let operations = methods.iter().map(|method| {
        let parameters = if *method == "get" { json!([]) } else { writes.clone() };
        let operation = json!({
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": method,
            "x-kubernetes-group-version-kind": kind(resource),
        });
        ((*method).to_owned(), operation)
    });
    Value::Object(operations.collect())
}

fn schema(resource: &Resource) -> Value {
    // Whoever defines a kind may write anything in the place of a schema.
    let given = resource.schema.clone().filter(Value::is_object);
    let mut schema =
        given.unwrap_or_else(|| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["apiVersion"] = json!({"type": "string", "description": "Group and version."});
    schema["properties"]["kind"] = json!({"type": "string", "description": "What it is."});
    schema["properties"]["metadata"] = json!({
        "description": "Name, namespace, labels and the like.",
        "allOf": [{"$ref": "#/components/schemas/meta.v1.ObjectMeta"}],
    });
    schema["x-kubernetes-group-version-kind"] = json!([kind(resource)]);
    schema
}

fn metadata() -> Value {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    json!({
        "type": "object",
        "description": "Metadata that all objects have.",
        "properties": {
            "name": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": texts,
            "annotations": texts,
            "uid": {"type": "string"},
            "resourceVersion": {"type": "string"},
            "generation": {"type": "integer"},
            "creationTimestamp": {"type": "string", "format": "date-time"},
            "deletionTimestamp": {"type": "string", "format": "date-time"},
            "finalizers": {"type": "array", "items": {"type": "string"}},
        },
    })
}
