//! Who may lead, as a value: what was seen goes in, the next request comes out. Nothing here asks or waits.
//!
//! Two clocks of two machines never meet. That somebody has ceased to renew is judged by our own monotonic
//! clock alone, from when we first saw the record as it is; that we lead, from before our last successful
//! write was sent. So whoever leads has stopped to say so before anybody else can have seen enough.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    LeaseConfig, Role,
    record::{LeaseObject, new_lease},
};

/// The next request, or none for a while.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// See what the Lease says.
    Read,
    /// There is none: make it, and hold it.
    Create(LeaseObject),
    /// Nobody holds it any more: hold it.
    Acquire(LeaseObject),
    /// We hold it: go on.
    Renew(LeaseObject),
    /// Nothing is to be done until then.
    Wait(Instant),
}

/// What is to be done next, and not before when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Read the Lease.
    Read(Instant),
    /// Write over what was last seen. Where somebody else has done so, the server will say that.
    Write(Instant),
}

/// The Lease as last seen.
#[derive(Debug)]
struct Seen {
    lease: LeaseObject,
    /// When its record was first seen as it is.
    since: Instant,
}

/// One candidate's view of an election.
#[derive(Debug)]
pub(crate) struct Election {
    config: LeaseConfig,
    seen: Option<Seen>,
    /// When the write was sent by which we lead.
    led_from: Option<Instant>,
    next: Next,
    /// Whether the last write was in vain because somebody was faster.
    is_contended: bool,
    /// Why it is not known who leads, if it is not.
    doubt: Option<String>,
}

// === impl Election ===

impl Election {
    pub(crate) fn new(config: LeaseConfig, now: Instant) -> Self {
        let doubt = Some("the Lease has not been read yet".to_owned());
        Self { config, seen: None, led_from: None, next: Next::Read(now), is_contended: false, doubt }
    }

    /// The Lease as last seen.
    pub(crate) fn lease(&self) -> Option<&LeaseObject> {
        self.seen.as_ref().map(|seen| &seen.lease)
    }

    /// Until when we lead if nothing else comes, if we do at all.
    pub(crate) fn leads_until(&self, now: Instant) -> Option<Instant> {
        let until = self.led_from? + self.config.timings.renew_deadline;
        (now < until).then_some(until)
    }

    /// Who leads, as far as is known.
    pub(crate) fn role(&self, now: Instant) -> Role {
        if self.leads_until(now).is_some() {
            return Role::Leading;
        }
        if let Some(reason) = &self.doubt {
            return Role::Unknown { reason: reason.clone() };
        }
        if self.is_ours() {
            return Role::Unknown { reason: "we could not renew it in time".to_owned() };
        }
        Role::Standby { holder: self.lease().and_then(|lease| lease.spec.holder()).map(str::to_owned) }
    }

    /// Chooses the next request. `wall` is for people who read the Lease.
    pub(crate) fn decide(&self, now: Instant, wall: Timestamp) -> Decision {
        match self.next {
            // The end of leading is to be told in time, whatever is next.
            Next::Read(at) | Next::Write(at) if now < at => {
                Decision::Wait(self.leads_until(now).map_or(at, |until| until.min(at)))
            }
            Next::Read(_) => Decision::Read,
            Next::Write(_) => self.write(wall),
        }
    }

    /// How long to wait for the answer to a request: half the time to renew, so that there is time for another,
    /// and never past the end of leading, which is to be told in time.
    pub(crate) fn patience(&self, sent: Instant) -> Instant {
        let patience = sent + self.config.timings.renew_deadline / 2;
        self.leads_until(sent).map_or(patience, |until| until.min(patience))
    }

    /// Takes in the Lease as it was read, or that there is none.
    pub(crate) fn observe(&mut self, lease: Option<LeaseObject>, now: Instant) {
        self.doubt = None;
        self.see(lease, now);
        let was_leading = self.led_from.is_some();
        if self.is_ours() {
            self.next = Next::Write(now);
            return;
        }
        self.led_from = None;
        // Who has just lost the Lease leaves the next try to others: taking it away has to have an effect.
        let is_free = self.is_free(now) && !was_leading;
        self.next = if is_free { Next::Write(now) } else { Next::Read(self.next_look(now)) };
    }

    /// Takes in that a write was done: from when it was sent, we lead.
    pub(crate) fn written(&mut self, lease: LeaseObject, sent: Instant, now: Instant) {
        (self.doubt, self.is_contended) = (None, false);
        self.see(Some(lease), now);
        self.led_from = Some(sent);
        self.next = Next::Write(sent + self.config.timings.retry);
    }

    /// Takes in that the Lease is not what was written over: somebody was faster. It has to be read, at once,
    /// but if that happens again there is another reason.
    pub(crate) fn conflicted(&mut self, now: Instant) {
        let pause = if self.is_contended { self.config.timings.retry } else { Duration::ZERO };
        self.is_contended = true;
        self.next = Next::Read(now + pause);
    }

    /// Takes in that a request was not answered, or refused. What it did is not known.
    pub(crate) fn failed(&mut self, reason: String, now: Instant) {
        self.doubt = Some(reason);
        self.next = Next::Read(self.next_look(now));
    }

    /// One retry from now, or when the record will have been seen as it is for long enough, if that is earlier:
    /// whoever stands by would else come up to a whole retry late.
    fn next_look(&self, now: Instant) -> Instant {
        let retry = now + self.config.timings.retry;
        self.runs_out_at().filter(|at| *at > now).map_or(retry, |at| at.min(retry))
    }

    fn see(&mut self, lease: Option<LeaseObject>, now: Instant) {
        self.seen = lease.map(|lease| {
            let same = self.seen.take().filter(|seen| seen.lease.spec == lease.spec);
            Seen { lease, since: same.map_or(now, |seen| seen.since) }
        });
    }

    fn is_ours(&self) -> bool {
        self.lease().is_some_and(|lease| lease.spec.holder() == Some(&*self.config.identity))
    }

    /// Whether nobody can be leading by the Lease as it is.
    fn is_free(&self, now: Instant) -> bool {
        let is_held = self.lease().is_some_and(|lease| lease.spec.holder().is_some());
        !is_held || self.runs_out_at().is_none_or(|at| now >= at)
    }

    /// When the record will have been seen for as long as its holder has it, if it stays as it is.
    fn runs_out_at(&self) -> Option<Instant> {
        let Seen { lease, since } = self.seen.as_ref()?;
        let seconds = lease.spec.lease_duration_seconds.filter(|seconds| *seconds > 0);
        // The holder goes by what it wrote, not by what we would have written.
        let duration =
            seconds.map_or(self.config.timings.lease, |seconds| Duration::from_secs(seconds.into()));
        since.checked_add(duration)
    }

    fn write(&self, wall: Timestamp) -> Decision {
        let LeaseConfig { namespace, name, identity, timings } = &self.config;
        let mut lease = self.lease().cloned().unwrap_or_else(|| new_lease(namespace, name));
        lease.spec.hold(identity, timings.lease_seconds(), wall);
        match &self.seen {
            None => Decision::Create(lease),
            Some(_) if self.is_ours() => Decision::Renew(lease),
            Some(_) => Decision::Acquire(lease),
        }
    }
}

#[cfg(test)]
mod tests;
