//! The MEXC front: spot (`/api/v3`) and USDT-linear futures (`/api/v1`), two APIs that share keys
//! and little else, over HTTP and WebSocket.
//!
//! Written from the protocol sheet for MEXC (sections 2 to 11) and its response samples, and from
//! nothing that our own client side uses, so that an error there cannot cancel itself out here.

mod errors;
mod futures;
mod limits;
mod listing;
mod sockets;
mod spot;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rust_decimal::Decimal;

use crate::config::{ApiKey, Config};
use crate::engine::Engine;
use crate::fault::{Fault, FaultKind};
use crate::http::{HttpRequest, HttpResponse, MAX_BODY, MAX_QUERY};
use crate::keyring::{Keyring, random_text};
use errors::ApiError;
use limits::{Limiter, Refused};

/// Stream of the seed's generator that this front draws from.
const RNG_STREAM: u64 = 2;

/// A body, or why there is none.
type Answer = Result<Vec<u8>, ApiError>;

/// The state of the front that is not the engine's.
#[derive(Debug)]
pub(crate) struct Mexc {
    keys: Keyring,
    limiter: Limiter,
    /// Client ids given to orders that came without one.
    unnamed: u64,
    plans: futures::plan::Plans,
    stops: futures::stops::Stops,
    listen_keys: spot::listen_keys::ListenKeys,
    /// Open connections of each listen key.
    key_connections: BTreeMap<String, usize>,
    rng: ChaCha8Rng,
    /// How often each error was answered, by number.
    pub(crate) errors: BTreeMap<i32, u64>,
}

impl Mexc {
    /// The front and the engine beneath it.
    pub(crate) fn new(config: &Config) -> (Engine, Self) {
        let mut engine = Engine::listed(config, listing::instruments(), config.mexc.fees);
        // As trades of the real venue show: a buy of USDC pays its commission in USDT.
        engine.fees_in_quote = true;
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(RNG_STREAM);
        let key = format!("mx0v{}", random_text(&mut rng, 14));
        let generated = ApiKey::hmac(key, random_text(&mut rng, 32).to_ascii_lowercase());
        let front = Self {
            keys: Keyring::new(&config.mexc.keys, generated),
            limiter: Limiter::new(config.mexc.limits),
            unnamed: 0,
            plans: futures::plan::Plans::default(),
            stops: futures::stops::Stops::default(),
            listen_keys: spot::listen_keys::ListenKeys::default(),
            key_connections: BTreeMap::new(),
            rng,
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
        self.settle(engine, server_ms);
        if path.starts_with("/api/v1/") {
            let Some((route, tail)) = futures::find(request.method, path) else {
                return HttpResponse::html(404, "Not Found");
            };
            let answer = if self.limiter.futures(request.peer, route.path, server_ms) {
                futures::answer(self, engine, route, tail, request, server_ms)
            } else {
                Err(errors::F_TOO_FREQUENT)
            };
            return match answer {
                Ok(body) => HttpResponse::json(200, body),
                Err(error) => self.refuse(&error, true),
            };
        }
        let Some(route) = spot::find(request.method, path) else {
            return HttpResponse::html(404, "Not Found");
        };
        let charged = self.limiter.spot(request.peer, route.path, route.weight, server_ms);
        let answer = match charged {
            Ok(()) => spot::answer(self, engine, route, request, server_ms),
            Err(Refused::TooMany(seconds)) => Err(ApiError::too_many(seconds)),
            Err(Refused::Banned(seconds)) => Err(ApiError::banned(seconds)),
        };
        match answer {
            Ok(body) => HttpResponse::json(200, body),
            Err(error) => self.refuse(&error, false),
        }
    }

    /// The reply of an injected venue error, in MEXC's counterpart of the fault's kind.
    pub(crate) fn injected(&mut self, fault: &Fault, _server_ms: u64) -> HttpResponse {
        let wait_s = fault.ms_or(1_000).div_ceil(1_000);
        match fault.kind {
            FaultKind::Http503Unknown
            | FaultKind::Http503Throttled
            | FaultKind::Http503Unavailable => HttpResponse::html(503, "Service Unavailable"),
            FaultKind::Http504Timeout => HttpResponse::html(504, "Gateway Timeout"),
            FaultKind::Http500Unexpected => HttpResponse::html(500, "Internal Server Error"),
            FaultKind::Http429 => refusal(&ApiError::too_many(wait_s), false),
            FaultKind::Http418 => refusal(&ApiError::banned(wait_s), false),
            FaultKind::Http403 => HttpResponse::html(403, "Forbidden"),
            FaultKind::Http408 => {
                HttpResponse { status: 408, headers: Vec::new(), body: Vec::new() }
            }
            _ => HttpResponse::html(502, "Bad Gateway"),
        }
    }

    /// Does what is due to conditional orders since the last look.
    fn settle(&mut self, engine: &mut Engine, server_ms: u64) {
        futures::plan::lapse(engine, &mut self.plans, server_ms);
        futures::stops::settle(engine, &mut self.stops);
    }

    fn refuse(&mut self, error: &ApiError, futures: bool) -> HttpResponse {
        *self.errors.entry(error.code).or_default() += 1;
        refusal(error, futures)
    }

    /// A client id for an order without one; customers cannot write the tilde.
    fn unnamed(&mut self) -> String {
        self.unnamed += 1;
        format!("~{}", self.unnamed)
    }
}

fn refusal(error: &ApiError, futures: bool) -> HttpResponse {
    let body = if futures {
        serde_json::json!({ "success": false, "code": error.code, "message": error.msg })
    } else {
        serde_json::json!({ "code": error.code, "msg": error.msg })
    };
    let reply = HttpResponse::json(error.status, body.to_string().into_bytes());
    match error.retry_after_s {
        Some(seconds) => reply.with("Retry-After", seconds),
        None => reply,
    }
}

/// As few digits as possible.
fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

/// The customer's own id of an order, if there is one.
fn client_id(name: &str) -> Option<&str> {
    (!name.starts_with('~')).then_some(name)
}

/// Whether a client id may be used: the sheet's safe form, 32 characters at most.
fn legal_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
