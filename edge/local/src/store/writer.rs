//! The one thread that writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use hoox_router::{Record, RefusedSignal, StoreUnavailable};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

/// How many writes may wait; beyond that the store says that it is unavailable.
const QUEUE_MAX: usize = 16_384;

/// How many writes share a transaction.
const BATCH_MAX: usize = 512;

/// How many expired reservations one transaction removes: enough to keep up, too few to stall.
const PURGE_MAX: u32 = 64;

/// Something to write.
#[derive(Debug)]
pub(super) enum Job {
    /// The record and its reservation: all that must be on disk before an order is sent.
    Record(Arc<Row>),
    /// The table rows that derive from a record.
    Derived(Arc<Row>),
    Release(String),
    Refusal(Box<RefusalRow>),
    SetConfig {
        key: String,
        value: String,
    },
    Flush,
}

type Done = oneshot::Sender<Result<(), StoreUnavailable>>;

/// The sending end of the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<(Job, Option<Done>)>,
}

impl Writer {
    /// Starts the thread; it ends, and gives up the directory's lock, when the writer is dropped.
    pub(super) fn start(connection: Connection, lock: std::fs::File) -> Self {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        thread::spawn(move || {
            work(connection, &jobs);
            drop(lock);
        });
        Self { queue }
    }

    /// Writes, and waits until it is on stable storage.
    pub(super) async fn synced(&self, job: Job) -> Result<(), StoreUnavailable> {
        let (done, outcome) = oneshot::channel();
        self.send((job, Some(done)))?;
        outcome.await.unwrap_or_else(|_| Err(StoreUnavailable("the writer has stopped".into())))
    }

    /// Writes soon.
    pub(super) fn lazy(&self, job: Job) -> Result<(), StoreUnavailable> {
        self.send((job, None))
    }

    fn send(&self, job: (Job, Option<Done>)) -> Result<(), StoreUnavailable> {
        self.queue.try_send(job).map_err(|error| {
            StoreUnavailable(match error {
                TrySendError::Full(_) => "too many writes are waiting".into(),
                TrySendError::Disconnected(_) => "the writer has stopped".into(),
            })
        })
    }
}

fn work(mut connection: Connection, jobs: &Receiver<(Job, Option<Done>)>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Ok(first) = jobs.recv() {
        batch.push(first);
        while batch.len() < BATCH_MAX {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        let synced = batch.iter().any(|(_, done)| done.is_some());
        let results = commit(&mut connection, &batch, synced);
        for (index, (_, done)) in batch.drain(..).enumerate() {
            let result = match &results {
                Ok(failed) => failed.get(&index).cloned().map_or(Ok(()), Err),
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = &result {
                tracing::error!(%error, "a write failed");
            }
            if let Some(done) = done {
                let _ = done.send(result);
            }
        }
    }
}

/// Writes a batch in one transaction; tells which jobs failed. A job that fails leaves no trace and
/// takes no other with it; a commit that fails takes all.
fn commit(
    connection: &mut Connection,
    batch: &[(Job, Option<Done>)],
    synced: bool,
) -> Result<HashMap<usize, StoreUnavailable>, StoreUnavailable> {
    let failure = |error: rusqlite::Error| StoreUnavailable(error.to_string());
    let mut failed = HashMap::new();
    // In WAL mode, NORMAL leaves the sync to the next checkpoint or the next FULL transaction.
    connection
        .pragma_update(None, "synchronous", if synced { "FULL" } else { "NORMAL" })
        .map_err(failure)?;
    let mut transaction = connection.transaction().map_err(failure)?;
    for (index, (job, _)) in batch.iter().enumerate() {
        let savepoint = transaction.savepoint().map_err(failure)?;
        match job.write(&savepoint) {
            Ok(()) => savepoint.commit().map_err(failure)?,
            // Dropped without a commit, it rolls back.
            Err(error) => {
                failed.insert(index, failure(error));
            }
        }
    }
    transaction.commit().map_err(failure)?;
    Ok(failed)
}

impl Job {
    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Record(row) => row.write(connection),
            Self::Derived(row) => row.write_derived(connection),
            Self::Refusal(row) => row.write(connection),
            Self::Release(key) => connection
                .prepare_cached("DELETE FROM reservations WHERE key = ?1")?
                .execute([key])
                .map(drop),
            Self::SetConfig { key, value } => connection
                .prepare_cached("INSERT OR REPLACE INTO config (key, value) VALUES (?1, ?2)")?
                .execute([key, value])
                .map(drop),
            Self::Flush => Ok(()),
        }
    }
}

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
    updated_at: i64,
    json: String,
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
        let execution = record.execution.as_ref();
        let filled = execution.map(|it| it.filled_quantity).filter(|filled| !filled.is_zero());
        let ordered = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
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
            updated_at: super::millis(record.updated_at),
            json,
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
            status: status(record),
            leverage: record.signal.leverage,
            client_order_id: record.intent.client_order_id.to_string(),
            error_message: record.refusal.as_ref().map(|refusal| refusal.message.clone()),
            test: record.signal.test,
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO records (request_id, leg, state, open, received_at, json)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET state = excluded.state, open = excluded.open,
                     json = excluded.json",
            )?
            .execute(params![
                self.request_id,
                self.leg,
                self.state,
                self.open,
                self.received_at,
                self.json
            ])?;
        if self.frees_key {
            connection
                .prepare_cached("DELETE FROM reservations WHERE key = ?1 AND request_id = ?2")?
                .execute([&self.key, &self.request_id])?;
        } else {
            connection
                .prepare_cached(
                    "INSERT INTO reservations (key, request_id, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET request_id = excluded.request_id,
                         expires_at = excluded.expires_at",
                )?
                .execute(params![self.key, self.request_id, self.reserved_until])?;
        }
        Ok(())
    }

    fn write_derived(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "DELETE FROM reservations WHERE key IN
                     (SELECT key FROM reservations WHERE expires_at <= ?1 LIMIT ?2)",
            )?
            .execute(params![self.received_at, PURGE_MAX])?;
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
                self.id,
                self.request_id,
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
                self.key,
                self.error_message,
                self.test,
                self.received_at,
                self.updated_at,
            ])?;
        connection
            .prepare_cached(
                "INSERT INTO trade_signals (signal_id, request_id, timestamp, symbol, signal_type,
                     source, outcome, processed_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, 'webhook', ?5, ?6)
                 ON CONFLICT DO UPDATE SET outcome = excluded.outcome,
                     processed_at = excluded.processed_at",
            )?
            .execute(params![
                self.request_id,
                self.received_at / 1_000,
                self.symbol,
                self.action,
                self.status,
                self.updated_at / 1_000
            ])?;
        Ok(())
    }
}

/// The words of data.md §2 for where an order stands.
fn status(record: &Record) -> &'static str {
    use hoox_router::ExecutionStatus as Status;
    use hoox_router::State;
    match (record.state, record.execution.as_ref().map(|it| it.status)) {
        (State::Rejected, _) => "Rejected",
        (State::Acknowledged, Some(Status::Filled)) => "Filled",
        (State::Acknowledged, Some(Status::Partial)) => "Partial",
        (State::Acknowledged, Some(Status::Ended)) => "Failed",
        (State::Acknowledged, _) => "Open",
        _ => "TRADE_PENDING",
    }
}

/// A refused signal, as a row of `trade_signals`.
#[derive(Debug)]
pub(super) struct RefusalRow {
    request_id: String,
    at: i64,
    symbol: Option<String>,
    action: Option<String>,
    outcome: &'static str,
    json: String,
}

impl RefusalRow {
    pub(super) fn new(refusal: &RefusedSignal, mut json: String) -> Self {
        // data.md §2: raw_data is at most 8192 bytes.
        if json.len() > 8_192 {
            json = String::from("{}");
        }
        Self {
            request_id: refusal.request_id.to_string(),
            at: super::millis(refusal.at) / 1_000,
            symbol: refusal.signal.as_ref().map(|signal| signal.symbol.to_string()),
            action: refusal.signal.as_ref().map(|signal| signal.action.to_string()),
            outcome: refusal.code.as_str(),
            json,
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO trade_signals (signal_id, request_id, timestamp, symbol,
                     signal_type, source, raw_data, outcome, processed_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, 'webhook', ?5, ?6, ?2)",
            )?
            .execute(params![
                self.request_id,
                self.at,
                self.symbol,
                self.action,
                self.json,
                self.outcome
            ])
            .map(drop)
    }
}
