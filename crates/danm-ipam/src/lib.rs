//! DANM's way to remember which addresses are taken: a bit array in the network object, one bit an address.
//!
//! ```text
//!   NetworkOptions ──> Pool ──┬── bit_of(address) · address_of(bit) · reservation(bit)
//!                             └── read(alloc) ──> AllocBits ──┬──> release ──> Release (the new text)
//!   endpoints' addresses ──> Claim ───────────────────────────┴──> AllocationMap (runs of equal state)
//! ```
//!
//! Responsible for the arithmetic between addresses, bits and base64, in both families by the same code, and
//! for naming what is wrong with an array. Not responsible for who may hold an address or whether the holder
//! lives (`leak-judge`), nor for writing anything anywhere.

mod alloc_bits;
mod allocation_map;
mod interface_address;
mod pool;
mod pool_default;
mod release;

pub use alloc_bits::{AllocBits, AllocError, BitIndex, BitRun, MAX_BITS};
pub use allocation_map::{AllocationMap, Claim, Run, State};
pub use interface_address::{UnreadableAddress, parse_interface_address};
pub use pool::{Family, Pool, PoolError, Reservation};
pub use pool_default::default_ipv6_pool;
pub use release::{Release, release};
