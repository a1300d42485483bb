//! A running server, as those who start it see it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use danm_api::crd;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{
    api,
    catalog::calico,
    fault::{Fault, FaultId},
    load::{LoadError, load},
    recorder::Recorded,
    server,
    state::State,
};

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; a port of 0 means a free one.
    pub listen: SocketAddr,
    /// Whether DANM's and Calico's kinds are there from the start.
    pub definitions: bool,
    /// Events that are remembered of each kind. Watches that know less have to begin anew.
    pub history: usize,
    /// The time between two bookmarks.
    pub bookmarks: Duration,
    /// Whether requests are kept for [`Sandbox::requests`].
    pub record: bool,
}

/// A Kubernetes API server in this process. It ends when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    state: Arc<State>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            definitions: true,
            history: 10_000,
            bookmarks: Duration::from_secs(5),
            record: true,
        }
    }
}

// === impl Sandbox ===

impl Sandbox {
    /// Starts a server on the runtime of the caller.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let has_definitions = options.definitions;
        let state = Arc::new(State::new(options));
        api::make_given_namespaces(&mut state.store());
        if has_definitions {
            let danm = crd::manifests().into_iter().map(|(_, manifest)| manifest);
            load(&mut state.store(), danm.chain(calico::definitions())).map_err(io::Error::other)?;
        }
        let serving = tokio::spawn(server::serve(listener, state.clone()));
        Ok(Self { state, address, serving })
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig for it, without credentials: everybody may do everything.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: danm-sandbox\n\
             clusters:\n- name: danm-sandbox\n  cluster:\n    server: {}\n\
             contexts:\n- name: danm-sandbox\n  context:\n    cluster: danm-sandbox\n    user: danm-sandbox\n\
             users:\n- name: danm-sandbox\n  user: {{}}\n",
            self.url()
        )
    }

    /// Puts objects in place as they are given, with their uids, times and status; lists of objects, too.
    /// Definitions come first, missing namespaces are made.
    ///
    /// # Errors
    /// With the first object that cannot be put in place. Others are there then.
    pub fn load(&self, objects: impl IntoIterator<Item = Value>) -> Result<usize, LoadError> {
        load(&mut self.state.store(), objects)
    }

    /// Makes something go wrong from now on.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let revision = self.state.store().revision();
        self.state.faults.inject(fault, revision)
    }

    /// Ends one fault.
    pub fn lift(&self, fault: FaultId) {
        self.state.faults.lift(fault);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.state.faults.heal();
    }

    /// How often a fault has happened; of one that is healed, never.
    pub fn hits(&self, fault: FaultId) -> usize {
        self.state.faults.hits(fault)
    }

    /// Forgets the past: watches that know only an older version get 410, and lists do not go on.
    pub fn forget_history(&self) {
        self.state.store().forget();
    }

    /// The version of the last write.
    pub fn revision(&self) -> u64 {
        self.state.store().revision()
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.recorder.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state.recorder.clear();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.state.ending.send_replace(true);
        self.serving.abort();
    }
}
