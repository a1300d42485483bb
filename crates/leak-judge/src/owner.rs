//! Whose an address is, and whether it may be given back. Each owner is one implementation of one small trait;
//! the first that owns an address settles it.

mod calico;
mod danm;
mod foreign;
mod nobody;

use std::{collections::BTreeSet, net::IpAddr};

use hashbrown::HashSet;

use danm_ipam::BitIndex;
use serde::Serialize;

use crate::{
    Moment, Reason, Rules,
    world::{Endpoint, NetworkLookup, Slot, World},
};

/// An address of an endpoint that is proved dead.
#[derive(Clone, Copy, Debug)]
pub struct AddressCase<'a> {
    /// The address.
    pub address: IpAddr,
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Its network.
    pub network: &'a NetworkLookup<'a>,
    /// The cluster.
    pub world: &'a World,
    /// All endpoints that are about to be released together: no rivals of each other.
    pub releasing: &'a HashSet<Slot>,
    /// Endpoints that are dead too, but whose turn has not come.
    pub dying: &'a BTreeSet<Slot>,
    /// What the operator set.
    pub rules: &'a Rules,
    /// The time.
    pub now: Moment,
}

/// Who gave an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// DANM, by a bit of its network.
    Danm,
    /// Calico.
    Calico,
    /// The IPAM of another CNI plugin.
    Foreign,
    /// Nobody keeps account of it.
    None,
}

/// What is to become of an address. The texts are evidence, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its bit is to be cleared.
    Free {
        /// The bit.
        bit: BitIndex,
        /// For people.
        note: String,
        /// Where the proof is that no other owner shows: since when a read of all endpoints would show one.
        shown_since: Option<Moment>,
    },
    /// It is to be given back to Calico first.
    Return(String),
    /// Somebody who lives says to have it: Calico is to be asked whose it is, and nothing is to be given back.
    Ask(String),
    /// It was given back to Calico.
    Returned(String),
    /// There is nothing to give back.
    AlreadyFree(String),
    /// It stays as it is, which is right: it was never the endpoint's to give back.
    Keep(String),
    /// It stays allocated, because it is somebody else's now. The endpoint goes.
    Refuse(String),
    /// Not now: the endpoint has to wait, until a moment if that is known.
    Hold {
        /// Why.
        reason: Reason,
        /// Until when, if time alone is missing.
        until: Option<Moment>,
        /// For people.
        note: String,
    },
}

/// Somebody who gives out addresses.
pub trait AddressOwner: Sync {
    /// Its name in reports.
    fn owner(&self) -> Owner;

    /// Whether the address is its own.
    fn owns(&self, case: AddressCase<'_>) -> bool;

    /// What is to become of an address of its own.
    fn settle(&self, case: AddressCase<'_>) -> Settlement;
}

/// All owners, in the order in which they are asked. The last owns what nobody else does.
const OWNERS: [&dyn AddressOwner; 4] =
    [&danm::DanmBits, &calico::Calico, &foreign::ForeignIpam, &nobody::Nobody];

/// The owner of an address.
pub fn owner_of(case: AddressCase<'_>) -> &'static dyn AddressOwner {
    OWNERS.into_iter().find(|owner| owner.owns(case)).unwrap_or(&nobody::Nobody)
}

/// Whether DANM itself gives the addresses of networks of this type.
pub(crate) fn is_dynamic_type(network_type: &str) -> bool {
    ["", "ipvlan", "sriov", "macvlan"].iter().any(|dynamic| dynamic.eq_ignore_ascii_case(network_type))
}
