//! Label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.

use crate::{failure::Failure, object::Object};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let terms = split(text).into_iter().map(str::trim);
        terms.map(Requirement::parse).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| requirement.matches(object.label(&requirement.key)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Requirement {
    fn parse(term: &str) -> Result<Self, Failure> {
        let (key, test) = if let Some((key, value)) = term.split_once("!=") {
            (key, Test::NotIn(vec![value.trim().to_owned()]))
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (key, Test::In(vec![value.trim().to_owned()]))
        } else if let Some(key) = term.strip_prefix('!') {
            (key, Test::Absent)
        } else if let Some((key, values)) = set(term) {
            let (key, is_not) = match key.rsplit_once(char::is_whitespace) {
                Some((key, "in")) => (key, false),
                Some((key, "notin")) => (key, true),
                _ => return Err(not_understood(term)),
            };
            (key, if is_not { Test::NotIn(values) } else { Test::In(values) })
        } else {
            (term, Test::Exists)
        };
        let requirement = Self { key: key.trim().to_owned(), test };
        if requirement.is_sound() { Ok(requirement) } else { Err(not_understood(term)) }
    }

    fn is_sound(&self) -> bool {
        let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        let values: &[String] = match &self.test {
            Test::In(values) | Test::NotIn(values) => values,
            Test::Exists | Test::Absent => &[],
        };
        !self.key.is_empty() && is_word(&self.key) && values.iter().all(|value| is_word(value))
    }

    fn matches(&self, value: Option<&str>) -> bool {
        let is_one_of = |values: &[String]| value.is_some_and(|value| values.iter().any(|one| one == value));
        match &self.test {
            Test::In(values) => is_one_of(values),
            Test::NotIn(values) => !is_one_of(values),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
        }
    }
}

/// The key with its operator, and the values in parentheses.
fn set(term: &str) -> Option<(&str, Vec<String>)> {
    let (key, values) = term.strip_suffix(')')?.split_once('(')?;
    Some((key.trim(), values.split(',').map(|value| value.trim().to_owned()).collect()))
}

/// Splits at the commas that are not in parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let separate = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(separate).collect()
}

fn not_understood(term: &str) -> Failure {
    Failure::bad_request(format!("unable to parse requirement: '{term}' is no label requirement"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_understood() {
        let cases = [
            ("a=b", Some("b"), true),
            ("a==b", Some("c"), false),
            ("a!=b", None, true),
            ("a in (b, c)", Some("c"), true),
            ("a in (b,c)", None, false),
            ("a notin (b)", Some("b"), false),
            ("a notin (b)", None, true),
            ("a", Some(""), true),
            ("!a", Some("x"), false),
            ("!a", None, true),
        ];
        for (text, value, expected) in cases {
            let selector = LabelSelector::parse(text).unwrap();
            assert!(selector.0.iter().all(|one| one.key == "a" && one.matches(value)) == expected, "{text}");
        }
    }

    #[test]
    fn terms_are_separated_by_commas_outside_parentheses() {
        assert_eq!(LabelSelector::parse("a in (b,c),d,e=f").unwrap().0.len(), 3);
        assert!(LabelSelector::parse("").unwrap().is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a===b", "=b", "a in b)", "a within (b)", "a b", ",", "a,,b"] {
            assert_eq!(LabelSelector::parse(text).map_err(|failure| failure.code), Err(400), "{text}")
        }
    }
}
