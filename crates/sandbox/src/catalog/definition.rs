//! A `CustomResourceDefinition` as it is read: the resources it makes. Storing it is the verbs' business.

use serde_json::{Map, Value, json};

use super::{Resource, ResourceId, Scope};
use crate::{
    failure::{Cause, Failure},
    table::Column,
    timestamp,
};

/// What a definition says.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) id: ResourceId,
    pub(crate) resources: Vec<Resource>,
}

const APPROVAL: &str = "api-approved.kubernetes.io";

impl Definition {
    /// Reads one, or says which rule it breaks.
    pub(crate) fn read(of: &Resource, object: &Map<String, Value>) -> Result<Self, Failure> {
        let object = Value::Object(object.clone());
        let name = text(&object, "/metadata/name");
        let causes = broken_rules(&object, &name);
        if !causes.is_empty() {
            return Err(Failure::invalid(of, &name, &causes));
        }
        let versions = object.pointer("/spec/versions").and_then(Value::as_array);
        let served = versions.into_iter().flatten().filter(|version| version["served"] == true);
        let resources = served.map(|version| resource(&object, version)).collect();
        Ok(Self { id: ResourceId::new(&name), resources })
    }
}

fn broken_rules(object: &Value, name: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["group", "names/plural", "names/kind", "scope"] {
        if text(object, &format!("/spec/{field}")).is_empty() {
            causes.push(Cause::required(format!("spec.{}", field.replace('/', ".")), ""));
        }
    }
    let (group, plural) = (text(object, "/spec/group"), text(object, "/spec/names/plural"));
    let expected = format!("{plural}.{group}");
    if causes.is_empty() && name != expected {
        let message = format!("\"{name}\": must be spec.names.plural+\".\"+spec.group");
        causes.push(Cause::invalid("metadata.name", message));
    }
    let versions = object.pointer("/spec/versions").and_then(Value::as_array);
    if versions.is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.versions", "must specify at least one version"));
    }
    for (index, version) in versions.into_iter().flatten().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none_or(Value::is_null) {
            causes.push(Cause::required(format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
        }
    }
    let is_protected = group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io");
    if is_protected && object["metadata"]["annotations"][APPROVAL].is_null() {
        let message = format!(
            "protected groups must have approval annotation \"{APPROVAL}\", see https://github.com/kubernetes/enhancements/pull/1111"
        );
        causes.push(Cause::required(format!("metadata.annotations[{APPROVAL}]"), &message));
    }
    causes
}

fn resource(definition: &Value, version: &Value) -> Resource {
    let names = &definition["spec"]["names"];
    let kind = text(names, "/kind");
    let or = |field: &str, usual: String| match text(names, field) {
        given if given.is_empty() => usual,
        given => given,
    };
    let schema = version.pointer("/schema/openAPIV3Schema").cloned();
    Resource {
        group: text(definition, "/spec/group"),
        version: text(version, "/name"),
        plural: text(names, "/plural"),
        singular: or("/singular", kind.to_lowercase()),
        list_kind: or("/listKind", format!("{kind}List")),
        kind,
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        scope: if definition["spec"]["scope"] == "Namespaced" { Scope::Namespaced } else { Scope::Cluster },
        has_status: version.pointer("/subresources/status").is_some(),
        has_generation: true,
        is_custom: true,
        fields: &[],
        columns: columns(&version["additionalPrinterColumns"]),
        schema,
    }
}

fn columns(given: &Value) -> Vec<Column> {
    let Some(given) = given.as_array().filter(|given| !given.is_empty()) else {
        return vec![
            Column::name(),
            Column::custom(&json!({
                "name": "Age",
                "type": "date",
                "jsonPath": ".metadata.creationTimestamp",
            })),
        ];
    };
    let mut columns = vec![Column::name()];
    columns.extend(given.iter().map(Column::custom));
    columns
}

/// Writes into a definition what it leaves open.
pub(crate) fn complete_definition(definition: &mut Map<String, Value>) {
    let Some(Value::Object(spec)) = definition.get_mut("spec") else { return };
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    let Some(Value::Object(names)) = spec.get_mut("names") else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    names.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
    names.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
}

/// The `status` of a definition that is served.
pub(crate) fn conditions(definition: &Map<String, Value>) -> Value {
    let spec = definition.get("spec").cloned().unwrap_or_default();
    let condition = |name: &str, reason: &str, message: &str| {
        json!({
            "type": name,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp::now(),
        })
    };
    let versions = spec["versions"].as_array().cloned().unwrap_or_default();
    let stored = versions.iter().filter(|version| version["storage"] == true);
    json!({
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": spec["names"],
        "storedVersions": stored.map(|version| version["name"].clone()).collect::<Vec<_>>(),
    })
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
