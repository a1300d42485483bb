//! A few endpoints that have something in common: nearly always one, of a Pod mostly two or three.

use super::Slot;

/// How many are kept without memory of their own.
const FEW: usize = 3;

/// The places of endpoints that claim one address, or belong to one Pod.
#[derive(Clone, Debug)]
pub enum Slots {
    /// The usual case.
    Few {
        /// The places, and after them whatever.
        slots: [Slot; FEW],
        /// How many they are.
        len: u8,
    },
    /// A Pod with many interfaces, beside the remains of an earlier one perhaps.
    Many(Vec<Slot>),
}

impl Slots {
    pub(super) fn of(slot: Slot) -> Self {
        Self::Few { slots: [slot; FEW], len: 1 }
    }

    /// The places.
    pub fn as_slice(&self) -> &[Slot] {
        match self {
            Self::Few { slots, len } => slots.get(..usize::from(*len)).unwrap_or(slots),
            Self::Many(slots) => slots,
        }
    }

    pub(super) fn add(&mut self, slot: Slot) {
        if self.as_slice().contains(&slot) {
            return;
        }
        match self {
            Self::Few { slots, len } => match slots.get_mut(usize::from(*len)) {
                Some(free) => {
                    *free = slot;
                    *len += 1;
                }
                None => *self = Self::Many(slots.iter().copied().chain([slot]).collect()),
            },
            Self::Many(slots) => slots.push(slot),
        }
    }

    /// Without one of them; `None` if it was the last.
    pub(super) fn without(&self, slot: Slot) -> Option<Self> {
        let left = self.as_slice().iter().copied().filter(|other| *other != slot);
        if left.clone().count() > FEW {
            return Some(Self::Many(left.collect()));
        }
        let mut few = Self::of(left.clone().next()?);
        left.for_each(|other| few.add(other));
        Some(few)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_kept_once_and_in_order_however_many_there_are() {
        let mut slots = Slots::of(Slot(0));
        for number in [1, 0, 2, 3, 4, 2, 4] {
            slots.add(Slot(number));
        }
        assert_eq!(slots.as_slice(), [0, 1, 2, 3, 4].map(Slot));

        for (gone, left) in [(3, vec![0, 1, 2, 4]), (0, vec![1, 2, 4]), (4, vec![1, 2]), (9, vec![1, 2])] {
            slots = slots.without(Slot(gone)).expect("some are left");
            assert_eq!(slots.as_slice(), left.into_iter().map(Slot).collect::<Vec<_>>());
        }
        assert!(Slots::of(Slot(7)).without(Slot(7)).is_none());
    }

    #[test]
    fn a_few_take_no_memory_of_their_own() {
        assert_eq!(size_of::<Slots>(), size_of::<Vec<Slot>>());
    }
}
