//! Addresses nobody keeps account of: a static IPv6 address outside the pool, one outside an edited subnet.

use super::{AddressCase, AddressOwner, Owner, Settlement};

/// Nobody.
pub struct Nobody;

impl AddressOwner for Nobody {
    fn owner(&self) -> Owner {
        Owner::None
    }

    fn owns(&self, _: AddressCase<'_>) -> bool {
        true
    }

    fn settle(&self, _: AddressCase<'_>) -> Settlement {
        Settlement::AlreadyFree("no array covers the address".to_owned())
    }
}
