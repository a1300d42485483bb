//! `cargo xtask fuzz-policy` runs this: packets by the hundred million, on all cores.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{
    process::ExitCode,
    thread::{self, available_parallelism},
    time::Instant,
};

use clap::Parser;
use policy_fuzz::{Survey, Tally, survey};

/// Judges random packets in random worlds in two ways
#[derive(Parser)]
struct Args {
    /// How many packets
    #[arg(long, default_value_t = 100_000_000)]
    packets: u64,
    /// Where chance begins; each core has a seed of its own from there on
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let begun = Instant::now();
    let cores = available_parallelism().map_or(1, usize::from) as u64;
    let share = args.packets.div_ceil(cores);
    let threads: Vec<_> =
        (0..cores).map(|core| thread::spawn(move || survey(args.seed + core, share, None))).collect();
    let mut tally = Tally::default();
    let mut is_good = true;
    for (seed, thread) in (args.seed..).zip(threads) {
        let Ok(Survey { tally: part, disagreement }) = thread.join() else {
            eprintln!("error: seed {seed} panicked");
            return ExitCode::FAILURE;
        };
        tally.add(part);
        if let Some((disagreement, objects)) = disagreement {
            is_good = false;
            eprintln!("seed {seed}: {disagreement}");
            objects.iter().for_each(|object| eprintln!("---\n{object:#}"));
        }
    }
    print!("{tally}");
    println!("seeds {} to {}; took {:.1?}", args.seed, args.seed + cores - 1, begun.elapsed());
    for shortcoming in tally.shortcomings(args.packets) {
        is_good = false;
        eprintln!("falls short: {shortcoming}");
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
