//! The durable store of one Durable Object: SQLite in the object itself.
//!
//! Statements of one turn are one transaction, and nothing leaves the object, neither a request nor
//! an answer, before what was written is on stable storage: the platform's output gate is the sync.

mod dossiers;
mod outbox;
mod records;
mod schema;
mod tidy;

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::HashMap;
use std::rc::Rc;

use hoox_connector::{Clock, Symbol, Timestamp, Venue};
use hoox_edge::WorkerClock;
use hoox_router::{
    Admission, CallerId, Durability, HeldPosition, Holding, IdempotencyKey, LogEntry, LogLevel,
    MemoryRate, Record, RefusedSignal, RequestId, Reservation, SignalStore, StoreUnavailable,
    Verdict,
};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use worker::{Env, SqlStorage, SqlStorageValue, State, Storage};

use crate::ledger;
use dossiers::Dossiers;
pub(crate) use outbox::{Entry, RECORD, Waiting};
pub(crate) use records::{BATCH_MAX, Due, LEDGER, NOTICE, OFFLOAD};
pub(crate) use tidy::FEES_AGAIN;

/// How soon open orders are looked at again, and the ledger's entries are sent again.
const AGAIN: Duration = Duration::from_secs(5);

/// How late an alarm may be.
const LATE: Duration = Duration::from_secs(60);

/// Of how many keys is remembered what their rows say.
const ROWS_MAX: usize = 256;

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ObjectStore(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    storage: Storage,
    sql: SqlStorage,
    env: Env,
    /// Keys that are held without a row: a crash before their record is one before their order.
    held: RefCell<HashMap<IdempotencyKey, (RequestId, Timestamp)>>,
    /// Keys whose row is known to say this.
    rows: RefCell<HashMap<IdempotencyKey, (RequestId, Timestamp)>>,
    rate: MemoryRate,
    /// When the alarm is set for, as far as this instance knows.
    alarm: Cell<Option<Timestamp>>,
    /// What was sent for orders, until it is stored elsewhere.
    dossiers: RefCell<Dossiers>,
}

impl ObjectStore {
    /// Opens the object's database, and brings its tables up to date.
    pub(crate) fn open(state: &State, env: Env) -> Self {
        let storage = state.storage();
        let sql = storage.sql();
        // A failure shows with the first statement that needs the tables.
        let _ = schema::migrate(&sql);
        let (held, rows, rate, alarm, dossiers) = Default::default();
        Self(Rc::new(Inner { storage, sql, env, held, rows, rate, alarm, dossiers }))
    }

    /// Sets the alarm for `at` unless it is set for earlier.
    async fn wake_at(&self, at: Timestamp) -> Result<(), StoreUnavailable> {
        // A plain number is how long from now, and not when.
        let wait = at.since(WorkerClock.now());
        // What an earlier instance has set may be sooner. Not asked of what is soon: between the record of
        // an order and its alarm nothing may come.
        if self.0.alarm.get().is_none() && wait > AGAIN {
            let set = self.0.storage.get_alarm().await.map_err(unavailable)?;
            let set = set.and_then(|at| u64::try_from(at).ok()).map(Timestamp::from_millis);
            // Whoever has set it meanwhile knows better.
            self.0.alarm.set(self.0.alarm.get().or(set));
        }
        // One that should long have rung is not counted on.
        let rings = |set: Timestamp| set <= at && WorkerClock.now() < set.after(LATE);
        if self.0.alarm.get().is_some_and(rings) {
            return Ok(());
        }
        self.0.alarm.set(Some(at));
        let set = self.0.storage.set_alarm(wait).await;
        set.map_err(|error| {
            self.0.alarm.set(None);
            unavailable(error)
        })
    }

    /// Notes how many attempts at a message have failed, as far as they count, and tells.
    pub(crate) fn failed_attempts(&self, request_id: &str) -> Result<u32, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            failed: u32,
        }
        let rows: Vec<Row> =
            self.rows("SELECT failed FROM attempts WHERE request_id = ?", vec![request_id.into()])?;
        Ok(rows.first().map_or(0, |row| row.failed))
    }

    /// Counts an attempt, or forgets them all once the message is done with.
    pub(crate) fn settle_attempt(
        &self,
        request_id: &str,
        verdict: &Verdict,
    ) -> Result<(), StoreUnavailable> {
        match verdict {
            Verdict::Retry { counted: false, .. } => Ok(()),
            Verdict::Retry { .. } => self.exec(
                "INSERT INTO attempts (request_id, failed, at) VALUES (?, 1, ?)
                 ON CONFLICT DO UPDATE SET failed = failed + 1, at = excluded.at",
                vec![request_id.into(), number(WorkerClock.now())],
            ),
            Verdict::Ack | Verdict::Dead { .. } => {
                self.exec("DELETE FROM attempts WHERE request_id = ?", vec![request_id.into()])
            }
        }
    }

    /// Keeps a refused signal for the ledger.
    pub(crate) async fn keep_refusal(&self, json: String) -> Result<(), StoreUnavailable> {
        self.queue_entry(&Entry::Refusal(json))?;
        self.wake_at(WorkerClock.now().after(AGAIN)).await
    }

    fn exec(&self, sql: &str, values: Vec<SqlStorageValue>) -> Result<(), StoreUnavailable> {
        self.0.sql.exec(sql, values).map(drop).map_err(unavailable)
    }

    fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>, StoreUnavailable> {
        self.0.sql.exec(sql, values).and_then(|cursor| cursor.to_array()).map_err(unavailable)
    }

    /// Writes a key's row, and tells whether it is this request's: an expired one is anybody's, a live
    /// one its holder's.
    fn hold(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        // An order is written thrice, its key once.
        let row = (request_id, until);
        if self.0.rows.borrow().get(key) == Some(&row) {
            return Ok(true);
        }
        let rows: Vec<IgnoredAny> = self.rows(
            "INSERT INTO reservations (key, request_id, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET request_id = excluded.request_id,
                 expires_at = excluded.expires_at
             WHERE request_id = excluded.request_id OR expires_at <= ?4
             RETURNING 1 AS held",
            vec![
                key.as_str().into(),
                request_id.as_str().into(),
                number(until),
                number(WorkerClock.now()),
            ],
        )?;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut rows = self.0.rows.borrow_mut();
        if rows.len() >= ROWS_MAX {
            rows.clear();
        }
        rows.insert(key.clone(), row);
        Ok(true)
    }

    /// Frees the row of a key whose order certainly does not exist, nor another of the same signal. In
    /// memory it is held until it is released, for the signal may go on to another exchange or into the
    /// queue.
    fn free_row(&self, record: &Record) -> Result<(), StoreUnavailable> {
        let others: Vec<Json> = self.rows(
            "SELECT json FROM records WHERE request_id = ? AND leg <> ?",
            vec![record.request_id.as_str().into(), i32::from(record.leg).into()],
        )?;
        for other in &others {
            if !other.record()?.frees_key() {
                return Ok(());
            }
        }
        self.free(&record.key, Some(record.request_id))?;
        if WorkerClock.now() < record.reserved_until {
            let mut held = self.0.held.borrow_mut();
            let held = held.entry(record.key.clone());
            held.or_insert((record.request_id, record.reserved_until));
        }
        Ok(())
    }

    /// Removes a key's row, its holder's only if one is named.
    fn free(
        &self,
        key: &IdempotencyKey,
        holder: Option<RequestId>,
    ) -> Result<(), StoreUnavailable> {
        self.0.rows.borrow_mut().remove(key);
        let holder = holder.map(|id| id.to_string());
        self.exec(
            "DELETE FROM reservations WHERE key = ?1 AND request_id = coalesce(?2, request_id)",
            vec![key.as_str().into(), holder.into()],
        )
    }
}

impl SignalStore for ObjectStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Reservation, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            request_id: RequestId,
            state: Option<hoox_router::State>,
        }
        let held = self.0.held.borrow().get(key).copied();
        if let Some((request_id, _)) =
            held.filter(|(holder, until)| *holder != request_id && now < *until)
        {
            return Ok(Reservation::Duplicate { request_id, state: None });
        }
        let rows: Vec<Row> = self.rows(
            "SELECT k.request_id, (SELECT state FROM records r
                 WHERE r.request_id = k.request_id ORDER BY r.leg LIMIT 1) AS state
             FROM reservations k WHERE k.key = ? AND k.expires_at > ?",
            vec![key.as_str().into(), number(now)],
        )?;
        if let Some(row) = rows.into_iter().find(|row| row.request_id != request_id) {
            return Ok(Reservation::Duplicate { request_id: row.request_id, state: row.state });
        }
        self.0.held.borrow_mut().insert(key.clone(), (request_id, now.after(ttl)));
        Ok(Reservation::Acquired)
    }

    async fn write(&self, record: &Record, _: Durability) -> Result<(), StoreUnavailable> {
        if record.frees_key() {
            self.free_row(record)?;
        } else if !self.hold(&record.key, record.request_id, record.reserved_until)?
            && record.state == hoox_router::State::Submitting
        {
            return Err(StoreUnavailable("the key is another request's by now".into()));
        }
        self.0.dossiers.borrow_mut().take_in(record);
        self.write_record(record)?;
        if !record.frees_key() {
            // Its row holds it from here on.
            let mut held = self.0.held.borrow_mut();
            if held.get(&record.key).is_some_and(|(holder, _)| *holder == record.request_id) {
                held.remove(&record.key);
            }
        }
        // In the same turn, so that an order without an outcome is never without an alarm.
        self.wake_at(WorkerClock.now().after(AGAIN)).await
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<(), StoreUnavailable> {
        self.0.held.borrow_mut().remove(key);
        self.free(key, None)
    }

    async fn commit(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> Result<(), StoreUnavailable> {
        let other = self.0.held.borrow().get(key).copied();
        if other.is_some_and(|(holder, ends)| holder != request_id && WorkerClock.now() < ends) {
            return Ok(());
        }
        self.hold(key, request_id, until)?;
        self.0.held.borrow_mut().remove(key);
        self.wake_at(until).await
    }

    async fn open_intents(&self) -> Result<Vec<Record>, StoreUnavailable> {
        let rows: Vec<Json> = self.rows(
            "SELECT json FROM records WHERE open = 1 ORDER BY received_at, leg",
            Vec::new(),
        )?;
        // One that cannot be read keeps nobody from the others.
        let (read, unread): (Vec<_>, Vec<_>) =
            rows.iter().map(Json::record).partition(Result::is_ok);
        if !unread.is_empty() {
            let text = format!("{} open orders cannot be read", unread.len());
            hoox_edge::log(LogLevel::Error, None, &text);
        }
        Ok(read.into_iter().flatten().collect())
    }

    async fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> Result<Option<Record>, StoreUnavailable> {
        let rows: Vec<Json> = self.rows(
            "SELECT json FROM records WHERE request_id = ? AND leg = ?",
            vec![request_id.as_str().into(), i32::from(leg).into()],
        )?;
        rows.first().map(Json::record).transpose()
    }

    async fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreUnavailable> {
        Ok(self.0.rate.admit(caller, limit, window, now))
    }

    async fn without_fee(
        &self,
        since: Timestamp,
        max: usize,
    ) -> Result<Vec<Record>, StoreUnavailable> {
        let rows: Vec<Json> = self.rows(
            "SELECT json FROM records WHERE lacks_fee = 1 AND received_at >= ?
             ORDER BY received_at DESC LIMIT ?",
            vec![number(since), i64::try_from(max).unwrap_or(i64::MAX).into()],
        )?;
        rows.iter().rev().map(Json::record).collect()
    }

    async fn log_refusal(&self, refusal: &RefusedSignal) {
        self.0.dossiers.borrow_mut().take_in_refusal(refusal);
        if let Ok(json) = serde_json::to_string(refusal) {
            let _ = self.keep_refusal(json).await;
        }
    }

    async fn log(&self, entry: &LogEntry) {
        hoox_edge::log(entry.level, entry.request_id, &entry.message);
        let _ = self.queue_entry(&Entry::log(entry));
        let _ = self.wake_at(WorkerClock.now().after(AGAIN)).await;
    }

    async fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> Result<Vec<Holding>, StoreUnavailable> {
        ledger::holdings(&self.0.env, venue, symbol, test).await.map_err(unavailable)
    }

    async fn open_positions(&self) -> Result<Vec<HeldPosition>, StoreUnavailable> {
        ledger::open_positions(&self.0.env).await.map_err(unavailable)
    }
}

#[derive(Deserialize)]
struct Json {
    json: String,
}

impl Json {
    fn record(&self) -> Result<Record, StoreUnavailable> {
        serde_json::from_str(&self.json)
            .map_err(|_| StoreUnavailable("a record cannot be read".into()))
    }
}

fn unavailable(error: worker::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn number(at: Timestamp) -> SqlStorageValue {
    millis(at).into()
}
