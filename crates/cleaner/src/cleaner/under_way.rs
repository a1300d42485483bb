//! What is under way: endpoints that are being asked about or released, and networks that are being written.
//! None of it is begun twice.

use std::collections::{HashMap, HashSet};

use leak_judge::{EndpointPlan, NetworkId, NetworkPlan, Row, Uid};

use crate::{confirm::Questions, returns::Return};

/// Rounds of questions, and rounds of returns, under way at the same time: one that takes long holds up no other.
const ROUNDS: usize = 4;

/// The work under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    rounds: usize,
    asked: HashSet<Uid>,
    written: HashSet<NetworkId>,
    /// Endpoints being released, with what will be said about them: by then the index may not know them.
    released: HashMap<Uid, Row>,
    releases: usize,
    /// Endpoints whose addresses are being given back to Calico.
    given_back: HashSet<Uid>,
    returns: usize,
}

impl UnderWay {
    pub(super) const fn is_nothing(&self) -> bool {
        self.rounds == 0 && self.releases == 0 && self.returns == 0
    }

    pub(super) const fn may_ask(&self) -> bool {
        self.rounds < ROUNDS
    }

    /// A round of its own, so that a busy hour does not leave bits missing.
    pub(super) const fn may_ask_for_upkeep(&self) -> bool {
        self.rounds <= ROUNDS
    }

    pub(super) fn is_asked(&self, uid: &Uid) -> bool {
        self.asked.contains(uid)
    }

    /// Whether an endpoint is being released, or its addresses are given back.
    pub(super) fn is_busy(&self, uid: &Uid) -> bool {
        self.released.contains_key(uid) || self.given_back.contains(uid)
    }

    pub(super) const fn may_give_back(&self) -> bool {
        self.returns < ROUNDS
    }

    pub(super) fn give_back(&mut self, returns: &[Return]) {
        self.returns += 1;
        self.given_back.extend(returns.iter().map(|one| one.uid.clone()));
    }

    pub(super) fn gave_back(&mut self, returns: &[Return]) {
        self.returns -= 1;
        returns.iter().for_each(|one| {
            self.given_back.remove(&one.uid);
        });
    }

    pub(super) fn is_written(&self, network: &NetworkId) -> bool {
        self.written.contains(network)
    }

    pub(super) fn ask(&mut self, questions: &Questions) {
        self.begin_round();
        self.asked.extend(questions.endpoints.iter().map(|question| question.uid.clone()));
    }

    pub(super) const fn begin_round(&mut self) {
        self.rounds += 1;
    }

    pub(super) const fn end_round(&mut self) {
        self.rounds -= 1;
    }

    pub(super) fn answered(&mut self, questions: &Questions) {
        self.end_round();
        questions.endpoints.iter().for_each(|question| {
            self.asked.remove(&question.uid);
        });
    }

    pub(super) fn release(&mut self, plan: &NetworkPlan, row: impl Fn(&EndpointPlan) -> Option<Row>) {
        self.releases += 1;
        self.written.insert(plan.network.clone());
        let rows = plan.endpoints.iter().filter_map(|endpoint| Some((endpoint.uid.clone(), row(endpoint)?)));
        self.released.extend(rows);
    }

    /// The address book of a network is being mended.
    pub(super) fn mend(&mut self, network: &NetworkId) {
        self.releases += 1;
        self.written.insert(network.clone());
    }

    /// A network was written, or not.
    pub(super) fn wrote(&mut self, network: &NetworkId) {
        self.written.remove(network);
    }

    /// An endpoint was deleted, or stays. Gives its row.
    pub(super) fn deleted(&mut self, uid: &Uid) -> Option<Row> {
        self.released.remove(uid)
    }

    pub(super) const fn done(&mut self) {
        self.releases -= 1;
    }
}
