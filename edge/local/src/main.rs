//! `hoox`: trading signals to signed orders, exactly once.

mod account;
mod archive;
mod command;
mod consumer;
mod demo;
mod file_config;
mod log;
mod on_chain;
mod recorder;
mod risk;
mod seat;
mod serve;
mod server;
mod service;
mod sign;
mod store;
mod venue;

use std::process::ExitCode;

use clap::Parser;

/// What one thread allocates another one frees, thousands of times a second: a signal's record goes from the
/// thread that answers to the one that writes. Without huge pages, which would be half of an idle server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    Trades(command::rows::TradesArgs),
    Positions(command::rows::PositionsArgs),
    Balances(command::balances::BalancesArgs),
    Pnl(command::rows::PnlArgs),
    Signals(command::rows::SignalsArgs),
    Trace(command::trace::TraceArgs),
    Queue(command::rows::QueueArgs),
    DeadLetters(command::dead_letters::DeadLettersArgs),
    CloseAll(command::close_all::CloseAllArgs),
    KillSwitch(command::kill_switch::KillSwitchArgs),
    Config(command::config::ConfigArgs),
    Wallet(command::wallet::WalletArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Sign(args) => sign::run(&args, std::io::stdin().lock(), std::io::stdout().lock()),
        Command::Demo(args) => run_async(demo::run(args)),
        Command::Serve(args) => run_async(serve::run(args)),
        Command::Venue(args) => run_async(venue::run(args)),
        Command::Trades(args) => command::rows::trades(&args),
        Command::Positions(args) => command::rows::positions(&args),
        Command::Balances(args) => command::balances::run(&args),
        Command::Pnl(args) => command::rows::pnl(&args),
        Command::Signals(args) => command::rows::signals(&args),
        Command::Trace(args) => command::trace::run(&args),
        Command::Queue(args) => command::rows::queue(&args),
        Command::DeadLetters(args) => command::dead_letters::run(&args),
        Command::CloseAll(args) => run_async(command::close_all::run(args)),
        Command::KillSwitch(args) => command::kill_switch::run(&args),
        Command::Config(args) => command::config::run(&args),
        Command::Wallet(args) => run_async(command::wallet::run(args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hoox: {}", printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// What others wrote, such as a node's reason for a revert, moves no cursor here.
fn printable(text: &str) -> String {
    let escape = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match escape(char) {
            true => out.extend(char.escape_default()),
            false => out.push(char),
        }
    }
    out
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        let json = cause.downcast_ref::<serde_json::Error>();
        cause.downcast_ref().is_some_and(broken)
            || json.and_then(serde_json::Error::io_error_kind)
                == Some(std::io::ErrorKind::BrokenPipe)
    })
}

fn run_async(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
