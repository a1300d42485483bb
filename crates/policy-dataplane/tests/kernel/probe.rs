//! What becomes of one message between two namespaces: it comes, or whoever sent it is told that it does not. Silence is a failure.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Instant,
};

use socket2::{Domain, Socket, Type};

use crate::{lab::PATIENCE, namespace::Namespace, port};

/// Somebody's address and port.
pub type End<'a> = (&'a Namespace, SocketAddr);

/// Whether a datagram comes.
pub fn datagram(from: End<'_>, to: End<'_>) -> bool {
    let receiver = port::udp(to.0, to.1);
    let sender = port::udp(from.0, from.1);
    datagram_between(&sender, &receiver, to.1)
}

/// Whether a datagram comes from one socket to the other.
pub fn datagram_between(sender: &UdpSocket, receiver: &UdpSocket, to: SocketAddr) -> bool {
    sender.connect(to).expect("an address");
    sender.set_nonblocking(true).expect("it may be told");
    receiver.set_nonblocking(true).expect("it may be told");
    // Who is told at once has sent nothing.
    if sender.send(b"x").is_err() {
        return false;
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if receiver.recv(&mut [0; 8]).is_ok() {
            return true;
        }
        match sender.recv(&mut [0; 8]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return false,
        }
    }
    panic!("a datagram from {} to {to} was dropped without a word", sender.local_addr().expect("one"));
}

/// Whether a TCP connection comes about.
pub fn connection(from: End<'_>, to: End<'_>) -> bool {
    let _listener = port::listener(to.0, to.1);
    let socket = from.0.within(|| Socket::new(Domain::for_address(from.1), Type::STREAM, None));
    let socket = socket.expect("a socket");
    socket.bind(&from.1.into()).expect("an address");
    match socket.connect_timeout(&to.1.into(), PATIENCE) {
        Ok(()) => true,
        Err(error) => {
            assert_ne!(error.kind(), io::ErrorKind::TimedOut, "{} was dropped without a word", to.1);
            false
        }
    }
}
