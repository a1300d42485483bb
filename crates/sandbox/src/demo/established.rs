//! A connection that is open already when a policy comes.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, ensure};

use super::{connection::Connection, town::Town};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Both its ends.
pub(super) struct Established {
    client: TcpStream,
    server: TcpStream,
}

impl Established {
    /// Opens it, before anybody else opens one to that Pod, and says something.
    pub(super) fn open(connection: Connection, town: &Town) -> anyhow::Result<Self> {
        let client = connection.open(town)?.with_context(|| format!("{connection} is not open"))?;
        let (server, peer) = town.listener(connection.to).accept().context("nobody accepts")?;
        ensure!(client.local_addr()? == peer, "{connection}: somebody else came first");
        client.set_read_timeout(Some(PATIENCE))?;
        server.set_read_timeout(Some(PATIENCE))?;
        (&client).write_all(b"?").with_context(|| format!("{connection}: nothing can be said"))?;
        (&server).read_exact(&mut [0]).with_context(|| format!("{connection}: nothing is heard"))?;
        Ok(Self { client, server })
    }

    /// Says something again: whether that breaks the connection. The other end does not answer, so nothing else can end the wait
    /// early.
    pub(super) fn is_cut(&self) -> bool {
        let said = (&self.client).write_all(b"?").and_then(|()| (&self.client).read_exact(&mut [0]));
        let is_told = said.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
        is_told && !self.hears()
    }

    /// Whether something has come to the other end.
    fn hears(&self) -> bool {
        let is_quiet = self.server.set_nonblocking(true).is_ok();
        is_quiet && (&self.server).read(&mut [0]).is_ok_and(|length| length > 0)
    }
}
