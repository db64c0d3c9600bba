//! `hoox dead-letters`: what the queue gave up on, and trying it again.

use anyhow::bail;
use hoox_ledger::ledger::DeadLetterRow;
use serde_json::json;

use super::rows::message;
use super::show::{self, cell, time};
use super::{Place, now};

/// The most letters that are replayed at once.
const ALL_MAX: u32 = 10_000;

/// Show the signals that the queue gave up on, or put them back.
///
/// A replayed signal keeps its idempotency key: before it is carried out again, the exchange is
/// asked what became of the earlier attempts. With `hoox serve` running it is carried out within a
/// second, otherwise after the next start.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show them, newest first (what happens without a subcommand)
    List(ListArgs),
    /// Put one back into the queue, or all
    Replay(ReplayArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Its number, as `hoox dead-letters` tells it
    #[arg(value_name = "ID")]
    id: Option<u64>,
    /// All of them, the oldest first
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &DeadLettersArgs) -> anyhow::Result<()> {
    match &args.command {
        None => list(&args.list),
        Some(Command::List(args)) => list(args),
        Some(Command::Replay(args)) => replay(args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let rows = args.place.ledger()?.dead_letters(args.limit)?;
    let header = ["id", "since (UTC)", "signal", "why", "request"];
    let cells = |row: &DeadLetterRow| {
        vec![
            cell(row.id.to_string()),
            cell(time(row.at)),
            cell(message(&row.body)),
            cell(&row.reason),
            cell(&row.request_id),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no dead letters")
}

fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let ledger = args.place.ledger()?;
    let ids = match args.which.id {
        Some(id) => vec![id],
        None => {
            let letters = ledger.dead_letters(ALL_MAX)?;
            letters.iter().rev().filter_map(|row| u64::try_from(row.id).ok()).collect()
        }
    };
    let (mut replayed, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        match ledger.replay(id, now()) {
            Ok(()) => replayed.push(id),
            Err(error) => failed.push((id, error.to_string())),
        }
    }
    if args.place.json {
        let failed = failed.iter().map(|(id, error)| json!({ "id": id, "error": error }));
        let failed = failed.collect::<Vec<_>>();
        show::object(&json!({ "replayed": replayed, "failed": failed }))?;
    } else {
        show::line(&format!("{} back in the queue", replayed.len()))?;
    }
    match failed.as_slice() {
        [] => Ok(()),
        [(_, error)] => bail!("{error}; `hoox dead-letters` lists them"),
        [(_, error), rest @ ..] => bail!("{error}, and {} more failed", rest.len()),
    }
}
