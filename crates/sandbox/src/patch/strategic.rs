//! Strategic merge patches: as JSON merge patches, but lists of things with names are merged by their names, and
//! directives such as `$patch: delete` say what cannot be said otherwise.

use serde_json::{Map, Value};

use crate::failure::Failure;

/// By which field the items of a list are the same, wherever the list is. The real server knows it from the
/// types of its kinds.
const MERGE_KEYS: [(&str, &[&str]); 19] = [
    ("addresses", &["type"]),
    ("conditions", &["type"]),
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ownerReferences", &["uid"]),
    ("podIPs", &["ip"]),
    ("hostIPs", &["ip"]),
    ("ports", &["containerPort", "port"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("secrets", &["name"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Lists of plain values that are merged as sets.
const SETS: [&str; 2] = ["finalizers", "podCIDRs"];

const DIRECTIVE: &str = "$patch";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";
const RETAIN: &str = "$retainKeys";

pub(super) fn apply(target: &mut Value, patch: &Value) -> Result<(), Failure> {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => merge_maps(target, patch),
        (target, patch) => {
            *target = without_directives(patch);
            Ok(())
        }
    }
}

fn merge_maps(target: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), Failure> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        Some("replace") => {
            target.clear();
            if let Value::Object(new) = without_directives(&Value::Object(patch.clone())) {
                *target = new;
            }
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(Failure::bad_request(format!("Unknown patch type found: {other}"))),
    }
    if let Some(Value::Array(retained)) = patch.get(RETAIN) {
        target.retain(|name, _| retained.iter().any(|kept| kept == name.as_str()));
    }
    for (name, change) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        if change.is_null() {
            target.remove(name);
            continue;
        }
        let present = target.entry(name.as_str()).or_insert(Value::Null);
        match (present, change) {
            (present @ Value::Array(_), Value::Array(items)) => merge_lists(name, present, items)?,
            (present, Value::Array(items)) => {
                *present = Value::Array(Vec::new());
                merge_lists(name, present, items)?;
            }
            (present, change) => apply(present, change)?,
        }
    }
    patch.iter().for_each(|(name, value)| amend_list(target, name, value));
    Ok(())
}

/// Carries out what a directive says about a list beside it.
fn amend_list(target: &mut Map<String, Value>, directive: &str, value: &Value) {
    let Value::Array(named) = value else { return };
    if let Some(list) = directive.strip_prefix(DELETE_FROM)
        && let Some(Value::Array(items)) = target.get_mut(list)
    {
        items.retain(|item| !named.contains(item));
    }
    if let Some(list) = directive.strip_prefix(ORDER)
        && let Some(Value::Array(items)) = target.get_mut(list)
    {
        let keys = merge_keys(list);
        let place = |item: &Value| named.iter().position(|one| one == item || is_same(keys, one, item));
        // What the client does not know of stays behind what it knows.
        items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
    }
}

fn merge_lists(name: &str, target: &mut Value, patch: &[Value]) -> Result<(), Failure> {
    let Value::Array(items) = target else { return Ok(()) };
    let keys = merge_keys(name);
    let replaces = patch.iter().any(|item| item[DIRECTIVE] == "replace");
    if replaces {
        let new = patch.iter().filter(|item| item[DIRECTIVE] != "replace");
        *items = new.map(without_directives).collect();
        return Ok(());
    }
    if keys.is_empty() {
        if SETS.contains(&name) {
            let new = patch.iter().filter(|item| !items.contains(item)).cloned().collect::<Vec<_>>();
            items.extend(new);
        } else {
            *items = patch.iter().map(without_directives).collect();
        }
        return Ok(());
    }
    for change in patch {
        let found = items.iter().position(|item| is_same(keys, change, item));
        if change[DIRECTIVE] == "delete" {
            items.retain(|item| !is_same(keys, change, item));
        } else if let Some(item) = found.and_then(|index| items.get_mut(index)) {
            apply(item, change)?;
        } else {
            items.push(without_directives(change));
        }
    }
    Ok(())
}

fn merge_keys(list: &str) -> &'static [&'static str] {
    MERGE_KEYS.iter().find(|(name, _)| *name == list).map_or(&[], |(_, keys)| keys)
}

/// Whether two items of a list are the same thing: the first key that one of them has decides.
fn is_same(keys: &[&str], one: &Value, other: &Value) -> bool {
    let key = keys.iter().find(|key| !one[**key].is_null());
    key.is_some_and(|key| one[*key] == other[*key])
}

/// A part of a patch as a value of its own.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
            Value::Object(fields.map(|(name, value)| (name.clone(), without_directives(value))).collect())
        }
        Value::Array(items) => {
            let items = items.iter().filter(|item| item[DIRECTIVE] != "delete");
            Value::Array(items.map(without_directives).collect())
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_named_things_are_merged_by_their_names() {
        let pod = || {
            json!({"spec": {
                "containers": [{"name": "a", "image": "1", "ports": [{"containerPort": 1}]}, {"name": "b"}],
                "tolerations": [{"key": "x"}],
            }})
        };
        let cases = [
            (json!({"containers": [{"name": "b", "image": "2"}]}), "/spec/containers/1/image", json!("2")),
            (json!({"containers": [{"name": "c"}]}), "/spec/containers/2/name", json!("c")),
            (
                json!({"containers": [{"name": "a", "$patch": "delete"}]}),
                "/spec/containers/0/name",
                json!("b"),
            ),
            (
                json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}),
                "/spec/containers",
                json!([{"name": "z"}]),
            ),
            (json!({"tolerations": [{"key": "y"}]}), "/spec/tolerations", json!([{"key": "y"}])),
            (
                json!({"containers": [{"name": "a", "ports": [{"containerPort": 2}]}]}),
                "/spec/containers/0/ports/1/containerPort",
                json!(2),
            ),
            (
                json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
                "/spec/containers/0/name",
                json!("b"),
            ),
            (json!({"containers": null}), "/spec", json!({"tolerations": [{"key": "x"}]})),
        ];
        for (patch, pointer, expected) in cases {
            let mut target = pod();
            apply(&mut target, &json!({"spec": patch})).unwrap();
            assert_eq!(target.pointer(pointer), Some(&expected), "{patch}");
        }
    }

    #[test]
    fn finalizers_are_a_set() {
        let mut target = json!({"metadata": {"finalizers": ["a", "b"]}});
        let patch = json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}});
        apply(&mut target, &patch).unwrap();
        assert_eq!(target["metadata"]["finalizers"], json!(["b", "c"]));
    }

    #[test]
    fn maps_can_be_replaced_and_emptied() {
        let mut target = json!({"data": {"a": "1", "b": "2"}});
        apply(&mut target, &json!({"data": {"$patch": "replace", "c": "3"}})).unwrap();
        assert_eq!(target["data"], json!({"c": "3"}));
    }
}
