//! Records, refusals and log entries as rows.

use hoox_router::{LogEntry, Record, RefusedSignal, Signal, State};
use rusqlite::{Connection, params};

use super::positions::Fill;
use super::writer::hold;

/// A record, and the table rows that derive from it.
#[derive(Debug)]
pub(super) struct Row {
    id: String,
    request_id: String,
    leg: u8,
    state: &'static str,
    open: bool,
    frees_key: bool,
    key: String,
    reserved_until: i64,
    received_at: i64,
    json: String,
    /// What derives from an intent about to be sent will be written in a moment, with its outcome: no
    /// order waits for it.
    derived: Option<Derived>,
}

/// What the tables want of a record.
#[derive(Debug)]
struct Derived {
    updated_at: i64,
    signal_json: String,
    source: &'static str,
    fill: Option<Fill>,
    exchange: String,
    symbol: String,
    action: String,
    side: String,
    quantity: String,
    price: Option<String>,
    fee: Option<String>,
    fee_asset: Option<String>,
    order_id: Option<String>,
    status: &'static str,
    leverage: Option<u32>,
    client_order_id: String,
    error_message: Option<String>,
    test: bool,
}

impl Row {
    pub(super) fn new(record: &Record, json: String) -> Self {
        Self {
            id: format!("{}-{}", record.request_id, record.leg),
            request_id: record.request_id.to_string(),
            leg: record.leg,
            state: record.state.as_str(),
            open: !record.state.is_final(),
            frees_key: record.frees_key(),
            key: record.key.as_str().to_owned(),
            reserved_until: super::millis(record.reserved_until),
            received_at: super::millis(record.received_at),
            json,
            derived: (record.state != State::Submitting).then(|| Derived::of(record)),
        }
    }

    /// What identifies the record.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// When its signal was received, unless its order is about to be sent.
    pub(super) fn ended(&self) -> Option<i64> {
        self.derived.as_ref().map(|_| self.received_at)
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let fill = self.derived.as_ref().and_then(|derived| derived.fill.as_ref());
        let applied = fill.map(|fill| fill.apply(connection)).transpose()?.flatten();
        connection
            .prepare_cached(
                "INSERT INTO records (request_id, leg, state, open, received_at, json,
                     applied_quantity, applied_value, applied_fee)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO UPDATE SET state = excluded.state, open = excluded.open,
                     json = excluded.json,
                     applied_quantity = iif(?7 IS NULL, applied_quantity, ?7),
                     applied_value = iif(?7 IS NULL, applied_value, ?8),
                     applied_fee = iif(?7 IS NULL, applied_fee, ?9)",
            )?
            .execute(params![
                self.request_id,
                self.leg,
                self.state,
                self.open,
                self.received_at,
                self.json,
                applied.as_ref().map(|it| &it.quantity),
                applied.as_ref().and_then(|it| it.value.as_ref()),
                applied.as_ref().and_then(|it| it.fee.as_ref()),
            ])?;
        if self.frees_key {
            // Unless another order of the same signal is there, or may be.
            connection
                .prepare_cached(
                    "DELETE FROM reservations WHERE key = ?1 AND request_id = ?2
                         AND NOT EXISTS (SELECT 1 FROM records
                             WHERE request_id = ?2 AND leg <> ?3
                                 AND (state <> 'rejected' OR json ->> 'id_in_use'))",
                )?
                .execute(params![self.key, self.request_id, self.leg])?;
        } else {
            hold(connection, &self.key, &self.request_id, self.reserved_until, self.received_at)?;
        }
        match &self.derived {
            Some(derived) => derived.write(self, connection),
            None => Ok(()),
        }
    }
}

impl Derived {
    fn of(record: &Record) -> Self {
        let execution = record.execution.as_ref();
        let filled = execution.map(|it| it.filled_quantity).filter(|filled| !filled.is_zero());
        let ordered = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
        Self {
            updated_at: super::millis(record.updated_at),
            signal_json: raw_data(serde_json::to_string(&record.signal).unwrap_or_default()),
            source: record.signal.source.as_str(),
            fill: record.state.is_final().then(|| Fill::of(record)).flatten(),
            exchange: record.intent.venue.to_string(),
            symbol: record.intent.symbol.to_string(),
            action: record.signal.action.to_string(),
            side: record.intent.order.side.as_str().to_ascii_uppercase(),
            quantity: filled.unwrap_or(ordered).normalize().to_string(),
            price: execution
                .and_then(|it| it.average_price)
                .map(|price| price.normalize().to_string()),
            fee: execution.and_then(|it| it.fee).map(|fee| fee.normalize().to_string()),
            fee_asset: execution.and_then(|it| it.fee_asset).map(|asset| asset.to_string()),
            order_id: record.order_id.map(|id| id.to_string()),
            status: record.trade_status(),
            leverage: record.signal.leverage,
            client_order_id: record.intent.client_order_id.to_string(),
            error_message: record.refusal.as_ref().map(|refusal| refusal.message.clone()),
            test: record.signal.test,
        }
    }

    fn write(&self, row: &Row, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO trades (id, request_id, exchange, symbol, action, side, quantity, price,
                     fee, fee_asset, order_id, status, leverage, client_order_id, idempotency_key,
                     error_message, test, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19)
                 ON CONFLICT DO UPDATE SET quantity = excluded.quantity, price = excluded.price,
                     fee = excluded.fee, fee_asset = excluded.fee_asset,
                     order_id = excluded.order_id, status = excluded.status,
                     error_message = excluded.error_message, updated_at = excluded.updated_at",
            )?
            .execute(params![
                row.id,
                row.request_id,
                self.exchange,
                self.symbol,
                self.action,
                self.side,
                self.quantity,
                self.price,
                self.fee,
                self.fee_asset,
                self.order_id,
                self.status,
                self.leverage,
                self.client_order_id,
                row.key,
                self.error_message,
                self.test,
                row.received_at,
                self.updated_at,
            ])?;
        connection
            .prepare_cached(
                "INSERT INTO trade_signals (signal_id, request_id, timestamp, symbol, signal_type,
                     source, raw_data, outcome, processed_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, ?8, ?7, ?5, ?6)
                 ON CONFLICT DO UPDATE SET outcome = excluded.outcome,
                     processed_at = excluded.processed_at",
            )?
            .execute(params![
                row.request_id,
                row.received_at / 1_000,
                self.symbol,
                self.action,
                self.status,
                self.updated_at / 1_000,
                self.signal_json,
                self.source
            ])?;
        Ok(())
    }
}

/// data.md §2: raw_data is at most 8192 bytes.
const RAW_DATA_MAX: usize = 8_192;

/// A text as `raw_data` takes it.
pub(super) fn raw_data(json: String) -> String {
    if json.len() > RAW_DATA_MAX { String::from("{}") } else { json }
}

/// A refused signal, as a row of `trade_signals`; and of `trades`, if it waited in the queue.
#[derive(Debug)]
pub(super) struct RefusalRow {
    request_id: String,
    at: i64,
    signal: Option<Signal>,
    outcome: &'static str,
    status: Option<&'static str>,
    message: String,
    json: String,
}

impl RefusalRow {
    pub(super) fn new(refusal: &RefusedSignal, json: String) -> Self {
        use hoox_router::Queued;
        let status = match refusal.queued {
            Queued::No => None,
            Queued::Yes => Some("Rejected"),
            Queued::GivenUp => Some("Failed"),
        };
        Self {
            request_id: refusal.request_id.to_string(),
            at: super::millis(refusal.at),
            signal: refusal.signal.clone(),
            outcome: status.unwrap_or(refusal.code.as_str()),
            status,
            message: refusal.message.clone(),
            json: raw_data(json),
        }
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let symbol = self.signal.as_ref().map(|signal| signal.symbol.to_string());
        let action = self.signal.as_ref().map(|signal| signal.action.to_string());
        let source = self.signal.as_ref().map(|signal| signal.source).unwrap_or_default();
        connection
            .prepare_cached(
                "INSERT INTO trade_signals (signal_id, request_id, timestamp, symbol,
                     signal_type, source, raw_data, outcome, processed_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, ?7, ?5, ?6, ?2)
                 ON CONFLICT DO UPDATE SET outcome = excluded.outcome,
                     processed_at = excluded.processed_at",
            )?
            .execute(params![
                self.request_id,
                self.at / 1_000,
                symbol,
                action,
                self.json,
                self.outcome,
                source.as_str()
            ])?;
        match (self.status, &self.signal) {
            (Some(status), Some(signal)) => self.write_trade(connection, status, signal),
            _ => Ok(()),
        }
    }

    /// A signal that never came to an intent: the row says what it wanted. Which side a close would
    /// have taken, nobody knows.
    fn write_trade(
        &self,
        connection: &Connection,
        status: &str,
        signal: &Signal,
    ) -> rusqlite::Result<()> {
        use hoox_router::Action;
        let side = match signal.action {
            Action::Long | Action::CloseShort => "BUY",
            Action::Short | Action::CloseLong => "SELL",
            Action::Close => "",
        };
        let quantity = signal.quantity.unwrap_or_default().normalize().to_string();
        connection
            .prepare_cached(
                "INSERT INTO trades (id, request_id, exchange, symbol, action, side, quantity,
                     status, leverage, client_order_id, idempotency_key, error_message, test,
                     created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', '', ?10, ?11, ?12, ?12)
                 ON CONFLICT DO UPDATE SET status = excluded.status,
                     error_message = excluded.error_message, updated_at = excluded.updated_at",
            )?
            .execute(params![
                format!("{}-0", self.request_id),
                self.request_id,
                signal.exchange.to_string(),
                signal.symbol.to_string(),
                signal.action.to_string(),
                side,
                quantity,
                status,
                signal.leverage,
                self.message,
                signal.test,
                self.at
            ])
            .map(drop)
    }
}

/// A row of `system_logs`.
#[derive(Debug)]
pub(super) struct LogRow(pub(super) LogEntry);

impl LogRow {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let LogEntry { at, level, service, message, request_id, details } = &self.0;
        connection
            .prepare_cached(
                "INSERT INTO system_logs (timestamp, level, service, message, details, request_id)
                 VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), ?6)",
            )?
            .execute(params![
                super::millis(*at) / 1_000,
                level.as_str(),
                service,
                message,
                details,
                request_id.map(|id| id.to_string())
            ])
            .map(drop)
    }
}
