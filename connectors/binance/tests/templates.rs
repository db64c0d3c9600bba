//! Templates against the requests they stand for, and the operations that came with the streams.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use hoox_binance::Binance;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, EncodeError, ExchangeProvider, Headers, Market, Method,
    NewOrder, Operation, OperationKind, OrderKind, PositionSide, PreparedOrder, RejectReason,
    Reply, Request, RequestBuf, Side, Size, Symbol, TimeInForce, Timestamp, Trigger, TriggerKind,
    VenueError,
};
use hoox_signer::HmacKey;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn spot() -> Binance {
    Binance::spot(Credentials::hmac("api-key", "api-secret"))
}

fn linear() -> Binance {
    Binance::linear(Credentials::hmac("api-key", "api-secret"))
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn client(text: &str) -> ClientOrderId {
    ClientOrderId::new(text).unwrap()
}

/// The parameters but the signature, which must be the HMAC of what stands before it.
fn params(request: &Request<'_>) -> BTreeMap<String, String> {
    let (payload, signature) = request.body().split_once("&signature=").unwrap();
    assert_eq!((payload, signature), (request.signed_payload(), request.signature()));
    let expected = HmacKey::new(b"api-secret").sign(&[payload.as_bytes()]);
    assert_eq!(signature, expected.map(|byte| format!("{byte:02x}")).concat());
    let pairs: Vec<_> = payload.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let map: BTreeMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(map.len(), pairs.len(), "a parameter twice: {payload}");
    map
}

/// Every kind of order with the values of a real one.
fn kinds(market: Market) -> Vec<NewOrder> {
    let (quantity, price, time_in_force) = (d("0.0123"), d("43210.9"), TimeInForce::GoodTillCancel);
    let trigger = Trigger { kind: TriggerKind::Stop, price: d("40000.5") };
    let limit = NewOrder::limit(symbol(), Side::Buy, quantity, price);
    let new = |kind| NewOrder::new(symbol(), Side::Sell, kind);
    let mut orders = vec![
        limit,
        limit.time_in_force(TimeInForce::PostOnly),
        NewOrder::market(symbol(), Side::Sell, quantity),
        new(OrderKind::TriggerMarket { quantity, trigger }),
        new(OrderKind::TriggerLimit { quantity, trigger, price, time_in_force }),
        new(OrderKind::TrailingStop {
            quantity,
            callback_rate: d("1.5"),
            activate_price: Some(d("45000")),
        }),
    ];
    if market == Market::Spot {
        orders.push(NewOrder::market_quote(symbol(), Side::Buy, d("100.5")));
    } else {
        orders.push(limit.reduce_only());
        orders.push(limit.position_side(PositionSide::Short));
    }
    orders
}

/// The same order, of other values.
fn placeholder(order: &NewOrder) -> NewOrder {
    let mut order = *order;
    match &mut order.kind {
        OrderKind::Market { size: Size::Base(value) | Size::Quote(value) }
        | OrderKind::TriggerMarket { quantity: value, .. }
        | OrderKind::TrailingStop { quantity: value, .. } => *value = d("7"),
        OrderKind::Limit { quantity, price, .. }
        | OrderKind::TriggerLimit { quantity, price, .. } => {
            (*quantity, *price) = (d("7"), d("9"));
        }
        _ => panic!(),
    }
    order.client_order_id = Some(client("placeholder"));
    order
}

#[test]
fn a_template_sends_what_encode_sends() {
    for (binance, market) in [(spot(), Market::Spot), (linear(), Market::Linear)] {
        for order in kinds(market) {
            let template = binance.template(&placeholder(&order)).unwrap();
            for id in [None, Some(client("order-1")), Some(client("a/b:c"))] {
                let mut order = order;
                order.client_order_id = id;
                let prepared = PreparedOrder::as_written(&order).unwrap();
                let mut plain = RequestBuf::new();
                binance.encode(&Operation::Place(&prepared), NOW, &mut plain).unwrap();
                let size = match order.kind {
                    OrderKind::Market { size: Size::Quote(amount) } => amount,
                    kind => kind.quantity().unwrap(),
                };
                let price = order.kind.price();
                let mut buf = RequestBuf::new();
                let request =
                    template.encode(&binance, size, price, id.as_ref(), NOW, &mut buf).unwrap();
                let plain = plain.request();
                assert_eq!(params(&request), params(&plain), "{order:?}");
                assert_eq!(request.path(), plain.path());
                assert_eq!(request.method(), plain.method());
                assert_eq!(request.query(), "");
                let headers = |request: &Request<'_>| {
                    request
                        .headers()
                        .map(|(name, value)| (name, value.to_owned()))
                        .collect::<BTreeMap<_, _>>()
                };
                assert_eq!(headers(&request), headers(&plain));
            }
        }
    }
}

#[test]
fn one_template_serves_many_orders() {
    let binance = linear();
    let template = binance.template(&NewOrder::market(symbol(), Side::Buy, d("1"))).unwrap();
    let mut buf = RequestBuf::new();
    for (quantity, millis) in [("0.001", 1), ("123.456", 1_700_000_000_001), ("9", 2)] {
        let at = Timestamp::from_millis(millis);
        let request = template.encode(&binance, d(quantity), None, None, at, &mut buf).unwrap();
        let sent = params(&request);
        assert_eq!((sent["quantity"].as_str(), sent["timestamp"].parse()), (quantity, Ok(millis)));
    }
}

#[test]
fn the_receive_window_is_the_templates() {
    let binance = linear().with_recv_window(core::time::Duration::from_millis(1234));
    let template = binance.template(&NewOrder::market(symbol(), Side::Buy, d("1"))).unwrap();
    let mut buf = RequestBuf::new();
    let request = template.encode(&binance, d("2"), None, None, NOW, &mut buf).unwrap();
    assert_eq!(params(&request)["recvWindow"], "1234");
}

#[test]
fn values_that_do_not_fit_the_template() {
    let binance = spot();
    let limit = NewOrder::limit(symbol(), Side::Buy, d("1"), d("2"));
    let limit = binance.template(&limit).unwrap();
    let market = binance.template(&NewOrder::market(symbol(), Side::Buy, d("1"))).unwrap();
    let one = d("1");
    let mut buf = RequestBuf::new();
    let mut error = |template: &hoox_binance::OrderTemplate, quantity, price, id: Option<&_>| {
        template.encode(&binance, quantity, price, id, NOW, &mut buf).unwrap_err()
    };
    assert_eq!(error(&limit, one, None, None), EncodeError::Missing("price"));
    let invalid = |error: EncodeError| match error {
        EncodeError::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(error(&market, one, Some(one), None)), "price");
    assert_eq!(invalid(error(&limit, one, Some(d("-1")), None)), "price");
    assert_eq!(invalid(error(&limit, d("0"), Some(one), None)), "quantity");
    let long = client(&"a".repeat(37));
    assert_eq!(invalid(error(&market, one, None, Some(&long))), "client_order_id");
    let other = linear();
    let read = market.encode(&other, one, None, None, NOW, &mut RequestBuf::new()).err().unwrap();
    assert_eq!(invalid(read), "provider");
}

#[test]
fn orders_that_cannot_be_templates() {
    let zero = NewOrder::market(symbol(), Side::Buy, Decimal::ZERO);
    assert!(matches!(spot().template(&zero), Err(EncodeError::Invalid { field: "order", .. })));
    let by_quote = NewOrder::market_quote(symbol(), Side::Buy, d("1"));
    assert!(matches!(linear().template(&by_quote), Err(EncodeError::NotSupported { .. })));
}

#[cfg(feature = "ed25519")]
#[test]
fn a_key_without_a_state_makes_no_template() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";
    let binance = Binance::linear(Credentials::from_secret("api-key", pem).unwrap());
    let order = NewOrder::market(symbol(), Side::Buy, d("1"));
    assert!(matches!(binance.template(&order), Err(EncodeError::NotSupported { .. })));
}

#[test]
fn debug_of_a_template_shows_no_secret() {
    let template = spot().template(&NewOrder::market(symbol(), Side::Buy, d("1"))).unwrap();
    let shown = format!("{template:?}");
    assert!(shown.contains("BTCUSDT") && shown.contains("redacted"), "{shown}");
    assert!(!shown.contains("api-secret") && !shown.contains("api-key"), "{shown}");
}

#[test]
fn a_batch_is_one_request() {
    let orders: Vec<_> = kinds(Market::Linear)
        .into_iter()
        .filter(|order| !order.kind.is_conditional())
        .enumerate()
        .map(|(index, order)| order.client_order_id(client(&format!("b/{index}"))))
        .map(|order| PreparedOrder::as_written(&order).unwrap())
        .collect();
    assert_eq!(orders.len(), 5);
    let mut buf = RequestBuf::new();
    let request = linear().encode(&Operation::PlaceBatch(&orders), NOW, &mut buf).unwrap();
    assert_eq!((request.method(), request.path()), (Method::Post, "/fapi/v1/batchOrders"));
    let sent = params(&request);
    let names: Vec<_> = sent.keys().map(String::as_str).collect();
    assert_eq!(names, ["batchOrders", "recvWindow", "timestamp"]);
    let list = percent_encoding::percent_decode_str(&sent["batchOrders"]).collect();
    let list: Value = serde_json::from_str(&String::from_utf8(list).unwrap()).unwrap();
    assert_eq!(
        list[0],
        json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "newOrderRespType": "RESULT", "quantity": "0.0123", "price": "43210.9",
            "newClientOrderId": "b/0",
        }),
    );
    assert_eq!(list[2]["type"], "MARKET");
    assert_eq!(list[3]["reduceOnly"], "true");
    assert_eq!(list[4]["positionSide"], "SHORT");
    let cost = linear().cost(&Operation::PlaceBatch(&orders));
    assert_eq!((cost.weight, cost.orders), (5, 5));
}

#[test]
fn a_symbol_adds_no_order_to_a_batch() {
    let mut order = NewOrder::market(symbol(), Side::Buy, d("1"));
    order.symbol = Symbol::new(r#"A"},{"symbol":"B&x=1"#).unwrap();
    let order = PreparedOrder::as_written(&order).unwrap();
    let mut buf = RequestBuf::new();
    let op = Operation::PlaceBatch(core::slice::from_ref(&order));
    let request = linear().encode(&op, NOW, &mut buf).unwrap();
    let sent = params(&request);
    assert_eq!(sent.len(), 3);
    let list = percent_encoding::percent_decode_str(&sent["batchOrders"]).collect();
    let list: Value = serde_json::from_str(&String::from_utf8(list).unwrap()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["symbol"], r#"A"},{"symbol":"B&x=1"#);
}

#[test]
fn batches_that_cannot_be() {
    let order = PreparedOrder::as_written(&NewOrder::market(symbol(), Side::Buy, d("1"))).unwrap();
    let encode = |binance: &Binance, orders: &[PreparedOrder]| {
        binance.encode(&Operation::PlaceBatch(orders), NOW, &mut RequestBuf::new()).err()
    };
    assert!(matches!(encode(&linear(), &[]), Some(EncodeError::Invalid { .. })));
    assert!(matches!(encode(&linear(), &[order; 6]), Some(EncodeError::Invalid { .. })));
    assert!(matches!(encode(&spot(), &[order]), Some(EncodeError::NotSupported { .. })));
    let stop = kinds(Market::Linear).into_iter().find(|order| order.kind.is_conditional());
    let stop = PreparedOrder::as_written(&stop.unwrap()).unwrap();
    assert!(matches!(encode(&linear(), &[stop]), Some(EncodeError::NotSupported { .. })));
    assert_eq!(linear().capabilities().batch_max, 5);
}

fn decode(op: OperationKind, body: &str) -> Result<Reply, VenueError> {
    linear().decode(&op.into(), 200, Headers::none(), &mut body.as_bytes().to_vec())
}

#[test]
fn each_order_of_a_batch_has_its_own_fate() {
    let reply = decode(
        OperationKind::PlaceBatch,
        r#"[{"orderId":12,"clientOrderId":"b-0","symbol":"BTCUSDT","updateTime":1566818724722},
            {"code":-2022,"msg":"ReduceOnly Order is rejected."},
            {"code":-1015,"msg":"Too many new orders."}]"#,
    );
    let Ok(Reply::Batch(results)) = reply else { panic!("{reply:?}") };
    let accepted = results[0].as_ref().unwrap();
    assert_eq!(accepted.order_id.unwrap().as_str(), "12");
    assert_eq!(accepted.client_order_id, Some(client("b-0")));
    assert_eq!(accepted.at, Some(Timestamp::from_millis(1_566_818_724_722)));
    let rejected = |index: usize| {
        let rejection = results[index].as_ref().unwrap_err();
        (rejection.reason, rejection.code)
    };
    assert_eq!(rejected(1), (RejectReason::ReduceOnly, -2022));
    assert_eq!(rejected(2), (RejectReason::Other, -1015));
    assert_eq!(results.len(), 3);
}

#[test]
fn one_order_of_unknown_fate_makes_the_batch_unknown() {
    let body = r#"[{"orderId":12},{"code":-1007,"msg":"Timeout waiting for response."}]"#;
    assert!(matches!(decode(OperationKind::PlaceBatch, body), Err(VenueError::Unknown(_))));
    match decode(OperationKind::PlaceBatch, r#"[{"orderId":12},{}]"#) {
        Err(VenueError::Malformed(malformed)) => assert_eq!(malformed.field, "[1].orderId"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn listen_keys() {
    for (op, method) in [
        (Operation::CreateListenKey, Method::Post),
        (Operation::ExtendListenKey { key: "x" }, Method::Put),
        (Operation::CloseListenKey { key: "x" }, Method::Delete),
    ] {
        let mut buf = RequestBuf::new();
        let request = linear().encode(&op, NOW, &mut buf).unwrap();
        assert_eq!((request.method(), request.path()), (method, "/fapi/v1/listenKey"));
        assert_eq!((request.query(), request.body(), request.signature()), ("", "", ""));
        assert_eq!(request.headers().collect::<Vec<_>>(), [("X-MBX-APIKEY", "api-key")]);
        assert_eq!(linear().cost(&op).weight, 1);
        let on_spot = spot().encode(&op, NOW, &mut buf).err();
        assert!(matches!(on_spot, Some(EncodeError::NotSupported { .. })));
    }
    let sample = include_str!("fixtures/responses/linear_listen_key.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let reply = decode(OperationKind::CreateListenKey, &sample["payload"].to_string());
    let Ok(Reply::ListenKey(key)) = reply else { panic!("{reply:?}") };
    assert_eq!(&*key, "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1");
    assert!(matches!(decode(OperationKind::ExtendListenKey, "{}"), Ok(Reply::Changed(_))));
    match decode(OperationKind::CreateListenKey, "{}") {
        Err(VenueError::Malformed(malformed)) => assert_eq!(malformed.field, "listenKey"),
        other => panic!("{other:?}"),
    }
}
