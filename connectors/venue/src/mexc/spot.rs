//! Spot orders. Source: protocol sheet for MEXC, sections 2, 4 and 8.
//!
//! A placement is acknowledged without status; order types carry the time in force.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::errors::{self, ApiError};
use super::{Answer, Mexc, client_id, legal_id, plain, spot_info};
use crate::engine::{
    Engine, Market, NewOrder, Order, OrderKind, PositionSide, Reject, Side, Status, TimeInForce,
};
use crate::http::HttpRequest;

const DEFAULT_RECV_WINDOW_MS: u64 = 5_000;
const MAX_RECV_WINDOW_MS: u64 = 60_000;
const MAX_AHEAD_MS: u64 = 1_000;
const MAX_PARAMS: usize = 64;
const MAX_CLIENT_ID: usize = 32;
/// Market orders: the largest value in the quote asset.
pub(super) const MARKET_MAX_QUOTE: i64 = 200_000;
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
    params: Vec<(&'c str, Cow<'c, str>)>,
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
    route!("POST" "/api/v3/order", 1, Trade, place),
    route!("GET" "/api/v3/order", 2, Signed, query),
    route!("DELETE" "/api/v3/order", 1, Trade, cancel),
    route!("POST" "/api/v3/order/test", 1, Trade, test),
    route!("GET" "/api/v3/openOrders", 3, Signed, open_orders),
    route!("DELETE" "/api/v3/openOrders", 1, Trade, cancel_all),
    route!("GET" "/api/v3/allOrders", 10, Signed, all_orders),
    route!("GET" "/api/v3/myTrades", 10, Signed, my_trades),
    route!("GET" "/api/v3/account", 10, Signed, spot_info::account),
    route!("GET" "/api/v3/exchangeInfo", 10, Public, spot_info::exchange_info),
    route!("GET" "/api/v3/ticker/bookTicker", 1, Public, spot_info::book_ticker),
    route!("GET" "/api/v3/ticker/price", 1, Public, spot_info::price),
    route!("GET" "/api/v3/depth", 1, Public, spot_info::depth),
    route!("GET" "/api/v3/time", 1, Public, spot_info::time),
    route!("GET" "/api/v3/ping", 1, Public, spot_info::ping),
    route!("GET" "/api/v3/defaultSymbols", 1, Public, spot_info::default_symbols),
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
    let mut params = Vec::new();
    for pair in [request.query, body].into_iter().flat_map(|part| part.split('&')) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if params.len() >= MAX_PARAMS {
            return Err(ApiError::bad("parameters"));
        }
        let value = percent_decode_str(value).decode_utf8().map_err(|_| ApiError::bad(name))?;
        params.push((name, value));
    }
    let mut call = Call { front, engine, account: 0, server_ms, params };
    if route.access != Access::Public {
        call.account = call.authenticate(request, body, route.access)?;
    }
    let value = (route.run)(&mut call)?;
    Ok(value.to_string().into_bytes())
}

impl Call<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref());
        found.filter(|v| !v.is_empty())
    }

    fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name).map(|v| v.parse().map_err(|_| ApiError::bad(name))).transpose()
    }

    fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.parse() {
            Ok(value) if plain && text.len() <= 30 => Ok(Some(value)),
            _ => Err(ApiError::bad(name)),
        }
    }

    /// `limit`, cut to the endpoint's maximum.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::bad("limit")),
            Some(n) => Ok(usize::try_from(n).unwrap_or(max).min(max)),
        }
    }

    pub(super) fn instrument(&self) -> Result<usize, ApiError> {
        self.find_symbol(self.require("symbol")?)
    }

    pub(super) fn find_symbol(&self, symbol: &str) -> Result<usize, ApiError> {
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
        let timestamp = self.integer("timestamp")?.ok_or_else(|| ApiError::missing("timestamp"))?;
        let window = self.integer("recvWindow")?.unwrap_or(DEFAULT_RECV_WINDOW_MS);
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

fn place(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let name = match call.get("newClientOrderId") {
        Some(id) if id.len() <= MAX_CLIENT_ID && legal_id(id) => id.to_owned(),
        Some(_) => return Err(ApiError::bad("newClientOrderId")),
        None => call.front.unnamed(),
    };
    let new = parse(call, &name)?;
    let id = match call.engine.place(&new) {
        // Accepted first, then killed: the acknowledgement knows no status.
        Err(Reject::WouldTake) => Ok(call.engine.record_dead(&new)),
        other => other,
    };
    let id = id.map_err(|reject| ApiError::from_reject(Market::Spot, new.side, reject))?;
    let quantity = call.engine.orders.get(id).map_or(new.quantity, |o| o.quantity);
    Ok(json!({
        "symbol": call.require("symbol")?, "orderId": order_id(id), "orderListId": -1,
        "price": plain(new.price), "origQty": plain(quantity), "type": call.require("type")?,
        "side": call.require("side")?, "transactTime": call.server_ms,
    }))
}

fn test(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let new = parse(call, "~test")?;
    match call.engine.check(&new) {
        Ok(_) | Err(Reject::WouldTake) => Ok(json!({})),
        Err(reject) => Err(ApiError::from_reject(Market::Spot, new.side, reject)),
    }
}

fn cancel(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let id = call.named(instrument, errors::UNKNOWN_ON_CANCEL)?;
    call.engine.cancel(call.account, id).map_err(|_| errors::UNKNOWN_ON_CANCEL)?;
    show(call, id).ok_or(errors::UNKNOWN_ON_CANCEL)
}

fn cancel_all(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let symbols: Vec<&str> = call.require("symbol")?.split(',').collect();
    if symbols.len() > 5 {
        return Err(ApiError::bad("symbol"));
    }
    let found: Result<Vec<usize>, _> = symbols.iter().map(|s| call.find_symbol(s)).collect();
    let mut cancelled = Vec::new();
    for instrument in found? {
        cancelled.extend(call.engine.cancel_all(call.account, instrument));
    }
    Ok(cancelled.into_iter().filter_map(|id| show(call, id)).collect())
}

fn query(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let id = call.named(instrument, errors::UNKNOWN_ON_QUERY)?;
    show(call, id).ok_or(errors::UNKNOWN_ON_QUERY)
}

fn open_orders(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let open = call.engine.orders.open_of(call.account, instrument);
    Ok(open.filter_map(|o| show(call, o.id)).collect())
}

fn all_orders(call: &mut Call<'_>) -> Result<Value, ApiError> {
    const DAY_MS: u64 = 86_400_000;
    let instrument = call.instrument()?;
    let limit = call.limit(500, 1_000)?;
    let end = call.integer("endTime")?.unwrap_or(u64::MAX);
    // The last day by default, and never more than a week back.
    let oldest = call.engine.now_ms().saturating_sub(7 * DAY_MS);
    let day = call.engine.now_ms().saturating_sub(DAY_MS);
    let start = call.integer("startTime")?.unwrap_or(day).max(oldest);
    let all = call.engine.orders.history(call.account, instrument, 0).rev();
    let within = all.filter(|o| (start..=end).contains(&o.created_ms));
    Ok(within.take(limit).filter_map(|o| show(call, o.id)).collect())
}

fn my_trades(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let limit = call.limit(100, 100)?;
    let order = match call.get("orderId") {
        Some(_) => Some(call.named(instrument, errors::UNKNOWN_ON_QUERY)?),
        None => None,
    };
    let (start, end) = (call.integer("startTime")?, call.integer("endTime")?);
    let account = call.engine.account(call.account).map_err(|_| errors::NO_PERMISSION)?;
    let trades = account.trades.iter().rev().filter(|t| {
        t.instrument == instrument
            && order.is_none_or(|id| id == t.order_id)
            && start.is_none_or(|s| t.time_ms >= s)
            && end.is_none_or(|e| t.time_ms <= e)
    });
    let show = |t: &crate::engine::Trade| {
        let i = call.engine.instruments.get(t.instrument)?;
        let name = call.engine.orders.get(t.order_id).and_then(|o| client_id(&o.client_id));
        Some(json!({
            "symbol": i.symbol, "id": t.id.to_string(), "orderId": order_id(t.order_id),
            "orderListId": -1, "price": plain(t.price), "qty": plain(t.quantity),
            "quoteQty": plain(t.price * t.quantity), "commission": plain(t.commission),
            "commissionAsset": t.commission_asset, "time": t.time_ms,
            "isBuyer": t.side == Side::Buy, "isMaker": t.maker, "isBestMatch": true,
            "isSelfTrade": false, "clientOrderId": name,
        }))
    };
    Ok(trades.take(limit).filter_map(show).collect())
}

fn parse<'n>(call: &Call<'_>, name: &'n str) -> Result<NewOrder<'n>, ApiError> {
    let instrument = call.instrument()?;
    let side = match call.require("side")? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(ApiError::bad("side")),
    };
    let (kind, tif) = match call.require("type")? {
        "LIMIT" => (OrderKind::Limit, TimeInForce::Gtc),
        "MARKET" => (OrderKind::Market, TimeInForce::Gtc),
        "LIMIT_MAKER" => (OrderKind::LimitMaker, TimeInForce::Gtc),
        "IMMEDIATE_OR_CANCEL" => (OrderKind::Limit, TimeInForce::Ioc),
        "FILL_OR_KILL" => (OrderKind::Limit, TimeInForce::Fok),
        _ => return Err(ApiError::bad("type")),
    };
    let by_quote = kind == OrderKind::Market && side == Side::Buy;
    let amount = |name: &'static str, wanted: bool| match call.decimal(name)? {
        Some(value) if wanted && value.is_zero() => Err(ApiError::bad(name)),
        Some(value) if wanted => Ok(value),
        None if wanted => Err(ApiError::missing(name)),
        _ => Ok(Decimal::ZERO),
    };
    let new = NewOrder {
        account: call.account,
        instrument,
        side,
        kind,
        tif,
        quantity: amount("quantity", !by_quote)?,
        quote_quantity: amount("quoteOrderQty", by_quote)?,
        price: amount("price", kind.has_price())?,
        stop_price: Decimal::ZERO,
        position_side: PositionSide::Both,
        reduce_only: false,
        client_id: name,
    };
    if kind == OrderKind::Market {
        let value = new.quote_quantity + new.quantity * call.engine.last_price(instrument);
        if value > Decimal::from(MARKET_MAX_QUOTE) {
            let reject = Reject::Filter(crate::engine::Filter::NotionalMax, Decimal::ZERO);
            return Err(ApiError::from_reject(Market::Spot, side, reject));
        }
    }
    Ok(new)
}

fn show(call: &Call<'_>, id: u64) -> Option<Value> {
    let o: &Order = call.engine.orders.get(id)?;
    let i = call.engine.instruments.get(o.instrument)?;
    let partly = !o.executed.is_zero();
    let status = match o.status {
        Status::New => "NEW",
        Status::PartiallyFilled => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Canceled | Status::Expired if partly => "PARTIALLY_CANCELED",
        Status::Canceled | Status::Expired => "CANCELED",
    };
    let kind = match (o.kind, o.tif) {
        (OrderKind::Market, _) => "MARKET",
        (OrderKind::LimitMaker, _) => "LIMIT_MAKER",
        (_, TimeInForce::Ioc) => "IMMEDIATE_OR_CANCEL",
        (_, TimeInForce::Fok) => "FILL_OR_KILL",
        _ => "LIMIT",
    };
    Some(json!({
        "symbol": i.symbol, "orderId": order_id(o.id), "orderListId": -1,
        "clientOrderId": client_id(&o.client_id), "price": plain(o.price),
        "origQty": plain(o.quantity), "executedQty": plain(o.executed),
        "cummulativeQuoteQty": plain(o.quote_executed), "status": status, "timeInForce": null,
        "type": kind, "side": o.side, "stopPrice": null, "time": o.created_ms,
        "updateTime": o.updated_ms, "isWorking": true,
        "origQuoteOrderQty": plain(o.quote_quantity),
    }))
}

fn order_id(id: u64) -> String {
    format!("{ID_PREFIX}{id:017}")
}

fn unsigned(part: &str) -> Cow<'_, str> {
    if !part.contains("signature=") {
        return Cow::Borrowed(part);
    }
    let kept: Vec<&str> = part.split('&').filter(|p| !p.starts_with("signature=")).collect();
    Cow::Owned(kept.join("&"))
}
