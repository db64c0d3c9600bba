//! What each market has, and what it costs (v5 rate-limit, and the page of each endpoint).

use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{
    Capabilities, Cost, Headers, Market, Operation, OperationKind as Kind, OperationSet, RateUsage,
};

/// How many open orders come in one reply unless asked for otherwise (v5 order/open-order).
pub(crate) const OPEN_ORDERS_PAGE: u32 = 20;

/// How many open orders may come in one reply (v5 order/open-order).
pub(crate) const OPEN_ORDERS_PAGE_MAX: u32 = 50;

/// How many orders of the past come in one reply unless asked for otherwise, and how many may (v5
/// order/order-list).
pub(crate) const HISTORY_PAGE: u32 = 20;
pub(crate) const HISTORY_PAGE_MAX: u32 = 50;

/// The same of executions (v5 order/execution).
pub(crate) const FILLS_PAGE: u32 = 50;
pub(crate) const FILLS_PAGE_MAX: u32 = 100;

/// The most levels of a book (v5 market/orderbook).
pub(crate) const DEPTH_MAX: u32 = 1_000;

/// How many positions may come in one reply (v5 position/position).
pub(crate) const POSITIONS_PAGE_MAX: u32 = 200;

/// How many instruments may come in one reply (v5 market/instrument).
pub(crate) const INSTRUMENTS_PAGE_MAX: u32 = 1_000;

/// How long an accepted order may stay invisible to queries. UNVERIFIED: v5 documents none; the
/// value is what reconciling bots allow for.
const VISIBILITY_DELAY: Duration = Duration::from_secs(2);

const SPOT: Capabilities = {
    let mut it = Capabilities::new(OperationSet::of(&[
        Kind::Place,
        Kind::PlaceConditional,
        Kind::PlaceBatch,
        Kind::Amend,
        Kind::Cancel,
        Kind::CancelConditional,
        Kind::CancelAll,
        Kind::CancelAllConditional,
        Kind::OrderById,
        Kind::OrderByClientId,
        Kind::ConditionalOrder,
        Kind::OpenOrders,
        Kind::OpenConditionalOrders,
        Kind::OrderHistory,
        Kind::Fills,
        Kind::Balances,
        Kind::Instruments,
        Kind::Ticker,
        Kind::BookTop,
        Kind::Depth,
        Kind::ServerTime,
    ]));
    it.market_by_quote = true;
    it.triggers = true;
    it.attached = true;
    it.websocket_orders = true;
    // v5 order/open-order: closed orders are lost from there when the venue restarts, and beyond 500.
    it.closed_orders_in_history = true;
    it.client_order_id_max = 36;
    it.batch_max = 10;
    it.visibility_delay = VISIBILITY_DELAY;
    it
};

const LINEAR: Capabilities = {
    let mut it = Capabilities::new(OperationSet::of(&[
        Kind::Place,
        Kind::PlaceConditional,
        Kind::PlaceBatch,
        Kind::Amend,
        Kind::Cancel,
        Kind::CancelConditional,
        Kind::CancelAll,
        Kind::CancelAllConditional,
        Kind::OrderById,
        Kind::OrderByClientId,
        Kind::ConditionalOrder,
        Kind::OpenOrders,
        Kind::OpenConditionalOrders,
        Kind::OrderHistory,
        Kind::Fills,
        Kind::Positions,
        Kind::Balances,
        Kind::SetLeverage,
        Kind::SetMarginMode,
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
    it.websocket_orders = true;
    // v5 order/open-order: closed orders are lost from there when the venue restarts, and beyond 500.
    it.closed_orders_in_history = true;
    it.client_order_id_max = 36;
    it.batch_max = 20;
    it.visibility_delay = VISIBILITY_DELAY;
    it
};

pub(crate) const fn capabilities(market: Market) -> &'static Capabilities {
    match market {
        Market::Spot => &SPOT,
        _ => &LINEAR,
    }
}

/// Per address every request counts one, of 600 in 5 seconds. Per account each endpoint counts its
/// own, a batch as many as it holds.
pub(crate) fn cost(op: &Operation<'_>) -> Cost {
    let orders = match op {
        Operation::Place(_) | Operation::Amend(_) => 1,
        Operation::PlaceBatch(orders) => u32::try_from(orders.len()).unwrap_or(u32::MAX),
        _ => 0,
    };
    Cost { weight: 1, orders }
}

/// The endpoint's cap per account and what remains of it in the current second.
pub(crate) fn usage(headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
    let mut usages = ArrayVec::new();
    let read = |name| headers.find_u64(name).and_then(|value| u32::try_from(value).ok());
    if let Some(limit) = read("x-bapi-limit") {
        let used = read("x-bapi-limit-status").map(|remaining| limit.saturating_sub(remaining));
        let window = Duration::from_secs(1);
        usages.push(RateUsage { orders: true, window, limit: Some(limit), used });
    }
    usages
}
