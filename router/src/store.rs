use core::time::Duration;

use hoox_connector::{Decimal, PositionSide, Symbol, Timestamp, Venue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::lifecycle::{Durability, State};
use crate::record::Queued;
use crate::{Admission, CallerId, ErrorCode, IdempotencyKey, Record, RequestId, Signal};

/// Where reservations, intents and outcomes are kept: SQLite, a Durable Object, memory.
///
/// All writes of one store are seen by its later reads, from any task. Nothing here ever holds the
/// passkey.
pub trait SignalStore {
    /// Takes `key` for `ttl`, unless it is held: of any number of simultaneous calls with one key,
    /// exactly one acquires it (gateway.md §8). The request that holds it acquires it again, for
    /// `ttl` from now.
    ///
    /// The reservation itself need not survive a crash. It becomes durable with the first record
    /// that is written under it, in the same transaction: so one signal costs one sync, and a crash
    /// before that leaves neither a lock nor an order.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; nothing is traded without a lock.
    fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> impl Future<Output = Result<Reservation, StoreUnavailable>>;

    /// Writes a record, replacing an earlier one of the same `(request_id, leg)`, and with it the
    /// reservation of its key until [`Record::reserved_until`] unless the key was released.
    ///
    /// With [`Durability::Synced`] the record is on stable storage when this returns, and nothing that
    /// was written of it before can come back. Of other records what was written lazily may still be
    /// lost in a crash, in any order: they are then found open, and reconciled.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; then nothing of it was or will be written.
    fn write(
        &self,
        record: &Record,
        durability: Durability,
    ) -> impl Future<Output = Result<(), StoreUnavailable>>;

    /// Frees a key whose signal certainly came to no order.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; the key stays held.
    fn release(&self, key: &IdempotencyKey) -> impl Future<Output = Result<(), StoreUnavailable>>;

    /// Makes the reservation of a key that `request_id` holds last until `until` and survive a crash,
    /// soon: the signal waits in the queue. Changes nothing if another request holds the key. Does
    /// nothing by default, for stores whose reservations are durable from the start.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; the reservation may then end with this process.
    fn commit(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreUnavailable>> {
        let _ = (key, request_id, until);
        async { Ok(()) }
    }

    /// Every record whose state is not final, oldest first.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn open_intents(&self) -> impl Future<Output = Result<Vec<Record>, StoreUnavailable>>;

    /// The present record of `(request_id, leg)`.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> impl Future<Output = Result<Option<Record>, StoreUnavailable>>;

    /// Counts one signal of a caller in its fixed window, and tells whether it is within the limit;
    /// [`admit`](crate::admit) decides, [`MemoryRate`](crate::MemoryRate) does it for one process.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Admission, StoreUnavailable>>;

    /// Notes a signal that came from an authenticated sender and was refused. Best effort: what goes
    /// wrong here changes no answer.
    fn log_refusal(&self, refusal: &RefusedSignal) -> impl Future<Output = ()>;

    /// Notes something that happened to a request (data.md §2, `system_logs`). Best effort. Does
    /// nothing by default.
    fn log(&self, entry: &LogEntry) -> impl Future<Output = ()> {
        let _ = entry;
        async {}
    }

    /// The open positions of a symbol according to our own ledger; empty where there is none. Asked
    /// only when the exchange does not answer for its own.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> impl Future<Output = Result<Vec<Holding>, StoreUnavailable>> {
        let _ = (venue, symbol, test);
        async { Ok(Vec::new()) }
    }

    /// Every open position according to our own ledger. Asked only of exchanges that do not answer
    /// for their own.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn open_positions(&self) -> impl Future<Output = Result<Vec<HeldPosition>, StoreUnavailable>> {
        async { Ok(Vec::new()) }
    }

    /// The newest `max` records of orders that filled, received at `since` or later, whose fee is not
    /// known; the oldest first. None by default.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn without_fee(
        &self,
        since: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Record>, StoreUnavailable>> {
        let _ = (since, max);
        async { Ok(Vec::new()) }
    }
}

/// An open position of our own ledger, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldPosition {
    /// The exchange.
    pub venue: Venue,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it is at the exchange's test venue.
    pub test: bool,
    /// The position.
    pub holding: Holding,
}

impl<S: SignalStore> SignalStore for std::sync::Arc<S> {
    fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> impl Future<Output = Result<Reservation, StoreUnavailable>> {
        S::reserve(self, key, request_id, now, ttl)
    }

    fn write(
        &self,
        record: &Record,
        durability: Durability,
    ) -> impl Future<Output = Result<(), StoreUnavailable>> {
        S::write(self, record, durability)
    }

    fn release(&self, key: &IdempotencyKey) -> impl Future<Output = Result<(), StoreUnavailable>> {
        S::release(self, key)
    }

    fn commit(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreUnavailable>> {
        S::commit(self, key, request_id, until)
    }

    fn open_intents(&self) -> impl Future<Output = Result<Vec<Record>, StoreUnavailable>> {
        S::open_intents(self)
    }

    fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> impl Future<Output = Result<Option<Record>, StoreUnavailable>> {
        S::load(self, request_id, leg)
    }

    fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Admission, StoreUnavailable>> {
        S::admit(self, caller, limit, window, now)
    }

    fn log_refusal(&self, refusal: &RefusedSignal) -> impl Future<Output = ()> {
        S::log_refusal(self, refusal)
    }

    fn log(&self, entry: &LogEntry) -> impl Future<Output = ()> {
        S::log(self, entry)
    }

    fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> impl Future<Output = Result<Vec<Holding>, StoreUnavailable>> {
        S::holdings(self, venue, symbol, test)
    }

    fn open_positions(&self) -> impl Future<Output = Result<Vec<HeldPosition>, StoreUnavailable>> {
        S::open_positions(self)
    }

    fn without_fee(
        &self,
        since: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Record>, StoreUnavailable>> {
        S::without_fee(self, since, max)
    }
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// The key is ours.
    Acquired,
    /// It is held by an earlier signal.
    Duplicate {
        /// The request that brought that signal.
        request_id: RequestId,
        /// Where its order stands, once there is one.
        state: Option<State>,
    },
}

/// The store cannot be reached, or could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("store unavailable: {0}")]
pub struct StoreUnavailable(pub String);

/// A signal that came to no order, for the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedSignal {
    /// The request that brought it.
    pub request_id: RequestId,
    /// When it was received, by our clock.
    pub at: Timestamp,
    /// The signal, if it was valid as such.
    pub signal: Option<Signal>,
    /// What was answered.
    pub code: ErrorCode,
    /// In words.
    pub message: String,
    /// Whether it waited in the queue, so that the ledger shows it too.
    pub queued: Queued,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Somebody must look.
    Error,
}

impl LogLevel {
    /// The level's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Something that happened, for `system_logs` (data.md §2). Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When, by our clock.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the program: `gateway`, `queue-consumer`, …
    pub service: &'static str,
    /// What happened.
    pub message: String,
    /// The request it happened to.
    pub request_id: Option<RequestId>,
    /// More, as JSON; empty for nothing.
    pub details: String,
}

/// A position of our own ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holding {
    /// Long or short.
    pub side: PositionSide,
    /// The size in the base asset; zero once it is closed.
    pub size: Decimal,
    /// The volume-weighted entry price, as far as prices are known.
    pub entry_price: Option<Decimal>,
    /// What its reductions have realised so far, without fees.
    pub realized_pnl: Decimal,
}

impl Holding {
    /// A position that was opened at `entry_price`.
    pub const fn new(side: PositionSide, size: Decimal, entry_price: Option<Decimal>) -> Self {
        Self { side, size, entry_price, realized_pnl: Decimal::ZERO }
    }
}
