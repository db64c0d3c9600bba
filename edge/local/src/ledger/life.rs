//! All that is known of one request.

use serde::Serialize;
use serde_json::Value;

use super::{DeadLetterRow, ExecutionRow, Ledger, QueuedRow, Read, SignalRow, TradeRow};

/// The whole life of a request, from the signal to its fills.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LifeOfRequest {
    /// The signal.
    pub signals: Vec<SignalRow>,
    /// The records of its orders: why this exchange, the exact intent, the state, earlier attempts,
    /// the outcome, and how long each step took.
    pub records: Vec<Value>,
    /// Its trades.
    pub trades: Vec<TradeRow>,
    /// What its fills did to positions.
    pub executions: Vec<ExecutionRow>,
    /// What was noted on the way, oldest first.
    pub log: Vec<LogLine>,
    /// Its message, while it waits in the queue.
    pub queued: Vec<QueuedRow>,
    /// Its message, if it is a dead letter.
    pub dead_letters: Vec<DeadLetterRow>,
}

/// A line of `system_logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogLine {
    /// When, in seconds.
    pub timestamp: i64,
    /// How much it matters.
    pub level: String,
    /// The part of the program.
    pub service: String,
    /// What happened.
    pub message: String,
}

pub(super) fn read(ledger: &Ledger, request_id: &str) -> Read<Option<LifeOfRequest>> {
    let of = "request_id = ?1";
    let records = "SELECT json FROM records WHERE request_id = ?1 ORDER BY leg";
    let log = "SELECT timestamp, level, service, message FROM system_logs
               WHERE request_id = ?1 ORDER BY id";
    let records: Vec<String> = ledger.of_request(records, request_id, |row| row.get(0))?;
    let life = LifeOfRequest {
        signals: ledger.of_request(
            &SignalRow::select("signal_id = ?1"),
            request_id,
            SignalRow::read,
        )?,
        records: records.iter().filter_map(|json| serde_json::from_str(json).ok()).collect(),
        trades: ledger.of_request(
            &TradeRow::select("id IN (?1 || '-0', ?1 || '-1')"),
            request_id,
            TradeRow::read,
        )?,
        executions: ledger.of_request(&ExecutionRow::select(of), request_id, ExecutionRow::read)?,
        log: ledger.of_request(log, request_id, |row| {
            Ok(LogLine {
                timestamp: row.get(0)?,
                level: row.get(1)?,
                service: row.get(2)?,
                message: row.get(3)?,
            })
        })?,
        queued: ledger.of_request(&QueuedRow::select(of), request_id, QueuedRow::read)?,
        dead_letters: ledger.of_request(
            &DeadLetterRow::select(of),
            request_id,
            DeadLetterRow::read,
        )?,
    };
    let known = !(life.signals.is_empty()
        && life.records.is_empty()
        && life.trades.is_empty()
        && life.log.is_empty()
        && life.dead_letters.is_empty());
    Ok(known.then_some(life))
}
