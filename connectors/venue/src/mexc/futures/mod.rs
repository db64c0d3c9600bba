//! Futures: authentication and routes. Source: protocol sheet for MEXC, sections 3 and 5. Sizes are
//! contracts outside and base asset inside; amounts are JSON numbers, read from their literal text.

pub(super) mod account;
mod funding;
pub(super) mod market;
pub(super) mod order;
pub(super) mod plan;
pub(super) mod query;
mod settings;
pub(super) mod stops;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::errors::{self, ApiError};
use super::{Answer, Mexc};
use crate::engine::{Engine, Instrument, Market, Order};
use crate::http::HttpRequest;

const WINDOW_MS: u64 = 10_000;
/// Most orders or ids in one request.
const MAX_BATCH: usize = 50;
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
    route!("POST" "/api/v1/private/order/create", Trade, order::create),
    route!("POST" "/api/v1/private/order/submit", Trade, order::submit),
    route!("POST" order::BATCH, Trade, order::submit_batch),
    route!("POST" "/api/v1/private/order/cancel", Trade, order::cancel),
    route!("POST" "/api/v1/private/order/cancel_with_external", Trade, order::cancel_external),
    route!("POST" "/api/v1/private/order/batch_cancel_with_external", Trade, order::cancel_external),
    route!("POST" "/api/v1/private/order/cancel_all", Trade, order::cancel_all),
    route!("GET" "/api/v1/private/order/get/", Signed, query::get),
    route!("GET" "/api/v1/private/order/external/", Signed, query::external),
    route!("GET" "/api/v1/private/order/batch_query", Signed, query::several),
    route!("GET" "/api/v1/private/order/list/open_orders", Signed, query::open_orders),
    route!("GET" "/api/v1/private/order/list/open_orders/", Signed, query::open_orders),
    route!("GET" "/api/v1/private/order/list/history_orders", Signed, query::history),
    route!("GET" "/api/v1/private/order/list/order_deals", Signed, query::deals),
    route!("GET" "/api/v1/private/order/list/order_deals/v3", Signed, query::deals),
    route!("GET" "/api/v1/private/order/deal_details/", Signed, query::deals),
    route!("POST" "/api/v1/private/planorder/place", Trade, plan::place),
    route!("POST" "/api/v1/private/planorder/place/v2", Trade, plan::place),
    route!("POST" "/api/v1/private/planorder/cancel", Trade, plan::cancel),
    route!("POST" "/api/v1/private/planorder/cancel_all", Trade, plan::cancel_all),
    route!("GET" "/api/v1/private/planorder/list/orders", Signed, plan::list),
    route!("POST" "/api/v1/private/stoporder/place", Trade, stops::place),
    route!("POST" "/api/v1/private/stoporder/cancel", Trade, stops::cancel),
    route!("POST" "/api/v1/private/stoporder/cancel_all", Trade, stops::cancel_all),
    route!("POST" "/api/v1/private/stoporder/change_price", Trade, stops::change_price),
    route!("POST" "/api/v1/private/stoporder/change_plan_price", Trade, stops::change_plan_price),
    route!("GET" "/api/v1/private/stoporder/list/orders", Signed, stops::list),
    route!("GET" "/api/v1/private/stoporder/open_orders", Signed, stops::open),
    route!("GET" "/api/v1/private/position/open_positions", Signed, account::positions),
    route!("GET" "/api/v1/private/position/funding_records", Signed, funding::records),
    route!("GET" "/api/v1/private/position/leverage", Signed, settings::leverage),
    route!("POST" "/api/v1/private/position/change_leverage", Trade, settings::change_leverage),
    route!("GET" "/api/v1/private/position/position_mode", Signed, settings::mode),
    route!("POST" "/api/v1/private/position/change_position_mode", Trade, settings::change_mode),
    route!("GET" "/api/v1/private/account/assets", Signed, account::assets),
    route!("GET" "/api/v1/private/account/asset/", Signed, account::asset),
    route!("GET" market::DETAIL, Public, market::detail),
    route!("GET" "/api/v1/contract/ticker", Public, market::ticker),
    route!("GET" "/api/v1/contract/depth/", Public, market::depth),
    route!("GET" "/api/v1/contract/funding_rate/", Public, market::funding_rate),
    route!("GET" "/api/v1/contract/ping", Public, market::ping),
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
    let mut call = Call { front, engine, account, server_ms, query, body, tail };
    let answer = (route.run)(&mut call);
    stops::settle(engine, &mut front.stops);
    answer
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

    fn fields(&self) -> Result<Fields, ApiError> {
        serde_json::from_slice(self.body).map(Fields).map_err(|_| errors::F_PARAMS)
    }

    /// The objects of a JSON list, or the one object there is.
    fn rows(&self) -> Result<Vec<Fields>, ApiError> {
        let rows = match self.body.first() {
            Some(b'[') => serde_json::from_slice::<Vec<BTreeMap<_, _>>>(self.body)
                .map(|rows| rows.into_iter().map(Fields).collect())
                .map_err(|_| errors::F_PARAMS)?,
            _ => vec![self.fields()?],
        };
        if rows.is_empty() || rows.len() > MAX_BATCH { Err(errors::F_PARAMS) } else { Ok(rows) }
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
        self.engine.orders.get(engine_id(text)?).filter(|o| o.account == self.account)
    }
}

/// The engine's id behind one that [`order_id`] has written.
fn engine_id(text: &str) -> Option<u64> {
    text.trim_matches('"').parse::<u64>().ok()?.checked_sub(ID_BASE)
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
