//! The lines of a watch: an event each.

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{PIECE, form::Renderer};
use crate::{
    accept::Form,
    api::{News, Notice},
};

const INITIAL_END: &str = "k8s.io/initial-events-end";

/// Writes what a watch has to tell.
#[derive(Debug)]
pub(super) struct Lines {
    renderer: Renderer,
    /// A watch of tables tells its columns once.
    has_columns: bool,
}

impl Lines {
    pub(super) fn new(renderer: Renderer) -> Self {
        Self { renderer, has_columns: false }
    }

    /// Lines, in pieces that are not too large.
    pub(super) fn write(&mut self, news: News) -> Vec<Bytes> {
        match news {
            News::Events(notices) => self.write_notices(notices),
            News::Bookmark { revision, ends_initial } => {
                let bookmark = self.bookmark(revision, ends_initial);
                vec![line("BOOKMARK", &bookmark)]
            }
            News::Error(failure) => vec![line("ERROR", &failure.status())],
        }
    }

    fn write_notices(&mut self, notices: Vec<Notice>) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        let mut text = Vec::new();
        for Notice { verb, object } in notices {
            text.extend_from_slice(format!("{{\"type\":\"{verb}\",\"object\":").as_bytes());
            self.renderer.write_whole(&object, !self.has_columns, &mut text);
            text.extend_from_slice(b"}\n");
            self.has_columns = true;
            if text.len() >= PIECE {
                pieces.push(Bytes::from(std::mem::take(&mut text)));
            }
        }
        pieces.push(Bytes::from(text));
        pieces
    }

    fn bookmark(&self, revision: u64, ends_initial: bool) -> Value {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if ends_initial {
            metadata["annotations"] = json!({ INITIAL_END: "true" });
        }
        let partial = json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
        });
        let resource = &self.renderer.resource;
        match self.renderer.form {
            Form::Plain => {
                json!({"kind": resource.kind, "apiVersion": resource.api_version(), "metadata": metadata})
            }
            Form::Metadata => partial,
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": revision.to_string()},
                "columnDefinitions": null,
                "rows": [{"cells": vec![""; resource.columns.len()], "object": partial}],
            }),
        }
    }
}

fn line(verb: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{verb}\",\"object\":{object}}}\n").into()
}
