//! The tables of an object.

use serde::Deserialize;
use worker::{Result, SqlStorage};

/// Each entry brings the tables from its index to the next; applied in order, never twice.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE records (
        request_id  TEXT    NOT NULL,
        leg         INTEGER NOT NULL,
        state       TEXT    NOT NULL,
        open        INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        json        TEXT    NOT NULL,
        PRIMARY KEY (request_id, leg)
    );
    CREATE INDEX records_open ON records (received_at, leg) WHERE open = 1;
    CREATE INDEX records_ended ON records (received_at) WHERE open = 0;

    CREATE TABLE reservations (
        key        TEXT    PRIMARY KEY,
        request_id TEXT    NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reservations_expiry ON reservations (expires_at);

    CREATE TABLE attempts (
        request_id TEXT    PRIMARY KEY,
        failed     INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE outbox (
        id   INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT    NOT NULL,
        json TEXT    NOT NULL
    );
",
    "
    ALTER TABLE records ADD COLUMN lacks_fee INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX records_without_fee ON records (received_at) WHERE lacks_fee = 1;

    ALTER TABLE attempts ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
",
    "
    ALTER TABLE records ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE records ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
    UPDATE records SET due = iif(open = 1, 1, 5), changed = told.id
        FROM (SELECT json ->> 'request_id' AS request_id, json ->> 'leg' AS leg, max(id) AS id
            FROM outbox WHERE kind IN ('record', 'offload') GROUP BY 1, 2) AS told
        WHERE records.request_id = told.request_id AND records.leg = told.leg;
    UPDATE records SET due = due | 2
        FROM (SELECT json ->> 'request_id' AS request_id, json ->> 'leg' AS leg
            FROM outbox WHERE kind = 'notice') AS told
        WHERE records.request_id = told.request_id AND records.leg = told.leg;
    DELETE FROM outbox WHERE kind IN ('record', 'offload', 'notice');
    CREATE INDEX records_due ON records (changed) WHERE due > 0;
",
];

pub(super) fn migrate(sql: &SqlStorage) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        version: usize,
    }
    sql.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)", None)?;
    let rows: Vec<Row> = sql
        .exec("SELECT coalesce(max(version), 0) AS version FROM migrations", None)?
        .to_array()?;
    let found = rows.first().map_or(0, |row| row.version);
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        sql.exec(migration, None)?;
        let version = i64::try_from(version + 1).unwrap_or(i64::MAX);
        sql.exec("INSERT INTO migrations (version) VALUES (?)", vec![version.into()])?;
    }
    Ok(())
}
