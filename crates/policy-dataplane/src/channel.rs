//! A netlink socket: what is sent, what is answered, and how it is told that an answer is not whole. What is said is not known here.
//!
//! The kernel works while it is spoken to: its answer is there when sending returns, and the next part of a dump when a part was
//! taken. So nothing here ever waits, and a kernel that does not answer is an error.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use netlink_sys::SocketAddr;
use rustix::net::sockopt;

use crate::walk::frames;

/// Flags of receiving: to get nothing rather than to wait; to be told how long an answer is that does not fit.
const MSG_DONTWAIT: i32 = 0x40;
const MSG_TRUNC: i32 = 0x20;

/// The kernel answers in pieces of at most 32 KiB.
const LONGEST: usize = 64 << 10;

/// What the kernel wants of the buffer beside the bytes themselves.
const BESIDE: usize = 32;

/// How often something is read that changes while it is read, or whose listing the kernel spoils.
const ATTEMPTS: usize = 10;

/// A socket to one protocol of netlink. One at a time may speak: answers do not say whose they are.
#[derive(Debug)]
pub struct Channel {
    socket: netlink_sys::Socket,
    /// Whether something of an answer may be left that nobody has read.
    may_be_left: AtomicBool,
    /// How many bytes may be sent in one go; none before that is asked.
    limit: AtomicUsize,
}

/// How far a piece brings a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    is_end: bool,
    is_interrupted: bool,
}

// === impl Channel ===

impl Channel {
    /// Opens a socket in the network namespace of this thread.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = netlink_sys::Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, may_be_left: AtomicBool::new(false), limit: AtomicUsize::new(0) })
    }

    /// Makes room for so many bytes in one go, as far as may be. Gives how many it may have then.
    pub fn make_room(&self, bytes: usize) -> io::Result<usize> {
        let limit = match self.limit.load(Relaxed) {
            0 => self.ask_limit()?,
            limit => limit,
        };
        if bytes <= limit {
            return Ok(limit);
        }
        // The kernel doubles what it is told.
        let wanted = (bytes + BESIDE).div_ceil(2);
        if sockopt::set_socket_send_buffer_size_force(&self.socket, wanted).is_err() {
            // Without the right to as much as it wants, everybody gets as much as the node allows.
            sockopt::set_socket_send_buffer_size(&self.socket, wanted)?;
        }
        self.ask_limit()
    }

    fn ask_limit(&self) -> io::Result<usize> {
        let limit = sockopt::socket_send_buffer_size(self.socket.as_fd())?.saturating_sub(BESIDE);
        self.limit.store(limit, Relaxed);
        Ok(limit)
    }

    /// Sends messages. The kernel has done what they say when this returns.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.forget()?;
        self.may_be_left.store(true, Relaxed);
        let sent = self.socket.send_to(bytes, &SocketAddr::new(0, 0), 0)?;
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(io::Error::other("the kernel took a part of what it was sent"))
        }
    }

    /// What the kernel refused of what was sent, by number, first things first. Of what went well it says nothing.
    pub fn refusals(&self) -> io::Result<Vec<(u32, io::Error)>> {
        let mut refusals = Vec::new();
        while let Some(piece) = self.receive()? {
            refusals.extend(frames(&piece).filter_map(|frame| Some((frame.number, frame.error()?))));
        }
        Ok(refusals)
    }

    /// Asks for one message.
    pub fn ask(&self, question: &[u8]) -> io::Result<Vec<u8>> {
        self.send(question)?;
        let answer = self.receive()?.ok_or_else(silence)?;
        let error = frames(&answer).find_map(|frame| frame.error());
        error.map_or(Ok(answer), Err)
    }

    /// Asks for all there are, and gives them to `take`, a piece at a time. An error of the kind `Interrupted` means that they changed meanwhile.
    pub fn dump(&self, question: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
        self.send(question)?;
        let mut is_interrupted = false;
        loop {
            let piece = self.receive()?.ok_or_else(silence)?;
            let progress = Progress::of(&piece)?;
            take(&piece);
            is_interrupted |= progress.is_interrupted;
            if progress.is_end {
                return if is_interrupted { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) };
            }
        }
    }

    /// Forgets what is left of an answer that nobody read to its end.
    fn forget(&self) -> io::Result<()> {
        while self.may_be_left.load(Relaxed) {
            match self.receive() {
                Ok(_) => {}
                // Something was lost that nobody wants.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What one call gives; none if nothing is there.
    fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut answers = Vec::with_capacity(LONGEST);
        let length = match self.socket.recv(&mut answers, MSG_DONTWAIT | MSG_TRUNC) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.may_be_left.store(false, Relaxed);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if length > answers.len() {
            return Err(io::Error::other("the kernel's answer is longer than any that it gives"));
        }
        Ok(Some(answers))
    }
}

// === impl Progress ===

impl Progress {
    fn of(piece: &[u8]) -> io::Result<Self> {
        let error = frames(piece).find_map(|frame| frame.error());
        let progress = Self {
            is_end: frames(piece).any(|frame| frame.is_end()),
            is_interrupted: frames(piece).any(|frame| frame.is_interrupted()),
        };
        error.map_or(Ok(progress), Err)
    }
}

fn silence() -> io::Error {
    io::Error::other("the kernel does not answer")
}

/// Reads until what was read did not change meanwhile.
pub fn until_whole<T>(what: &str, mut read: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..ATTEMPTS {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
    Err(io::Error::other(format!(
        "{what} changed each of {ATTEMPTS} times while the kernel listed it; try again later"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::put;

    #[test]
    fn a_piece_of_a_dump_tells_its_end_an_interruption_and_an_error() {
        const ENTRY: u16 = 2_560;
        const DONE: u16 = 3;
        const INTERRUPTED: u16 = 0x10;
        let piece = |messages: &[(u16, u16, i32)]| {
            let mut bytes = Vec::new();
            for (kind, flags, code) in messages {
                put(&mut bytes, *kind, *flags, 0, [&code.to_ne_bytes(), &[]]);
            }
            Progress::of(&bytes)
                .map(|progress| (progress.is_end, progress.is_interrupted))
                .map_err(|it| it.raw_os_error())
        };
        assert_eq!(piece(&[(ENTRY, 0, 7)]), Ok((false, false)));
        assert_eq!(piece(&[(ENTRY, 0, 7), (DONE, 0, 0)]), Ok((true, false)));
        assert_eq!(piece(&[(ENTRY, INTERRUPTED, 7), (ENTRY, 0, 7)]), Ok((false, true)));
        assert_eq!(piece(&[(ENTRY, 0, 7), (DONE, INTERRUPTED, 0)]), Ok((true, true)));
        assert_eq!(piece(&[(ENTRY, 0, 7), (DONE, 0, -12)]), Err(Some(12)));
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again_but_not_for_ever() {
        let mut attempts = 0;
        let read = until_whole("a table", || {
            attempts += 1;
            if attempts < 3 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(attempts) }
        });
        assert_eq!(read.ok(), Some(3));
        let never: io::Result<()> = until_whole("a table", || Err(io::ErrorKind::Interrupted.into()));
        assert!(never.is_err_and(|error| error.to_string().starts_with("a table changed each of 10 times")));
        let refused: io::Result<()> = until_whole("a table", || Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::PermissionDenied));
    }
}
