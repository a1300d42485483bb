//! Writes everything that is published about Showalloc and made from its code, into a folder laid out like this
//! repository. `cargo xtask generate` calls it, and compares. Says the same on every machine at any time.
//!
//! ```text
//!   Cli ──────────────> manual (man pages) · completions
//!   documents ────────> schemas
//!   stage (by hand) ──> view ──> terminal ──> window ──> pictures
//! ```

mod completions;
mod manual;
mod pictures;
mod schemas;
mod stage;
mod terminal;
mod window;

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

/// A text and where it belongs, from the root of the repository.
struct Document {
    path: String,
    text: String,
}

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("say into which folder")?;
    let all = [manual::pages()?, completions::scripts(), schemas::schemas()?, pictures::pictures()?];
    for Document { path, text } in all.into_iter().flatten() {
        let path = Path::new(&folder).join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
