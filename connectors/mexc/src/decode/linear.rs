//! Futures: everything comes in the envelope `{"success":…,"code":…,"data":…}`, quantities in
//! contracts.

use core::fmt;

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Accepted, Asked, Asset, Balance, BookTop, Change, ClientOrderId, Decimal, Fee, Fill,
    FundingRate, Headers, Instrument, Market, OperationKind as Kind, OrderId, OrderReport,
    OrderStatus, Page, Position, PositionSide, Reply, Side, Symbol, Ticker, TimeInForce, Timestamp,
    VenueError,
};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::{Moment, OneOrMany, Required, Row, asked_symbol, batch, malformed};
use crate::instruments::{self, LinearRow, neutral};
use crate::{Mexc, errors, limits};

pub(super) fn decode(
    mexc: &Mexc,
    asked: &Asked<'_>,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    let op = asked.kind;
    let answer = Answer { op, headers, body };
    let base = Base { mexc, op };
    match op {
        Kind::Place | Kind::PlaceConditional => answer.data().map(Ack::reply),
        Kind::PlaceBatch => {
            let rows: OneOrMany<Row<'_>> = answer.data()?;
            batch(Market::Linear, &rows.into_vec())
        }
        Kind::Cancel => cancelled(answer.maybe_data()?),
        Kind::CancelConditional => answer.done().map(|()| Reply::Accepted(Accepted::default())),
        Kind::CancelAll
        | Kind::CancelAllConditional
        | Kind::SetLeverage
        | Kind::SetPositionMode => answer.done().map(|()| Reply::Changed(Change::Applied)),
        Kind::OrderById | Kind::OrderByClientId => {
            let order: Order = answer.data()?;
            order.report(base).map(Reply::Order)
        }
        Kind::OpenOrders | Kind::OrderHistory => {
            let orders: Vec<Order> = answer.data()?;
            let reports = orders.iter().map(|order| order.report(base));
            let page = reports.collect::<Result<Page<_>, _>>()?;
            Ok(Reply::Orders(page.with_next(next_page(asked, orders.len()))))
        }
        Kind::Fills => {
            let deals: Vec<Deal> = answer.data()?;
            let fills = deals.iter().map(|deal| deal.fill(base));
            let page = fills.collect::<Result<Page<_>, _>>()?;
            Ok(Reply::Fills(page.with_next(next_page(asked, deals.len()))))
        }
        Kind::Positions => {
            let rows: Vec<PositionRow> = answer.data()?;
            let positions = rows.iter().map(|row| row.position(base, &rows));
            positions.collect::<Result<_, _>>().map(Reply::Positions)
        }
        Kind::Balances => answer.data().map(|assets: Vec<AssetRow>| {
            Reply::Balances(assets.iter().map(AssetRow::balance).collect())
        }),
        Kind::Instruments => {
            let rows: OneOrMany<LinearRow> = answer.data()?;
            Ok(instruments::linear(rows.into_vec()))
        }
        Kind::Ticker => answer.data().map(Prices::ticker),
        Kind::BookTop => answer.data().map(Best::book_top),
        Kind::Depth => {
            let book: Book = answer.data()?;
            book.reply(base, asked)
        }
        Kind::FundingRate => answer.data().map(Funding::reply),
        Kind::ServerTime => answer.data().map(|time: Required| Reply::ServerTime(time.0)),
        _ => Err(malformed(op, ".", "no such operation here")),
    }
}

/// The page behind a full one. The executions of one order come whole.
fn next_page(asked: &Asked<'_>, rows: usize) -> Option<Box<str>> {
    let size = match (asked.kind, asked.limit) {
        (Kind::Fills, _) if asked.order.is_some() => return None,
        // As it is asked for.
        (Kind::OpenOrders, _) => limits::PAGE_MAX,
        (_, None) => limits::PAGE,
        (_, Some(limit)) => limit.clamp(1, limits::PAGE_MAX),
    };
    let page: u64 = asked.page.map_or(Some(1), |page| page.parse().ok())?;
    (rows >= size as usize).then(|| page.saturating_add(1).to_string().into())
}

#[derive(Clone, Copy)]
struct Answer<'b, 'h> {
    op: Kind,
    headers: Headers<'h>,
    body: &'b [u8],
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<T> {
    success: bool,
    code: Integer,
    data: Option<T>,
}

impl<'b> Answer<'b, '_> {
    /// The value of a success, which must be there.
    fn data<T: Deserialize<'b>>(self) -> Result<T, VenueError> {
        self.maybe_data()?.ok_or_else(|| malformed(self.op, "data", "missing"))
    }

    /// A success, whatever its value.
    fn done(self) -> Result<(), VenueError> {
        self.maybe_data::<IgnoredAny>().map(|_| ())
    }

    /// The value of a success: `success` is true and the code 0, or 200 in some answers.
    fn maybe_data<T: Deserialize<'b>>(self) -> Result<Option<T>, VenueError> {
        let error = match json::read::<Envelope<T>>(self.op, self.body) {
            Ok(Envelope { success: true, code: Integer(0 | 200), data }) => return Ok(data),
            Ok(_) => malformed(self.op, "success", "contradicts the code"),
            Err(error) => error,
        };
        Err(errors::refusal(Market::Linear, self.op, self.headers, self.body).unwrap_or(error))
    }
}

/// Contracts to base asset.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) mexc: &'a Mexc,
    pub(crate) op: Kind,
}

impl<'a> Base<'a> {
    /// The base asset in `contracts` of `symbol`.
    ///
    /// # Errors
    /// [`VenueError::Malformed`] naming the symbol, if its contract size is not known or the quantity
    /// cannot be told exactly.
    fn quantity(&self, symbol: Symbol, contracts: Decimal) -> Result<Decimal, VenueError> {
        self.of(symbol)?.quantity(contracts)
    }

    /// The contracts of one symbol, for more than one quantity.
    ///
    /// # Errors
    /// As [`quantity`](Self::quantity).
    #[inline]
    pub(crate) fn of(&self, symbol: Symbol) -> Result<Contracts<'a>, VenueError> {
        let found = self.mexc.instruments.find(&symbol);
        match found.and_then(|instrument| Some((instrument, instrument.contract_size?))) {
            Some((instrument, size)) => Ok(Contracts { instrument, size, op: self.op }),
            None => {
                let problem = format!("no contract size is known for {symbol}");
                Err(malformed(self.op, "symbol", problem))
            }
        }
    }
}

/// What a contract of one symbol is.
pub(crate) struct Contracts<'a> {
    pub(crate) instrument: &'a Instrument,
    size: Decimal,
    op: Kind,
}

impl Contracts<'_> {
    #[inline]
    pub(crate) fn quantity(&self, contracts: Decimal) -> Result<Decimal, VenueError> {
        exact_product(contracts, self.size).ok_or_else(|| {
            let symbol = self.instrument.venue_symbol;
            let problem = format!("{symbol}: needs more digits than can be kept exactly");
            malformed(self.op, "vol", problem)
        })
    }
}

/// The product with every digit, or nothing: `checked_mul` would round it.
#[inline]
fn exact_product(a: Decimal, b: Decimal) -> Option<Decimal> {
    let product = |a: Decimal, b: Decimal| {
        let mantissa = a.mantissa().checked_mul(b.mantissa())?;
        Decimal::try_from_i128_with_scale(mantissa, a.scale() + b.scale()).ok()
    };
    // Zeros at the end may be what makes it too long.
    let exact = product(a, b).or_else(|| product(a.normalize(), b.normalize()))?;
    Some(exact.normalize())
}

/// A placed order's acknowledgement: `{"orderId":…,"ts":…}`, or, of the older endpoints, the id alone.
struct Ack {
    order_id: OrderId,
    at: Option<Timestamp>,
}

impl Ack {
    fn reply(self) -> Reply {
        let order_id = Some(self.order_id);
        Reply::Accepted(Accepted { order_id, client_order_id: None, at: self.at })
    }
}

impl<'de> Deserialize<'de> for Ack {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            order_id: OrderId,
            #[serde(default)]
            ts: Moment,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ack;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an order id, or an object with one")
            }
            fn visit_u64<E>(self, id: u64) -> Result<Ack, E> {
                Ok(Ack { order_id: OrderId::from(id), at: None })
            }
            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Ack, E> {
                Ok(Ack { order_id: OrderId::new(id).map_err(E::custom)?, at: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ack, A::Error> {
                let fields =
                    Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Ack { order_id: fields.order_id, at: fields.ts.0 })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One cancelled order is an acknowledgement or a rejection of its own; several are a batch. By client
/// order id the venue repeats the id or says nothing.
fn cancelled(rows: Option<OneOrMany<Row<'_>>>) -> Result<Reply, VenueError> {
    match rows {
        None => Ok(Reply::Accepted(Accepted::default())),
        Some(OneOrMany::One(row)) => match row.outcome(Market::Linear)? {
            Ok(accepted) => Ok(Reply::Accepted(accepted)),
            Err(rejection) => Err(VenueError::Rejected(rejection)),
        },
        Some(OneOrMany::Many(rows)) if rows.is_empty() => {
            Err(malformed(Kind::Cancel, "data", "tells of no order"))
        }
        Some(OneOrMany::Many(rows)) => {
            let outcomes = rows.iter().map(|row| row.outcome(Market::Linear));
            outcomes.collect::<Result<_, _>>().map(Reply::Batch)
        }
    }
}

/// futures, "Query the order based on the order number".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    order_id: OrderId,
    symbol: Symbol,
    #[serde(default, deserialize_with = "lenient")]
    external_oid: Option<ClientOrderId>,
    side: SideCode,
    state: Integer,
    vol: Number,
    deal_vol: Number,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    deal_avg_price: MaybeNumber,
    #[serde(default)]
    order_type: Integer,
    #[serde(default)]
    reduce_only: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    position_mode: Option<i64>,
    #[serde(default)]
    taker_fee: MaybeNumber,
    #[serde(default)]
    maker_fee: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    update_time: Moment,
    #[serde(default)]
    create_time: Moment,
}

impl Order {
    pub(crate) fn report(&self, base: Base<'_>) -> Result<OrderReport, VenueError> {
        let filled = !self.deal_vol.0.is_zero();
        let status = match self.state.0 {
            1 => OrderStatus::New,
            2 if filled => OrderStatus::PartiallyFilled,
            2 => OrderStatus::New,
            3 => OrderStatus::Filled,
            4 => OrderStatus::Canceled,
            5 => OrderStatus::Rejected,
            _ => OrderStatus::Unrecognized,
        };
        let symbol = neutral(self.symbol);
        let mut it = OrderReport::new(symbol, self.order_id, self.side.side, status);
        it.client_order_id = self.external_oid;
        it.quantity = Some(base.quantity(self.symbol, self.vol.0)?);
        it.filled_quantity = base.quantity(self.symbol, self.deal_vol.0)?;
        // A market order shows the price it was taken at.
        let (price, time_in_force) = match self.order_type.0 {
            1 => (self.price.non_zero(), Some(TimeInForce::GoodTillCancel)),
            2 => (self.price.non_zero(), Some(TimeInForce::PostOnly)),
            3 => (self.price.non_zero(), Some(TimeInForce::ImmediateOrCancel)),
            4 => (self.price.non_zero(), Some(TimeInForce::FillOrKill)),
            5 | 6 => (None, None),
            _ => (self.price.non_zero(), None),
        };
        (it.price, it.time_in_force) = (price, time_in_force);
        it.average_price = self.deal_avg_price.non_zero();
        it.reduce_only = self.side.closes || self.reduce_only == Some(true);
        it.position_side = self.side.position(self.position_mode);
        it.fee = self.fee_currency.filter(|_| filled).and_then(|asset| {
            let (taker, maker) = (self.taker_fee.0, self.maker_fee.0);
            let amount = taker.unwrap_or_default().checked_add(maker.unwrap_or_default())?;
            (taker.is_some() || maker.is_some()).then_some(Fee { asset, amount })
        });
        it.updated_at = self.update_time.0.or(self.create_time.0);
        Ok(it)
    }
}

/// futures, "Get order transaction details".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deal {
    id: OrderId,
    order_id: OrderId,
    symbol: Symbol,
    side: SideCode,
    vol: Number,
    price: Number,
    /// Told by the stream.
    #[serde(default, deserialize_with = "lenient")]
    external_oid: Option<ClientOrderId>,
    #[serde(default)]
    fee: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    profit: MaybeNumber,
    #[serde(default, alias = "taker")]
    is_taker: Option<bool>,
    timestamp: Required,
}

impl Deal {
    pub(crate) fn fill(&self, base: Base<'_>) -> Result<Fill, VenueError> {
        let mut it = Fill::new(
            neutral(self.symbol),
            (self.id, self.order_id),
            self.side.side,
            (self.price.0, base.quantity(self.symbol, self.vol.0)?),
            self.timestamp.0,
        );
        it.client_order_id = self.external_oid;
        it.fee = match (self.fee_currency, self.fee.0) {
            (Some(asset), Some(amount)) => Some(Fee { asset, amount }),
            _ => None,
        };
        it.maker = self.is_taker.map(|taker| !taker);
        it.realized_pnl = self.profit.0;
        Ok(it)
    }
}

/// futures, "Get the user's current holding position". It tells no profit or loss: that needs the
/// fair price.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PositionRow {
    symbol: Symbol,
    /// 1 long, 2 short.
    position_type: Integer,
    hold_vol: Number,
    #[serde(default)]
    hold_avg_price: MaybeNumber,
    #[serde(default)]
    liquidate_price: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    leverage: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    position_mode: Option<i64>,
    #[serde(default)]
    update_time: Moment,
}

impl PositionRow {
    pub(crate) fn position(&self, base: Base<'_>, all: &[Self]) -> Result<Position, VenueError> {
        let size = base.quantity(self.symbol, self.hold_vol.0)?;
        let side = match self.position_type.0 {
            _ if size.is_zero() => None,
            _ if size.is_sign_negative() => {
                return Err(malformed(base.op, "holdVol", "a negative size"));
            }
            1 => Some(PositionSide::Long),
            2 => Some(PositionSide::Short),
            _ => return Err(malformed(base.op, "positionType", "neither long nor short")),
        };
        let mut it = Position::new(neutral(self.symbol), side, size);
        // The account's mode is not told, but two positions of a symbol tell it.
        let other =
            |row: &Self| row.symbol == self.symbol && row.position_type != self.position_type;
        it.hedge = self.position_mode == Some(1) || all.iter().any(other);
        it.entry_price = self.hold_avg_price.non_zero();
        it.liquidation_price = self.liquidate_price.non_zero();
        it.leverage = self.leverage.filter(|leverage| *leverage > 0);
        it.updated_at = self.update_time.0;
        Ok(it)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetRow {
    currency: Asset,
    available_balance: Number,
    equity: Number,
    #[serde(default)]
    unrealized: MaybeNumber,
}

impl AssetRow {
    fn balance(&self) -> Balance {
        let (equity, unrealized) = (self.equity.0, self.unrealized.0.unwrap_or_default());
        let total = equity.checked_sub(unrealized).unwrap_or(equity);
        Balance { asset: self.currency, available: self.available_balance.0, total }
    }
}

/// futures, "Get contract trend data", as [`Best`] and [`Funding`] too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    symbol: Symbol,
    last_price: Number,
    fair_price: Number,
}

impl Prices {
    fn ticker(self) -> Reply {
        let (last, mark) = (Some(self.last_price.0), Some(self.fair_price.0));
        Reply::Ticker(Ticker::new(neutral(self.symbol), last, mark))
    }
}

#[derive(Deserialize)]
struct Best {
    symbol: Symbol,
    bid1: MaybeNumber,
    ask1: MaybeNumber,
    #[serde(default)]
    timestamp: Moment,
}

impl Best {
    fn book_top(self) -> Reply {
        Reply::BookTop(BookTop {
            symbol: neutral(self.symbol),
            bid_price: self.bid1.non_zero(),
            bid_quantity: None,
            ask_price: self.ask1.non_zero(),
            ask_quantity: None,
            update_id: None,
            at: self.timestamp.0,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Funding {
    symbol: Symbol,
    funding_rate: Number,
}

impl Funding {
    fn reply(self) -> Reply {
        let (symbol, rate) = (neutral(self.symbol), self.funding_rate.0);
        Reply::FundingRate(FundingRate { symbol, rate, next_at: None })
    }
}

/// futures, "Get the contract's depth information": the version that the stream of changes goes on
/// from.
#[derive(Deserialize)]
struct Book {
    bids: Vec<LevelRow>,
    asks: Vec<LevelRow>,
    version: u64,
    #[serde(default)]
    timestamp: Moment,
}

impl Book {
    fn reply(self, base: Base<'_>, asked: &Asked<'_>) -> Result<Reply, VenueError> {
        let contracts = base.of(asked_symbol(asked)?)?;
        let levels = |side: Vec<LevelRow>| -> Result<Vec<Level>, VenueError> {
            let level = |it: LevelRow| Ok((it.price, contracts.quantity(it.contracts)?));
            side.into_iter().map(level).collect()
        };
        Ok(Reply::Depth(BookUpdate {
            symbol: contracts.instrument.symbol,
            snapshot: true,
            bids: levels(self.bids)?,
            asks: levels(self.asks)?,
            first_id: None,
            last_id: self.version,
            previous_id: None,
            at: self.timestamp.0,
        }))
    }
}

/// A level of a book, of which the stream tells the same: price, contracts, and how many orders, which
/// nobody needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LevelRow {
    pub(crate) price: Decimal,
    pub(crate) contracts: Decimal,
}

impl<'de> Deserialize<'de> for LevelRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = LevelRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price and a quantity")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<LevelRow, A::Error> {
                let short = || A::Error::custom("expected a price and a quantity");
                let Number(price) = values.next_element()?.ok_or_else(short)?;
                let Number(contracts) = values.next_element()?.ok_or_else(short)?;
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelRow { price, contracts })
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

/// 1 opens long, 2 closes short, 3 opens short, 4 closes long.
#[derive(Clone, Copy)]
struct SideCode {
    side: Side,
    closes: bool,
}

impl SideCode {
    /// The position it belongs to, if the order says that the account is in hedge mode (1).
    fn position(self, mode: Option<i64>) -> Option<PositionSide> {
        let long = (self.side == Side::Buy) != self.closes;
        (mode == Some(1)).then_some(if long { PositionSide::Long } else { PositionSide::Short })
    }
}

impl<'de> Deserialize<'de> for SideCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (side, closes) = match Integer::deserialize(deserializer)?.0 {
            1 => (Side::Buy, false),
            2 => (Side::Buy, true),
            3 => (Side::Sell, false),
            4 => (Side::Sell, true),
            _ => return Err(D::Error::custom("not a side of 1 to 4")),
        };
        Ok(Self { side, closes })
    }
}
