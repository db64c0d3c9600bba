//! What transactions are worth, and what of it has left an account in a day.

use hoox_wallet::{DAY, NewTransaction, PolicyError, StoreUnavailable, U256};
use rusqlite::{Connection, params};

use super::unavailable;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS worths (
        id    TEXT    PRIMARY KEY,
        micro INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// What a new transaction is worth, and the limit of the day that it falls under; both in millionths
/// of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// What it is worth.
    pub worth: U256,
    /// What may leave the account on its chain in any 24 hours; none for no limit.
    pub daily: Option<U256>,
}

impl Worth {
    /// What the day's limit has against it. What was refused never left.
    pub(super) fn check(
        &self,
        connection: &Connection,
        new: &NewTransaction,
    ) -> Result<Option<PolicyError>, StoreUnavailable> {
        let Some(limit) = self.daily else { return Ok(None) };
        let mut statement = connection
            .prepare_cached(
                "SELECT micro FROM worths JOIN transactions USING (id)
                 WHERE chain_id = ?1 AND sender = ?2 AND refused = 0 AND created_at > ?3",
            )
            .map_err(unavailable)?;
        let day = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
        let since = i64::try_from(new.at.as_millis().saturating_sub(day)).unwrap_or(i64::MAX);
        let place = params![new.chain_id.to_string(), new.from.to_string(), since];
        let rows = statement.query_map(place, |row| row.get::<_, i64>(0)).map_err(unavailable)?;
        let mut spent = U256::ZERO;
        for row in rows {
            let micro = U256::try_from(row.map_err(unavailable)?).unwrap_or(U256::MAX);
            spent = spent.saturating_add(micro);
        }
        let worth = self.worth;
        let is_above = spent.saturating_add(worth) > limit;
        Ok(is_above.then_some(PolicyError::DailyWorth { worth, spent, limit }))
    }

    pub(super) fn write(&self, connection: &Connection, id: &str) -> Result<(), StoreUnavailable> {
        let micro = i64::try_from(self.worth).unwrap_or(i64::MAX);
        let mut statement = connection
            .prepare_cached("INSERT OR REPLACE INTO worths (id, micro) VALUES (?1, ?2)")
            .map_err(unavailable)?;
        statement.execute(params![id, micro]).map(drop).map_err(unavailable)
    }
}
