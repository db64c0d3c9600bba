//! Every REST case of the signing vectors: the signature itself, and the request we build from the
//! neutral input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hoox_binance::Binance;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, ExchangeProvider, MarginMode, NewOrder, Operation,
    OrderClass, OrderId, OrderKind, OrderRef, PositionMode, PreparedOrder, RequestBuf, Side,
    Symbol, Timestamp, Trigger, TriggerKind, parse_decimal,
};
use hoox_signer::Encoding;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    market: String,
    operation: String,
    input: BTreeMap<String, Box<RawValue>>,
    api_key: String,
    secret: String,
    timestamp_ms: u64,
    recv_window: Option<u64>,
    algorithm: Option<String>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    transport: Option<String>,
    method: String,
    path: String,
    query: Option<String>,
    body: Option<String>,
    headers: BTreeMap<String, String>,
    signed_payload: String,
    signature: String,
}

impl Case {
    fn text(&self, name: &str) -> Option<String> {
        let raw = self.input.get(name)?.get();
        match serde_json::from_str::<String>(raw) {
            Ok(text) => Some(text),
            Err(_) if raw == "null" => None,
            Err(_) => Some(raw.to_owned()),
        }
    }

    fn decimal(&self, name: &str) -> Option<Decimal> {
        self.text(name).map(|text| parse_decimal(&text).unwrap())
    }

    fn symbol(&self) -> Symbol {
        Symbol::new(&self.text("symbol").unwrap()).unwrap()
    }

    fn client_order_id(&self) -> Option<ClientOrderId> {
        self.text("client_order_id").map(|id| ClientOrderId::portable(&id).unwrap())
    }

    fn order(&self) -> PreparedOrder {
        let (symbol, quantity) = (self.symbol(), self.decimal("quantity"));
        let side = if self.text("side").unwrap() == "buy" { Side::Buy } else { Side::Sell };
        let mut order = match (self.decimal("stop_price"), self.decimal("price")) {
            (Some(price), None) => {
                let trigger = Trigger { kind: TriggerKind::Stop, price };
                let quantity = quantity.unwrap();
                NewOrder::new(symbol, side, OrderKind::TriggerMarket { quantity, trigger })
            }
            (None, Some(price)) => NewOrder::limit(symbol, side, quantity.unwrap(), price),
            (None, None) => match self.decimal("quote_quantity") {
                Some(amount) => NewOrder::market_quote(symbol, side, amount),
                None => NewOrder::market(symbol, side, quantity.unwrap()),
            },
            (Some(_), Some(_)) => panic!("{}: a kind the vectors did not have", self.id),
        };
        order.client_order_id = self.client_order_id();
        order.reduce_only = self.text("reduce_only").as_deref() == Some("true");
        PreparedOrder::as_written(&order).unwrap()
    }

    /// The request we build, with the parameters of query and body in one set.
    fn build(&self, binance: &Binance, buf: &mut RequestBuf) {
        let class = OrderClass::Plain;
        let by_client = || OrderRef::Client(self.client_order_id().unwrap());
        let order;
        let op = match self.operation.as_str() {
            place if place.starts_with("place") => {
                order = self.order();
                Operation::Place(&order)
            }
            "cancel_by_client_id" => {
                Operation::Cancel { symbol: self.symbol(), order: by_client(), class }
            }
            "cancel_by_order_id" => {
                let id = OrderId::new(&self.text("order_id").unwrap()).unwrap();
                Operation::Cancel { symbol: self.symbol(), order: OrderRef::Id(id), class }
            }
            "query_by_client_id" => {
                Operation::Order { symbol: self.symbol(), order: by_client(), class }
            }
            "open_orders" => {
                Operation::OpenOrders { symbol: Some(self.symbol()), class, page: None }
            }
            "positions" => Operation::Positions { symbol: Some(self.symbol()), page: None },
            "balance" => Operation::Balances,
            "set_leverage" => Operation::SetLeverage {
                symbol: self.symbol(),
                leverage: self.text("leverage").unwrap().parse().unwrap(),
                margin_mode: None,
                position_side: None,
            },
            "set_margin_mode" => {
                assert_eq!(self.text("margin_mode").unwrap(), "isolated");
                Operation::SetMarginMode { symbol: self.symbol(), mode: MarginMode::Isolated }
            }
            "set_position_mode" => {
                assert_eq!(self.text("position_mode").unwrap(), "hedge");
                Operation::SetPositionMode { symbol: None, mode: PositionMode::Hedge }
            }
            other => panic!("{}: an operation the vectors did not have: {other}", self.id),
        };
        binance.encode(&op, Timestamp::from_millis(self.timestamp_ms), buf).unwrap();
    }

    /// Whether this build of the crate has the key kind.
    fn is_enabled(&self) -> bool {
        match self.algorithm.as_deref() {
            None | Some("hmac-sha256") => true,
            Some("ed25519") => cfg!(feature = "ed25519"),
            Some("rsa-pkcs1v15-sha256") => cfg!(feature = "rsa"),
            Some(other) => panic!("{}: {other}", self.id),
        }
    }

    fn is_rest(&self) -> bool {
        self.expected.transport.as_deref() != Some("ws")
    }

    fn credentials(&self) -> Credentials {
        Credentials::from_secret(&self.api_key, &self.secret).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(support::fixtures().join("vectors.json")).unwrap();
    let vectors: Vectors = serde_json::from_str(&text).unwrap();
    let known = vectors.cases.len();
    assert_eq!(known, 25, "new vectors want a look at what they test");
    vectors.cases.into_iter().filter(Case::is_enabled).collect()
}

/// The parameters of a query and a body, without what we may choose: the shape of the reply, and the
/// signature, which covers the order of the others.
fn params(query: &str, body: &str) -> BTreeSet<String> {
    let own = |pair: &&str| !pair.is_empty() && !pair.starts_with("newOrderRespType=");
    let pairs = query.split('&').chain(body.split('&')).filter(own);
    pairs.filter(|pair| !pair.starts_with("signature=")).map(str::to_owned).collect()
}

#[test]
fn the_signed_payload_of_every_case_gets_its_signature() {
    for case in cases() {
        let signature = case.credentials().key().sign(case.expected.signed_payload.as_bytes());
        let mut text = String::new();
        signature.unwrap().write(&mut text, Encoding::Plain);
        assert_eq!(text, case.expected.signature, "{}", case.id);
    }
}

#[test]
fn the_request_built_from_every_rest_case_is_the_expected_one() {
    let mut checked = 0;
    for case in cases().iter().filter(|case| case.is_rest()) {
        let (id, expected) = (&case.id, &case.expected);
        let binance = match case.market.as_str() {
            "spot" => Binance::spot(case.credentials()),
            _ => Binance::linear(case.credentials()),
        };
        let binance = binance.with_recv_window(Duration::from_millis(case.recv_window.unwrap()));
        let mut buf = RequestBuf::new();
        case.build(&binance, &mut buf);
        let request = buf.request();

        assert_eq!(request.method().as_str(), expected.method, "{id}");
        assert_eq!(request.path(), expected.path, "{id}");
        let (query, body) = (expected.query.as_deref(), expected.body.as_deref());
        assert_eq!(
            params(request.query(), request.body()),
            params(query.unwrap_or(""), body.unwrap_or("")),
            "{id}"
        );
        let headers: BTreeMap<_, _> = request.headers().collect();
        assert_eq!(headers.get("X-MBX-APIKEY"), Some(&case.api_key.as_str()), "{id}");
        let form = (!request.body().is_empty()).then_some("application/x-www-form-urlencoded");
        assert_eq!(headers.get("Content-Type").copied(), form, "{id}");
        assert_eq!(expected.headers.get("X-MBX-APIKEY"), Some(&case.api_key), "{id}");

        // What is signed is all that is sent but the signature, which stands last.
        let sent = [request.query(), request.body()].concat();
        let (payload, signature) = sent.split_once("&signature=").unwrap();
        assert_eq!((request.signed_payload(), request.signature()), (payload, signature), "{id}");
        let mut text = String::new();
        let resigned = case.credentials().key().sign(payload.as_bytes()).unwrap();
        resigned.write(&mut text, Encoding::Url);
        assert_eq!(signature, text, "{id}");
        checked += 1;
    }
    let asymmetric = usize::from(cfg!(feature = "ed25519")) + usize::from(cfg!(feature = "rsa"));
    assert_eq!(checked, 20 + asymmetric);
}
