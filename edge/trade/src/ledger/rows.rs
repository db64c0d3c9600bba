//! Records, refusals, log lines and dead letters as rows (data.md §2).

use hoox_connector::Timestamp;
use hoox_router::{Action, Queued, Record, RefusedSignal, RequestId};
use serde::Deserialize;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Result};

use super::{number, text};

/// data.md §2: raw_data is at most 8192 bytes.
const RAW_DATA_MAX: usize = 8_192;

/// The row of a record in `trades`.
pub(super) fn trade(database: &D1Database, record: &Record) -> Result<D1PreparedStatement> {
    let execution = record.execution.as_ref();
    let filled = execution.map(|it| it.filled_quantity).filter(|filled| !filled.is_zero());
    let ordered = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
    let decimal = |value: hoox_connector::Decimal| value.normalize().to_string();
    database
        .prepare(
            "INSERT INTO trades (id, request_id, exchange, symbol, action, side, quantity, price,
                 fee, fee_asset, order_id, status, leverage, client_order_id, idempotency_key,
                 error_message, test, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET exchange = excluded.exchange,
                 side = excluded.side, quantity = excluded.quantity,
                 price = excluded.price, fee = coalesce(excluded.fee, fee),
                 fee_asset = coalesce(excluded.fee_asset, fee_asset),
                 order_id = excluded.order_id, status = excluded.status,
                 client_order_id = excluded.client_order_id,
                 idempotency_key = excluded.idempotency_key,
                 error_message = excluded.error_message, updated_at = excluded.updated_at
             WHERE excluded.updated_at >= updated_at OR status IN ('TRADE_PENDING', 'Enqueued')",
        )
        .bind(&[
            trade_id(record.request_id, record.leg).into(),
            record.request_id.as_str().into(),
            record.intent.venue.as_str().into(),
            record.intent.symbol.as_str().into(),
            record.signal.action.to_string().into(),
            record.intent.order.side.as_str().to_ascii_uppercase().into(),
            decimal(filled.unwrap_or(ordered)).into(),
            text(execution.and_then(|it| it.average_price).map(decimal)),
            text(execution.and_then(|it| it.fee).map(decimal)),
            text(execution.and_then(|it| it.fee_asset).map(|asset| asset.to_string())),
            text(record.order_id.map(|id| id.to_string())),
            record.trade_status().into(),
            record.signal.leverage.map_or(JsValue::NULL, JsValue::from),
            record.intent.client_order_id.as_str().into(),
            record.key.as_str().into(),
            text(record.refusal.as_ref().map(|refusal| &refusal.message)),
            u32::from(record.signal.test).into(),
            number(record.received_at.as_millis()),
            number(record.updated_at.as_millis()),
        ])
}

/// The id of a trade's row.
pub(super) fn trade_id(request_id: RequestId, leg: u8) -> String {
    format!("{request_id}-{leg}")
}

/// The row of a record's signal in `trade_signals`.
pub(super) fn signal(database: &D1Database, record: &Record) -> Result<D1PreparedStatement> {
    let raw = serde_json::to_string(&record.signal).unwrap_or_default();
    signal_row(
        database,
        record.request_id,
        record.received_at,
        (Some(record.intent.symbol.as_str()), Some(record.signal.action)),
        raw_data(&raw),
        (record.trade_status(), record.updated_at),
    )
}

/// The rows of a refused signal: in `trade_signals`, and in `trades` if it had waited in the queue.
pub(super) fn refusal(
    database: &D1Database,
    refusal: &RefusedSignal,
    json: &str,
) -> Result<Vec<D1PreparedStatement>> {
    let status = match refusal.queued {
        Queued::No => None,
        Queued::Yes => Some("Rejected"),
        Queued::GivenUp => Some("Failed"),
    };
    let signal = refusal.signal.as_ref();
    let symbol = signal.map(|signal| signal.symbol.as_str());
    let mut statements = vec![signal_row(
        database,
        refusal.request_id,
        refusal.at,
        (symbol, signal.map(|signal| signal.action)),
        raw_data(json),
        (status.unwrap_or(refusal.code.as_str()), refusal.at),
    )?];
    if let (Some(status), Some(signal)) = (status, signal) {
        // Which side a close would have taken, nobody knows.
        let side = match signal.action {
            Action::Long | Action::CloseShort => "BUY",
            Action::Short | Action::CloseLong => "SELL",
            Action::Close => "",
        };
        let quantity = signal.quantity.unwrap_or_default().normalize().to_string();
        statements.push(
            database
                .prepare(
                    "INSERT INTO trades (id, request_id, exchange, symbol, action, side, quantity,
                         status, leverage, client_order_id, idempotency_key, error_message, test,
                         created_at, updated_at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', ?, ?, ?, ?)
                     ON CONFLICT (id) DO UPDATE SET status = excluded.status,
                         error_message = excluded.error_message, updated_at = excluded.updated_at",
                )
                .bind(&[
                    trade_id(refusal.request_id, 0).into(),
                    refusal.request_id.as_str().into(),
                    signal.exchange.as_str().into(),
                    signal.symbol.as_str().into(),
                    signal.action.to_string().into(),
                    side.into(),
                    quantity.into(),
                    status.into(),
                    signal.leverage.map_or(JsValue::NULL, JsValue::from),
                    refusal.message.as_str().into(),
                    u32::from(signal.test).into(),
                    number(refusal.at.as_millis()),
                    number(refusal.at.as_millis()),
                ])?,
        );
    }
    Ok(statements)
}

fn signal_row(
    database: &D1Database,
    request_id: RequestId,
    at: Timestamp,
    (symbol, action): (Option<&str>, Option<Action>),
    raw: &str,
    (outcome, processed_at): (&str, Timestamp),
) -> Result<D1PreparedStatement> {
    database
        .prepare(
            "INSERT INTO trade_signals (signal_id, request_id, timestamp, symbol, signal_type,
                 source, raw_data, outcome, processed_at)
             VALUES (?1, ?1, ?2, ?3, ?4, 'webhook', ?5, ?6, ?7)
             ON CONFLICT (signal_id) DO UPDATE SET outcome = excluded.outcome,
                 processed_at = excluded.processed_at",
        )
        .bind(&[
            request_id.as_str().into(),
            number(at.as_millis() / 1_000),
            text(symbol),
            text(action.map(|action| action.to_string())),
            raw.into(),
            outcome.into(),
            number(processed_at.as_millis() / 1_000),
        ])
}

fn raw_data(json: &str) -> &str {
    if json.len() > RAW_DATA_MAX { "{}" } else { json }
}

/// A line of `system_logs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    at: Timestamp,
    level: String,
    service: String,
    message: String,
    request_id: Option<RequestId>,
    details: String,
}

impl Line {
    /// `id` is the same whenever the line is written.
    pub(super) fn statement(&self, database: &D1Database, id: &str) -> Result<D1PreparedStatement> {
        database
            .prepare(
                "INSERT INTO system_logs (id, timestamp, level, service, message, details,
                     request_id)
                 VALUES (?, ?, ?, ?, ?, nullif(?, ''), ?) ON CONFLICT (id) DO NOTHING",
            )
            .bind(&[
                id.into(),
                number(self.at.as_millis() / 1_000),
                self.level.as_str().into(),
                self.service.as_str().into(),
                self.message.as_str().into(),
                self.details.as_str().into(),
                text(self.request_id.as_ref().map(RequestId::as_str)),
            ])
    }
}

/// A message that is not delivered any more.
#[derive(Debug)]
pub(crate) struct DeadLetter<'l> {
    /// The queue's name for the message.
    pub(crate) id: &'l str,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) body: &'l str,
    pub(crate) reason: &'l str,
    pub(crate) at: Timestamp,
}

impl DeadLetter<'_> {
    pub(super) fn statements(&self, database: &D1Database) -> Result<Vec<D1PreparedStatement>> {
        let request_id = text(self.request_id.as_ref().map(RequestId::as_str));
        let letter = database
            .prepare(
                "INSERT INTO dead_letters (id, request_id, body, reason, at)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            )
            .bind(&[
                self.id.into(),
                request_id,
                raw_data(self.body).into(),
                self.reason.into(),
                number(self.at.as_millis()),
            ])?;
        let line = Line {
            at: self.at,
            level: "ERROR".into(),
            service: "queue-consumer".into(),
            message: format!("a dead letter: {}", self.reason),
            request_id: self.request_id,
            details: String::new(),
        };
        Ok(vec![letter, line.statement(database, &format!("dead-{}", self.id))?])
    }
}
