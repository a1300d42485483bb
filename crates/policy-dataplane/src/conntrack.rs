//! What the kernel remembers of connections, in the namespace of a socket: how many there are, bits of their labels that are used
//! again, and connections that are older than the first rule.
//!
//! Which rules set which bits, and what they make of a connection, is not known here.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use rustix::io::Errno;

use crate::{
    Socket, TcpConnection,
    attributes::{Attributes, NESTED},
    channel::until_whole,
    message::{self, DUMP, INET, INET6, Subsystem, TCP, question},
    walk::{Frame, frames, messages},
};

/// Kinds of messages.
const NEW: u16 = 0;
const GET: u16 = 1;
const GET_STATISTICS: u16 = 5;

/// That an entry is made, and that it must not be there yet.
const CREATE: u16 = 0x400;
const EXCLUSIVE: u16 = 0x200;

/// Attributes of an entry.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const STATUS: u16 = 3;
const PROTOCOL_STATE: u16 = 4;
const TIMEOUT: u16 = 7;
const ZONE: u16 = 18;
const LABELS: u16 = 22;
const LABELS_MASK: u16 = 23;

/// `SEEN_REPLY`, `ASSURED` and `CONFIRMED`: what an entry of an established connection is.
const STATUS_OF_ESTABLISHED: u32 = 2 | 4 | 8;

/// `TCP_CONNTRACK_ESTABLISHED`.
const ESTABLISHED: u8 = 3;

/// `WINDOW_SCALE`, `SACK_PERM` and `BE_LIBERAL`: nobody knows any more what was agreed on when the connection was opened.
const FLAGS_OF_OLD: u8 = 1 | 2 | 8;

/// How long the kernel keeps an established connection that is silent, unless told otherwise: five days. The first packet makes it
/// what the namespace wants.
const SECONDS_OF_ESTABLISHED: u32 = 432_000;

/// So many messages at once: if all of them are refused, the refusals fit into the buffer that they come to.
const GROUP: usize = 64;

// === impl Socket ===

impl Socket {
    /// How many connections are tracked here. It takes microseconds, where a listing of none takes ten milliseconds: the kernel has
    /// one table for all namespaces.
    pub fn tracked(&self) -> io::Result<u32> {
        let answer = self.channel().ask(&ask(GET_STATISTICS, 0))?;
        let count = messages(&answer).find_map(|message| message.number(1));
        count.ok_or_else(|| io::Error::other("the kernel does not tell how many connections it tracks"))
    }

    /// Clears these bits of the labels of all connections. Gives of how many. Bit N is the one that `ct label set N` sets.
    ///
    /// No rule may set them any more, and no packet may be on its way through rules that did: a connection whose first packet is,
    /// is not listed yet.
    pub fn clear_labels(&self, mask: u128) -> io::Result<usize> {
        if self.tracked()? == 0 {
            return Ok(0);
        }
        let labelled = until_whole("the table of connections", || {
            let mut labelled = Vec::new();
            let take = |piece: &[u8]| labelled.extend(frames(piece).filter_map(|entry| cleared(entry, mask)));
            self.channel().dump(&ask(GET, DUMP), take)?;
            Ok(labelled)
        })?;
        // What is gone meanwhile has no labels.
        self.tell(0, &labelled, Errno::NOENT).map_err(|(_, error)| {
            io::Error::new(
                error.kind(),
                format!("failed to clear the labels of a tracked connection: {error}"),
            )
        })
    }

    /// Makes the kernel know connections as if it had seen them being opened. Gives how many it did not know.
    ///
    /// An entry has room for labels only if some rule of the namespace sets one when it is made.
    pub fn remember(&self, connections: &[TcpConnection]) -> io::Result<usize> {
        let entries: Vec<Entry> = connections.iter().map(established).collect();
        self.tell(CREATE | EXCLUSIVE, &entries, Errno::EXIST).map_err(|(number, error)| {
            let connection = connections.get(number).map(ToString::to_string).unwrap_or_default();
            io::Error::new(error.kind(), format!("failed to track the TCP connection {connection}: {error}"))
        })
    }

    /// Tells the kernel all of it, whatever becomes of a part. Gives how many it took; of those that it refused for another reason
    /// than `harmless` the first.
    fn tell(&self, flags: u16, entries: &[Entry], harmless: Errno) -> Result<usize, (usize, io::Error)> {
        let (mut taken, mut failure) = (0, None);
        for (number, group) in entries.chunks(GROUP).enumerate() {
            let first = number * GROUP;
            let refusals = self
                .channel()
                .send(&written(flags, group))
                .and_then(|()| self.channel().refusals())
                .map_err(|error| (first, error))?;
            taken += group.len() - refusals.len();
            let other = refusals.into_iter().find(|(_, error)| Errno::from_io_error(error) != Some(harmless));
            let place = |(number, error)| (first + usize::try_from(number).unwrap_or_default(), error);
            failure = failure.or_else(|| other.map(place));
        }
        failure.map_or(Ok(taken), Err)
    }
}

/// An entry as the kernel is told it.
#[derive(Debug, Default)]
struct Entry {
    family: u8,
    attributes: Attributes,
}

fn ask(kind: u16, flags: u16) -> Vec<u8> {
    question(Subsystem::Conntrack, kind, flags, 0, &Attributes::default())
}

fn written(flags: u16, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = ((Subsystem::Conntrack as u16) << 8) | NEW;
    for (number, entry) in (0..).zip(entries) {
        message::put(&mut bytes, kind, flags, number, [&[entry.family, 0, 0, 0], entry.attributes.bytes()]);
    }
    bytes
}

/// What clears these bits of an entry; nothing if it has none of them.
fn cleared(listed: Frame<'_>, mask: u128) -> Option<Entry> {
    let message = listed.message()?;
    let labels = u128::from_le_bytes(message.attribute(LABELS)?.try_into().ok()?);
    if labels & mask == 0 {
        return None;
    }
    let mut attributes = Attributes::default();
    attributes.raw(ORIGINAL | NESTED, message.attribute(ORIGINAL)?);
    if let Some(zone) = message.attribute(ZONE) {
        attributes.raw(ZONE, zone);
    }
    attributes.raw(LABELS, &[0; 16]);
    attributes.raw(LABELS_MASK, &mask.to_le_bytes());
    Some(Entry { family: *listed.body.first()?, attributes })
}

/// What makes an entry of a connection that was established before anybody looked.
fn established(connection: &TcpConnection) -> Entry {
    let (from, to) = connection.original();
    let mut attributes = Attributes::default();
    tuple(&mut attributes, ORIGINAL, from, to);
    tuple(&mut attributes, REPLY, to, from);
    attributes.u32(STATUS, STATUS_OF_ESTABLISHED);
    attributes.u32(TIMEOUT, SECONDS_OF_ESTABLISHED);
    attributes.nest(PROTOCOL_STATE, |state| {
        state.nest(1, |tcp| {
            tcp.u8(1, ESTABLISHED);
            // Flags of either side, and which of them are told.
            tcp.raw(4, &[FLAGS_OF_OLD, FLAGS_OF_OLD]);
            tcp.raw(5, &[FLAGS_OF_OLD, FLAGS_OF_OLD]);
        });
    });
    let family = if from.is_ipv4() { INET } else { INET6 };
    Entry { family, attributes }
}

fn tuple(attributes: &mut Attributes, kind: u16, from: SocketAddr, to: SocketAddr) {
    attributes.nest(kind, |tuple| {
        tuple.nest(1, |addresses| {
            for (place, address) in (0..).zip([from.ip(), to.ip()]) {
                match address {
                    IpAddr::V4(address) => addresses.raw(1 + place, &address.octets()),
                    IpAddr::V6(address) => addresses.raw(3 + place, &address.octets()),
                }
            }
        });
        tuple.nest(2, |protocol| {
            protocol.u8(1, TCP);
            protocol.raw(2, &from.port().to_be_bytes());
            protocol.raw(3, &to.port().to_be_bytes());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(labels: &[u8; 16]) -> Vec<u8> {
        let mut attributes = Attributes::default();
        attributes.nest(ORIGINAL, |tuple| tuple.u8(9, 9));
        attributes.raw(ZONE, &[0, 7]);
        attributes.raw(LABELS, labels);
        question(Subsystem::Conntrack, NEW, 0, INET6, &attributes)
    }

    fn what_clears(bytes: &[u8], mask: u128) -> Option<Entry> {
        frames(bytes).find_map(|entry| cleared(entry, mask))
    }

    #[test]
    fn an_entry_is_cleared_where_it_lies_and_only_of_bits_that_it_has() {
        let mut labels = [0; 16];
        labels[1] = 1 << 3;
        let bytes = listed(&labels);
        assert!(what_clears(&bytes, !(1 << 11)).is_none());
        let entry = what_clears(&bytes, 1 << 11).unwrap_or_default();
        let told = written(0, &[entry]);
        let told = frames(&told).next().and_then(|frame| frame.message());
        let attribute = |kind| told.and_then(|message| message.attribute(kind)).unwrap_or_default();
        assert_eq!(attribute(ZONE), [0, 7]);
        assert_eq!(attribute(LABELS), [0; 16]);
        assert_eq!(attribute(LABELS_MASK), labels);
        assert_eq!(attribute(ORIGINAL), [5, 0, 9, 0, 9, 0, 0, 0]);
    }
}
