//! The loop of a candidate: performs what its election decides, and tells the program. It decides nothing.

use std::{mem::discriminant, time::Instant};

use jiff::Timestamp;
use kube::{Api, Client, Error, api::PostParams};
use tokio::{
    sync::{oneshot, watch},
    time::{sleep_until, timeout_at},
};

use super::{
    LeaseConfig, LeaseState, Role,
    election::{Decision, Election},
    record::{LeaseObject, resource},
};
use crate::{clock::now, describe};

/// One of those who want a Lease.
pub(super) struct Candidate {
    api: Api<LeaseObject>,
    config: LeaseConfig,
    election: Election,
    state: watch::Sender<LeaseState>,
}

// === impl Candidate ===

impl Candidate {
    /// A candidate, and where to see how it fares.
    pub(super) fn new(client: Client, config: LeaseConfig) -> (Self, watch::Receiver<LeaseState>) {
        let api = Api::namespaced_with(client, &config.namespace, &resource());
        let election = Election::new(config.clone(), now());
        let (sender, receiver) = watch::channel(LeaseState::new(election.role(now())));
        (Self { api, config, election, state: sender }, receiver)
    }

    /// Goes on until told to give the Lease back.
    pub(super) async fn run(mut self, mut released: oneshot::Receiver<()>) {
        let is_released = loop {
            let now = now();
            self.tell(self.election.role(now), self.election.leads_until(now), now);
            tokio::select! {
                biased;
                word = &mut released => break word.is_ok(),
                () = self.step() => {}
            }
        };
        // Dropped without a word, nothing is given back either.
        if is_released {
            self.give_back().await;
        }
    }

    async fn step(&mut self) {
        match self.election.decide(now(), Timestamp::now()) {
            Decision::Wait(until) => sleep_until(until.into()).await,
            request => self.perform(request).await,
        }
    }

    async fn perform(&mut self, request: Decision) {
        let sent = now();
        let limit = self.election.patience(sent);
        let answer = timeout_at(limit.into(), self.ask(&request)).await;
        let now = now();
        match answer {
            Ok(Ok(lease)) if matches!(request, Decision::Read) => self.election.observe(lease, now),
            Ok(Ok(None)) => self.election.observe(None, now),
            Ok(Ok(Some(lease))) => self.election.written(lease, sent, now),
            Ok(Err(Error::Api(status))) if status.code == 409 => self.election.conflicted(now),
            Ok(Err(error)) => self.fail(&describe(&error), now),
            Err(_) => self.fail(&format!("no answer within {:.1?}", now - sent), now),
        }
    }

    /// Gives the Lease as it is now, or that there is none.
    async fn ask(&self, request: &Decision) -> Result<Option<LeaseObject>, Error> {
        let (name, params) = (&self.config.name, PostParams::default());
        match request {
            Decision::Create(lease) => self.api.create(&params, lease).await.map(Some),
            Decision::Acquire(lease) | Decision::Renew(lease) => {
                match self.api.replace(name, &params, lease).await {
                    Err(Error::Api(status)) if status.code == 404 => Ok(None),
                    answer => answer.map(Some),
                }
            }
            Decision::Read | Decision::Wait(_) => self.api.get_opt(name).await,
        }
    }

    fn fail(&mut self, reason: &str, now: Instant) {
        if let Some(until) = self.election.leads_until(now) {
            tracing::warn!("cannot renew {self}, and lead for {:.1?} more: {reason}", until - now);
        }
        self.election.failed(format!("cannot use {self}: {reason}"), now);
    }

    fn tell(&self, role: Role, until: Option<Instant>, now: Instant) {
        let lease = self.election.lease();
        let annotations = lease.and_then(|lease| lease.metadata.annotations.clone()).unwrap_or_default();
        let uid = lease.and_then(|lease| lease.metadata.uid.clone());
        self.state.send_if_modified(|state| {
            // A renewal is no news, but has to be seen by whoever looks.
            (state.until, state.uid) = (until, uid);
            if state.role == role && state.annotations == annotations {
                return false;
            }
            if discriminant(&state.role) != discriminant(&role) {
                state.since = now;
            }
            if state.role != role {
                self.log(&role);
            }
            (state.role, state.annotations) = (role, annotations);
            true
        });
    }

    fn log(&self, role: &Role) {
        let identity = &self.config.identity;
        match role {
            Role::Leading | Role::Standby { .. } => tracing::info!(identity, "{self}: {role}"),
            Role::Unknown { .. } => tracing::warn!(identity, "{self}: {role}"),
        }
    }

    /// A write may have been under way, or its answer lost: what the Lease says has to be read, and again where
    /// that write comes between. How long that may take is the caller's to say.
    async fn give_back(&mut self) {
        if self.election.leads_until(now()).is_some() {
            self.tell(Role::Standby { holder: None }, None, now());
        }
        let (name, params) = (self.config.name.clone(), PostParams::default());
        while let Ok(Some(mut lease)) = self.api.get_opt(&name).await {
            if lease.spec.holder() != Some(&self.config.identity) {
                return;
            }
            lease.spec.let_go(Timestamp::now());
            match self.api.replace(&name, &params, &lease).await {
                Err(Error::Api(status)) if status.code == 409 => {}
                Err(error) => return tracing::debug!("cannot give back {self}: {}", describe(&error)),
                Ok(_) => return,
            }
        }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease {}/{}", self.config.namespace, self.config.name)
    }
}
