//! Logs: to standard error, as text for people or as JSON for collectors. Results go to standard output and
//! are not this file's business.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How to log, as every program lets people say it.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LogArgs {
    /// Format of the log on standard error; RUST_LOG chooses what is logged [default: text]
    #[arg(long, value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

/// The formats of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line a person reads.
    #[default]
    Text,
    /// An object a line.
    Json,
}

impl LogArgs {
    /// Starts logging. What `RUST_LOG` does not choose otherwise is logged from `info` up.
    pub fn init(self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=error"));
        let logs =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
        let started = match self.log_format.unwrap_or_default() {
            LogFormat::Json => logs.json().flatten_event(true).try_init(),
            LogFormat::Text => logs.with_ansi(has_colour()).try_init(),
        };
        // Somebody who embeds us may have started logging already.
        drop(started);
    }
}

fn has_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
