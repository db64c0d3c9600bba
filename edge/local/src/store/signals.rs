//! Reservations, records and the log, as the router asks for them.

use core::time::Duration;
use std::sync::atomic::Ordering;

use hoox_connector::{Clock, Symbol, Timestamp, Venue};
use hoox_router::{
    Admission, CallerId, Durability, HeldPosition, Holding, IdempotencyKey, LogEntry, LogLevel,
    Record, RefusedSignal, RequestId, Reservation, SignalStore, State, StoreUnavailable,
};
use rusqlite::{OptionalExtension, params};

use super::writer::Job;
use super::{Held, SqliteStore, corrupt, lock, millis, positions, rows};

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
        if record.frees_key() && self.inner.clock.now() < record.reserved_until {
            // What this write frees there is held on here until it is released: its signal may yet go to
            // another exchange or into the queue.
            let (request_id, until) = (record.request_id, record.reserved_until);
            let mut held = lock(&self.inner.held);
            held.entry(record.key.clone()).or_insert(Held { request_id, until });
        }
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
                // Once it is in the database.
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
        let job = Job::Refusal(Box::new(rows::RefusalRow::new(refusal, json)));
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
