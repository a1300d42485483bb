//! What the schema of a definition refuses: missing fields, wrong types, numbers out of range, other words than
//! the listed ones. Patterns and CEL rules are not checked, and nothing is pruned.

use serde_json::{Map, Value};

use crate::{failure::Cause, object::Fields};

/// The rules that an object breaks. Its metadata is the server's business.
pub(crate) fn check(schema: &Value, object: &Fields) -> Vec<Cause> {
    let mut causes = Vec::new();
    check_fields(schema, object, "", &mut causes);
    causes
}

fn check_value(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(expected) = schema["type"].as_str().filter(|expected| !has_type(value, expected))
        && schema["x-kubernetes-int-or-string"] != true
    {
        let found = type_name(value);
        let message = format!("\"{found}\": {path} in body must be of type {expected}: \"{found}\"");
        causes.push(Cause::wrong_type(path, message));
        return;
    }
    check_plain(schema, value, path, causes);
    match value {
        Value::Object(fields) => check_fields(schema, fields, path, causes),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(&schema["items"], item, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(required) {
            causes.push(Cause::required(below(required), ""));
        }
    }
    for (name, value) in fields {
        let property = &schema["properties"][name];
        if !property.is_null() {
            check_value(property, value, &below(name), causes);
        } else if schema["additionalProperties"].is_object() {
            check_value(&schema["additionalProperties"], value, &below(name), causes);
        }
    }
}

fn check_plain(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
        let words: Vec<String> = words.iter().map(Value::to_string).collect();
        let message = format!("{value}: supported values: {}", words.join(", "));
        causes.push(Cause::unsupported(path, message));
    }
    let Some(number) = value.as_f64() else { return };
    if let Some(least) = schema["minimum"].as_f64().filter(|&least| number < least) {
        let message = format!("{value}: {path} in body should be greater than or equal to {least}");
        causes.push(Cause::invalid(path, message));
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|&most| number > most) {
        let message = format!("{value}: {path} in body should be less than or equal to {most}");
        causes.push(Cause::invalid(path, message));
    }
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => true,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_is_told_with_the_field_that_breaks_it() {
        let schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string"},
                "vlan": {"type": "integer", "minimum": 1, "maximum": 9, "nullable": true},
                "mode": {"enum": ["a", "b"]},
                "list": {"type": "array", "items": {"type": "string"}},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }}});
        let cases = [
            (json!({}), Some("spec")),
            (json!({"spec": {}}), Some("spec.id")),
            (json!({"spec": {"id": 5}}), Some("spec.id")),
            (json!({"spec": {"id": "x", "vlan": 10}}), Some("spec.vlan")),
            (json!({"spec": {"id": "x", "vlan": null}}), None),
            (json!({"spec": {"id": "x", "mode": "c"}}), Some("spec.mode")),
            (json!({"spec": {"id": "x", "list": ["a", 1]}}), Some("spec.list[1]")),
            (json!({"spec": {"id": "x", "map": {"k": 1}}}), Some("spec.map.k")),
            (json!({"spec": {"id": "x", "other": 1}}), None),
        ];
        for (object, expected) in cases {
            let causes = check(&schema, object.as_object().unwrap());
            assert_eq!(causes.first().map(|cause| cause.field.as_str()), expected, "{object}");
        }
    }
}
