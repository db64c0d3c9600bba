//! Positions and executions, kept from the fills of records (trade.md §10, data.md §2).

use hoox_connector::{Decimal, PositionSide, Symbol, Venue, parse_decimal};
use hoox_router::{HeldPosition, Holding, PositionFill, Record, apply_fill};
use serde::Deserialize;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Result};

use super::rows::trade_id;
use super::{number, text};

#[derive(Deserialize)]
struct PositionRow {
    exchange: String,
    symbol: String,
    side: String,
    test: i64,
    size: String,
    entry_price: Option<String>,
    realized_pnl: String,
    version: i64,
}

#[derive(Deserialize, Default)]
struct Applied {
    applied_quantity: Option<String>,
    applied_value: Option<String>,
    applied_fee: Option<String>,
    execution_fee: Option<String>,
}

/// What a record's fill does that it has not done yet, however often the record is written.
///
/// The statements fail as one if a position moves between this reading and their writing: another
/// object's order of the same symbol. They are then to be made again.
pub(super) async fn moves(
    database: &D1Database,
    record: &Record,
) -> Result<Vec<D1PreparedStatement>> {
    let Some(execution) = &record.execution else { return Ok(Vec::new()) };
    let quantity = execution.filled_quantity;
    if quantity.is_zero() {
        return Ok(Vec::new());
    }
    let id = trade_id(record.request_id, record.leg);
    let applied = applied(database, &id).await?;
    let before = decimal(applied.applied_quantity.as_deref()).unwrap_or_default();
    let new = quantity.saturating_sub(before);
    let value = execution.average_price.and_then(|price| price.checked_mul(quantity));
    let at = execution.at.unwrap_or(record.updated_at).as_millis();
    let mut statements = Vec::new();
    if new > Decimal::ZERO {
        let price = match (value, decimal(applied.applied_value.as_deref())) {
            (Some(all), Some(before)) => all.checked_sub(before),
            (all, None) if before.is_zero() => all,
            _ => None,
        };
        let price = price.and_then(|value| value.checked_div(new)).map(|it| it.normalize());
        let order = &record.intent.order;
        let fill =
            PositionFill { side: order.side, position: order.position_side, quantity: new, price };
        statements.extend(move_positions(database, record, &fill, at).await?);
    }
    let fee_before = decimal(applied.applied_fee.as_deref()).unwrap_or_default();
    let new_fee = execution.fee.map(|fee| fee.saturating_sub(fee_before));
    if let Some(fee) = new_fee.filter(|fee| !fee.is_zero()) {
        let on_it = match new > Decimal::ZERO {
            // The fee goes to the execution that these statements insert.
            true => Decimal::ZERO,
            false => decimal(applied.execution_fee.as_deref()).unwrap_or_default(),
        };
        statements.push(
            database
                .prepare(
                    "UPDATE executions SET fee = ?2, fee_asset = ?3 WHERE id =
                         (SELECT max(id) FROM executions WHERE trade_id = ?1)",
                )
                .bind(&[
                    id.as_str().into(),
                    plain(on_it.saturating_add(fee)).into(),
                    text(execution.fee_asset.map(|asset| asset.to_string())),
                ])?,
        );
    }
    if !statements.is_empty() {
        statements.push(
            database
                .prepare(
                    "UPDATE trades SET applied_quantity = ?2, applied_value = ?3, applied_fee = ?4
                     WHERE id = ?1",
                )
                .bind(&[
                    id.into(),
                    plain(quantity).into(),
                    text(value.map(plain)),
                    text(execution.fee.map(plain)),
                ])?,
        );
    }
    Ok(statements)
}

async fn applied(database: &D1Database, trade: &str) -> Result<Applied> {
    let statement = database.prepare(
        "SELECT applied_quantity, applied_value, applied_fee,
             (SELECT fee FROM executions e WHERE e.trade_id = t.id ORDER BY e.id DESC LIMIT 1)
                 AS execution_fee
         FROM trades t WHERE t.id = ?",
    );
    Ok(statement.bind(&[trade.into()])?.first(None).await?.unwrap_or_default())
}

async fn move_positions(
    database: &D1Database,
    record: &Record,
    fill: &PositionFill,
    at: u64,
) -> Result<Vec<D1PreparedStatement>> {
    let (venue, symbol, test) = (record.intent.venue, record.intent.symbol, record.signal.test);
    let rows = held(database, venue, symbol, test).await?;
    let version = |side: PositionSide| {
        let row = rows.iter().find(|(holding, _)| holding.side == side);
        row.map_or(0, |(_, version)| *version)
    };
    let mut held: Vec<Holding> = rows.iter().map(|(holding, _)| *holding).collect();
    let leverage = record.intent.order.leverage.or(record.signal.leverage).unwrap_or(1);
    let mut statements = Vec::new();
    for change in apply_fill(&mut held, fill) {
        let Some(holding) = held.iter().find(|holding| holding.side == change.side) else {
            continue;
        };
        let closed_at = if holding.size.is_zero() { number(at) } else { JsValue::NULL };
        let side = side_name(change.side);
        statements.push(
            database
                .prepare(
                    // A version that is not the one that was read leaves NULL, which the table does
                    // not take: the whole transaction fails.
                    "INSERT INTO positions (exchange, symbol, side, test, size, entry_price,
                         realized_pnl, leverage, opened_at, updated_at, closed_at, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?12 + 1)
                     ON CONFLICT (exchange, symbol, side, test) DO UPDATE SET
                         size = excluded.size, entry_price = excluded.entry_price,
                         realized_pnl = excluded.realized_pnl,
                         leverage = iif(?11, excluded.leverage, leverage),
                         opened_at = iif(closed_at IS NULL, opened_at, excluded.opened_at),
                         updated_at = excluded.updated_at, closed_at = excluded.closed_at,
                         version = iif(version = ?12, version + 1, NULL)",
                )
                .bind(&[
                    venue.as_str().into(),
                    symbol.as_str().into(),
                    side.into(),
                    u32::from(test).into(),
                    plain(holding.size).into(),
                    text(holding.entry_price.map(plain)),
                    plain(holding.realized_pnl).into(),
                    leverage.into(),
                    number(at),
                    closed_at,
                    u32::from(change.change > Decimal::ZERO).into(),
                    number(version(change.side).unsigned_abs()),
                ])?,
        );
        statements.push(
            database
                .prepare(
                    "INSERT INTO executions (trade_id, request_id, leg, exchange, symbol, position,
                         test, change, price, realized_pnl, at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(&[
                    trade_id(record.request_id, record.leg).into(),
                    record.request_id.as_str().into(),
                    u32::from(record.leg).into(),
                    venue.as_str().into(),
                    symbol.as_str().into(),
                    side.into(),
                    u32::from(test).into(),
                    plain(change.change).into(),
                    text(fill.price.map(plain)),
                    text(change.realized_pnl.map(plain)),
                    number(at),
                ])?,
        );
    }
    Ok(statements)
}

/// The positions of a symbol, closed ones too, each with the number of times it has moved.
pub(super) async fn held(
    database: &D1Database,
    venue: Venue,
    symbol: Symbol,
    test: bool,
) -> Result<Vec<(Holding, i64)>> {
    let statement = database.prepare(
        "SELECT exchange, symbol, side, test, size, entry_price, realized_pnl, version
         FROM positions WHERE exchange = ? AND symbol = ? AND test = ?",
    );
    let values = [venue.as_str().into(), symbol.as_str().into(), u32::from(test).into()];
    let rows: Vec<PositionRow> = statement.bind(&values)?.all().await?.results()?;
    rows.iter().map(|row| Ok((row.holding()?, row.version))).collect()
}

/// Every open position.
pub(super) async fn open(database: &D1Database) -> Result<Vec<HeldPosition>> {
    let statement = database.prepare(
        "SELECT exchange, symbol, side, test, size, entry_price, realized_pnl, version
         FROM positions WHERE closed_at IS NULL",
    );
    let rows: Vec<PositionRow> = statement.all().await?.results()?;
    let mut open = Vec::new();
    for row in &rows {
        // Names that no exchange and no symbol has were never written by this program.
        let (Ok(venue), Ok(symbol)) = (row.exchange.parse(), Symbol::new(&row.symbol)) else {
            continue;
        };
        open.push(HeldPosition { venue, symbol, test: row.test != 0, holding: row.holding()? });
    }
    Ok(open)
}

impl PositionRow {
    fn holding(&self) -> Result<Holding> {
        let corrupt = || worker::Error::from("a position cannot be read");
        let side = match self.side.as_str() {
            "LONG" => PositionSide::Long,
            _ => PositionSide::Short,
        };
        let size = decimal(Some(&self.size)).ok_or_else(corrupt)?;
        let entry_price = self.entry_price.as_deref();
        let mut holding = Holding::new(side, size, decimal(entry_price));
        holding.realized_pnl = decimal(Some(&self.realized_pnl)).ok_or_else(corrupt)?;
        Ok(holding)
    }
}

const fn side_name(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
    }
}

fn decimal(text: Option<&str>) -> Option<Decimal> {
    parse_decimal(text?).ok()
}

fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}
