//! What the rules of our table have counted: read as it is, whoever owns the table. What the numbers are about is `policy-engine`'s
//! `Counter`.

use std::io;

use policy_engine::Counter;

use crate::{
    Socket,
    channel::until_whole,
    dump::{GET_RULES, in_table},
    walk::{Message, attributes, messages},
};

/// What a rule has counted since it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number that the kernel has given to the rule: no other in its table ever gets it.
    pub handle: u64,
    /// What it counts.
    pub counter: Counter,
    /// So many packets.
    pub packets: u64,
    /// With so many bytes.
    pub bytes: u64,
}

// === impl Socket ===

impl Socket {
    /// What has been counted: rules that nothing came to are left out.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn counts(&self) -> io::Result<Vec<Count>> {
        until_whole("the table of rules", || {
            let rules = in_table(self, GET_RULES)?;
            Ok(messages(&rules).filter_map(|rule| Count::read(&rule)).collect())
        })
    }
}

// === impl Count ===

impl Count {
    fn read(rule: &Message<'_>) -> Option<Self> {
        let mut expressions = rule.attribute(4).map(attributes).into_iter().flatten();
        let (bytes, packets) = expressions.find_map(|expression| counted(expression.value))?;
        if packets == 0 {
            return None;
        }
        let comment = rule.attribute(7).and_then(|data| std::str::from_utf8(data.get(2..)?).ok())?;
        let counter = Counter::read(&rule.text(2), comment.trim_end_matches('\0'))?;
        Some(Self { handle: number(rule.attribute(3)?)?, counter, packets, bytes })
    }
}

/// The bytes and packets of an expression that counts.
fn counted(expression: &[u8]) -> Option<(u64, u64)> {
    let of = |kind| attributes(expression).find(|attribute| attribute.kind == kind).map(|it| it.value);
    if of(1)? != b"counter\0" {
        return None;
    }
    let data = of(2)?;
    let number_of = |kind| number(attributes(data).find(|attribute| attribute.kind == kind)?.value);
    Some((number_of(1)?, number_of(2)?))
}

fn number(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}
