//! What Showalloc costs: the listing in the old spelling beside the reference's algorithm, and the real program, from its
//! start until everything is printed, on clusters of the size that the project promises.
//!
//! Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench showalloc`; one of them
//! alone by `cargo bench --package showalloc --bench showalloc -- legacy`, `networks` or `show`.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "figures for people")]

mod legacy;
mod networks;
mod process;
mod show;

use std::process::ExitCode;

/// One line of the table.
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// With its unit.
    pub value: String,
    /// The bar, and whether it is held.
    pub bar: Option<(String, bool)>,
}

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
    for Figure { what, value, bar } in &figures {
        let bar = match bar {
            Some((bar, true)) => format!("held: {bar}"),
            Some((bar, false)) => format!("NOT HELD: {bar}"),
            None => String::new(),
        };
        println!("{what:<66} {value:<34} {bar}");
    }
    let is_held = |figure: &Figure| figure.bar.as_ref().is_none_or(|(_, held)| *held);
    if figures.iter().all(is_held) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The value of which half are below.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
