//! A signing Bybit client for the bare exchange, on a clock of its own.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{
    BybitConfig, BybitLimits, Config, Exchange, HttpRequest, HttpResponse, Market, PriceModel,
    Venue,
};
use serde_json::{Value, json};
use sha2::Sha256;

pub const T0: u64 = 1_700_000_000_000;
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn sign(secret: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(payload.as_bytes());
    const_hex::encode(mac.finalize().into_bytes())
}

/// One trader at a venue whose prices stand still.
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
    pub fn of(raw: HttpResponse) -> Self {
        let body = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        Self { raw, body }
    }

    /// The result of a request that must have worked.
    pub fn ok(self) -> Value {
        assert_eq!(self.body["retCode"], 0, "{}", self.body);
        self.body["result"].clone()
    }

    pub fn code(&self) -> i64 {
        self.body["retCode"].as_i64().expect("an envelope")
    }
}

impl Desk {
    pub fn new() -> Self {
        let bybit = BybitConfig { limits: BybitLimits::unlimited(), ..BybitConfig::default() };
        Self::with(Config { bybit, ..Config::default() })
    }

    pub fn with(config: Config) -> Self {
        let exchange = Exchange::new(Config { prices: PriceModel::Still, ..config });
        let (key, secret) = exchange.credentials(Venue::Bybit);
        let (key, secret) = (key.to_owned(), secret.to_owned());
        Self { exchange, now: T0, key, secret }
    }

    pub fn get(&mut self, path: &str, query: &str) -> Reply {
        let at = self.now.to_string();
        let signature = sign(&self.secret, &format!("{at}{}5000{query}", self.key));
        self.send("GET", path, query, "", &at, "5000", &signature)
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.post_text(path, &body.to_string())
    }

    pub fn post_text(&mut self, path: &str, body: &str) -> Reply {
        let at = self.now.to_string();
        let signature = sign(&self.secret, &format!("{at}{}5000{body}", self.key));
        self.send("POST", path, "", body, &at, "5000", &signature)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        at: &str,
        window: &str,
        signature: &str,
    ) -> Reply {
        let key = self.key.clone();
        let headers = [
            ("X-BAPI-API-KEY", key.as_str()),
            ("X-BAPI-TIMESTAMP", at),
            ("X-BAPI-RECV-WINDOW", window),
            ("X-BAPI-SIGN", signature),
        ];
        self.raw(method, path, query, body, &headers)
    }

    pub fn raw(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let path = format!("/bybit{path}");
        let request =
            HttpRequest { method, path: &path, query, headers, body: body.as_bytes(), peer: PEER };
        Reply::of(self.exchange.handle(self.now, &request).into_reply().expect("a reply"))
    }

    /// Places an order: the given fields over a linear BTCUSDT market buy of 0.01.
    pub fn place(&mut self, fields: Value) -> Reply {
        let body = order(fields);
        self.post("/v5/order/create", &body)
    }

    /// What `realtime` says about one order, a little later.
    pub fn look(&mut self, category: &str, link: &str) -> Value {
        self.now += 100;
        let query = format!("category={category}&orderLinkId={link}");
        let result = self.get("/v5/order/realtime", &query).ok();
        assert_eq!(result["list"].as_array().map(Vec::len), Some(1), "{result}");
        result["list"][0].clone()
    }

    pub fn position(&mut self, index: usize) -> Value {
        let list = self.get("/v5/position/list", "category=linear&symbol=BTCUSDT").ok();
        list["list"][index].clone()
    }

    pub fn pin(&mut self, market: Market, symbol: &str, price: &str) {
        let price = Some(price.parse().expect("decimal"));
        assert!(self.exchange.set_price_on(Venue::Bybit, self.now, market, symbol, price));
    }
}

pub fn order(fields: Value) -> Value {
    let mut body = json!({
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market",
        "qty": "0.01",
    });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}
