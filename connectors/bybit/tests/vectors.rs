//! The published signing vectors: every signature, and every request built from its input.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use hoox_bybit::Bybit;
use hoox_connector::*;
use hoox_signer::{Encoding, HmacKey, SigningKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use support::{decimal, fixture, id, params, query_params, symbol};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    market: String,
    operation: String,
    input: HashMap<String, Box<RawValue>>,
    api_key: String,
    secret: String,
    timestamp_ms: Option<u64>,
    recv_window: Option<u64>,
    algorithm: String,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    transport: String,
    /// What is sent over a socket.
    #[serde(default)]
    frame: Option<serde_json::Value>,
    #[serde(default)]
    method: String,
    path: String,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    signed_payload: String,
    signature: String,
}

impl Case {
    /// An input's text; `None` if absent or null. Numbers keep their digits.
    fn text(&self, name: &str) -> Option<&str> {
        let raw = self.input.get(name)?.get();
        (raw != "null").then(|| raw.trim_matches('"'))
    }

    fn number(&self, name: &str) -> Option<Decimal> {
        self.text(name).map(decimal)
    }

    fn market(&self) -> Market {
        self.market.parse().unwrap()
    }

    fn symbol(&self) -> Symbol {
        symbol(self.text("symbol").unwrap())
    }

    fn order(&self) -> PreparedOrder {
        let quantity = self.number("quantity");
        let price = self.number("price").filter(|_| self.text("type") == Some("limit"));
        let side = if self.text("side") == Some("buy") { Side::Buy } else { Side::Sell };
        let time_in_force = match self.text("time_in_force") {
            Some("PostOnly") => TimeInForce::PostOnly,
            None => TimeInForce::GoodTillCancel,
            Some(other) => panic!("{other}"),
        };
        let kind = match (self.number("stop_price"), self.number("quote_quantity"), price) {
            (Some(price), None, None) => OrderKind::TriggerMarket {
                quantity: quantity.unwrap(),
                trigger: Trigger { kind: TriggerKind::Stop, price },
            },
            (None, Some(amount), None) => OrderKind::Market { size: Size::Quote(amount) },
            (None, None, Some(price)) => {
                OrderKind::Limit { quantity: quantity.unwrap(), price, time_in_force }
            }
            (None, None, None) => OrderKind::Market { size: Size::Base(quantity.unwrap()) },
            other => panic!("{other:?}"),
        };
        let mut order = NewOrder::new(self.symbol(), side, kind);
        order.client_order_id = self.text("client_order_id").map(id);
        order.reduce_only = self.text("reduce_only") == Some("true");
        // The vectors round prices to the nearest tick.
        let instruments = instruments(self.market());
        let instrument = instruments.find(&order.symbol).unwrap();
        instrument.prepare_with(&order, None, PriceRounding::Nearest).unwrap()
    }
}

fn instruments(market: Market) -> Instruments {
    let name = format!("instruments_{market}_test_set");
    match support::decode(&support::of(market), OperationKind::Instruments, &name) {
        Ok(Reply::Instruments(instruments)) => instruments,
        other => panic!("{other:?}"),
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str::<Vectors>(&fixture("vectors.json")).unwrap().cases
}

#[test]
fn every_signature_is_reproduced() {
    let cases = cases();
    assert_eq!(cases.len(), 18);
    for case in cases {
        assert_eq!(case.algorithm, "hmac-sha256", "{}", case.id);
        let key = SigningKey::from(HmacKey::new(case.secret.as_bytes()));
        let mut signature = String::new();
        let signed = key.sign(case.expected.signed_payload.as_bytes()).unwrap();
        signed.write(&mut signature, Encoding::Plain);
        assert_eq!(signature, case.expected.signature, "{}", case.id);
    }
}

/// Parameters of the documentation's own examples that state a default, or a page's size.
const DEFAULTS: [(&str, &str); 4] =
    [("isLeverage", "0"), ("orderFilter", "\"Order\""), ("openOnly", "\"0\""), ("limit", "\"1\"")];

#[test]
fn every_request_is_built_from_its_input() {
    let mut built = 0;
    for case in cases().iter().filter(|case| case.expected.transport != "ws") {
        let credentials = Credentials::hmac(&case.api_key, &case.secret);
        let bybit = match case.market() {
            Market::Spot => Bybit::spot(credentials),
            _ => Bybit::linear(credentials),
        };
        let window = case.recv_window.unwrap();
        let bybit = bybit.with_recv_window(Duration::from_millis(window));
        let prepared;
        let class = OrderClass::Plain;
        let op = match case.operation.as_str() {
            "cancel_by_client_id" => {
                let order = OrderRef::Client(id(case.text("client_order_id").unwrap()));
                Operation::Cancel { symbol: case.symbol(), order, class }
            }
            "cancel_by_order_id" => {
                let order = OrderRef::Id(case.text("order_id").unwrap().parse().unwrap());
                Operation::Cancel { symbol: case.symbol(), order, class }
            }
            "query_by_order_id" => {
                let order = OrderRef::Id(case.text("order_id").unwrap().parse().unwrap());
                Operation::Order { symbol: case.symbol(), order, class }
            }
            "open_orders" => {
                Operation::OpenOrders { symbol: Some(case.symbol()), class, page: None }
            }
            "set_leverage" => Operation::SetLeverage {
                symbol: case.symbol(),
                leverage: case.text("leverage").unwrap().parse().unwrap(),
                margin_mode: None,
                position_side: None,
            },
            "set_position_mode" => Operation::SetPositionMode {
                symbol: Some(case.symbol()),
                mode: match case.text("position_mode") {
                    Some("hedge") => PositionMode::Hedge,
                    _ => PositionMode::OneWay,
                },
            },
            "positions" => Operation::Positions { symbol: Some(case.symbol()), page: None },
            "balance" => Operation::Balances,
            place if place.starts_with("place_") => {
                prepared = case.order();
                Operation::Place(&prepared)
            }
            other => panic!("{other}"),
        };
        let mut buf = RequestBuf::new();
        let at = case.timestamp_ms.unwrap();
        let request = bybit.encode(&op, Timestamp::from_millis(at), &mut buf).unwrap();
        let (case_id, expected) = (&case.id, &case.expected);

        assert_eq!(request.method().as_str(), expected.method, "{case_id}");
        assert_eq!(request.path(), expected.path, "{case_id}");
        let mut wanted = match &expected.body {
            Some(body) => serde_json::from_str(body).unwrap(),
            None => query_params(expected.query.as_deref().unwrap_or("")),
        };
        if case_id.starts_with("gen-") {
            wanted.retain(|name, value| {
                !DEFAULTS.contains(&(name.as_str(), value.to_string().as_str()))
            });
        }
        assert_eq!(params(&request), wanted, "{case_id}");

        // One text, signed as it is sent.
        let content = if request.body().is_empty() { request.query() } else { request.body() };
        let payload = format!("{at}{}{window}{content}", case.api_key);
        assert_eq!(request.signed_payload(), payload, "{case_id}");
        let key = SigningKey::from(HmacKey::new(case.secret.as_bytes()));
        let mut signature = String::new();
        key.sign(payload.as_bytes()).unwrap().write(&mut signature, Encoding::Plain);
        assert_eq!(request.signature(), signature, "{case_id}");

        let headers: BTreeMap<&str, &str> = request.headers().collect();
        for name in ["X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW"] {
            assert_eq!(headers[name], expected.headers[name], "{case_id} {name}");
        }
        assert_eq!(headers["X-BAPI-SIGN"], signature, "{case_id}");
        assert_eq!(headers.contains_key("Content-Type"), expected.body.is_some(), "{case_id}");
        built += 1;
    }
    assert_eq!(built, 16);
}

/// A vector whose parameters stand in our order must match to the last byte.
#[test]
fn an_equal_text_has_the_published_signature() {
    let cases = cases();
    let case = cases.iter().find(|case| case.operation == "balance").unwrap();
    let bybit = Bybit::linear(Credentials::hmac(&case.api_key, &case.secret))
        .with_recv_window(Duration::from_millis(5_000));
    let mut buf = RequestBuf::new();
    let at = Timestamp::from_millis(case.timestamp_ms.unwrap());
    let request = bybit.encode(&Operation::Balances, at, &mut buf).unwrap();
    assert_eq!(request.signed_payload(), case.expected.signed_payload);
    assert_eq!(request.signature(), case.expected.signature);
}

/// How long before its end a signature is made.
const AUTH_LIFE: u64 = 10_000;

#[test]
fn every_authentication_is_built_from_its_input() {
    let mut built = 0;
    for case in cases().iter().filter(|case| case.expected.transport == "ws") {
        assert_eq!(case.operation, "ws_auth", "{}", case.id);
        let expires: u64 = case.text("expires").unwrap().parse().unwrap();
        let at = Timestamp::from_millis(expires - AUTH_LIFE);
        let bybit = Bybit::linear(Credentials::hmac(&case.api_key, &case.secret));
        let expected = case.expected.frame.as_ref().unwrap();

        let mut frame = String::new();
        bybit.authenticate(at, 1, &mut frame).unwrap();
        let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
        assert_eq!(frame, *expected, "{}", case.id);

        let mut buf = RequestBuf::new();
        bybit.encode_logon(at, 1, &mut buf).unwrap();
        let request = buf.request();
        assert_eq!(request.signed_payload(), case.expected.signed_payload, "{}", case.id);
        assert_eq!(request.signature(), case.expected.signature, "{}", case.id);
        let frame: serde_json::Value = serde_json::from_str(request.body()).unwrap();
        assert_eq!(frame, *expected, "{}", case.id);

        let urls = [bybit.socket_url(Socket::Private, None), bybit.entry_url().unwrap().to_owned()];
        assert!(urls.iter().any(|url| url.ends_with(&case.expected.path)), "{}", case.id);
        built += 1;
    }
    assert_eq!(built, 2);
}
