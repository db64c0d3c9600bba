//! `hoox balances`: what the accounts are worth.

use super::Place;
use super::show::{self, cell, time};

/// Show what the live accounts were worth, newest first.
///
/// Written down every five minutes (retention:balances_snapshot_enabled), the profit or loss of open
/// positions included. The first of each UTC day is what the day's loss is measured against
/// (trade:max_daily_drawdown_percent).
#[derive(Debug, clap::Args)]
pub(crate) struct BalancesArgs {
    #[command(flatten)]
    place: Place,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

pub(crate) fn run(args: &BalancesArgs) -> anyhow::Result<()> {
    let rows = args.place.ledger()?.balances(args.limit)?;
    let header = ["when (UTC)", "exchange", "asset", "free", "used", "total"];
    let cells = |row: &hoox_ledger::ledger::BalanceRow| {
        vec![
            cell(time(row.timestamp.saturating_mul(1_000))),
            cell(&row.exchange),
            cell(&row.asset),
            cell(&row.free),
            cell(&row.used),
            cell(&row.total),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no balances")
}
