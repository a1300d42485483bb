//! When to end: at SIGTERM or SIGINT, in order; at a second one, at once.

use std::{io, process};

use tokio::signal::unix::{SignalKind, signal};

/// What asked the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownSignal {
    /// A supervisor, such as the kubelet.
    Terminate,
    /// A person at a terminal.
    Interrupt,
}

/// The exit code of a program that ended by itself at a signal, by convention this and the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

// === impl ShutdownSignal ===

impl ShutdownSignal {
    /// The exit code for a program that breaks off at this signal.
    fn exit_code(self) -> i32 {
        let kind = match self {
            Self::Terminate => SignalKind::terminate(),
            Self::Interrupt => SignalKind::interrupt(),
        };
        ENDED_BY_SIGNAL + kind.as_raw_value()
    }
}

/// Listens from now on, within a runtime, and gives the first signal when it comes. From then on another ends the process on the
/// spot: whoever asks twice does not want to wait for what is under way.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ShutdownSignal> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => ShutdownSignal::Terminate,
            _ = interrupt.recv() => ShutdownSignal::Interrupt,
        }
    };
    Ok(async move {
        let first = next().await;
        tokio::spawn(async move { process::exit(next().await.exit_code()) });
        first
    })
}
