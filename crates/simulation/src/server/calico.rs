//! What Calico's datastore does with a request, and whom a write to a block hurts. It keeps nobody from writing because it
//! is locked: that is for each to heed.

use calico_ipam::Block;
use danm_ipam::BitIndex;

use crate::{
    calico::{self, Condition, DatastoreRequest, Stored},
    call::{Answer, Failure, Party},
    store::Endpoint,
    tally::Dealing,
    truth::{Address, Bit, Cleared, Sandbox},
    violation::Law,
    world::World,
};

/// An address that is kept for somebody else than before.
struct Change {
    address: Address,
    before: Option<Sandbox>,
    after: Option<Sandbox>,
}

impl World {
    /// Does what is asked of Calico's datastore.
    pub(super) fn perform_for_calico(&mut self, party: Party, request: DatastoreRequest) -> Answer {
        let is_unconditional = self.flaw.writes_are_unconditional && matches!(party, Party::Cleaner(_));
        let Some(calico) = self.calico.as_mut().filter(|calico| calico.condition != Condition::Absent) else {
            return Answer::Failed(Failure::NotFound);
        };
        match request {
            DatastoreRequest::Condition if calico.condition == Condition::Locked => Answer::Locked,
            DatastoreRequest::Condition => Answer::Done,
            DatastoreRequest::Block(family) => Answer::CalicoBlock(Box::new(calico.block(family).clone())),
            DatastoreRequest::PutBlock(family, block) => {
                if calico.block(family).version != block.version && !is_unconditional {
                    return Answer::Failed(Failure::Conflict);
                }
                self.put_calico_block(party, family, *block)
            }
            DatastoreRequest::Handle(id) => Answer::CalicoHandle(calico.handle(&id).cloned().map(Box::new)),
            DatastoreRequest::HandlesOf(container) => Answer::CalicoHandles(calico.handles_of(&container)),
            DatastoreRequest::PutHandle(id, version, handle) => {
                if calico.handle(&id).map(|handle| handle.version) != version && !is_unconditional {
                    return Answer::Failed(Failure::Conflict);
                }
                calico.put_handle(id, handle.map(|handle| *handle));
                Answer::Done
            }
        }
    }

    fn put_calico_block(&mut self, party: Party, family: usize, block: Stored<Block>) -> Answer {
        let Some(calico) = &mut self.calico else { return Answer::Failed(Failure::NotFound) };
        let size = calico.sizes()[family];
        let after = block.value.clone();
        let before = calico.put_block(family, block.value);
        for bit in (0..size).filter_map(|bit| Some(BitIndex(u32::try_from(bit).ok()?))) {
            let [was, is] = [&before, &after].map(|block| calico::holder(block, family, bit));
            if was == is {
                continue;
            }
            let address = self.truth.of_calico(family, bit);
            self.judge_change(party, &Change { address, before: was, after: is });
            if let (Party::Cleaner(_), None, Some(calico)) = (party, is, &mut self.calico) {
                calico.note_given_back(&before, family, bit);
            }
        }
        Answer::Done
    }

    /// Whom it hurts that an address is kept for somebody else.
    fn judge_change(&mut self, party: Party, change: &Change) {
        let Change { address, before, after } = *change;
        let text = calico::address(address.family, address.bit);
        self.note(|_| format!("{party:?}: Calico keeps {text} for {after:?} instead of {before:?}"));
        if let Some(sandbox) = after {
            if self.truth.bit(address) == Bit::Clear(Cleared::ByCleaner) {
                self.tally.deals(Dealing::GivenAgain);
            }
            self.calico.iter_mut().for_each(|calico| calico.forget_given_back(address.family, address.bit));
            if let Some(robbed) = self.truth.allocated(address, sandbox, Self::lives(&self.store)) {
                let (sandbox, robbed) = (sandbox.0, robbed.0);
                self.violate(
                    Law::NoAddressIsGivenTwice,
                    format!(
                        "{text} is given to sandbox {sandbox} while sandbox {robbed} uses it, because a Cleaner gave it back"
                    ),
                );
            }
            return;
        }
        if !matches!(party, Party::Cleaner(_)) {
            self.truth.freed(address);
            return;
        }
        self.tally.freed += 1;
        if let Some(robbed) = self.truth.cleaned(address, Self::lives(&self.store)) {
            let pod = self.truth.fate(robbed).pod.0;
            self.violate(
                Law::NobodyIsRobbed,
                format!("{party:?} gives back {text}, which sandbox {} of living Pod {pod} uses", robbed.0),
            );
        }
    }

    /// A Cleaner deletes an endpoint: nobody else will know what it had of Calico.
    pub(super) fn judge_farewell(&mut self, party: Party, endpoint: &Endpoint) {
        let Some(calico) = &self.calico else { return };
        // Calico's account may be of yesterday: it is not believed against an endpoint whose Pod is there. Where that is of an
        // earlier sandbox of its Pod the address is left to Calico's own collector.
        let is_named_by_others = |family: usize, bit: BitIndex| {
            let mut others = self.store.endpoints().filter(|one| one.key != endpoint.key);
            others.any(|one| one.calico[family] == Some(bit) && self.store.pod(one.pod).is_some())
        };
        let named = (0..2).filter_map(|family| Some((family, endpoint.calico[family]?)));
        let named: Vec<(usize, BitIndex)> = named.collect();
        // Of one that is spoilt nobody knows what it had.
        if named.is_empty() || endpoint.garble.is_some() {
            return;
        }
        let is_kept = |(family, bit): &&(usize, BitIndex)| {
            calico.holder(*family, *bit) == Some(endpoint.sandbox) && !is_named_by_others(*family, *bit)
        };
        let kept = named.iter().find(is_kept).copied();
        if let Some(calico) = &mut self.calico {
            calico.settled.push(calico::handle_of(endpoint.network, endpoint.sandbox));
        }
        if named.len() == 1 && endpoint.bits.iter().any(Option::is_some) {
            self.tally.deals(Dealing::MixedDeleted);
        }
        if let Some((family, bit)) = kept {
            let (text, key) = (calico::address(family, bit), endpoint.key.0);
            self.violate(
                Law::NoAddressIsForgotten,
                format!("{party:?} deletes endpoint {key} while Calico still keeps {text} for it"),
            );
        }
    }
}
