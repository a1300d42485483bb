//! What Showalloc costs: the listing in the old spelling beside the reference's algorithm, and the real program, from its
//! start until everything is printed, on clusters of the size that the project promises.
//!
//! Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench showalloc`; one of them
//! alone by `cargo bench --package showalloc --bench showalloc -- legacy`, `networks` or `show`.

#![expect(clippy::expect_used, reason = "figures for people")]

mod legacy;
mod networks;
mod process;
mod show;

use std::process::ExitCode;

use testkit::Figure;

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut figures = Vec::new();
    // First, in memory that nobody has cut up yet, as the program is when it begins.
    if is_wanted("networks") {
        figures.extend(networks::measure().await);
    }
    if is_wanted("legacy") {
        figures.extend(legacy::listing());
    }
    if is_wanted("show") {
        figures.extend(show::measure().await);
    }
    Figure::print_all(&figures)
}
