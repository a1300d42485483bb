//! Rights as a manifest gives them, and as requests need them, so that a test can say that they are the same. To which names and
//! namespaces a right is limited is not compared: a real API server decides that.

use std::collections::BTreeSet;

use http::Method;
use sandbox::Recorded;
use serde_json::Value;

use crate::manifests;

/// A right: group, resource with its subresource, verb.
pub type Right = (String, String, String);

/// The rights that the roles of a file in `deploy/` give.
///
/// # Panics
/// Where it cannot be read.
pub fn granted(manifest: &str) -> BTreeSet<Right> {
    let objects = manifests::objects_in(manifest);
    let rules = objects.iter().flat_map(|object| object["rules"].as_array().into_iter().flatten());
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let words = rule[field].as_array().into_iter().flatten();
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in rules {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    rights.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    rights
}

/// The right that a request needs; none for discovery.
pub fn used(request: &Recorded) -> Option<Right> {
    let parts: Vec<&str> = request.uri.path().trim_matches('/').split('/').collect();
    let (group, rest) = match *parts.as_slice() {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        _ => return None,
    };
    let (resource, is_named) = match *rest {
        ["namespaces", _, resource] | [resource] => (resource.to_owned(), false),
        ["namespaces", _, resource, _] | [resource, _] => (resource.to_owned(), true),
        ["namespaces", _, resource, _, subresource] => (format!("{resource}/{subresource}"), true),
        _ => return None,
    };
    let verb = match (&request.method, is_named) {
        (&Method::GET, _) if request.is_watch() => "watch",
        (&Method::GET, false) => "list",
        (&Method::GET, true) => "get",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, _) => "delete",
        _ => "other",
    };
    Some((group.to_owned(), resource, verb.to_owned()))
}
