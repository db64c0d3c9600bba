//! The Bybit front: spot and USDT-linear perpetuals in a unified account, over HTTP and WebSocket
//! (`/v5`).
//!
//! Written from the protocol sheet for Bybit (sections 2 to 10) and its response samples, and from
//! nothing that our own client side uses, so that an error there cannot cancel itself out here.

mod account;
mod batch;
mod errors;
mod ids;
mod limits;
mod listing;
mod market;
mod order;
mod params;
mod query;
mod routes;
mod rows;
mod sockets;
mod spec;
mod stops;
mod user;

use std::collections::{BTreeMap, HashMap, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::config::{ApiKey, Config};
use crate::engine::{Engine, Instrument, Market};
use crate::fault::{Fault, FaultKind};
use crate::http::{HttpRequest, HttpResponse, MAX_BODY, MAX_QUERY};
use crate::keyring::{Keyring, random_text};
use errors::ApiError;
use limits::{Limiter, Usage};
use params::Params;
use routes::{Access, Route};

const DEFAULT_RECV_WINDOW_MS: u64 = 5_000;
const MAX_AHEAD_MS: u64 = 1_000;
const DEFAULT_LEVERAGE: u32 = 10;
/// Stream of the seed's generator that this front draws from.
const RNG_STREAM: u64 = 1;

/// The state of the front that is not the engine's.
#[derive(Debug)]
pub(crate) struct Bybit {
    keys: Keyring,
    limiter: Limiter,
    desk: Desk,
    /// WebSocket connections opened so far.
    connections: u64,
    /// How often each error was answered, by number; an IP refusal counts as 403.
    pub(crate) errors: BTreeMap<i32, u64>,
}

/// What the venue remembers about orders beside the engine.
#[derive(Debug)]
struct Desk {
    /// Every `orderLinkId` ever used, by account and market, and the engine's id behind it.
    links: HashMap<(usize, Market, Box<str>), u64>,
    link_queue: VecDeque<(usize, Market, Box<str>)>,
    link_limit: usize,
    /// Take profit and stop loss of orders that have not traded yet.
    attached: BTreeMap<u64, stops::Attached>,
    visibility_ms: u64,
    unnamed: u64,
}

/// One request on its way through an endpoint.
struct Call<'c> {
    engine: &'c mut Engine,
    desk: &'c mut Desk,
    limiter: &'c mut Limiter,
    params: &'c Params<'c>,
    account: usize,
    /// The venue's clock, which a clock-skew fault may have moved.
    server_ms: u64,
    /// Limit usage to report instead of the request's own.
    usage: Option<Usage>,
}

impl Bybit {
    /// The front and the engine beneath it.
    pub(crate) fn new(config: &Config) -> (Engine, Self) {
        let mut engine = Engine::listed(config, listing::instruments(), config.bybit.fees);
        for account in &mut engine.accounts {
            account.unify();
            for settings in &mut account.linear {
                settings.leverage = DEFAULT_LEVERAGE;
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(RNG_STREAM);
        let generated = ApiKey::hmac(random_text(&mut rng, 18), random_text(&mut rng, 36));
        let front = Self {
            keys: Keyring::new(&config.bybit.keys, generated),
            limiter: Limiter::new(config.bybit.limits),
            desk: Desk {
                links: HashMap::new(),
                link_queue: VecDeque::new(),
                // Room for open orders beside the remembered closed ones.
                link_limit: config.history_limit.max(1_000).saturating_mul(2),
                attached: BTreeMap::new(),
                visibility_ms: config.bybit.visibility_ms,
                unnamed: 0,
            },
            connections: 0,
            errors: BTreeMap::new(),
        };
        (engine, front)
    }

    pub(crate) fn default_key(&self) -> (&str, &str) {
        self.keys.default_key()
    }

    /// Answers a request whose path has lost the venue's prefix. The engine has been advanced.
    pub(crate) fn handle(
        &mut self,
        engine: &mut Engine,
        path: &str,
        request: &HttpRequest<'_>,
        server_ms: u64,
    ) -> HttpResponse {
        if request.body.len() > MAX_BODY {
            return HttpResponse::html(413, "Payload Too Large");
        }
        if request.query.len() > MAX_QUERY {
            return HttpResponse::html(414, "URI Too Long");
        }
        // A GET must not carry a body, not even an empty object.
        let stray_body = request.method == "GET" && !request.body.is_empty();
        if stray_body || !self.limiter.admit(request.peer, server_ms) {
            *self.errors.entry(403).or_default() += 1;
            return forbidden();
        }
        stops::settle(engine, &mut self.desk);
        let mut usage = None;
        let answer = match routes::find(request.method, path) {
            Some(route) => self.answer(engine, route, request, server_ms, &mut usage),
            None => Err(errors::NO_ROUTE),
        };
        let reply = match answer {
            Ok((result, ext)) => envelope(200, 0, "OK", result, ext, server_ms),
            Err(error) => {
                self.count(Some(&error));
                envelope(error.status, error.code, &error.msg, json!({}), None, server_ms)
            }
        };
        match usage {
            None => reply,
            Some(usage) => reply
                .with("X-Bapi-Limit", usage.limit)
                .with("X-Bapi-Limit-Status", usage.left)
                .with("X-Bapi-Limit-Reset-Timestamp", usage.reset_ms),
        }
    }

    /// The reply of an injected venue error, in Bybit's counterpart of the fault's kind.
    pub(crate) fn injected(&mut self, fault: &Fault, server_ms: u64) -> HttpResponse {
        let reply = |error: ApiError| {
            envelope(error.status, error.code, &error.msg, json!({}), None, server_ms)
        };
        match fault.kind {
            FaultKind::Http503Unknown => reply(errors::SERVER_ERROR),
            FaultKind::Http504Timeout => reply(errors::SERVER_TIMEOUT),
            FaultKind::Http500Unexpected => reply(errors::BACKEND_TIMEOUT),
            FaultKind::Http503Throttled => reply(errors::OVERLOADED),
            FaultKind::Http429 => reply(errors::RATE_LIMIT)
                .with("X-Bapi-Limit", 10)
                .with("X-Bapi-Limit-Status", 0)
                .with("X-Bapi-Limit-Reset-Timestamp", server_ms + fault.ms_or(1_000)),
            FaultKind::Http418 | FaultKind::Http403 => forbidden(),
            FaultKind::Http408 => {
                HttpResponse { status: 408, headers: Vec::new(), body: Vec::new() }
            }
            FaultKind::Http503Unavailable => HttpResponse::html(503, "Service Unavailable"),
            _ => HttpResponse::html(502, "Bad Gateway"),
        }
    }

    fn answer(
        &mut self,
        engine: &mut Engine,
        route: &'static Route,
        request: &HttpRequest<'_>,
        server_ms: u64,
        usage: &mut Option<Usage>,
    ) -> routes::Answer {
        let account = match route.access {
            Access::Public => 0,
            access => self.authenticate(request, access, server_ms)?,
        };
        let params = match request.method {
            "GET" => Params::query(request.query)?,
            _ => Params::body(request.body)?,
        };
        self.serve(engine, route, &params, (account, server_ms), usage)
    }

    /// Charges an authenticated request and runs its endpoint.
    fn serve(
        &mut self,
        engine: &mut Engine,
        route: &'static Route,
        params: &Params<'_>,
        (account, server_ms): (usize, u64),
        usage: &mut Option<Usage>,
    ) -> routes::Answer {
        // A batch charges by the order.
        if !route.path.ends_with("-batch") {
            let market = match params.text("category") {
                Ok(Some("spot")) => Market::Spot,
                _ => Market::Linear,
            };
            let key = (route.path, route.budget, market);
            let (granted, used) = self.limiter.charge(account, key, server_ms, 1);
            *usage = used;
            if granted == 0 {
                return Err(errors::RATE_LIMIT);
            }
        }
        let mut call = Call {
            engine,
            desk: &mut self.desk,
            limiter: &mut self.limiter,
            params,
            account,
            server_ms,
            usage: None,
        };
        let answer = (route.run)(&mut call);
        if let Some(used) = call.usage {
            *usage = Some(used);
        }
        stops::settle(engine, &mut self.desk);
        answer
    }

    fn count(&mut self, error: Option<&ApiError>) {
        if let Some(error) = error {
            *self.errors.entry(error.code).or_default() += 1;
        }
    }

    /// Checks key, time and signature; the caller's account.
    fn authenticate(
        &self,
        request: &HttpRequest<'_>,
        access: Access,
        server_ms: u64,
    ) -> Result<usize, ApiError> {
        let header = |name| request.header(name).filter(|v| !v.is_empty());
        let (Some(text), Some(timestamp), Some(signature)) =
            (header("X-BAPI-API-KEY"), header("X-BAPI-TIMESTAMP"), header("X-BAPI-SIGN"))
        else {
            return Err(errors::NO_AUTH);
        };
        let key = self.keys.find(text).ok_or(errors::KEY_INVALID)?;
        let window = header("X-BAPI-RECV-WINDOW").unwrap_or_default();
        check_time(timestamp, window, server_ms)?;
        let payload = if request.method == "GET" { request.query.as_bytes() } else { request.body };
        let pieces = [timestamp.as_bytes(), text.as_bytes(), window.as_bytes(), payload];
        if !key.signed(&pieces, signature) {
            return Err(errors::BAD_SIGNATURE);
        }
        if access == Access::Trade && !key.trade {
            return Err(errors::PERMISSION);
        }
        Ok(key.account)
    }
}

/// Whether a request was sent within its window (sheet, section 2).
fn check_time(timestamp: &str, window: &str, server_ms: u64) -> Result<(), ApiError> {
    let window_ms = match window {
        "" => DEFAULT_RECV_WINDOW_MS,
        w => w.parse().map_err(|_| ApiError::bad("recv_window"))?,
    };
    let sent: u64 = timestamp.parse().map_err(|_| ApiError::bad("timestamp"))?;
    let ahead = sent >= server_ms.saturating_add(MAX_AHEAD_MS);
    if ahead || sent.saturating_add(window_ms) < server_ms {
        return Err(ApiError::timestamp(timestamp, server_ms, window));
    }
    Ok(())
}

impl Call<'_> {
    /// The market named by the mandatory `category`.
    fn market(&self) -> Result<Market, ApiError> {
        category(self.params)
    }

    /// The instrument named by the mandatory `symbol`.
    fn instrument(&self, market: Market) -> Result<usize, ApiError> {
        self.find(market, self.params.require("symbol")?)
    }

    fn find(&self, market: Market, symbol: &str) -> Result<usize, ApiError> {
        self.engine.find(market, symbol).ok_or_else(|| ApiError::unknown_symbol(market))
    }

    /// The instruments that `symbol`, `baseCoin` or `settleCoin` select; all of the market without
    /// any of them.
    fn selected(&self, market: Market) -> Result<Vec<usize>, ApiError> {
        if let Some(symbol) = self.params.text("symbol")? {
            return Ok(vec![self.find(market, symbol)?]);
        }
        let base = self.params.text("baseCoin")?;
        let settle = self.params.text("settleCoin")?;
        let matches = |i: &Instrument| {
            i.market == market
                && base.is_none_or(|coin| coin == i.base)
                && settle.is_none_or(|coin| coin == i.quote)
        };
        let all = self.engine.instruments.iter().enumerate();
        Ok(all.filter(|(_, i)| matches(i)).map(|(n, _)| n).collect())
    }
}

impl Desk {
    /// Remembers an `orderLinkId` for good, or at least for long.
    fn link(&mut self, key: (usize, Market, Box<str>), id: u64) {
        self.link_queue.push_back(key.clone());
        self.links.insert(key, id);
        while self.link_queue.len() > self.link_limit {
            if let Some(oldest) = self.link_queue.pop_front() {
                self.links.remove(&oldest);
            }
        }
    }

    fn linked(&self, account: usize, market: Market, link: &str) -> Option<u64> {
        self.links.get(&(account, market, Box::from(link))).copied()
    }

    /// A client id for the engine when the customer gives none; customers cannot write the tilde.
    fn unnamed(&mut self) -> String {
        self.unnamed += 1;
        format!("~{}", self.unnamed)
    }
}

fn category(params: &Params<'_>) -> Result<Market, ApiError> {
    match params.require("category")? {
        "spot" => Ok(Market::Spot),
        "linear" => Ok(Market::Linear),
        _ => Err(ApiError::params("Illegal category")),
    }
}

fn category_name(market: Market) -> &'static str {
    match market {
        Market::Spot => "spot",
        Market::Linear => "linear",
    }
}

/// Exactly so many decimals, rounded half up.
fn fixed(value: Decimal, places: u32) -> String {
    let mut value = value;
    value.rescale(places);
    value.to_string()
}

/// As few digits as possible.
fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

fn forbidden() -> HttpResponse {
    HttpResponse {
        status: 403,
        headers: vec![("Content-Type", "text/plain".to_owned())],
        body: b"access too frequent".to_vec(),
    }
}

fn envelope(
    status: u16,
    code: i32,
    msg: &str,
    result: Value,
    ext: Option<Value>,
    time: u64,
) -> HttpResponse {
    let ext = ext.unwrap_or_else(|| json!({}));
    let body = json!({
        "retCode": code, "retMsg": msg, "result": result, "retExtInfo": ext, "time": time,
    });
    HttpResponse::json(status, body.to_string().into_bytes())
}
