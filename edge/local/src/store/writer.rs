//! The one thread that writes.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hoox_router::{Equity, StoreUnavailable};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::balances::{self, Halt};
use super::later::Later;
use super::log::WriteAheadLog;
use super::purge::Purge;
use super::queue::{Enqueued, Settled};
use super::rows::{LogRow, RefusalRow, Row};

/// How many writes may wait; beyond that the store says that it is unavailable.
const QUEUE_MAX: usize = 16_384;

/// How many writes share a transaction.
const BATCH_MAX: usize = 512;

/// How long after the last transaction others are waited for when it had more than one to tell: what they
/// write lies on the same pages, and a sync costs as much for one as for many.
const GATHER: Duration = Duration::from_micros(1_500);

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
    Balances(Vec<Equity>),
    Halt(Box<Halt>),
    /// After the halt of a day everything is flat.
    Flat(String),
    Flush,
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
             WHERE expires_at <= ?4
                 OR (request_id = excluded.request_id AND expires_at < excluded.expires_at)",
        )?
        .execute(params![key, request_id, until, now])
        .map(drop)
}

/// Who waits for a job, and for what.
#[derive(Debug)]
pub(super) struct Done {
    told: oneshot::Sender<Result<(), StoreUnavailable>>,
    /// Whether it must be on stable storage first.
    synced: bool,
}

/// A job, and who waits for it.
pub(super) type Waiting = (Job, Option<Done>);

/// The sending end of the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Waiting>,
}

impl Writer {
    /// Starts the thread; it ends, and gives up the directory's lock, when the writer is dropped.
    /// Its name shows in the system's own tools how much of the processor it takes.
    pub(super) fn start(connection: Connection, lock: std::fs::File) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let work = move || {
            work(connection, &jobs);
            drop(lock);
        };
        thread::Builder::new().name("hoox-database".into()).spawn(work)?;
        Ok(Self { queue })
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

    fn send(&self, job: Waiting) -> Result<(), StoreUnavailable> {
        self.queue.try_send(job).map_err(|error| {
            StoreUnavailable(match error {
                TrySendError::Full(_) => "too many writes are waiting".into(),
                TrySendError::Disconnected(_) => "the writer has stopped".into(),
            })
        })
    }
}

fn work(mut connection: Connection, jobs: &Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut later = Later::default();
    let mut log = WriteAheadLog::of(&mut connection);
    let (mut is_busy, mut told) = (false, Instant::now());
    loop {
        let open = match later.wait(Instant::now()) {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => jobs.recv_timeout(wait),
        };
        let is_over = match open {
            Ok(first) => {
                batch.push(first);
                if is_busy {
                    thread::sleep(GATHER.saturating_sub(told.elapsed()));
                }
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) if later.is_empty() => return,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        batch.extend(jobs.try_iter().take(BATCH_MAX - batch.len()));
        let waiting = batch.iter().filter(|(_, done)| done.is_some()).count();
        later.exchange(&mut batch, Instant::now());
        write(&mut connection, &mut log, &mut batch);
        if waiting > 0 {
            (is_busy, told) = (waiting > 1, Instant::now());
        }
        // By itself, so that nobody waits for it who waits for his own.
        let began = Instant::now();
        later.take_due(is_over, &mut batch, began);
        let (count, waiting) = (batch.len(), batch.iter().any(|(_, done)| done.is_some()));
        write(&mut connection, &mut log, &mut batch);
        if !waiting {
            later.wrote(count, began.elapsed());
        }
        log.shorten(&connection);
    }
}

/// Writes a batch in one transaction and tells who waits for it.
fn write(connection: &mut Connection, log: &mut WriteAheadLog, batch: &mut Vec<Waiting>) {
    if batch.is_empty() {
        return;
    }
    let synced = batch.iter().any(|(_, done)| done.as_ref().is_some_and(|done| done.synced));
    let results = log.set_sync(connection, synced).and_then(|()| commit(connection, batch));
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

/// Writes a batch in one transaction; tells which jobs failed. A job that fails leaves no trace and
/// takes no other with it; a commit that fails takes all.
fn commit(
    connection: &mut Connection,
    batch: &[Waiting],
) -> Result<HashMap<usize, StoreUnavailable>, StoreUnavailable> {
    // Jobs hardly ever fail; one that does fails alone when all are written once more, one by one.
    let transaction = connection.transaction().map_err(failure)?;
    let all = batch.iter().try_for_each(|(job, _)| job.write(&transaction));
    if all.and_then(|()| forget_expired(batch, &transaction)).is_ok() {
        transaction.commit().map_err(failure)?;
        return Ok(HashMap::new());
    }
    transaction.rollback().map_err(failure)?;
    let mut failed = HashMap::new();
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

/// Removes a few expired keys with every outcome, so that they go as fast as they come, however fast
/// that is.
fn forget_expired(batch: &[Waiting], connection: &Connection) -> rusqlite::Result<()> {
    let ended = batch.iter().filter_map(|(job, _)| match job {
        Job::Record(row) => row.ended(),
        _ => None,
    });
    let (count, now) = ended.fold((0, i64::MIN), |(count, last), at| (count + 1, last.max(at)));
    if count == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "DELETE FROM reservations WHERE key IN
                 (SELECT key FROM reservations WHERE expires_at <= ?1 LIMIT 16 * ?2)",
        )?
        .execute([now, count])
        .map(drop)
}

pub(super) fn failure(error: rusqlite::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

impl Job {
    /// What identifies the record it writes, if it does.
    pub(super) fn record_id(&self) -> Option<&str> {
        match self {
            Self::Record(row) => Some(row.id()),
            _ => None,
        }
    }

    /// Whether nobody is told a wrong thing when later ones are written before it.
    pub(super) fn may_wait(&self) -> bool {
        matches!(self, Self::Record(_) | Self::Log(_) | Self::Refusal(_))
    }

    /// Whether everything before it must be written first: it is about keys, or about the queue.
    pub(super) fn is_barrier(&self) -> bool {
        matches!(self, Self::Release(_) | Self::Commit { .. } | Self::Enqueue(_) | Self::Settle(_))
    }

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
            Self::Balances(equities) => balances::write(connection, equities),
            Self::Halt(halt) => halt.write(connection),
            Self::Flat(day) => balances::write_flat(connection, day),
            Self::Flush => Ok(()),
        }
    }
}
