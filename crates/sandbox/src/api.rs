//! What a request asks for, and who answers it: the verbs, each in a file of its own. Bytes on the wire are the
//! business of `server.rs` and `render.rs`.

mod create;
mod definition;
mod delete;
mod delete_options;
mod list;
mod metadata;
mod name;
mod namespace;
mod prepare;
mod review;
mod update;
mod watch;

use std::sync::Arc;

use http::Method;
use serde_json::Value;

pub(crate) use self::{
    create::load,
    watch::{News, Notice, Watch},
};
use crate::{
    call::Call,
    catalog::Resource,
    discovery,
    failure::Failure,
    fault::Plan,
    object::{Fields, Key, Object},
    openapi,
    path::Target,
    recorder::Recorded,
    selector::Selector,
    state::State,
    store::Store,
};

/// What comes of a request, before it has a form.
#[derive(Debug)]
pub(crate) enum Answer {
    Object { code: u16, resource: Arc<Resource>, object: Arc<Object> },
    List(List),
    Watch(Box<Watch>),
    Value { code: u16, value: Value },
    Text { code: u16, text: String },
}

/// A list, or a chunk of one.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) resource: Arc<Resource>,
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) revision: u64,
    /// The token that goes on with it.
    pub(crate) next: Option<String>,
    pub(crate) remaining: Option<usize>,
}

/// A request for one resource.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) resource: Arc<Resource>,
    pub(crate) target: &'a Target,
    pub(crate) call: &'a Call,
}

/// Answers a request.
pub(crate) fn answer(
    state: &Arc<State>,
    call: &Call,
    request: &Recorded,
    plan: &Plan,
) -> Result<Answer, Failure> {
    let Some(target) = Target::parse(&call.path) else { return about_ourselves(state, call) };
    let mut store = state.store();
    let served = store.catalog.find(&target.group, &target.version, &target.plural);
    let Some(resource) = served else {
        let is_known = store.catalog.all().any(|one| one.group == target.group && !one.is_custom);
        return if is_known { Err(Failure::no_such_resource()) } else { Ok(page_not_found()) };
    };
    check_target(&resource, &target)?;
    let is_watch = call.query.flag("watch");
    let mut context = Context { store: &mut store, resource, target: &target, call };
    if context.resource.is_review() {
        return review::answer(&context);
    }
    match (&call.method, target.name.is_some()) {
        // As in the real server, nobody watches a path with a name: that is a field selector's business.
        (&Method::GET, true) => context.get(),
        (&Method::GET, false) if is_watch => watch::watch(&mut context, state, request),
        (&Method::GET, false) => list::list(&mut context, plan),
        (&Method::POST, false) if context.is_about_one_place() => create::create(&mut context),
        (&Method::PUT, true) => update::replace(&mut context),
        (&Method::PATCH, true) => update::patch(&mut context),
        (&Method::DELETE, true) => delete::delete(&mut context),
        (&Method::DELETE, false) if context.is_about_one_place() => delete::delete_many(&mut context),
        _ => Err(Failure::not_allowed()),
    }
}

fn page_not_found() -> Answer {
    Answer::Text { code: 404, text: "404 page not found\n".to_owned() }
}

/// A resource is asked for as it is: with its scope, and with its subresources.
fn check_target(resource: &Resource, target: &Target) -> Result<(), Failure> {
    let is_fitting = resource.is_namespaced() || target.namespace.is_none();
    let names_one = target.name.is_none() || !resource.is_namespaced() || target.namespace.is_some();
    let has_subresource = match target.subresource.as_deref() {
        None => true,
        Some("status") => resource.has_status,
        Some(_) => false,
    };
    match target.name.as_deref() {
        _ if !is_fitting || !names_one => Err(Failure::no_such_resource()),
        Some(name) if !has_subresource && resource.is_custom => Err(Failure::not_found(resource, name)),
        _ if !has_subresource => Err(Failure::no_such_resource()),
        _ => Ok(()),
    }
}

fn about_ourselves(state: &State, call: &Call) -> Result<Answer, Failure> {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(Failure::not_allowed());
    }
    let store = state.store();
    let value = match call.path.trim_end_matches('/') {
        "/livez" | "/readyz" | "/healthz" => return Ok(Answer::Text { code: 200, text: "ok".to_owned() }),
        "/version" => discovery::version(),
        path => {
            match discovery::answer(&store.catalog, path).or_else(|| openapi::answer(&store.catalog, path)) {
                Some(value) => value,
                None => return Ok(page_not_found()),
            }
        }
    };
    Ok(Answer::Value { code: 200, value })
}

// === impl Context ===

impl Context<'_> {
    /// The key of the object in the path.
    fn key(&self) -> Key {
        let namespace = self.target.namespace.as_deref().filter(|_| self.resource.is_namespaced());
        Key::new(namespace, self.name())
    }

    fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or_default()
    }

    fn present(&self) -> Result<Arc<Object>, Failure> {
        let object = self.store.get(&self.resource, &self.key());
        object.ok_or_else(|| Failure::not_found(&self.resource, self.name()))
    }

    fn get(&self) -> Result<Answer, Failure> {
        Ok(self.one(200, self.present()?))
    }

    fn one(&self, code: u16, object: Arc<Object>) -> Answer {
        Answer::Object { code, resource: self.resource.clone(), object }
    }

    fn selector(&self) -> Result<Selector, Failure> {
        Selector::new(&self.resource, self.target.namespace.as_deref(), &self.call.query)
    }

    /// Nothing is created or deleted across all namespaces.
    fn is_about_one_place(&self) -> bool {
        !self.resource.is_namespaced() || self.target.namespace.is_some()
    }

    fn is_about_status(&self) -> bool {
        self.target.subresource.is_some()
    }

    /// Keeps an object, unless the request is a trial: then it shows the revision of before.
    fn keep(&mut self, fields: Fields, is_trial: bool, before: u64) -> Arc<Object> {
        if is_trial {
            return Arc::new(Object::new(&self.resource, fields, before));
        }
        self.store.put(&self.resource, fields)
    }
}

/// The namespaces that are always there.
pub(crate) fn make_given_namespaces(store: &mut Store) {
    namespace::GIVEN.into_iter().for_each(|name| namespace::make(store, name));
}
