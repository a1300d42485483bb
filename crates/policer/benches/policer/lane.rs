//! A Pod with rules, and a peer at the other end of its cable that talks to it. One thread is at both ends: what is sent has arrived
//! when sending returns, so that nobody waits for anybody.

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

use crate::{namespace::Namespace, objects};

/// The port that is talked to.
pub const PORT: u16 = 7_777;

/// So many packets are on their way at once.
const FLIGHT: usize = 32;

/// How long anything may take that nothing is in the way of.
const PATIENCE: Duration = Duration::from_secs(5);

/// A Pod and a peer.
pub struct Lane {
    peer: Namespace,
    _pod: Namespace,
    /// Both ends of a connection, that of the peer first.
    ends: [UdpSocket; 2],
    listener: TcpListener,
}

// === impl Lane ===

impl Lane {
    /// A first Pod of its node, with these rules, and its first peer. They have spoken to each other.
    pub fn new(rules: impl FnOnce(&Namespace)) -> Self {
        let [pod, peer] = [(); 2].map(|()| Namespace::new().expect("root may have namespaces"));
        let addresses = [objects::address(0), objects::peer_address(0)];
        let process = peer.process().to_string();
        pod.run(
            "ip",
            &["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &process],
            "",
        );
        for (namespace, address) in [&pod, &peer].into_iter().zip(&addresses) {
            namespace.run("ip", &["addr", "add", &format!("{address}/8"), "dev", "eth0"], "");
            for device in ["lo", "eth0"] {
                namespace.run("ip", &["link", "set", device, "up"], "");
            }
        }
        rules(&pod);
        let [here, there] =
            addresses.map(|address| SocketAddr::new(address.parse().expect("an address"), PORT));
        let ends = [(&peer, there, here), (&pod, here, there)].map(|(within, own, other)| {
            let socket = within.within(|| UdpSocket::bind(own)).expect("a socket");
            socket.connect(other).expect("connected");
            socket.set_read_timeout(Some(PATIENCE)).expect("a time");
            socket
        });
        let listener = pod.within(|| TcpListener::bind(here)).expect("a listener");
        let lane = Self { peer, _pod: pod, ends, listener };
        // There and back: from now on it is a connection.
        lane.speak([0, 1], 1);
        lane.speak([1, 0], 1);
        lane
    }

    fn speak(&self, [from, to]: [usize; 2], packets: usize) {
        let mut bytes = [0; 64];
        for _ in 0..packets {
            self.ends[from].send(&bytes).expect("nothing denies it");
        }
        for _ in 0..packets {
            self.ends[to].recv(&mut bytes).expect("it arrives");
        }
    }

    /// How many packets of the connection come to the Pod in a second.
    pub fn packets(&self, count: usize) -> f64 {
        let begun = Instant::now();
        (0..count / FLIGHT).for_each(|_| self.speak([0, 1], FLIGHT));
        count as f64 / begun.elapsed().as_secs_f64()
    }

    /// How many connections are made to the Pod in a second.
    pub fn connections(&self, count: usize) -> f64 {
        let to = self.listener.local_addr().expect("it is bound");
        let work = || {
            let begun = Instant::now();
            for _ in 0..count {
                let stream = TcpStream::connect(to).expect("nothing denies it");
                let (accepted, _) = self.listener.accept().expect("it is there");
                // Nothing is left of it at either end.
                set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
                drop((stream, accepted));
            }
            count as f64 / begun.elapsed().as_secs_f64()
        };
        self.peer.within(work)
    }
}
