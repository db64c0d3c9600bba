//! Spot v3: a success is the bare value, an error the envelope `{"code":…,"msg":…}`.

use hoox_connector::json::{self, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Accepted, Asked, Asset, Balance, BookTop, Change, ClientOrderId, Fee, Fill, Headers, Market,
    OperationKind as Kind, OrderId, OrderReport, OrderStatus, Reply, Side, Symbol, Ticker,
    TimeInForce, VenueError, average_price,
};
use serde::Deserialize;

use super::{Moment, Required, Row, asked_symbol, batch, malformed, scan};
use crate::{errors, instruments};

pub(super) fn decode(
    asked: &Asked<'_>,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    let op = asked.kind;
    // Every success has a field that an error envelope lacks, so only what cannot be read is looked
    // at again.
    read(asked, body).map_err(|error| match error {
        VenueError::Malformed(_) => {
            errors::refusal(Market::Spot, op, headers, body).unwrap_or(error)
        }
        other => other,
    })
}

fn read(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, VenueError> {
    let op = asked.kind;
    match op {
        Kind::Place => match scan::spot(body) {
            Some(accepted) => Ok(Reply::Accepted(accepted)),
            None => json::read(op, body).map(Placed::reply),
        },
        Kind::PlaceBatch => {
            json::read(op, body).and_then(|rows: Vec<Row<'_>>| batch(Market::Spot, &rows))
        }
        Kind::Cancel | Kind::OrderById | Kind::OrderByClientId => {
            let order: Order = json::read(op, body)?;
            order.report(op).map(Reply::Order)
        }
        Kind::OpenOrders | Kind::OrderHistory | Kind::CancelAll => {
            let orders: Vec<Order> = json::read(op, body)?;
            orders.iter().map(|order| order.report(op)).collect::<Result<_, _>>().map(Reply::Orders)
        }
        Kind::Fills => json::read(op, body)
            .map(|trades: Vec<Trade>| Reply::Fills(trades.iter().map(Trade::fill).collect())),
        Kind::Balances => json::read(op, body).map(|account: Account| {
            Reply::Balances(account.balances.iter().map(Held::balance).collect())
        }),
        Kind::Instruments => instruments::decode_spot(body),
        Kind::Ticker => json::read(op, body).map(|price: Price| {
            Reply::Ticker(Ticker::new(price.symbol, Some(price.price.0), None))
        }),
        Kind::BookTop => json::read(op, body).map(BookTicker::reply),
        Kind::Depth => json::read(op, body).and_then(|book: Book| book.reply(asked)),
        Kind::ServerTime => {
            json::read(op, body).map(|time: ServerTime| Reply::ServerTime(time.server_time.0))
        }
        Kind::CreateListenKey => {
            json::read(op, body).map(|it: ListenKey<'_>| Reply::ListenKey(it.listen_key.into()))
        }
        Kind::ExtendListenKey | Kind::CloseListenKey => {
            json::read(op, body).map(|_: ListenKey<'_>| Reply::Changed(Change::Applied))
        }
        _ => Err(malformed(op, ".", "no such operation here")),
    }
}

/// spot, "New Order": neither the status nor our id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed {
    order_id: OrderId,
    #[serde(default)]
    transact_time: Moment,
}

impl Placed {
    fn reply(self) -> Reply {
        Reply::Accepted(Accepted {
            order_id: Some(self.order_id),
            client_order_id: None,
            at: self.transact_time.0,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    symbol: Symbol,
    order_id: OrderId,
    /// On a cancellation this is the cancellation's own id, and the order's is the next.
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default, deserialize_with = "lenient")]
    orig_client_order_id: Option<ClientOrderId>,
    side: Side_,
    status: Status,
    #[serde(default)]
    orig_qty: MaybeNumber,
    /// What the documentation prints for `origQty`.
    #[serde(default, rename = "Qty")]
    qty: MaybeNumber,
    executed_qty: Number,
    #[serde(default)]
    cummulative_quote_qty: MaybeNumber,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    stop_price: MaybeNumber,
    #[serde(default, rename = "type")]
    kind: Type,
    #[serde(default)]
    update_time: Moment,
    #[serde(default)]
    time: Moment,
}

impl Order {
    fn report(&self, op: Kind) -> Result<OrderReport, VenueError> {
        let quantity = self.orig_qty.0.or(self.qty.0);
        // A market buy by quote amount has none.
        if quantity.is_none() && !matches!(self.kind, Type::Market) {
            return Err(malformed(op, "origQty", "missing"));
        }
        let mut it =
            OrderReport::new(self.symbol, self.order_id, self.side.into(), self.status.into());
        it.client_order_id = self.orig_client_order_id.or(self.client_order_id);
        it.quantity = quantity.filter(|quantity| !quantity.is_zero());
        it.filled_quantity = self.executed_qty.0;
        it.price = match self.kind {
            Type::Market => None,
            _ => self.price.non_zero(),
        };
        it.filled_quote = self.cummulative_quote_qty.0;
        it.average_price =
            it.filled_quote.and_then(|quote| average_price(quote, it.filled_quantity));
        it.trigger_price = self.stop_price.non_zero();
        // The order's type says it; the field timeInForce is GTC whatever it is.
        it.time_in_force = match self.kind {
            Type::Limit => Some(TimeInForce::GoodTillCancel),
            Type::LimitMaker => Some(TimeInForce::PostOnly),
            Type::ImmediateOrCancel => Some(TimeInForce::ImmediateOrCancel),
            Type::FillOrKill => Some(TimeInForce::FillOrKill),
            Type::Market | Type::Other => None,
        };
        it.updated_at = self.update_time.0.or(self.time.0);
        Ok(it)
    }
}

/// spot, "Account Trade List".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trade {
    symbol: Symbol,
    id: OrderId,
    order_id: OrderId,
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    price: Number,
    qty: Number,
    #[serde(default)]
    commission: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    commission_asset: Option<Asset>,
    time: Required,
    is_buyer: bool,
    #[serde(default)]
    is_maker: Option<bool>,
}

impl Trade {
    fn fill(&self) -> Fill {
        let mut it = Fill::new(
            self.symbol,
            (self.id, self.order_id),
            if self.is_buyer { Side::Buy } else { Side::Sell },
            (self.price.0, self.qty.0),
            self.time.0,
        );
        it.client_order_id = self.client_order_id;
        it.fee = match (self.commission_asset, self.commission.0) {
            (Some(asset), Some(amount)) => Some(Fee { asset, amount }),
            _ => None,
        };
        it.maker = self.is_maker;
        it
    }
}

#[derive(Deserialize)]
struct Account {
    balances: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    asset: Asset,
    free: Number,
    locked: Number,
}

impl Held {
    fn balance(&self) -> Balance {
        let (available, locked) = (self.free.0, self.locked.0);
        let total = available.checked_add(locked).unwrap_or(available);
        Balance { asset: self.asset, available, total }
    }
}

#[derive(Deserialize)]
struct Price {
    symbol: Symbol,
    price: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookTicker {
    symbol: Symbol,
    bid_price: MaybeNumber,
    bid_qty: MaybeNumber,
    ask_price: MaybeNumber,
    ask_qty: MaybeNumber,
}

impl BookTicker {
    fn reply(self) -> Reply {
        Reply::BookTop(BookTop {
            symbol: self.symbol,
            bid_price: self.bid_price.non_zero(),
            bid_quantity: self.bid_qty.non_zero(),
            ask_price: self.ask_price.non_zero(),
            ask_quantity: self.ask_qty.non_zero(),
            update_id: None,
            at: None,
        })
    }
}

/// spot, "Order Book": the version that the stream of changes goes on from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Book {
    last_update_id: u64,
    bids: Vec<(Number, Number)>,
    asks: Vec<(Number, Number)>,
    #[serde(default)]
    timestamp: Moment,
}

impl Book {
    fn reply(self, asked: &Asked<'_>) -> Result<Reply, VenueError> {
        let levels = |side: Vec<(Number, Number)>| -> Vec<Level> {
            side.into_iter().map(|(price, quantity)| (price.0, quantity.0)).collect()
        };
        Ok(Reply::Depth(BookUpdate {
            symbol: asked_symbol(asked)?,
            snapshot: true,
            bids: levels(self.bids),
            asks: levels(self.asks),
            first_id: None,
            last_id: self.last_update_id,
            previous_id: None,
            at: self.timestamp.0,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    server_time: Required,
}

/// What each of the three listen key operations answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListenKey<'a> {
    listen_key: &'a str,
}

#[derive(Deserialize, Clone, Copy)]
enum Side_ {
    #[serde(rename = "BUY")]
    Buy,
    #[serde(rename = "SELL")]
    Sell,
}

impl From<Side_> for Side {
    fn from(side: Side_) -> Self {
        match side {
            Side_::Buy => Self::Buy,
            Side_::Sell => Self::Sell,
        }
    }
}

/// IOC and FOK remainders come as cancelled, there is no "expired".
#[derive(Deserialize, Clone, Copy)]
enum Status {
    #[serde(rename = "NEW")]
    New,
    #[serde(rename = "PARTIALLY_FILLED")]
    PartiallyFilled,
    #[serde(rename = "FILLED")]
    Filled,
    #[serde(rename = "CANCELED", alias = "PARTIALLY_CANCELED")]
    Canceled,
    #[serde(other)]
    Other,
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::New => Self::New,
            Status::PartiallyFilled => Self::PartiallyFilled,
            Status::Filled => Self::Filled,
            Status::Canceled => Self::Canceled,
            Status::Other => Self::Unrecognized,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
enum Type {
    #[serde(rename = "LIMIT", alias = "LIMIT_ORDER")]
    Limit,
    #[serde(rename = "MARKET")]
    Market,
    #[serde(rename = "LIMIT_MAKER")]
    LimitMaker,
    #[serde(rename = "IMMEDIATE_OR_CANCEL")]
    ImmediateOrCancel,
    #[serde(rename = "FILL_OR_KILL")]
    FillOrKill,
    #[default]
    #[serde(other)]
    Other,
}
