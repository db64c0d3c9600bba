//! The endpoint table: path, security, weight, parameters.
//!
//! Source: protocol sheet for Binance, sections 3 (spot) and 4 (linear).

use super::auth::Security::{self, Key, Public, Signed, Trade};
use super::params::Params;
use super::{
    Answer, Call, algo, candles, info, linear, linear_account, listen_key, market, spot, wallet,
};
use crate::engine::Market;

/// One endpoint.
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    pub(super) security: Security,
    /// Request weight, which may depend on the parameters.
    pub(super) weight: fn(&Params<'_>) -> u64,
    /// What it adds to the 10-second and the longer order counter; zeros for what is no order.
    pub(super) orders: (u64, u64),
    /// Known parameters besides `timestamp`, `recvWindow` and `signature`.
    pub(super) params: &'static [&'static str],
    pub(super) run: fn(&mut Call<'_>) -> Answer,
}

/// Outcome of a look-up.
pub(super) enum Found {
    Route(&'static Route, Market),
    /// The path exists, for other methods.
    OtherMethod,
    Nothing,
}

pub(super) fn find(method: &str, path: &str) -> Found {
    let (table, market) = if path.starts_with("/api/") || path.starts_with("/sapi/") {
        (SPOT, Market::Spot)
    } else {
        (LINEAR, Market::Linear)
    };
    let mut other = false;
    for route in table.iter().filter(|r| r.path == path) {
        if route.method == method {
            return Found::Route(route, market);
        }
        other = true;
    }
    if other { Found::OtherMethod } else { Found::Nothing }
}

type Weight = fn(&Params<'_>) -> u64;

const W0: Weight = |_| 0;
const W1: Weight = |_| 1;
const W4: Weight = |_| 4;
const W5: Weight = |_| 5;
const W10: Weight = |_| 10;
const W20: Weight = |_| 20;
const W30: Weight = |_| 30;
const W40: Weight = |_| 40;

/// `$one` with a symbol, `$all` without.
macro_rules! by_symbol {
    ($one:expr, $all:expr) => {
        |p: &Params<'_>| if p.has("symbol") { $one } else { $all }
    };
}

const SPOT_DEPTH: Weight = |p| match limit(p, 100) {
    0..=100 => 5,
    101..=500 => 25,
    501..=1_000 => 50,
    _ => 250,
};

const LINEAR_DEPTH: Weight = |p| match limit(p, 500) {
    0..=50 => 2,
    51..=100 => 5,
    101..=500 => 10,
    _ => 20,
};

const LINEAR_KLINES: Weight = |p| match limit(p, 500) {
    0..=99 => 1,
    100..=499 => 2,
    500..=1_000 => 5,
    _ => 10,
};

fn limit(params: &Params<'_>, default: u64) -> u64 {
    params.integer("limit").ok().flatten().unwrap_or(default)
}

const NONE: &[&str] = &[];
const SYMBOL: &[&str] = &["symbol"];
const ORDER_REF: &[&str] = &["symbol", "orderId", "origClientOrderId"];
const ALGO_REF: &[&str] = &["symbol", "algoId", "clientAlgoId"];
const HISTORY: &[&str] = &["symbol", "orderId", "startTime", "endTime", "limit"];
const KLINES: &[&str] = &["symbol", "interval", "startTime", "endTime", "timeZone", "limit"];
const TRADES: &[&str] = &["symbol", "orderId", "fromId", "startTime", "endTime", "limit"];
const SPOT_ORDER: &[&str] = &[
    "symbol",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "newClientOrderId",
    "stopPrice",
    "trailingDelta",
    "newOrderRespType",
    "selfTradePreventionMode",
    "strategyId",
    "strategyType",
    "computeCommissionRates",
];
pub(super) const LINEAR_ORDER: &[&str] = &[
    "symbol",
    "side",
    "positionSide",
    "type",
    "timeInForce",
    "reduceOnly",
    "quantity",
    "price",
    "newClientOrderId",
    "newOrderRespType",
    "priceMatch",
    "selfTradePreventionMode",
    "goodTillDate",
    // Known so that conditional orders are refused by type (-4120), not by parameter.
    "stopPrice",
    "closePosition",
    "activationPrice",
    "callbackRate",
    "workingType",
    "priceProtect",
];
const ALGO_ORDER: &[&str] = &[
    "algoType",
    "symbol",
    "side",
    "type",
    "positionSide",
    "timeInForce",
    "quantity",
    "price",
    "triggerPrice",
    "workingType",
    "priceMatch",
    "closePosition",
    "priceProtect",
    "reduceOnly",
    "activatePrice",
    "callbackRate",
    "clientAlgoId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "goodTillDate",
];

const fn route(
    method: &'static str,
    path: &'static str,
    security: Security,
    weight: Weight,
    params: &'static [&'static str],
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route { method, path, security, weight, orders: (0, 0), params, run }
}

const fn order(
    method: &'static str,
    path: &'static str,
    weight: Weight,
    params: &'static [&'static str],
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route { method, path, security: Trade, weight, orders: (1, 1), params, run }
}

#[rustfmt::skip]
static SPOT: &[Route] = &[
    order("POST", "/api/v3/order", W1, SPOT_ORDER, spot::place),
    route("POST", "/api/v3/order/test", Trade,
        |p| if p.has("computeCommissionRates") { 20 } else { 1 }, SPOT_ORDER, spot::test),
    route("DELETE", "/api/v3/order", Trade, W1,
        &["symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"], spot::cancel),
    route("DELETE", "/api/v3/openOrders", Trade, W1, SYMBOL, spot::cancel_all),
    route("GET", "/api/v3/order", Signed, W4, ORDER_REF, spot::query),
    route("GET", "/api/v3/openOrders", Signed, by_symbol!(6, 80), SYMBOL, spot::open_orders),
    route("GET", "/api/v3/allOrders", Signed, W20, HISTORY, spot::history),
    route("GET", "/api/v3/myTrades", Signed,
        |p| if p.has("orderId") { 5 } else { 20 }, TRADES, spot::trades),
    route("GET", "/api/v3/account", Signed, W20, &["omitZeroBalances"], spot::account),
    route("GET", "/api/v3/rateLimit/order", Signed, W40, NONE, spot::order_counters),
    route("GET", "/api/v3/exchangeInfo", Public, W20,
        &["symbol", "symbols", "permissions", "symbolStatus", "showPermissionSets"], info::spot),
    route("GET", "/api/v3/ping", Public, W1, NONE, market::ping),
    route("GET", "/api/v3/time", Public, W1, NONE, market::time),
    route("GET", "/api/v3/ticker/price", Public, by_symbol!(2, 4), &["symbol", "symbols"], market::last_price),
    route("GET", "/api/v3/ticker/bookTicker", Public, by_symbol!(2, 4), &["symbol", "symbols"], market::book_ticker),
    route("GET", "/api/v3/ticker/24hr", Public, by_symbol!(2, 80), &["symbol", "symbols", "type"], candles::day),
    route("GET", "/api/v3/klines", Public, |_| 2, KLINES, candles::klines),
    route("GET", "/api/v3/depth", Public, SPOT_DEPTH, &["symbol", "limit"], market::depth),
    route("GET", "/sapi/v1/capital/config/getall", Signed, W10, NONE, wallet::coins),
    route("GET", "/sapi/v1/margin/allPairs", Key, W1, SYMBOL, wallet::no_pairs),
    route("GET", "/sapi/v1/margin/isolated/allPairs", Key, W10, SYMBOL, wallet::no_pairs),
];

#[rustfmt::skip]
static LINEAR: &[Route] = &[
    order("POST", "/fapi/v1/order", W0, LINEAR_ORDER, linear::place),
    Route { orders: (5, 1), ..route("POST", "/fapi/v1/batchOrders", Trade, W5, &["batchOrders"], linear::place_batch) },
    route("POST", "/fapi/v1/order/test", Trade, W0, LINEAR_ORDER, linear::test),
    order("PUT", "/fapi/v1/order", W0,
        &["symbol", "side", "quantity", "price", "orderId", "origClientOrderId", "priceMatch"], linear::modify),
    route("DELETE", "/fapi/v1/order", Trade, W1, ORDER_REF, linear::cancel),
    route("DELETE", "/fapi/v1/allOpenOrders", Trade, W1, SYMBOL, linear::cancel_all),
    route("GET", "/fapi/v1/order", Signed, W1, ORDER_REF, linear::query),
    route("GET", "/fapi/v1/openOrder", Signed, W1, ORDER_REF, linear::query_open),
    route("GET", "/fapi/v1/openOrders", Signed, by_symbol!(1, 40), SYMBOL, linear::open_orders),
    route("GET", "/fapi/v1/allOrders", Signed, W5, HISTORY, linear::history),
    route("GET", "/fapi/v1/userTrades", Signed, W5, TRADES, linear::trades),
    route("POST", "/fapi/v1/countdownCancelAll", Trade, W10, &["symbol", "countdownTime"], linear::countdown),
    order("POST", "/fapi/v1/algoOrder", W0, ALGO_ORDER, algo::place),
    route("DELETE", "/fapi/v1/algoOrder", Trade, W1, ALGO_REF, algo::cancel),
    route("DELETE", "/fapi/v1/algoOpenOrders", Trade, W1, SYMBOL, algo::cancel_all),
    route("GET", "/fapi/v1/algoOrder", Signed, W1, ALGO_REF, algo::query),
    route("GET", "/fapi/v1/openAlgoOrders", Signed, by_symbol!(1, 40), &["symbol", "algoType", "algoId"], algo::open),
    route("GET", "/fapi/v2/balance", Signed, W5, NONE, linear_account::balance),
    route("GET", "/fapi/v3/balance", Signed, W5, NONE, linear_account::balance),
    route("GET", "/fapi/v3/account", Signed, W5, NONE, linear_account::account),
    route("GET", "/fapi/v2/positionRisk", Signed, W5, SYMBOL, linear_account::positions_v2),
    route("GET", "/fapi/v3/positionRisk", Signed, W5, SYMBOL, linear_account::positions_v3),
    route("GET", "/fapi/v1/symbolConfig", Signed, W5, SYMBOL, linear_account::symbol_config),
    route("GET", "/fapi/v1/leverageBracket", Signed, W1, SYMBOL, linear_account::brackets),
    route("GET", "/fapi/v1/commissionRate", Signed, W20, SYMBOL, linear_account::commission_rate),
    route("POST", "/fapi/v1/leverage", Trade, W1, &["symbol", "leverage"], linear_account::set_leverage),
    route("POST", "/fapi/v1/marginType", Trade, W1, &["symbol", "marginType"], linear_account::set_margin_type),
    route("POST", "/fapi/v1/positionSide/dual", Trade, W1, &["dualSidePosition"], linear_account::set_position_mode),
    route("GET", "/fapi/v1/positionSide/dual", Signed, W30, NONE, linear_account::position_mode),
    route("POST", "/fapi/v1/listenKey", Key, W1, NONE, listen_key::create),
    route("PUT", "/fapi/v1/listenKey", Key, W1, &["listenKey"], listen_key::extend),
    route("DELETE", "/fapi/v1/listenKey", Key, W1, &["listenKey"], listen_key::delete),
    route("GET", "/fapi/v1/exchangeInfo", Public, W1, NONE, info::linear),
    route("GET", "/fapi/v1/ping", Public, W1, NONE, market::ping),
    route("GET", "/fapi/v1/time", Public, W1, NONE, market::time),
    route("GET", "/fapi/v1/ticker/price", Public, by_symbol!(1, 2), SYMBOL, market::last_price),
    route("GET", "/fapi/v2/ticker/price", Public, by_symbol!(1, 2), SYMBOL, market::last_price),
    route("GET", "/fapi/v1/ticker/bookTicker", Public, by_symbol!(2, 5), SYMBOL, market::book_ticker),
    route("GET", "/fapi/v1/depth", Public, LINEAR_DEPTH, &["symbol", "limit"], market::depth),
    route("GET", "/fapi/v1/ticker/24hr", Public, by_symbol!(1, 40), SYMBOL, candles::day),
    route("GET", "/fapi/v1/klines", Public, LINEAR_KLINES, KLINES, candles::klines),
    route("GET", "/dapi/v1/exchangeInfo", Public, W1, NONE, wallet::no_contracts),
    route("GET", "/fapi/v1/premiumIndex", Public, by_symbol!(1, 10), SYMBOL, market::premium_index),
    route("GET", "/fapi/v1/fundingRate", Public, W1, &["symbol", "startTime", "endTime", "limit"], market::funding_rate),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_are_told_apart() {
        assert!(matches!(find("GET", "/api/v3/time"), Found::Route(_, Market::Spot)));
        assert!(matches!(find("PUT", "/fapi/v1/order"), Found::Route(_, Market::Linear)));
        assert!(matches!(find("PATCH", "/fapi/v1/order"), Found::OtherMethod));
        assert!(matches!(find("GET", "/fapi/v9/order"), Found::Nothing));
        assert!(matches!(find("GET", ""), Found::Nothing));
    }

    #[test]
    fn no_endpoint_is_listed_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for r in SPOT.iter().chain(LINEAR) {
            assert!(seen.insert((r.method, r.path)), "{} {}", r.method, r.path);
        }
    }
}
