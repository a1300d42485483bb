//! Addresses that Calico's IPAM gave. Calico keeps account of them elsewhere, so their endpoints stay: they are
//! the only trace of what has to be given back.

use super::{AddressCase, AddressOwner, Owner, Settlement};
use crate::Reason;

/// Calico.
pub struct Calico;

impl AddressOwner for Calico {
    fn owner(&self) -> Owner {
        Owner::Calico
    }

    /// The reference's rule: the type is spelt exactly so, and DANM's arrays do not cover the address.
    fn owns(&self, case: AddressCase<'_>) -> bool {
        &*case.endpoint.network_type == "calico"
    }

    fn settle(&self, _: AddressCase<'_>) -> Settlement {
        let note = "Calico gave the address; the endpoint is kept until it was given back there".to_owned();
        Settlement::Hold { reason: Reason::CalicoAddress, until: None, note }
    }
}
