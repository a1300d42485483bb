//! `danm-sandbox`: a Kubernetes API server in one process, for trying out and for tests.
//!
//! ```text
//!   server ──> Call, Recorded ──> faults ──> api (one file a verb) ──> Answer ──> render ──> bytes
//!  (HTTP/1.1)                       │          │
//!                                   │          └──> Store: Catalog (what is served)
//!                                   │                      Collection (objects, snapshots, Log)
//!                                   │                                                 │
//!                                   └───────────────> watches <───────────────────────┘
//! ```
//!
//! It behaves like the real server wherever our programs can tell: versions, conflicts, watches, chunks, selectors,
//! patches, tables. It does not run controllers, knows no rights, and applies nothing itself (server-side apply is
//! refused). Objects are kept as the text that is sent, so that many are listed quickly.
//!
//! ```no_run
//! use http::Method;
//! use sandbox::{Effect, Fault, Match, Options, Sandbox};
//! # async fn example(objects: Vec<serde_json::Value>) -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start(Options::default())?; // on the runtime of the caller, until it is dropped
//! sandbox.load(objects)?;
//! let kubeconfig = sandbox.kubeconfig(); // or sandbox.url()
//! let lost = Fault::new(Match::any().method(Method::PATCH).path("/danmnets/"), Effect::DropAfter).times(1);
//! let lost = sandbox.inject(lost);
//! // ... run what is to be tested ...
//! assert_eq!(sandbox.hits(lost), 1);
//! sandbox.heal();
//! let writes = sandbox.requests().iter().filter(|request| request.method != Method::GET).count();
//! # Ok(()) }
//! ```

mod accept;
mod api;
mod call;
mod catalog;
mod cli;
mod collection;
mod demo;
mod discovery;
mod event;
mod failure;
mod fault;
mod load;
mod log;
mod object;
mod openapi;
mod patch;
mod path;
mod protobuf;
mod query;
mod random;
mod recorder;
mod render;
mod run;
mod sandbox;
mod schema;
mod selector;
mod server;
mod state;
mod store;
mod table;
mod timestamp;
mod token;

pub use cli::Cli;
pub use fault::{Effect, Fault, FaultId, Match, Times};
pub use load::LoadError;
pub use recorder::Recorded;
pub use run::run;
pub use sandbox::{Options, Sandbox};
