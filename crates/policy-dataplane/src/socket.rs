//! A netlink socket inside the network namespace of a Pod. It was opened there and stays there, whichever thread uses it.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::io::Errno;

use crate::{Batch, channel::Channel, namespace::within};

/// A socket to the netfilter of one network namespace. One at a time may speak through it.
#[derive(Debug)]
pub struct Socket(Channel);

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
    /// The table has an owner, and that is not us.
    #[error(
        "another process owns the table in this network namespace, and only it may change it: is a second agent at work?"
    )]
    Owned,
    /// We may not.
    #[error("no right to change rules in this network namespace: CAP_NET_ADMIN over it is needed")]
    Forbidden,
    /// The batch is longer than one message to the kernel may be. Nothing was sent.
    #[error(
        "the batch has {bytes} bytes and the kernel takes {limit}: CAP_NET_ADMIN on the node or a larger net.core.wmem_max is needed"
    )]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The batch did not reach the kernel, or its answer did not reach us.
    #[error("failed to speak to the kernel's nf_tables")]
    Io(#[from] io::Error),
}

// === impl Socket ===

impl Socket {
    /// Opens a socket in the namespace of this path.
    pub fn open_in(namespace: &Path) -> io::Result<Self> {
        Self::open_at(File::open(namespace)?.as_fd())
    }

    /// Opens a socket in a namespace that is open already: what was checked about it is still true.
    pub fn open_at(namespace: BorrowedFd<'_>) -> io::Result<Self> {
        within(namespace, || Channel::open(NETLINK_NETFILTER)).map(Self)
    }

    /// Puts a batch into the kernel, all of it or nothing. The kernel works while it is sent, and says nothing if all went well.
    pub fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = batch.bytes().len();
        let limit = self.0.make_room(bytes)?;
        if bytes > limit {
            return Err(CommitError::TooLarge { bytes, limit });
        }
        self.0.send(batch.bytes())?;
        match self.0.refusals()?.into_iter().next() {
            Some((number, source)) => Err(CommitError::of(batch, number, source)),
            None => Ok(()),
        }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.0
    }
}

impl From<Channel> for Socket {
    fn from(channel: Channel) -> Self {
        Self(channel)
    }
}

// === impl CommitError ===

impl CommitError {
    fn of(batch: &Batch, number: u32, source: io::Error) -> Self {
        match (Errno::from_io_error(&source), number) {
            // A batch is refused as a whole, at its beginning, where the right to any is missing.
            (Some(Errno::PERM), 0) => Self::Forbidden,
            (Some(Errno::PERM), _) => Self::Owned,
            _ => Self::Refused { about: batch.about(number).unwrap_or("a message").to_owned(), source },
        }
    }
}
