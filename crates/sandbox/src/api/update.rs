//! PUT and PATCH: an object changes, if it still is what the client thinks it is.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Answer, Context,
    create::{create_in, text, validate},
    definition,
    delete::release,
    metadata, prepare,
};
use crate::{
    call::check_type,
    event,
    failure::{Cause, Failure},
    object::{Fields, Object},
    patch::Patch,
};

/// What the real server says of every namespace that is not that of the request.
pub(super) const ELSEWHERE: &str =
    "the namespace of the provided object does not match the namespace sent on the request";

pub(super) fn replace(context: &mut Context<'_>) -> Result<Answer, Failure> {
    let is_trial = context.call.query.is_dry_run("UpdateOptions")?;
    let mut fields = context.call.object(&context.resource)?;
    metadata::check(&context.resource, &fields)?;
    check_place(context, &mut fields)?;
    let old = match context.present() {
        Ok(old) => old,
        Err(_) if context.resource.is_created_by_update() => {
            prepare::metadata(&mut fields).remove("resourceVersion");
            let object = create_in(context, fields, is_trial)?;
            return Ok(context.one(201, object));
        }
        Err(failure) => return Err(failure),
    };
    check_version(context, &old, &mut fields)?;
    let object = change(context, &old, fields, is_trial)?;
    Ok(context.one(200, object))
}

pub(super) fn patch(context: &mut Context<'_>) -> Result<Answer, Failure> {
    let is_trial = context.call.query.is_dry_run("PatchOptions")?;
    let patch = Patch::read(context.call, &context.resource)?;
    let old = context.present()?;
    let mut object = old.read();
    event::to_shown(&context.resource, &mut object);
    object.insert("kind".to_owned(), json!(context.resource.kind));
    object.insert("apiVersion".to_owned(), json!(context.resource.api_version()));
    let Value::Object(mut fields) = patch.apply(Value::Object(object))? else {
        return Err(Failure::bad_request("the patch makes something that is no object"));
    };
    check_unchanged(context, &mut fields)?;
    event::to_kept(&context.resource, &mut fields);
    metadata::check(&context.resource, &fields)?;
    check_place(context, &mut fields)?;
    let version = text(&mut fields, "resourceVersion");
    if !version.is_empty() && version != old.revision.to_string() {
        return Err(Failure::modified(&context.resource, context.name()));
    }
    let object = change(context, &old, fields, is_trial)?;
    Ok(context.one(200, object))
}

/// Puts the new state in place of the old one.
fn change(
    context: &mut Context<'_>,
    old: &Arc<Object>,
    fields: Fields,
    is_trial: bool,
) -> Result<Arc<Object>, Failure> {
    let resource = context.resource.clone();
    check_uid(context, old, &fields)?;
    let mut fields = prepare::prepare_change(&resource, old, fields, context.is_about_status());
    check_finalizers(context, old, &fields)?;
    validate(&resource, old.key.name(), &fields)?;
    let unchanged = Object::new(&resource, fields.clone(), old.revision);
    if unchanged.text() == old.text() {
        return Ok(old.clone());
    }
    let is_definition = resource.is_definition();
    if is_definition && !is_trial && !old.is_terminating && !context.is_about_status() {
        definition::serve(context.store, &resource, &mut fields)?;
    }
    if !is_trial && unchanged.is_terminating && !unchanged.has_finalizers {
        return Ok(release(context.store, &resource, fields));
    }
    Ok(context.keep(fields, is_trial, old.revision))
}

/// Nobody moves an object to another name or namespace.
fn check_place(context: &Context<'_>, fields: &mut Fields) -> Result<(), Failure> {
    let name = text(fields, "name");
    if name != context.name() {
        let message = match name.as_str() {
            "" => format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                context.name()
            ),
            name => format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                context.name()
            ),
        };
        return Err(Failure::bad_request(message));
    }
    let given = text(fields, "namespace");
    match context.target.namespace.as_deref() {
        Some(namespace) if !given.is_empty() && given != namespace => Err(Failure::bad_request(ELSEWHERE)),
        Some(namespace) => {
            prepare::metadata(fields).insert("namespace".to_owned(), json!(namespace));
            Ok(())
        }
        None => {
            prepare::metadata(fields).remove("namespace");
            Ok(())
        }
    }
}

/// A PUT is about the version that it carries.
fn check_version(context: &Context<'_>, old: &Object, fields: &mut Fields) -> Result<(), Failure> {
    let (resource, name) = (&context.resource, context.name());
    let version = text(fields, "resourceVersion");
    if version.is_empty() || version == "0" {
        if resource.takes_unconditional_update() {
            return Ok(());
        }
        let cause = Cause::invalid("metadata.resourceVersion", "0: must be specified for an update");
        return Err(Failure::invalid_as(resource, &resource.plural, name, &[cause]));
    }
    match version.parse::<u64>() {
        Ok(version) if version == old.revision => Ok(()),
        Ok(_) => Err(Failure::modified(resource, name)),
        Err(_) => Err(Failure::internal(format!("strconv.ParseUint: parsing \"{version}\": invalid syntax"))),
    }
}

/// An object of another uid is another object.
fn check_uid(context: &Context<'_>, old: &Object, fields: &Fields) -> Result<(), Failure> {
    let given = fields.get("metadata").and_then(|metadata| metadata["uid"].as_str()).unwrap_or_default();
    if given.is_empty() || *given == *old.uid {
        return Ok(());
    }
    if context.call.method == http::Method::PATCH {
        let cause = Cause::invalid("metadata.uid", format!("\"{given}\": field is immutable"));
        return Err(Failure::invalid(&context.resource, context.name(), &[cause]));
    }
    let registry =
        if context.resource.is_custom { format!("{}/", context.resource.group) } else { String::new() };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{registry}{}/{}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object meta: {}",
        context.resource.plural,
        old.key.as_str(),
        old.uid
    );
    Err(Failure::conflict(&context.resource, &context.resource.plural, context.name(), &why))
}

/// What is marked as deleted cannot be held by somebody else.
fn check_finalizers(context: &Context<'_>, old: &Object, new: &Fields) -> Result<(), Failure> {
    if !old.is_terminating {
        return Ok(());
    }
    let names = |fields: &Fields| -> Vec<String> {
        let finalizers = fields.get("metadata").and_then(|metadata| metadata["finalizers"].as_array());
        finalizers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let before = names(&old.read());
    let added: Vec<String> = names(new).into_iter().filter(|name| !before.contains(name)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let message = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{\"{}\"}}",
        added.join("\", \"")
    );
    let cause = Cause::forbidden("metadata.finalizers", message);
    Err(Failure::invalid(&context.resource, context.name(), &[cause]))
}

/// A patch makes no other kind of an object.
fn check_unchanged(context: &Context<'_>, fields: &mut Fields) -> Result<(), Failure> {
    let kind = fields.remove("kind");
    let api_version = fields.remove("apiVersion");
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let api_version = api_version.as_ref().and_then(Value::as_str).unwrap_or_default();
    check_type(&context.resource, (kind, api_version), context.name())
}
