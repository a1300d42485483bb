//! TCP connections whose beginning the kernel did not see, as entries of its table of connections: older than the first rule, in the
//! direction in which they were opened, whoever spoke first since; or forgotten, where nothing was denied and anybody could speak first.
//!
//! A kernel that begins to track connections takes the first packet that it sees of one for its beginning. So an entry that is the
//! wrong way round, or waits for a reply that was there long ago, is made anew; it is as young as the rules that made the kernel
//! begin, and has nothing to lose.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use rustix::io::Errno;

use crate::{
    Socket, TcpConnection,
    attributes::Attributes,
    conntrack::{Entry, Kind, ORIGINAL, REPLY},
    message::{INET, INET6, Subsystem, TCP, question},
    walk::{Message, messages},
};

/// That an entry is made, and that it must not be there yet.
const CREATE: u16 = 0x400;
const EXCLUSIVE: u16 = 0x200;

/// Attributes of an entry.
const STATUS: u16 = 3;
const PROTOCOL_STATE: u16 = 4;
const TIMEOUT: u16 = 7;
const ID: u16 = 12;

/// What an entry of an established connection is: this, `ASSURED` and `CONFIRMED`.
const SEEN_REPLY: u32 = 2;
const STATUS_OF_ESTABLISHED: u32 = SEEN_REPLY | 4 | 8;

/// `TCP_CONNTRACK_ESTABLISHED`.
const ESTABLISHED: u8 = 3;

/// Attributes of the state of TCP, and that windows are not to be taken at their word: so it is of connections whose beginning
/// nobody saw.
const FLAGS_ORIGINAL: u16 = 4;
const FLAGS_REPLY: u16 = 5;
const BE_LIBERAL: u8 = 8;

/// `WINDOW_SCALE`, `SACK_PERM` and `BE_LIBERAL`: nobody knows any more what was agreed on when the connection was opened.
const FLAGS_OF_OLD: u8 = 1 | 2 | BE_LIBERAL;

/// How long the kernel keeps an established connection that is silent, unless told otherwise: five days. The first packet makes it
/// what the namespace wants.
const SECONDS_OF_ESTABLISHED: u32 = 432_000;

/// How often a connection may be faster than we are: each time it speaks between our taking its entry away and making another.
const ATTEMPTS: usize = 10;

// === impl Socket ===

impl Socket {
    /// Makes the kernel know connections as if it had seen them being opened. Gives how many it did not know that way.
    ///
    /// An entry has room for labels only if a rule of the namespace sets one when it is made (see [`crate::Batch::track`]).
    pub fn remember(&self, connections: &[TcpConnection]) -> io::Result<usize> {
        let (mut made, mut left) = (0, connections.to_vec());
        for _ in 0..ATTEMPTS {
            let known = self.make_entries(&left)?;
            made += left.len() - known.len();
            left.clear();
            for connection in known {
                if self.take_misjudged_away(&connection).map_err(|error| failed(&connection, &error))? {
                    left.push(connection);
                }
            }
            if left.is_empty() {
                return Ok(made);
            }
        }
        let always = io::Error::other("the kernel made an entry in the wrong direction each time");
        left.first().map_or(Ok(made), |connection| Err(failed(connection, &always)))
    }

    /// Takes entries away that the kernel made in the middle of a connection and the wrong way round: while nothing was denied anybody
    /// could bring that about. Their next packets belong to no connection that was opened before our eyes. Gives how many.
    pub fn forget_misjudged(&self, connections: &[TcpConnection]) -> io::Result<usize> {
        let (mut forgotten, mut failure) = (0, None);
        for connection in connections {
            match self.forget_one(connection) {
                Ok(is_forgotten) => forgotten += usize::from(is_forgotten),
                // The others are asked all the same.
                Err(error) => drop(failure.get_or_insert_with(|| failed(connection, &error))),
            }
        }
        failure.map_or(Ok(forgotten), Err)
    }

    fn forget_one(&self, connection: &TcpConnection) -> io::Result<bool> {
        let (from, to) = connection.original();
        let Some(answer) = self.entry(ORIGINAL, from, to)? else { return Ok(false) };
        let begun_within = |entry: &Message<'_>| {
            let tuples = [read_tuple(entry.attribute(ORIGINAL)?)?, read_tuple(entry.attribute(REPLY)?)?];
            let is_reversed = tuples == [(to, from), (from, to)];
            (is_reversed && is_of_old(entry)).then(|| misjudged(entry, connection))?
        };
        let Some(wrong) = messages(&answer).find_map(|entry| begun_within(&entry)) else { return Ok(false) };
        self.tell(Kind::Delete, 0, &[wrong], Errno::NOENT).map_err(|(_, error)| error)?;
        Ok(true)
    }

    /// Gives those that the kernel knows already.
    fn make_entries(&self, connections: &[TcpConnection]) -> io::Result<Vec<TcpConnection>> {
        let entries: Vec<Entry> = connections.iter().map(established).collect();
        match self.tell(Kind::New, CREATE | EXCLUSIVE, &entries, Errno::EXIST) {
            Ok(known) => Ok(known.into_iter().filter_map(|place| connections.get(place).copied()).collect()),
            Err((place, error)) => match connections.get(place) {
                Some(connection) => Err(failed(connection, &error)),
                None => Err(error),
            },
        }
    }

    /// Takes the entry of a connection away if the kernel has misjudged it. Gives whether there is none now.
    fn take_misjudged_away(&self, connection: &TcpConnection) -> io::Result<bool> {
        let (from, to) = connection.original();
        let Some(answer) = self.entry(ORIGINAL, from, to)? else {
            // Where addresses are translated only the replies may be as our socket sees them.
            return Ok(self.entry(REPLY, to, from)?.is_none());
        };
        let Some(wrong) = messages(&answer).find_map(|entry| misjudged(&entry, connection)) else {
            return Ok(false);
        };
        self.tell(Kind::Delete, 0, &[wrong], Errno::NOENT).map_err(|(_, error)| error)?;
        Ok(true)
    }

    /// The entry that packets of one direction belong to.
    fn entry(&self, kind: u16, from: SocketAddr, to: SocketAddr) -> io::Result<Option<Vec<u8>>> {
        let wanted = found_by(kind, from, to);
        let get = question(Subsystem::Conntrack, Kind::Get as u16, 0, wanted.family, &wanted.attributes);
        match self.channel().ask(&get) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn failed(connection: &TcpConnection, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("failed to track the TCP connection {connection}: {error}"))
}

/// What makes an entry of a connection that was established before anybody looked.
fn established(connection: &TcpConnection) -> Entry {
    let (from, to) = connection.original();
    let Entry { family, mut attributes } = found_by(ORIGINAL, from, to);
    write_tuple(&mut attributes, REPLY, to, from);
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
    Entry { family, attributes }
}

/// What finds the entry that packets of one direction belong to, whichever way round it is.
fn found_by(kind: u16, from: SocketAddr, to: SocketAddr) -> Entry {
    let mut attributes = Attributes::default();
    write_tuple(&mut attributes, kind, from, to);
    Entry { family: if from.is_ipv4() { INET } else { INET6 }, attributes }
}

/// What deletes this entry of a connection and no other, if it is not what it should be. Where addresses are translated it is what
/// it can be.
fn misjudged(entry: &Message<'_>, connection: &TcpConnection) -> Option<Entry> {
    let (from, to) = connection.original();
    let tuples = [read_tuple(entry.attribute(ORIGINAL)?)?, read_tuple(entry.attribute(REPLY)?)?];
    let is_reversed = tuples == [(to, from), (from, to)];
    let is_unanswered =
        tuples == [(from, to), (to, from)] && entry.number(STATUS).unwrap_or_default() & SEEN_REPLY == 0;
    if !is_reversed && !is_unanswered {
        return None;
    }
    let mut found = found_by(ORIGINAL, from, to);
    found.attributes.raw(ID, entry.attribute(ID)?);
    Some(found)
}

/// Whether an entry was made in the middle of its connection: nobody saw what was agreed on when that was opened.
fn is_of_old(entry: &Message<'_>) -> bool {
    let nested = |attributes, kind| Message { kind: 0, attributes }.attribute(kind);
    let tcp = entry.attribute(PROTOCOL_STATE).and_then(|state| nested(state, 1));
    let is_liberal = |kind| {
        let flags = tcp.and_then(|tcp| nested(tcp, kind)).and_then(<[u8]>::first);
        flags.is_none_or(|flags| flags & BE_LIBERAL != 0)
    };
    is_liberal(FLAGS_ORIGINAL) && is_liberal(FLAGS_REPLY)
}

fn write_tuple(attributes: &mut Attributes, kind: u16, from: SocketAddr, to: SocketAddr) {
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

fn read_tuple(tuple: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let tuple = Message { kind: 0, attributes: tuple };
    let addresses = Message { kind: 0, attributes: tuple.attribute(1)? };
    let protocol = Message { kind: 0, attributes: tuple.attribute(2)? };
    let end = |v4: u16, v6: u16, port: u16| {
        let ip = match addresses.attribute(v4) {
            Some(octets) => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
            None => IpAddr::from(<[u8; 16]>::try_from(addresses.attribute(v6)?).ok()?),
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(protocol.attribute(port)?.try_into().ok()?)))
    };
    Some((end(1, 3, 2)?, end(2, 4, 3)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::End;

    fn connection(opened_by: End) -> Option<TcpConnection> {
        let (local, remote) = ("[fd00::1]:80".parse().ok()?, "[fd00::2]:5000".parse().ok()?);
        Some(TcpConnection { local, remote, opened_by })
    }

    /// Whether an entry of one connection, to which replies come at this address, is misjudged if it is of the other.
    fn is_misjudged(
        entry: &TcpConnection,
        replied: SocketAddr,
        status: u32,
        connection: &TcpConnection,
    ) -> bool {
        let (from, to) = entry.original();
        let mut attributes = Attributes::default();
        write_tuple(&mut attributes, ORIGINAL, from, to);
        write_tuple(&mut attributes, REPLY, to, replied);
        attributes.u32(STATUS, status);
        attributes.u32(ID, 7);
        let message = Message { kind: 0, attributes: attributes.bytes() };
        let found = misjudged(&message, connection);
        // Only the one that was looked at may go.
        found.is_some_and(|found| {
            Message { kind: 0, attributes: found.attributes.bytes() }.number(ID) == Some(7)
        })
    }

    #[test]
    fn an_entry_that_is_the_other_way_round_or_unanswered_is_made_anew_unless_it_is_translated() {
        let (Some(out), Some(into)) = (connection(End::Local), connection(End::Remote)) else { return };
        let elsewhere = SocketAddr::new(out.local.ip(), 1);
        for status in [8, 14] {
            assert!(is_misjudged(&out, out.local, status, &into));
            assert!(is_misjudged(&into, into.remote, status, &out));
            assert!(!is_misjudged(&out, elsewhere, status, &into));
            assert!(!is_misjudged(&out, elsewhere, status, &out));
        }
        assert!(is_misjudged(&out, out.local, 8, &out));
        assert!(!is_misjudged(&out, out.local, 14, &out));
    }
}
