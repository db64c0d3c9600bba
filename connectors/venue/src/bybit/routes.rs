//! The endpoint table. Source: protocol sheet for Bybit, section 4.

use serde_json::Value;

use super::errors::ApiError;
use super::limits::Budget;
use super::{Call, account, batch, market, order, query, stops, user};

/// What an endpoint asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    Signed,
    /// Signed, with a key that may trade.
    Trade,
}

/// What an endpoint answers: `result`, and `retExtInfo` where there is one.
pub(super) type Answer = Result<(Value, Option<Value>), ApiError>;

/// One endpoint.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) budget: Budget,
    pub(super) run: fn(&mut Call<'_>) -> Answer,
}

pub(super) fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.path == path && r.method == method)
}

macro_rules! route {
    ($method:literal $path:literal, $access:ident, $budget:ident, $run:path) => {
        Route {
            method: $method,
            path: $path,
            access: Access::$access,
            budget: Budget::$budget,
            run: $run,
        }
    };
}

/// The busiest first.
const ROUTES: &[Route] = &[
    route!("POST" "/v5/order/create", Trade, Orders, order::create),
    route!("GET" "/v5/order/realtime", Signed, Queries, query::realtime),
    route!("POST" "/v5/order/cancel", Trade, Orders, order::cancel),
    route!("POST" "/v5/order/amend", Trade, Amends, order::amend),
    route!("POST" "/v5/order/cancel-all", Trade, Orders, order::cancel_all),
    route!("POST" "/v5/order/create-batch", Trade, Orders, batch::create),
    route!("POST" "/v5/order/amend-batch", Trade, Amends, batch::amend),
    route!("POST" "/v5/order/cancel-batch", Trade, Orders, batch::cancel),
    route!("POST" "/v5/order/pre-check", Trade, Orders, order::pre_check),
    route!("GET" "/v5/order/history", Signed, Queries, query::history),
    route!("GET" "/v5/execution/list", Signed, Queries, query::executions),
    route!("GET" "/v5/position/list", Signed, Queries, account::positions),
    route!("POST" "/v5/position/set-leverage", Trade, Settings, account::set_leverage),
    route!("POST" "/v5/position/switch-mode", Trade, Settings, account::switch_mode),
    route!("POST" "/v5/position/trading-stop", Trade, Settings, stops::trading_stop),
    route!("GET" "/v5/account/wallet-balance", Signed, Queries, account::wallet_balance),
    route!("GET" "/v5/account/info", Signed, Queries, account::info),
    route!("POST" "/v5/account/set-margin-mode", Trade, MarginMode, account::set_margin_mode),
    route!("GET" "/v5/account/fee-rate", Signed, Queries, user::fee_rate),
    route!("GET" "/v5/user/query-api", Signed, Queries, user::api_key),
    route!("GET" "/v5/asset/coin/query-info", Signed, Queries, user::coins),
    route!("GET" "/v5/market/funding/history", Public, Ip, market::funding_history),
    route!("GET" "/v5/market/instruments-info", Public, Ip, market::instruments_info),
    route!("GET" "/v5/market/tickers", Public, Ip, market::tickers),
    route!("GET" "/v5/market/orderbook", Public, Ip, market::orderbook),
    route!("GET" "/v5/market/time", Public, Ip, market::time),
];
