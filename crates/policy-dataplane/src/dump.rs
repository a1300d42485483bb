//! Reading a kernel: what is in our table now, and whether anybody changed any since it was looked at last.
//!
//! Four things make a listing wrong without an error, and each is seen to: somebody commits between its parts (the generation is
//! another then), or within one (the kernel says so); a commit is not over (its generation counts from its first moment, and until its
//! last a table that is replaced has no rules); or the kernel moves a set that has just grown into a larger table, and lists some
//! members twice and others not at all.

use std::{collections::BTreeSet, io};

use crate::{
    Batch, Snapshot, Socket,
    attributes::Attributes,
    batch::{INET, TABLE},
    channel::until_whole,
    message::{DUMP, Subsystem, question},
    set::MADE_BY_RULES,
    walk::{Message, attributes, messages},
};

/// What is asked, of all kinds of things in our table.
const GET_TABLE: u16 = 1;
pub const GET_CHAINS: u16 = 4;
pub const GET_RULES: u16 = 7;
pub const GET_SETS: u16 = 10;
const GET_ELEMENTS: u16 = 13;
const GET_GENERATION: u16 = 16;

/// So many bytes of a table are read: whoever may make a table of our name may fill it. A million peers
/// take less.
const LONGEST: usize = 64 << 20;

// === impl Socket ===

impl Socket {
    /// The number of commits in this namespace, anybody's: each makes it one more.
    ///
    /// Remember it *before* a snapshot is taken. As long as it is the same plus our own commits, nobody else has changed anything.
    pub fn generation(&self) -> io::Result<u32> {
        let answer = self.channel().ask(&ask(GET_GENERATION, 0, &Attributes::default()))?;
        let number = messages(&answer).find_map(|message| message.number(1));
        number.ok_or_else(|| io::Error::other("the kernel does not tell the generation of its rules"))
    }

    /// What is in our table now. Whoever changes rules all the time makes it an error: then they are better replaced than compared.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        until_whole("the table of rules", || {
            let generation = self.generation()?;
            self.commit(&Batch::pause()).map_err(io::Error::other)?;
            let pieces = self.listing()?;
            if generation != self.generation()? {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(Snapshot::read(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>()))
        })
    }

    /// Whether there is a table of ours, whatever is in it.
    pub fn has_table(&self) -> io::Result<bool> {
        Ok(!found(self.channel().ask(&ask(GET_TABLE, 0, &our_table())))?.is_empty())
    }

    fn listing(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut pieces = vec![found(self.channel().ask(&ask(GET_TABLE, 0, &our_table())))?];
        if pieces.iter().all(Vec::is_empty) {
            return Ok(Vec::new());
        }
        // All of it together is bounded: of sets there may be very many.
        let mut left = LONGEST;
        for kind in [GET_CHAINS, GET_RULES, GET_SETS] {
            let piece = self.all(kind, &our_table(), left)?;
            left -= piece.len();
            pieces.push(piece);
        }
        let sets = pieces.last().into_iter().flat_map(|piece| messages(piece));
        // What rules write down is nothing that anybody is to have put there.
        let is_filled = |set: &Message<'_>| set.number(3).is_none_or(|flags| flags & MADE_BY_RULES == 0);
        let sets: Vec<String> = sets.filter(is_filled).map(|set| set.text(2)).collect();
        for set in sets {
            let members = elements_of(self, &set, left)?;
            left -= members.len();
            if repeats(&members) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            pieces.push(members);
        }
        Ok(pieces)
    }

    /// All messages of an answer, if it is no longer than that.
    fn all(&self, kind: u16, attributes: &Attributes, longest: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut is_too_long) = (Vec::new(), false);
        let take = |piece: &[u8]| {
            is_too_long |= bytes.len() + piece.len() > longest;
            if !is_too_long {
                bytes.extend(piece);
            }
        };
        let dumped = self.channel().dump(&ask(kind, DUMP, attributes), take);
        if is_too_long {
            return Err(io::Error::other("there is more in the table than any agent puts there"));
        }
        found(dumped.map(|()| bytes))
    }
}

/// All of a kind that is in our table.
pub fn in_table(socket: &Socket, kind: u16) -> io::Result<Vec<u8>> {
    socket.all(kind, &our_table(), LONGEST)
}

/// The elements of a set of our table, if they take no more bytes than that; none if it is not there.
pub fn elements_of(socket: &Socket, set: &str, longest: usize) -> io::Result<Vec<u8>> {
    let mut of_set = our_table();
    of_set.text(2, set);
    socket.all(GET_ELEMENTS, &of_set, longest)
}

fn our_table() -> Attributes {
    let mut table = Attributes::default();
    table.text(1, TABLE);
    table
}

fn ask(kind: u16, flags: u16, attributes: &Attributes) -> Vec<u8> {
    question(Subsystem::NfTables, kind, flags, INET, attributes)
}

/// What is not there has no messages.
fn found(answer: io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Whether a member is listed more than once.
fn repeats(members: &[u8]) -> bool {
    let mut known = BTreeSet::new();
    let lists = messages(members).filter_map(|message| message.attribute(3));
    !lists.flat_map(attributes).all(|member| known.insert(member.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_listed_twice_is_seen() {
        let listing = |keys: &[u8]| {
            let mut list = Attributes::default();
            list.nest(3, |list| keys.iter().for_each(|key| list.nest(1, |member| member.u8(1, *key))));
            ask(12, 0, &list)
        };
        assert!(!repeats(&listing(&[1, 2, 3])));
        assert!(repeats(&listing(&[1, 2, 1])));
        assert!(repeats(&[listing(&[1]), listing(&[1])].concat()));
    }
}
