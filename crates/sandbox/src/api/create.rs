//! POST: an object comes about. Loading is creating with what was given.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Context, definition, metadata, name, namespace, prepare, update::ELSEWHERE};
use crate::{
    catalog::Resource,
    failure::{Cause, Failure},
    object::{Fields, Key, Object},
    random, schema,
    store::Store,
};

/// As the real server, we try again when a generated name is taken.
const ATTEMPTS: usize = 8;

pub(super) fn create(context: &mut Context<'_>) -> Result<Answer, Failure> {
    let is_trial = context.call.query.is_dry_run("CreateOptions")?;
    let mut fields = context.call.object(&context.resource)?;
    metadata::check(&context.resource, &fields)?;
    place(&context.resource, context.target.namespace.as_deref(), &mut fields)?;
    let object = create_in(context, fields, is_trial)?;
    Ok(context.one(201, object))
}

/// Creates an object whose namespace is that of the request.
pub(super) fn create_in(
    context: &mut Context<'_>,
    mut fields: Fields,
    is_trial: bool,
) -> Result<Arc<Object>, Failure> {
    let resource = context.resource.clone();
    let namespace = context.target.namespace.as_deref();
    generate_name(context.store, &resource, namespace, &mut fields);
    let name = text(&mut fields, "name");
    if let Some(namespace) = namespace {
        namespace::admit(context.store, &resource, namespace, &name)?;
    }
    if !text(&mut fields, "resourceVersion").is_empty() {
        return Err(Failure::internal("resourceVersion should not be set on objects to be created"));
    }
    prepare::prepare_new(&resource, &mut fields);
    validate(&resource, &name, &fields)?;
    if context.store.get(&resource, &Key::new(namespace, &name)).is_some() {
        return Err(Failure::already_exists(&resource, &name));
    }
    if !is_trial && resource.is_definition() {
        definition::serve(context.store, &resource, &mut fields)?;
    }
    Ok(context.keep(fields, is_trial, 0))
}

/// Puts an object in place as it is given, with its namespace and its status, over what is there.
pub(crate) fn load(store: &mut Store, resource: &Arc<Resource>, mut fields: Fields) -> Result<(), Failure> {
    metadata::check(resource, &fields)?;
    if resource.is_namespaced() {
        let given = text(&mut fields, "namespace");
        let namespace = if given.is_empty() { "default".to_owned() } else { given };
        namespace::make(store, &namespace);
        prepare::metadata(&mut fields).insert("namespace".to_owned(), json!(namespace));
    } else {
        prepare::metadata(&mut fields).remove("namespace");
    }
    let name = text(&mut fields, "name");
    validate(resource, &name, &fields)?;
    let metadata = prepare::metadata(&mut fields);
    metadata.remove("managedFields");
    metadata.entry("uid").or_insert_with(|| json!(random::uid()));
    metadata.entry("creationTimestamp").or_insert_with(|| json!(crate::timestamp::now()));
    prepare::complete(resource, &mut fields);
    if resource.is_definition() {
        definition::serve(store, resource, &mut fields)?;
    }
    store.put(resource, fields);
    Ok(())
}

/// The namespace of the request is that of the object.
fn place(resource: &Resource, namespace: Option<&str>, fields: &mut Fields) -> Result<(), Failure> {
    let given = text(fields, "namespace");
    let metadata = prepare::metadata(fields);
    match namespace.filter(|_| resource.is_namespaced()) {
        Some(namespace) if given.is_empty() || given == namespace => {
            metadata.insert("namespace".to_owned(), json!(namespace));
            Ok(())
        }
        Some(_) => Err(Failure::bad_request(ELSEWHERE)),
        None => {
            metadata.remove("namespace");
            Ok(())
        }
    }
}

fn generate_name(store: &Store, resource: &Resource, namespace: Option<&str>, fields: &mut Fields) {
    let prefix = text(fields, "generateName");
    if prefix.is_empty() || !text(fields, "name").is_empty() {
        return;
    }
    let mut names = (0..ATTEMPTS).map(|_| format!("{prefix}{}", random::suffix()));
    let is_free = |name: &String| store.get(resource, &Key::new(namespace, name)).is_none();
    if let Some(name) = names.find(is_free) {
        prepare::metadata(fields).insert("name".to_owned(), json!(name));
    }
}

/// Whether an object may be as it is.
pub(super) fn validate(resource: &Resource, name: &str, fields: &Fields) -> Result<(), Failure> {
    let mut causes = Vec::new();
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else {
        causes.extend(name::check(resource, name));
    }
    if let Some(schema) = &resource.schema {
        causes.extend(schema::check(schema, fields));
    }
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(resource, name, &causes)) }
}

/// A text of the metadata; empty where there is none.
pub(super) fn text(fields: &mut Fields, name: &str) -> String {
    prepare::metadata(fields).get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
