//! Futures: authentication, routes and orders. Source: protocol sheet for MEXC, sections 3, 5, 7
//! and 8. Sizes are contracts outside and base asset inside; amounts are JSON numbers, read from
//! their literal text.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::errors::{self, ApiError};
use super::{Answer, Mexc, client_id, futures_account, futures_market, legal_id};
use crate::engine::{
    Engine, Instrument, Market, NewOrder, Order, OrderKind, PositionSide, Reject, Side, Status,
    TimeInForce,
};
use crate::http::HttpRequest;

const WINDOW_MS: u64 = 10_000;
const MAX_OID: usize = 32;
const MAX_CANCELS: usize = 50;
const ID_BASE: u64 = 814_000_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    Signed,
    Trade,
}

/// One endpoint; a path that ends in a slash is followed by path parameters.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) run: fn(&mut Call<'_>) -> Answer,
}

/// One request on its way through an endpoint.
pub(super) struct Call<'c> {
    pub(super) front: &'c mut Mexc,
    pub(super) engine: &'c mut Engine,
    pub(super) account: usize,
    pub(super) server_ms: u64,
    pub(super) query: &'c str,
    pub(super) body: &'c [u8],
    /// Path parameters.
    pub(super) tail: &'c str,
}

/// The fields of a JSON body with their literal text.
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

/// A decimal written as a JSON number, digit for digit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Num(pub(super) Decimal);

pub(super) fn find<'p>(method: &str, path: &'p str) -> Option<(&'static Route, &'p str)> {
    ROUTES.iter().filter(|r| r.method == method).find_map(|r| {
        let tail = path.strip_prefix(r.path)?;
        (tail.is_empty() != r.path.ends_with('/')).then_some((r, tail))
    })
}

macro_rules! route {
    ($method:literal $path:expr, $access:ident, $run:path) => {
        Route { method: $method, path: $path, access: Access::$access, run: $run }
    };
}

const ROUTES: &[Route] = &[
    route!("POST" "/api/v1/private/order/create", Trade, create),
    route!("POST" "/api/v1/private/order/submit", Trade, submit),
    route!("POST" "/api/v1/private/order/cancel", Trade, cancel),
    route!("POST" "/api/v1/private/order/cancel_with_external", Trade, cancel_external),
    route!("POST" "/api/v1/private/order/cancel_all", Trade, cancel_all),
    route!("GET" "/api/v1/private/order/get/", Signed, get),
    route!("GET" "/api/v1/private/order/external/", Signed, external),
    route!("GET" "/api/v1/private/order/list/open_orders", Signed, open_orders),
    route!("GET" "/api/v1/private/order/list/open_orders/", Signed, open_orders),
    route!("GET" "/api/v1/private/order/list/history_orders", Signed, history),
    route!("GET" "/api/v1/private/order/list/order_deals", Signed, futures_account::deals),
    route!("GET" "/api/v1/private/order/deal_details/", Signed, futures_account::deals),
    route!("GET" "/api/v1/private/position/open_positions", Signed, futures_account::positions),
    route!("GET" "/api/v1/private/position/leverage", Signed, futures_account::leverage),
    route!("POST" "/api/v1/private/position/change_leverage", Trade, futures_account::change_leverage),
    route!("GET" "/api/v1/private/position/position_mode", Signed, futures_account::mode),
    route!("POST" "/api/v1/private/position/change_position_mode", Trade, futures_account::change_mode),
    route!("GET" "/api/v1/private/account/assets", Signed, futures_account::assets),
    route!("GET" "/api/v1/private/account/asset/", Signed, futures_account::asset),
    route!("GET" futures_market::DETAIL, Public, futures_market::detail),
    route!("GET" "/api/v1/contract/ticker", Public, futures_market::ticker),
    route!("GET" "/api/v1/contract/depth/", Public, futures_market::depth),
    route!("GET" "/api/v1/contract/ping", Public, futures_market::ping),
];

/// Authenticates a request and runs its endpoint.
pub(super) fn answer(
    front: &mut Mexc,
    engine: &mut Engine,
    route: &Route,
    tail: &str,
    request: &HttpRequest<'_>,
    server_ms: u64,
) -> Answer {
    let mut account = 0;
    if route.access != Access::Public {
        let header = |name| request.header(name).filter(|v| !v.is_empty());
        let (Some(text), Some(time), Some(signature)) =
            (header("ApiKey"), header("Request-Time"), header("Signature"))
        else {
            return Err(errors::F_UNAUTHORIZED);
        };
        let key = front.keys.find(text).ok_or(errors::F_KEY)?;
        let sent: u64 = time.parse().map_err(|_| errors::F_TIME)?;
        if sent.abs_diff(server_ms) > WINDOW_MS {
            return Err(errors::F_TIME);
        }
        // GET parameters are signed in the order of their names, a body as it stands.
        let mut pairs: Vec<&str> = request.query.split('&').filter(|p| !p.is_empty()).collect();
        pairs.sort_unstable_by_key(|p| p.split('=').next());
        let sorted = pairs.join("&");
        let payload = if request.method == "GET" { sorted.as_bytes() } else { request.body };
        if !key.signed(&[text.as_bytes(), time.as_bytes(), payload], signature) {
            return Err(errors::F_SIGNATURE);
        }
        if route.access == Access::Trade && !key.trade {
            return Err(errors::F_PERMISSION);
        }
        account = key.account;
    }
    let (query, body) = (request.query, request.body);
    (route.run)(&mut Call { front, engine, account, server_ms, query, body, tail })
}

impl Call<'_> {
    /// A query parameter; futures parameters need no percent-encoding.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|p| p.split_once('='));
        pairs.find(|(n, v)| *n == name && !v.is_empty()).map(|(_, v)| v)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name).map(|v| v.parse().map_err(|_| errors::F_PARAMS)).transpose()
    }

    pub(super) fn fields(&self) -> Result<Fields, ApiError> {
        serde_json::from_slice(self.body).map(Fields).map_err(|_| errors::F_PARAMS)
    }

    pub(super) fn find_symbol(&self, symbol: &str) -> Result<usize, ApiError> {
        self.engine.find(Market::Linear, symbol).ok_or(errors::F_CONTRACT)
    }

    /// The contracts a request is about: one when it names a symbol.
    pub(super) fn selected(&self, symbol: Option<&str>) -> Result<Vec<usize>, ApiError> {
        if let Some(symbol) = symbol {
            return Ok(vec![self.find_symbol(symbol)?]);
        }
        let all = self.engine.instruments.iter().enumerate();
        Ok(all.filter(|(_, i)| i.market == Market::Linear).map(|(n, _)| n).collect())
    }

    /// `page_num` and `page_size` as how many to skip and to take.
    pub(super) fn page(&self) -> Result<(usize, usize), ApiError> {
        let size = usize::try_from(self.number("page_size")?.unwrap_or(20)).unwrap_or(100);
        let size = size.clamp(1, 100);
        let page = usize::try_from(self.number("page_num")?.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((page.max(1).saturating_sub(1).saturating_mul(size), size))
    }

    /// The order behind an id as the customer sees it.
    pub(super) fn order(&self, text: &str) -> Option<&Order> {
        let id = text.trim_matches('"').parse::<u64>().ok()?.checked_sub(ID_BASE)?;
        self.engine.orders.get(id).filter(|o| o.account == self.account)
    }
}

impl Fields {
    fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|v| v.get()).filter(|v| *v != "null")
    }

    /// A text, or the digits of a number.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).map(|v| v.trim_matches('"')).filter(|v| !v.is_empty())
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or(errors::F_PARAMS)
    }

    /// An amount: a number, plain or with an exponent, or the same in a string.
    fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value =
            if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { text.parse() };
        value.map(Some).map_err(|_| errors::F_PARAMS)
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<u32>, ApiError> {
        self.text(name).map(|v| v.parse().map_err(|_| errors::F_PARAMS)).transpose()
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The text of a decimal is a JSON number.
        let raw = RawValue::from_string(self.0.normalize().to_string());
        raw.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    success: bool,
    code: i32,
    data: T,
}

pub(super) fn write(data: impl Serialize) -> Answer {
    let envelope = Envelope { success: true, code: 0, data };
    serde_json::to_vec(&envelope).map_err(|_| errors::F_INTERNAL)
}

pub(super) fn order_id(id: u64) -> String {
    (ID_BASE + id).to_string()
}

/// The number of contracts in a quantity of the base asset.
pub(super) fn contracts(i: &Instrument, quantity: Decimal) -> Num {
    Num(quantity.checked_div(i.step).unwrap_or_default())
}

fn create(call: &mut Call<'_>) -> Answer {
    #[derive(Serialize)]
    struct Ack {
        #[serde(rename = "orderId")]
        order_id: String,
        ts: u64,
    }
    let id = place(call)?;
    write(Ack { order_id: order_id(id), ts: call.server_ms })
}

/// The older name of [`create`]; its acknowledgement is the bare id, beyond 2^53.
fn submit(call: &mut Call<'_>) -> Answer {
    let id = place(call)?;
    write(ID_BASE + id)
}

fn place(call: &mut Call<'_>) -> Result<u64, ApiError> {
    let f = call.fields()?;
    let instrument = call.find_symbol(f.require("symbol")?)?;
    let (side, closes, hedged) = match f.integer("side")? {
        Some(1) => (Side::Buy, false, PositionSide::Long),
        Some(2) => (Side::Buy, true, PositionSide::Short),
        Some(3) => (Side::Sell, false, PositionSide::Short),
        Some(4) => (Side::Sell, true, PositionSide::Long),
        _ => return Err(errors::F_PARAMS),
    };
    let (kind, tif) = match f.integer("type")? {
        Some(1) => (OrderKind::Limit, TimeInForce::Gtc),
        Some(2) => (OrderKind::Limit, TimeInForce::Gtx),
        Some(3) => (OrderKind::Limit, TimeInForce::Ioc),
        Some(4) => (OrderKind::Limit, TimeInForce::Fok),
        Some(5 | 6) => (OrderKind::Market, TimeInForce::Gtc),
        _ => return Err(errors::F_PARAMS),
    };
    let isolated = match f.integer("openType")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(errors::F_PARAMS),
    };
    let leverage = f.integer("leverage")?;
    let price = f.decimal("price")?.filter(|_| kind == OrderKind::Limit);
    if (kind == OrderKind::Limit && price.is_none()) || (isolated && !closes && leverage.is_none())
    {
        return Err(errors::F_PARAMS);
    }
    let hedge = call.engine.account(call.account).is_ok_and(|a| a.hedges(instrument));
    if f.integer("positionMode")?.is_some_and(|mode| (mode == 1) != hedge) {
        return Err(errors::F_PARAMS);
    }
    let reduce_only = f.text("reduceOnly") == Some("true");
    if reduce_only && hedge {
        return Err(errors::F_PARAMS);
    }
    let name = match f.text("externalOid") {
        None => call.front.unnamed(),
        Some(oid) if oid.len() > MAX_OID => return Err(errors::F_OID_LONG),
        Some(oid) if !legal_id(oid) => return Err(errors::F_PARAMS),
        Some(oid) => oid.to_owned(),
    };
    if call.engine.orders.by_client(call.account, instrument, &name).is_some() {
        call.engine.orders.count_refused_client_id();
        return Err(errors::F_REPEATED);
    }
    let refuse = |reject| ApiError::from_reject(Market::Linear, side, reject);
    let vol = f.decimal("vol")?.ok_or(errors::F_PARAMS)?;
    let step = call.engine.instrument(instrument).map_err(refuse)?.step;
    let new = NewOrder {
        account: call.account,
        instrument,
        side,
        kind,
        tif,
        quantity: vol.checked_mul(step).ok_or(errors::F_PARAMS)?,
        quote_quantity: Decimal::ZERO,
        price: price.unwrap_or_default(),
        stop_price: Decimal::ZERO,
        position_side: if hedge { hedged } else { PositionSide::Both },
        reduce_only: !hedge && (closes || reduce_only),
        client_id: &name,
    };
    if !closes {
        futures_account::prepare(call, instrument, isolated, leverage)?;
    }
    match call.engine.place(&new) {
        // Accepted first, then killed.
        Err(Reject::WouldTake | Reject::FillOrKill) => Ok(call.engine.record_dead(&new)),
        other => other.map_err(refuse),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    order_id: serde_json::Value,
    error_code: i32,
    error_msg: String,
}

/// Every id of the array has its own result.
fn cancel(call: &mut Call<'_>) -> Answer {
    let ids: Vec<serde_json::Value> =
        serde_json::from_slice(call.body).map_err(|_| errors::F_PARAMS)?;
    if ids.is_empty() || ids.len() > MAX_CANCELS {
        return Err(errors::F_PARAMS);
    }
    let mut results = Vec::with_capacity(ids.len());
    for order_id in ids {
        let found = call.order(&order_id.to_string()).map(|o| o.id);
        let failed = match found.map(|id| call.engine.cancel(call.account, id)) {
            None => Some(errors::F_ORDER_GONE),
            Some(Err(_)) => Some(errors::F_NOT_CANCELLABLE),
            Some(Ok(())) => None,
        };
        let (error_code, error_msg) =
            failed.map_or((0, "success".to_owned()), |e| (e.code, e.msg.into_owned()));
        results.push(Cancelled { order_id, error_code, error_msg });
    }
    write(results)
}

fn cancel_external(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let instrument = call.find_symbol(f.require("symbol")?)?;
    let oid = f.require("externalOid")?;
    let order = call.engine.orders.by_client(call.account, instrument, oid);
    let id = order.map(|o| o.id).ok_or(errors::F_ORDER_GONE)?;
    call.engine.cancel(call.account, id).map_err(|_| errors::F_NOT_CANCELLABLE)?;
    write(serde_json::json!({ "symbol": f.require("symbol")?, "externalOid": oid }))
}

fn cancel_all(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    for instrument in call.selected(f.text("symbol"))? {
        call.engine.cancel_all(call.account, instrument);
    }
    write(())
}

fn get(call: &mut Call<'_>) -> Answer {
    let order = call.order(call.tail).ok_or(errors::F_ORDER_GONE)?;
    write(show(call, order))
}

fn external(call: &mut Call<'_>) -> Answer {
    let (symbol, oid) = call.tail.split_once('/').ok_or(errors::F_PARAMS)?;
    let instrument = call.find_symbol(symbol)?;
    let order = call.engine.orders.by_client(call.account, instrument, oid);
    write(show(call, order.ok_or(errors::F_ORDER_GONE)?))
}

fn open_orders(call: &mut Call<'_>) -> Answer {
    let symbol = Some(call.tail).filter(|s| !s.is_empty()).or_else(|| call.get("symbol"));
    let (skip, take) = call.page()?;
    let instruments = call.selected(symbol)?;
    let open = instruments.iter().flat_map(|&n| call.engine.orders.open_of(call.account, n));
    write(open.skip(skip).take(take).map(|o| show(call, o)).collect::<Vec<_>>())
}

fn history(call: &mut Call<'_>) -> Answer {
    let (skip, take) = call.page()?;
    let states: Option<Vec<&str>> = call.get("states").map(|s| s.split(',').collect());
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let instruments = call.selected(call.get("symbol"))?;
    let mut found: Vec<&Order> = instruments
        .iter()
        .flat_map(|&n| call.engine.orders.history(call.account, n, 0))
        .filter(|o| {
            states.as_ref().is_none_or(|s| s.contains(&state(o).to_string().as_str()))
                && start.is_none_or(|s| o.created_ms >= s)
                && end.is_none_or(|e| o.created_ms <= e)
        })
        .collect();
    found.sort_unstable_by_key(|o| std::cmp::Reverse(o.id));
    write(found.into_iter().skip(skip).take(take).map(|o| show(call, o)).collect::<Vec<_>>())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    order_id: String,
    symbol: &'static str,
    position_id: u64,
    price: Num,
    vol: Num,
    leverage: u32,
    side: u8,
    category: u8,
    order_type: u8,
    deal_avg_price: Num,
    deal_vol: Num,
    order_margin: Num,
    taker_fee: Num,
    maker_fee: Num,
    profit: Num,
    fee_currency: &'static str,
    open_type: u8,
    state: u8,
    external_oid: Option<&'a str>,
    error_code: u8,
    create_time: u64,
    update_time: u64,
}

fn show<'o>(call: &Call<'_>, o: &'o Order) -> Option<Shown<'o>> {
    let i = call.engine.instruments.get(o.instrument)?;
    let account = call.engine.account(call.account).ok()?;
    let settings = account.linear.get(o.instrument)?;
    let (mut taker, mut maker, mut profit) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    let recent = account.trades.iter().rev().take_while(|t| t.time_ms >= o.created_ms);
    for t in recent.filter(|t| t.order_id == o.id) {
        *(if t.maker { &mut maker } else { &mut taker }) += t.commission;
        profit += t.realized;
    }
    let leverage = Decimal::from(settings.leverage.max(1));
    Some(Shown {
        order_id: order_id(o.id),
        symbol: i.symbol,
        position_id: futures_account::position_id(o.instrument, o.position_side),
        price: Num(if o.price.is_zero() { o.average_price().round_dp(12) } else { o.price }),
        vol: contracts(i, o.quantity),
        leverage: settings.leverage,
        side: match (o.side, o.closing) {
            (Side::Buy, false) => 1,
            (Side::Buy, true) => 2,
            (Side::Sell, false) => 3,
            (Side::Sell, true) => 4,
        },
        category: 1,
        order_type: match (o.kind, o.tif) {
            (OrderKind::Market, _) => 5,
            (_, TimeInForce::Gtx) => 2,
            (_, TimeInForce::Ioc) => 3,
            (_, TimeInForce::Fok) => 4,
            _ => 1,
        },
        deal_avg_price: Num(o.average_price().round_dp(12)),
        deal_vol: contracts(i, o.executed),
        order_margin: Num((o.reserved / leverage).round_dp(8)),
        taker_fee: Num(taker),
        maker_fee: Num(maker),
        profit: Num(profit),
        fee_currency: i.quote,
        open_type: if settings.isolated { 1 } else { 2 },
        state: state(o),
        external_oid: client_id(&o.client_id),
        error_code: 0,
        create_time: o.created_ms,
        update_time: o.updated_ms,
    })
}

/// 2 uncompleted, 3 completed, 4 cancelled.
fn state(o: &Order) -> u8 {
    match o.status {
        Status::New | Status::PartiallyFilled => 2,
        Status::Filled => 3,
        Status::Canceled | Status::Expired => 4,
    }
}
