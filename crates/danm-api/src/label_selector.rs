//! Label selectors as Kubernetes means them: read from an object, and asked whether labels match. What is selected by them
//! is not known here.

use std::{collections::BTreeMap, fmt, ops::Deref};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What labels have to be like; all requirements at once. Two that mean the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelSelector {
    /// None at all: everything matches.
    requirements: OneOfEach<Requirement>,
}

/// What one label has to be like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Requirement {
    /// It is there, with one of these values.
    In(Box<str>, OneOfEach<Box<str>>),
    /// It has none of these values, or is not there.
    NotIn(Box<str>, OneOfEach<Box<str>>),
    /// It is there.
    Exists(Box<str>),
    /// It is not there.
    DoesNotExist(Box<str>),
}

/// A few things in order, each once: a set that takes no more memory than they do. Clusters have selectors by the hundred
/// thousand, and most of these want one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<T>", bound(deserialize = "T: Deserialize<'de> + Ord"))]
pub struct OneOfEach<T>(Box<[T]>);

/// What is wrong with a selector, and in which member: a path such as `matchExpressions[0].operator`, empty for the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorProblem {
    /// The member.
    pub member: String,
    /// What is wrong with it.
    pub problem: String,
}

// === impl LabelSelector ===

impl LabelSelector {
    /// A selector with these requirements.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        Self { requirements: requirements.into_iter().collect() }
    }

    /// Reads a selector from an object. A selector of which a part is not understood selects nobody knows what: that is an
    /// error, not a selector with one requirement less.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(selector: &Value) -> Result<Self, SelectorProblem> {
        let Some(members) = selector.as_object() else { return Err(problem("", "it is no object")) };
        let mut requirements = Vec::new();
        for (member, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match member.as_str() {
                "matchLabels" => read_labels(value, &mut requirements)?,
                "matchExpressions" => read_expressions(value, &mut requirements)?,
                unknown => return Err(problem(unknown, "there is no such field in a selector")),
            }
        }
        Ok(Self::new(requirements))
    }

    /// What it wants of labels, in order.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter()
    }

    /// Whether these labels are as it wants them.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(labels))
    }
}

/// As `kubectl` spells it.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requirements.is_empty() {
            return f.write_str("<all>");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

fn read_labels(labels: &Value, requirements: &mut Vec<Requirement>) -> Result<(), SelectorProblem> {
    let Some(labels) = labels.as_object() else { return Err(problem("matchLabels", "it is no object")) };
    for (key, value) in labels {
        let Some(value) = value.as_str() else {
            return Err(problem(&format!("matchLabels[{key}]"), "it is no text"));
        };
        requirements.push(Requirement::In(key.as_str().into(), [value.into()].into_iter().collect()));
    }
    Ok(())
}

fn read_expressions(expressions: &Value, requirements: &mut Vec<Requirement>) -> Result<(), SelectorProblem> {
    let Some(expressions) = expressions.as_array() else {
        return Err(problem("matchExpressions", "it is no list"));
    };
    for (index, expression) in expressions.iter().enumerate() {
        requirements.push(read_expression(expression, &format!("matchExpressions[{index}]"))?);
    }
    Ok(())
}

fn read_expression(expression: &Value, path: &str) -> Result<Requirement, SelectorProblem> {
    let Some(members) = expression.as_object() else { return Err(problem(path, "it is no object")) };
    if let Some(unknown) = members.keys().find(|name| !["key", "operator", "values"].contains(&name.as_str()))
    {
        return Err(problem(&format!("{path}.{unknown}"), "there is no such field in an expression"));
    }
    let key: Box<str> = match expression["key"].as_str() {
        Some(key) if !key.is_empty() => key.into(),
        _ => return Err(problem(&format!("{path}.key"), "it names no label")),
    };
    let values = read_values(&expression["values"], path)?;
    match (expression["operator"].as_str(), values.is_empty()) {
        (Some("In"), false) => Ok(Requirement::In(key, values)),
        (Some("NotIn"), false) => Ok(Requirement::NotIn(key, values)),
        (Some("Exists"), true) => Ok(Requirement::Exists(key)),
        (Some("DoesNotExist"), true) => Ok(Requirement::DoesNotExist(key)),
        (Some("In" | "NotIn"), true) => Err(problem(&format!("{path}.values"), "In and NotIn need a value")),
        (Some("Exists" | "DoesNotExist"), false) => {
            Err(problem(&format!("{path}.values"), "Exists and DoesNotExist take no values"))
        }
        _ => Err(problem(&format!("{path}.operator"), "it is none of In, NotIn, Exists and DoesNotExist")),
    }
}

fn read_values(values: &Value, path: &str) -> Result<OneOfEach<Box<str>>, SelectorProblem> {
    if values.is_null() {
        return Ok(OneOfEach::default());
    }
    let texts = values.as_array().map(|values| values.iter().map(|value| value.as_str().map(Box::from)));
    texts
        .and_then(Iterator::collect)
        .ok_or_else(|| problem(&format!("{path}.values"), "it is no list of texts"))
}

fn problem(member: &str, problem: &str) -> SelectorProblem {
    SelectorProblem { member: member.to_owned(), problem: problem.to_owned() }
}

// === impl OneOfEach ===

impl<T> Default for OneOfEach<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: Ord> FromIterator<T> for OneOfEach<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut all: Vec<T> = all.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all.into())
    }
}

impl<T: Ord> From<Vec<T>> for OneOfEach<T> {
    fn from(all: Vec<T>) -> Self {
        all.into_iter().collect()
    }
}

impl<T> Deref for OneOfEach<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl OneOfEach<Box<str>> {
    fn has(&self, text: &str) -> bool {
        self.binary_search_by(|one| (**one).cmp(text)).is_ok()
    }
}

// === impl Requirement ===

impl Requirement {
    /// The label that it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::In(key, _) | Self::NotIn(key, _) | Self::Exists(key) | Self::DoesNotExist(key) => key,
        }
    }

    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(self.key()).map(String::as_str);
        match self {
            Self::In(_, values) => value.is_some_and(|value| values.has(value)),
            Self::NotIn(_, values) => value.is_none_or(|value| !values.has(value)),
            Self::Exists(_) => value.is_some(),
            Self::DoesNotExist(_) => value.is_none(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[Box<str>]| values.iter().map(|value| &**value).collect::<Vec<_>>().join(",");
        match self {
            Self::In(key, values) if values.len() == 1 => write!(f, "{key}={}", list(values)),
            Self::In(key, values) => write!(f, "{key} in ({})", list(values)),
            Self::NotIn(key, values) if values.len() == 1 => write!(f, "{key}!={}", list(values)),
            Self::NotIn(key, values) => write!(f, "{key} notin ({})", list(values)),
            Self::Exists(key) => f.write_str(key),
            Self::DoesNotExist(key) => write!(f, "!{key}"),
        }
    }
}
