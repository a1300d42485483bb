//! Where the rows of a report go: one JSON array, written row by row. A file is replaced when the report is
//! complete, so that a reader never sees half of one.

use std::{
    fs::{File, Permissions},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use leak_judge::Row;
use tempfile::NamedTempFile;

use crate::config::ReportTarget;

/// A report while it is written.
pub(crate) struct Report {
    target: Target,
    rows: usize,
    /// The first failure. Rows after it are dropped; the cleaning goes on.
    failed: Option<io::Error>,
}

enum Target {
    Nowhere,
    /// Standard output, a pipe, a device.
    Stream(Box<dyn Write>),
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl Report {
    /// Begins a report. A file that cannot be written is told before any cleaning.
    pub(crate) fn begin(target: Option<&ReportTarget>) -> anyhow::Result<Self> {
        let target = match target {
            None => Target::Nowhere,
            Some(ReportTarget::Stdout) => Target::Stream(Box::new(BufWriter::new(io::stdout()))),
            Some(ReportTarget::File(path)) => Target::open(path)
                .with_context(|| format!("cannot write the report to {}", path.display()))?,
        };
        Ok(Self { target, rows: 0, failed: None })
    }

    /// Adds a row.
    pub(crate) fn write(&mut self, row: &Row) {
        if self.failed.is_none() {
            self.failed = self.try_write(row).err();
        }
    }

    /// Whether anything was reported.
    pub(crate) fn has_rows(&self) -> bool {
        self.rows > 0
    }

    /// Ends the report and puts it in its place. A reader who went away is no failure.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let end: &[u8] = if self.rows == 0 { b"[]\n" } else { b"\n]\n" };
        let result = match self.failed {
            Some(error) => Err(error),
            None => self.target.write_all(end).and_then(|()| self.target.place()),
        };
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result.context("failed to write the report"),
        }
    }

    fn try_write(&mut self, row: &Row) -> io::Result<()> {
        let before: &[u8] = if self.rows == 0 { b"[\n" } else { b",\n" };
        self.rows += 1;
        self.target.write_all(before)?;
        serde_json::to_writer(&mut self.target, row).map_err(io::Error::from)
    }
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|existing| !existing.is_file()) {
            let stream = File::options().write(true).open(path)?;
            return Ok(Self::Stream(Box::new(BufWriter::new(stream))));
        }
        Ok(Self::File(BufWriter::new(beside(path)?), path.to_owned()))
    }

    fn place(self) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Stream(mut out) => out.flush(),
            Self::File(out, path) => {
                let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(path).map(drop).map_err(|error| error.error)
            }
        }
    }
}

/// A file in the same folder, which can take the other's place in one step. Those who could read any file that
/// the user makes can read it too.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    tempfile::Builder::new().prefix(".report-").permissions(Permissions::from_mode(0o644)).tempfile_in(folder)
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Nowhere => Ok(bytes.len()),
            Self::Stream(out) => out.write(bytes),
            Self::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Stream(out) => out.flush(),
            Self::File(out, _) => out.flush(),
        }
    }
}
