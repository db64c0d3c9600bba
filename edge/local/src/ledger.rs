//! The ledger of a data directory: trades, positions, profit by day, signals, the queue's dead
//! letters, and the whole life of one request.
//!
//! Works on the database of a running server, from another process: reading never waits for it, and
//! the two things that write ([`Ledger::replay`], [`Ledger::set_config`]) are single short
//! transactions that it sees within a second. Decimals are text, moments milliseconds since 1970.

mod life;
mod pending;
mod pnl;
mod rows;

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hoox_connector::Timestamp;
use hoox_router::{QueueMessage, utc_date};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ToSql, params};

pub use life::{LifeOfRequest, LogLine};
pub use pnl::DayPnl;
pub use rows::{
    BalanceRow, DeadLetterRow, ExecutionRow, PositionRow, QueuedRow, SignalRow, TradeRow,
};

/// The name of the database in the data directory.
pub const DATABASE: &str = "hoox.db";

/// How long a write waits for the server's own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A ledger, opened for reading.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
}

/// Which trades to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeFilter<'a> {
    /// Only of this exchange.
    pub exchange: Option<&'a str>,
    /// Only of this neutral symbol.
    pub symbol: Option<&'a str>,
    /// Only with this status: `Filled`, `Partial`, `Open`, `Rejected`, `Failed`, `Enqueued`,
    /// `TRADE_PENDING`.
    pub status: Option<&'a str>,
    /// Only of signals received then or later.
    pub since: Timestamp,
    /// Only at test venues, or only at live ones.
    pub test: Option<bool>,
    /// The newest of them, so many.
    pub limit: u32,
}

impl Default for TradeFilter<'_> {
    fn default() -> Self {
        let since = Timestamp::default();
        Self { exchange: None, symbol: None, status: None, since, test: None, limit: 50 }
    }
}

/// Which signals to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalFilter<'a> {
    /// Only of this neutral symbol.
    pub symbol: Option<&'a str>,
    /// Only with this outcome: a trade's status, or an error's code.
    pub outcome: Option<&'a str>,
    /// Only those received then or later.
    pub since: Timestamp,
    /// The newest of them, so many.
    pub limit: u32,
}

impl Default for SignalFilter<'_> {
    fn default() -> Self {
        Self { symbol: None, outcome: None, since: Timestamp::default(), limit: 50 }
    }
}

/// Which executions to add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PnlFilter<'a> {
    /// Only at this exchange.
    pub exchange: Option<&'a str>,
    /// Only of this neutral symbol.
    pub symbol: Option<&'a str>,
    /// Only those of then or later, by the exchange's clock.
    pub since: Timestamp,
    /// Those at test venues instead of those at live ones.
    pub test: bool,
}

/// Why the ledger tells nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no database in the directory.
    #[error("no ledger in {0}; start `hoox serve` with this data directory first")]
    Missing(PathBuf),
    /// The database cannot be read, or not be written.
    #[error("{path}: {cause}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What it says.
        cause: rusqlite::Error,
    },
    /// There is no such dead letter.
    #[error("no dead letter {0}")]
    NoSuchLetter(u64),
    /// The dead letter is no signal, and never will be.
    #[error("dead letter {0} is no valid signal; it cannot be replayed")]
    NotReplayable(u64),
}

type Read<T> = Result<T, LedgerError>;

impl Ledger {
    /// Opens the ledger of a data directory for reading.
    ///
    /// # Errors
    /// [`LedgerError::Missing`] or [`LedgerError::Database`].
    pub fn open(directory: &Path) -> Read<Self> {
        let path = directory.join(DATABASE);
        if !path.is_file() {
            return Err(LedgerError::Missing(directory.to_owned()));
        }
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { path, connection })
    }

    /// Trades, newest first; those on their way too.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn trades(&self, filter: &TradeFilter<'_>) -> Read<Vec<TradeRow>> {
        let TradeFilter { exchange, symbol, status, since, test, limit } = filter;
        let condition = "(?1 IS NULL OR exchange = ?1) AND (?2 IS NULL OR symbol = ?2)
             AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR test = ?4) AND created_at >= ?5
             ORDER BY created_at DESC, id DESC LIMIT ?6";
        let params = params![exchange, symbol, status, test, millis(*since), limit];
        self.at_once(|| {
            let mut rows = self.all(&TradeRow::select(condition), params, TradeRow::read)?;
            rows.extend(pending::trades(self, filter)?);
            rows.sort_by_key(|row| Reverse(row.created_at));
            rows.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
            Ok(rows)
        })
    }

    /// Positions, the open ones or all, by exchange and symbol.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn positions(&self, open_only: bool) -> Read<Vec<PositionRow>> {
        let condition = "closed_at IS NULL OR NOT ?1 ORDER BY exchange, symbol, side, test";
        self.all(&PositionRow::select(condition), [open_only], PositionRow::read)
    }

    /// What the live accounts were worth, newest first.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn balances(&self, limit: u32) -> Read<Vec<BalanceRow>> {
        let condition = "1 ORDER BY timestamp DESC, id DESC LIMIT ?1";
        self.all(&BalanceRow::select(condition), [limit], BalanceRow::read)
    }

    /// What the positions realised on each UTC day, newest first.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn pnl_by_day(&self, filter: &PnlFilter<'_>) -> Read<Vec<DayPnl>> {
        let PnlFilter { exchange, symbol, since, test } = filter;
        let condition = "test = ?1 AND at >= ?2 AND (?3 IS NULL OR exchange = ?3)
             AND (?4 IS NULL OR symbol = ?4) ORDER BY at";
        let params = params![test, millis(*since), exchange, symbol];
        let rows = self.all(&ExecutionRow::select(condition), params, ExecutionRow::read)?;
        Ok(pnl::by_day(&rows))
    }

    /// Signals, newest first, refused ones included.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn signals(&self, filter: &SignalFilter<'_>) -> Read<Vec<SignalRow>> {
        let SignalFilter { symbol, outcome, since, limit } = filter;
        let condition = "(?1 IS NULL OR symbol = ?1) AND (?2 IS NULL OR outcome = ?2)
             AND timestamp >= ?3 ORDER BY timestamp DESC, signal_id DESC LIMIT ?4";
        let params = params![symbol, outcome, millis(*since) / 1_000, limit];
        self.at_once(|| {
            let mut rows = self.all(&SignalRow::select(condition), params, SignalRow::read)?;
            rows.extend(pending::signals(self, filter)?);
            rows.sort_by_key(|row| Reverse(row.timestamp));
            rows.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
            Ok(rows)
        })
    }

    /// The signals that wait in the queue, in the order in which they are due.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn queue(&self, limit: u32) -> Read<Vec<QueuedRow>> {
        self.all(&QueuedRow::select("1 ORDER BY due_at LIMIT ?1"), [limit], QueuedRow::read)
    }

    /// The dead letters, newest first.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn dead_letters(&self, limit: u32) -> Read<Vec<DeadLetterRow>> {
        let condition = "1 ORDER BY at DESC, id DESC LIMIT ?1";
        self.all(&DeadLetterRow::select(condition), [limit], DeadLetterRow::read)
    }

    /// Everything that is known of one request; `None` if nothing is.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn life(&self, request_id: &str) -> Read<Option<LifeOfRequest>> {
        life::read(self, request_id)
    }

    /// Puts a dead letter back into the queue, under the key it had. Its consumer first finds out
    /// what became of the earlier attempts.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn replay(&self, id: u64, now: Timestamp) -> Read<()> {
        let row = i64::try_from(id).map_err(|_| LedgerError::NoSuchLetter(id))?;
        let mut writing = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = writing
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(|cause| self.failed(cause))?;
        let body: Option<String> = transaction
            .query_row("SELECT body FROM dead_letters WHERE id = ?1", [row], |row| row.get(0))
            .optional()
            .map_err(|cause| self.failed(cause))?;
        let body = body.ok_or(LedgerError::NoSuchLetter(id))?;
        let message = QueueMessage::parse(body.as_bytes());
        let message = message.map_err(|_| LedgerError::NotReplayable(id))?.replayed(now);
        let at = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let moved = transaction
            .execute(
                "INSERT INTO queue (request_id, body, attempts, queued_at, due_at)
                 VALUES (?1, ?2, 0, ?3, ?3)",
                params![message.request_id.to_string(), message.to_json(), at],
            )
            .and_then(|_| transaction.execute("DELETE FROM dead_letters WHERE id = ?1", [row]))
            .and_then(|_| transaction.commit());
        moved.map_err(|cause| self.failed(cause))
    }

    /// Every configuration value that is set, by key. `webhooks:api_key` is among them.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn config(&self) -> Read<Vec<(String, String)>> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.all("SELECT key, value FROM config ORDER BY key", [], read)
    }

    /// Sets a configuration value, or removes it; in force within a second.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn set_config(&self, key: &str, value: Option<&str>) -> Read<()> {
        self.change_config(&[(key, value)])
    }

    /// Sets configuration values, or removes them, all or none; in force within a second.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub fn change_config(&self, changes: &[(&str, Option<&str>)]) -> Read<()> {
        let mut writing = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut write = || {
            let behavior = rusqlite::TransactionBehavior::Immediate;
            let transaction = writing.transaction_with_behavior(behavior)?;
            for (key, value) in changes {
                match value {
                    Some(value) => transaction.execute(
                        "INSERT OR REPLACE INTO config (key, value) VALUES (?1, ?2)",
                        [key, value],
                    ),
                    None => transaction.execute("DELETE FROM config WHERE key = ?1", [key]),
                }?;
            }
            transaction.commit()
        };
        write().map_err(|cause| self.failed(cause))
    }

    /// Several reads of one moment.
    fn at_once<T>(&self, read: impl FnOnce() -> Read<T>) -> Read<T> {
        // Ends when it is dropped, having changed nothing.
        let moment = self.connection.unchecked_transaction();
        let _moment = moment.map_err(|cause| self.failed(cause))?;
        read()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Vec<T>> {
        let rows = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params, read)?.collect()
        };
        rows().map_err(|cause| self.failed(cause))
    }

    fn of_request<T>(
        &self,
        select: &str,
        request_id: &str,
        read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Vec<T>> {
        self.all(select, [&request_id as &dyn ToSql], read)
    }

    fn failed(&self, cause: rusqlite::Error) -> LedgerError {
        LedgerError::Database { path: self.path.clone(), cause }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Read<Connection> {
    let failed = |cause| LedgerError::Database { path: path.to_owned(), cause };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    Ok(connection)
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// The UTC day of a moment of the database.
fn day_of(at: i64) -> String {
    utc_date(Timestamp::from_millis(u64::try_from(at).unwrap_or(0)))
}
