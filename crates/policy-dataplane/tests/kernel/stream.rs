//! Numbered messages that go to and fro all the time while rules change: one that is lost is missed at once.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{lab::PATIENCE, namespace::Namespace, port, tcp};

/// What is sent, and comes back.
pub struct Stream {
    rounds: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    sender: JoinHandle<io::Result<()>>,
}

/// How long nobody says anything after each message: somebody else has to change rules meanwhile.
const GAP: Duration = Duration::from_micros(100);

/// Of TCP, so many numbers at once: more than one segment.
const NUMBERS: usize = 2_000;

// === impl Stream ===

impl Stream {
    /// Datagrams from a port of somebody's to another's, and back.
    pub fn udp(from: (&Namespace, SocketAddr), to: (&Namespace, SocketAddr)) -> Self {
        let echo = port::udp(to.0, to.1);
        let socket = port::udp(from.0, from.1);
        socket.connect(to.1).expect("an address");
        socket.set_read_timeout(Some(PATIENCE)).expect("it may be told");
        echo.set_read_timeout(Some(PATIENCE)).expect("it may be told");
        thread::spawn(move || {
            let mut number = [0; 8];
            while let Ok((length, from)) = echo.recv_from(&mut number) {
                if length == 0 || echo.send_to(&number, from).is_err() {
                    return;
                }
            }
        });
        Self::run(move |number| {
            socket.send(&number.to_be_bytes())?;
            let mut back = [0; 8];
            socket.recv(&mut back)?;
            same(&u64::from_be_bytes(back), &number)
        })
    }

    /// Parts of a TCP connection to this address, and back.
    pub fn tcp(from: &Namespace, to: (&Namespace, SocketAddr)) -> Self {
        let (client, server, _) = tcp::connect(from, to.0, to.1);
        thread::spawn(move || {
            let mut numbers = [0; 8 * NUMBERS];
            while (&server).read_exact(&mut numbers).is_ok() && (&server).write_all(&numbers).is_ok() {}
        });
        Self::run(move |number| {
            let numbers = number.to_be_bytes().repeat(NUMBERS);
            let mut back = vec![0; numbers.len()];
            exchange(&client, &numbers, &mut back)?;
            same(&back, &numbers)
        })
    }

    fn run(round: impl Fn(u64) -> io::Result<()> + Send + 'static) -> Self {
        let (rounds, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, told) = (Arc::clone(&rounds), Arc::clone(&is_over));
        let sender = thread::spawn(move || {
            while !told.load(SeqCst) {
                round(counted.load(SeqCst))?;
                counted.fetch_add(1, SeqCst);
                thread::sleep(GAP);
            }
            Ok(())
        });
        let stream = Self { rounds, is_over, sender };
        stream.goes_on();
        stream
    }

    /// Waits for some more messages to have gone to and fro.
    pub fn goes_on(&self) {
        let (before, begun) = (self.rounds.load(SeqCst), Instant::now());
        while self.rounds.load(SeqCst) < before + 10 {
            assert!(!self.sender.is_finished() && begun.elapsed() < PATIENCE, "it does not go on");
            thread::sleep(GAP);
        }
    }

    /// Ends it. Gives how many messages went to and fro, if none was lost.
    pub fn end(self) -> io::Result<u64> {
        self.is_over.store(true, SeqCst);
        self.sender.join().expect("it ends")?;
        Ok(self.rounds.load(SeqCst))
    }
}

/// The other end sends back while we send.
fn exchange(mut stream: &TcpStream, sent: &[u8], back: &mut [u8]) -> io::Result<()> {
    stream.write_all(sent)?;
    stream.read_exact(back)
}

fn same<T: PartialEq>(back: &T, sent: &T) -> io::Result<()> {
    if back == sent { Ok(()) } else { Err(io::Error::other("what comes back is not what was sent")) }
}
