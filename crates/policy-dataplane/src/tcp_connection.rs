//! TCP connections that sockets in a namespace have, and who opened them. What becomes of them is not known here.
//!
//! The kernel does not keep who opened a connection. Whoever listens on its local port was called; if nobody does, it called. A
//! server that stopped listening looks like a client.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::BorrowedFd,
};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use crate::{
    channel::{Channel, until_whole},
    message::{self, DUMP, INET, INET6, TCP},
    namespace::within,
    walk::frames,
};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;

/// States of TCP.
const LISTEN: u8 = 10;
/// Those in which either side may still have something to say: `ESTABLISHED`, `FIN_WAIT1`, `FIN_WAIT2`, `CLOSE_WAIT`, `LAST_ACK`
/// and `CLOSING`.
const OPEN: [u8; 6] = [1, 4, 5, 8, 9, 11];

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Somebody in the namespace.
    Local,
    /// The other one.
    Remote,
}

/// A TCP connection of a socket in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpConnection {
    /// The end in the namespace.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Who opened it.
    pub opened_by: End,
}

/// A socket as the kernel lists it.
#[derive(Clone, Copy, Debug)]
struct Listed {
    state: u8,
    local: SocketAddr,
    remote: SocketAddr,
}

// === impl TcpConnection ===

impl TcpConnection {
    /// Those that are open in a namespace, without those that stay in it. Where there are no TCP sockets it costs next to nothing.
    pub fn all_in(namespace: BorrowedFd<'_>) -> io::Result<Vec<Self>> {
        let listed = within(namespace, || {
            let mut listed = Vec::new();
            for (family, file, name) in [(INET, "sockstat", "TCP:"), (INET6, "sockstat6", "TCP6:")] {
                if has_sockets(file, name)? {
                    listed.extend(sockets(family)?);
                }
            }
            Ok(listed)
        })?;
        Ok(connections(&listed))
    }

    /// Its ends, that of whoever opened it first.
    pub fn original(&self) -> (SocketAddr, SocketAddr) {
        match self.opened_by {
            End::Local => (self.local, self.remote),
            End::Remote => (self.remote, self.local),
        }
    }
}

impl fmt::Display for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.original();
        write!(f, "from {from} to {to}")
    }
}

/// Whether this thread's namespace has TCP sockets of a family: the kernel lists none as slowly as many.
fn has_sockets(file: &str, name: &str) -> io::Result<bool> {
    match fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
        Ok(text) => Ok(in_use(&text, name) != Some(0)),
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound && file == "sockstat6" => Ok(false),
        Err(error) => Err(io::Error::new(error.kind(), format!("failed to read {file} of /proc: {error}"))),
    }
}

/// How many sockets are in use; none if it does not say.
fn in_use(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
    words.find(|word| *word == "inuse")?;
    words.next()?.parse().ok()
}

/// The TCP sockets of this thread's namespace.
fn sockets(family: u8) -> io::Result<Vec<Listed>> {
    let channel = Channel::open(NETLINK_SOCK_DIAG)?;
    let states = OPEN.iter().chain([&LISTEN]).fold(0_u32, |states, state| states | 1 << state);
    let mut question = Vec::new();
    let what = [&[family, TCP, 0, 0], &states.to_ne_bytes()[..]].concat();
    // Of all addresses and ports.
    message::put(&mut question, BY_FAMILY, DUMP, 0, [&what, &[0; 48]]);
    let listed = until_whole("the list of TCP sockets", || {
        let mut listed = Vec::new();
        channel.dump(&question, |piece| {
            let sockets = frames(piece).filter(|frame| frame.kind == BY_FAMILY);
            listed.extend(sockets.filter_map(|frame| Listed::read(frame.body)));
        })?;
        Ok(listed)
    });
    listed.map_err(|error| io::Error::new(error.kind(), format!("failed to list TCP sockets: {error}")))
}

/// Which connections there are, of all sockets of a namespace.
fn connections(listed: &[Listed]) -> Vec<TcpConnection> {
    let listeners: BTreeSet<SocketAddr> =
        listed.iter().filter(|it| it.state == LISTEN).map(|it| it.local).collect();
    let ends: BTreeSet<(SocketAddr, SocketAddr)> =
        listed.iter().filter(|it| it.state != LISTEN).map(|it| (it.local, it.remote)).collect();
    let stays = |local: SocketAddr, remote: SocketAddr| {
        remote.ip().is_loopback() || remote.ip() == local.ip() || ends.contains(&(remote, local))
    };
    let going = ends.iter().filter(|(local, remote)| !stays(*local, *remote));
    let connections = going.map(|(local, remote)| {
        let opened_by = if is_listened_on(&listeners, *local) { End::Remote } else { End::Local };
        TcpConnection { local: *local, remote: *remote, opened_by }
    });
    connections.collect()
}

/// Whoever listens on all addresses of IPv6 listens on those of IPv4 as a rule.
fn is_listened_on(listeners: &BTreeSet<SocketAddr>, local: SocketAddr) -> bool {
    let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let is_at = |address| listeners.contains(&SocketAddr::new(address, local.port()));
    is_at(local.ip()) || is_at(any_v6) || (local.is_ipv4() && is_at(any_v4))
}

// === impl Listed ===

impl Listed {
    /// Family, state, and six bytes further the ports and addresses.
    fn read(body: &[u8]) -> Option<Self> {
        let family = *body.first()?;
        let end = |port: usize, address: usize| {
            let port = u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?);
            let address = body.get(address..address + 16)?;
            let ip = match family {
                INET => IpAddr::from(<[u8; 4]>::try_from(address.get(..4)?).ok()?),
                INET6 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?).to_canonical(),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port))
        };
        Some(Self { state: *body.get(1)?, local: end(4, 8)?, remote: end(6, 24)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(state: u8, local: &str, remote: &str) -> Option<Listed> {
        Some(Listed { state, local: local.parse().ok()?, remote: remote.parse().ok()? })
    }

    fn text_of(sockets: &[Option<Listed>]) -> Vec<String> {
        let sockets: Vec<Listed> = sockets.iter().copied().flatten().collect();
        connections(&sockets).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn whoever_is_listened_to_was_called() {
        let connection = listed(1, "10.0.0.1:80", "10.0.0.2:5000");
        let called = ["from 10.0.0.2:5000 to 10.0.0.1:80"];
        let calls = ["from 10.0.0.1:80 to 10.0.0.2:5000"];
        for (listener, expected) in [
            ("0.0.0.0:80", called),
            ("[::]:80", called),
            ("10.0.0.1:80", called),
            ("10.0.0.3:80", calls),
            ("0.0.0.0:81", calls),
        ] {
            let sockets = [connection, listed(LISTEN, listener, "0.0.0.0:0")];
            assert_eq!(text_of(&sockets), expected, "{listener}");
        }
        let v6 = listed(1, "[fd00::1]:80", "[fd00::2]:5000");
        let v4_listener = listed(LISTEN, "0.0.0.0:80", "0.0.0.0:0");
        assert_eq!(text_of(&[v6, v4_listener]), ["from [fd00::1]:80 to [fd00::2]:5000"]);
    }

    #[test]
    fn connections_that_stay_in_the_namespace_are_left_out() {
        let sockets = [
            listed(1, "127.0.0.1:80", "127.0.0.1:5000"),
            listed(1, "[::1]:80", "[::1]:5000"),
            listed(8, "10.0.0.1:80", "10.0.0.1:5000"),
            // From one of its addresses to another.
            listed(1, "10.0.0.1:80", "10.1.0.1:5000"),
            listed(1, "10.1.0.1:5000", "10.0.0.1:80"),
            listed(1, "10.0.0.1:81", "10.1.0.1:5000"),
        ];
        assert_eq!(text_of(&sockets), ["from 10.0.0.1:81 to 10.1.0.1:5000"]);
    }

    #[test]
    fn what_the_kernel_says_about_sockets_in_use_is_read() {
        let text = "sockets: used 9\nTCP: inuse 4 orphan 0 tw 1 alloc 5 mem 0\nUDP: inuse 2 mem 0\n";
        assert_eq!(in_use(text, "TCP:"), Some(4));
        assert_eq!(in_use("TCP6: inuse 0\n", "TCP6:"), Some(0));
        assert_eq!(in_use(text, "TCP6:"), None);
        assert_eq!(in_use("TCP: orphan 0\n", "TCP:"), None);
    }

    #[test]
    fn an_address_of_ipv4_in_one_of_ipv6_is_one_of_ipv4() {
        let mut body = vec![INET6, 1, 0, 0, 0, 80, 0, 90];
        body.extend(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets());
        body.extend(Ipv4Addr::new(10, 0, 0, 2).to_ipv6_mapped().octets());
        assert_eq!(text_of(&[Listed::read(&body)]), ["from 10.0.0.1:80 to 10.0.0.2:90"]);
        body.truncate(39);
        assert!(Listed::read(&body).is_none());
    }
}
