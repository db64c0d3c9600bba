//! What is older than it is kept goes, a slice at a time.

use rusqlite::{Connection, params};

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
    pub(super) fn run(self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { now, logs_before, trades_before } = self;
        // No order without an outcome is ever forgotten.
        let slices = [
            ("reservations", "key", "expires_at <= ?1", now),
            ("system_logs", "id", "timestamp < ?1", logs_before / 1_000),
            ("trade_signals", "signal_id", "timestamp < ?1", trades_before / 1_000),
            ("executions", "id", "at < ?1", trades_before),
            ("balances", "id", "timestamp < ?1", trades_before / 1_000),
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
