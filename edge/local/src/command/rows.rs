//! `hoox trades`, `positions`, `pnl`, `signals` and `queue`: the tables, as they are.

use hoox_connector::{Clock, Decimal, SystemClock, Timestamp, Venue, parse_decimal};
use hoox_ledger::ledger::{PnlFilter, SignalFilter, TradeFilter};

use super::show::{self, cell, gain, maybe, status, time};
use super::{Place, parse_since, parse_symbol, parse_venue};

/// How far back the profits are told unless it is said.
const PNL_DAYS: u64 = 30;

/// Show the trades, newest first.
///
/// One row for each order, and for each signal that waited in the queue and never became one.
#[derive(Debug, clap::Args)]
pub(crate) struct TradesArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    at: At,
    /// Only with this status: Filled, Partial, Open, Rejected, Failed, Enqueued or TRADE_PENDING
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<&'static str>,
    /// Only those received since: 2026-01-31, 2026-01-31T12:00:00Z, or 36h, 7d
    #[arg(long, value_name = "MOMENT", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Only those at test venues
    #[arg(long)]
    test: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

/// Show the open positions, as our own fills add up.
///
/// The exchange may know better: orders placed elsewhere are not in this ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct PositionsArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    at: At,
    /// Closed ones too
    #[arg(long)]
    all: bool,
    /// Only those at test venues
    #[arg(long)]
    test: bool,
}

/// Show what the positions realised, by UTC day.
///
/// In the quote asset and without fees, which are told by the asset they were paid in. Without
/// those at test venues.
#[derive(Debug, clap::Args)]
pub(crate) struct PnlArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    at: At,
    /// Since when: 2026-01-31, or 36h, 7d; the last 30 days unless said
    #[arg(long, value_name = "MOMENT", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Those at test venues instead
    #[arg(long)]
    test: bool,
}

/// Show the signals, newest first, refused ones included.
#[derive(Debug, clap::Args)]
pub(crate) struct SignalsArgs {
    #[command(flatten)]
    place: Place,
    /// Only of this symbol
    #[arg(long, value_name = "SYMBOL", value_parser = parse_symbol)]
    symbol: Option<String>,
    /// Only with this outcome: a trade's status (Filled, …) or an error's code (RATE_LIMITED, …)
    #[arg(long, value_name = "OUTCOME")]
    status: Option<String>,
    /// Only those received since: 2026-01-31, 2026-01-31T12:00:00Z, or 36h, 7d
    #[arg(long, value_name = "MOMENT", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

/// Show the signals that wait in the queue, the next one first.
#[derive(Debug, clap::Args)]
pub(crate) struct QueueArgs {
    #[command(flatten)]
    place: Place,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

/// Where.
#[derive(Debug, clap::Args)]
struct At {
    /// Only at this exchange
    #[arg(long, value_name = "EXCHANGE", value_parser = parse_venue)]
    exchange: Option<Venue>,
    /// Only of this symbol
    #[arg(long, value_name = "SYMBOL", value_parser = parse_symbol)]
    symbol: Option<String>,
}

impl At {
    fn exchange(&self) -> Option<&'static str> {
        self.exchange.map(Venue::as_str)
    }
}

pub(crate) fn trades(args: &TradesArgs) -> anyhow::Result<()> {
    let filter = TradeFilter {
        exchange: args.at.exchange(),
        symbol: args.at.symbol.as_deref(),
        status: args.status,
        since: args.since.unwrap_or_default(),
        test: args.test.then_some(true),
        limit: args.limit,
    };
    let rows = args.place.ledger()?.trades(&filter)?;
    let header = [
        "received (UTC)",
        "exchange",
        "symbol",
        "action",
        "side",
        "quantity",
        "price",
        "fee",
        "status",
        "request",
        "why not",
    ];
    let cells = |row: &hoox_ledger::ledger::TradeRow| {
        vec![
            cell(time(row.created_at)),
            cell(at_venue(&row.exchange, row.test)),
            cell(&row.symbol),
            cell(&row.action),
            cell(&row.side),
            cell(&row.quantity),
            maybe(&row.price),
            cell(amount(&row.fee, &row.fee_asset)),
            status(&row.status),
            cell(&row.request_id),
            maybe(&row.error_message),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no trades")
}

pub(crate) fn positions(args: &PositionsArgs) -> anyhow::Result<()> {
    let mut rows = args.place.ledger()?.positions(!args.all)?;
    rows.retain(|row| {
        args.at.exchange().is_none_or(|exchange| row.exchange == exchange)
            && args.at.symbol.as_ref().is_none_or(|symbol| row.symbol == *symbol)
            && (row.test || !args.test)
    });
    let header = [
        "exchange",
        "symbol",
        "side",
        "size",
        "entry price",
        "realized",
        "leverage",
        "opened (UTC)",
        "closed (UTC)",
    ];
    let cells = |row: &hoox_ledger::ledger::PositionRow| {
        vec![
            cell(at_venue(&row.exchange, row.test)),
            cell(&row.symbol),
            cell(&row.side),
            cell(&row.size),
            maybe(&row.entry_price),
            gain(&row.realized_pnl),
            cell(row.leverage.to_string()),
            cell(time(row.opened_at)),
            cell(row.closed_at.map(time).unwrap_or_default()),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no positions")
}

pub(crate) fn pnl(args: &PnlArgs) -> anyhow::Result<()> {
    let month_ago = || {
        let now = SystemClock.now().as_millis();
        Timestamp::from_millis(now.saturating_sub(PNL_DAYS * 24 * 60 * 60 * 1_000))
    };
    let filter = PnlFilter {
        exchange: args.at.exchange(),
        symbol: args.at.symbol.as_deref(),
        since: args.since.unwrap_or_else(month_ago),
        test: args.test,
    };
    let rows = args.place.ledger()?.pnl_by_day(&filter)?;
    let header = ["day (UTC)", "realized", "fees", "executions", "wins", "losses", "unknown"];
    let cells = |row: &hoox_ledger::ledger::DayPnl| {
        let fees = row.fees.iter().map(|(asset, fee)| format!("{fee} {asset}"));
        vec![
            cell(&row.day),
            gain(&row.realized_pnl),
            cell(fees.collect::<Vec<_>>().join(", ")),
            cell(row.executions.to_string()),
            cell(row.wins.to_string()),
            cell(row.losses.to_string()),
            cell(row.unknown.to_string()),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no executions")?;
    if !args.place.json && rows.len() > 1 {
        let days = rows.iter().filter_map(|row| parse_decimal(&row.realized_pnl).ok());
        let sum = days.fold(Decimal::ZERO, Decimal::saturating_add);
        show::line(&format!("realized in all: {}", sum.normalize()))?;
    }
    Ok(())
}

pub(crate) fn signals(args: &SignalsArgs) -> anyhow::Result<()> {
    let filter = SignalFilter {
        symbol: args.symbol.as_deref(),
        outcome: args.status.as_deref(),
        since: args.since.unwrap_or_default(),
        limit: args.limit,
    };
    let rows = args.place.ledger()?.signals(&filter)?;
    let header = ["received (UTC)", "symbol", "action", "source", "outcome", "request"];
    let cells = |row: &hoox_ledger::ledger::SignalRow| {
        vec![
            cell(time(row.timestamp.saturating_mul(1_000))),
            maybe(&row.symbol),
            maybe(&row.signal_type),
            cell(&row.source),
            status(&row.outcome),
            cell(&row.request_id),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "no signals")
}

pub(crate) fn queue(args: &QueueArgs) -> anyhow::Result<()> {
    let rows = args.place.ledger()?.queue(args.limit)?;
    let header = ["due (UTC)", "failed attempts", "signal", "queued (UTC)", "request"];
    let cells = |row: &hoox_ledger::ledger::QueuedRow| {
        vec![
            cell(time(row.due_at)),
            cell(row.attempts.to_string()),
            cell(message(&row.body)),
            cell(time(row.queued_at)),
            cell(&row.request_id),
        ]
    };
    show::rows(args.place.json, &rows, &header, cells, "nothing waits in the queue")
}

/// What a message of the queue wants, in a few words.
pub(super) fn message(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let words = ["exchange", "action", "quantity", "symbol"].iter().filter_map(|field| {
        Some(match body.get(field)? {
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

fn amount(value: &Option<String>, asset: &Option<String>) -> String {
    [value.as_deref(), asset.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn at_venue(exchange: &str, test: bool) -> String {
    if test { format!("{exchange} (test)") } else { exchange.to_owned() }
}

fn parse_status(text: &str) -> Result<&'static str, String> {
    const ALL: [&str; 7] =
        ["Filled", "Partial", "Open", "Rejected", "Failed", "Enqueued", "TRADE_PENDING"];
    let known = ALL.into_iter().find(|status| status.eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("no such status; there are {}", ALL.join(", ")))
}
