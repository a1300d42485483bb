//! The `JSONPath` of printer columns: fields, indices, `[*]`, and `[?(@.field=="text")]`. What is more than that
//! leads nowhere.

use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    All,
    Where(Vec<String>, String),
    Nowhere,
}

impl JsonPath {
    pub(super) fn parse(text: &str) -> Self {
        let mut rest = text.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, more) = Self::step(rest);
            steps.push(step);
            rest = more;
        }
        Self(steps)
    }

    fn step(text: &str) -> (Step, &str) {
        if let Some(inner) = text.strip_prefix('[') {
            let Some((inside, rest)) = inner.split_once(']') else { return (Step::Nowhere, "") };
            return (bracket(inside.trim()), rest);
        }
        let text = text.strip_prefix('.').unwrap_or(text);
        // Dots in names are written `\.`, as in labels.
        let mut name = String::new();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                '.' | '[' => return (Step::Field(name), text.get(at..).unwrap_or_default()),
                _ => name.push(character),
            }
        }
        (if name.is_empty() { Step::Nowhere } else { Step::Field(name) }, "")
    }

    /// Everything it leads to.
    fn all<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![object], |values, step| {
            values.into_iter().flat_map(|value| step.follow(value)).collect()
        })
    }

    pub(super) fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.all(object).into_iter().next()
    }

    /// What stands in a cell of a type.
    pub(super) fn value(&self, object: &Value, r#type: &str) -> Value {
        let values = self.all(object);
        match (values.as_slice(), r#type) {
            ([], _) => Value::Null,
            ([one], "integer" | "number" | "boolean") => (*one).clone(),
            (many, _) => json!(many.iter().map(|value| text(value)).collect::<Vec<_>>().join(",")),
        }
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).filter(|value| !value.is_null()).into_iter().collect(),
            Self::Index(index) => value.get(index).into_iter().collect(),
            Self::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Self::Where(path, expected) => {
                let is_meant = |item: &&Value| {
                    let found = path.iter().try_fold(*item, |value, name| value.get(name));
                    found.is_some_and(|found| text(found) == *expected)
                };
                value.as_array().into_iter().flatten().filter(is_meant).collect()
            }
            Self::Nowhere => Vec::new(),
        }
    }
}

fn bracket(inside: &str) -> Step {
    if inside == "*" {
        return Step::All;
    }
    if let Ok(index) = inside.parse() {
        return Step::Index(index);
    }
    if let Some(name) = inside.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')) {
        return Step::Field(name.to_owned());
    }
    let condition = inside.strip_prefix("?(@.").and_then(|inner| inner.strip_suffix(')'));
    let Some((path, expected)) = condition.and_then(|condition| condition.split_once("==")) else {
        return Step::Nowhere;
    };
    let path = path.trim().split('.').map(str::to_owned).collect();
    Step::Where(path, expected.trim().trim_matches(['"', '\'']).to_owned())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"cidr": "10.0.0.0/8", "vlan": 5, "none": null},
            "hostDevices": [{"name": "a"}, {"name": "b"}],
            "metadata": {"labels": {"x.io/y": "z"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        });
        let cases = [
            (".spec.cidr", json!("10.0.0.0/8")),
            (".spec.none", Value::Null),
            (".spec.missing.deep", Value::Null),
            (".hostDevices[*].name", json!("a,b")),
            (".hostDevices[1].name", json!("b")),
            (".metadata.labels.x\\.io/y", json!("z")),
            (".metadata.labels['x.io/y']", json!("z")),
            (".status.conditions[?(@.type==\"Ready\")].status", json!("True")),
            (".status.conditions[?(@.type=='Other')].status", json!("False")),
            ("..what", Value::Null),
        ];
        for (path, expected) in cases {
            assert_eq!(JsonPath::parse(path).value(&object, "string"), expected, "{path}");
        }
        assert_eq!(JsonPath::parse(".spec.vlan").value(&object, "integer"), json!(5));
    }
}
