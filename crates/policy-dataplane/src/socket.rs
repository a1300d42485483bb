//! A netlink socket inside the network namespace of a Pod. It was opened there and stays there, whichever thread uses it.

use std::{fs::File, io, os::fd::AsFd, path::Path, thread};

use netlink_sys::{SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Batch;

/// The message that tells an error.
const ERROR: u16 = 2;
const HEADER: usize = 16;

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
        let namespace = File::open(namespace)?;
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
        socket.set_non_blocking(true)?;
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
            match self.0.recv_from_full() {
                Ok((answers, _)) => first = first.or_else(|| refusal(&answers)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let Some((number, source)) = first else { return Ok(()) };
        let about = batch.about(number).unwrap_or("a message").to_owned();
        Err(CommitError::Refused { about, source })
    }
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
