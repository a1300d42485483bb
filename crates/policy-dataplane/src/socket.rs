//! A netlink socket inside the network namespace of a Pod. It was opened there and stays there, whichever thread uses it.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
};

use netlink_sys::{SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Batch, Netns, Snapshot, attributes::Attributes, batch::TABLE, walk::messages};

/// Flags of receiving: to get nothing rather than to wait; to be told how long an answer is that does not fit.
const MSG_DONTWAIT: i32 = 0x40;
const MSG_TRUNC: i32 = 0x20;

/// The kernel answers in pieces of at most 32 KiB.
const LONGEST: usize = 64 << 10;

/// The message that tells an error.
const ERROR: u16 = 2;
const HEADER: usize = 16;

/// What is asked, of all kinds of things in our table.
const GET_CHAINS: u16 = 4;
const GET_RULES: u16 = 7;
const GET_SETS: u16 = 10;
const GET_ELEMENTS: u16 = 13;

/// That all there are are wanted.
const DUMP: u16 = 0x300;

/// The message that ends what was asked for.
const DONE: u16 = 3;

/// A socket to the `nf_tables` of one network namespace.
#[derive(Debug)]
pub struct Socket(netlink_sys::Socket);

/// Why rules could not be put into a kernel. None of the batch is there then.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The kernel refuses a message.
    #[error("the kernel refuses {about}")]
    Refused {
        /// What the message is about.
        about: String,
        /// Why.
        source: io::Error,
    },
    /// The batch did not reach the kernel, or its answer did not reach us.
    #[error("failed to speak to the kernel's nf_tables")]
    Io(#[from] io::Error),
}

// === impl Socket ===

impl Socket {
    /// Opens a socket in the namespace of this path. A thread of its own goes there, and ends there: none of ours is ever in
    /// another namespace.
    pub fn open_in(namespace: &Path) -> io::Result<Self> {
        Self::open_there(File::open(namespace)?.into())
    }

    /// Opens a socket in a namespace that is held, in the same way. It holds the namespace, too.
    pub fn open_within(netns: &Netns) -> io::Result<Self> {
        Self::open_there(netns.as_fd().try_clone_to_owned()?)
    }

    fn open_there(namespace: OwnedFd) -> io::Result<Self> {
        let opener = thread::Builder::new().name("netns".to_owned()).spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Self::open()
        })?;
        opener.join().unwrap_or_else(|_| Err(io::Error::other("the thread that opens the socket panicked")))
    }

    fn open() -> io::Result<Self> {
        let mut socket = netlink_sys::Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self(socket))
    }

    /// Puts a batch into the kernel, all of it or nothing. The kernel works while it is sent, and says nothing if all went well.
    pub fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let sent = self.0.send_to(batch.bytes(), &SocketAddr::new(0, 0), 0)?;
        if sent != batch.bytes().len() {
            return Err(io::Error::other("the kernel took a part of a batch").into());
        }
        let mut first = None;
        loop {
            match self.receive(MSG_DONTWAIT) {
                Ok(answers) => first = first.or_else(|| refusal(&answers)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let Some((number, source)) = first else { return Ok(()) };
        let about = batch.about(number).unwrap_or("a message").to_owned();
        Err(CommitError::Refused { about, source })
    }
}

impl Socket {
    /// What is in our table now.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let mut table = Attributes::default();
        table.text(1, TABLE);
        let mut pieces = Vec::new();
        for kind in [GET_CHAINS, GET_RULES, GET_SETS] {
            pieces.push(self.ask(kind, &table)?);
        }
        let sets: Vec<String> =
            pieces.last().into_iter().flat_map(|piece| messages(piece)).map(|set| set.text(2)).collect();
        for set in sets {
            let mut of_set = Attributes::default();
            of_set.text(1, TABLE);
            of_set.text(2, &set);
            pieces.push(self.ask(GET_ELEMENTS, &of_set)?);
        }
        Ok(Snapshot::read(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    /// What one call gives.
    fn receive(&self, flags: i32) -> io::Result<Vec<u8>> {
        let mut answers = Vec::with_capacity(LONGEST);
        let length = self.0.recv(&mut answers, flags | MSG_TRUNC)?;
        if length > answers.len() {
            return Err(io::Error::other("the kernel's answer is longer than any that it gives"));
        }
        Ok(answers)
    }

    /// All answers to a question. What is not there has none.
    fn ask(&self, kind: u16, attributes: &Attributes) -> io::Result<Vec<u8>> {
        self.0.send_to(&Batch::question(kind, DUMP, attributes), &SocketAddr::new(0, 0), 0)?;
        let mut answers = Vec::new();
        loop {
            let piece = self.receive(0)?;
            match refusal(&piece) {
                Some((_, error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Some((_, error)) => return Err(error),
                None => {}
            }
            let is_last = kinds(&piece).any(|kind| kind == DONE);
            answers.extend(piece);
            if is_last {
                return Ok(answers);
            }
        }
    }
}

/// The kinds of all messages, whatever is in them.
fn kinds(mut bytes: &[u8]) -> impl Iterator<Item = u16> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        bytes = bytes.get(length.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
        Some(kind)
    })
}

/// The first message of some answers that tells an error: the number of what it is about, and the error.
fn refusal(mut answers: &[u8]) -> Option<(u32, io::Error)> {
    let u32_at = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    while let Some(length) = u32_at(answers, 0) {
        let kind = u16::from_ne_bytes(answers.get(4..6)?.try_into().ok()?);
        let code = u32_at(answers, HEADER)?.cast_signed();
        if kind == ERROR && code != 0 {
            return Some((u32_at(answers, 8)?, io::Error::from_raw_os_error(code.wrapping_neg())));
        }
        let length = usize::try_from(length).ok()?.max(HEADER).next_multiple_of(4);
        answers = answers.get(length..)?;
    }
    None
}
