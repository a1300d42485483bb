//! What an operator set for Calico's IPAM, as far as a release depends on it.

use jiff::SignedDuration;

use crate::{BlockError, members::Members};

/// The part of an `IPAMConfig` that we read. It is never written; where it is missing its defaults hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpamConfig {
    /// For how long nobody gets an address that was given back.
    pub cooldown: SignedDuration,
}

impl IpamConfig {
    /// Reads it.
    ///
    /// # Errors
    /// If it is not understood: then it is not known how long addresses cool down.
    pub fn read(text: &str) -> Result<Self, BlockError> {
        let members = Members::read(text)?;
        let seconds: Option<u32> = members.get("ipCooldownSeconds")?;
        Ok(Self { cooldown: SignedDuration::from_secs(seconds.unwrap_or_default().into()) })
    }
}
