//! `hoox trace`: the whole life of one request.

use anyhow::bail;
use hoox_ledger::ledger::LifeOfRequest;
use hoox_router::Record;
use serde_json::Value;

use super::Place;
use super::rows::message;
use super::show::{self, cell, maybe, plain, status, time};

/// Show everything that is known of one request: from the signal to its fills.
///
/// The id is the `requestId` of the answer, and the `request` of every table. With --json one
/// object: the signal, the records (why this exchange, the exact intent, each earlier attempt, the
/// outcome, how long each step took), trades, executions, log, and its message in the queue or
/// among the dead letters.
#[derive(Debug, clap::Args)]
pub(crate) struct TraceArgs {
    /// The request's id
    id: String,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &TraceArgs) -> anyhow::Result<()> {
    let Some(life) = args.place.ledger()?.life(&args.id)? else {
        bail!("no request {:?} is known; `hoox signals` shows the latest", args.id);
    };
    if args.place.json {
        return show::object(&life);
    }
    people(&life)
}

fn people(life: &LifeOfRequest) -> anyhow::Result<()> {
    for signal in &life.signals {
        let what = [signal.signal_type.as_deref(), signal.symbol.as_deref()];
        let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let at = time(signal.timestamp.saturating_mul(1_000));
        let text = format!("{at}  signal by {}: {what}, {}", signal.source, signal.outcome);
        show::line(&plain(&text))?;
        if let Some(raw) = &signal.raw_data {
            show::line(&format!("  {}", plain(raw)))?;
        }
    }
    for record in &life.records {
        order(record)?;
    }
    for row in &life.queued {
        let due = time(row.due_at);
        let text =
            format!("in the queue: {}, {} failed, due {due}", message(&row.body), row.attempts);
        show::line(&plain(&text))?;
    }
    for row in &life.dead_letters {
        let text = format!("dead letter {}: {}, {}", row.id, message(&row.body), row.reason);
        show::line(&plain(&text))?;
    }
    if !life.trades.is_empty() {
        let header = ["side", "quantity", "price", "fee", "status", "order", "why not"];
        let rows = life.trades.iter().map(|row| {
            vec![
                cell(&row.side),
                cell(&row.quantity),
                maybe(&row.price),
                maybe(&row.fee),
                status(&row.status),
                maybe(&row.order_id),
                maybe(&row.error_message),
            ]
        });
        show::line(&format!("trades\n{}", show::table(&header, rows)))?;
    }
    if !life.executions.is_empty() {
        let header = ["position", "change", "price", "realized", "fee", "at (UTC)"];
        let rows = life.executions.iter().map(|row| {
            vec![
                cell(&row.position),
                cell(&row.change),
                maybe(&row.price),
                maybe(&row.realized_pnl),
                maybe(&row.fee),
                cell(time(row.at)),
            ]
        });
        show::line(&format!("executions\n{}", show::table(&header, rows)))?;
    }
    for entry in &life.log {
        let at = time(entry.timestamp.saturating_mul(1_000));
        let text = format!("{at}  {} {}: {}", entry.level, entry.service, entry.message);
        show::line(&plain(&text))?;
    }
    Ok(())
}

/// One order: where it went and why, what was sent, and how it went.
fn order(record: &Value) -> anyhow::Result<()> {
    let Ok(it) = serde_json::from_value::<Record>(record.clone()) else {
        return show::line("  a record that this version cannot read; see --json");
    };
    let reason = record.pointer("/choice/reason").and_then(Value::as_str).unwrap_or("");
    let mut text = format!(
        "order {}: {} {} {} {} as {} ({}), {} after {} attempts",
        it.leg,
        it.intent.venue,
        it.intent.order.side.as_str(),
        it.intent.base_quantity.unwrap_or(it.intent.order.quantity),
        it.intent.symbol,
        it.intent.client_order_id,
        reason,
        it.state.as_str(),
        it.attempts,
    );
    for passed in
        record.pointer("/choice/passed_over").and_then(Value::as_array).into_iter().flatten()
    {
        text.push_str(&format!("\n  passed over {}", passed));
    }
    for earlier in &it.earlier {
        text.push_str(&format!("\n  earlier at {}: {}", earlier.venue, earlier.refusal.message));
    }
    if let Some(refusal) = &it.refusal {
        text.push_str(&format!("\n  no order: {}", refusal.message));
    }
    let steps: Vec<_> = it
        .trace
        .durations()
        .map(|(step, micros)| format!("{} {micros} µs", step.as_str()))
        .collect();
    if !steps.is_empty() {
        text.push_str(&format!("\n  {}", steps.join(", ")));
    }
    for line in text.lines() {
        show::line(&plain(line))?;
    }
    Ok(())
}
