//! What the program itself asks of the tables.

use hoox_connector::{Decimal, parse_decimal};
use rusqlite::OptionalExtension;

use super::{SqliteStore, StoreUnavailable, corrupt};

impl SqliteStore {
    /// The rows of the `trades` table, newest first.
    pub(crate) fn trades(&self, limit: usize) -> Result<Vec<TradeRow>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT request_id, exchange, symbol, action, side, quantity, price, fee, order_id,
                        status, error_message, created_at
                 FROM trades ORDER BY created_at DESC, id DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(TradeRow {
                    request_id: row.get(0)?,
                    exchange: row.get(1)?,
                    symbol: row.get(2)?,
                    action: row.get(3)?,
                    side: row.get(4)?,
                    quantity: row.get(5)?,
                    price: row.get(6)?,
                    fee: row.get(7)?,
                    order_id: row.get(8)?,
                    status: row.get(9)?,
                    error_message: row.get(10)?,
                    created_at: row.get(11)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The latest record of a request, as JSON.
    pub(crate) fn record_json(&self, request_id: &str) -> Result<Option<String>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT json FROM records WHERE request_id = ?1 AND leg = 0")?;
            statement.query_row([request_id], |row| row.get(0)).optional()
        })
    }

    /// Every order that filled, as client order id and quantity.
    pub(crate) fn fills(&self) -> Result<Vec<(String, Decimal)>, StoreUnavailable> {
        let rows: Vec<(String, String)> = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT client_order_id, quantity FROM trades WHERE status IN ('Filled', 'Partial')",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let parse = |(id, quantity): (String, String)| {
            let quantity = parse_decimal(&quantity).map_err(|_| corrupt("quantity"))?;
            Ok((id, quantity.normalize()))
        };
        rows.into_iter().map(parse).collect()
    }

    /// How many trades there are, by status.
    pub(crate) fn trade_counts(&self) -> Result<Vec<(String, i64)>, StoreUnavailable> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT status, count(*) FROM trades GROUP BY status")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }
}

/// A row of the `trades` table (data.md §2); decimals are text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct TradeRow {
    pub(crate) request_id: String,
    pub(crate) exchange: String,
    pub(crate) symbol: String,
    pub(crate) action: String,
    pub(crate) side: String,
    pub(crate) quantity: String,
    pub(crate) price: Option<String>,
    pub(crate) fee: Option<String>,
    pub(crate) order_id: Option<String>,
    pub(crate) status: String,
    pub(crate) error_message: Option<String>,
    pub(crate) created_at: i64,
}
