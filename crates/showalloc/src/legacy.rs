//! The spelling of the reference program, a Go program of 2021, kept for scripts: its flags, its text, its exit codes.
//!
//! ```text
//!   arguments ──> flags (as Go reads them) ──> options ──> cluster (one network, the endpoints)
//!                   │                                         │
//!                   └─> usage                      holders <──┘ (who is on the network, with which address)
//!                                                     │
//!                                                     └──> listing ──> standard output
//! ```
//!
//! Prints byte for byte what the reference prints, where that is true; README.md lists where it is not. Not responsible
//! for the commands, nor for verdicts: who leaked an address is told by `showalloc check`.

mod cluster;
mod flags;
pub mod holders;
pub mod listing;
mod log;
mod options;
mod usage;

use std::{
    ffi::OsString,
    io::{self, BufWriter, ErrorKind, Write},
    process::ExitCode,
};

use danm_api::NetworkOptions;
use danm_ipam::{AllocBits, Claim, Pool};

use self::{
    cluster::{Cluster, Wanted},
    flags::FlagError,
    holders::{Holder, Sighting, Subject},
    listing::{Details, Listing, RULE, View},
    log::{log, note},
    options::{FLAGS, Options, Request},
};

/// The exit code for what cannot be shown.
const ERROR: u8 = 1;

/// The exit code for flags that there are not.
const WRONG_FLAGS: u8 = 2;

/// Room for a few thousand lines.
const BUFFER: usize = 1 << 17;

/// Unreadable endpoints that are named one by one.
const NAMED: usize = 3;

/// Why a listing ends before its end.
#[derive(Debug)]
enum Failure {
    /// There is something to be told.
    Told(String),
    /// It cannot be written.
    Output(io::Error),
}

/// Does what the arguments say that follow the name of the program.
pub async fn run(program: &str, arguments: &[OsString]) -> ExitCode {
    ExitCode::from(run_into(program, arguments, &mut io::stdout(), &mut io::stderr()).await)
}

/// The same, wherever it is printed to. Gives the exit code.
async fn run_into(program: &str, arguments: &[OsString], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let done = match Request::read(arguments) {
        Ok(Request::Show(options)) => show(&options, out, err).await,
        Ok(Request::Version) => print_version(out).map_err(Failure::Output),
        Err(FlagError::Help) => {
            let _ = err.write_all(usage::help(program, &FLAGS).as_bytes());
            Ok(())
        }
        Err(refusal) => {
            note(&refusal.to_string(), err);
            let _ = err.write_all(usage::usage(program, &FLAGS).as_bytes());
            return WRONG_FLAGS;
        }
    };
    match done {
        Ok(()) => 0,
        Err(Failure::Told(error)) => {
            log(&error, err);
            ERROR
        }
        // A reader who went away has seen enough.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => 0,
        Err(Failure::Output(error)) => {
            log(&format!("ERROR: cannot write the listing because: {error}"), err);
            ERROR
        }
    }
}

fn print_version(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "showalloc {}", env!("CARGO_PKG_VERSION"))?;
    out.flush()
}

/// Shows a network, step by step in the order of the reference: what it printed before an error, this prints too.
async fn show(options: &Options, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let view = view(options)?;
    let mut cluster = Cluster::connect(options).await?;
    let wanted = wanted(options)?;
    let found = cluster.network(&wanted).await?;
    found.note.iter().for_each(|text| note(text, err));
    Details::of(options.family, &found.options).write(wanted.kind, out)?;
    // Also where what comes next goes to standard error.
    out.flush()?;

    let (pool, bits) = addresses(options, &found.options)?;
    let subject = Subject { kind: wanted.kind, name: wanted.name, namespace: wanted.namespace };
    let read = |endpoint: &_| subject.sighting(&pool, endpoint);
    let sightings = cluster.endpoints(&wanted, found.group, read).await?;
    sightings.limits.iter().for_each(|text| note(text, err));
    let (claims, unreadable) = sort(sightings.all);
    note_unreadable(&unreadable, err);

    let listing = Listing::new(pool, bits, claims);
    let mut out = BufWriter::with_capacity(BUFFER, out);
    writeln!(out, "{RULE}")?;
    listing.write(&view, &mut out)?;
    out.flush()?;
    note_unmarked(listing.unmarked(), err);
    Ok(())
}

fn view(options: &Options) -> Result<View, String> {
    let within = options.within.as_deref().map(|text| {
        options::subnet(text).ok_or_else(|| {
            format!("ERROR: the specified sub-CIDR is not valid because: invalid CIDR address: {text}")
        })
    });
    Ok(View { within: within.transpose()?, shows_all: options.shows_all })
}

fn wanted(options: &Options) -> Result<Wanted<'_>, &'static str> {
    let (kind, name) = options.network.as_ref().ok_or(
        "ERROR: missing DanmNet/ClusterNetwork/TenantNetwork name. Specify one of these to show allocation map.",
    )?;
    Ok(Wanted { kind: *kind, name, namespace: &options.namespace })
}

fn addresses(options: &Options, network: &NetworkOptions) -> Result<(Pool, AllocBits), String> {
    let family = options.family;
    let missing = || format!("ERROR: missing {family} network details");
    if !Details::of(family, network).is_complete() {
        return Err(missing());
    }
    listing::addresses(family, network)
        .map_err(|error| format!("ERROR: the {family} network details cannot be used because: {error}"))?
        .ok_or_else(missing)
}

fn sort(sightings: Vec<Sighting>) -> (Vec<Claim<Holder>>, Vec<String>) {
    let (mut claims, mut unreadable) = (Vec::new(), Vec::new());
    for sighting in sightings {
        match sighting {
            Sighting::Holds(claim) => claims.push(claim),
            Sighting::Unreadable(what) => unreadable.push(what),
        }
    }
    (claims, unreadable)
}

fn note_unreadable(unreadable: &[String], err: &mut dyn Write) {
    let named = unreadable.get(..NAMED).unwrap_or(unreadable).join(", ");
    let more = match unreadable.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match unreadable.len() {
        0 => {}
        1 => note(&format!("note: a DanmEp cannot be read and is left out: {named}"), err),
        count => note(&format!("note: {count} DanmEps cannot be read and are left out: {named}{more}"), err),
    }
}

fn note_unmarked(unmarked: usize, err: &mut dyn Write) {
    let which = "`kubectl danm check` tells which";
    match unmarked {
        0 => {}
        1 => note(
            &format!("note: an address of this network is held by a Pod though it is marked free; {which}"),
            err,
        ),
        count => note(
            &format!(
                "note: {count} addresses of this network are held by Pods though they are marked free; {which}"
            ),
            err,
        ),
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Told(error)
    }
}

impl From<&str> for Failure {
    fn from(error: &str) -> Self {
        Self::Told(error.to_owned())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
