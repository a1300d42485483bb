//! Calls by SCTP over IPv4, by hand: there may be no sockets for it. The first packet and its answer are all that is said.

use std::{
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU16, Ordering::SeqCst},
    thread,
};

use crate::{namespace::Namespace, raw};

/// The kinds of chunks of a call and of its answer.
const CALL: u8 = 1;
const ANSWER: u8 = 2;

/// Each call is from a port of its own.
static NEXT: AtomicU16 = AtomicU16::new(10_000);

/// What was received.
struct Received {
    from: SocketAddr,
    port: u16,
    kind: u8,
}

// === impl Received ===

impl Received {
    /// A raw socket of IPv4 is given the header of IP, too.
    fn read(packet: &[u8]) -> Option<Self> {
        let from = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(12..16)?).ok()?);
        let sctp = packet.get(usize::from(packet.first()? & 15) * 4..)?;
        let port = |place: usize| Some(u16::from_be_bytes(sctp.get(place..place + 2)?.try_into().ok()?));
        Some(Self { from: SocketAddr::new(from.into(), port(0)?), port: port(2)?, kind: *sctp.get(12)? })
    }

    fn next(mut socket: impl Read) -> io::Result<Self> {
        let mut packet = [0; 128];
        let length = socket.read(&mut packet)?;
        Self::read(&packet[..length]).ok_or_else(|| io::Error::other("it is no packet of SCTP"))
    }
}

/// Answers all calls to a namespace.
pub fn serve(namespace: &Namespace) {
    let socket = raw::socket(namespace, Ipv4Addr::UNSPECIFIED.into(), raw::SCTP);
    socket.set_read_timeout(None).expect("it may be told");
    thread::spawn(move || {
        while let Ok(received) = Received::next(&socket) {
            if received.kind == CALL {
                let answer = raw::sctp(received.port, received.from.port(), true);
                // Whoever called may be gone, or may not be answered.
                let _ = socket.send_to(&answer, &SocketAddr::new(received.from.ip(), 0).into());
            }
        }
    });
}

/// Calls somebody, and waits for the answer or for an error.
pub fn call(namespace: &Namespace, to: SocketAddr) -> io::Result<()> {
    assert!(matches!(to.ip(), IpAddr::V4(_)), "calls are by IPv4");
    let socket = raw::socket(namespace, Ipv4Addr::UNSPECIFIED.into(), raw::SCTP);
    socket.connect(&SocketAddr::new(to.ip(), 0).into())?;
    let port = NEXT.fetch_add(1, SeqCst);
    socket.send(&raw::sctp(port, to.port(), false))?;
    loop {
        let received = Received::next(&socket)?;
        if received.kind == ANSWER && received.port == port {
            return Ok(());
        }
    }
}
