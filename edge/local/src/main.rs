//! `hoox`: trading signals to signed orders, exactly once.

mod consumer;
mod demo;
mod exchange;
mod file_config;
mod log;
mod recorder;
mod serve;
mod server;
mod service;
mod sign;
mod store;
mod venue;

use std::process::ExitCode;

use clap::Parser;

/// Trading signals to signed orders, exactly once.
///
/// New here? Run `hoox demo`: it needs no account, no key and no network.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Venue(venue::VenueArgs),
    Sign(sign::SignArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Sign(args) => sign::run(&args, std::io::stdin().lock(), std::io::stdout().lock()),
        Command::Demo(args) => run_async(demo::run(args)),
        Command::Serve(args) => run_async(serve::run(args)),
        Command::Venue(args) => run_async(venue::run(args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hoox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_async(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
