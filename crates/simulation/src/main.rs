//! `cargo xtask sim` runs this: schedules by the million, or one of them in words.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use leak_judge::Reason;
use simulation::{Dealing, Fault, Mutant, Schedule, Survey, Tally, shortest, survey};

/// Runs the Cleaner through simulated schedules
#[derive(Parser)]
struct Args {
    /// How many schedules
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Take a safeguard away from the Cleaner
    #[arg(long)]
    mutant: Option<String>,
    /// Show one schedule in words instead
    #[arg(long, value_name = "SEED")]
    trace: Option<u64>,
}

/// How many schedules are tried to find a shorter one.
const TRIES: usize = 3_000;

fn main() -> ExitCode {
    let args = Args::parse();
    let mutant = match args.mutant.as_deref().map(|name| (name, Mutant::named(name))) {
        None => None,
        Some((_, Some(mutant))) if Mutant::take_away(Some(mutant)) => Some(mutant),
        Some((name, known)) => {
            let why =
                if known.is_some() { "build with --features mutants" } else { "there is no such mutant" };
            eprintln!("error: cannot make mutant {name}: {why}");
            return ExitCode::FAILURE;
        }
    };
    let is_good = match args.trace {
        Some(seed) => trace(seed, mutant),
        None => many(&args, mutant),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows one schedule. Gives whether all went well.
fn trace(seed: u64, mutant: Option<Mutant>) -> bool {
    let outcome = Schedule::of_seed(seed).against(mutant).traced().run();
    outcome.trace.iter().for_each(|line| println!("{line}"));
    outcome.violation.is_none()
}

/// Runs many. Gives whether all went well.
fn many(args: &Args, mutant: Option<Mutant>) -> bool {
    let begun = Instant::now();
    let survey = survey(args.first_seed, args.seeds, mutant, false);
    let took = begun.elapsed();
    print(&survey);
    let rate = u128::from(survey.tally.schedules) * 1_000 / took.as_millis().max(1);
    println!("took {took:.1?}: {rate} schedules a second");
    let Some((seed, violation)) = survey.violations.first() else { return true };
    let choices = Schedule::of_seed(*seed).against(mutant).run().choices;
    let all = choices.len();
    let shortest = shortest(choices, violation.law, mutant, TRIES);
    println!("seed {seed}: {} choices instead of {all}", shortest.len());
    let outcome = Schedule::of_choices(shortest).against(mutant).traced().run();
    outcome.trace.iter().for_each(|line| println!("  {line}"));
    false
}

/// What was seen too seldom to be believed in.
fn seldom(tally: &Tally) -> String {
    let bar = tally.schedules / 1_000;
    let faults = Fault::ALL.iter().filter(|fault| tally.of(**fault) < bar).map(|fault| fault.text());
    let dealings = Dealing::ALL.iter().filter(|dealing| tally.of_calico(**dealing) < bar);
    let dealings = dealings.map(|dealing| dealing.text());
    let count = |reason: &Reason| tally.reasons.get(reason).copied().unwrap_or_default();
    let reasons = Reason::ALL.iter().filter(|reason| count(reason) < bar);
    faults.chain(dealings).chain(reasons.map(|reason| reason.code())).collect::<Vec<_>>().join(", ")
}

fn print(survey: &Survey) {
    let tally = &survey.tally;
    println!("schedules {}", tally.schedules);
    let percentiles =
        |histogram: &simulation::Histogram| [5, 50, 95].map(|per_cent| histogram.percentile(per_cent));
    let [low, median, high] = percentiles(&survey.calls);
    println!("API calls {}: median {median}, 5% under {low}, 5% over {high}", tally.calls);
    let [low, median, high] = percentiles(&survey.faults);
    println!("faults {}: median {median}, 5% under {low}, 5% over {high}", tally.all_faults());
    for fault in Fault::ALL {
        println!("  {:>12}  {}", tally.of(*fault), fault.text());
    }
    println!("schedules in which a reason was given:");
    for reason in Reason::ALL {
        println!("  {:>12}  {reason}", tally.reasons.get(reason).copied().unwrap_or_default());
    }
    println!("addresses of Calico:");
    for dealing in Dealing::ALL {
        println!("  {:>12}  {}", tally.of_calico(*dealing), dealing.text());
    }
    println!("addresses given back {}, endpoints deleted {}", tally.freed, tally.deleted);
    println!("addresses that CNI plugins gave twice {}", tally.contested);
    let seldom = seldom(tally);
    println!(
        "seen in less than one schedule of a thousand: {}",
        if seldom.is_empty() { "nothing" } else { &seldom }
    );
    println!("violations {}", survey.violated);
    survey.violations.iter().for_each(|(seed, what)| println!("  seed {seed}: {what}"));
}
