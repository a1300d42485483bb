//! The requests that came in, for tests to look at.

use std::sync::{Mutex, PoisonError};

use http::{Method, Uri};
use hyper::body::Bytes;

use crate::{path::Target, query::Query};

/// A request as it came in, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub uri: Uri,
    /// In which forms it wants its answer; empty where it does not say.
    pub accept: String,
    /// Its body; empty where there was none.
    pub body: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<Recorded>>);

impl Recorded {
    /// Path and query as one text.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
    }

    /// Whether it asks for a watch.
    pub fn is_watch(&self) -> bool {
        self.reads_many() && self.query().flag("watch")
    }

    /// Whether it asks for a list.
    pub fn is_list(&self) -> bool {
        self.reads_many() && !self.query().flag("watch")
    }

    /// Whether it asks for the next chunk of a list.
    pub fn is_continuation(&self) -> bool {
        self.is_list() && self.query().get("continue").is_some()
    }

    /// Whether it wants the metadata of objects and nothing else of them.
    pub fn wants_metadata_alone(&self) -> bool {
        self.accept.contains("as=PartialObjectMetadata")
    }

    fn reads_many(&self) -> bool {
        let target = Target::parse(self.uri.path());
        self.method == Method::GET && target.is_some_and(|target| target.name.is_none())
    }

    fn query(&self) -> Query {
        Query::parse(self.uri.query().unwrap_or_default())
    }
}

impl Recorder {
    pub(crate) fn record(&self, request: Recorded) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
