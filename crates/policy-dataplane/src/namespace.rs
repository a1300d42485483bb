//! Going into a network namespace. A thread of its own goes there, and ends there: none of ours is ever in another namespace.

use std::{io, os::fd::BorrowedFd, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Does something in a namespace, and waits for it. A socket that is opened there stays there.
pub fn within<T: Send>(
    namespace: BorrowedFd<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let visitor = thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, || {
            move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?;
            work()
        })?;
        visitor
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread in the network namespace panicked")))
    })
}
