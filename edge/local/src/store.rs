//! The durable store of one process: SQLite in the data directory.
//!
//! One thread writes, in transactions that take in everything that is waiting (group commit); a
//! transaction with an intent in it is synced before anybody is told. Readers have connections of
//! their own and see what has been committed; what has been asked for but not yet committed is
//! covered by the reservations in memory.

mod config;
mod known;
mod positions;
mod queue;
mod rows;
mod schema;
mod writer;

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hoox_connector::{Clock, Decimal, Symbol, SystemClock, Timestamp, Venue, parse_decimal};
use hoox_router::{
    Admission, CallerId, Durability, HeldPosition, Holding, IdempotencyKey, LogEntry, LogLevel,
    MemoryRate, Record, RefusedSignal, RequestId, Reservation, Settings, SignalStore, State,
    SteadyClock, StoreUnavailable,
};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Notify;

use crate::archive::Archivist;
use known::Known;
use writer::{Job, Purge, Writer};

/// The file that whoever may write locks.
pub(crate) const LOCK: &str = "hoox.lock";

/// How long a lock that is held is waited for: a command may be looking whether it is.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// How many idle read connections are kept.
const READERS_MAX: usize = 8;

/// The store.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    /// Keys that are held but whose record is not committed yet.
    held: Mutex<HashMap<IdempotencyKey, Held>>,
    known: Mutex<Known>,
    /// The messages of the queue that are being carried out.
    taken: Mutex<HashSet<u64>>,
    enqueued: Notify,
    rate: MemoryRate,
    clock: SteadyClock<SystemClock>,
    /// How long the key of a signal in the queue is held.
    key_ttl: Duration,
    /// Who files what was sent for a record.
    archivist: OnceLock<Archivist>,
    /// Whether an intent only has to survive this process, and not the machine.
    relaxed: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    request_id: RequestId,
    until: Timestamp,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "cannot use the data directory {path}: {cause}. Choose another with --data-dir, or make it writable"
    )]
    Directory { path: String, cause: std::io::Error },
    #[error(
        "{path} is not a usable database ({cause}). Restore it from a backup, or move it away to begin anew; open orders are then no longer known here"
    )]
    Database { path: String, cause: rusqlite::Error },
    #[error(
        "{path} was written by a newer version of hoox (schema {found}, this one knows {known}). Use that version"
    )]
    TooNew { path: String, found: i64, known: i64 },
    #[error("{path} is in use by another hoox. Stop it, or choose another --data-dir")]
    InUse { path: String },
}

impl SqliteStore {
    /// Opens or creates the store in `directory`, which is created if it is missing. Only one
    /// process at a time may have it open.
    pub(crate) fn open(directory: &Path) -> Result<Self, OpenError> {
        let in_directory =
            |cause| OpenError::Directory { path: directory.display().to_string(), cause };
        std::fs::create_dir_all(directory).map_err(in_directory)?;
        let lock = std::fs::File::create(directory.join(LOCK)).map_err(in_directory)?;
        let tried = std::time::Instant::now();
        while let Err(std::fs::TryLockError::WouldBlock) = lock.try_lock() {
            if tried.elapsed() > LOCK_WAIT {
                return Err(OpenError::InUse { path: directory.display().to_string() });
            }
            std::thread::sleep(LOCK_WAIT / 20);
        }
        let path = directory.join("hoox.db");
        let writing = schema::open(&path)?;
        let clock = SteadyClock::new(SystemClock);
        let known = Known::read(&writing, millis(clock.now()))
            .map_err(|cause| OpenError::Database { path: path.display().to_string(), cause })?;
        let inner = Inner {
            known: Mutex::new(known),
            taken: Mutex::default(),
            enqueued: Notify::new(),
            clock,
            key_ttl: Settings::default().key_ttl,
            archivist: OnceLock::new(),
            relaxed: AtomicBool::new(false),
            writer: Writer::start(writing, lock).map_err(in_directory)?,
            path,
            readers: Mutex::default(),
            held: Mutex::default(),
            rate: MemoryRate::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// From now on an intent is written, but not synced, before its order is sent: it survives the end
    /// of this process, however sudden, but not that of the machine.
    pub(crate) fn relax(&self) {
        self.inner.relaxed.store(true, Ordering::Relaxed);
    }

    /// From now on files what was sent for each record, where that is watched.
    pub(crate) fn archive_with(&self, archivist: Archivist) {
        let _ = self.inner.archivist.set(archivist);
    }

    /// The clock of everything in this process that is stored.
    pub(crate) fn clock(&self) -> SteadyClock<SystemClock> {
        self.inner.clock.clone()
    }

    /// Removes a slice of what is older than it is kept.
    pub(crate) async fn purge(
        &self,
        logs: Duration,
        trades: Duration,
    ) -> Result<(), StoreUnavailable> {
        let now = self.inner.clock.now();
        let before = |kept: Duration| {
            millis(now).saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
        };
        let (logs_before, trades_before) = (before(logs), before(trades));
        let purge = Purge { now: millis(now), logs_before, trades_before };
        self.inner.writer.written(Job::Purge(purge)).await
    }

    /// Waits until everything asked for so far is on stable storage.
    pub(crate) async fn flush(&self) -> Result<(), StoreUnavailable> {
        if let Some(archivist) = self.inner.archivist.get() {
            archivist.flush().await;
        }
        self.inner.writer.synced(Job::Flush).await
    }

    /// Runs `read` on a read connection.
    fn read<R>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, StoreUnavailable> {
        let pooled = lock(&self.inner.readers).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => schema::open_reader(&self.inner.path).map_err(unavailable)?,
        };
        let result = read(&connection).map_err(unavailable);
        let mut readers = lock(&self.inner.readers);
        if result.is_ok() && readers.len() < READERS_MAX {
            readers.push(connection);
        }
        result
    }

    /// The rows of the `trades` table, newest first.
    pub(crate) fn trades(&self, limit: usize) -> Result<Vec<TradeRow>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT request_id, exchange, symbol, action, side, quantity, price, fee, order_id,
                        status, error_message, created_at
                 FROM trades ORDER BY created_at DESC, id DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(TradeRow {
                    request_id: row.get(0)?,
                    exchange: row.get(1)?,
                    symbol: row.get(2)?,
                    action: row.get(3)?,
                    side: row.get(4)?,
                    quantity: row.get(5)?,
                    price: row.get(6)?,
                    fee: row.get(7)?,
                    order_id: row.get(8)?,
                    status: row.get(9)?,
                    error_message: row.get(10)?,
                    created_at: row.get(11)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The latest record of a request, as JSON.
    pub(crate) fn record_json(&self, request_id: &str) -> Result<Option<String>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT json FROM records WHERE request_id = ?1 AND leg = 0")?;
            statement.query_row([request_id], |row| row.get(0)).optional()
        })
    }

    /// Every order that filled, as client order id and quantity.
    pub(crate) fn fills(&self) -> Result<Vec<(String, Decimal)>, StoreUnavailable> {
        let rows: Vec<(String, String)> = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT client_order_id, quantity FROM trades WHERE status IN ('Filled', 'Partial')",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let parse = |(id, quantity): (String, String)| {
            let quantity = parse_decimal(&quantity).map_err(|_| corrupt("quantity"))?;
            Ok((id, quantity.normalize()))
        };
        rows.into_iter().map(parse).collect()
    }

    /// How many trades there are, by status.
    pub(crate) fn trade_counts(&self) -> Result<Vec<(String, i64)>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT status, count(*) FROM trades GROUP BY status")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }
}

/// A row of the `trades` table (data.md §2); decimals are text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct TradeRow {
    pub(crate) request_id: String,
    pub(crate) exchange: String,
    pub(crate) symbol: String,
    pub(crate) action: String,
    pub(crate) side: String,
    pub(crate) quantity: String,
    pub(crate) price: Option<String>,
    pub(crate) fee: Option<String>,
    pub(crate) order_id: Option<String>,
    pub(crate) status: String,
    pub(crate) error_message: Option<String>,
    pub(crate) created_at: i64,
}

impl SignalStore for SqliteStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Reservation, StoreUnavailable> {
        {
            let mut held = lock(&self.inner.held);
            let other = |held: &&Held| now < held.until && held.request_id != request_id;
            if let Some(earlier) = held.get(key).filter(other) {
                return Ok(Reservation::Duplicate { request_id: earlier.request_id, state: None });
            }
            held.insert(key.clone(), Held { request_id, until: now.after(ttl) });
        }
        // Held first, then looked up: whoever commits in between is seen by one or the other.
        if !lock(&self.inner.known).may_hold(key.as_str(), millis(now)) {
            return Ok(Reservation::Acquired);
        }
        let found = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT k.request_id,
                     (SELECT state FROM records r WHERE r.request_id = k.request_id
                      ORDER BY r.leg LIMIT 1)
                 FROM reservations k WHERE k.key = ?1 AND k.expires_at > ?2",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            };
            statement.query_row(params![key.as_str(), millis(now)], row).optional()
        });
        match found {
            Ok(None) => Ok(Reservation::Acquired),
            Ok(Some((holder, _))) if holder == request_id.as_str() => Ok(Reservation::Acquired),
            Ok(Some((holder, state))) => {
                self.forget(key, request_id);
                let request_id = RequestId::new(&holder).map_err(|_| corrupt("request_id"))?;
                let state = state.and_then(|name| state_named(&name));
                Ok(Reservation::Duplicate { request_id, state })
            }
            Err(error) => {
                self.forget(key, request_id);
                Err(error)
            }
        }
    }

    async fn write(&self, record: &Record, durability: Durability) -> Result<(), StoreUnavailable> {
        let json = serde_json::to_string(record)
            .map_err(|error| StoreUnavailable(format!("cannot serialise a record: {error}")))?;
        let row = Box::new(rows::Row::new(record, json));
        lock(&self.inner.known).insert(record.key.as_str(), millis(record.reserved_until));
        // Before the order nothing is filed: its answer belongs to the same object.
        let sent = !matches!(record.state, State::Reserved | State::Submitting);
        if let Some(archivist) = self.inner.archivist.get().filter(|_| sent) {
            archivist.file(record);
        }
        match durability {
            Durability::Synced => {
                match self.inner.relaxed.load(Ordering::Relaxed) {
                    false => self.inner.writer.synced(Job::Record(row)).await?,
                    true => self.inner.writer.written(Job::Record(row)).await?,
                }
                // Once it is in the database. A key that this write has freed there is held on until
                // it is released: its signal may yet go into the queue.
                if !record.frees_key() {
                    self.forget(&record.key, record.request_id);
                }
                Ok(())
            }
            // The hold stays in memory until it ends by itself: cheap, and never too short.
            Durability::Lazy => self.inner.writer.lazy(Job::Record(row)),
        }
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<(), StoreUnavailable> {
        self.inner.writer.lazy(Job::Release(key.as_str().to_owned()))?;
        lock(&self.inner.held).remove(key);
        Ok(())
    }

    async fn commit(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> Result<(), StoreUnavailable> {
        let (until, now) = (millis(until), millis(self.inner.clock.now()));
        lock(&self.inner.known).insert(key.as_str(), until);
        let (key, request_id) = (key.as_str().to_owned(), request_id.to_string());
        self.inner.writer.lazy(Job::Commit { key, request_id, until, now })
    }

    async fn open_intents(&self) -> Result<Vec<Record>, StoreUnavailable> {
        self.inner.writer.synced(Job::Flush).await?;
        let rows: Vec<String> = self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT json FROM records WHERE open = 1 ORDER BY received_at, leg")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })?;
        rows.iter().map(|json| record(json)).collect()
    }

    async fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> Result<Option<Record>, StoreUnavailable> {
        self.inner.writer.synced(Job::Flush).await?;
        let row: Option<String> = self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT json FROM records WHERE request_id = ?1 AND leg = ?2")?;
            statement.query_row(params![request_id.to_string(), leg], |row| row.get(0)).optional()
        })?;
        row.as_deref().map(record).transpose()
    }

    async fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreUnavailable> {
        Ok(self.inner.rate.admit(caller, limit, window, now))
    }

    async fn log_refusal(&self, refusal: &RefusedSignal) {
        let Ok(json) = serde_json::to_string(refusal) else { return };
        if let Some(archivist) = self.inner.archivist.get() {
            archivist.file_refusal(refusal);
        }
        let job = Job::Refusal(Box::new(rows::RefusalRow::new(refusal, &json)));
        if let Err(error) = self.inner.writer.lazy(job) {
            tracing::warn!(%error, "a refused signal was not logged");
        }
    }

    async fn log(&self, entry: &LogEntry) {
        let (request_id, text) = (&entry.request_id, &entry.message);
        match entry.level {
            LogLevel::Info => tracing::info!(?request_id, "{text}"),
            LogLevel::Warn => tracing::warn!(?request_id, "{text}"),
            LogLevel::Error => tracing::error!(?request_id, "{text}"),
        }
        let job = Job::Log(Box::new(rows::LogRow(entry.clone())));
        if let Err(error) = self.inner.writer.lazy(job) {
            tracing::warn!(%error, "an entry is missing in system_logs");
        }
    }

    async fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> Result<Vec<Holding>, StoreUnavailable> {
        self.inner.writer.synced(Job::Flush).await?;
        let mut held = self.read(|connection| {
            positions::held(connection, venue.as_str(), symbol.as_str(), test)
        })?;
        held.retain(|holding| !holding.size.is_zero());
        Ok(held)
    }

    async fn without_fee(
        &self,
        since: Timestamp,
        max: usize,
    ) -> Result<Vec<Record>, StoreUnavailable> {
        let rows: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT r.json FROM trades t JOIN records r
                     ON r.request_id = t.request_id AND t.id = r.request_id || '-' || r.leg
                 WHERE t.created_at >= ?1 AND t.fee IS NULL AND t.status IN ('Filled', 'Partial')
                 ORDER BY t.created_at DESC LIMIT ?2",
            )?;
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            let rows = statement.query_map([millis(since), max], |row| row.get(0))?;
            rows.collect()
        })?;
        rows.iter().rev().map(|json| record(json)).collect()
    }

    async fn open_positions(&self) -> Result<Vec<HeldPosition>, StoreUnavailable> {
        self.inner.writer.synced(Job::Flush).await?;
        self.read(positions::open)
    }
}

impl SqliteStore {
    /// Ends a hold in memory, if it is still the one of `request_id`.
    fn forget(&self, key: &IdempotencyKey, request_id: RequestId) {
        let mut held = lock(&self.inner.held);
        if held.get(key).is_some_and(|held| held.request_id == request_id) {
            held.remove(key);
        }
    }
}

fn record(json: &str) -> Result<Record, StoreUnavailable> {
    serde_json::from_str(json).map_err(|error| StoreUnavailable(format!("corrupt record: {error}")))
}

fn state_named(name: &str) -> Option<State> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

fn unavailable(error: rusqlite::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

fn corrupt(column: &str) -> StoreUnavailable {
    StoreUnavailable(format!("corrupt column {column}"))
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn open() -> (SqliteStore, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (SqliteStore::open(directory.path()).unwrap(), directory)
    }

    fn key(name: &str) -> IdempotencyKey {
        serde_json::from_value(serde_json::Value::String(name.into())).unwrap()
    }

    fn id(n: u8) -> RequestId {
        RequestId::from_random([n; 16])
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[tokio::test]
    async fn of_two_reservations_of_a_key_one_is_a_duplicate_until_it_is_released() {
        let (store, _directory) = open();
        let key = key("a");
        assert_eq!(store.reserve(&key, id(1), at(1), DAY).await, Ok(Reservation::Acquired));
        let duplicate = Reservation::Duplicate { request_id: id(1), state: None };
        assert_eq!(store.reserve(&key, id(2), at(2), DAY).await, Ok(duplicate));
        store.release(&key).await.unwrap();
        assert_eq!(store.reserve(&key, id(3), at(3), DAY).await, Ok(Reservation::Acquired));
    }

    #[tokio::test]
    async fn a_reservation_ends_with_its_time() {
        let (store, _directory) = open();
        let key = key("a");
        let second = Duration::from_secs(1);
        assert_eq!(store.reserve(&key, id(1), at(1), second).await, Ok(Reservation::Acquired));
        assert_eq!(store.reserve(&key, id(2), at(2), second).await, Ok(Reservation::Acquired));
    }

    #[tokio::test]
    async fn a_write_that_fails_takes_no_other_with_it() {
        let (store, directory) = open();
        let other = Connection::open(directory.path().join("hoox.db")).unwrap();
        other
            .execute_batch(
                "CREATE TRIGGER poison BEFORE INSERT ON config WHEN NEW.key = 'poison'
                 BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
            )
            .unwrap();
        let (poison, good) =
            tokio::join!(store.set_config("poison", "1"), store.set_config("good", "1"));
        assert!(poison.unwrap_err().to_string().contains("poisoned"));
        good.unwrap();
        use hoox_router::ConfigStore;
        let values = ConfigStore::load(&store, &["poison", "good"]).await.unwrap();
        assert_eq!(values, [None, Some("1".into())]);
    }

    #[tokio::test]
    async fn look_ups_never_scan() {
        let (store, directory) = open();
        let other = Connection::open(directory.path().join("hoox.db")).unwrap();
        other
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                 INSERT INTO reservations SELECT 'key-' || i, 'r', 4102444800000 FROM n",
            )
            .unwrap();
        let plan: String = other
            .query_row(
                "EXPLAIN QUERY PLAN SELECT 1 FROM reservations WHERE key = 'x' AND expires_at > 1",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains("SEARCH") && plan.contains("PRIMARY KEY"), "{plan}");
        assert_eq!(store.reserve(&key("new"), id(1), at(1), DAY).await, Ok(Reservation::Acquired));
    }

    #[tokio::test]
    async fn a_database_locked_by_another_is_told_and_recovered_from() {
        let (store, directory) = open();
        let other = Connection::open(directory.path().join("hoox.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = store.set_config("a", "1").await.unwrap_err().to_string();
        assert!(error.contains("locked"), "{error}");
        // Keys that are new are still reserved; only what must be durable waits.
        assert_eq!(store.reserve(&key("k"), id(1), at(1), DAY).await, Ok(Reservation::Acquired));
        other.execute_batch("COMMIT").unwrap();
        store.set_config("a", "1").await.unwrap();
    }

    #[tokio::test]
    async fn the_request_that_holds_a_key_acquires_it_again_and_a_commit_outlives_the_process() {
        let (store, directory) = open();
        let now = store.clock().now();
        let hour = Duration::from_secs(3_600);
        for _ in 0..2 {
            let again = store.reserve(&key("k"), id(1), now, hour).await;
            assert_eq!(again, Ok(Reservation::Acquired));
        }
        store.commit(&key("k"), id(1), now.after(hour)).await.unwrap();
        // Another's key is not taken over.
        store.commit(&key("k"), id(2), now.after(DAY)).await.unwrap();
        store.flush().await.unwrap();
        drop(store);
        let store = loop {
            // The writing thread gives the directory up when it has ended.
            match SqliteStore::open(directory.path()) {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let duplicate = Reservation::Duplicate { request_id: id(1), state: None };
        assert_eq!(store.reserve(&key("k"), id(2), now, hour).await, Ok(duplicate));
        assert_eq!(store.reserve(&key("k"), id(1), now, hour).await, Ok(Reservation::Acquired));
        let expired = store.reserve(&key("k"), id(2), now.after(DAY), hour).await;
        assert_eq!(expired, Ok(Reservation::Acquired));
    }

    #[tokio::test]
    async fn what_has_expired_goes_in_slices_and_what_is_open_stays() {
        let (store, directory) = open();
        let other = Connection::open(directory.path().join("hoox.db")).unwrap();
        other
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
                 INSERT INTO reservations SELECT 'key-' || i, 'r', i FROM n;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
                 INSERT INTO records (request_id, leg, state, open, received_at, json)
                 SELECT 'r-' || i, 0, 's', i % 2, 1, '{}' FROM n;",
            )
            .unwrap();
        let count = |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            other.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let mut left = Vec::new();
        for _ in 0..3 {
            store.purge(DAY, DAY).await.unwrap();
            left.push(count("reservations"));
        }
        assert_eq!((left, count("records")), (vec![1_100, 1_000, 900], 5));
    }

    /// By hand, for `benches/README.md`: `cargo test -p hoox --bin hoox -- --ignored --nocapture`.
    #[tokio::test]
    #[ignore = "takes a minute, and prints figures instead of judging them"]
    async fn a_million_stored_signals() {
        use std::time::Instant;
        for stored in [1_000, 1_000_000] {
            let directory = tempfile::tempdir().unwrap();
            drop(SqliteStore::open(directory.path()).unwrap());
            let other = Connection::open(directory.path().join("hoox.db")).unwrap();
            other
                .execute_batch(&format!(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {stored})
                     INSERT INTO reservations SELECT 'idemp:key-' || i || ':live', 'r-' || i,
                         iif(i % 2, 4102444800000, 1) FROM n;
                     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {stored})
                     INSERT INTO trade_signals SELECT 'r-' || i, 'r-' || i, iif(i % 2, 4102444800, 1),
                         'BTCUSDT', 'LONG', 'webhook', '{{}}', 'Filled', 1 FROM n;"
                ))
                .unwrap();
            let started = Instant::now();
            let store = loop {
                match SqliteStore::open(directory.path()) {
                    Ok(store) => break store,
                    Err(_) => std::thread::yield_now(),
                }
            };
            println!("{stored} stored: opened in {:?}", started.elapsed());
            let now = store.clock().now();
            let mut times = [Vec::new(), Vec::new()];
            for n in 0..2_000u32 {
                let request = RequestId::from_random(u128::from(n).to_be_bytes());
                let new = key(&format!("idemp:new-{n}:live"));
                let held = key(&format!("idemp:key-{}:live", 2 * (n % 400) + 1));
                for (key, times) in [new, held].iter().zip(&mut times) {
                    let started = Instant::now();
                    store.reserve(key, request, now, DAY).await.unwrap();
                    times.push(started.elapsed());
                }
            }
            for (what, times) in ["new", "duplicate"].iter().zip(&mut times) {
                times.sort_unstable();
                println!("  {what}: median {:?}, p99 {:?}", times[1_000], times[1_980]);
            }
            let (mut slices, mut longest) = (0, Duration::ZERO);
            while slices < stored / 200 + 1 {
                let started = Instant::now();
                store.purge(DAY, DAY).await.unwrap();
                longest = longest.max(started.elapsed());
                slices += 1;
            }
            println!("  {slices} purges, longest {longest:?}");
        }
    }
}
