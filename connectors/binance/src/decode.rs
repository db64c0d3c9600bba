//! Replies to neutral values.

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Accepted, Asked, Asset, Balance, BookTop, Change, ClientOrderId, Decimal, Fee, Fill,
    FundingRate, Headers, Malformed, Market, OperationKind as Kind, OrderId, OrderReport,
    OrderStatus, Page, Position, PositionSide, RejectReason, Rejection, Reply, Side, Symbol,
    Ticker, TimeInForce, Timestamp, VenueError,
};
use serde::Deserialize;

use crate::{errors, instruments, limits};

mod scan;

use scan::Fields;

pub(crate) fn decode(
    market: Market,
    asked: &Asked<'_>,
    status: u16,
    headers: Headers<'_>,
    body: &mut [u8],
) -> Result<Reply, VenueError> {
    let (op, body) = (asked.kind, &*body);
    if !(200..300).contains(&status) {
        return errors::classify(market, op, status, headers, body);
    }
    match (op, market) {
        (Kind::Place | Kind::PlaceConditional, Market::Spot) => {
            let mut fields = Fields::default();
            match fields.read(body).and_then(|()| fields.placed()) {
                Some(reply) => Ok(reply),
                None => json::read(op, body).map(SpotPlaced::reply),
            }
        }
        (Kind::CancelAll | Kind::CancelAllConditional, Market::Linear) => {
            json::read::<Done>(op, body).map(|_| Reply::Changed(Change::Applied))
        }
        (Kind::CancelConditional, Market::Linear) => json::read(op, body).map(AlgoAck::reply),
        (Kind::PlaceConditional | Kind::ConditionalOrder, Market::Linear) => {
            json::read(op, body).map(|order: AlgoOrder| Reply::Order(order.report()))
        }
        (Kind::OpenConditionalOrders, Market::Linear) => {
            json::read(op, body).map(|orders: Vec<AlgoOrder>| {
                Reply::Orders(orders.iter().map(AlgoOrder::report).collect())
            })
        }
        (
            Kind::Place
            | Kind::Amend
            | Kind::Cancel
            | Kind::CancelConditional
            | Kind::OrderById
            | Kind::OrderByClientId
            | Kind::ConditionalOrder,
            _,
        ) => {
            let mut fields = Fields::default();
            match fields.read(body).and_then(|()| fields.report()) {
                Some(report) => Ok(Reply::Order(report)),
                None => json::read(op, body).map(|order: Order| Reply::Order(order.report())),
            }
        }
        (
            Kind::OpenOrders
            | Kind::OpenConditionalOrders
            | Kind::CancelAll
            | Kind::CancelAllConditional,
            _,
        ) => json::read(op, body)
            .map(|orders: Vec<Order>| Reply::Orders(orders.iter().map(Order::report).collect())),
        (Kind::OrderHistory, _) => json::read(op, body).map(|orders: Vec<Order>| {
            let next = next_page(asked, orders.iter().map(|order| order.order_id));
            Reply::Orders(orders.iter().map(Order::report).collect::<Page<_>>().with_next(next))
        }),
        (Kind::Fills, _) => json::read(op, body).map(|trades: Vec<Trade>| {
            let next = next_page(asked, trades.iter().map(|trade| trade.id));
            Reply::Fills(trades.into_iter().map(Trade::fill).collect::<Page<_>>().with_next(next))
        }),
        (Kind::Positions, _) => json::read(op, body).map(|positions: Vec<PositionRow>| {
            Reply::Positions(positions.iter().map(PositionRow::position).collect())
        }),
        (Kind::Balances, Market::Spot) => json::read(op, body).map(|account: SpotAccount| {
            Reply::Balances(account.balances.iter().map(SpotBalance::balance).collect())
        }),
        (Kind::Balances, _) => json::read(op, body).map(|account: LinearAccount| {
            Reply::Balances(account.assets().iter().map(LinearAsset::balance).collect())
        }),
        (Kind::SetLeverage, _) => {
            json::read::<Leverage>(op, body).map(|_| Reply::Changed(Change::Applied))
        }
        (Kind::SetMarginMode | Kind::SetPositionMode, _) => {
            json::read::<Done>(op, body).map(|_| Reply::Changed(Change::Applied))
        }
        (Kind::PlaceBatch, _) => batch(json::read(op, body)?),
        (Kind::CreateListenKey, _) => {
            json::read(op, body).map(|it: ListenKey<'_>| Reply::ListenKey(it.listen_key.into()))
        }
        // The body repeats the key or is empty.
        (Kind::ExtendListenKey | Kind::CloseListenKey, _) => Ok(Reply::Changed(Change::Applied)),
        (Kind::Instruments, _) => instruments::decode(market, body),
        (Kind::Ticker, Market::Spot) => json::read(op, body).map(|price: Price| {
            Reply::Ticker(Ticker::new(price.symbol, Some(price.price.0), None))
        }),
        (Kind::Ticker, _) => json::read(op, body).map(|index: PremiumIndex| {
            Reply::Ticker(Ticker::new(index.symbol, None, Some(index.mark_price.0)))
        }),
        (Kind::FundingRate, _) => json::read(op, body).map(|index: PremiumIndex| {
            Reply::FundingRate(FundingRate {
                symbol: index.symbol,
                rate: index.last_funding_rate.0.unwrap_or_default(),
                next_at: index.next_funding_time.and_then(millis),
            })
        }),
        (Kind::BookTop, _) => json::read(op, body).map(BookTicker::reply),
        (Kind::Depth, _) => json::read(op, body).and_then(|book: Book| book.reply(asked)),
        (Kind::ServerTime, _) => json::read(op, body)
            .map(|time: ServerTime| Reply::ServerTime(Timestamp::from_millis(time.server_time))),
        (op, _) => Err(malformed(op, ".", "no such operation here")),
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
            client_order_id: Some(self.client_order_id),
            orig_client_order_id: Some(self.orig_client_order_id),
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
        fields.report_of(self.symbol, self.order_id, self.side, self.status, amounts)
    }
}

/// A spot placement: ACK has the ids only, RESULT the order, FULL its fills too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpotPlaced {
    symbol: Symbol,
    order_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default)]
    transact_time: Option<Integer>,
    #[serde(default)]
    side: Option<Side_>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    orig_qty: MaybeNumber,
    #[serde(default)]
    executed_qty: MaybeNumber,
    #[serde(default)]
    cummulative_quote_qty: MaybeNumber,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    stop_price: MaybeNumber,
    #[serde(default)]
    time_in_force: Tif,
    #[serde(default, rename = "type")]
    kind: Type,
    #[serde(default)]
    fills: FeeSum,
}

impl SpotPlaced {
    fn reply(self) -> Reply {
        let fields = Fields {
            symbol: Some(self.symbol),
            order_id: Some(self.order_id),
            client_order_id: Some(self.client_order_id),
            side: self.side,
            status: self.status,
            cummulative_quote_qty: Some(self.cummulative_quote_qty),
            price: Some(self.price),
            stop_price: Some(self.stop_price),
            time_in_force: Some(self.time_in_force),
            kind: Some(self.kind),
            transact_time: self.transact_time,
            fills: Some(self.fills),
            ..Fields::default()
        };
        let amounts =
            (self.orig_qty.0.unwrap_or_default(), self.executed_qty.0.unwrap_or_default());
        fields.placed_of(self.symbol, self.order_id, amounts)
    }
}

/// The fees of a placement's fills, added up without keeping the fills; absent if they were paid in
/// more than one asset.
#[derive(Default, Clone, Copy)]
struct FeeSum(Option<Fee>);

/// A sum of fees in the making.
#[derive(Default)]
struct FeeSums {
    fee: Option<Fee>,
    /// In several assets, or too large to add up.
    spoilt: bool,
}

impl FeeSums {
    fn add(&mut self, fee: Fee) {
        let Some(sum) = &mut self.fee else {
            self.fee = Some(fee);
            return;
        };
        match sum.amount.checked_add(fee.amount) {
            Some(amount) if sum.asset == fee.asset => sum.amount = amount,
            _ => self.spoilt = true,
        }
    }

    fn total(self) -> FeeSum {
        FeeSum(self.fee.filter(|_| !self.spoilt))
    }
}

impl<'de> Deserialize<'de> for FeeSum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = FeeSum;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of fills")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut rows: A,
            ) -> Result<FeeSum, A::Error> {
                let mut sum = FeeSums::default();
                while let Some(row) = rows.next_element::<FillRow>()? {
                    sum.add(Fee { asset: row.commission_asset, amount: row.commission.0 });
                }
                Ok(sum.total())
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FillRow {
    commission: Number,
    commission_asset: Asset,
}

/// linear, "Place Multiple Orders": an order or an error for each.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItem<'a> {
    #[serde(default)]
    order_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default)]
    update_time: Option<Integer>,
    #[serde(default)]
    code: Option<Integer>,
    #[serde(borrow, default)]
    msg: std::borrow::Cow<'a, str>,
}

fn batch(items: Vec<BatchItem<'_>>) -> Result<Reply, VenueError> {
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        results.push(match (item.order_id, item.code) {
            (Some(id), _) => Ok(Accepted {
                order_id: Some(OrderId::from(id)),
                client_order_id: item.client_order_id,
                at: item.update_time.and_then(millis),
            }),
            (None, Some(code)) => {
                match errors::coded(Market::Linear, 400, Headers::none(), code.0, &item.msg) {
                    Err(VenueError::Rejected(rejection)) => Err(rejection),
                    Err(VenueError::Throttled(_)) | Ok(_) => {
                        Err(Rejection::new(RejectReason::Other, code.0, &item.msg))
                    }
                    // One order that may exist makes the batch one to reconcile.
                    Err(unknown) => return Err(unknown),
                }
            }
            (None, None) => {
                let field = format!("[{index}].orderId");
                return Err(malformed(Kind::PlaceBatch, &field, "neither an order nor an error"));
            }
        });
    }
    Ok(Reply::Batch(results))
}

/// linear, "Start User Data Stream".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListenKey<'a> {
    listen_key: &'a str,
}

/// linear, "New Algo Order" and "Query Algo Order".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlgoOrder {
    algo_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_algo_id: Option<ClientOrderId>,
    symbol: Symbol,
    side: Side_,
    #[serde(default)]
    position_side: PositionSide_,
    #[serde(default)]
    time_in_force: Tif,
    quantity: Number,
    algo_status: AlgoStatus,
    #[serde(default, deserialize_with = "lenient")]
    actual_order_id: Option<OrderId>,
    #[serde(default)]
    trigger_price: MaybeNumber,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    update_time: Option<Integer>,
}

impl AlgoOrder {
    fn report(&self) -> OrderReport {
        let id = OrderId::from(self.algo_id);
        let mut it = OrderReport::new(self.symbol, id, self.side.into(), self.algo_status.into());
        it.client_order_id = self.client_algo_id;
        it.quantity = Some(self.quantity.0);
        it.price = self.price.non_zero();
        it.trigger_price = self.trigger_price.non_zero();
        it.time_in_force = self.time_in_force.into();
        it.reduce_only = self.reduce_only;
        it.position_side = self.position_side.into();
        it.triggered_order_id = self.actual_order_id;
        it.updated_at = self.update_time.and_then(millis);
        it
    }
}

/// linear, "Cancel Algo Order": the ids alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlgoAck {
    algo_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_algo_id: Option<ClientOrderId>,
}

impl AlgoAck {
    fn reply(self) -> Reply {
        Reply::Accepted(Accepted {
            order_id: Some(OrderId::from(self.algo_id)),
            client_order_id: self.client_algo_id,
            at: None,
        })
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

/// linear, "Position Information V3".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionRow {
    symbol: Symbol,
    #[serde(default)]
    position_side: PositionSide_,
    position_amt: Number,
    #[serde(default)]
    entry_price: MaybeNumber,
    #[serde(default)]
    mark_price: MaybeNumber,
    #[serde(default)]
    liquidation_price: MaybeNumber,
    #[serde(default)]
    un_realized_profit: MaybeNumber,
    #[serde(default)]
    update_time: Option<Integer>,
}

impl PositionRow {
    fn position(&self) -> Position {
        let amount = self.position_amt.0;
        let hedge: Option<PositionSide> = self.position_side.into();
        let mut it = Position::new(self.symbol, side_of(amount, hedge), amount.abs());
        it.hedge = hedge.is_some();
        it.entry_price = self.entry_price.non_zero();
        it.mark_price = self.mark_price.non_zero();
        it.liquidation_price = self.liquidation_price.non_zero();
        it.unrealized_pnl = self.un_realized_profit.0;
        it.updated_at = self.update_time.and_then(millis);
        it
    }
}

/// Long or short: as hedge mode names it, else by the sign; absent if there is no position.
pub(crate) fn side_of(amount: Decimal, hedge: Option<PositionSide>) -> Option<PositionSide> {
    match hedge {
        _ if amount.is_zero() => None,
        Some(side) => Some(side),
        None if amount.is_sign_negative() => Some(PositionSide::Short),
        None => Some(PositionSide::Long),
    }
}

#[derive(Deserialize)]
struct SpotAccount {
    balances: Vec<SpotBalance>,
}

#[derive(Deserialize)]
struct SpotBalance {
    asset: Asset,
    free: Number,
    locked: Number,
}

impl SpotBalance {
    fn balance(&self) -> Balance {
        let (available, locked) = (self.free.0, self.locked.0);
        let total = available.checked_add(locked).unwrap_or(available);
        Balance { asset: self.asset, available, total }
    }
}

/// linear, "Account Information V3" (a map) and "Futures Account Balance V3" (a list).
struct LinearAccount(Vec<LinearAsset>);

impl LinearAccount {
    fn assets(&self) -> &[LinearAsset] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for LinearAccount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = LinearAccount;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an account or a list of balances")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut rows: A,
            ) -> Result<LinearAccount, A::Error> {
                let mut assets = Vec::new();
                while let Some(asset) = rows.next_element()? {
                    assets.push(asset);
                }
                Ok(LinearAccount(assets))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<LinearAccount, A::Error> {
                #[derive(Deserialize)]
                struct Account {
                    assets: Vec<LinearAsset>,
                }
                let account =
                    Account::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(LinearAccount(account.assets))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinearAsset {
    asset: Asset,
    #[serde(alias = "balance")]
    wallet_balance: Number,
    available_balance: Number,
}

impl LinearAsset {
    fn balance(&self) -> Balance {
        Balance {
            asset: self.asset,
            available: self.available_balance.0,
            total: self.wallet_balance.0,
        }
    }
}

#[derive(Deserialize)]
struct Leverage {
    #[serde(rename = "leverage")]
    _leverage: u32,
}

/// `{"code":200,"msg":"success"}`.
#[derive(Deserialize)]
struct Done {
    #[serde(rename = "code")]
    _code: Integer,
}

#[derive(Deserialize)]
struct Price {
    symbol: Symbol,
    price: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PremiumIndex {
    symbol: Symbol,
    mark_price: Number,
    #[serde(default)]
    last_funding_rate: MaybeNumber,
    #[serde(default)]
    next_funding_time: Option<Integer>,
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

#[derive(Deserialize, Clone, Copy)]
pub(crate) enum Side_ {
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

/// spot enums.md, "Order status".
#[derive(Deserialize, Clone, Copy)]
pub(crate) enum Status {
    #[serde(rename = "NEW", alias = "PENDING_NEW", alias = "NEW_INSURANCE", alias = "NEW_ADL")]
    New,
    #[serde(rename = "PARTIALLY_FILLED")]
    PartiallyFilled,
    #[serde(rename = "FILLED")]
    Filled,
    #[serde(rename = "CANCELED", alias = "PENDING_CANCEL")]
    Canceled,
    #[serde(rename = "REJECTED")]
    Rejected,
    #[serde(rename = "EXPIRED", alias = "EXPIRED_IN_MATCH")]
    Expired,
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
            Status::Rejected => Self::Rejected,
            Status::Expired => Self::Expired,
            Status::Other => Self::Unrecognized,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
pub(crate) enum AlgoStatus {
    #[serde(rename = "NEW")]
    New,
    #[serde(rename = "TRIGGERING", alias = "TRIGGERED", alias = "FINISHED")]
    Triggered,
    #[serde(rename = "CANCELED")]
    Canceled,
    #[serde(rename = "EXPIRED")]
    Expired,
    #[serde(rename = "REJECTED")]
    Rejected,
    #[serde(other)]
    Other,
}

impl From<AlgoStatus> for OrderStatus {
    fn from(status: AlgoStatus) -> Self {
        match status {
            AlgoStatus::New => Self::New,
            AlgoStatus::Triggered => Self::Triggered,
            AlgoStatus::Canceled => Self::Canceled,
            AlgoStatus::Expired => Self::Expired,
            AlgoStatus::Rejected => Self::Rejected,
            AlgoStatus::Other => Self::Unrecognized,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum Tif {
    #[serde(rename = "GTC", alias = "GTD")]
    GoodTillCancel,
    #[serde(rename = "IOC")]
    ImmediateOrCancel,
    #[serde(rename = "FOK")]
    FillOrKill,
    #[serde(rename = "GTX")]
    PostOnly,
    #[default]
    #[serde(other)]
    Other,
}

impl From<Tif> for Option<TimeInForce> {
    fn from(tif: Tif) -> Self {
        match tif {
            Tif::GoodTillCancel => Some(TimeInForce::GoodTillCancel),
            Tif::ImmediateOrCancel => Some(TimeInForce::ImmediateOrCancel),
            Tif::FillOrKill => Some(TimeInForce::FillOrKill),
            Tif::PostOnly => Some(TimeInForce::PostOnly),
            Tif::Other => None,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum Type {
    #[serde(rename = "LIMIT_MAKER")]
    LimitMaker,
    #[default]
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum PositionSide_ {
    #[serde(rename = "LONG")]
    Long,
    #[serde(rename = "SHORT")]
    Short,
    #[default]
    #[serde(other)]
    Both,
}

impl From<PositionSide_> for Option<PositionSide> {
    fn from(side: PositionSide_) -> Self {
        match side {
            PositionSide_::Long => Some(PositionSide::Long),
            PositionSide_::Short => Some(PositionSide::Short),
            PositionSide_::Both => None,
        }
    }
}

/// A venue's milliseconds; zero and less mean "never".
pub(crate) fn millis(value: Integer) -> Option<Timestamp> {
    u64::try_from(value.0).ok().filter(|millis| *millis > 0).map(Timestamp::from_millis)
}
