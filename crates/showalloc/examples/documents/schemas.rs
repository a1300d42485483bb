//! The schemas of what is printed as JSON, one for each kind, as it is written: a member without a value is there as
//! `null`.

use anyhow::{Context, Result};
use danm_ipam::State;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use showalloc::{
    checking::{CheckReport, Class},
    document::{API_VERSION, AllocationMap, AllocationMapList},
    lookup::AddressLookup,
    overview::NetworkList,
};

use crate::Document;

/// A schema for each kind.
pub fn schemas() -> Result<Vec<Document>> {
    Ok(vec![
        schema::<AllocationMap>()?,
        schema::<AllocationMapList>()?,
        schema::<NetworkList>()?,
        schema::<AddressLookup>()?,
        schema::<CheckReport>()?,
    ])
}

fn schema<T: JsonSchema>() -> Result<Document> {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    let kind = T::schema_name();
    complete(&mut schema, &kind);
    for (name, definition) in schema.get_mut("$defs").and_then(Value::as_object_mut).into_iter().flatten() {
        complete(definition, name);
    }
    let text = serde_json::to_string_pretty(&schema).context("cannot write JSON")? + "\n";
    Ok(Document { path: format!("docs/schemas/{}_{kind}.json", API_VERSION.replace('/', "_")), text })
}

/// Says in the schema of an object what its type cannot.
fn complete(schema: &mut Value, name: &str) {
    name_kind(schema, name);
    name_counts(schema, name);
    allow_nothing(schema);
}

/// Which version and kind a document is of.
fn name_kind(schema: &mut Value, kind: &str) {
    if schema.pointer("/properties/apiVersion").is_none() {
        return;
    }
    for (member, text) in [("apiVersion", API_VERSION), ("kind", kind)] {
        schema["properties"][member]["const"] = json!(text);
    }
}

/// What is counted: everything is there, also what there is none of.
fn name_counts(schema: &mut Value, name: &str) {
    let Some(counts) = schema.pointer_mut("/properties/counts") else { return };
    counts["required"] = if name == "CheckReport" {
        json!(Class::ALL.map(Class::code))
    } else {
        json!(State::ALL.map(State::code))
    };
}

/// A variant without members adds none to the object that it is part of; schemars takes it for a `null` there too.
fn allow_nothing(schema: &mut Value) {
    if schema["type"] != "object" {
        return;
    }
    let variants = schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten();
    variants
        .filter(|variant| variant["type"] == "null")
        .for_each(|variant| variant["type"] = json!("object"));
}
