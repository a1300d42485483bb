//! An object in each of its forms.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{accept::Form, api::List, catalog::Resource, event, object::Object, table};

const METADATA_HEAD: &[u8] =
    b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":";

const TABLE_HEAD: &str = "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":";

/// Writes objects of a kind in one form.
#[derive(Debug)]
pub(super) struct Renderer {
    pub(super) resource: Arc<Resource>,
    pub(super) form: Form,
    head: String,
    included: Included,
}

/// What a row of a table brings besides its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Included {
    Nothing,
    Metadata,
    Object,
}

impl Renderer {
    pub(super) fn new(resource: Arc<Resource>, form: Form, included: Option<&str>) -> Self {
        let included = match included {
            Some("None") => Included::Nothing,
            Some("Object") => Included::Object,
            _ => Included::Metadata,
        };
        Self { head: resource.head(), resource, form, included }
    }

    /// An object as an answer of its own.
    pub(super) fn whole(&self, object: &Object) -> Vec<u8> {
        let mut text = Vec::new();
        self.write_whole(object, true, &mut text);
        text.push(b'\n');
        text
    }

    pub(super) fn write_whole(&self, object: &Object, with_columns: bool, text: &mut Vec<u8>) {
        match self.form {
            Form::Plain => self.write_plain(object, text),
            Form::Metadata => write_metadata(object, text),
            Form::Table => {
                let metadata = json!({"resourceVersion": object.revision.to_string()});
                text.extend_from_slice(self.table_head(&metadata, with_columns).as_bytes());
                self.write_row(object, text);
                text.extend_from_slice(b"]}");
            }
        }
    }

    /// How a list begins, up to its first item.
    pub(super) fn list_head(&self, list: &List) -> String {
        let mut metadata = json!({"resourceVersion": list.revision.to_string()});
        if let Some(next) = &list.next {
            metadata["continue"] = json!(next);
        }
        if let Some(remaining) = list.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        let (kind, api_version) = match self.form {
            Form::Table => return self.table_head(&metadata, true),
            Form::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1".to_owned()),
            Form::Plain => (self.resource.list_kind.as_str(), self.resource.api_version()),
        };
        format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[")
    }

    pub(super) fn write_item(&self, object: &Object, text: &mut Vec<u8>) {
        match self.form {
            // The items of a list of a built-in kind do not say what they are.
            Form::Plain if !self.resource.is_custom => self.write_fields(object, b"{", text),
            Form::Plain => self.write_plain(object, text),
            Form::Metadata => write_metadata(object, text),
            Form::Table => self.write_row(object, text),
        }
    }

    fn write_plain(&self, object: &Object, text: &mut Vec<u8>) {
        self.write_fields(object, self.head.as_bytes(), text);
    }

    /// What is kept of an object, behind what goes before it.
    fn write_fields(&self, object: &Object, head: &[u8], text: &mut Vec<u8>) {
        text.extend_from_slice(head);
        if event::is_renamed(&self.resource) {
            let mut fields = object.read();
            event::to_shown(&self.resource, &mut fields);
            text.extend_from_slice(Value::Object(fields).to_string().get(1..).unwrap_or_default().as_bytes());
        } else {
            text.extend_from_slice(object.tail());
        }
    }

    fn table_head(&self, metadata: &Value, with_columns: bool) -> String {
        let columns = if with_columns { table::definitions(&self.resource.columns) } else { Value::Null };
        format!("{TABLE_HEAD}{metadata},\"columnDefinitions\":{columns},\"rows\":[")
    }

    fn write_row(&self, object: &Object, text: &mut Vec<u8>) {
        let cells = table::cells(&self.resource.columns, &Value::Object(object.read()));
        text.extend_from_slice(format!("{{\"cells\":{cells}").as_bytes());
        text.extend_from_slice(b",\"object\":");
        match self.included {
            Included::Nothing => text.extend_from_slice(b"null"),
            Included::Metadata => write_metadata(object, text),
            Included::Object => self.write_plain(object, text),
        }
        text.push(b'}');
    }
}

fn write_metadata(object: &Object, text: &mut Vec<u8>) {
    text.extend_from_slice(METADATA_HEAD);
    text.extend_from_slice(object.metadata());
    text.push(b'}');
}
