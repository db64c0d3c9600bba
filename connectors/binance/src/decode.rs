//! Replies to neutral values. The markets are one API in two places: what they tell alike is read
//! here, the rest by each.

mod linear;
mod scan;
mod spot;
mod words;

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Asked, Asset, BookTop, ClientOrderId, Cursor, Fee, Fill, Headers, Malformed, Market,
    OperationKind as Kind, OrderId, OrderReport, Page, Reply, Side, Symbol, Timestamp, VenueError,
};
use serde::Deserialize;

use crate::{errors, limits};

use scan::Fields;

pub(crate) use linear::side_of;
pub(crate) use words::{AlgoStatus, PositionSide_, Side_, Status, Tif, Type, millis};

pub(crate) fn decode(
    market: Market,
    asked: &Asked<'_>,
    status: u16,
    headers: Headers<'_>,
    body: &mut [u8],
) -> Result<Reply, VenueError> {
    let body = &*body;
    if !(200..300).contains(&status) {
        return errors::classify(market, asked.kind, status, headers, body);
    }
    match market {
        Market::Spot if cfg!(feature = "spot") => spot::decode(asked, body),
        _ => linear::decode(asked, body),
    }
}

/// The reply to what was done to a plain order, as it usually comes, inside a frame.
#[inline]
pub(crate) fn order_in(market: Market, op: Kind, cursor: &mut Cursor<'_>) -> Option<Reply> {
    if !matches!(op, Kind::Place | Kind::Amend | Kind::Cancel) {
        return None;
    }
    let mut fields = Fields::default();
    fields.read_in(cursor)?;
    match (market, op) {
        (Market::Spot, Kind::Place) if cfg!(feature = "spot") => fields.placed(),
        _ => fields.report().map(Reply::Order),
    }
}

/// What both markets tell in the same words.
fn either(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, VenueError> {
    let op = asked.kind;
    match op {
        Kind::Place
        | Kind::Amend
        | Kind::Cancel
        | Kind::CancelConditional
        | Kind::OrderById
        | Kind::OrderByClientId
        | Kind::ConditionalOrder => {
            let mut fields = Fields::default();
            match fields.read(body).and_then(|()| fields.report()) {
                Some(report) => Ok(Reply::Order(report)),
                None => json::read(op, body).map(|order: Order| Reply::Order(order.report())),
            }
        }
        Kind::OpenOrders
        | Kind::OpenConditionalOrders
        | Kind::CancelAll
        | Kind::CancelAllConditional => json::read(op, body)
            .map(|orders: Vec<Order>| Reply::Orders(orders.iter().map(Order::report).collect())),
        Kind::OrderHistory => json::read(op, body).map(|orders: Vec<Order>| {
            let next = next_page(asked, orders.iter().map(|order| order.order_id));
            Reply::Orders(orders.iter().map(Order::report).collect::<Page<_>>().with_next(next))
        }),
        Kind::Fills => json::read(op, body).map(|trades: Vec<Trade>| {
            let next = next_page(asked, trades.iter().map(|trade| trade.id));
            Reply::Fills(trades.into_iter().map(Trade::fill).collect::<Page<_>>().with_next(next))
        }),
        Kind::BookTop => json::read(op, body).map(BookTicker::reply),
        Kind::Depth => json::read(op, body).and_then(|book: Book| book.reply(asked)),
        Kind::ServerTime => json::read(op, body)
            .map(|time: ServerTime| Reply::ServerTime(Timestamp::from_millis(time.server_time))),
        _ => Err(malformed(op, ".", "no such operation here")),
    }
}

/// Where a list goes on that is ordered by number: behind the last of a full page. A list that was
/// asked for without a beginning shows the newest rows, behind which there are none.
fn next_page(asked: &Asked<'_>, ids: impl ExactSizeIterator<Item = u64>) -> Option<Box<str>> {
    let begins = asked.page.is_some() || asked.since.is_some() || asked.order.is_some();
    let limit = asked.limit.map_or(limits::PAGE, |limit| limit.clamp(1, limits::PAGE_MAX));
    let full = ids.len() >= limit as usize;
    let last = ids.max().filter(|_| begins && full)?;
    Some(last.checked_add(1)?.to_string().into())
}

fn malformed(operation: Kind, field: &str, problem: &str) -> VenueError {
    VenueError::Malformed(Malformed { operation, field: field.into(), problem: problem.into() })
}

/// An order of either market; what one of them lacks is absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    symbol: Symbol,
    order_id: u64,
    /// On a spot cancellation this is the cancellation's own id, and the order's is the next.
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default, deserialize_with = "lenient")]
    orig_client_order_id: Option<ClientOrderId>,
    side: Side_,
    status: Status,
    orig_qty: Number,
    executed_qty: Number,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    avg_price: MaybeNumber,
    /// linear.
    #[serde(default)]
    cum_quote: MaybeNumber,
    /// spot, spelled so.
    #[serde(default)]
    cummulative_quote_qty: MaybeNumber,
    #[serde(default)]
    stop_price: MaybeNumber,
    #[serde(default)]
    time_in_force: Tif,
    #[serde(default, rename = "type")]
    kind: Type,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    position_side: PositionSide_,
    #[serde(default)]
    update_time: Option<Integer>,
    #[serde(default)]
    transact_time: Option<Integer>,
}

impl Order {
    fn report(&self) -> OrderReport {
        let fields = Fields {
            price: Some(self.price),
            avg_price: Some(self.avg_price),
            cum_quote: Some(self.cum_quote),
            cummulative_quote_qty: Some(self.cummulative_quote_qty),
            stop_price: Some(self.stop_price),
            time_in_force: Some(self.time_in_force),
            kind: Some(self.kind),
            reduce_only: Some(self.reduce_only),
            position_side: Some(self.position_side),
            update_time: self.update_time,
            transact_time: self.transact_time,
            ..Fields::default()
        };
        let amounts = (self.orig_qty.0, self.executed_qty.0);
        let mut it = fields.report_of(self.symbol, self.order_id, self.side, self.status, amounts);
        // On a spot cancellation the plain id is the cancellation's own.
        it.client_order_id = self.orig_client_order_id.or(self.client_order_id);
        it
    }
}

/// spot `myTrades` and linear `userTrades`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trade {
    symbol: Symbol,
    id: u64,
    order_id: u64,
    /// linear.
    #[serde(default)]
    side: Option<Side_>,
    /// spot.
    #[serde(default)]
    is_buyer: bool,
    price: Number,
    qty: Number,
    commission: Number,
    #[serde(deserialize_with = "lenient")]
    commission_asset: Option<Asset>,
    #[serde(default, alias = "isMaker")]
    maker: Option<bool>,
    #[serde(default)]
    realized_pnl: MaybeNumber,
    time: u64,
}

impl Trade {
    fn fill(self) -> Fill {
        let side = self.side.map_or(if self.is_buyer { Side::Buy } else { Side::Sell }, Side::from);
        let mut it = Fill::new(
            self.symbol,
            (OrderId::from(self.id), OrderId::from(self.order_id)),
            side,
            (self.price.0, self.qty.0),
            Timestamp::from_millis(self.time),
        );
        it.fee = self.commission_asset.map(|asset| Fee { asset, amount: self.commission.0 });
        it.maker = self.maker;
        it.realized_pnl = self.realized_pnl.0;
        it
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookTicker {
    symbol: Symbol,
    bid_price: MaybeNumber,
    bid_qty: MaybeNumber,
    ask_price: MaybeNumber,
    ask_qty: MaybeNumber,
    #[serde(default)]
    time: Option<Integer>,
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
            at: self.time.and_then(millis),
        })
    }
}

/// spot rest-api.md and linear, "Order book": the update that the stream of changes goes on from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Book {
    last_update_id: u64,
    bids: Vec<(Number, Number)>,
    asks: Vec<(Number, Number)>,
    /// linear: when the book changed.
    #[serde(default, rename = "T")]
    at: Option<Integer>,
}

impl Book {
    fn reply(self, asked: &Asked<'_>) -> Result<Reply, VenueError> {
        let symbol =
            asked.symbol.ok_or_else(|| malformed(asked.kind, "symbol", "not known which"))?;
        let levels = |side: Vec<(Number, Number)>| -> Vec<Level> {
            side.into_iter().map(|(price, quantity)| (price.0, quantity.0)).collect()
        };
        Ok(Reply::Depth(BookUpdate {
            symbol,
            snapshot: true,
            bids: levels(self.bids),
            asks: levels(self.asks),
            first_id: None,
            last_id: self.last_update_id,
            previous_id: None,
            at: self.at.and_then(millis),
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    server_time: u64,
}
