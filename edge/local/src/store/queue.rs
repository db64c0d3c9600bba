//! The queue, as a table of the same database (trade.md §9).

use core::time::Duration;
use std::collections::HashSet;

use hoox_connector::Clock;
use hoox_router::{Delivery, Queue, QueueMessage, QueueUnavailable, Verdict};
use rusqlite::{Connection, params};

use super::writer::{Job, hold};
use super::{SqliteStore, StoreUnavailable, lock, millis};

/// A message on its way into the table, with the reservation and the signal it stands for.
#[derive(Debug)]
pub(super) struct Enqueued {
    body: String,
    request_id: String,
    key: String,
    reserved_until: i64,
    symbol: String,
    action: String,
    queued_at: i64,
    due_at: i64,
}

/// A verdict on a message.
#[derive(Debug)]
pub(super) struct Settled {
    id: i64,
    verdict: Verdict,
    now: i64,
}

impl Queue for SqliteStore {
    async fn send(&self, message: &QueueMessage, delay: Duration) -> Result<(), QueueUnavailable> {
        let now = self.inner.clock.now();
        let reserved_until = millis(now.after(self.inner.key_ttl));
        let key = message.idempotency_key.as_str();
        lock(&self.inner.known).insert(key, reserved_until);
        let row = Enqueued {
            body: message.to_json(),
            request_id: message.request_id.to_string(),
            key: key.to_owned(),
            reserved_until,
            symbol: message.symbol.to_string(),
            action: message.action.to_string(),
            queued_at: millis(message.queued_at),
            due_at: millis(now.after(delay)),
        };
        let sent = self.inner.writer.synced(Job::Enqueue(Box::new(row))).await;
        sent.map_err(|StoreUnavailable(cause)| QueueUnavailable(cause))?;
        self.inner.enqueued.notify_one();
        Ok(())
    }
}

impl SqliteStore {
    /// Takes up to `max` messages that are due; they are not delivered again before
    /// [`settle`](Self::settle), except by the next process.
    pub(crate) fn take_due(&self, max: usize) -> Result<Vec<Delivery>, StoreUnavailable> {
        let now = millis(self.inner.clock.now());
        let mut taken = lock(&self.inner.taken);
        let due = self.read(|connection| due(connection, now, max, &taken))?;
        taken.extend(due.iter().map(|delivery| delivery.id));
        Ok(due)
    }

    /// Does with a message as the verdict says.
    pub(crate) async fn settle(&self, id: u64, verdict: Verdict) -> Result<(), StoreUnavailable> {
        let row = i64::try_from(id).map_err(|_| super::corrupt("id"))?;
        let now = millis(self.inner.clock.now());
        let settled = Box::new(Settled { id: row, verdict, now });
        let result = self.inner.writer.synced(Job::Settle(settled)).await;
        // Not written, it will be delivered again, and found to be done.
        lock(&self.inner.taken).remove(&id);
        result
    }

    /// How many messages are in the queue.
    pub(crate) fn queue_depth(&self) -> Result<i64, StoreUnavailable> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT count(*) FROM queue")?;
            statement.query_row([], |row| row.get(0))
        })
    }

    /// Waits until a message is put into the queue by this process.
    pub(crate) async fn enqueued(&self) {
        self.inner.enqueued.notified().await;
    }
}

fn due(
    connection: &Connection,
    now: i64,
    max: usize,
    taken: &HashSet<u64>,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, body, attempts FROM queue WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
    )?;
    let limit = i64::try_from(max.saturating_add(taken.len())).unwrap_or(i64::MAX);
    let rows = statement.query_map([now, limit], |row| {
        let id = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        Ok(Delivery::new(id, row.get::<_, String>(1)?, row.get(2)?))
    })?;
    let rows: Vec<Delivery> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter(|delivery| !taken.contains(&delivery.id)).take(max).collect())
}

impl Enqueued {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO queue (request_id, body, attempts, queued_at, due_at)
                 VALUES (?1, ?2, 0, ?3, ?4)",
            )?
            .execute(params![self.request_id, self.body, self.queued_at, self.due_at])?;
        hold(connection, &self.key, &self.request_id, self.reserved_until, self.queued_at)?;
        connection
            .prepare_cached(
                "INSERT INTO trade_signals (signal_id, request_id, timestamp, symbol, signal_type,
                     source, raw_data, outcome, processed_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, 'webhook', ?5, 'Enqueued', ?2)
                 ON CONFLICT DO UPDATE SET outcome = excluded.outcome",
            )?
            .execute(params![
                self.request_id,
                self.queued_at / 1_000,
                self.symbol,
                self.action,
                super::rows::raw_data(self.body.clone())
            ])
            .map(drop)
    }
}

impl Settled {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match &self.verdict {
            Verdict::Ack => {}
            Verdict::Retry { delay, counted } => {
                let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                return connection
                    .prepare_cached(
                        "UPDATE queue SET due_at = ?2, attempts = attempts + ?3 WHERE id = ?1",
                    )?
                    .execute(params![self.id, self.now.saturating_add(delay), counted])
                    .map(drop);
            }
            Verdict::Dead { reason } => {
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO dead_letters
                             (id, request_id, body, reason, queued_at, at)
                         SELECT id, request_id, body, ?2, queued_at, ?3 FROM queue WHERE id = ?1",
                    )?
                    .execute(params![self.id, reason, self.now])?;
            }
        }
        connection.prepare_cached("DELETE FROM queue WHERE id = ?1")?.execute([self.id]).map(drop)
    }
}
