//! Giving addresses back, as a value: the array after it and what became of each bit. Writes nothing, and does
//! not ask who held them: that is judged before.

use crate::{AllocBits, BitIndex, Pool, Reservation};

/// What clearing some bits of an array amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The array after it.
    pub bits: AllocBits,
    /// The bits it clears.
    pub freed: Vec<BitIndex>,
    /// The bits that were clear already.
    pub already_free: Vec<BitIndex>,
    /// The bits it leaves set, because they are nobody's to give back.
    pub reserved: Vec<(BitIndex, Reservation)>,
}

/// Clears bits of a pool's array; reserved ones stay.
pub fn release(pool: &Pool, bits: &AllocBits, wanted: impl IntoIterator<Item = BitIndex>) -> Release {
    let mut result =
        Release { bits: bits.clone(), freed: Vec::new(), already_free: Vec::new(), reserved: Vec::new() };
    for bit in wanted {
        if let Some(reservation) = pool.reservation(bit) {
            result.reserved.push((bit, reservation));
        } else if result.bits.unset(bit) {
            result.freed.push(bit);
        } else {
            result.already_free.push(bit);
        }
    }
    result
}
