//! A signing client for the bare exchange, on a clock of its own.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{
    Config, Exchange, Frame, Handled, HttpRequest, HttpResponse, Limits, Market, Message,
    PriceModel, SessionId,
};
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::Sha256;

/// 2023-11-14 22:13:20 UTC, the start of no window in particular.
pub const T0: u64 = 1_700_000_000_000;

pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn d(text: &str) -> Decimal {
    text.parse().expect("decimal")
}

/// One trader at an exchange whose prices stand still.
pub struct Desk {
    pub exchange: Exchange,
    pub now: u64,
    key: String,
    secret: String,
}

/// A reply with its body parsed.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub raw: HttpResponse,
}

impl Reply {
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The error number, which must be one.
    pub fn code(&self) -> i64 {
        assert_ne!(self.status, 200, "{}", self.body);
        self.body["code"].as_i64().expect("an error body")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.raw.header(name)
    }
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Config { limits: Limits::unlimited(), ..Config::default() })
    }

    pub fn with(config: Config) -> Self {
        Self::moving(Config { prices: PriceModel::Still, ..config })
    }

    /// With prices as configured.
    pub fn moving(config: Config) -> Self {
        let exchange = Exchange::new(config);
        let key = exchange.api_key().to_owned();
        let secret = exchange.api_secret().to_owned();
        Self { exchange, now: T0, key, secret }
    }

    pub fn sign(&self, payload: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any length");
        mac.update(payload.as_bytes());
        const_hex::encode(mac.finalize().into_bytes())
    }

    /// A query with timestamp and signature.
    pub fn signed(&self, params: &str) -> String {
        let and = if params.is_empty() { "" } else { "&" };
        let payload = format!("{params}{and}timestamp={}", self.now);
        format!("{payload}&signature={}", self.sign(&payload))
    }

    /// A signed request with everything in the query; "POST /api/v3/order".
    pub fn call(&mut self, line: &str, params: &str) -> Reply {
        let query = self.signed(params);
        self.send(line, &query, "")
    }

    /// A request sent as it stands, with the desk's key.
    pub fn send(&mut self, line: &str, query: &str, body: &str) -> Reply {
        let key = self.key.clone();
        reply(self.raw(line, query, body, &[("X-MBX-APIKEY", &key)]))
    }

    pub fn raw(
        &mut self,
        line: &str,
        query: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Handled {
        let (method, path) = line.split_once(' ').expect("METHOD path");
        let path = format!("/binance{path}");
        let request =
            HttpRequest { method, path: &path, query, headers, body: body.as_bytes(), peer: PEER };
        self.exchange.handle(self.now, &request)
    }

    pub fn key(&self) -> String {
        self.key.clone()
    }

    pub fn linear(&mut self, params: &str) -> Reply {
        self.call("POST /fapi/v1/order", &format!("{params}&newOrderRespType=RESULT"))
    }

    pub fn spot(&mut self, params: &str) -> Reply {
        self.call("POST /api/v3/order", &format!("{params}&newOrderRespType=FULL"))
    }

    pub fn algo(&mut self, params: &str) -> Reply {
        self.call("POST /fapi/v1/algoOrder", &format!("algoType=CONDITIONAL&{params}"))
    }

    pub fn pin(&mut self, market: Market, symbol: &str, price: &str) {
        assert!(self.exchange.set_price(self.now, market, symbol, Some(d(price))));
    }

    /// Opens a WebSocket on a path and query below the venue's prefix.
    pub fn open(&mut self, target: &str) -> SessionId {
        self.try_open(target).expect("an open session")
    }

    pub fn try_open(&mut self, target: &str) -> Result<SessionId, Handled> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = format!("/binance{path}");
        let request =
            HttpRequest { method: "GET", path: &path, query, headers: &[], body: b"", peer: PEER };
        self.exchange.connect(self.now, &request)
    }

    /// Sends a message on a WebSocket.
    pub fn say(&mut self, session: SessionId, message: &Value) {
        let message = Message::Text(message.to_string());
        self.exchange.message(self.now, session, message);
    }

    /// What has come on a WebSocket so far.
    pub fn frames(&mut self, session: SessionId) -> Vec<Frame> {
        self.exchange.take_frames(self.now, session)
    }

    /// The JSON that has come on a WebSocket so far.
    pub fn heard(&mut self, session: SessionId) -> Vec<Value> {
        let parse = |frame| match frame {
            Frame::Text(text) => Some(serde_json::from_str(&text).expect("JSON")),
            _ => None,
        };
        self.frames(session).into_iter().filter_map(parse).collect()
    }

    /// Sends a request to the WebSocket API and returns its answer, which must be the first to
    /// come.
    pub fn ask(&mut self, session: SessionId, request: &Value) -> Value {
        self.say(session, request);
        let heard = self.heard(session);
        heard.into_iter().find(|v| v.get("status").is_some()).expect("an answer")
    }

    /// Parameters of a WebSocket API request with key, time and signature.
    pub fn ws_signed(&self, mut params: Value) -> Value {
        params["apiKey"] = self.key.as_str().into();
        params["timestamp"] = self.now.into();
        let fields = params.as_object().expect("an object");
        let mut pairs: Vec<String> = fields
            .iter()
            .map(|(k, v)| format!("{k}={}", v.as_str().map_or(v.to_string(), str::to_owned)))
            .collect();
        pairs.sort();
        params["signature"] = self.sign(&pairs.join("&")).into();
        params
    }

    /// Lets time pass in steps of 100 ms, with what is due on the way.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now = (self.now / 100 * 100 + 100).min(end);
            self.exchange.poll(self.now);
        }
    }

    /// Lets the book refill: one price step later.
    pub fn tick(&mut self) {
        self.now += 100;
    }

    /// Signed amount of the first position shown by the control state.
    pub fn position(&mut self) -> Decimal {
        let state = self.exchange.state(self.now, 0);
        state.accounts[0].positions.first().map_or(Decimal::ZERO, |p| p.amount)
    }
}

pub fn reply(handled: Handled) -> Reply {
    let raw = handled.into_reply().expect("a reply");
    let body = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
    Reply { status: raw.status, body, raw }
}
