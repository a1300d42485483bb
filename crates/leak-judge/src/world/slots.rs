//! The endpoints that claim one address: nearly always one.

use super::Slot;

/// The places of endpoints that claim one address.
#[derive(Clone, Debug)]
pub enum Slots {
    /// The usual case.
    One(Slot),
    /// Several: a rebuilt Pod beside the remains of the old one, two groups.
    Many(Vec<Slot>),
}

impl Slots {
    /// The places.
    pub fn as_slice(&self) -> &[Slot] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }

    pub(super) fn add(&mut self, slot: Slot) {
        match self {
            Self::One(first) if *first == slot => {}
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
            Self::Many(slots) if slots.contains(&slot) => {}
            Self::Many(slots) => slots.push(slot),
        }
    }

    /// Without one of them; `None` if it was the last.
    pub(super) fn without(&self, slot: Slot) -> Option<Self> {
        let left: Vec<Slot> = self.as_slice().iter().copied().filter(|other| *other != slot).collect();
        match *left {
            [] => None,
            [only] => Some(Self::One(only)),
            _ => Some(Self::Many(left)),
        }
    }
}
