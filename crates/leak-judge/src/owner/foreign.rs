//! Addresses that the IPAM of some other CNI plugin gave. We keep out of it.

use super::{AddressCase, AddressOwner, Owner, Settlement, is_dynamic_type};

/// Any plugin whose IPAM we do not know.
pub struct ForeignIpam;

impl AddressOwner for ForeignIpam {
    fn owner(&self) -> Owner {
        Owner::Foreign
    }

    fn owns(&self, case: AddressCase<'_>) -> bool {
        !is_dynamic_type(&case.endpoint.network_type)
    }

    fn settle(&self, case: AddressCase<'_>) -> Settlement {
        Settlement::Keep(format!("the IPAM of CNI plugin {} gave the address", case.endpoint.network_type))
    }
}
