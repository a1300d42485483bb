//! How a kernel begins to track connections, before anything is denied: then those that are there already can be looked at in peace.
//!
//! What is opened from then on is seen from its first packet. So whoever begins, lists, remembers, and only then denies has missed
//! no connection.

use crate::{
    Batch, Protection,
    attributes::Attributes,
    batch::{Kind, TABLE},
};

/// A chain that no packet comes to.
const CHAIN: &str = "tracking";

/// `NFT_CT_LABELS`.
const LABELS: u32 = 13;

/// The first register.
const REGISTER: u32 = 1;

// === impl Batch ===

impl Batch {
    /// Makes the kernel track the connections of the namespace, with room for labels. Whatever else is in our table stays there, and
    /// no packet fares differently.
    pub fn track(protection: Protection) -> Self {
        let mut batch = Self::begun();
        batch.table(TABLE, protection);
        batch.tracking_chain();
        batch.message(Kind::NewRule, &rule(), &format!("rule of chain {CHAIN}"));
        batch.ended()
    }

    /// Takes the chain away, whether it is there or not. It has to be there to be deleted.
    pub(crate) fn no_tracking(&mut self) {
        self.tracking_chain();
        self.clear(CHAIN);
        self.delete_chain(CHAIN);
    }

    fn tracking_chain(&mut self) {
        let mut chain = Attributes::default();
        chain.text(1, TABLE);
        chain.text(3, CHAIN);
        self.message(Kind::NewChain, &chain, &format!("chain {CHAIN}"));
    }
}

/// A rule that would set no bit of a label. That there is one makes the kernel keep them.
fn rule() -> Attributes {
    let mut rule = Attributes::default();
    rule.text(1, TABLE);
    rule.text(2, CHAIN);
    rule.nest(4, |list| {
        expression(list, "immediate", |data| {
            data.u32(1, REGISTER);
            data.nest(2, |value| value.raw(1, &[0; 16]));
        });
        expression(list, "ct", |data| {
            data.u32(2, LABELS);
            data.u32(4, REGISTER);
        });
    });
    rule
}

fn expression(list: &mut Attributes, name: &str, write: impl FnOnce(&mut Attributes)) {
    list.nest(1, |element| {
        element.text(1, name);
        element.nest(2, write);
    });
}
