//! The replies that are waited for, read in one pass: orders as both markets write them. What is
//! unusual in any way is left to the reader of the module above.

use hoox_connector::json::{Integer, MaybeNumber, Number};
use hoox_connector::{
    Accepted, Asset, ClientOrderId, Cursor, Decimal, Fee, OrderId, OrderReport, Reply, Symbol,
    TimeInForce, average_price, parse_decimal,
};
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, Error};

use super::spot::{FeeSum, FeeSums};
use super::words::{PositionSide_, Side_, Status, Tif, Type, millis};

/// The fields of an order's reply, each at most once, and what they mean.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) symbol: Option<Symbol>,
    pub(super) order_id: Option<u64>,
    pub(super) client_order_id: Option<Option<ClientOrderId>>,
    pub(super) orig_client_order_id: Option<Option<ClientOrderId>>,
    pub(super) side: Option<Side_>,
    pub(super) status: Option<Status>,
    pub(super) orig_qty: Option<Number>,
    pub(super) executed_qty: Option<Number>,
    pub(super) price: Option<MaybeNumber>,
    pub(super) avg_price: Option<MaybeNumber>,
    pub(super) cum_quote: Option<MaybeNumber>,
    pub(super) cummulative_quote_qty: Option<MaybeNumber>,
    pub(super) stop_price: Option<MaybeNumber>,
    pub(super) time_in_force: Option<Tif>,
    pub(super) kind: Option<Type>,
    pub(super) reduce_only: Option<bool>,
    pub(super) position_side: Option<PositionSide_>,
    pub(super) update_time: Option<Integer>,
    pub(super) transact_time: Option<Integer>,
    pub(super) fills: Option<FeeSum>,
}

impl Fields {
    /// Reads `body` into empty fields; `None` for the other reader.
    #[inline]
    pub(super) fn read(&mut self, body: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(body)?;
        let it = self;
        // By length first: two comparisons for a name instead of twenty.
        cursor.object(|cursor, name| match (name.len(), name) {
            (4, "side") => set(&mut it.side, named(cursor)?),
            (4, "type") => set(&mut it.kind, named(cursor)?),
            (5, "price") => set(&mut it.price, maybe_number(cursor)?),
            (5, "fills") => set(&mut it.fills, fills(cursor)?),
            (6, "symbol") => set(&mut it.symbol, Symbol::new(cursor.string()?).ok()?),
            (6, "status") => set(&mut it.status, named(cursor)?),
            (7, "orderId") => set(&mut it.order_id, cursor.bare()?.parse().ok()?),
            (7, "origQty") => set(&mut it.orig_qty, number(cursor)?),
            (8, "avgPrice") => set(&mut it.avg_price, maybe_number(cursor)?),
            (8, "cumQuote") => set(&mut it.cum_quote, maybe_number(cursor)?),
            (9, "stopPrice") => set(&mut it.stop_price, maybe_number(cursor)?),
            (10, "reduceOnly") => set(&mut it.reduce_only, cursor.bare()?.parse().ok()?),
            (10, "updateTime") => set(&mut it.update_time, integer(cursor)?),
            (11, "executedQty") => set(&mut it.executed_qty, number(cursor)?),
            (11, "timeInForce") => set(&mut it.time_in_force, named(cursor)?),
            (12, "positionSide") => set(&mut it.position_side, named(cursor)?),
            (12, "transactTime") => set(&mut it.transact_time, integer(cursor)?),
            // Another tool's id that is none of ours is as good as none.
            (13, "clientOrderId") => set(&mut it.client_order_id, cursor.string()?.parse().ok()),
            (17, "origClientOrderId") => {
                set(&mut it.orig_client_order_id, cursor.string()?.parse().ok())
            }
            (19, "cummulativeQuoteQty") => {
                set(&mut it.cummulative_quote_qty, maybe_number(cursor)?)
            }
            _ => cursor.skip(),
        })?;
        cursor.end()
    }

    /// An order of either market; `None` if a field is missing.
    #[inline]
    pub(super) fn report(&self) -> Option<OrderReport> {
        let amounts = (self.orig_qty?.0, self.executed_qty?.0);
        Some(self.report_of(self.symbol?, self.order_id?, self.side?, self.status?, amounts))
    }

    /// A spot placement in any of its three shapes; `None` if a field is missing.
    #[inline]
    pub(super) fn placed(&self) -> Option<Reply> {
        let amount = |number: Option<Number>| number.unwrap_or_default().0;
        let amounts = (amount(self.orig_qty), amount(self.executed_qty));
        Some(self.placed_of(self.symbol?, self.order_id?, amounts))
    }

    /// As [`placed`](Self::placed), with the fields that are always there. An ACK has no status.
    #[inline]
    pub(super) fn placed_of(&self, symbol: Symbol, id: u64, amounts: (Decimal, Decimal)) -> Reply {
        let (Some(side), Some(status)) = (self.side, self.status) else {
            return Reply::Accepted(Accepted {
                order_id: Some(OrderId::from(id)),
                client_order_id: self.client_order_id.flatten(),
                at: self.transact_time.and_then(millis),
            });
        };
        let mut report = self.report_of(symbol, id, side, status, amounts);
        report.fee = self.fills.and_then(|sum| sum.0);
        Reply::Order(report)
    }

    /// As [`report`](Self::report), with the fields that are always there; `amounts` are the quantity
    /// ordered and the quantity filled.
    #[inline]
    pub(super) fn report_of(
        &self,
        symbol: Symbol,
        id: u64,
        side: Side_,
        status: Status,
        amounts: (Decimal, Decimal),
    ) -> OrderReport {
        let non_zero = |number: Option<MaybeNumber>| number.and_then(MaybeNumber::non_zero);
        let mut it = OrderReport::new(symbol, OrderId::from(id), side.into(), status.into());
        // On a spot cancellation the plain id is the cancellation's own.
        it.client_order_id = self.orig_client_order_id.flatten().or(self.client_order_id.flatten());
        it.quantity = Some(amounts.0);
        it.filled_quantity = amounts.1;
        it.price = non_zero(self.price);
        // Very old spot orders show a negative amount, which means unknown.
        it.filled_quote = self
            .cum_quote
            .and_then(|quote| quote.0)
            .or(self.cummulative_quote_qty.and_then(|quote| quote.0))
            .filter(|quote| !quote.is_sign_negative());
        it.average_price = non_zero(self.avg_price)
            .or_else(|| average_price(it.filled_quote?, it.filled_quantity));
        it.trigger_price = non_zero(self.stop_price);
        it.time_in_force = match (self.kind, self.time_in_force) {
            (Some(Type::LimitMaker), _) => Some(TimeInForce::PostOnly),
            (_, tif) => tif.and_then(Into::into),
        };
        it.reduce_only = self.reduce_only.unwrap_or_default();
        it.position_side = self.position_side.and_then(Into::into);
        it.updated_at = self.update_time.or(self.transact_time).and_then(millis);
        it
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
    T::deserialize(text).ok()
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
