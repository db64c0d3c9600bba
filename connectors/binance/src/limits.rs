//! What each market has, and what it costs (spot rest-api.md and linear documentation, the weight of
//! each endpoint).

use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{
    Capabilities, Cost, Headers, Market, Operation, OperationKind as Kind, OperationSet, RateUsage,
};

/// How long an accepted order may stay invisible to queries. Binance documents none; the value is
/// what reconciling bots allow for.
const VISIBILITY_DELAY: Duration = Duration::from_secs(2);

/// The most orders in one batch (linear, "Place Multiple Orders").
pub(crate) const BATCH_MAX: usize = 5;

/// How many orders of the past, or executions, come in one reply unless asked for otherwise, and how
/// many at most (both markets).
pub(crate) const PAGE: u32 = 500;
pub(crate) const PAGE_MAX: u32 = 1_000;

const SPOT: Capabilities = {
    let mut it = Capabilities::new(OperationSet::of(&[
        Kind::Place,
        Kind::PlaceConditional,
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
    it.trailing_stop = true;
    it.websocket_orders = true;
    it.place_reports_status = true;
    it.client_order_id_max = 36;
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
        Kind::CreateListenKey,
        Kind::ExtendListenKey,
        Kind::CloseListenKey,
    ]));
    it.batch_max = BATCH_MAX;
    it.triggers = true;
    it.trailing_stop = true;
    it.reduce_only = true;
    it.hedge_mode = true;
    it.websocket_orders = true;
    it.place_reports_status = true;
    it.client_order_id_max = 36;
    it.visibility_delay = VISIBILITY_DELAY;
    it
};

pub(crate) const fn capabilities(market: Market) -> &'static Capabilities {
    match market {
        Market::Spot => &SPOT,
        _ => &LINEAR,
    }
}

pub(crate) fn cost(market: Market, op: &Operation<'_>) -> Cost {
    let weight = |weight| Cost { weight, orders: 0 };
    let spot = market == Market::Spot;
    let all = matches!(op, Operation::OpenOrders { symbol: None, .. });
    match op.kind() {
        Kind::Place | Kind::PlaceConditional if spot => Cost { weight: 1, orders: 1 },
        Kind::Place | Kind::PlaceConditional | Kind::Amend => Cost { weight: 0, orders: 1 },
        Kind::PlaceBatch => match op {
            Operation::PlaceBatch(orders) => Cost { weight: 5, orders: orders.len() as u32 },
            _ => weight(5),
        },
        Kind::OrderById | Kind::OrderByClientId | Kind::ConditionalOrder if spot => weight(4),
        Kind::OpenOrders | Kind::OpenConditionalOrders => weight(match (spot, all) {
            (true, false) => 6,
            (true, true) => 80,
            (false, false) => 1,
            (false, true) => 40,
        }),
        Kind::OrderHistory => weight(if spot { 20 } else { 5 }),
        Kind::Fills if spot => match op {
            Operation::Fills { order: Some(_), .. } => weight(5),
            _ => weight(20),
        },
        Kind::Balances => weight(if spot { 20 } else { 5 }),
        Kind::Fills | Kind::Positions => weight(5),
        Kind::Instruments => weight(if spot { 20 } else { 1 }),
        Kind::Ticker => weight(if spot { 2 } else { 1 }),
        Kind::BookTop => weight(2),
        Kind::Depth => match op {
            Operation::Depth { levels, .. } => weight(depth_weight(market, *levels)),
            _ => weight(depth_weight(market, u32::MAX)),
        },
        _ => weight(1),
    }
}

/// How many levels of a book to ask for: futures know these numbers only (linear, "Order Book").
pub(crate) fn depth_levels(market: Market, levels: u32) -> u32 {
    match market {
        Market::Spot => levels.clamp(1, 5_000),
        _ => [5, 10, 20, 50, 100, 500].into_iter().find(|it| *it >= levels).unwrap_or(1_000),
    }
}

fn depth_weight(market: Market, levels: u32) -> u32 {
    match (market, depth_levels(market, levels)) {
        (Market::Spot, ..=100) => 5,
        (Market::Spot, ..=500) => 25,
        (Market::Spot, ..=1_000) => 50,
        (Market::Spot, _) => 250,
        (_, ..=50) => 2,
        (_, ..=100) => 5,
        (_, ..=500) => 10,
        _ => 20,
    }
}

/// The counters that come with every reply (spot rest-api.md, "IP limits", "Unfilled order count").
pub(crate) fn usage(headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
    const COUNTERS: [(&str, bool, u64); 4] = [
        ("x-mbx-used-weight-1m", false, 60),
        ("x-mbx-order-count-10s", true, 10),
        ("x-mbx-order-count-1m", true, 60),
        ("x-mbx-order-count-1d", true, 86_400),
    ];
    let mut usages = ArrayVec::new();
    for (name, orders, seconds) in COUNTERS {
        if let Some(used) = headers.find_u64(name).and_then(|used| u32::try_from(used).ok()) {
            let window = Duration::from_secs(seconds);
            usages.push(RateUsage { orders, window, limit: None, used: Some(used) });
        }
    }
    usages
}
