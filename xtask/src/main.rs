//! The project's chores: `cargo xtask --help`.

mod fuzz;
mod rules;
mod shell;
mod tools;
mod workers;

use std::time::Instant;

use anyhow::Context;
use clap::Parser;

use shell::{cargo, run};

/// The crates that others depend on one by one: each builds for the browser and for Workers too, and
/// can be packaged.
const LIBRARIES: &[&str] = &[
    "hoox-signer",
    "hoox-connector",
    "hoox-binance",
    "hoox-bybit",
    "hoox-mexc",
    "hoox-router",
    "hoox-wallet",
    "hoox-evm",
];

/// What runs on Workers only.
const WORKERS: &[&str] =
    &["hoox-edge", "hoox-edge-bench", "hoox-gateway", "hoox-trade", "hoox-wallet-worker"];

/// The project's chores.
#[derive(Debug, Parser)]
enum Xtask {
    /// Run every check: format, clippy, tests, docs, licences, wasm builds, fuzz targets, the demo
    Test,
    /// Run each fuzz target for some seconds
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Simulate router, client, dialects and venue on virtual time, a seed at a time; `-- --help`
    /// tells what it takes
    Simulate {
        /// Handed on: --seeds N, or --seed N --trace
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the workers and test them on workerd
    Workers {
        /// How often workerd is killed in the middle of orders and payments; fewer unless told
        #[arg(long, value_name = "N")]
        crash_rounds: Option<u32>,
    },
    /// Install the tools and clients that `test` needs, at pinned versions
    Setup,
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse() {
        Xtask::Test => test(),
        Xtask::Fuzz { seconds } => fuzz::run_targets(seconds),
        Xtask::Simulate { arguments } => simulate(&arguments),
        Xtask::Workers { crash_rounds } => workers::test(crash_rounds),
        Xtask::Setup => tools::install(),
    }
}

fn test() -> anyhow::Result<()> {
    let start = Instant::now();
    step("tools", tools::install)?;
    step("dependency rules", rules::check)?;
    step("format", || run(&mut cargo(["fmt", "--all", "--check"])))?;
    step("clippy", || {
        let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--locked"];
        run(cargo(args).args(["--", "-D", "warnings"]))
    })?;
    step("wasm32", || {
        let mut check = cargo(["check", "--locked", "--target", "wasm32-unknown-unknown"]);
        run(check.args(packages(LIBRARIES)))
    })?;
    step("clippy of the workers", || {
        let args = ["clippy", "--locked", "--target", "wasm32-unknown-unknown"];
        run(cargo(args).args(packages(WORKERS)).args(["--", "-D", "warnings"]))
    })?;
    step("packages", || {
        // The simulated venue is what their tests trade on.
        let mut package = cargo(["package", "--locked", "--no-verify", "--allow-dirty"]);
        run(package.args(["-p", "hoox-venue"]).args(packages(LIBRARIES)))
    })?;
    step("docs", || {
        let mut docs = cargo(["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
        run(docs.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("licences and sources", || {
        run(&mut cargo(["deny", "--locked", "check", "bans", "licenses", "sources"]))
    })?;
    step("the demo", || {
        run(&mut cargo(["run", "--release", "--locked", "--bin", "hoox", "--", "demo"]))
    })?;
    step("workers", || workers::test(None))?;
    step("simulation", || simulate(&["--seeds".into(), "2000".into()]))?;
    step("fuzz targets", || fuzz::run_targets(10))?;
    step("doc tests", || {
        run(&mut cargo(["test", "--doc", "--workspace", "--all-features", "--locked"]))
    })?;
    // Last, so that the tally is what a reader sees at the end.
    step("tests", || {
        run(&mut cargo(["nextest", "run", "--workspace", "--all-features", "--locked"]))
    })?;
    eprintln!("everything passed in {} s", start.elapsed().as_secs());
    Ok(())
}

fn simulate(arguments: &[String]) -> anyhow::Result<()> {
    let simulation = ["run", "--release", "--quiet", "--locked", "-p", "hoox-simulation", "--"];
    run(cargo(simulation).args(arguments))
}

fn packages(names: &'static [&str]) -> impl Iterator<Item = &'static str> {
    names.iter().flat_map(|name| ["-p", name])
}

fn step(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    eprintln!("==> {name}");
    let start = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    eprintln!("    {name}: {} s", start.elapsed().as_secs());
    Ok(())
}
