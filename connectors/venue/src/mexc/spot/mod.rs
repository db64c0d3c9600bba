//! Spot: authentication and routes. Source: protocol sheet for MEXC, sections 2 and 4.

mod info;
pub(super) mod listen_keys;
mod order;
mod params;
mod query;
mod wallet;

use std::borrow::Cow;

use serde_json::Value;

use super::errors::{self, ApiError};
use super::{Answer, Mexc};
use crate::engine::{Engine, Market};
use crate::http::HttpRequest;
use params::Params;
pub(super) use query::order_id;

const DEFAULT_RECV_WINDOW_MS: u64 = 5_000;
const MAX_RECV_WINDOW_MS: u64 = 60_000;
const MAX_AHEAD_MS: u64 = 1_000;
const ID_PREFIX: &str = "C02__4437";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Public,
    Signed,
    Trade,
}

/// One endpoint.
pub(super) struct Route {
    method: &'static str,
    pub(super) path: &'static str,
    pub(super) weight: u64,
    access: Access,
    run: fn(&mut Call<'_>) -> Result<Value, ApiError>,
}

/// One request on its way through an endpoint.
pub(super) struct Call<'c> {
    pub(super) front: &'c mut Mexc,
    pub(super) engine: &'c mut Engine,
    pub(super) account: usize,
    pub(super) server_ms: u64,
    params: Params<'c>,
}

pub(super) fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.path == path && r.method == method)
}

macro_rules! route {
    ($method:literal $path:literal, $weight:literal, $access:ident, $run:path) => {
        Route { method: $method, path: $path, weight: $weight, access: Access::$access, run: $run }
    };
}

const ROUTES: &[Route] = &[
    route!("POST" "/api/v3/order", 1, Trade, order::place),
    route!("GET" "/api/v3/order", 2, Signed, query::order),
    route!("DELETE" "/api/v3/order", 1, Trade, order::cancel),
    route!("POST" "/api/v3/order/test", 1, Trade, order::test),
    route!("POST" "/api/v3/batchOrders", 1, Trade, order::batch),
    route!("GET" "/api/v3/openOrders", 3, Signed, query::open_orders),
    route!("DELETE" "/api/v3/openOrders", 1, Trade, order::cancel_all),
    route!("GET" "/api/v3/allOrders", 10, Signed, query::all_orders),
    route!("GET" "/api/v3/myTrades", 10, Signed, query::my_trades),
    route!("GET" "/api/v3/account", 10, Signed, wallet::account),
    route!("GET" "/api/v3/tradeFee", 20, Signed, wallet::trade_fee),
    route!("GET" "/api/v3/selfSymbols", 1, Signed, info::default_symbols),
    route!("GET" "/api/v3/capital/config/getall", 10, Signed, wallet::coins),
    route!("POST" "/api/v3/userDataStream", 1, Signed, listen_keys::create),
    route!("GET" "/api/v3/userDataStream", 1, Signed, listen_keys::list),
    route!("PUT" "/api/v3/userDataStream", 1, Signed, listen_keys::extend),
    route!("DELETE" "/api/v3/userDataStream", 1, Signed, listen_keys::close),
    route!("GET" "/api/v3/exchangeInfo", 10, Public, info::exchange_info),
    route!("GET" "/api/v3/ticker/bookTicker", 1, Public, info::book_ticker),
    route!("GET" "/api/v3/ticker/price", 1, Public, info::price),
    route!("GET" "/api/v3/ticker/24hr", 1, Public, info::day),
    route!("GET" "/api/v3/depth", 1, Public, info::depth),
    route!("GET" "/api/v3/time", 1, Public, info::time),
    route!("GET" "/api/v3/ping", 1, Public, info::ping),
    route!("GET" "/api/v3/defaultSymbols", 1, Public, info::default_symbols),
];

/// Authenticates a request and runs its endpoint.
pub(super) fn answer(
    front: &mut Mexc,
    engine: &mut Engine,
    route: &Route,
    request: &HttpRequest<'_>,
    server_ms: u64,
) -> Answer {
    let body = std::str::from_utf8(request.body).map_err(|_| errors::BODY_TOO_ODD)?;
    let params = Params::read(&[request.query, body])?;
    let mut call = Call { front, engine, account: 0, server_ms, params };
    if route.access != Access::Public {
        call.account = call.authenticate(request, body, route.access)?;
    }
    let value = (route.run)(&mut call)?;
    Ok(value.to_string().into_bytes())
}

impl Call<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.params.require(name)
    }

    fn instrument(&self) -> Result<usize, ApiError> {
        self.find_symbol(self.require("symbol")?)
    }

    fn find_symbol(&self, symbol: &str) -> Result<usize, ApiError> {
        self.engine.find(Market::Spot, symbol).ok_or(errors::BAD_SYMBOL)
    }

    /// Checks key, signature and time; the caller's account.
    fn authenticate(
        &self,
        request: &HttpRequest<'_>,
        body: &str,
        access: Access,
    ) -> Result<usize, ApiError> {
        let text = request.header("X-MEXC-APIKEY").filter(|k| !k.is_empty());
        let key = self.front.keys.find(text.ok_or(errors::KEY_REQUIRED)?);
        let key = key.ok_or(errors::KEY_UNKNOWN)?;
        let timestamp =
            self.params.integer("timestamp")?.ok_or_else(|| ApiError::missing("timestamp"))?;
        let window = self.params.integer("recvWindow")?.unwrap_or(DEFAULT_RECV_WINDOW_MS);
        let signature = self.require("signature")?;
        if window > MAX_RECV_WINDOW_MS {
            return Err(errors::BAD_RECV_WINDOW);
        }
        // Query and body in a row, without a separator, as sent, without the signature.
        let (query, body) = (unsigned(request.query), unsigned(body));
        if !key.signed(&[query.as_bytes(), body.as_bytes()], signature) {
            return Err(errors::BAD_SIGNATURE);
        }
        let ahead = timestamp >= self.server_ms.saturating_add(MAX_AHEAD_MS);
        if ahead || timestamp.saturating_add(window) < self.server_ms {
            return Err(errors::BAD_TIMESTAMP);
        }
        if access == Access::Trade && !key.trade {
            return Err(errors::NO_PERMISSION);
        }
        Ok(key.account)
    }

    /// The order named by `orderId` or `origClientOrderId`.
    fn named(&self, instrument: usize, missing: ApiError) -> Result<u64, ApiError> {
        let orders = &self.engine.orders;
        let found = match (self.get("orderId"), self.get("origClientOrderId")) {
            (Some(text), _) => text
                .strip_prefix(ID_PREFIX)
                .and_then(|digits| orders.get(digits.parse().ok()?))
                .filter(|o| o.account == self.account && o.instrument == instrument),
            (None, Some(id)) => orders.by_client(self.account, instrument, id),
            (None, None) => return Err(ApiError::missing("orderId")),
        };
        found.map(|o| o.id).ok_or(missing)
    }
}

fn unsigned(part: &str) -> Cow<'_, str> {
    if !part.contains("signature=") {
        return Cow::Borrowed(part);
    }
    let kept: Vec<&str> = part.split('&').filter(|p| !p.starts_with("signature=")).collect();
    Cow::Owned(kept.join("&"))
}
