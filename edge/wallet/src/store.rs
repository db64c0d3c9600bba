//! The transactions of one account on one chain: SQLite in the Durable Object itself.
//!
//! Statements of one turn are one transaction, and nothing leaves the object before what was written is
//! on stable storage: the platform's output gate is the sync.

use std::collections::BTreeSet;
use std::rc::Rc;

use hoox_connector::Timestamp;
use hoox_wallet::{
    Address, AllocateError, Allocated, Attempt, DAY, NewTransaction, SignError, StoreUnavailable,
    TransactionRecord, TransactionState, TransactionStore, Turn, U256, spent,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::{SqlStorage, SqlStorageValue};

/// The unique index is the last word on nonces: whatever a program does wrong, no two transactions
/// that may be executed share one.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS transactions (
        id         TEXT    PRIMARY KEY,
        sender     TEXT    NOT NULL,
        nonce      INTEGER NOT NULL,
        refused    INTEGER NOT NULL,
        mined      INTEGER NOT NULL,
        open       INTEGER NOT NULL,
        told       INTEGER NOT NULL,
        alerted    INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        json       TEXT    NOT NULL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS transactions_nonce
        ON transactions (sender, nonce) WHERE refused = 0;
    CREATE INDEX IF NOT EXISTS transactions_mined ON transactions (sender, nonce) WHERE mined = 1;
    CREATE INDEX IF NOT EXISTS transactions_open ON transactions (sender, nonce) WHERE open = 1;
    CREATE INDEX IF NOT EXISTS transactions_told ON transactions (created_at) WHERE told = 0;
    CREATE INDEX IF NOT EXISTS transactions_created ON transactions (sender, created_at);

    CREATE TABLE IF NOT EXISTS worths (
        id    TEXT    PRIMARY KEY,
        micro INTEGER NOT NULL,
        at    INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS worths_at ON worths (at);

    CREATE TABLE IF NOT EXISTS turns (
        chain  TEXT    NOT NULL,
        sender TEXT    NOT NULL,
        token  TEXT    NOT NULL,
        name   TEXT    NOT NULL,
        until  INTEGER NOT NULL,
        PRIMARY KEY (chain, sender, token)
    ) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS confirmations (
        id         TEXT    PRIMARY KEY,
        job        TEXT    NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// How many records one round tells the ledger of.
const TELL_MAX: i64 = 50;

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ObjectStore(Rc<SqlStorage>);

impl ObjectStore {
    /// Opens the object's database, and brings its tables up to date.
    pub(crate) fn open(sql: SqlStorage) -> Self {
        // A failure shows with the first statement that needs the tables.
        let _ = sql.exec(SCHEMA, None);
        // What a crash left between the policy and the signature spends nothing.
        let _ = sql.exec("DELETE FROM worths WHERE id NOT IN (SELECT id FROM transactions)", None);
        Self(Rc::new(sql))
    }

    /// Keeps what is to be confirmed until `until`, in milliseconds.
    pub(crate) fn ask_confirmation(
        &self,
        id: &str,
        job: &str,
        until: i64,
    ) -> Result<(), StoreUnavailable> {
        self.exec(
            "INSERT INTO confirmations (id, job, expires_at) VALUES (?, ?, ?)",
            vec![id.into(), job.into(), until.into()],
        )
    }

    /// Whether `id` confirms `job`. It does so once.
    pub(crate) fn confirm(&self, id: &str, job: &str, now: i64) -> Result<bool, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            job: String,
        }
        self.exec("DELETE FROM confirmations WHERE expires_at <= ?", vec![now.into()])?;
        let rows: Vec<Row> =
            self.rows("SELECT job FROM confirmations WHERE id = ?", vec![id.into()])?;
        let confirms = rows.first().is_some_and(|row| row.job == job);
        if confirms {
            self.exec("DELETE FROM confirmations WHERE id = ?", vec![id.into()])?;
        }
        Ok(confirms)
    }

    /// Counts `worth`, in millionths of a dollar, as spent by the request `id`.
    pub(crate) fn spend(&self, id: &str, worth: U256, now: i64) -> Result<(), StoreUnavailable> {
        // Numbers come back from JavaScript, which counts exactly up to here.
        let micro = i64::try_from(worth).unwrap_or(i64::MAX).min((1 << 53) - 1);
        self.exec(
            "INSERT INTO worths (id, micro, at) VALUES (?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET micro = excluded.micro, at = excluded.at",
            vec![id.into(), micro.into(), now.into()],
        )
    }

    /// The request `id` has spent nothing, unless there is a transaction of it.
    pub(crate) fn unspend(&self, id: &str) -> Result<(), StoreUnavailable> {
        self.exec(
            "DELETE FROM worths WHERE id = ?1 AND id NOT IN (SELECT id FROM transactions)",
            vec![id.into()],
        )
    }

    /// What was spent in the 24 hours before `now`, in millionths of a dollar.
    pub(crate) fn spent(&self, now: i64) -> Result<U256, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            micro: i64,
        }
        let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let rows: Vec<Row> = self.rows(
            "SELECT micro FROM worths WHERE at > ?
                 AND id NOT IN (SELECT id FROM transactions WHERE refused = 1)",
            vec![now.saturating_sub(day).into()],
        )?;
        let worths = rows.into_iter().map(|row| U256::try_from(row.micro).unwrap_or(U256::MAX));
        Ok(worths.fold(U256::ZERO, U256::saturating_add))
    }

    /// When the oldest transaction was signed that has not come to its end.
    pub(crate) fn oldest_open(&self) -> Result<Option<Timestamp>, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            at: Option<u64>,
        }
        let sql = "SELECT min(created_at) AS at FROM transactions WHERE open = 1";
        let rows: Vec<Row> = self.rows(sql, Vec::new())?;
        Ok(rows.into_iter().find_map(|row| row.at).map(Timestamp::from_millis))
    }

    /// Records that the ledger does not know as they are, oldest first.
    pub(crate) fn untold(&self) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        self.records(
            "SELECT json FROM transactions WHERE told = 0 ORDER BY created_at LIMIT ?",
            vec![TELL_MAX.into()],
        )
    }

    /// The ledger has this record as it is.
    pub(crate) fn told(&self, record: &TransactionRecord) -> Result<(), StoreUnavailable> {
        self.exec(
            "UPDATE transactions SET told = 1 WHERE id = ? AND json = ?",
            vec![record.id.as_str().into(), text(record)?.into()],
        )
    }

    /// Whether nobody was alerted of this transaction yet; from now on somebody was.
    pub(crate) fn alert_once(&self, id: &str) -> Result<bool, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            alerted: i64,
        }
        let rows: Vec<Row> =
            self.rows("SELECT alerted FROM transactions WHERE id = ?", vec![id.into()])?;
        self.exec("UPDATE transactions SET alerted = 1 WHERE id = ?", vec![id.into()])?;
        Ok(rows.first().is_some_and(|row| row.alerted == 0))
    }

    /// Whether something is left to do with nobody asking.
    pub(crate) fn is_busy(&self) -> Result<bool, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            busy: i64,
        }
        let rows: Vec<Row> = self.rows(
            "SELECT EXISTS (SELECT 1 FROM transactions WHERE open = 1)
                 OR EXISTS (SELECT 1 FROM transactions WHERE told = 0) AS busy",
            Vec::new(),
        )?;
        Ok(rows.first().is_some_and(|row| row.busy != 0))
    }

    fn read(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        let found = self.records("SELECT json FROM transactions WHERE id = ?", vec![id.into()])?;
        Ok(found.into_iter().next())
    }

    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreUnavailable> {
        let record = self.read(id)?;
        let mut record =
            record.ok_or_else(|| StoreUnavailable("there is no such record".into()))?;
        change(&mut record);
        self.write(&record)
    }

    fn write(&self, record: &TransactionRecord) -> Result<(), StoreUnavailable> {
        let nonce = i64::try_from(record.nonce)
            .map_err(|_| StoreUnavailable("the nonce is too large to keep".into()))?;
        let refused = matches!(record.state, TransactionState::Refused { .. });
        self.exec(
            "INSERT INTO transactions
                 (id, sender, nonce, refused, mined, open, told, created_at, json)
             VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)
             ON CONFLICT (id) DO UPDATE SET refused = excluded.refused, mined = excluded.mined,
                 open = excluded.open, told = 0, json = excluded.json",
            vec![
                record.id.as_str().into(),
                record.from.to_string().into(),
                nonce.into(),
                // As numbers: the platform stores a boolean as the text `true` or `false`.
                i32::from(refused).into(),
                i32::from(record.state.is_mined()).into(),
                i32::from(!record.state.is_final()).into(),
                millis(record.created_at).into(),
                text(record)?.into(),
            ],
        )
    }

    /// The nonces that matter for the next one: the highest, those from the node's on, and the highest
    /// in a block.
    fn nonces(
        &self,
        new: &NewTransaction,
    ) -> Result<(BTreeSet<u64>, Option<u64>), StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            nonce: Option<u64>,
        }
        let sender = new.from.to_string();
        let mined: Vec<Row> = self.rows(
            "SELECT max(nonce) AS nonce FROM transactions WHERE sender = ? AND mined = 1",
            vec![sender.as_str().into()],
        )?;
        let from = i64::try_from(new.nonce.reported).unwrap_or(i64::MAX);
        let taken: Vec<Row> = self.rows(
            "SELECT nonce FROM transactions WHERE sender = ?1 AND refused = 0 AND nonce >= ?2
             UNION SELECT max(nonce) FROM transactions WHERE sender = ?1 AND refused = 0",
            vec![sender.as_str().into(), from.into()],
        )?;
        let taken = taken.into_iter().filter_map(|row| row.nonce).collect();
        Ok((taken, mined.into_iter().find_map(|row| row.nonce)))
    }

    fn records(
        &self,
        sql: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            json: String,
        }
        let rows: Vec<Row> = self.rows(sql, values)?;
        let read = |row: Row| serde_json::from_str(&row.json);
        rows.into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|_| StoreUnavailable("a record cannot be read".into()))
    }

    fn exec(&self, sql: &str, values: Vec<SqlStorageValue>) -> Result<(), StoreUnavailable> {
        self.0.exec(sql, values).map(drop).map_err(unavailable)
    }

    fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>, StoreUnavailable> {
        self.0.exec(sql, values).and_then(|cursor| cursor.to_array()).map_err(unavailable)
    }
}

impl TransactionStore for ObjectStore {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        // Nothing is awaited here, so that nothing comes between.
        if let Some(known) = self.read(&new.id)? {
            return Ok(Allocated::Known(known));
        }
        if !new.daily.is_empty() {
            let at = millis(new.at);
            let since = at.saturating_sub(i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX));
            let recent = self.records(
                "SELECT json FROM transactions
                 WHERE sender = ? AND refused = 0 AND created_at > ?",
                vec![new.from.to_string().into(), since.into()],
            )?;
            for limit in &new.daily {
                limit.check(spent(recent.iter(), limit.spend.asset))?;
            }
        }
        let (taken, mined) = self.nonces(&new)?;
        let nonce = new.choose_nonce(&taken, mined)?;
        let record = {
            let attempt = sign(nonce)?;
            new.signed(nonce, attempt)
        };
        self.write(&record)?;
        Ok(Allocated::New(record))
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.attempts.push(attempt.clone()))
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.becomes(state))
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        self.read(id)
    }

    async fn open(
        &self,
        _: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        self.records(
            "SELECT json FROM transactions WHERE sender = ? AND open = 1 ORDER BY nonce",
            vec![from.to_string().into()],
        )
    }

    async fn with_nonce(
        &self,
        _: u64,
        from: Address,
        nonce: u64,
    ) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        let nonce = i64::try_from(nonce).unwrap_or(i64::MAX);
        let found = self.records(
            "SELECT json FROM transactions WHERE sender = ? AND nonce = ? AND refused = 0",
            vec![from.to_string().into(), nonce.into()],
        )?;
        Ok(found.into_iter().next())
    }

    async fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        let [chain, sender, token] = turn_key(turn);
        let rows: Vec<serde::de::IgnoredAny> = self.rows(
            "INSERT INTO turns (chain, sender, token, name, until) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (chain, sender, token) DO UPDATE SET name = ?4, until = ?5
                 WHERE name = ?4 OR until <= ?6
             RETURNING name",
            vec![
                chain,
                sender,
                token,
                turn.name.as_str().into(),
                millis(until).into(),
                millis(now).into(),
            ],
        )?;
        Ok(!rows.is_empty())
    }

    async fn end_turn(&self, turn: &Turn) -> Result<(), StoreUnavailable> {
        let [chain, sender, token] = turn_key(turn);
        self.exec(
            "DELETE FROM turns WHERE chain = ? AND sender = ? AND token = ? AND name = ?",
            vec![chain, sender, token, turn.name.as_str().into()],
        )
    }
}

fn turn_key(turn: &Turn) -> [SqlStorageValue; 3] {
    [turn.chain_id.to_string(), turn.owner.to_string(), turn.token.to_string()].map(Into::into)
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn text(record: &TransactionRecord) -> Result<String, StoreUnavailable> {
    serde_json::to_string(record)
        .map_err(|error| StoreUnavailable(format!("cannot serialise a record: {error}")))
}

fn unavailable(error: worker::Error) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}
