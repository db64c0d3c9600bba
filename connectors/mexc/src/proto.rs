//! Spot's data frames: protobuf messages (`mexcdevelop/websocket-proto`, PushDataV3ApiWrapper.proto
//! and what it imports, snapshot of 2026-06-17) to neutral events. Unknown fields are skipped.
//!
//! The best bid and ask, which come by the thousand, are read without an allocation; the rest by
//! `prost`.

mod top;

use hoox_connector::stream::{BookUpdate, FRAME_MAX, Level, Trade};
use hoox_connector::{
    Asset, Balance, ClientOrderId, Decimal, Event, Fee, Fill, OrderId, OrderReport, OrderStatus,
    Side, StreamError, Symbol, TextError, TimeInForce, parse_decimal,
};
use prost::Message;

use crate::events::{Emit, malformed, millis};
use top::TopFrame;

/// Reads one binary frame.
pub(crate) fn read(bytes: &[u8], emit: Emit<'_>) -> Result<(), StreamError> {
    if bytes.len() > FRAME_MAX {
        return Err(StreamError::TooLong(bytes.len()));
    }
    if let Some(top) = TopFrame::find(bytes) {
        emit(Event::BookTop(top.book_top()?));
        return Ok(());
    }
    let wrapper = Wrapper::decode(bytes).map_err(|error| malformed(".", &error.to_string()))?;
    wrapper.emit(emit)
}

#[derive(Clone, PartialEq, Message)]
struct Wrapper {
    #[prost(string, tag = "1")]
    channel: String,
    #[prost(string, optional, tag = "3")]
    symbol: Option<String>,
    #[prost(int64, optional, tag = "6")]
    send_time: Option<i64>,
    #[prost(oneof = "Body", tags = "304, 306, 307, 313, 314, 315")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(message, tag = "304")]
    PrivateOrders(PrivateOrders),
    #[prost(message, tag = "306")]
    PrivateDeals(PrivateDeals),
    #[prost(message, tag = "307")]
    PrivateAccount(PrivateAccount),
    #[prost(message, tag = "313")]
    AggreDepths(AggreDepths),
    #[prost(message, tag = "314")]
    AggreDeals(AggreDeals),
    #[prost(message, tag = "315")]
    AggreBookTicker(AggreBookTicker),
}

#[derive(Clone, PartialEq, Message)]
struct AggreBookTicker {
    #[prost(string, tag = "1")]
    bid_price: String,
    #[prost(string, tag = "2")]
    bid_quantity: String,
    #[prost(string, tag = "3")]
    ask_price: String,
    #[prost(string, tag = "4")]
    ask_quantity: String,
    #[prost(string, tag = "5")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct AggreDeals {
    #[prost(message, repeated, tag = "1")]
    deals: Vec<AggreDeal>,
}

#[derive(Clone, PartialEq, Message)]
struct AggreDeal {
    #[prost(string, tag = "1")]
    price: String,
    #[prost(string, tag = "2")]
    quantity: String,
    #[prost(int32, tag = "3")]
    trade_type: i32,
    #[prost(int64, tag = "4")]
    time: i64,
    #[prost(string, tag = "5")]
    trade_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct AggreDepths {
    #[prost(message, repeated, tag = "1")]
    asks: Vec<DepthLevel>,
    #[prost(message, repeated, tag = "2")]
    bids: Vec<DepthLevel>,
    #[prost(string, tag = "4")]
    from_version: String,
    #[prost(string, tag = "5")]
    to_version: String,
}

#[derive(Clone, PartialEq, Message)]
struct DepthLevel {
    #[prost(string, tag = "1")]
    price: String,
    #[prost(string, tag = "2")]
    quantity: String,
}

#[derive(Clone, PartialEq, Message)]
struct PrivateOrders {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    client_id: String,
    #[prost(string, tag = "3")]
    price: String,
    #[prost(string, tag = "4")]
    quantity: String,
    #[prost(string, tag = "6")]
    avg_price: String,
    #[prost(int32, tag = "7")]
    order_type: i32,
    #[prost(int32, tag = "8")]
    trade_type: i32,
    #[prost(string, tag = "13")]
    cumulative_quantity: String,
    #[prost(string, tag = "14")]
    cumulative_amount: String,
    #[prost(int32, tag = "15")]
    status: i32,
    #[prost(int64, tag = "16")]
    create_time: i64,
    #[prost(string, optional, tag = "19")]
    trigger_price: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct PrivateDeals {
    #[prost(string, tag = "1")]
    price: String,
    #[prost(string, tag = "2")]
    quantity: String,
    #[prost(int32, tag = "4")]
    trade_type: i32,
    #[prost(bool, tag = "5")]
    is_maker: bool,
    #[prost(string, tag = "7")]
    trade_id: String,
    #[prost(string, tag = "8")]
    client_order_id: String,
    #[prost(string, tag = "9")]
    order_id: String,
    #[prost(string, tag = "10")]
    fee_amount: String,
    #[prost(string, tag = "11")]
    fee_currency: String,
    #[prost(int64, tag = "12")]
    time: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PrivateAccount {
    #[prost(string, tag = "1")]
    vcoin_name: String,
    #[prost(string, tag = "3")]
    balance_amount: String,
    #[prost(string, tag = "5")]
    frozen_amount: String,
}

impl Wrapper {
    fn emit(&self, emit: Emit<'_>) -> Result<(), StreamError> {
        match &self.body {
            Some(Body::AggreBookTicker(it)) => {
                let symbol = self.symbol.as_deref();
                let top = TopFrame {
                    channel: &self.channel,
                    symbol,
                    sent: self.send_time,
                    it: it.into(),
                };
                emit(Event::BookTop(top.book_top()?));
            }
            Some(Body::AggreDeals(it)) => {
                let symbol = self.named()?;
                for deal in &it.deals {
                    emit(Event::Trade(deal.trade(symbol)?));
                }
            }
            Some(Body::AggreDepths(it)) => {
                let mut update = it.update(self.named()?)?;
                update.at = self.send_time.and_then(millis);
                emit(Event::Book(update));
            }
            Some(Body::PrivateOrders(it)) => {
                let mut report = it.report(self.named()?)?;
                report.updated_at =
                    self.send_time.and_then(millis).or_else(|| millis(it.create_time));
                emit(Event::Order(report));
            }
            Some(Body::PrivateDeals(it)) => emit(Event::Fill(it.fill(self.named()?)?)),
            Some(Body::PrivateAccount(it)) => emit(Event::Balance(it.balance()?)),
            // A channel nobody asked for.
            None => {}
        }
        Ok(())
    }

    fn named(&self) -> Result<Symbol, StreamError> {
        symbol(self.symbol.as_deref(), &self.channel)
    }
}

impl AggreDeal {
    fn trade(&self, symbol: Symbol) -> Result<Trade, StreamError> {
        Ok(Trade {
            symbol,
            trade_id: OrderId::new(&self.trade_id).ok(),
            price: decimal("price", &self.price)?,
            quantity: decimal("quantity", &self.quantity)?,
            taker_side: side(self.trade_type)?,
            at: millis(self.time).ok_or_else(|| malformed("time", "not after 1970"))?,
        })
    }
}

impl AggreDepths {
    fn update(&self, symbol: Symbol) -> Result<BookUpdate, StreamError> {
        let number =
            |field, text: &str| text.parse().map_err(|_| malformed(field, "not a whole number"));
        let levels = |levels: &[DepthLevel]| -> Result<Vec<Level>, StreamError> {
            let level = |level: &DepthLevel| {
                Ok((decimal("price", &level.price)?, decimal("quantity", &level.quantity)?))
            };
            levels.iter().map(level).collect()
        };
        Ok(BookUpdate {
            symbol,
            snapshot: false,
            bids: levels(&self.bids)?,
            asks: levels(&self.asks)?,
            first_id: Some(number("fromVersion", &self.from_version)?),
            last_id: number("toVersion", &self.to_version)?,
            previous_id: None,
            at: None,
        })
    }
}

impl PrivateOrders {
    fn report(&self, symbol: Symbol) -> Result<OrderReport, StreamError> {
        let status = match self.status {
            1 => OrderStatus::New,
            2 => OrderStatus::Filled,
            3 => OrderStatus::PartiallyFilled,
            4 | 5 => OrderStatus::Canceled,
            _ => OrderStatus::Unrecognized,
        };
        let id = text("id", OrderId::new(&self.id))?;
        let mut it = OrderReport::new(symbol, id, side(self.trade_type)?, status);
        it.client_order_id = ClientOrderId::new(&self.client_id).ok();
        it.quantity = some_decimal("quantity", &self.quantity)?;
        it.filled_quantity =
            some_decimal("cumulativeQuantity", &self.cumulative_quantity)?.unwrap_or_default();
        let price = some_decimal("price", &self.price)?;
        (it.time_in_force, it.price) = match self.order_type {
            1 => (Some(TimeInForce::GoodTillCancel), price),
            2 => (Some(TimeInForce::PostOnly), price),
            3 => (Some(TimeInForce::ImmediateOrCancel), price),
            4 => (Some(TimeInForce::FillOrKill), price),
            // A market order shows a price that bounds it.
            5 => (None, None),
            _ => (None, price),
        };
        it.average_price = some_decimal("avgPrice", &self.avg_price)?;
        it.filled_quote = some_decimal("cumulativeAmount", &self.cumulative_amount)?;
        it.trigger_price =
            some_decimal("triggerPrice", self.trigger_price.as_deref().unwrap_or(""))?;
        Ok(it)
    }
}

impl PrivateDeals {
    fn fill(&self, symbol: Symbol) -> Result<Fill, StreamError> {
        let trade_id = text("tradeId", OrderId::new(&self.trade_id))?;
        let order_id = text("orderId", OrderId::new(&self.order_id))?;
        let mut it = Fill::new(
            symbol,
            (trade_id, order_id),
            side(self.trade_type)?,
            (decimal("price", &self.price)?, decimal("quantity", &self.quantity)?),
            millis(self.time).ok_or_else(|| malformed("time", "not after 1970"))?,
        );
        it.client_order_id = ClientOrderId::new(&self.client_order_id).ok();
        if let Ok(asset) = Asset::new(&self.fee_currency) {
            it.fee = Some(Fee { asset, amount: decimal("feeAmount", &self.fee_amount)? });
        }
        it.maker = Some(self.is_maker);
        Ok(it)
    }
}

impl PrivateAccount {
    fn balance(&self) -> Result<Balance, StreamError> {
        let available = decimal("balanceAmount", &self.balance_amount)?;
        let frozen = some_decimal("frozenAmount", &self.frozen_amount)?.unwrap_or_default();
        let total = available.checked_add(frozen).unwrap_or(available);
        Ok(Balance { asset: text("vcoinName", Asset::new(&self.vcoin_name))?, available, total })
    }
}

/// The symbol of a frame: its own field, or the end of the channel's name.
fn symbol(field: Option<&str>, channel: &str) -> Result<Symbol, StreamError> {
    let named = field.or_else(|| channel.rsplit('@').next()).unwrap_or("");
    text("symbol", Symbol::new(named))
}

fn side(trade_type: i32) -> Result<Side, StreamError> {
    match trade_type {
        1 => Ok(Side::Buy),
        2 => Ok(Side::Sell),
        _ => Err(malformed("tradeType", "neither 1 nor 2")),
    }
}

fn text<T>(field: &str, value: Result<T, TextError>) -> Result<T, StreamError> {
    value.map_err(|error| malformed(field, &error.to_string()))
}

fn decimal(field: &str, text: &str) -> Result<Decimal, StreamError> {
    parse_decimal(text).map_err(|error| malformed(field, &error.to_string()))
}

/// A value that is absent if empty or zero.
#[inline]
fn some_decimal(field: &str, text: &str) -> Result<Option<Decimal>, StreamError> {
    if text.is_empty() {
        return Ok(None);
    }
    decimal(field, text).map(|value| Some(value).filter(|value| !value.is_zero()))
}
