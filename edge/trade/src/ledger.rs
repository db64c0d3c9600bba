//! The ledger: D1, written from what the objects keep, and read where an exchange does not answer.

mod offload;
mod positions;
mod rows;

use hoox_connector::{Symbol, Venue};
use hoox_router::{HeldPosition, Holding, Record, RefusedSignal};
use std::collections::HashSet;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Env, Result};

use crate::store::{Entry, Waiting};

/// The binding of the database (data.md §1).
const DATABASE: &str = "DB";

/// How often a write is tried that lost against another object's write of the same position.
const TRIES: usize = 4;

/// Writes entries in order. Written twice, they are there once.
pub(crate) async fn write(env: &Env, waiting: &[Waiting], object: &str) -> Result<Vec<Entry>> {
    let database = env.d1(DATABASE)?;
    let mut statements = Vec::new();
    // Of a record that was written many times, the last tells everything.
    let mut seen = HashSet::new();
    let mut records: Vec<(&str, Record)> = Vec::new();
    for Waiting { id, entry } in waiting.iter().rev() {
        match entry {
            Entry::Record(json) => {
                // What this program wrote it can read.
                let Ok(record) = serde_json::from_str::<Record>(json) else { continue };
                if seen.insert(record.id()) {
                    records.push((json, record));
                }
            }
            Entry::Refusal(json) => {
                let Ok(refusal) = serde_json::from_str::<RefusedSignal>(json) else { continue };
                statements.extend(rows::refusal(&database, &refusal, json)?);
            }
            Entry::Log(json) => {
                let Ok(line) = serde_json::from_str::<rows::Line>(json) else { continue };
                statements.push(line.statement(&database, &format!("{object}-{id}"))?);
            }
            Entry::Offload(_) => {}
        }
    }
    if !statements.is_empty() {
        run(&database, statements).await?;
    }
    for (_, record) in records.iter().rev() {
        write_record(&database, record).await?;
    }
    let ended = records.iter().rev().filter(|(_, record)| record.state.is_final());
    let left = waiting.iter().filter_map(|waiting| match &waiting.entry {
        Entry::Offload(json) => Some(json.as_str()),
        _ => None,
    });
    Ok(offload::store(env, left.chain(ended.map(|(json, _)| *json))).await)
}

/// A record's row in `trades`, what its fill does to positions, and its signal's row: all or nothing.
async fn write_record(database: &D1Database, record: &Record) -> Result<()> {
    let mut tries = 0;
    loop {
        let mut statements = vec![rows::trade(database, record)?, rows::signal(database, record)?];
        if record.state.is_final() {
            statements.extend(positions::moves(database, record).await?);
        }
        tries += 1;
        match run(database, statements).await {
            Err(error) if tries >= TRIES => return Err(error),
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
    }
}

/// The open and closed positions of a symbol.
pub(crate) async fn holdings(
    env: &Env,
    venue: Venue,
    symbol: Symbol,
    test: bool,
) -> Result<Vec<Holding>> {
    let held = positions::held(&env.d1(DATABASE)?, venue, symbol, test).await?;
    Ok(held.into_iter().map(|(holding, _)| holding).collect())
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
    let statements = letter.statements(&database)?;
    run(&database, statements).await
}

pub(crate) use rows::DeadLetter;

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

fn text(value: Option<impl AsRef<str>>) -> JsValue {
    value.map_or(JsValue::NULL, |value| value.as_ref().into())
}

/// Milliseconds fit a double for the next two hundred thousand years.
#[allow(clippy::cast_precision_loss)]
fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
