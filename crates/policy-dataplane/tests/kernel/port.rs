//! Sockets at a port of a namespace. A process that another test is about to start has all sockets of ours for a moment, so a port may
//! be taken by one that was closed just now.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    time::Instant,
};

use crate::{lab::PATIENCE, namespace::Namespace};

/// A socket for datagrams.
pub fn udp(namespace: &Namespace, address: SocketAddr) -> UdpSocket {
    namespace.within(|| free(|| UdpSocket::bind(address)))
}

/// Somebody who listens.
pub fn listener(namespace: &Namespace, address: SocketAddr) -> TcpListener {
    namespace.within(|| free(|| TcpListener::bind(address)))
}

fn free<T>(bind: impl Fn() -> io::Result<T>) -> T {
    let begun = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < PATIENCE => {}
            result => return result.expect("a port"),
        }
    }
}
