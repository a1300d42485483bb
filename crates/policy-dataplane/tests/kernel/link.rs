//! Connections of a Pod with its friend, opened by either of them.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use policy_dataplane::End;

use crate::{
    lab::PATIENCE,
    port,
    star::{DEVICES, Star, Who},
    tcp::connect,
};

/// A connection of the Pod with its friend.
pub struct Link<E> {
    pub way: Way,
    pub pod: E,
    pub friend: E,
    /// Servers go on listening.
    _listener: Option<TcpListener>,
}

/// The ports of connections: of those on which the Pod speaks first after rules have changed, and of others.
pub const PORTS: [u16; 2] = [81, 82];

/// By which interface and family, opened by whom, and who speaks first after rules have changed.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub device: usize,
    pub is_v4: bool,
    pub opened_by: End,
    pub speaker: End,
}

// === impl Way ===

impl Way {
    pub fn all() -> impl Iterator<Item = Self> {
        let ends = [End::Local, End::Remote];
        let pairs = ends.into_iter().flat_map(move |opened_by| ends.map(|speaker| (opened_by, speaker)));
        pairs.flat_map(|(opened_by, speaker)| {
            let of_device =
                move |device| [true, false].map(|is_v4| Self { device, is_v4, opened_by, speaker });
            (0..DEVICES.len()).flat_map(of_device)
        })
    }

    /// So that two connections can be of the same way.
    pub const fn port(self) -> u16 {
        match self.speaker {
            End::Local => PORTS[0],
            End::Remote => PORTS[1],
        }
    }

    pub fn address(self, who: Who, port: u16) -> SocketAddr {
        SocketAddr::new(who.address(self.device, self.is_v4), port)
    }

    pub fn tcp(self, star: &Star) -> Link<TcpStream> {
        let peer = &star.peers[self.device];
        let (pod, friend, listener) = match self.opened_by {
            End::Local => connect(&star.pod, peer, self.address(Who::Friend, self.port())),
            End::Remote => {
                let (friend, pod, listener) = connect(peer, &star.pod, self.address(Who::Pod, self.port()));
                (pod, friend, listener)
            }
        };
        Link { way: self, pod, friend, _listener: Some(listener) }
    }

    /// Who has opened it asks once, and is answered.
    pub fn udp(self, star: &Star) -> Link<UdpSocket> {
        let number = |end| if self.opened_by == end { 0 } else { self.port() };
        let pod = port::udp(&star.pod, self.address(Who::Pod, number(End::Local)));
        let friend = port::udp(&star.peers[self.device], self.address(Who::Friend, number(End::Remote)));
        for (one, other) in [(&pod, &friend), (&friend, &pod)] {
            one.connect(other.local_addr().expect("it has one")).expect("an address");
            one.set_read_timeout(Some(PATIENCE)).expect("it may be told");
        }
        let link = Link { way: self, pod, friend, _listener: None };
        let (first, second) = link.ends(self.opened_by);
        hears(first, second);
        hears(second, first);
        link
    }
}

// === impl Link ===

impl<E> Link<E> {
    /// The end that is meant, and the other.
    pub fn ends(&self, first: End) -> (&E, &E) {
        match first {
            End::Local => (&self.pod, &self.friend),
            End::Remote => (&self.friend, &self.pod),
        }
    }
}

pub fn hears(speaker: &UdpSocket, listener: &UdpSocket) {
    speaker.send(b"x").expect("it is sent");
    listener.recv(&mut [0; 8]).expect("it comes");
}

/// What somebody is told who speaks.
pub fn refusal(speaker: &UdpSocket) -> io::Error {
    let answer = speaker.send(b"x").and_then(|_| speaker.recv(&mut [0; 8]));
    answer.expect_err("nobody answers")
}
