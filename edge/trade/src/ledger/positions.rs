//! Positions and executions, kept from the fills of records (trade.md §10, data.md §2).

use std::collections::HashMap;

use hoox_connector::{Decimal, PositionSide, Symbol, Venue, parse_decimal};
use hoox_router::{HeldPosition, Holding, PositionFill, Record, apply_fill};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::{D1Database, Result};

use super::rows::{Table, trade_id};
use super::statement;

const POSITIONS: Table = Table::new(
    "positions",
    &[
        "exchange",
        "symbol",
        "side",
        "test",
        "size",
        "entry_price",
        "realized_pnl",
        "leverage",
        "opened_at",
        "updated_at",
        "closed_at",
        "version",
    ],
    // A version that is not the one that was read leaves NULL, which the table does not take: the
    // whole transaction fails.
    "ON CONFLICT (exchange, symbol, side, test) DO UPDATE SET
         size = excluded.size, entry_price = excluded.entry_price,
         realized_pnl = excluded.realized_pnl, leverage = excluded.leverage,
         opened_at = excluded.opened_at, updated_at = excluded.updated_at,
         closed_at = excluded.closed_at,
         version = iif(version = excluded.version - 1, excluded.version, NULL)",
);

const EXECUTIONS: Table = Table::new(
    "executions",
    &[
        "trade_id",
        "request_id",
        "leg",
        "exchange",
        "symbol",
        "position",
        "test",
        "change",
        "price",
        "realized_pnl",
        "fee",
        "fee_asset",
        "at",
    ],
    "",
);

/// A fee that is known only after its execution was written down.
const LATE_FEES: &str = "UPDATE executions SET fee = late.fee, fee_asset = late.fee_asset FROM
         (SELECT value ->> 'trade' AS trade, value ->> 'fee' AS fee,
             value ->> 'fee_asset' AS fee_asset FROM json_each(?1)) AS late
     WHERE executions.id = (SELECT max(id) FROM executions e WHERE e.trade_id = late.trade)";

/// What of a trade's fill its position has had.
const APPLIED: &str = "UPDATE trades SET applied_quantity = had.quantity,
         applied_value = had.worth, applied_fee = had.fee FROM
         (SELECT value ->> 'trade' AS trade, value ->> 'quantity' AS quantity,
             value ->> 'worth' AS worth, value ->> 'fee' AS fee FROM json_each(?1)) AS had
     WHERE trades.id = had.trade";

const COLUMNS: &str = "exchange, symbol, side, test, size, entry_price, realized_pnl, leverage,
     opened_at, updated_at, closed_at, version";

#[derive(Deserialize)]
struct PositionRow {
    exchange: String,
    symbol: String,
    side: String,
    test: u8,
    size: String,
    entry_price: Option<String>,
    realized_pnl: String,
    leverage: u32,
    opened_at: u64,
    updated_at: u64,
    closed_at: Option<u64>,
    version: u64,
}

#[derive(Deserialize, Default)]
struct Applied {
    id: String,
    applied_quantity: Option<String>,
    applied_value: Option<String>,
    applied_fee: Option<String>,
    execution_fee: Option<String>,
}

/// A symbol of one account.
type Place = (Venue, Symbol, bool);

/// A position's row as it was, or is to be.
#[derive(Clone, Copy, Default)]
struct Rest {
    leverage: u32,
    opened_at: u64,
    updated_at: u64,
    closed_at: Option<u64>,
    version: u64,
}

/// The positions of a symbol, closed ones too, while fills move them.
#[derive(Default)]
struct Book {
    holdings: Vec<Holding>,
    rest: HashMap<PositionSide, Rest>,
    moved: Vec<PositionSide>,
}

/// What the fills of some records do that they have not done yet, however often they are written:
/// statements, each with the rows that it takes.
///
/// The statements fail as one if a position moves between this reading and their writing: another
/// object's order of the same symbol. They are then to be made again.
pub(super) async fn moves(
    database: &D1Database,
    records: &[&Record],
) -> Result<Vec<(String, Vec<Value>)>> {
    let filled: Vec<&Record> = records.iter().copied().filter(|it| is_filled(it)).collect();
    if filled.is_empty() {
        return Ok(Vec::new());
    }
    let (mut applied, mut books) = read(database, &filled).await?;
    let (mut executions, mut late, mut had) = (Vec::new(), Vec::new(), Vec::new());
    for record in filled {
        let Some(execution) = &record.execution else { continue };
        let trade = trade_id(record.request_id, record.leg);
        let applied = applied.remove(&trade).unwrap_or_default();
        let quantity = execution.filled_quantity;
        let before = decimal(applied.applied_quantity.as_deref()).unwrap_or_default();
        let new = quantity.saturating_sub(before);
        let value = execution.average_price.and_then(|price| price.checked_mul(quantity));
        let fee_before = decimal(applied.applied_fee.as_deref()).unwrap_or_default();
        let fee = execution.fee.map(|fee| fee.saturating_sub(fee_before));
        let fee = fee.filter(|fee| !fee.is_zero());
        if new <= Decimal::ZERO && fee.is_none() {
            continue;
        }
        let first = executions.len();
        if new > Decimal::ZERO {
            let price = match (value, decimal(applied.applied_value.as_deref())) {
                (Some(all), Some(before)) => all.checked_sub(before),
                (all, None) if before.is_zero() => all,
                _ => None,
            };
            let price = price.and_then(|value| value.checked_div(new)).map(|it| it.normalize());
            let book = books.entry(place(record)).or_default();
            book.apply(record, &trade, (new, price), &mut executions);
        }
        if let Some(fee) = fee {
            let asset = execution.fee_asset.map(|asset| asset.to_string());
            match executions.get_mut(first..).and_then(<[Value]>::last_mut) {
                Some(Value::Object(row)) => {
                    row.insert("fee".into(), plain(fee).into());
                    row.insert("fee_asset".into(), asset.into());
                }
                _ => {
                    let on_it = decimal(applied.execution_fee.as_deref()).unwrap_or_default();
                    let fee = plain(on_it.saturating_add(fee));
                    late.push(json!({ "trade": trade, "fee": fee, "fee_asset": asset }));
                }
            }
        }
        had.push(json!({
            "trade": trade, "quantity": plain(quantity), "worth": value.map(plain),
            "fee": execution.fee.map(plain),
        }));
    }
    let positions = books.iter().flat_map(|(place, book)| book.rows(*place)).collect();
    Ok(vec![
        (POSITIONS.insert(), positions),
        (EXECUTIONS.insert(), executions),
        (LATE_FEES.to_owned(), late),
        (APPLIED.to_owned(), had),
    ])
}

/// What the ledger has of these records' trades, and of their symbols' positions: one round trip.
async fn read(
    database: &D1Database,
    records: &[&Record],
) -> Result<(HashMap<String, Applied>, HashMap<Place, Book>)> {
    let trades = records.iter().map(|it| trade_id(it.request_id, it.leg).into()).collect();
    let places = records.iter().map(|it| {
        let (venue, symbol, test) = place(it);
        json!([venue.as_str(), symbol.as_str(), u8::from(test)])
    });
    let applied = "SELECT id, applied_quantity, applied_value, applied_fee,
             (SELECT fee FROM executions e WHERE e.trade_id = t.id ORDER BY e.id DESC LIMIT 1)
                 AS execution_fee
         FROM trades t WHERE t.id IN (SELECT value FROM json_each(?1))";
    let held = format!(
        "SELECT {COLUMNS} FROM positions WHERE (exchange, symbol, test) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))"
    );
    let statements =
        vec![statement(database, applied, trades)?, statement(database, &held, places.collect())?];
    let results = database.batch(statements).await?;
    let [applied, held] = results.as_slice() else { return Err("a result is missing".into()) };
    let applied = applied.results::<Applied>()?.into_iter().map(|row| (row.id.clone(), row));
    let mut books: HashMap<Place, Book> = HashMap::new();
    for row in held.results::<PositionRow>()? {
        let Some(place) = row.place() else { continue };
        let (holding, rest) = (row.holding()?, row.rest());
        let book = books.entry(place).or_default();
        book.rest.insert(holding.side, rest);
        book.holdings.push(holding);
    }
    Ok((applied.collect(), books))
}

impl Book {
    /// Moves the positions by what is new of a record's fill.
    fn apply(
        &mut self,
        record: &Record,
        trade: &str,
        (quantity, price): (Decimal, Option<Decimal>),
        executions: &mut Vec<Value>,
    ) {
        let at = record.execution.as_ref().and_then(|it| it.at).unwrap_or(record.updated_at);
        let order = &record.intent.order;
        let fill =
            PositionFill { side: order.side, position: order.position_side, quantity, price };
        let leverage = order.leverage.or(record.signal.leverage).unwrap_or(1);
        for change in apply_fill(&mut self.holdings, &fill) {
            let side = change.side;
            let Some(holding) = self.holdings.iter().find(|holding| holding.side == side) else {
                continue;
            };
            let rest = self.rest.entry(side).or_default();
            if rest.version == 0 || rest.closed_at.is_some() {
                rest.opened_at = at.as_millis();
            }
            if rest.version == 0 || change.change > Decimal::ZERO {
                rest.leverage = leverage;
            }
            rest.updated_at = at.as_millis();
            rest.closed_at = holding.size.is_zero().then_some(at.as_millis());
            if !self.moved.contains(&side) {
                self.moved.push(side);
                rest.version += 1;
            }
            executions.push(json!({
                "trade_id": trade,
                "request_id": record.request_id,
                "leg": record.leg,
                "exchange": record.intent.venue.as_str(),
                "symbol": record.intent.symbol.as_str(),
                "position": side_name(side),
                "test": u8::from(record.signal.test),
                "change": plain(change.change),
                "price": price.map(plain),
                "realized_pnl": change.realized_pnl.map(plain),
                "at": at.as_millis(),
            }));
        }
    }

    /// The rows of the positions that have moved.
    fn rows(&self, (venue, symbol, test): Place) -> impl Iterator<Item = Value> {
        let moved = self.holdings.iter().filter(|holding| self.moved.contains(&holding.side));
        moved.map(move |holding| {
            let rest = self.rest.get(&holding.side).copied().unwrap_or_default();
            json!({
                "exchange": venue.as_str(),
                "symbol": symbol.as_str(),
                "side": side_name(holding.side),
                "test": u8::from(test),
                "size": plain(holding.size),
                "entry_price": holding.entry_price.map(plain),
                "realized_pnl": plain(holding.realized_pnl),
                "leverage": rest.leverage,
                "opened_at": rest.opened_at,
                "updated_at": rest.updated_at,
                "closed_at": rest.closed_at,
                "version": rest.version,
            })
        })
    }
}

/// The positions of a symbol, closed ones too.
pub(super) async fn held(
    database: &D1Database,
    venue: Venue,
    symbol: Symbol,
    test: bool,
) -> Result<Vec<Holding>> {
    let sql =
        format!("SELECT {COLUMNS} FROM positions WHERE exchange = ? AND symbol = ? AND test = ?");
    let values = [venue.as_str().into(), symbol.as_str().into(), u32::from(test).into()];
    let rows = database.prepare(&sql).bind(&values)?.all().await?;
    rows.results::<PositionRow>()?.iter().map(PositionRow::holding).collect()
}

/// Every open position.
pub(super) async fn open(database: &D1Database) -> Result<Vec<HeldPosition>> {
    let sql = format!("SELECT {COLUMNS} FROM positions WHERE closed_at IS NULL");
    let rows: Vec<PositionRow> = database.prepare(&sql).all().await?.results()?;
    let mut open = Vec::new();
    for row in &rows {
        let Some((venue, symbol, test)) = row.place() else { continue };
        open.push(HeldPosition { venue, symbol, test, holding: row.holding()? });
    }
    Ok(open)
}

impl PositionRow {
    /// `None` for names that no exchange and no symbol has: they were never written by this program.
    fn place(&self) -> Option<Place> {
        Some((self.exchange.parse().ok()?, Symbol::new(&self.symbol).ok()?, self.test != 0))
    }

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

    fn rest(&self) -> Rest {
        Rest {
            leverage: self.leverage,
            opened_at: self.opened_at,
            updated_at: self.updated_at,
            closed_at: self.closed_at,
            version: self.version,
        }
    }
}

fn is_filled(record: &Record) -> bool {
    let filled = record.execution.as_ref().is_some_and(|it| !it.filled_quantity.is_zero());
    record.state.is_final() && filled
}

fn place(record: &Record) -> Place {
    (record.intent.venue, record.intent.symbol, record.signal.test)
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
