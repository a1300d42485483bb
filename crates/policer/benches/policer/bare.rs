//! The least that there is to do: a loop that sends bytes to kernels. They are made beforehand, and nothing is looked at but whether a
//! kernel refuses them.

use std::{fs::File, os::fd::AsFd, thread};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::namespace::Namespace;

const MSG_DONTWAIT: i32 = 0x40;

/// A socket in a namespace.
pub fn open(namespace: &Namespace) -> Socket {
    let place = File::open(namespace.path()).expect("a namespace");
    thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            let mut socket = Socket::new(NETLINK_NETFILTER).expect("a socket");
            socket.bind_auto().expect("bound");
            socket
        });
        visitor.join().expect("it ends")
    })
}

/// Has a kernel do what these bytes say.
pub fn send(socket: &Socket, bytes: &[u8]) {
    socket.send_to(bytes, &SocketAddr::new(0, 0), 0).expect("sent");
    let mut answer = Vec::with_capacity(4096);
    let refusal = socket.recv(&mut answer, MSG_DONTWAIT);
    assert!(refusal.is_err(), "the kernel refuses it: {answer:?}");
}
