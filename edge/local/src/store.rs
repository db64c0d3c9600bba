//! The durable store of one process: SQLite in the data directory.
//!
//! One thread writes, in transactions that take in everything that is waiting (group commit); a
//! transaction with an intent in it is synced before anybody is told. Readers have connections of
//! their own and see what has been committed; what has been asked for but not yet committed is
//! covered by the reservations in memory.

mod balances;
mod config;
mod known;
mod later;
mod log;
mod positions;
mod purge;
mod queue;
mod rows;
mod schema;
mod signals;
mod tables;
mod writer;

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hoox_connector::{Clock, SystemClock, Timestamp};
use hoox_router::{IdempotencyKey, MemoryRate, RequestId, Settings, SteadyClock, StoreUnavailable};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::archive::Archivist;
pub(crate) use balances::{HaltOf, SWITCH};
use known::Known;
use purge::Purge;
pub(crate) use tables::TradeRow;
use writer::{Job, Writer};

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

    /// Waits until later reads see everything asked for so far.
    pub(crate) async fn settled(&self) -> Result<(), StoreUnavailable> {
        self.inner.writer.written(Job::Flush).await
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
mod tests;
