//! `hoox`: trading signals to signed orders, exactly once.

mod exchange;
mod sign;

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
    Sign(sign::SignArgs),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Sign(args) => sign::run(&args, std::io::stdin().lock(), std::io::stdout().lock()),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hoox: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
