//! What the accounts were worth, and the days on which too much was lost (data.md §2, `balances`).

use hoox_connector::{Clock, Decimal, parse_decimal};
use hoox_router::{Drawdown, Equity, StoreUnavailable};
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Job;
use super::{SqliteStore, corrupt, millis};

/// The switch that a day's loss turns (data.md §3).
pub(crate) const SWITCH: &str = "trade:kill_switch";

/// A day on which too much was lost.
#[derive(Debug)]
pub(super) struct Halt {
    day: String,
    drawdown: Drawdown,
    at: i64,
}

/// What is known of a day's halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HaltOf {
    /// Every position was certainly closed.
    Flat,
    /// Positions may be open.
    NotFlat,
}

impl SqliteStore {
    /// Writes down what accounts are worth.
    pub(crate) async fn note_balances(
        &self,
        equities: Vec<Equity>,
    ) -> Result<(), StoreUnavailable> {
        self.inner.writer.written(Job::Balances(equities)).await
    }

    /// The first worth of each exchange that was written down at `since` or later, in seconds.
    pub(crate) fn first_balances(
        &self,
        since: i64,
    ) -> Result<Vec<(String, Decimal)>, StoreUnavailable> {
        let rows: Vec<(String, String)> = self.read(|connection| {
            // SQLite takes the bare columns from the row of the minimum.
            let mut statement = connection.prepare_cached(
                "SELECT exchange, total, min(id) FROM balances WHERE timestamp >= ?1
                 GROUP BY exchange",
            )?;
            let rows = statement.query_map([since], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let parsed = rows.into_iter().map(|(exchange, total)| {
            Ok((exchange, parse_decimal(&total).map_err(|_| corrupt("total"))?))
        });
        parsed.collect()
    }

    /// Turns the kill switch on because of a day's loss, once a day; it is durable when this returns.
    pub(crate) async fn halt(&self, day: &str, drawdown: Drawdown) -> Result<(), StoreUnavailable> {
        let at = millis(self.inner.clock.now());
        let halt = Halt { day: day.to_owned(), drawdown, at };
        self.inner.writer.synced(Job::Halt(Box::new(halt))).await
    }

    /// Notes that after a day's halt everything is flat.
    pub(crate) async fn flat(&self, day: &str) -> Result<(), StoreUnavailable> {
        self.inner.writer.synced(Job::Flat(day.to_owned())).await
    }

    /// Whether trading was halted because of a day's loss.
    pub(crate) fn halt_of(&self, day: &str) -> Result<Option<HaltOf>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT flat FROM drawdown_halts WHERE day = ?1")?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(if row.get(0)? { HaltOf::Flat } else { HaltOf::NotFlat })
            };
            statement.query_row([day], row).optional()
        })
    }
}

pub(super) fn write(connection: &Connection, equities: &[Equity]) -> rusqlite::Result<()> {
    for equity in equities {
        connection
            .prepare_cached(
                "INSERT INTO balances (exchange, asset, free, used, total, timestamp)
                 VALUES (?1, 'USDT', ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                equity.venue.as_str(),
                text(equity.free),
                text(equity.used),
                text(equity.total),
                millis(equity.at) / 1_000
            ])?;
    }
    Ok(())
}

impl Halt {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Drawdown { start, now, percent, .. } = self.drawdown;
        let new = connection
            .prepare_cached(
                "INSERT INTO drawdown_halts (day, start, equity, percent, at, flat)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                self.day,
                text(start),
                text(now),
                percent.round_dp(4).normalize().to_string(),
                self.at
            ])?;
        // The operator may have turned it off since.
        if new == 0 {
            return Ok(());
        }
        connection
            .prepare_cached("INSERT OR REPLACE INTO config (key, value) VALUES (?1, 'true')")?
            .execute([SWITCH])
            .map(drop)
    }
}

pub(super) fn write_flat(connection: &Connection, day: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE drawdown_halts SET flat = 1 WHERE day = ?1")?
        .execute([day])
        .map(drop)
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}
