//! The pools from which blocks are cut: they say in which block an address is.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{BlockError, MemberError, members::Members};

/// The part of an `IPPool` that we read. It matters whether it is disabled only to those who ask for addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub cidr: IpNet,
    /// The prefix length of its blocks.
    pub block_size: u8,
}

/// All pools, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Pools(Vec<Pool>);

/// What Calico fills in where a pool does not say it.
const BLOCK_SIZES: [u8; 2] = [26, 122];

impl Pool {
    /// Reads the `spec` of a pool.
    ///
    /// # Errors
    /// If it is not understood, or its blocks would be larger than it is.
    pub fn read(name: &str, spec: &str) -> Result<Self, BlockError> {
        let members = Members::read(spec)?;
        let cidr: IpNet = members.require("cidr")?;
        let usual = BLOCK_SIZES[usize::from(cidr.addr().is_ipv6())];
        let given: Option<u8> = members.get("blockSize")?;
        let block_size = given.filter(|size| *size != 0).unwrap_or(usual);
        if block_size < cidr.prefix_len() || block_size > cidr.max_prefix_len() {
            let problem = format!("{block_size} does not fit into {cidr}");
            return Err(MemberError { member: "blockSize", problem }.into());
        }
        Ok(Self { name: name.to_owned(), cidr, block_size })
    }
}

impl Pools {
    /// All pools.
    pub fn new(mut pools: Vec<Pool>) -> Self {
        pools.sort_by(|one, other| one.name.cmp(&other.name));
        Self(pools)
    }

    /// The block in which an address has to be; `None` if it is in no pool.
    pub fn block_of(&self, address: IpAddr) -> Option<IpNet> {
        let pool = self.0.iter().find(|pool| pool.cidr.contains(&address))?;
        IpNet::new(address, pool.block_size).ok().map(|block| block.trunc())
    }

    /// Whether all of a block is in one pool.
    pub fn cover(&self, block: IpNet) -> bool {
        self.0.iter().any(|pool| pool.cidr.contains(&block))
    }
}
