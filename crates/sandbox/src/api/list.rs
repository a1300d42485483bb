//! GET of a collection: everything, or chunks that all show the same revision.

use std::sync::Arc;

use serde_json::json;

use super::{Answer, Context, List};
use crate::{
    api::List as Chunk,
    failure::{Cause, Failure},
    fault::Plan,
    object::{Key, Object},
    query::Query,
    selector::Selector,
    token::Token,
};

/// What is asked of a list besides its selector.
struct Options {
    limit: Option<usize>,
    token: Option<Token>,
    /// The revision that the list has to show.
    exact: Option<u64>,
}

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
    new list without the continue parameter, or use the continue token in this response to retrieve the remainder \
    of the results. Continuing with the provided token results in an inconsistent list - objects that were created, \
    modified, or deleted between the time the first chunk was returned and now may show up in the list.";

pub(super) fn list(context: &mut Context<'_>, plan: &Plan) -> Result<Answer, Failure> {
    let selector = context.selector()?;
    let now = context.store.revision();
    let mut options = Options::read(&context.call.query, now)?;
    if plan.stale.is_some() && options.token.is_none() {
        options.exact = plan.stale;
    }
    let mut list = if options.is_simple() {
        let objects = context.store.collection(&context.resource).list(selector.namespace.as_deref());
        let objects = objects.into_iter().filter(|object| selector.matches(object)).collect();
        List { resource: context.resource.clone(), objects, revision: now, next: None, remaining: None }
    } else {
        chunk(context, &options, &selector, plan)?
    };
    if let Some(count) = plan.truncate {
        list.objects.truncate(count);
        list.next = None;
        list.remaining = None;
    }
    Ok(Answer::List(list))
}

fn chunk(
    context: &mut Context<'_>,
    options: &Options,
    selector: &Selector,
    plan: &Plan,
) -> Result<Chunk, Failure> {
    let now = context.store.revision();
    let revision = options.token.as_ref().and_then(|token| token.revision).or(options.exact).unwrap_or(now);
    let collection = context.store.collection(&context.resource);
    let snapshot = collection.at(revision, now).filter(|_| !plan.expire_continue);
    let snapshot = snapshot.ok_or_else(|| too_old(options, revision, collection.log.forgotten()))?;
    let start = options.token.as_ref().map_or_else(|| Key::from_text(""), |token| token.start.clone());
    let first = snapshot.partition_point(|object| object.key < start);
    let rest = snapshot.get(first..).unwrap_or_default();
    let mut matching = rest.iter().filter(|object| selector.matches(object));
    let limit = options.limit.unwrap_or(usize::MAX);
    let objects: Vec<Arc<Object>> = matching.by_ref().take(limit).cloned().collect();
    let following = matching.next();
    let next =
        following.map(|object| Token { revision: Some(revision), start: object.key.clone() }.to_text());
    // With a selector the real server does not count.
    let remaining = (following.is_some() && !selector.is_choosy()).then(|| matching.count() + 1);
    Ok(List { resource: context.resource.clone(), objects, revision, next, remaining })
}

/// Of a chunk, the client may go on at the price of consistency.
fn too_old(options: &Options, revision: u64, forgotten: u64) -> Failure {
    let Some(token) = &options.token else {
        return Failure::expired(format!("too old resource version: {revision} ({forgotten})"));
    };
    let next = Token { revision: None, start: token.start.clone() }.to_text();
    Failure { next: Some(next), ..Failure::expired(TOO_OLD) }
}

// === impl Options ===

impl Options {
    fn read(query: &Query, now: u64) -> Result<Self, Failure> {
        if query.bool("sendInitialEvents").is_some() {
            return Err(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.filter(|&limit| limit > 0);
        let token = query.get("continue").map(Token::parse).transpose()?;
        let revision = revision(query)?;
        if token.is_some() && revision.is_some_and(|revision| revision > 0) {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let is_exact = check_match(query, revision)?;
        if let Some(wanted) = revision.filter(|&wanted| wanted > now) {
            return Err(too_new(wanted, now));
        }
        // As the real server since 1.31, we serve version 0 in one piece.
        let limit = if revision == Some(0) && token.is_none() { None } else { limit };
        Ok(Self { limit, token, exact: revision.filter(|_| is_exact) })
    }

    fn is_simple(&self) -> bool {
        self.limit.is_none() && self.token.is_none() && self.exact.is_none()
    }
}

fn revision(query: &Query) -> Result<Option<u64>, Failure> {
    let Some(text) = query.get("resourceVersion") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        ))
    })
}

/// Whether the revision is asked for exactly.
fn check_match(query: &Query, revision: Option<u64>) -> Result<bool, Failure> {
    let field = "resourceVersionMatch";
    let Some(rule) = query.get(field) else { return Ok(false) };
    match (rule, revision) {
        (_, None) => {
            Err(forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        }
        _ if query.get("continue").is_some() => {
            Err(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
        }
        ("Exact", Some(0)) => {
            Err(forbidden(field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
        }
        ("Exact", _) => Ok(true),
        ("NotOlderThan", _) => Ok(false),
        (other, _) => {
            let message = format!("\"{other}\": supported values: \"Exact\", \"NotOlderThan\", \"\"");
            Err(Failure::invalid_options("ListOptions", Cause::unsupported(field, message)))
        }
    }
}

fn too_new(wanted: u64, now: u64) -> Failure {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {now}");
    let mut failure = Failure::new(504, "Timeout", message);
    failure.details = Some(json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }));
    failure
}

pub(super) fn forbidden(field: &str, message: &str) -> Failure {
    Failure::invalid_options("ListOptions", Cause::forbidden(field, message))
}
