//! The addresses of this thread's own network namespace: those of the node, for an agent that shares its network.

use std::{collections::BTreeSet, io, net::IpAddr};

use netlink_sys::protocols::NETLINK_ROUTE;

use crate::{
    channel::{Channel, until_whole},
    message::{self, DUMP, INET, INET6},
    walk::{Frame, attributes, frames},
};

/// Kinds of messages of `rtnetlink`.
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;

/// The bytes of a message before its attributes: family, length of the prefix, flags, scope, and the number of the interface.
const HEADER: usize = 8;

/// Attributes: the address, and that of this end where the other is a peer.
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;

/// The scope of addresses that mean something elsewhere, too.
const GLOBAL: u8 = 0;

/// The node's addresses that others may see it by: not those of the loopback, nor those that mean something on one link alone.
pub fn host_addresses() -> io::Result<BTreeSet<IpAddr>> {
    let channel = Channel::open(NETLINK_ROUTE)?;
    let mut question = Vec::new();
    message::put(&mut question, GET_ADDRESS, DUMP, 0, [&[0; HEADER], &[]]);
    until_whole("the list of addresses", || {
        let mut addresses = BTreeSet::new();
        channel
            .dump(&question, |piece| addresses.extend(frames(piece).filter_map(|frame| address(&frame))))?;
        Ok(addresses)
    })
}

fn address(frame: &Frame<'_>) -> Option<IpAddr> {
    let is_told = frame.kind == NEW_ADDRESS && frame.body.get(3) == Some(&GLOBAL);
    let told = attributes(frame.body.get(HEADER..)?).collect::<Vec<_>>();
    let of = |kind| told.iter().find(|attribute| attribute.kind == kind).map(|attribute| attribute.value);
    let bytes = of(LOCAL).or_else(|| of(ADDRESS)).filter(|_| is_told)?;
    match *frame.body.first()? {
        INET => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        INET6 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_those_that_others_see() {
        let addresses = host_addresses().expect("anybody may ask");
        assert!(addresses.iter().all(|address| !address.is_loopback() && !address.is_multicast()));
    }
}
