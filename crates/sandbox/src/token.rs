//! The token with which a list goes on: opaque to clients, and made like that of the real server.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{failure::Failure, object::Key};

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The revision that all chunks show; none means whatever is there.
    pub(crate) revision: Option<u64>,
    /// The first key of the next chunk.
    pub(crate) start: Key,
}

impl Token {
    pub(crate) fn to_text(&self) -> String {
        let revision = self.revision.map_or_else(|| json!(-1), |revision| json!(revision));
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": self.start.as_str()});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let invalid =
            || Failure::bad_request("invalid continue token: continue key is not valid: it is none of ours");
        let decoded = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let token: Value = serde_json::from_slice(&decoded).map_err(|_| invalid())?;
        let start = token["start"].as_str().filter(|start| !start.is_empty()).ok_or_else(invalid)?;
        let revision = token["rv"].as_i64().ok_or_else(invalid)?;
        Ok(Self { revision: u64::try_from(revision).ok(), start: Key::from_text(start) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was() {
        for revision in [Some(7), None] {
            let token = Token { revision, start: Key::new(Some("a"), "b") };
            assert_eq!(Token::parse(&token.to_text()), Ok(token));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["x", "%%", "e30"] {
            assert_eq!(Token::parse(text).map_err(|failure| failure.code), Err(400), "{text}");
        }
    }
}
