//! The parameters of a request's address.

use crate::failure::{Cause, Failure};

#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Whether it is there, and not `false` or `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.bool(name) == Some(true)
    }

    /// What it says, where it says something.
    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value != "false" && value != "0")
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let invalid =
            |_| Failure::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"));
        text.parse().map(Some).map_err(invalid)
    }

    /// Whether nothing is to be kept of what is asked.
    pub(crate) fn is_dry_run(&self, options: &str) -> Result<bool, Failure> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let message = format!("[\"{other}\"]: supported values: \"All\"");
                Err(Failure::invalid_options(options, Cause::unsupported("dryRun", message)))
            }
        }
    }
}
