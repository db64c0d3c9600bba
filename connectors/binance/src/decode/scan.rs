//! The replies that are waited for, read in one pass: orders as both markets write them. What is
//! unusual in any way is left to the reader of the module above.

use hoox_connector::json::{Integer, MaybeNumber, Number};
use hoox_connector::{Asset, ClientOrderId, Cursor, Fee, Symbol, parse_decimal};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{BorrowedStrDeserializer, Error};

use super::{FeeSum, Order, PositionSide_, Side_, SpotPlaced, Status, Tif, Type};

/// The fields of an order's reply, each at most once.
#[derive(Default)]
struct Fields {
    symbol: Option<Symbol>,
    order_id: Option<u64>,
    client_order_id: Option<Option<ClientOrderId>>,
    orig_client_order_id: Option<Option<ClientOrderId>>,
    side: Option<Side_>,
    status: Option<Status>,
    orig_qty: Option<Number>,
    executed_qty: Option<Number>,
    price: Option<MaybeNumber>,
    avg_price: Option<MaybeNumber>,
    cum_quote: Option<MaybeNumber>,
    cummulative_quote_qty: Option<MaybeNumber>,
    stop_price: Option<MaybeNumber>,
    time_in_force: Option<Tif>,
    kind: Option<Type>,
    reduce_only: Option<bool>,
    position_side: Option<PositionSide_>,
    update_time: Option<Integer>,
    transact_time: Option<Integer>,
    fills: Option<FeeSum>,
}

/// An order of either market.
pub(super) fn order(body: &[u8]) -> Option<Order> {
    let it = Fields::read(body)?;
    Some(Order {
        symbol: it.symbol?,
        order_id: it.order_id?,
        client_order_id: it.client_order_id.flatten(),
        orig_client_order_id: it.orig_client_order_id.flatten(),
        side: it.side?,
        status: it.status?,
        orig_qty: it.orig_qty?,
        executed_qty: it.executed_qty?,
        price: it.price.unwrap_or_default(),
        avg_price: it.avg_price.unwrap_or_default(),
        cum_quote: it.cum_quote.unwrap_or_default(),
        cummulative_quote_qty: it.cummulative_quote_qty.unwrap_or_default(),
        stop_price: it.stop_price.unwrap_or_default(),
        time_in_force: it.time_in_force.unwrap_or_default(),
        kind: it.kind.unwrap_or_default(),
        reduce_only: it.reduce_only.unwrap_or_default(),
        position_side: it.position_side.unwrap_or_default(),
        update_time: it.update_time,
        transact_time: it.transact_time,
    })
}

/// A spot placement, in any of its three shapes.
pub(super) fn spot_placed(body: &[u8]) -> Option<SpotPlaced> {
    let it = Fields::read(body)?;
    Some(SpotPlaced {
        symbol: it.symbol?,
        order_id: it.order_id?,
        client_order_id: it.client_order_id.flatten(),
        transact_time: it.transact_time,
        side: it.side,
        status: it.status,
        orig_qty: MaybeNumber(it.orig_qty.map(|quantity| quantity.0)),
        executed_qty: MaybeNumber(it.executed_qty.map(|quantity| quantity.0)),
        cummulative_quote_qty: it.cummulative_quote_qty.unwrap_or_default(),
        price: it.price.unwrap_or_default(),
        stop_price: it.stop_price.unwrap_or_default(),
        time_in_force: it.time_in_force.unwrap_or_default(),
        kind: it.kind.unwrap_or_default(),
        fills: it.fills.unwrap_or_default(),
    })
}

impl Fields {
    fn read(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body)?;
        let mut it = Self::default();
        cursor.object(|cursor, name| match name {
            "symbol" => set(&mut it.symbol, Symbol::new(cursor.string()?).ok()?),
            "orderId" => set(&mut it.order_id, cursor.bare()?.parse().ok()?),
            // Another tool's id that is none of ours is as good as none.
            "clientOrderId" => set(&mut it.client_order_id, cursor.string()?.parse().ok()),
            "origClientOrderId" => set(&mut it.orig_client_order_id, cursor.string()?.parse().ok()),
            "side" => set(&mut it.side, named(cursor)?),
            "status" => set(&mut it.status, named(cursor)?),
            "origQty" => set(&mut it.orig_qty, number(cursor)?),
            "executedQty" => set(&mut it.executed_qty, number(cursor)?),
            "price" => set(&mut it.price, maybe_number(cursor)?),
            "avgPrice" => set(&mut it.avg_price, maybe_number(cursor)?),
            "cumQuote" => set(&mut it.cum_quote, maybe_number(cursor)?),
            "cummulativeQuoteQty" => set(&mut it.cummulative_quote_qty, maybe_number(cursor)?),
            "stopPrice" => set(&mut it.stop_price, maybe_number(cursor)?),
            "timeInForce" => set(&mut it.time_in_force, named(cursor)?),
            "type" => set(&mut it.kind, named(cursor)?),
            "reduceOnly" => set(&mut it.reduce_only, cursor.bare()?.parse().ok()?),
            "positionSide" => set(&mut it.position_side, named(cursor)?),
            "updateTime" => set(&mut it.update_time, integer(cursor)?),
            "transactTime" => set(&mut it.transact_time, integer(cursor)?),
            "fills" => set(&mut it.fills, fills(cursor)?),
            _ => cursor.skip(),
        })?;
        cursor.end()?;
        Some(it)
    }
}

/// A name that comes twice is for the other reader to complain of.
#[inline]
fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.is_none().then(|| *slot = Some(value))
}

/// One of an enum's names, by the names its other reader knows.
#[inline]
fn named<'a, T: Deserialize<'a>>(cursor: &mut Cursor<'a>) -> Option<T> {
    let text: BorrowedStrDeserializer<'a, Error> = BorrowedStrDeserializer::new(cursor.string()?);
    T::deserialize(text.into_deserializer()).ok()
}

#[inline]
fn number(cursor: &mut Cursor<'_>) -> Option<Number> {
    parse_decimal(cursor.scalar()?).ok().map(Number)
}

#[inline]
fn maybe_number(cursor: &mut Cursor<'_>) -> Option<MaybeNumber> {
    match cursor.scalar()? {
        "" | "null" => Some(MaybeNumber(None)),
        text => parse_decimal(text).ok().map(|value| MaybeNumber(Some(value))),
    }
}

#[inline]
fn integer(cursor: &mut Cursor<'_>) -> Option<Integer> {
    cursor.scalar()?.parse().ok().map(Integer)
}

fn fills(cursor: &mut Cursor<'_>) -> Option<FeeSum> {
    let mut sum = FeeSums::default();
    cursor.array(|cursor| {
        let (mut asset, mut amount) = (None, None);
        cursor.object(|cursor, name| match name {
            "commission" => set(&mut amount, number(cursor)?.0),
            "commissionAsset" => set(&mut asset, Asset::new(cursor.string()?).ok()?),
            _ => cursor.skip(),
        })?;
        sum.add(Fee { asset: asset?, amount: amount? });
        Some(())
    })?;
    Some(sum.total())
}
