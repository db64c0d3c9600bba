//! The tables (data.md §2, with decimals as text), and opening a database that has them.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// Each entry brings a database from its index to the next; applied in order, never twice.
const MIGRATIONS: &[&str] = &[FIRST, QUEUE_AND_POSITIONS, FEWER_PAGES, BALANCES];

/// Pages kept in memory by the one who writes, in KiB as SQLite has it (negative): the working set of a
/// busy day, so that a write reads nothing.
const CACHE_KIB: i64 = -32 * 1024;

const FIRST: &str = "
    CREATE TABLE records (
        request_id  TEXT    NOT NULL,
        leg         INTEGER NOT NULL,
        state       TEXT    NOT NULL,
        open        INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        json        TEXT    NOT NULL,
        PRIMARY KEY (request_id, leg)
    ) WITHOUT ROWID;
    CREATE INDEX records_open ON records (received_at, leg) WHERE open = 1;

    CREATE TABLE reservations (
        key        TEXT    PRIMARY KEY,
        request_id TEXT    NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reservations_expiry ON reservations (expires_at);

    CREATE TABLE trades (
        id              TEXT PRIMARY KEY,
        request_id      TEXT    NOT NULL,
        exchange        TEXT    NOT NULL,
        symbol          TEXT    NOT NULL,
        action          TEXT    NOT NULL,
        side            TEXT    NOT NULL,
        quantity        TEXT    NOT NULL,
        price           TEXT,
        fee             TEXT,
        fee_asset       TEXT,
        order_id        TEXT,
        status          TEXT    NOT NULL,
        leverage        INTEGER,
        client_order_id TEXT    NOT NULL,
        idempotency_key TEXT    NOT NULL,
        error_message   TEXT,
        test            INTEGER NOT NULL,
        created_at      INTEGER NOT NULL,
        updated_at      INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX trades_created ON trades (created_at, id);
    CREATE INDEX trades_symbol ON trades (symbol, created_at);

    CREATE TABLE trade_signals (
        signal_id    TEXT PRIMARY KEY,
        request_id   TEXT    NOT NULL,
        timestamp    INTEGER NOT NULL,
        symbol       TEXT,
        signal_type  TEXT,
        source       TEXT    NOT NULL,
        raw_data     TEXT,
        outcome      TEXT    NOT NULL,
        processed_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX trade_signals_timestamp ON trade_signals (timestamp);

    CREATE TABLE config (
        key   TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;
";

const QUEUE_AND_POSITIONS: &str = "
    CREATE TABLE queue (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT    NOT NULL,
        body       TEXT    NOT NULL,
        attempts   INTEGER NOT NULL,
        queued_at  INTEGER NOT NULL,
        due_at     INTEGER NOT NULL
    );
    CREATE INDEX queue_due ON queue (due_at);
    CREATE INDEX queue_request ON queue (request_id);

    CREATE TABLE dead_letters (
        id         INTEGER PRIMARY KEY,
        request_id TEXT    NOT NULL,
        body       TEXT    NOT NULL,
        reason     TEXT    NOT NULL,
        queued_at  INTEGER NOT NULL,
        at         INTEGER NOT NULL
    );
    CREATE INDEX dead_letters_request ON dead_letters (request_id);

    CREATE TABLE positions (
        exchange     TEXT    NOT NULL,
        symbol       TEXT    NOT NULL,
        side         TEXT    NOT NULL,
        test         INTEGER NOT NULL,
        size         TEXT    NOT NULL,
        entry_price  TEXT,
        realized_pnl TEXT    NOT NULL,
        leverage     INTEGER NOT NULL,
        opened_at    INTEGER NOT NULL,
        updated_at   INTEGER NOT NULL,
        closed_at    INTEGER,
        PRIMARY KEY (exchange, symbol, side, test)
    ) WITHOUT ROWID;

    CREATE TABLE executions (
        id           INTEGER PRIMARY KEY,
        request_id   TEXT    NOT NULL,
        leg          INTEGER NOT NULL,
        exchange     TEXT    NOT NULL,
        symbol       TEXT    NOT NULL,
        position     TEXT    NOT NULL,
        test         INTEGER NOT NULL,
        change       TEXT    NOT NULL,
        price        TEXT,
        realized_pnl TEXT,
        fee          TEXT,
        fee_asset    TEXT,
        at           INTEGER NOT NULL
    );
    CREATE INDEX executions_at ON executions (at);
    CREATE INDEX executions_request ON executions (request_id, leg);

    ALTER TABLE records ADD COLUMN applied_quantity TEXT;
    ALTER TABLE records ADD COLUMN applied_value TEXT;
    ALTER TABLE records ADD COLUMN applied_fee TEXT;
    CREATE INDEX records_ended ON records (received_at) WHERE open = 0;
    CREATE INDEX trades_request ON trades (request_id);
    CREATE INDEX trade_signals_request ON trade_signals (request_id);

    CREATE TABLE system_logs (
        id         INTEGER PRIMARY KEY,
        timestamp  INTEGER NOT NULL,
        level      TEXT    NOT NULL,
        service    TEXT    NOT NULL,
        message    TEXT    NOT NULL,
        details    TEXT,
        request_id TEXT
    );
    CREATE INDEX system_logs_timestamp ON system_logs (timestamp);
    CREATE INDEX system_logs_request ON system_logs (request_id);
    CREATE INDEX system_logs_level ON system_logs (level, timestamp);
    CREATE VIEW system_log_lines AS
        SELECT timestamp AS created_at, service AS worker, message, level AS severity, request_id
        FROM system_logs;
";

/// A record is larger than what a table without a rowid keeps on one page, and spilled over onto a page
/// of its own; and what belongs to a request is found by its key, which begins with its id.
const FEWER_PAGES: &str = "
    CREATE TABLE records_by_row (
        id               INTEGER PRIMARY KEY,
        request_id       TEXT    NOT NULL,
        leg              INTEGER NOT NULL,
        state            TEXT    NOT NULL,
        open             INTEGER NOT NULL,
        received_at      INTEGER NOT NULL,
        json             TEXT    NOT NULL,
        applied_quantity TEXT,
        applied_value    TEXT,
        applied_fee      TEXT,
        UNIQUE (request_id, leg)
    );
    INSERT INTO records_by_row (request_id, leg, state, open, received_at, json,
            applied_quantity, applied_value, applied_fee)
        SELECT request_id, leg, state, open, received_at, json,
            applied_quantity, applied_value, applied_fee
        FROM records ORDER BY received_at, request_id, leg;
    DROP TABLE records;
    ALTER TABLE records_by_row RENAME TO records;
    CREATE INDEX records_open ON records (received_at, leg) WHERE open = 1;
    CREATE INDEX records_ended ON records (received_at) WHERE open = 0;
    DROP INDEX trades_request;
    DROP INDEX trade_signals_request;
";

/// What the accounts were worth, and the days whose loss halted trading.
const BALANCES: &str = "
    CREATE TABLE balances (
        id        INTEGER PRIMARY KEY,
        exchange  TEXT    NOT NULL,
        asset     TEXT    NOT NULL,
        free      TEXT    NOT NULL,
        used      TEXT    NOT NULL,
        total     TEXT    NOT NULL,
        timestamp INTEGER NOT NULL
    );
    CREATE INDEX balances_timestamp ON balances (timestamp);

    CREATE TABLE drawdown_halts (
        day     TEXT PRIMARY KEY,
        start   TEXT    NOT NULL,
        equity  TEXT    NOT NULL,
        percent TEXT    NOT NULL,
        at      INTEGER NOT NULL,
        flat    INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Opens or creates the database for writing, and brings its tables up to date.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let shown = || path.display().to_string();
    let unusable = |cause| OpenError::Database { path: shown(), cause };
    let mut connection = Connection::open(path).map_err(unusable)?;
    configure(&connection).map_err(unusable)?;
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(unusable)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::TooNew { path: shown(), found, known });
    }
    for (version, migration) in (1i64..).zip(MIGRATIONS) {
        if version > found {
            let migrate = |connection: &mut Connection| {
                let transaction = connection.transaction()?;
                transaction.execute_batch(migration)?;
                transaction.pragma_update(None, "user_version", version)?;
                transaction.commit()
            };
            migrate(&mut connection).map_err(unusable)?;
        }
    }
    // A damaged page shows here, not in the middle of an order.
    let sound: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unusable)?;
    if sound != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(unusable(rusqlite::Error::SqliteFailure(code, Some(sound))));
    }
    Ok(connection)
}

/// Opens the database for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // A statement is planned once, whatever its values: else the partial indexes have some planned anew for
    // each value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

#[cfg(test)]
mod tests;
