//! The replies that are waited for, read in one pass: orders as both markets write them. What is
//! unusual in any way is left to the reader of the module above.

use hoox_connector::json::{Integer, MaybeNumber, Number};
use hoox_connector::{
    Accepted, Asset, ClientOrderId, Cursor, Decimal, Fee, Members, OrderId, OrderReport, Reply,
    Symbol, TimeInForce, average_price,
};
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, Error};

use super::spot::{FeeSum, FeeSums};
use super::words::{PositionSide_, Side_, Status, Tif, Type, millis};

/// The fields of an order's reply, each at most once, and what they mean.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) symbol: Option<&'a str>,
    pub(super) order_id: Option<u64>,
    pub(super) client_order_id: Option<&'a str>,
    pub(super) orig_client_order_id: Option<&'a str>,
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

impl<'a> Fields<'a> {
    /// Reads `body` into empty fields; `None` for the other reader.
    #[inline]
    pub(super) fn read(&mut self, body: &'a [u8]) -> Option<()> {
        let mut cursor = Cursor::new(body)?;
        self.read_in(&mut cursor)?;
        cursor.end()
    }

    /// As [`read`](Self::read), from what a larger text holds.
    #[inline]
    pub(super) fn read_in(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.open()?;
        // The order in which spot writes them; futures begin with the second.
        self.expect(cursor, "symbol")?;
        match self.symbol {
            Some(_) => self.expect_spot(cursor)?,
            None => self.expect_linear(cursor)?,
        }
        self.rest(cursor)
    }

    /// spot rest-api.md, "New order": the order of the examples, which is the venue's.
    #[inline]
    fn expect_spot(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        self.expect(cursor, "orderId")?;
        self.expect(cursor, "orderListId")?;
        self.expect(cursor, "clientOrderId")?;
        self.expect(cursor, "transactTime")?;
        self.expect(cursor, "price")?;
        self.expect(cursor, "origQty")?;
        self.expect(cursor, "executedQty")?;
        self.expect(cursor, "origQuoteOrderQty")?;
        self.expect(cursor, "cummulativeQuoteQty")?;
        self.expect(cursor, "status")?;
        self.expect(cursor, "timeInForce")?;
        self.expect(cursor, "type")?;
        self.expect(cursor, "side")?;
        self.expect(cursor, "workingTime")?;
        self.expect(cursor, "selfTradePreventionMode")?;
        self.expect(cursor, "fills")
    }

    /// linear, "New Order": as the venue writes them; the examples sort some by name.
    #[inline]
    fn expect_linear(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        self.expect(cursor, "orderId")?;
        self.expect(cursor, "symbol")?;
        self.expect(cursor, "status")?;
        self.expect(cursor, "clientOrderId")?;
        self.expect(cursor, "price")?;
        self.expect(cursor, "avgPrice")?;
        self.expect(cursor, "origQty")?;
        self.expect(cursor, "executedQty")?;
        self.expect(cursor, "cumQty")?;
        self.expect(cursor, "cumQuote")?;
        self.expect(cursor, "timeInForce")?;
        self.expect(cursor, "type")?;
        self.expect(cursor, "reduceOnly")?;
        self.expect(cursor, "closePosition")?;
        self.expect(cursor, "side")?;
        self.expect(cursor, "positionSide")?;
        self.expect(cursor, "stopPrice")?;
        self.expect(cursor, "workingType")?;
        self.expect(cursor, "priceProtect")?;
        self.expect(cursor, "origType")?;
        self.expect(cursor, "priceMatch")?;
        self.expect(cursor, "selfTradePreventionMode")?;
        self.expect(cursor, "goodTillDate")?;
        self.expect(cursor, "updateTime")
    }

    /// An order of either market; `None` if a field is missing.
    #[inline]
    pub(super) fn report(&self) -> Option<OrderReport> {
        let (symbol, amounts) = (self.symbol()?, (self.orig_qty?.0, self.executed_qty?.0));
        let mut it = self.report_of(symbol, self.order_id?, self.side?, self.status?, amounts);
        it.client_order_id = self.client_order_id();
        Some(it)
    }

    /// A spot placement in any of its three shapes; `None` if a field is missing.
    #[inline]
    pub(super) fn placed(&self) -> Option<Reply> {
        let amount = |number: Option<Number>| number.unwrap_or_default().0;
        let amounts = (amount(self.orig_qty), amount(self.executed_qty));
        Some(self.placed_of((self.symbol()?, self.order_id?), self.client_order_id(), amounts))
    }

    fn symbol(&self) -> Option<Symbol> {
        Symbol::new(self.symbol?).ok()
    }

    /// Another tool's id that is none of ours is as good as none.
    fn client_order_id(&self) -> Option<ClientOrderId> {
        let read = |text: &str| ClientOrderId::new(text).ok();
        // On a spot cancellation the plain id is the cancellation's own.
        self.orig_client_order_id.and_then(read).or_else(|| self.client_order_id.and_then(read))
    }

    /// As [`placed`](Self::placed), with the fields that are always there. An ACK has no status.
    #[inline]
    pub(super) fn placed_of(
        &self,
        (symbol, id): (Symbol, u64),
        client_order_id: Option<ClientOrderId>,
        amounts: (Decimal, Decimal),
    ) -> Reply {
        let (Some(side), Some(status)) = (self.side, self.status) else {
            return Reply::Accepted(Accepted {
                order_id: Some(OrderId::from(id)),
                client_order_id,
                at: self.transact_time.and_then(millis),
            });
        };
        let mut report = self.report_of(symbol, id, side, status, amounts);
        report.client_order_id = client_order_id;
        report.fee = self.fills.and_then(|sum| sum.0);
        Reply::Order(report)
    }

    /// As [`report`](Self::report), with the fields that are always there, and without the client order
    /// id; `amounts` are the quantity ordered and the quantity filled.
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

impl<'a> Members<'a> for Fields<'a> {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        let it = self;
        // By length first: two comparisons for a name instead of twenty.
        match (name.len(), name) {
            (4, "side") => Cursor::keep(&mut it.side, named(cursor)?),
            (4, "type") => Cursor::keep(&mut it.kind, named(cursor)?),
            (5, "price") => Cursor::keep(&mut it.price, MaybeNumber(cursor.maybe_decimal()?)),
            (5, "fills") => Cursor::keep(&mut it.fills, fills(cursor)?),
            (6, "symbol") => Cursor::keep(&mut it.symbol, cursor.string()?),
            (6, "status") => Cursor::keep(&mut it.status, named(cursor)?),
            (7, "orderId") => Cursor::keep(&mut it.order_id, cursor.whole()?),
            (7, "origQty") => Cursor::keep(&mut it.orig_qty, Number(cursor.decimal()?)),
            (8, "avgPrice") => {
                Cursor::keep(&mut it.avg_price, MaybeNumber(cursor.maybe_decimal()?))
            }
            (8, "cumQuote") => {
                Cursor::keep(&mut it.cum_quote, MaybeNumber(cursor.maybe_decimal()?))
            }
            (9, "stopPrice") => {
                Cursor::keep(&mut it.stop_price, MaybeNumber(cursor.maybe_decimal()?))
            }
            (10, "reduceOnly") => Cursor::keep(&mut it.reduce_only, cursor.bare()?.parse().ok()?),
            (10, "updateTime") => Cursor::keep(&mut it.update_time, Integer(cursor.integer()?)),
            (11, "executedQty") => Cursor::keep(&mut it.executed_qty, Number(cursor.decimal()?)),
            (11, "timeInForce") => Cursor::keep(&mut it.time_in_force, named(cursor)?),
            (12, "positionSide") => Cursor::keep(&mut it.position_side, named(cursor)?),
            (12, "transactTime") => Cursor::keep(&mut it.transact_time, Integer(cursor.integer()?)),
            (13, "clientOrderId") => Cursor::keep(&mut it.client_order_id, cursor.string()?),
            (17, "origClientOrderId") => {
                Cursor::keep(&mut it.orig_client_order_id, cursor.string()?)
            }
            (19, "cummulativeQuoteQty") => {
                Cursor::keep(&mut it.cummulative_quote_qty, MaybeNumber(cursor.maybe_decimal()?))
            }
            _ => cursor.skip(),
        }
    }
}

/// One of an enum's names, by the names its other reader knows.
#[inline]
fn named<'a, T: Deserialize<'a>>(cursor: &mut Cursor<'a>) -> Option<T> {
    let name: BorrowedStrDeserializer<'a, Error> = BorrowedStrDeserializer::new(cursor.string()?);
    T::deserialize(name).ok()
}

fn fills(cursor: &mut Cursor<'_>) -> Option<FeeSum> {
    let mut sum = FeeSums::default();
    cursor.array(|cursor| {
        let (mut asset, mut amount) = (None, None);
        cursor.open()?;
        cursor.skip_if("price")?;
        cursor.skip_if("qty")?;
        if cursor.next_is("commission") {
            amount = Some(cursor.decimal()?);
            cursor.separator()?;
        }
        if cursor.next_is("commissionAsset") {
            asset = Some(Asset::new(cursor.string()?).ok()?);
            cursor.separator()?;
        }
        cursor.skip_if("tradeId")?;
        cursor.rest(|cursor, name| match name {
            "commission" => Cursor::keep(&mut amount, cursor.decimal()?),
            "commissionAsset" => Cursor::keep(&mut asset, Asset::new(cursor.string()?).ok()?),
            _ => cursor.skip(),
        })?;
        sum.add(Fee { asset: asset?, amount: amount? });
        Some(())
    })?;
    Some(sum.total())
}
