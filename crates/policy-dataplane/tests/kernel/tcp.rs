//! TCP connections between namespaces, for tests.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::{lab::PATIENCE, namespace::Namespace, port};

/// Connects to somebody who listens from then on: the end of who calls, that of who is called, and the listener.
pub fn connect(from: &Namespace, to: &Namespace, address: SocketAddr) -> (TcpStream, TcpStream, TcpListener) {
    let listener = port::listener(to, address);
    let address = listener.local_addr().expect("it has one");
    let client = from.within(|| TcpStream::connect_timeout(&address, PATIENCE)).expect("it is connected");
    let (server, _) = listener.accept().expect("it is called");
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).expect("it may be told");
        stream.set_write_timeout(Some(PATIENCE)).expect("it may be told");
        stream.set_nodelay(true).expect("it may be told");
    }
    (client, server, listener)
}

/// Sends from one end to the other.
pub fn pass(mut from: &TcpStream, mut to: &TcpStream, length: usize) -> Result<(), String> {
    thread::scope(|scope| {
        let sender = scope.spawn(move || from.write_all(&vec![7; length]));
        let received = to.read_exact(&mut vec![0; length]);
        let sent = sender.join().expect("it ends");
        sent.and(received).map_err(|error| error.to_string())
    })
}

/// Whether a connection is reset once this end says something, or was before. Patience ends with an error of another kind.
pub fn is_reset(mut end: &TcpStream) -> io::Result<bool> {
    let said = end.write_all(b"x").and_then(|()| end.read(&mut [0]));
    match said {
        Ok(length) => Err(io::Error::other(format!("it reads {length} bytes"))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error),
    }
}
