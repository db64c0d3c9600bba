//! A signing MEXC client for the bare exchange, on a clock of its own.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{
    Config, Exchange, HttpRequest, HttpResponse, MexcConfig, MexcLimits, PriceModel, Venue,
};
use serde_json::Value;
use sha2::Sha256;

pub const T0: u64 = 1_700_000_000_000;

pub fn sign(secret: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(payload.as_bytes());
    const_hex::encode(mac.finalize().into_bytes())
}

pub struct Desk {
    pub exchange: Exchange,
    pub now: u64,
    pub key: String,
    pub secret: String,
}

#[derive(Debug)]
pub struct Reply {
    pub raw: HttpResponse,
    pub body: Value,
}

impl Reply {
    pub fn ok(self) -> Value {
        assert!(self.raw.status == 200 && self.body["success"] != false, "{}", self.body);
        self.body
    }

    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().expect("a code")
    }
}

impl Desk {
    pub fn new() -> Self {
        let mexc = MexcConfig { limits: MexcLimits::unlimited(), ..MexcConfig::default() };
        Self::with(Config { mexc, ..Config::default() })
    }

    pub fn with(config: Config) -> Self {
        let exchange = Exchange::new(Config { prices: PriceModel::Still, ..config });
        let (key, secret) = exchange.credentials(Venue::Mexc);
        let (key, secret) = (key.to_owned(), secret.to_owned());
        Self { exchange, now: T0, key, secret }
    }

    pub fn raw(&mut self, line: &str, query: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let (method, path) = line.split_once(' ').expect("METHOD path");
        let path = format!("/mexc{path}");
        let request = HttpRequest {
            method,
            path: &path,
            query,
            headers,
            body: body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let raw = self.exchange.handle(self.now, &request).into_reply().expect("a reply");
        let body = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        Reply { raw, body }
    }

    pub fn spot(&mut self, line: &str, params: &str) -> Reply {
        let payload = format!("{params}&timestamp={}", self.now);
        let query = format!("{payload}&signature={}", sign(&self.secret, &payload));
        let key = self.key.clone();
        self.raw(line, &query, "", &[("X-MEXC-APIKEY", &key)])
    }

    pub fn futures(&mut self, line: &str, query: &str, body: &str) -> Reply {
        let at = self.now.to_string();
        let payload = if line.starts_with("GET") { query } else { body };
        let signature = sign(&self.secret, &format!("{}{at}{payload}", self.key));
        let key = self.key.clone();
        let headers =
            [("ApiKey", key.as_str()), ("Request-Time", &at), ("Signature", signature.as_str())];
        self.raw(line, query, body, &headers)
    }

    pub fn order(&mut self, more: &str) -> Reply {
        let body = format!(r#"{{"symbol":"BTC_USDT","vol":100,"openType":2,{more}}}"#);
        self.futures("POST /api/v1/private/order/create", "", &body)
    }

    pub fn by_oid(&mut self, oid: &str) -> Value {
        let line = format!("GET /api/v1/private/order/external/BTC_USDT/{oid}");
        self.futures(&line, "", "").ok()["data"].clone()
    }
}
