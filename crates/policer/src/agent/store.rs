//! What was last known, on disk: a node that starts before its API server, or an agent that starts without one, begins with it.
//!
//! A file is whole or it is none. Its first line says what it is and proves the rest; an object a line follows. Whoever could
//! write it could open every Pod, so it is read only if nobody but this user can have written it. Not responsible for when
//! it is written, nor for what is done without it.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, BufWriter, Read, Seek, Write},
    marker::PhantomData,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use policy_engine::Object;
use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// Where it is kept, and what: objects, unless something else is said.
#[derive(Debug)]
pub(super) struct Store<T = Object> {
    folder: PathBuf,
    name: String,
    kept: PhantomData<fn(T) -> T>,
}

/// What is found there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stored<T = Object> {
    /// No file: nothing was ever known here.
    Nothing,
    /// What was known.
    Objects(Vec<T>),
    /// There was something, and nobody can tell what. This is why.
    Corrupt(String),
}

/// What the first line begins with.
const MAGIC: &str = "danm-policer-store";

/// Goes up with every change in how objects are written: what another version wrote is not read.
const VERSION: &str = "1";

/// Of each file and folder: that others than its owner may write to it.
const OTHERS_WRITE: u32 = 0o022;

// === impl Store ===

impl<T: Serialize + DeserializeOwned> Store<T> {
    /// In this file of this folder. What is written is put together beside it, in `NAME.new`.
    pub(super) fn new(folder: PathBuf, name: &str) -> Self {
        Self { folder, name: name.to_owned(), kept: PhantomData }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Writes all of this in place of what was there, and returns once a disk has it. If it fails, what was there is there
    /// still.
    ///
    /// # Errors
    /// If a file or its folder cannot be written.
    pub(super) fn write(&self, objects: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
        let failed = || format!("failed to keep what is known in {}", self.path().display());
        self.replace(objects).with_context(failed)
    }

    fn replace(&self, objects: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let folder = File::open(&self.folder)?;
        self.ensure_folder_is_ours(&folder)?;
        // An agent that ends may write while the next one begins.
        folder.lock()?;
        let new = self.folder.join(format!("{}.new", self.name));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        fill(&mut file, objects)?;
        file.sync_all()?;
        fs::rename(&new, self.path())?;
        Ok(folder.sync_all()?)
    }

    fn ensure_folder_is_ours(&self, folder: &File) -> anyhow::Result<()> {
        ensure_ours(&folder.metadata()?).with_context(|| format!("folder {}", self.folder.display()))
    }

    /// Reads what is there. Whatever it is, this only tells it.
    pub(super) fn read(&self) -> Stored<T> {
        match self.bytes() {
            Ok(Some(bytes)) => {
                objects(&bytes).map_or_else(|problem| Stored::Corrupt(problem.to_string()), Stored::Objects)
            }
            Ok(None) => Stored::Nothing,
            Err(problem) => Stored::Corrupt(format!("{problem:#}")),
        }
    }

    /// The bytes of the file, if there is one.
    fn bytes(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(folder) = opened(&self.folder, OFlags::DIRECTORY)? else { return Ok(None) };
        self.ensure_folder_is_ours(&folder)?;
        // A pipe would be waited for.
        let Some(mut file) = opened(&self.path(), OFlags::NOFOLLOW | OFlags::NONBLOCK)? else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        ensure!(metadata.is_file(), "it is no file");
        ensure_ours(&metadata)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

fn opened(path: &Path, flags: OFlags) -> io::Result<Option<File>> {
    match open(path, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn ensure_ours(metadata: &Metadata) -> anyhow::Result<()> {
    let owner = geteuid().as_raw();
    ensure!(metadata.uid() == owner, "user {} owns it, not user {owner}", metadata.uid());
    let mode = metadata.mode() & 0o7777;
    ensure!(mode & OTHERS_WRITE == 0, "others than its owner may write to it: its mode is {mode:o}");
    Ok(())
}

/// Writes a line for each object, and then, at the beginning, the one that proves them.
fn fill(file: &mut File, objects: impl IntoIterator<Item = impl Serialize>) -> io::Result<()> {
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut lines = BufWriter::new(&mut *file);
    lines.write_all(header(&[0; 32], 0).as_bytes())?;
    for object in objects {
        let mut line = serde_json::to_vec(&object)?;
        line.push(b'\n');
        hash.update(&line);
        length += line.len();
        lines.write_all(&line)?;
    }
    lines.flush()?;
    drop(lines);
    file.rewind()?;
    file.write_all(header(&hash.finalize(), length).as_bytes())
}

/// The first line, of which the length is always the same.
fn header(hash: &[u8], length: usize) -> String {
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    format!("{MAGIC} {VERSION} {hash} {length:020}\n")
}

/// The objects of a file.
fn objects<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<Vec<T>> {
    let (first, body) =
        bytes.split_at_checked(header(&[0; 32], 0).len()).context("its first line is cut off")?;
    let text = String::from_utf8_lossy(first);
    let mut words = text.split(' ');
    ensure!(words.next() == Some(MAGIC), "it was not written by danm-policer");
    let version = words.next().unwrap_or_default();
    ensure!(version == VERSION, "it is of version {version:?}, and this program reads version {VERSION}");
    let expected = header(&Sha256::digest(body), body.len());
    ensure!(expected.as_bytes() == first, "it is not as it was written: its length or its hash differs");
    let lines = body.split_inclusive(|byte| *byte == b'\n').zip(2..);
    let read = lines.map(|(line, number)| {
        serde_json::from_slice(line).with_context(|| format!("line {number} is no object"))
    });
    read.collect()
}

#[cfg(test)]
mod tests;
