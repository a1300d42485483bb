//! What a benchmark of a program measured, as a table for people that fails where a bar is not held.

#![expect(clippy::print_stdout, reason = "figures for people")]

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

impl Figure {
    /// Prints the table. A failure is what a bar that is not held is.
    pub fn print_all(figures: &[Self]) -> ExitCode {
        for Self { what, value, bar } in figures {
            let bar = match bar {
                Some((bar, true)) => format!("held: {bar}"),
                Some((bar, false)) => format!("NOT HELD: {bar}"),
                None => String::new(),
            };
            println!("{what:<66} {value:<34} {bar}");
        }
        let is_held = |figure: &Self| figure.bar.as_ref().is_none_or(|(_, held)| *held);
        if figures.iter().all(is_held) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The value of which half are below.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
