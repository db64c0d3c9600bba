//! Positions and executions, kept from the fills of records (trade.md §10, data.md §2).

use hoox_connector::{Decimal, PositionSide, Symbol, parse_decimal};
use hoox_router::{HeldPosition, Holding, PositionFill, Record, apply_fill};
use rusqlite::{Connection, OptionalExtension, params};

/// What of a record is in the positions, to be kept with it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) quantity: String,
    pub(super) value: Option<String>,
    pub(super) fee: Option<String>,
}

/// What a record says has filled.
#[derive(Debug)]
pub(super) struct Fill {
    request_id: String,
    leg: u8,
    exchange: String,
    symbol: String,
    test: bool,
    leverage: u32,
    fill: PositionFill,
    value: Option<Decimal>,
    fee: Option<Decimal>,
    fee_asset: Option<String>,
    at: i64,
}

impl Fill {
    /// The fill of a record, if it has one.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let execution = record.execution.as_ref()?;
        let quantity = execution.filled_quantity;
        if quantity.is_zero() {
            return None;
        }
        let order = &record.intent.order;
        let price = execution.average_price;
        Some(Self {
            request_id: record.request_id.to_string(),
            leg: record.leg,
            exchange: record.intent.venue.to_string(),
            symbol: record.intent.symbol.to_string(),
            test: record.signal.test,
            leverage: order.leverage.or(record.signal.leverage).unwrap_or(1),
            fill: PositionFill { side: order.side, position: order.position_side, quantity, price },
            value: price.and_then(|price| price.checked_mul(quantity)),
            fee: execution.fee,
            fee_asset: execution.fee_asset.map(|asset| asset.to_string()),
            at: super::millis(execution.at.unwrap_or(record.updated_at)),
        })
    }

    /// Moves the positions by what has not been applied of the record before: a record is written
    /// many times, and its fill counts once. Tells what is applied from now on, if that is new.
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<Option<Applied>> {
        let (quantity, value, fee) = self.applied(connection)?;
        let new = self.fill.quantity.saturating_sub(quantity);
        if new > Decimal::ZERO {
            let price = match (self.value, value) {
                (Some(all), Some(before)) => all.checked_sub(before),
                (all, None) if quantity.is_zero() => all,
                _ => None,
            };
            let price = price.and_then(|value| value.checked_div(new)).map(|it| it.normalize());
            self.move_positions(connection, PositionFill { quantity: new, price, ..self.fill })?;
        }
        let new_fee = self.fee.map(|all| all.saturating_sub(fee)).filter(|fee| !fee.is_zero());
        if let Some(fee) = new_fee {
            self.add_fee(connection, fee)?;
        }
        Ok((new > Decimal::ZERO || new_fee.is_some()).then(|| Applied {
            quantity: text(self.fill.quantity),
            value: self.value.map(text),
            fee: self.fee.map(text),
        }))
    }

    fn applied(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<(Decimal, Option<Decimal>, Decimal)> {
        let mut statement = connection.prepare_cached(
            "SELECT applied_quantity, applied_value, applied_fee FROM records
             WHERE request_id = ?1 AND leg = ?2",
        )?;
        let row = statement.query_row(params![self.request_id, self.leg], |row| {
            Ok((decimal(row, 0)?, decimal(row, 1)?, decimal(row, 2)?))
        });
        let (quantity, value, fee) = row.optional()?.unwrap_or_default();
        Ok((quantity.unwrap_or_default(), value, fee.unwrap_or_default()))
    }

    fn move_positions(&self, connection: &Connection, fill: PositionFill) -> rusqlite::Result<()> {
        let mut held = held(connection, &self.exchange, &self.symbol, self.test)?;
        for change in apply_fill(&mut held, &fill) {
            let Some(holding) = held.iter().find(|holding| holding.side == change.side) else {
                continue;
            };
            let side = side_name(change.side);
            let closed_at = holding.size.is_zero().then_some(self.at);
            connection
                .prepare_cached(
                    "INSERT INTO positions (exchange, symbol, side, test, size, entry_price,
                         realized_pnl, leverage, opened_at, updated_at, closed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)
                     ON CONFLICT DO UPDATE SET size = excluded.size,
                         entry_price = excluded.entry_price, realized_pnl = excluded.realized_pnl,
                         leverage = iif(?11, excluded.leverage, leverage),
                         opened_at = iif(closed_at IS NULL, opened_at, excluded.opened_at),
                         updated_at = excluded.updated_at, closed_at = excluded.closed_at",
                )?
                .execute(params![
                    self.exchange,
                    self.symbol,
                    side,
                    self.test,
                    text(holding.size),
                    holding.entry_price.map(text),
                    text(holding.realized_pnl),
                    self.leverage,
                    self.at,
                    closed_at,
                    change.change > Decimal::ZERO,
                ])?;
            connection
                .prepare_cached(
                    "INSERT INTO executions (request_id, leg, exchange, symbol, position, test,
                         change, price, realized_pnl, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    self.request_id,
                    self.leg,
                    self.exchange,
                    self.symbol,
                    side,
                    self.test,
                    text(change.change),
                    fill.price.map(text),
                    change.realized_pnl.map(text),
                    self.at,
                ])?;
        }
        Ok(())
    }

    /// Adds to the newest execution of the record, which a fee follows.
    fn add_fee(&self, connection: &Connection, fee: Decimal) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT id, fee FROM executions WHERE request_id = ?1 AND leg = ?2
             ORDER BY id DESC LIMIT 1",
        )?;
        let newest = statement.query_row(params![self.request_id, self.leg], |row| {
            Ok((row.get::<_, i64>(0)?, decimal(row, 1)?))
        });
        let Some((id, before)) = newest.optional()? else { return Ok(()) };
        let fee = before.unwrap_or_default().saturating_add(fee);
        connection
            .prepare_cached("UPDATE executions SET fee = ?2, fee_asset = ?3 WHERE id = ?1")?
            .execute(params![id, text(fee), self.fee_asset])
            .map(drop)
    }
}

/// The positions of a symbol, closed ones too.
pub(super) fn held(
    connection: &Connection,
    exchange: &str,
    symbol: &str,
    test: bool,
) -> rusqlite::Result<Vec<Holding>> {
    let mut statement = connection.prepare_cached(
        "SELECT side, size, entry_price, realized_pnl FROM positions
         WHERE exchange = ?1 AND symbol = ?2 AND test = ?3",
    )?;
    let rows = statement.query_map(params![exchange, symbol, test], |row| {
        let side = match row.get_ref(0)?.as_str()? {
            "LONG" => PositionSide::Long,
            _ => PositionSide::Short,
        };
        let mut holding =
            Holding::new(side, decimal(row, 1)?.unwrap_or_default(), decimal(row, 2)?);
        holding.realized_pnl = decimal(row, 3)?.unwrap_or_default();
        Ok(holding)
    })?;
    rows.collect()
}

/// Every open position.
pub(super) fn open(connection: &Connection) -> rusqlite::Result<Vec<HeldPosition>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT exchange, symbol, test FROM positions WHERE closed_at IS NULL",
    )?;
    let mut rows = statement.query([])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let (exchange, name, test): (String, String, bool) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        // Names that no exchange and no symbol has were never written by this program.
        let (Ok(venue), Ok(symbol)) = (exchange.parse(), Symbol::new(&name)) else { continue };
        let held = held(connection, &exchange, &name, test)?;
        let held = held.into_iter().filter(|holding| !holding.size.is_zero());
        open.extend(held.map(|holding| HeldPosition { venue, symbol, test, holding }));
    }
    Ok(open)
}

/// The documented name of a position's side.
pub(super) const fn side_name(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
    }
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

fn decimal(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Option<Decimal>> {
    let Some(text) = row.get::<_, Option<String>>(index)? else { return Ok(None) };
    parse_decimal(&text).map(Some).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, Box::new(error))
    })
}
