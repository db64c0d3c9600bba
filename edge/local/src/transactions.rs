//! The transactions of `hoox wallet`: `wallet.db` in the data directory, apart from the signals.
//!
//! Several processes may use it at a time. What was signed is on stable storage before it is sent.

mod worth;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hoox_connector::Timestamp;
use hoox_wallet::{
    Address, AllocateError, Allocated, Attempt, DAY, NewTransaction, SignError, StoreUnavailable,
    TransactionRecord, TransactionState, TransactionStore, Turn, spent,
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use thiserror::Error;

pub use worth::Worth;

/// The unique index is the last word on nonces: whatever a program does wrong, no two transactions
/// that may be executed share one.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS transactions (
        id         TEXT    PRIMARY KEY,
        chain_id   TEXT    NOT NULL,
        sender     TEXT    NOT NULL,
        nonce      INTEGER NOT NULL,
        refused    INTEGER NOT NULL,
        mined      INTEGER NOT NULL,
        open       INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        json       TEXT    NOT NULL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS transactions_nonce
        ON transactions (chain_id, sender, nonce) WHERE refused = 0;
    CREATE INDEX IF NOT EXISTS transactions_mined
        ON transactions (chain_id, sender, nonce) WHERE mined = 1;
    CREATE INDEX IF NOT EXISTS transactions_open
        ON transactions (chain_id, sender, nonce) WHERE open = 1;
    CREATE INDEX IF NOT EXISTS transactions_created
        ON transactions (chain_id, sender, created_at);
    CREATE TABLE IF NOT EXISTS turns (
        chain_id TEXT    NOT NULL,
        sender   TEXT    NOT NULL,
        token    TEXT    NOT NULL,
        name     TEXT    NOT NULL,
        until    INTEGER NOT NULL,
        PRIMARY KEY (chain_id, sender, token)
    ) WITHOUT ROWID;
";

/// How long a process waits for another that writes.
const BUSY: Duration = Duration::from_secs(10);

/// The transactions of the wallet in SQLite.
#[derive(Debug)]
pub struct SqliteTransactions {
    connection: Mutex<Connection>,
}

/// Why there is no store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("cannot create {0}")]
    Directory(PathBuf, #[source] std::io::Error),
    /// The database cannot be opened, or is none.
    #[error("cannot open {0}")]
    Database(PathBuf, #[source] rusqlite::Error),
}

impl SqliteTransactions {
    /// Opens or creates `wallet.db` in `directory`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(directory)
            .map_err(|error| OpenError::Directory(directory.to_owned(), error))?;
        let file = directory.join("wallet.db");
        let connection = connect(&file).map_err(|error| OpenError::Database(file, error))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Takes a new transaction in as [`TransactionStore::allocate`] does, and in the same step what it
    /// is worth.
    ///
    /// # Errors
    /// [`AllocateError`]; [`PolicyError::DailyWorth`](hoox_wallet::PolicyError) in it if the day leaves
    /// no room.
    pub async fn allocate_worth<F>(
        &self,
        new: NewTransaction,
        worth: Option<Worth>,
        sign: F,
    ) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        let mut connection = self.lock();
        let transaction = begin(&mut connection)?;
        if let Some(known) = find(&transaction, &new.id)? {
            return Ok(Allocated::Known(known));
        }
        if let Some(worth) = &worth {
            worth.check(&transaction, &new)?.map_or(Ok(()), Err)?;
        }
        if !new.daily.is_empty() {
            let since = millis(new.at) - i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
            let day = "refused = 0 AND created_at > ?3";
            let recent = select(&transaction, new.chain_id, new.from, day, Some(since))?;
            for limit in &new.daily {
                limit.check(spent(recent.iter(), limit.spend.asset))?;
            }
        }
        let (taken, mined) = nonces(&transaction, &new)?;
        let nonce = new.choose_nonce(&taken, mined)?;
        let attempt = sign(nonce)?;
        let record = new.signed(nonce, attempt);
        write(&transaction, &record)?;
        if let Some(worth) = &worth {
            worth.write(&transaction, &record.id)?;
        }
        transaction.commit().map_err(unavailable)?;
        Ok(Allocated::New(record))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, changes and writes one record with nothing in between.
    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreUnavailable> {
        let mut connection = self.lock();
        let transaction = begin(&mut connection)?;
        let mut record = find(&transaction, id)?
            .ok_or_else(|| StoreUnavailable("there is no such record".into()))?;
        change(&mut record);
        write(&transaction, &record)?;
        transaction.commit().map_err(unavailable)
    }
}

impl TransactionStore for SqliteTransactions {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        self.allocate_worth(new, None, sign).await
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.attempts.push(attempt.clone()))
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.becomes(state))
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        find(&self.lock(), id)
    }

    async fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        select(&self.lock(), chain_id, from, "open = 1", None)
    }

    async fn with_nonce(
        &self,
        chain_id: u64,
        from: Address,
        nonce: u64,
    ) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        let nonce = i64::try_from(nonce).unwrap_or(i64::MAX);
        let which = "refused = 0 AND nonce = ?3";
        Ok(select(&self.lock(), chain_id, from, which, Some(nonce))?.into_iter().next())
    }

    async fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(
                "INSERT INTO turns (chain_id, sender, token, name, until)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (chain_id, sender, token) DO UPDATE SET name = ?4, until = ?5
                     WHERE name = ?4 OR until <= ?6",
            )
            .map_err(unavailable)?;
        let (chain_id, sender) = (turn.chain_id.to_string(), turn.owner.to_string());
        let (token, until, now) = (turn.token.to_string(), millis(until), millis(now));
        let given = statement.execute(params![chain_id, sender, token, turn.name, until, now]);
        given.map(|rows| rows == 1).map_err(unavailable)
    }

    async fn end_turn(&self, turn: &Turn) -> Result<(), StoreUnavailable> {
        let (chain_id, sender) = (turn.chain_id.to_string(), turn.owner.to_string());
        let ended = self.lock().execute(
            "DELETE FROM turns WHERE chain_id = ?1 AND sender = ?2 AND token = ?3 AND name = ?4",
            params![chain_id, sender, turn.token.to_string(), turn.name],
        );
        ended.map(drop).map_err(unavailable)
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was signed survives a loss of power, before it is sent.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(worth::SCHEMA)?;
    Ok(connection)
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreUnavailable> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)
}

fn find(connection: &Connection, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
    let json: Option<String> = connection
        .prepare_cached("SELECT json FROM transactions WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    json.map(|json| read(&json)).transpose()
}

/// The nonces that matter for the next one: the highest, those from the node's on, and the highest in
/// a block.
fn nonces(
    connection: &Connection,
    new: &NewTransaction,
) -> Result<(BTreeSet<u64>, Option<u64>), StoreUnavailable> {
    let (chain_id, sender) = (new.chain_id.to_string(), new.from.to_string());
    let mut statement = connection
        .prepare_cached(
            "SELECT max(nonce) FROM transactions
             WHERE chain_id = ?1 AND sender = ?2 AND mined = 1",
        )
        .map_err(unavailable)?;
    let mined: Option<i64> =
        statement.query_row(params![chain_id, sender], |row| row.get(0)).map_err(unavailable)?;
    let mined = mined.map(nonce).transpose()?;
    let mut statement = connection
        .prepare_cached(
            "SELECT nonce FROM transactions
             WHERE chain_id = ?1 AND sender = ?2 AND refused = 0 AND nonce >= ?3
             UNION SELECT max(nonce) FROM transactions
             WHERE chain_id = ?1 AND sender = ?2 AND refused = 0",
        )
        .map_err(unavailable)?;
    let from = i64::try_from(new.nonce.reported).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(params![chain_id, sender, from], |row| row.get::<_, Option<i64>>(0))
        .map_err(unavailable)?;
    let mut taken = BTreeSet::new();
    for row in rows {
        if let Some(row) = row.map_err(unavailable)? {
            taken.insert(nonce(row)?);
        }
    }
    Ok((taken, mined))
}

fn nonce(row: i64) -> Result<u64, StoreUnavailable> {
    u64::try_from(row).map_err(|_| StoreUnavailable("a nonce is negative".into()))
}

/// The records of an account that are `which`, by nonce.
fn select(
    connection: &Connection,
    chain_id: u64,
    from: Address,
    which: &'static str,
    third: Option<i64>,
) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
    let query = format!(
        "SELECT json FROM transactions
         WHERE chain_id = ?1 AND sender = ?2 AND {which} ORDER BY nonce"
    );
    let mut statement = connection.prepare_cached(&query).map_err(unavailable)?;
    let (chain_id, sender) = (chain_id.to_string(), from.to_string());
    let mut own: Vec<&dyn rusqlite::ToSql> = vec![&chain_id, &sender];
    if let Some(third) = &third {
        own.push(third);
    }
    let rows =
        statement.query_map(own.as_slice(), |row| row.get::<_, String>(0)).map_err(unavailable)?;
    rows.map(|json| read(&json.map_err(unavailable)?)).collect()
}

fn write(connection: &Connection, record: &TransactionRecord) -> Result<(), StoreUnavailable> {
    let json =
        serde_json::to_string(record).map_err(|error| StoreUnavailable(error.to_string()))?;
    let refused = matches!(record.state, TransactionState::Refused { .. });
    let nonce = i64::try_from(record.nonce)
        .map_err(|_| StoreUnavailable("the nonce is too large to keep".into()))?;
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO transactions
                 (id, chain_id, sender, nonce, refused, mined, open, created_at, json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET refused = ?5, mined = ?6, open = ?7, json = ?9",
        )
        .map_err(unavailable)?;
    let written = statement.execute(params![
        record.id,
        record.chain_id.to_string(),
        record.from.to_string(),
        nonce,
        refused,
        record.state.is_mined(),
        !record.state.is_final(),
        millis(record.created_at),
        json
    ]);
    written.map(drop).map_err(unavailable)
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn read(json: &str) -> Result<TransactionRecord, StoreUnavailable> {
    serde_json::from_str(json).map_err(|error| StoreUnavailable(error.to_string()))
}

fn unavailable(error: rusqlite::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}
