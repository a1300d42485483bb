//! Stands between a program and its API server, and counts the bytes that the server sends. What they say is not known here.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
};

/// Counts.
pub struct Meter {
    bytes: Arc<AtomicU64>,
    /// Where to connect to instead of to the server.
    pub address: String,
}

// === impl Meter ===

impl Meter {
    /// Before a server at this address.
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), Arc::clone(&counted)));
            }
        });
        Self { bytes, address }
    }

    /// So many bytes came from the server so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

/// Passes on what both sides say. Whoever ends ends the other.
async fn pass(client: TcpStream, server: String, counted: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::spawn(say(from_client, to_server));
    // A connection that breaks is the client's business.
    let _ = count(from_server, to_client, &counted).await;
}

async fn say(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf) {
    let _ = io::copy(&mut from, &mut to).await;
}

async fn count(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    counted: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        counted.fetch_add(length as u64, Relaxed);
        to.write_all(&piece[..length]).await?;
    }
}
