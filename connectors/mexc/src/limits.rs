//! What each market has, and what it costs (spot, the weight of each endpoint; futures, the rate
//! limit of each endpoint). MEXC reports no usage in its headers: what is used is counted here.

use core::time::Duration;

use hoox_connector::{
    Capabilities, Cost, Market, Operation, OperationKind as Kind, OperationSet, RateUsage,
};

/// How long an accepted order may stay invisible to queries. MEXC documents none; the value is what
/// reconciling bots allow for.
const VISIBILITY_DELAY: Duration = Duration::from_secs(2);

/// The longest client order id: futures error 2030; on spot the length is UNVERIFIED, and 32 is what
/// every source keeps to.
pub(crate) const CLIENT_ORDER_ID_MAX: usize = 32;

/// How many rows a page of a futures list has unless asked for otherwise, and how many at most.
pub(crate) const PAGE: u32 = 20;
pub(crate) const PAGE_MAX: u32 = 100;

const SPOT: Capabilities = {
    let mut it = Capabilities::new(OperationSet::of(&[
        Kind::Place,
        Kind::PlaceBatch,
        Kind::Cancel,
        Kind::CancelAll,
        Kind::OrderById,
        Kind::OrderByClientId,
        Kind::OpenOrders,
        Kind::OrderHistory,
        Kind::Fills,
        Kind::Balances,
        Kind::Instruments,
        Kind::Ticker,
        Kind::BookTop,
        Kind::Depth,
        Kind::ServerTime,
        Kind::CreateListenKey,
        Kind::ExtendListenKey,
        Kind::CloseListenKey,
    ]));
    it.market_by_quote = true;
    it.client_order_id_max = CLIENT_ORDER_ID_MAX;
    it.batch_max = 20;
    it.visibility_delay = VISIBILITY_DELAY;
    it
};

/// The margin mode is part of each order (`openType`), so there is no operation that sets it. Plan
/// orders can be placed and cancelled, but the sources give no way to read one by its id.
const LINEAR: Capabilities = {
    let mut it = Capabilities::new(OperationSet::of(&[
        Kind::Place,
        Kind::PlaceConditional,
        Kind::PlaceBatch,
        Kind::Cancel,
        Kind::CancelConditional,
        Kind::CancelAll,
        Kind::CancelAllConditional,
        Kind::OrderById,
        Kind::OrderByClientId,
        Kind::OpenOrders,
        Kind::OrderHistory,
        Kind::Fills,
        Kind::Positions,
        Kind::Balances,
        Kind::SetLeverage,
        Kind::SetPositionMode,
        Kind::Instruments,
        Kind::Ticker,
        Kind::BookTop,
        Kind::Depth,
        Kind::FundingRate,
        Kind::ServerTime,
    ]));
    it.triggers = true;
    it.attached = true;
    it.reduce_only = true;
    it.hedge_mode = true;
    it.client_order_id_max = CLIENT_ORDER_ID_MAX;
    it.batch_max = 50;
    it.visibility_delay = VISIBILITY_DELAY;
    it
};

pub(crate) const fn capabilities(market: Market) -> &'static Capabilities {
    match market {
        Market::Spot => &SPOT,
        _ => &LINEAR,
    }
}

/// Spot: the published weights, of which each endpoint has its own 500 in 10 seconds. Futures: in
/// twentieths of 2 seconds, the usual limit of an endpoint.
pub(crate) fn cost(market: Market, op: &Operation<'_>) -> Cost {
    let orders = match op {
        Operation::Place(_) => 1,
        Operation::PlaceBatch(orders) => u32::try_from(orders.len()).unwrap_or(u32::MAX),
        _ => 0,
    };
    let weight = match (market, op.kind()) {
        (Market::Spot, Kind::OrderById | Kind::OrderByClientId) => 2,
        (Market::Spot, Kind::OpenOrders) => 3,
        (Market::Spot, Kind::OrderHistory | Kind::Fills | Kind::Balances | Kind::Instruments) => 10,
        // 1 per 2 seconds, and 1 per 5 seconds.
        (Market::Linear, Kind::PlaceBatch) => 20,
        (Market::Linear, Kind::Instruments) => 50,
        _ => 1,
    };
    Cost { weight, orders }
}

/// The documented request limits, which the metadata leaves out. Spot publishes 500 weight per 10
/// seconds and endpoint; newer pages are said to have 300, so that is the budget.
pub(crate) fn published(market: Market) -> RateUsage {
    let (seconds, limit) = match market {
        Market::Spot => (10, 300),
        _ => (2, 20),
    };
    let window = Duration::from_secs(seconds);
    RateUsage { orders: false, window, limit: Some(limit), used: None }
}
