//! What interfaces there are in a network namespace. A device that a program has taken from the kernel (DPDK, vfio) is none of them: no rule
//! sees its packets.

use std::{collections::BTreeSet, io, os::fd::BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;

use crate::{
    channel::{Channel, until_whole},
    message::{self, DUMP},
    namespace::within,
    walk::{Frame, attributes, frames},
};

/// Kinds of messages of `rtnetlink`.
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;

/// The bytes of a message before its attributes: family, type, number, flags, and which of them have changed.
const HEADER: usize = 16;

/// The attribute that is the name.
const NAME: u16 = 3;

/// The names of the interfaces of a namespace.
///
/// # Errors
/// If it cannot be entered, or not be asked.
pub fn interfaces_in(namespace: BorrowedFd<'_>) -> io::Result<BTreeSet<String>> {
    let channel = within(namespace, || Channel::open(NETLINK_ROUTE))?;
    let mut question = Vec::new();
    message::put(&mut question, GET_LINK, DUMP, 0, [&[0; HEADER], &[]]);
    until_whole("the list of interfaces", || {
        let mut names = BTreeSet::new();
        channel.dump(&question, |piece| names.extend(frames(piece).filter_map(|frame| name(&frame))))?;
        Ok(names)
    })
}

fn name(frame: &Frame<'_>) -> Option<String> {
    let told = attributes(frame.body.get(HEADER..)?).find(|attribute| attribute.kind == NAME);
    let name = told.filter(|_| frame.kind == NEW_LINK)?.value;
    Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
}
