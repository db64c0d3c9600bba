//! `hoox trace`: the whole life of one request.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use hoox_connector::Timestamp;
use hoox_ledger::ledger::LifeOfRequest;
use hoox_router::{Record, utc_date};
use serde::Serialize;
use serde_json::Value;

use super::Place;
use super::rows::message;
use super::show::{self, cell, maybe, plain, status, time};
use crate::archive::DIRECTORY;

/// The largest object that is read.
const OBJECT_MAX: u64 = 8 * 1024 * 1024;

/// Show everything that is known of one request: from the signal to its fills.
///
/// The id is the `requestId` of the answer, and the `request` of every table. With --json one
/// object: the signal, the records (why this exchange, the exact intent, each earlier attempt, the
/// outcome, how long each step took), trades, executions, log, its message in the queue or among the
/// dead letters, and under `wire` every request to the exchange with its answer, secrets taken out.
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
    let wire = wire(&args.place.data_dir, &args.id, &life);
    if args.place.json {
        #[derive(Serialize)]
        struct Told<'a> {
            #[serde(flatten)]
            life: &'a LifeOfRequest,
            wire: &'a [Value],
        }
        return show::object(&Told { life: &life, wire: &wire });
    }
    people(&life)?;
    for object in &wire {
        for exchanged in object.get("exchanges").and_then(Value::as_array).into_iter().flatten() {
            sent(exchanged)?;
        }
    }
    Ok(())
}

/// What went over the wire for a request: the objects of the archive that are its.
fn wire(data_dir: &Path, id: &str, life: &LifeOfRequest) -> Vec<Value> {
    let mut names = BTreeSet::from([format!("req-{id}.json")]);
    let (mut symbols, mut days) = (BTreeSet::new(), BTreeSet::new());
    let day = |millis: i64| utc_date(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)));
    for signal in &life.signals {
        symbols.extend(signal.symbol.clone());
        days.insert(day(signal.timestamp.saturating_mul(1_000)));
    }
    for trade in &life.trades {
        symbols.insert(trade.symbol.clone());
        days.extend([day(trade.created_at), day(trade.updated_at)]);
        names.extend(trade.order_id.as_ref().map(|id| format!("order-{id}.json")));
    }
    let mut found = Vec::new();
    for exchange in std::fs::read_dir(data_dir.join(DIRECTORY)).into_iter().flatten().flatten() {
        for (symbol, day) in symbols.iter().flat_map(|it| days.iter().map(move |day| (it, day))) {
            for name in &names {
                let path = exchange.path().join(symbol).join(day).join(name);
                let small = std::fs::metadata(&path).is_ok_and(|it| it.len() <= OBJECT_MAX);
                let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).ok()?).ok();
                let object = if small { read() } else { None };
                // Another exchange may have an order of the same number.
                let own =
                    |object: &Value| object.get("requestId").and_then(Value::as_str) == Some(id);
                found.extend(object.filter(own));
            }
        }
    }
    found
}

/// A request to an exchange and its answer, for people.
fn sent(exchanged: &Value) -> anyhow::Result<()> {
    let text = |pointer: &str| match exchanged.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let query = Some(text("/request/query")).filter(|query| !query.is_empty());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let (method, path, micros) =
        (text("/request/method"), text("/request/path"), text("/tookMicros"));
    show::line(&plain(&format!("{}  {method} {path}{query}  ({micros} µs)", text("/at"))))?;
    let body = text("/request/body");
    if !body.is_empty() {
        show::line(&plain(&format!("  {body}")))?;
    }
    let answer = match exchanged.get("error") {
        Some(_) => text("/error"),
        None => format!("{} {}", text("/response/status"), text("/response/body")),
    };
    show::line(&plain(&format!("  → {answer}")))
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
