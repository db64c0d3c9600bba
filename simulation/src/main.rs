//! Runs seeds, or one seed with its trace.

use std::io::Write;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use hoox_simulation::{Counts, Mutation, Report, run, sweep};

/// How much of a failing seed's trace is shown, in lines.
const TAIL: usize = 60;

/// Exactly once, by simulation: one seed decides every interleaving, fault and crash.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Run this seed only
    #[arg(long, conflicts_with_all = ["seeds", "start"])]
    seed: Option<u64>,
    /// Show everything that happens in it
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Plant a bug, to see it found
    #[arg(long)]
    mutation: Option<Mutation>,
    /// Threads; by default one for each core
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let Some(seed) = arguments.seed else { return many(&arguments, &mut out) };
    let report = run(seed, arguments.mutation, true);
    let hidden = match arguments.trace {
        true => 0,
        false => report.trace.len().saturating_sub(TAIL),
    };
    for line in report.trace.iter().skip(hidden) {
        writeln!(out, "{line}")?;
    }
    rows(&mut out, &report.counts)?;
    match &report.violation {
        None => writeln!(out, "seed {seed}: every invariant held")?,
        Some(violation) => writeln!(out, "seed {seed}: VIOLATED: {violation}")?,
    }
    Ok(exit_code(report.violation.is_none()))
}

fn many(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let Arguments { seeds, start, mutation, .. } = *arguments;
    let threads = arguments.jobs.or_else(|| thread::available_parallelism().ok());
    let threads = threads.unwrap_or(NonZero::<usize>::MIN);
    let began = Instant::now();
    let progress = |done: u64| {
        if done.is_multiple_of(10_000) {
            eprintln!("{done} seeds in {} s", began.elapsed().as_secs());
        }
    };
    let result = sweep(start..start.saturating_add(seeds), mutation, threads, progress);
    let seconds = began.elapsed().as_secs_f64();
    rows(out, &result.counts)?;
    let rate = result.seeds as f64 / seconds.max(1e-9);
    writeln!(
        out,
        "{} seeds in {seconds:.1} s, {rate:.0} seeds/s on {threads} threads",
        result.seeds
    )?;
    match &result.failure {
        None => writeln!(out, "every invariant held")?,
        Some(failure) => show(out, failure, mutation)?,
    }
    Ok(exit_code(result.failure.is_none()))
}

/// A failing seed once more, with its trace.
fn show(out: &mut impl Write, failure: &Report, mutation: Option<Mutation>) -> anyhow::Result<()> {
    let seed = failure.seed;
    let again = run(seed, mutation, true);
    writeln!(out, "\nseed {seed}, its last events:")?;
    for line in again.trace.iter().skip(again.trace.len().saturating_sub(TAIL)) {
        writeln!(out, "{line}")?;
    }
    if again.digest != failure.digest {
        writeln!(out, "NOT REPRODUCED: the second run of the seed went another way")?;
    }
    if let Some(violation) = &failure.violation {
        writeln!(out, "\nseed {seed}: VIOLATED: {violation}")?;
    }
    let planted = mutation.map(|mutation| format!(" --mutation {mutation}")).unwrap_or_default();
    writeln!(out, "replay: cargo xtask simulate --seed {seed} --trace{planted}")?;
    Ok(())
}

fn rows(out: &mut impl Write, counts: &Counts) -> anyhow::Result<()> {
    for (name, number) in counts.rows() {
        writeln!(out, "{name:>22}  {number}")?;
    }
    Ok(())
}

fn exit_code(held: bool) -> ExitCode {
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
