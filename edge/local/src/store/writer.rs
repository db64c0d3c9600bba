//! The one thread that writes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hoox_router::StoreUnavailable;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::queue::{Enqueued, Settled};
use super::rows::{LogRow, RefusalRow, Row};

/// How many writes may wait; beyond that the store says that it is unavailable.
const QUEUE_MAX: usize = 16_384;

/// How many writes share a transaction.
const BATCH_MAX: usize = 512;

/// How long, and how many at most, records wait for the ones that replace them.
const DEFER: Duration = Duration::from_millis(20);
const DEFERRED_MAX: usize = 1_024;

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
                "DELETE FROM records WHERE id IN
                     (SELECT id FROM records WHERE open = 0 AND received_at < ?1 LIMIT ?2)",
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
             WHERE expires_at <= ?4
                 OR (request_id = excluded.request_id AND expires_at < excluded.expires_at)",
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
    let mut deferred = Deferred::default();
    let mut syncs = None;
    loop {
        let open = match deferred.wait() {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => jobs.recv_timeout(wait),
        };
        match open {
            Ok(first) => batch.push(first),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if deferred.is_empty() => return,
            Err(RecvTimeoutError::Disconnected) => deferred.are_due(),
        }
        while batch.len() < BATCH_MAX {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        deferred.exchange(&mut batch);
        if batch.is_empty() {
            continue;
        }
        let results = set_sync(&connection, &mut syncs, &batch)
            .and_then(|()| commit(&mut connection, &batch));
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

/// Records that another of the same order is about to replace: that of a fill whose fee is being read.
///
/// They wait a moment for it, for each write costs the pages of five tables. Lost in a crash, the order
/// is open and is reconciled; whoever wants to see them asks for a flush.
#[derive(Debug, Default)]
struct Deferred(VecDeque<(Instant, Box<Row>)>);

impl Deferred {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long until the first is due.
    fn wait(&self) -> Option<Duration> {
        self.0.front().map(|(due, _)| due.saturating_duration_since(Instant::now()))
    }

    /// All of them are.
    fn are_due(&mut self) {
        let now = Instant::now();
        self.0.iter_mut().for_each(|(due, _)| *due = now);
    }

    /// Takes what may wait out of a batch, and puts what is due, or must not wait for it, before it.
    fn exchange(&mut self, batch: &mut Vec<(Job, Option<Done>)>) {
        let now = Instant::now();
        let may_wait = |job: &Job| matches!(job, Job::Record(_) | Job::Log(_) | Job::Refusal(_));
        let all = self.0.len() > DEFERRED_MAX || !batch.iter().all(|(job, _)| may_wait(job));
        let due = self.0.iter().take_while(|(due, _)| all || *due <= now).count();
        let mut due: Vec<Box<Row>> = self.0.drain(..due).map(|(_, row)| row).collect();
        supersede(batch);
        let replaced: HashSet<&str> = batch.iter().filter_map(|(job, _)| job.record_id()).collect();
        due.retain(|row| !replaced.contains(row.id()));
        self.0.retain(|(_, row)| !replaced.contains(row.id()));
        for (job, done) in std::mem::take(batch) {
            match job {
                Job::Record(row) if !all && done.is_none() && row.is_passing() => {
                    self.0.push_back((now + DEFER, row));
                }
                job => batch.push((job, done)),
            }
        }
        batch.splice(0..0, due.into_iter().map(|row| (Job::Record(row), None)));
    }
}

/// Drops the records of a batch that a later one of the same order replaces, and that nobody waits for:
/// the later one says all that they say.
fn supersede(batch: &mut Vec<(Job, Option<Done>)>) {
    let mut last = HashMap::new();
    for (index, (job, _)) in batch.iter().enumerate() {
        if let Some(id) = job.record_id() {
            last.insert(id.to_owned(), index);
        }
    }
    let mut index = 0;
    batch.retain(|(job, done)| {
        let replaced = job.record_id().is_some_and(|id| last.get(id) != Some(&index));
        index += 1;
        !replaced || done.is_some()
    });
}

/// In WAL mode, NORMAL leaves the sync to the next checkpoint or the next FULL transaction.
fn set_sync(
    connection: &Connection,
    syncs: &mut Option<bool>,
    batch: &[(Job, Option<Done>)],
) -> Result<(), StoreUnavailable> {
    let synced = batch.iter().any(|(_, done)| done.as_ref().is_some_and(|done| done.synced));
    if *syncs != Some(synced) {
        let mode = if synced { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", mode).map_err(failure)?;
        *syncs = Some(synced);
    }
    Ok(())
}

/// Writes a batch in one transaction; tells which jobs failed. A job that fails leaves no trace and
/// takes no other with it; a commit that fails takes all.
fn commit(
    connection: &mut Connection,
    batch: &[(Job, Option<Done>)],
) -> Result<HashMap<usize, StoreUnavailable>, StoreUnavailable> {
    // Jobs hardly ever fail; one that does fails alone when all are written once more, one by one.
    let transaction = connection.transaction().map_err(failure)?;
    if batch.iter().try_for_each(|(job, _)| job.write(&transaction)).is_ok() {
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

fn failure(error: rusqlite::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

impl Job {
    fn record_id(&self) -> Option<&str> {
        match self {
            Self::Record(row) => Some(row.id()),
            _ => None,
        }
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
            Self::Flush => Ok(()),
        }
    }
}
