//! The one thread that writes.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use hoox_router::StoreUnavailable;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::queue::{Enqueued, Settled};
use super::rows::{LogRow, RefusalRow, Row};

/// How many writes may wait; beyond that the store says that it is unavailable.
const QUEUE_MAX: usize = 16_384;

/// How many writes share a transaction.
const BATCH_MAX: usize = 512;

/// Something to write.
#[derive(Debug)]
pub(super) enum Job {
    /// The record, its reservation, and the table rows that derive from it, or none of them.
    Record(Box<Row>),
    Release(String),
    /// Reserves a key for a request until then; the last is the present.
    Commit {
        key: String,
        request_id: String,
        until: i64,
        now: i64,
    },
    Refusal(Box<RefusalRow>),
    Log(Box<LogRow>),
    Enqueue(Box<Enqueued>),
    Settle(Box<Settled>),
    /// Removes a slice of what has expired.
    Purge(Purge),
    SetConfig {
        key: String,
        value: String,
    },
    Flush,
}

/// What is older than what is kept (data.md §3, `retention:*`); moments in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purge {
    pub(super) now: i64,
    pub(super) logs_before: i64,
    pub(super) trades_before: i64,
}

/// How many rows of each table one purge removes: enough to keep up, too few to stall.
const PURGE_MAX: u32 = 100;

impl Purge {
    fn run(self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { now, logs_before, trades_before } = self;
        // No order without an outcome is ever forgotten.
        let slices = [
            ("reservations", "key", "expires_at <= ?1", now),
            ("system_logs", "id", "timestamp < ?1", logs_before / 1_000),
            ("trade_signals", "signal_id", "timestamp < ?1", trades_before / 1_000),
            ("executions", "id", "at < ?1", trades_before),
            ("dead_letters", "id", "at < ?1", trades_before),
            ("trades", "id", "created_at < ?1 AND status <> 'TRADE_PENDING'", trades_before),
        ];
        for (table, key, condition, before) in slices {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN
                     (SELECT {key} FROM {table} WHERE {condition} LIMIT {PURGE_MAX})"
            );
            connection.prepare_cached(&sql)?.execute([before])?;
        }
        connection
            .prepare_cached(
                "DELETE FROM records WHERE (request_id, leg) IN
                     (SELECT request_id, leg FROM records
                      WHERE open = 0 AND received_at < ?1 LIMIT ?2)",
            )?
            .execute(params![trades_before, PURGE_MAX])
            .map(drop)
    }
}

/// Holds a key for a request, unless another holds it.
pub(super) fn hold(
    connection: &Connection,
    key: &str,
    request_id: &str,
    until: i64,
    now: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO reservations (key, request_id, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET request_id = excluded.request_id,
                 expires_at = max(expires_at, excluded.expires_at)
             WHERE request_id = excluded.request_id OR expires_at <= ?4",
        )?
        .execute(params![key, request_id, until, now])
        .map(drop)
}

/// Who waits for a job, and for what.
#[derive(Debug)]
struct Done {
    told: oneshot::Sender<Result<(), StoreUnavailable>>,
    /// Whether it must be on stable storage first.
    synced: bool,
}

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
        self.wait(job, true).await
    }

    /// Writes, and waits until later reads see it: for what a crash may undo.
    pub(super) async fn written(&self, job: Job) -> Result<(), StoreUnavailable> {
        self.wait(job, false).await
    }

    async fn wait(&self, job: Job, synced: bool) -> Result<(), StoreUnavailable> {
        let (told, outcome) = oneshot::channel();
        self.send((job, Some(Done { told, synced })))?;
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
        let synced = batch.iter().any(|(_, done)| done.as_ref().is_some_and(|done| done.synced));
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
                let _ = done.told.send(result);
            }
        }
    }
}

/// The records of a batch that a later one of the same order replaces, and that nobody waits for: the
/// later one says all that they say.
fn superseded(batch: &[(Job, Option<Done>)]) -> HashSet<usize> {
    let mut written = HashSet::new();
    let mut superseded = HashSet::new();
    for (index, (job, done)) in batch.iter().enumerate().rev() {
        if let Job::Record(row) = job
            && !written.insert(row.id())
            && done.is_none()
        {
            superseded.insert(index);
        }
    }
    superseded
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
    let superseded = superseded(batch);
    let mut transaction = connection.transaction().map_err(failure)?;
    for (index, (job, _)) in batch.iter().enumerate() {
        if superseded.contains(&index) {
            continue;
        }
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
            Self::Refusal(row) => row.write(connection),
            Self::Release(key) => connection
                .prepare_cached("DELETE FROM reservations WHERE key = ?1")?
                .execute([key])
                .map(drop),
            Self::Commit { key, request_id, until, now } => {
                hold(connection, key, request_id, *until, *now)
            }
            Self::Log(row) => row.write(connection),
            Self::Enqueue(row) => row.write(connection),
            Self::Settle(settled) => settled.write(connection),
            Self::Purge(purge) => purge.run(connection),
            Self::SetConfig { key, value } => connection
                .prepare_cached("INSERT OR REPLACE INTO config (key, value) VALUES (?1, ?2)")?
                .execute([key, value])
                .map(drop),
            Self::Flush => Ok(()),
        }
    }
}
