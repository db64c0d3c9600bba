//! Records, refusals, log lines and dead letters as rows (data.md §2), which are JSON until they are
//! written: a table takes all its rows in one statement.

use hoox_connector::Timestamp;
use hoox_router::{Action, Queued, Record, RefusedSignal, RequestId};
use serde::Deserialize;
use serde_json::{Value, json};

/// data.md §2: raw_data is at most 8192 bytes.
const RAW_DATA_MAX: usize = 8_192;

/// A table that rows are added to: its columns, and what is done about a row that is there.
#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    conflict: &'static str,
}

impl Table {
    pub(super) const fn new(
        name: &'static str,
        columns: &'static [&'static str],
        conflict: &'static str,
    ) -> Self {
        Self { name, columns, conflict }
    }

    /// Adds the rows of one array of objects, whose fields are named as the columns.
    pub(super) fn insert(&self) -> String {
        let mut values = String::new();
        for column in self.columns {
            let comma = if values.is_empty() { "" } else { ", " };
            values.push_str(comma);
            values.push_str("value ->> '");
            values.push_str(column);
            values.push('\'');
        }
        let Self { name, columns, conflict } = self;
        // `WHERE true` keeps the parser from reading ON as part of a join.
        format!(
            "INSERT INTO {name} ({}) SELECT {values} FROM json_each(?1) WHERE true {conflict}",
            columns.join(", ")
        )
    }
}

/// Orders, as their records tell them.
pub(super) const TRADES: Table = Table::new(
    "trades",
    &[
        "id",
        "request_id",
        "exchange",
        "symbol",
        "action",
        "side",
        "quantity",
        "price",
        "fee",
        "fee_asset",
        "order_id",
        "status",
        "leverage",
        "client_order_id",
        "idempotency_key",
        "error_message",
        "test",
        "created_at",
        "updated_at",
    ],
    "ON CONFLICT (id) DO UPDATE SET exchange = excluded.exchange,
         side = excluded.side, quantity = excluded.quantity,
         price = excluded.price, fee = coalesce(excluded.fee, fee),
         fee_asset = coalesce(excluded.fee_asset, fee_asset),
         order_id = excluded.order_id, status = excluded.status,
         client_order_id = excluded.client_order_id,
         idempotency_key = excluded.idempotency_key,
         error_message = excluded.error_message, updated_at = excluded.updated_at
     WHERE excluded.updated_at >= updated_at OR status IN ('TRADE_PENDING', 'Enqueued')",
);

/// Orders that the queue gave up, or that were refused after they had waited in it.
pub(super) const REFUSED_TRADES: Table = Table::new(
    "trades",
    &[
        "id",
        "request_id",
        "exchange",
        "symbol",
        "action",
        "side",
        "quantity",
        "status",
        "leverage",
        "idempotency_key",
        "error_message",
        "test",
        "created_at",
        "updated_at",
    ],
    "ON CONFLICT (id) DO UPDATE SET status = excluded.status,
         error_message = excluded.error_message, updated_at = excluded.updated_at",
);

/// Signals, refused ones too.
pub(super) const SIGNALS: Table = Table::new(
    "trade_signals",
    &[
        "signal_id",
        "request_id",
        "timestamp",
        "symbol",
        "signal_type",
        "source",
        "raw_data",
        "outcome",
        "processed_at",
    ],
    "ON CONFLICT (signal_id) DO UPDATE SET outcome = excluded.outcome,
         processed_at = excluded.processed_at",
);

/// What happened, for people.
pub(super) const LOGS: Table = Table::new(
    "system_logs",
    &["id", "timestamp", "level", "service", "message", "details", "request_id"],
    "ON CONFLICT (id) DO NOTHING",
);

/// Messages that are not delivered any more.
pub(super) const DEAD_LETTERS: Table = Table::new(
    "dead_letters",
    &["id", "request_id", "body", "reason", "at"],
    "ON CONFLICT (id) DO NOTHING",
);

/// The row of a record in `trades`.
pub(super) fn trade(record: &Record) -> Value {
    let execution = record.execution.as_ref();
    let filled = execution.map(|it| it.filled_quantity).filter(|filled| !filled.is_zero());
    let ordered = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
    let decimal = |value: hoox_connector::Decimal| value.normalize().to_string();
    json!({
        "id": trade_id(record.request_id, record.leg),
        "request_id": record.request_id,
        "exchange": record.intent.venue.as_str(),
        "symbol": record.intent.symbol.as_str(),
        "action": record.signal.action.to_string(),
        "side": record.intent.order.side.as_str().to_ascii_uppercase(),
        "quantity": decimal(filled.unwrap_or(ordered)),
        "price": execution.and_then(|it| it.average_price).map(decimal),
        "fee": execution.and_then(|it| it.fee).map(decimal),
        "fee_asset": execution.and_then(|it| it.fee_asset).map(|asset| asset.to_string()),
        "order_id": record.order_id.map(|id| id.to_string()),
        "status": record.trade_status(),
        "leverage": record.signal.leverage,
        "client_order_id": record.intent.client_order_id.as_str(),
        "idempotency_key": record.key.as_str(),
        "error_message": record.refusal.as_ref().map(|refusal| &refusal.message),
        "test": u8::from(record.signal.test),
        "created_at": record.received_at.as_millis(),
        "updated_at": record.updated_at.as_millis(),
    })
}

/// The id of a trade's row.
pub(super) fn trade_id(request_id: RequestId, leg: u8) -> String {
    format!("{request_id}-{leg}")
}

/// The row of a record's signal in `trade_signals`.
pub(super) fn signal(record: &Record) -> Value {
    let raw = serde_json::to_string(&record.signal).unwrap_or_default();
    signal_row(
        record.request_id,
        record.received_at,
        (Some(record.intent.symbol.as_str()), Some(record.signal.action)),
        raw_data(&raw),
        (record.trade_status(), record.updated_at),
    )
}

/// The rows of a refused signal: in `trade_signals`, and in `trades` if it had waited in the queue.
pub(super) fn refusal(refusal: &RefusedSignal, raw: &str) -> (Value, Option<Value>) {
    let status = match refusal.queued {
        Queued::No => None,
        Queued::Yes => Some("Rejected"),
        Queued::GivenUp => Some("Failed"),
    };
    let signal = refusal.signal.as_ref();
    let row = signal_row(
        refusal.request_id,
        refusal.at,
        (signal.map(|signal| signal.symbol.as_str()), signal.map(|signal| signal.action)),
        raw_data(raw),
        (status.unwrap_or(refusal.code.as_str()), refusal.at),
    );
    let trade = status.zip(signal).map(|(status, signal)| {
        // Which side a close would have taken, nobody knows.
        let side = match signal.action {
            Action::Long | Action::CloseShort => "BUY",
            Action::Short | Action::CloseLong => "SELL",
            Action::Close => "",
        };
        json!({
            "id": trade_id(refusal.request_id, 0),
            "request_id": refusal.request_id,
            "exchange": signal.exchange.as_str(),
            "symbol": signal.symbol.as_str(),
            "action": signal.action.to_string(),
            "side": side,
            "quantity": signal.quantity.unwrap_or_default().normalize().to_string(),
            "status": status,
            "leverage": signal.leverage,
            "idempotency_key": "",
            "error_message": refusal.message,
            "test": u8::from(signal.test),
            "created_at": refusal.at.as_millis(),
            "updated_at": refusal.at.as_millis(),
        })
    });
    (row, trade)
}

fn signal_row(
    request_id: RequestId,
    at: Timestamp,
    (symbol, action): (Option<&str>, Option<Action>),
    raw: &str,
    (outcome, processed_at): (&str, Timestamp),
) -> Value {
    json!({
        "signal_id": request_id,
        "request_id": request_id,
        "timestamp": at.as_millis() / 1_000,
        "symbol": symbol,
        "signal_type": action.map(|action| action.to_string()),
        "source": "webhook",
        "raw_data": raw,
        "outcome": outcome,
        "processed_at": processed_at.as_millis() / 1_000,
    })
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
    pub(super) fn row(&self, id: &str) -> Value {
        json!({
            "id": id,
            "timestamp": self.at.as_millis() / 1_000,
            "level": self.level,
            "service": self.service,
            "message": self.message,
            "details": Some(&self.details).filter(|details| !details.is_empty()),
            "request_id": self.request_id,
        })
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
    /// Its row, and that of the line that tells of it.
    pub(super) fn rows(&self) -> (Value, Value) {
        let letter = json!({
            "id": self.id,
            "request_id": self.request_id,
            "body": raw_data(self.body),
            "reason": self.reason,
            "at": self.at.as_millis(),
        });
        let line = Line {
            at: self.at,
            level: "ERROR".into(),
            service: "queue-consumer".into(),
            message: format!("a dead letter: {}", self.reason),
            request_id: self.request_id,
            details: String::new(),
        };
        (letter, line.row(&format!("dead-{}", self.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_all_its_rows_in_one_statement() {
        assert_eq!(
            Table::new("t", &["a", "b"], "ON CONFLICT (a) DO NOTHING").insert(),
            "INSERT INTO t (a, b) SELECT value ->> 'a', value ->> 'b' FROM json_each(?1) \
             WHERE true ON CONFLICT (a) DO NOTHING"
        );
    }
}
