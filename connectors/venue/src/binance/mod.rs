//! The Binance front: spot (`/api/v3`) and USD-M futures (`/fapi`) over HTTP
//! and WebSocket.
//!
//! Written from the protocol sheet for Binance (sections 2 to 10) and its response samples, and
//! from nothing that our own client side uses, so that an error there cannot cancel itself out
//! here.

mod algo;
mod auth;
mod candles;
mod errors;
mod info;
mod injected;
mod json;
mod limits;
mod linear;
mod linear_account;
mod listen_key;
mod market;
mod params;
mod routes;
mod spot;
mod spot_spec;
mod wallet;
mod ws;

use std::collections::BTreeMap;
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::config::{ApiKey, Config, KeySecret};
use crate::engine::{Engine, Market, Reject, Side};
use crate::http::{HttpRequest, HttpResponse, MAX_BODY, MAX_QUERY};
use crate::keyring::random_text;
use auth::{Keyring, Security};
use errors::ApiError;
use limits::{Limiter, OrderCounts};
use listen_key::ListenKeys;
use params::Params;
use routes::Route;

const KEY_HEADER: &str = "X-MBX-APIKEY";

/// The state of the front that is not the engine's: keys, counters, listen keys, generated ids.
#[derive(Debug)]
pub(crate) struct Binance {
    keys: Keyring,
    limiter: Limiter,
    listen_keys: ListenKeys,
    rng: ChaCha8Rng,
    default_key: String,
    default_secret: String,
    /// Ids of the requests that have just cancelled spot orders, by order.
    cancel_ids: BTreeMap<u64, String>,
    enforce_rates: bool,
    /// How often each error was answered, by number.
    pub(crate) errors: BTreeMap<i32, u64>,
}

/// Who asks.
#[derive(Clone, Copy)]
enum Caller<'a> {
    /// Over HTTP, with the key in a header.
    Header(Option<&'a str>),
    /// On a WebSocket, with the key among the parameters or that of the session.
    Socket { logged_on: Option<&'a str> },
}

/// What has become of a request.
struct Done {
    answer: Answer,
    /// Weight used in this minute.
    used: u64,
    /// Orders counted, if this was one.
    counts: Option<OrderCounts>,
}

/// One request on its way through an endpoint.
struct Call<'c> {
    engine: &'c mut Engine,
    params: &'c Params<'c>,
    limiter: &'c mut Limiter,
    listen_keys: &'c mut ListenKeys,
    rng: &'c mut ChaCha8Rng,
    cancel_ids: &'c mut BTreeMap<u64, String>,
    account: usize,
    market: Market,
    /// The venue's clock, which a clock-skew fault may have moved.
    server_ms: u64,
}

type Answer = Result<Vec<u8>, ApiError>;

impl Binance {
    pub(crate) fn new(config: &Config) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let generated = ApiKey::hmac(random_text(&mut rng, 64), random_text(&mut rng, 64));
        let keys = if config.keys.is_empty() {
            std::slice::from_ref(&generated)
        } else {
            config.keys.as_slice()
        };
        let (default_key, default_secret) = keys
            .iter()
            .find_map(|k| match &k.secret {
                KeySecret::Hmac(secret) => Some((k.key.clone(), secret.clone())),
                KeySecret::Ed25519(_) => None,
            })
            .unwrap_or_default();
        Self {
            keys: Keyring::new(keys),
            limiter: Limiter::new(config.limits),
            listen_keys: ListenKeys::default(),
            rng,
            default_key,
            default_secret,
            cancel_ids: BTreeMap::new(),
            enforce_rates: config.sockets.enforce_rates,
            errors: BTreeMap::new(),
        }
    }

    pub(crate) fn default_key(&self) -> (&str, &str) {
        (&self.default_key, &self.default_secret)
    }

    /// Answers a request whose path has lost the venue's prefix. The engine has been advanced.
    pub(crate) fn handle(
        &mut self,
        engine: &mut Engine,
        path: &str,
        request: &HttpRequest<'_>,
        server_ms: u64,
    ) -> HttpResponse {
        let (route, market) = match routes::find(request.method, path) {
            routes::Found::Route(route, market) => (route, market),
            routes::Found::OtherMethod => {
                return HttpResponse::html(405, "Method Not Allowed");
            }
            routes::Found::Nothing => return HttpResponse::html(404, "Not Found"),
        };
        if request.body.len() > MAX_BODY {
            return HttpResponse::html(413, "Payload Too Large");
        }
        if request.query.len() > MAX_QUERY {
            return HttpResponse::html(414, "URI Too Long");
        }
        // The body of a GET is no part of the request.
        let body = if request.method == "GET" { &[][..] } else { request.body };
        let params = Params::parse(request.query, body);
        let caller = Caller::Header(request.header(KEY_HEADER));
        let done = self.process(engine, (route, market), request.peer, params, caller, server_ms);
        self.reply(done.answer, market, done.used, done.counts)
    }

    /// Takes a request, however it came, through limits, access and its endpoint.
    fn process(
        &mut self,
        engine: &mut Engine,
        (route, market): (&Route, Market),
        peer: IpAddr,
        params: Result<Params<'_>, ApiError>,
        caller: Caller<'_>,
        server_ms: u64,
    ) -> Done {
        self.cancel_ids.clear();
        let weight = params.as_ref().map_or(1, |p| (route.weight)(p));
        let (used, admitted) = self.limiter.admit(market, peer, server_ms, weight);
        let mut counts = None;
        let answer = admitted.and(params).and_then(|params| {
            self.answer(engine, (route, market), caller, &params, server_ms, &mut counts)
        });
        let filled = engine.accounts.iter_mut().map(|a| std::mem::take(&mut a.spot_filled));
        for (account, filled) in filled.enumerate() {
            if filled > 0 {
                self.limiter.filled(account, filled);
            }
        }
        Done { answer, used, counts }
    }

    fn answer(
        &mut self,
        engine: &mut Engine,
        (route, market): (&Route, Market),
        caller: Caller<'_>,
        params: &Params<'_>,
        server_ms: u64,
        counts: &mut Option<OrderCounts>,
    ) -> Answer {
        let mut account = 0;
        if route.security != Security::Public {
            let (sent, logged_on) = match caller {
                Caller::Header(key) => (key, None),
                Caller::Socket { logged_on } => (params.api_key(), logged_on),
            };
            let key = self.keys.find(sent.or(logged_on), route.security)?;
            account = key.account;
            // A session that has logged on need not sign, but may.
            let trusted = sent.is_none() && params.signature().is_none();
            match route.security {
                Security::Public | Security::Key => {}
                Security::Signed | Security::Trade if trusted && logged_on.is_some() => {
                    key.verify_time(params, server_ms)?;
                }
                Security::Signed | Security::Trade => key.verify(params, server_ms)?,
            }
        }
        params.only(route.params)?;
        if route.orders != (0, 0) {
            self.limiter.may_order(market, account, server_ms)?;
        }
        let body = (route.run)(&mut Call {
            engine,
            params,
            limiter: &mut self.limiter,
            listen_keys: &mut self.listen_keys,
            rng: &mut self.rng,
            cancel_ids: &mut self.cancel_ids,
            account,
            market,
            server_ms,
        })?;
        if route.orders != (0, 0) {
            *counts = Some(self.limiter.ordered(market, account, server_ms, route.orders));
        }
        Ok(body)
    }

    fn reply(
        &mut self,
        answer: Answer,
        market: Market,
        used: u64,
        counts: Option<OrderCounts>,
    ) -> HttpResponse {
        let mut reply = match answer {
            Ok(body) => HttpResponse::json(200, body),
            Err(error) => {
                self.count(&error);
                let reply = HttpResponse::json(error.status, error.body());
                match error.retry_after_s {
                    Some(seconds) => reply.with("Retry-After", seconds),
                    None => reply,
                }
            }
        };
        reply = reply.with("X-MBX-USED-WEIGHT-1M", used);
        if let Some(counts) = counts {
            let long = match market {
                Market::Spot => "X-MBX-ORDER-COUNT-1D",
                Market::Linear => "X-MBX-ORDER-COUNT-1M",
            };
            reply = reply.with("X-MBX-ORDER-COUNT-10S", counts.short).with(long, counts.long);
        }
        reply
    }
}

impl Binance {
    fn count(&mut self, error: &ApiError) {
        *self.errors.entry(error.code).or_default() += 1;
    }
}

impl Call<'_> {
    /// The instrument named by the mandatory `symbol`.
    fn instrument(&self) -> Result<usize, ApiError> {
        self.find(self.params.require("symbol")?)
    }

    /// The instrument named by the optional `symbol`.
    fn optional_instrument(&self) -> Result<Option<usize>, ApiError> {
        self.params.get("symbol")?.map(|symbol| self.find(symbol)).transpose()
    }

    fn find(&self, symbol: &str) -> Result<usize, ApiError> {
        let legal = !symbol.is_empty()
            && symbol.len() <= 20
            && symbol.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        match (legal, self.market) {
            (false, Market::Spot) => Err(ApiError::illegal("symbol", "^[A-Z0-9-_.]{1,20}$")),
            _ => self.engine.find(self.market, symbol).ok_or(errors::BAD_SYMBOL),
        }
    }

    /// All instruments of the market, in listing order.
    fn instruments(&self) -> impl Iterator<Item = usize> + '_ {
        let market = self.market;
        let all = self.engine.instruments.iter().enumerate();
        all.filter(move |(_, i)| i.market == market).map(|(index, _)| index)
    }

    fn side(&self) -> Result<Side, ApiError> {
        match self.params.require("side")? {
            "BUY" => Ok(Side::Buy),
            "SELL" => Ok(Side::Sell),
            _ => Err(errors::BAD_SIDE),
        }
    }

    /// The client id sent under this name, or a generated one.
    fn client_id(&mut self, name: &str) -> Result<String, ApiError> {
        let sent = self.params.client_id(name, self.market == Market::Linear)?;
        Ok(sent.map_or_else(|| random_text(self.rng, 22), str::to_owned))
    }

    /// The order named by `orderId` or `origClientOrderId`, of this account and instrument.
    fn named_order(&self, instrument: usize, missing: ApiError) -> Result<u64, ApiError> {
        let orders = &self.engine.orders;
        let found = match self.params.integer("orderId")? {
            Some(id) => {
                orders.get(id).filter(|o| o.account == self.account && o.instrument == instrument)
            }
            None => {
                let Some(id) = self.params.get("origClientOrderId")? else {
                    return Err(ApiError::missing("origClientOrderId"));
                };
                orders.by_client(self.account, instrument, id)
            }
        };
        found.map(|o| o.id).ok_or(missing)
    }

    fn reject(&self) -> impl Fn(Reject) -> ApiError + use<> {
        let market = self.market;
        move |reject| ApiError::from_reject(market, reject)
    }

    /// `limit`, bounded by the endpoint's maximum.
    fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(limit) = self.params.integer("limit")? else { return Ok(default) };
        match usize::try_from(limit) {
            Ok(n) if n > 0 => Ok(n.min(max)),
            _ => Err(ApiError::bad_value("limit")),
        }
    }
}
