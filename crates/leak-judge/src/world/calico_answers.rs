//! What Calico has answered about addresses that dead endpoints name. Calico keeps account of them elsewhere; what it
//! answered once about an address of an endpoint holds as long as the endpoint is there.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::Uid;

/// An answer. The texts are evidence, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalicoAnswer {
    /// It was given back.
    Returned(String),
    /// There was nothing to give back.
    AlreadyFree(String),
    /// It is somebody else's.
    Refused(String),
    /// It is still the endpoint's own, as far as Calico knows. It was only asked.
    Own(String),
}

/// All answers, by the uid of the endpoint.
#[derive(Debug, Default)]
pub struct CalicoAnswers {
    by_endpoint: HashMap<Uid, Vec<(IpAddr, CalicoAnswer)>>,
}

impl CalicoAnswers {
    /// What was answered about an address of an endpoint.
    pub fn of(&self, endpoint: &Uid, address: IpAddr) -> Option<&CalicoAnswer> {
        let answers = self.by_endpoint.get(endpoint)?;
        answers.iter().find(|(about, _)| *about == address).map(|(_, answer)| answer)
    }

    pub(super) fn note(&mut self, endpoint: Uid, address: IpAddr, answer: CalicoAnswer) {
        let answers = self.by_endpoint.entry(endpoint).or_default();
        answers.retain(|(about, _)| *about != address);
        answers.push((address, answer));
    }

    /// Forgets endpoints that are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(&Uid) -> bool) {
        self.by_endpoint.retain(|uid, _| is_there(uid));
    }
}
