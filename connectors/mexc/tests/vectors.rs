//! The published and derived signing vectors: signatures byte for byte, requests as sets of
//! parameters.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use hoox_connector::{
    ClientOrderId, Credentials, Decimal, ExchangeProvider, MarginMode, Market, Method, NewOrder,
    Operation, OrderClass, OrderId, OrderRef, PositionMode, PositionSide, PreparedOrder, Request,
    RequestBuf, Side, StreamProvider, Symbol, Timestamp,
};
use hoox_mexc::Mexc;
use hoox_signer::HmacKey;
use serde_json::Value;

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("fixtures/vectors.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(value: &Value) -> Decimal {
    text(value).parse().unwrap()
}

fn sign(secret: &str, payload: &str) -> String {
    let bytes = HmacKey::new(secret.as_bytes()).sign(&[payload.as_bytes()]);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The order that `input` describes, in the venue's own unit.
fn order(input: &Value) -> PreparedOrder {
    let symbol = Symbol::new(input["symbol"].as_str().unwrap()).unwrap();
    let side = if input["side"] == "buy" { Side::Buy } else { Side::Sell };
    let mut order = match (input["type"].as_str().unwrap(), input.get("quote_quantity")) {
        ("market", Some(amount)) => NewOrder::market_quote(symbol, side, number(amount)),
        ("market", None) => NewOrder::market(symbol, side, number(&input["quantity"])),
        ("limit", _) => {
            NewOrder::limit(symbol, side, number(&input["quantity"]), number(&input["price"]))
        }
        (other, _) => panic!("order type {other}"),
    };
    if let Some(id) = input["client_order_id"].as_str() {
        order = order.client_order_id(ClientOrderId::portable(id).unwrap());
    }
    if input["reduce_only"] == true {
        order = order.reduce_only();
    }
    order.margin_mode = margin_mode(input);
    order.leverage = input["leverage"].as_u64().map(|leverage| leverage.try_into().unwrap());
    PreparedOrder::as_written(&order).unwrap()
}

fn margin_mode(input: &Value) -> Option<MarginMode> {
    input["margin_mode"].as_str().map(|mode| match mode {
        "isolated" => MarginMode::Isolated,
        _ => MarginMode::Cross,
    })
}

/// Builds the request of a vector and hands it to `check`.
fn build(case: &Value, check: impl FnOnce(Request<'_>)) {
    let input = &case["input"];
    let credentials =
        Credentials::hmac(case["api_key"].as_str().unwrap(), case["secret"].as_str().unwrap());
    let mexc = match case["market"].as_str().unwrap() {
        "spot" => {
            let window = Duration::from_millis(case["recv_window"].as_u64().unwrap());
            Mexc::spot(credentials).with_recv_window(window)
        }
        _ => Mexc::linear(credentials),
    };
    let symbol = input["symbol"].as_str().map(|symbol| Symbol::new(symbol).unwrap());
    let client = || {
        OrderRef::Client(ClientOrderId::new(input["client_order_id"].as_str().unwrap()).unwrap())
    };
    let id = || OrderRef::Id(OrderId::new(input["order_id"].as_str().unwrap()).unwrap());
    let class = OrderClass::Plain;
    let prepared;
    let operation = match case["operation"].as_str().unwrap() {
        name if name.starts_with("place_") => {
            prepared = order(input);
            Operation::Place(&prepared)
        }
        "cancel_by_client_id" => {
            Operation::Cancel { symbol: symbol.unwrap(), order: client(), class }
        }
        "cancel_by_order_id" => Operation::Cancel { symbol: symbol.unwrap(), order: id(), class },
        "query_by_client_id" => {
            Operation::Order { symbol: symbol.unwrap(), order: client(), class }
        }
        "query_by_order_id" => Operation::Order { symbol: symbol.unwrap(), order: id(), class },
        "open_orders" => Operation::OpenOrders { symbol, class, page: None },
        "balance" => Operation::Balances,
        "positions" => Operation::Positions { symbol, page: None },
        "set_leverage" => Operation::SetLeverage {
            symbol: symbol.unwrap(),
            leverage: input["leverage"].as_u64().unwrap().try_into().unwrap(),
            margin_mode: margin_mode(input),
            position_side: Some(match input["position_side"].as_str().unwrap() {
                "long" => PositionSide::Long,
                _ => PositionSide::Short,
            }),
        },
        "set_position_mode" => Operation::SetPositionMode {
            symbol,
            mode: match input["position_mode"].as_str().unwrap() {
                "hedge" => PositionMode::Hedge,
                _ => PositionMode::OneWay,
            },
        },
        other => panic!("operation {other}"),
    };
    let at = Timestamp::from_millis(case["timestamp_ms"].as_u64().unwrap());
    let mut buf = RequestBuf::new();
    check(mexc.encode(&operation, at, &mut buf).unwrap());
}

/// The parameters of a query or a form body, without the signature.
fn parameters(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .filter(|(name, _)| *name != "signature")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Type 6, a market order at the current price, is what this dialect sends as 5, a market order.
fn json(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let mut value: Value = serde_json::from_str(text).unwrap();
    if value.get("type") == Some(&Value::from(6)) {
        value["type"] = 5.into();
    }
    value
}

#[test]
fn signatures_are_the_vectors() {
    for case in cases() {
        let expected = &case["expected"];
        let payload = expected["signed_payload"].as_str().unwrap();
        let signature = sign(case["secret"].as_str().unwrap(), payload);
        assert_eq!(signature, expected["signature"].as_str().unwrap(), "{}", case["id"]);
    }
}

#[test]
fn requests_are_the_vectors() {
    let mut checked = 0;
    for case in cases().iter().filter(|case| case["expected"]["transport"] != "ws") {
        let (id, expected) = (case["id"].as_str().unwrap(), &case["expected"]);
        build(case, |request| {
            assert_eq!(request.method().as_str(), expected["method"].as_str().unwrap(), "{id}");
            assert_eq!(request.path(), expected["path"].as_str().unwrap(), "{id}");
            let (query, body) =
                (expected["query"].as_str().unwrap(), expected["body"].as_str().unwrap_or(""));
            if case["market"] == "spot" {
                let mut all = parameters(query);
                all.extend(parameters(body));
                assert_eq!(parameters(request.query()), all, "{id}");
                assert_eq!(request.body(), "", "{id}");
            } else {
                assert_eq!(request.query(), query, "{id}");
                assert_eq!(json(request.body()), json(body), "{id}");
            }
            let signature = sign(case["secret"].as_str().unwrap(), request.signed_payload());
            assert_eq!(request.signature(), signature, "{id}");
            check_headers(id, case, request);
        });
        checked += 1;
    }
    assert_eq!(checked, 18);
}

fn check_headers(id: &str, case: &Value, request: Request<'_>) {
    let ours: BTreeMap<_, _> = request.headers().collect();
    for (name, value) in case["expected"]["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        match name.as_str() {
            // Another client's name for itself.
            "source" => continue,
            // The documentation's form bodies; here the body is empty.
            "Content-Type" if value.contains("form") => continue,
            "Signature" => assert_eq!(ours["Signature"], request.signature(), "{id}"),
            name => assert_eq!(ours.get(name), Some(&value), "{id} {name}"),
        }
    }
    let spot = case["market"] == "spot";
    let count = if spot && request.method() == Method::Get {
        1
    } else if spot {
        2
    } else {
        4
    };
    assert_eq!(ours.len(), count, "{id}: {:?}", ours.keys());
}

#[test]
fn the_documented_example_comes_out_byte_for_byte() {
    let case = &cases()[0];
    assert_eq!(case["id"], "doc-mexc-spot-limit-query");
    build(case, |request| {
        assert_eq!(request.query(), case["expected"]["query"].as_str().unwrap());
        assert_eq!(request.signature(), case["expected"]["signature"].as_str().unwrap());
    });
}

#[test]
fn what_futures_sign_is_one_span_of_key_time_and_parameters() {
    for case in cases().iter().filter(|case| case["market"] == "linear") {
        if case["expected"]["transport"] == "ws" {
            continue;
        }
        build(case, |request| {
            let parameters = [request.query(), request.body()].concat();
            let time = case["timestamp_ms"].to_string();
            let whole = [case["api_key"].as_str().unwrap(), &time, &parameters].concat();
            assert_eq!(request.signed_payload(), whole, "{}", case["id"]);
        });
    }
}

#[test]
fn the_login_frame_is_the_vector() {
    let all = cases();
    let case = all.iter().find(|case| case["operation"] == "ws_login").unwrap();
    let credentials =
        Credentials::hmac(case["api_key"].as_str().unwrap(), case["secret"].as_str().unwrap());
    let mut frame = String::new();
    let at = Timestamp::from_millis(case["timestamp_ms"].as_u64().unwrap());
    Mexc::linear(credentials).authenticate(at, 1, &mut frame).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), case["expected"]["frame"]);
}

#[test]
fn markets_know_what_they_are() {
    let credentials = || Credentials::hmac("k", "s");
    let spot = Mexc::spot(credentials()).with_recv_window(Duration::from_secs(120));
    assert_eq!((spot.market(), spot.recv_window()), (Market::Spot, Duration::from_secs(60)));
    // A futures request lives as long as the venue says.
    let linear = Mexc::linear(credentials()).with_recv_window(Duration::from_secs(1));
    assert_eq!((linear.market(), linear.recv_window()), (Market::Linear, Duration::from_secs(10)));
    assert_eq!(linear.base_url(), "https://api.mexc.com");
}
