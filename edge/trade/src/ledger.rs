//! The ledger: D1, written from what the objects keep, and read where an exchange does not answer.

mod offload;
mod positions;
mod purge;
mod rows;
mod writer;

use hoox_connector::{Symbol, Venue};
use hoox_router::{HeldPosition, Holding, Record, RefusedSignal};
use serde_json::Value;
use std::collections::HashSet;
use worker::{D1Database, D1PreparedStatement, Env, Result};

use crate::store::{Entry, Waiting};

/// The binding of the database (data.md §1).
const DATABASE: &str = "DB";

/// How often a write is tried that lost against another object's write of the same position.
const TRIES: usize = 4;

/// Writes entries in order, all or none. Written twice, they are there once.
async fn write(env: &Env, parcels: &[&Parcel]) -> Result<()> {
    let database = env.d1(DATABASE)?;
    let (mut signals, mut trades, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    // Of a record that was handed over twice, the last tells everything.
    let mut seen = HashSet::new();
    let mut records: Vec<Record> = Vec::new();
    let parcels = parcels.iter().rev();
    let waiting = parcels.flat_map(|it| it.entries.iter().rev().map(|entry| (&it.object, entry)));
    for (object, Waiting { id, entry }) in waiting {
        match entry {
            Entry::Record(json) => {
                // What this program wrote it can read.
                let Ok(record) = serde_json::from_str::<Record>(json) else { continue };
                if seen.insert(record.id()) {
                    records.push(record);
                }
            }
            Entry::Refusal(json) => {
                let Ok(refusal) = serde_json::from_str::<RefusedSignal>(json) else { continue };
                let (signal, trade) = rows::refusal(&refusal, json);
                signals.push(signal);
                trades.extend(trade);
            }
            Entry::Log(json) => {
                let Ok(line) = serde_json::from_str::<rows::Line>(json) else { continue };
                logs.push(line.row(&format!("{object}-{id}")));
            }
        }
    }
    records.reverse();
    signals.reverse();
    trades.reverse();
    let refused = vec![
        (rows::SIGNALS.insert(), signals),
        (rows::REFUSED_TRADES.insert(), trades),
        (rows::LOGS.insert(), logs),
    ];
    write_records(&database, refused, &records).await
}

/// The records' rows in `trades`, what their fills do to positions, and their signals' rows, with
/// what else there is to write: all or nothing, in two round trips.
async fn write_records(
    database: &D1Database,
    mut first: Vec<(String, Vec<Value>)>,
    records: &[Record],
) -> Result<()> {
    let records: Vec<&Record> = records.iter().collect();
    let of = |row: fn(&Record) -> Value| records.iter().map(|record| row(record)).collect();
    first.push((rows::TRADES.insert(), of(rows::trade)));
    first.push((rows::SIGNALS.insert(), of(rows::signal)));
    let mut tries = 0;
    loop {
        let moves = positions::moves(database, &records).await?;
        let parts = first.iter().chain(&moves).filter(|(_, rows)| !rows.is_empty());
        let statements: Result<Vec<_>> =
            parts.map(|(sql, rows)| statement(database, sql, rows.clone())).collect();
        let statements = statements?;
        if statements.is_empty() {
            return Ok(());
        }
        tries += 1;
        match run(database, statements).await {
            Err(error) if tries >= TRIES => return Err(error),
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
    }
}

/// A statement over rows.
fn statement(database: &D1Database, sql: &str, rows: Vec<Value>) -> Result<D1PreparedStatement> {
    database.prepare(sql).bind(&[Value::Array(rows).to_string().into()])
}

/// The open and closed positions of a symbol.
pub(crate) async fn holdings(
    env: &Env,
    venue: Venue,
    symbol: Symbol,
    test: bool,
) -> Result<Vec<Holding>> {
    positions::held(&env.d1(DATABASE)?, venue, symbol, test).await
}

/// Every open position.
pub(crate) async fn open_positions(env: &Env) -> Result<Vec<HeldPosition>> {
    positions::open(&env.d1(DATABASE)?).await
}

/// The newest signals, newest first (trade.md §13).
pub(crate) async fn signals(env: &Env, limit: u32) -> Result<Vec<serde_json::Value>> {
    let statement = env.d1(DATABASE)?.prepare(
        "SELECT signal_id, timestamp, symbol, signal_type, source, raw_data, processed_at
         FROM trade_signals ORDER BY timestamp DESC, signal_id LIMIT ?",
    );
    statement.bind(&[limit.into()])?.all().await?.results()
}

/// Keeps a message that is not delivered any more, for a person to look at (trade.md §9).
pub(crate) async fn dead_letter(env: &Env, letter: &rows::DeadLetter<'_>) -> Result<()> {
    let database = env.d1(DATABASE)?;
    let (letter, line) = letter.rows();
    let letter = statement(&database, &rows::DEAD_LETTERS.insert(), vec![letter])?;
    let line = statement(&database, &rows::LOGS.insert(), vec![line])?;
    run(&database, vec![letter, line]).await
}

pub(crate) use offload::store as offload;
pub(crate) use purge::purge;
pub(crate) use rows::DeadLetter;
pub(crate) use writer::{PARCEL_MAX, PATH as WRITE_PATH, Parcel, Writer, hand_over};

/// Whether the database answers.
pub(crate) async fn answers(env: &Env) -> bool {
    let Ok(database) = env.d1(DATABASE) else { return false };
    database.prepare("SELECT 1").all().await.is_ok_and(|answer| answer.success())
}

/// One transaction.
async fn run(database: &D1Database, statements: Vec<D1PreparedStatement>) -> Result<()> {
    let results = database.batch(statements).await?;
    match results.iter().all(worker::D1Result::success) {
        true => Ok(()),
        false => Err("a statement failed".into()),
    }
}
