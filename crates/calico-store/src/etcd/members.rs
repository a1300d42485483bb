//! The members of an etcd: one of them is asked, and the next one if it does not answer. Every call ends, whatever they do:
//! Calico's own client waits for ever.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost::Message;
use tokio::time::{Instant, timeout};

use super::member::{Member, Setback};
use crate::{EtcdSettings, Failure, StoreError};

/// A call that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// A member that takes longer, while others could be asked, is left for the next.
const PATIENCE: Duration = Duration::from_secs(4);

/// The members. There is at least one.
#[derive(Clone)]
pub struct Members {
    all: Arc<[Member]>,
    /// Who is asked first: the last one that answered.
    first: Arc<AtomicUsize>,
}

// === impl Members ===

impl Members {
    /// The members of settings. Nobody is asked yet.
    ///
    /// # Errors
    /// If one cannot be talked to as it is told, such as with a key that is not that of the certificate.
    pub fn new(settings: &EtcdSettings) -> Result<Self, StoreError> {
        let member = |url: &String| Member::new(url, settings);
        let all = settings.endpoints().iter().map(member).collect::<Result<Arc<[Member]>, String>>();
        let all = all.map_err(|reason| StoreError::new("etcd", Failure::Unusable(reason)))?;
        Ok(Self { all, first: Arc::default() })
    }

    /// Asks a member, and then others. Whatever is asked may be done twice.
    pub async fn ask<Q, A>(&self, called: &str, path: &'static str, question: &Q) -> Result<A, StoreError>
    where
        Q: Message + Clone + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let end = Instant::now() + DEADLINE;
        let first = self.first.load(Ordering::Relaxed);
        let mut silent = Vec::new();
        for turn in 0..self.all.len() {
            let place = (first + turn) % self.all.len();
            let left = end.saturating_duration_since(Instant::now());
            let Some(member) = self.all.get(place).filter(|_| !left.is_zero()) else { break };
            let patience = if self.all.len() > 1 { PATIENCE.min(left) } else { left };
            let answer = timeout(patience, member.ask(path, question)).await;
            match answer.unwrap_or_else(|_| Err(Setback::Silent(format!("no answer within {patience:.0?}"))))
            {
                Ok(answer) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Setback::Refused(reason)) => {
                    return Err(StoreError::new(called, Failure::Failed(reason)));
                }
                Err(Setback::Silent(reason)) => {
                    silent.push(format!("{}: {reason}{}", member.url, member.hint));
                }
            }
        }
        // Whoever was not asked for want of time is the first next time.
        self.first.store(first + silent.len(), Ordering::Relaxed);
        let reason = format!("no member of the etcd can be used ({})", silent.join("; "));
        Err(StoreError::new(called, Failure::Failed(reason)))
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<&str> = self.all.iter().map(|member| member.url.as_str()).collect();
        f.write_str(&urls.join(", "))
    }
}
