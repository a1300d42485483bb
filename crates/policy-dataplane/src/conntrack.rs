//! What the kernel remembers of connections, in the namespace of a socket: how many there are, bits of their labels that are used
//! again, and how it is told of entries.
//!
//! Which rules set which bits, and what they make of a connection, is not known here.

use std::io;

use rustix::io::Errno;

use crate::{
    Socket,
    attributes::{Attributes, NESTED},
    channel::until_whole,
    message::{self, DUMP, Subsystem, question},
    walk::{Frame, frames, messages},
};

/// Kinds of messages.
#[derive(Clone, Copy)]
pub enum Kind {
    New = 0,
    Get = 1,
    Delete = 2,
    Statistics = 5,
}

/// Attributes of an entry.
pub const ORIGINAL: u16 = 1;
pub const REPLY: u16 = 2;
const ZONE: u16 = 18;
const LABELS: u16 = 22;
const LABELS_MASK: u16 = 23;

/// So many messages at once: if all of them are refused, the refusals fit into the buffer that they come to.
const GROUP: usize = 64;

/// An entry, or what finds one.
#[derive(Debug, Default)]
pub struct Entry {
    pub family: u8,
    pub attributes: Attributes,
}

// === impl Socket ===

impl Socket {
    /// How many connections are tracked here. It takes microseconds, where a listing of none takes ten milliseconds: the kernel has
    /// one table for all namespaces.
    pub fn tracked(&self) -> io::Result<u32> {
        let answer = self.channel().ask(&ask(Kind::Statistics, 0))?;
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
            self.channel().dump(&ask(Kind::Get, DUMP), take)?;
            Ok(labelled)
        })?;
        // What is gone meanwhile has no labels.
        match self.tell(Kind::New, 0, &labelled, Errno::NOENT) {
            Ok(gone) => Ok(labelled.len() - gone.len()),
            Err((_, error)) => Err(io::Error::new(
                error.kind(),
                format!("failed to clear the labels of a tracked connection: {error}"),
            )),
        }
    }

    /// Tells the kernel all of it, whatever becomes of a part. Gives the places of those that it refused for a harmless reason; of
    /// those that it refused for another the first.
    pub(crate) fn tell(
        &self,
        kind: Kind,
        flags: u16,
        entries: &[Entry],
        harmless: Errno,
    ) -> Result<Vec<usize>, (usize, io::Error)> {
        let (mut refused, mut failure) = (Vec::new(), None);
        for (number, group) in entries.chunks(GROUP).enumerate() {
            let first = number * GROUP;
            let refusals = self
                .channel()
                .send(&written(kind, flags, group))
                .and_then(|()| self.channel().refusals())
                .map_err(|error| (first, error))?;
            for (number, error) in refusals {
                let place = first + usize::try_from(number).unwrap_or_default();
                if Errno::from_io_error(&error) == Some(harmless) {
                    refused.push(place);
                } else {
                    failure.get_or_insert((place, error));
                }
            }
        }
        failure.map_or(Ok(refused), Err)
    }
}

fn ask(kind: Kind, flags: u16) -> Vec<u8> {
    question(Subsystem::Conntrack, kind as u16, flags, 0, &Attributes::default())
}

fn written(kind: Kind, flags: u16, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = ((Subsystem::Conntrack as u16) << 8) | kind as u16;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::INET6;

    fn listed(labels: &[u8; 16]) -> Vec<u8> {
        let mut attributes = Attributes::default();
        attributes.nest(ORIGINAL, |tuple| tuple.u8(9, 9));
        attributes.raw(ZONE, &[0, 7]);
        attributes.raw(LABELS, labels);
        question(Subsystem::Conntrack, Kind::New as u16, 0, INET6, &attributes)
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
        let told = written(Kind::New, 0, &[entry]);
        let told = frames(&told).next().and_then(|frame| frame.message());
        let attribute = |kind| told.and_then(|message| message.attribute(kind)).unwrap_or_default();
        assert_eq!(attribute(ZONE), [0, 7]);
        assert_eq!(attribute(LABELS), [0; 16]);
        assert_eq!(attribute(LABELS_MASK), labels);
        assert_eq!(attribute(ORIGINAL), [5, 0, 9, 0, 9, 0, 0, 0]);
    }
}
