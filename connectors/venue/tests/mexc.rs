//! The simulated MEXC: spot, futures, access and limits.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/mexc.rs"]
mod support;

use hoox_venue::{ApiKey, Config, MexcConfig, Server, Venue};
use serde_json::{Value, json};
use support::{Desk, T0, sign};

const ORDER: &str = "POST /api/v3/order";

#[test]
fn a_spot_acknowledgement_has_no_status_and_the_order_is_found_by_client_id() {
    let mut desk = Desk::new();
    let buy = "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=640&newClientOrderId=a";
    let ack = desk.spot(ORDER, buy).ok();
    assert!(ack.get("status").is_none() && ack.get("clientOrderId").is_none(), "{ack}");
    let order = desk.spot("GET /api/v3/order", "symbol=BTCUSDT&origClientOrderId=a").ok();
    assert_eq!((order["status"].as_str(), &order["orderId"]), (Some("FILLED"), &ack["orderId"]));
    let trades = desk.spot("GET /api/v3/myTrades", "symbol=BTCUSDT").ok();
    assert_eq!(trades[0]["orderId"], ack["orderId"]);
    let id = ack["orderId"].as_str().expect("a text").to_owned();
    let gone = desk.spot("DELETE /api/v3/order", &format!("symbol=BTCUSDT&orderId={id}"));
    assert_eq!(gone.code(), -2011);
    assert_eq!(desk.exchange.counters_of(Venue::Mexc).orders, 1);
    assert_eq!(desk.exchange.counters().orders, 0, "Binance has books of its own");
}

#[test]
fn time_in_force_is_an_order_type_on_spot() {
    let mut desk = Desk::new();
    for (kind, price, status) in [
        ("LIMIT", "63000", "NEW"),
        ("LIMIT_MAKER", "63000", "NEW"),
        ("LIMIT_MAKER", "64500", "CANCELED"),
        ("IMMEDIATE_OR_CANCEL", "63000", "CANCELED"),
        ("FILL_OR_KILL", "63000", "CANCELED"),
        ("IMMEDIATE_OR_CANCEL", "64500", "FILLED"),
    ] {
        let params = format!("symbol=BTCUSDT&side=BUY&type={kind}&quantity=0.01&price={price}");
        let ack = desk.spot(ORDER, &params).ok();
        let id = ack["orderId"].as_str().expect("a text").to_owned();
        let order = desk.spot("GET /api/v3/order", &format!("symbol=BTCUSDT&orderId={id}")).ok();
        assert_eq!((order["status"].as_str(), order["type"].as_str()), (Some(status), Some(kind)));
    }
    let open = desk.spot("GET /api/v3/openOrders", "symbol=BTCUSDT").ok();
    assert_eq!(open.as_array().map(Vec::len), Some(2));
    desk.spot("DELETE /api/v3/openOrders", "symbol=BTCUSDT").ok();
    let open = desk.spot("GET /api/v3/openOrders", "symbol=BTCUSDT").ok();
    assert_eq!(open, json!([]));
}

#[test]
fn spot_rules_have_their_numbers() {
    let mut desk = Desk::new();
    for (params, code) in [
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1", 700004),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.0000001&price=63000", 10096),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=63000.001", 10096),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.00001&price=63000", 30002),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=40&price=63000", 30003),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=200001", 30003),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=5000", 30087),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=20&price=63000", 10101),
        ("symbol=BTCUSDT&side=SELL&type=LIMIT&quantity=11&price=65000", 30004),
        ("symbol=NOPEUSDT&side=BUY&type=LIMIT&quantity=1&price=1", 10007),
        ("symbol=BTCUSDT&side=buy&type=LIMIT&quantity=1&price=1", 700008),
        ("symbol=BTCUSDT&side=BUY&type=STOP_LOSS&quantity=1&price=1", 700008),
    ] {
        let reply = desk.spot(ORDER, params);
        assert_eq!((reply.raw.status, reply.code()), (400, code), "{params}: {}", reply.body);
    }
}

#[test]
fn spot_signatures_are_lower_case_and_timely() {
    let mut desk = Desk::new();
    let key = desk.key.clone();
    let mut send = |at: u64, upper: bool| {
        let payload = format!("timestamp={at}");
        let mut signature = sign(&desk.secret, &payload);
        if upper {
            signature = signature.to_uppercase();
        }
        let query = format!("{payload}&signature={signature}");
        let reply = desk.raw("GET /api/v3/account", &query, "", &[("X-MEXC-APIKEY", &key)]);
        reply.body["code"].as_i64().unwrap_or(0)
    };
    assert_eq!((send(T0, false), send(T0, true)), (0, 700002));
    assert_eq!((send(T0 + 1_000, false), send(T0 - 5_001, false)), (700003, 700003));
    assert_eq!((send(T0 + 999, false), send(T0 - 5_000, false)), (0, 0));
    let wide = desk.spot("GET /api/v3/account", "recvWindow=60001");
    assert_eq!(wide.code(), 700005);
}

#[test]
fn the_signing_vectors_are_accepted() {
    let keys = vec![ApiKey::hmac("mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5")];
    let mexc = MexcConfig { keys, ..MexcConfig::default() };
    let mut desk = Desk::with(Config { mexc, ..Config::default() });
    desk.now = 1_644_489_390_087;
    // A price of 11 is out of range, which is found only after the signature.
    for (query, body) in [
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087&signature=fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
            "",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT",
            "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087&signature=d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
        ),
    ] {
        let reply = desk.raw(ORDER, query, body, &[("X-MEXC-APIKEY", "mx0aBYs33eIilxBWC5")]);
        assert_eq!(reply.code(), 30087, "{}", reply.body);
    }
    desk.now = 1_700_000_041_041;
    let body = r#"{"leverage":21,"openType":1,"symbol":"BTC_USDT","positionType":1}"#;
    desk.futures("POST /api/v1/private/position/change_leverage", "", body).ok();
    let headers = [
        ("ApiKey", "mx0aBYs33eIilxBWC5"),
        ("Request-Time", "1700000041041"),
        ("Signature", "25c79e688b43fdb4aac481e7b2fb91e74d46c53616c48c18e9d5f45818626448"),
    ];
    desk.raw("POST /api/v1/private/position/change_leverage", "", body, &headers).ok();
}

#[test]
fn futures_count_contracts_and_answer_in_numbers() {
    let mut desk = Desk::new();
    let ack = desk.order(r#""side":1,"type":5,"externalOid":"open""#).ok();
    let order = desk.by_oid("open");
    assert_eq!(order["orderId"], ack["data"]["orderId"]);
    assert_eq!((order["state"].as_u64(), order["dealVol"].as_u64()), (Some(3), Some(100)));
    let positions = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    assert_eq!(positions["data"][0]["holdVol"], 100);
    assert_eq!(positions["data"][0]["positionType"], 1);
    let state = desk.exchange.state_of(Venue::Mexc, T0, 0);
    assert_eq!(state.accounts[0].positions[0].amount.to_string(), "0.0100");
    assert_eq!(desk.order(r#""side":1,"type":5,"externalOid":"open""#).code(), 603);
    desk.order(r#""side":4,"type":5,"externalOid":"close""#).ok();
    let positions = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    assert_eq!(positions["data"], json!([]));
    assert_eq!(desk.order(r#""side":4,"type":5"#).code(), 2009);
    let deals = desk.futures("GET /api/v1/private/order/list/order_deals", "", "").ok();
    assert_eq!((&deals["data"][0]["side"], &deals["data"][1]["side"]), (&json!(4), &json!(1)));
}

#[test]
fn futures_prices_are_read_from_their_literal_text() {
    let mut desk = Desk::new();
    let body = r#"{"symbol":"PEPE_USDT","vol":1,"openType":2,"side":1,"type":1,"price":1.17e-5,"externalOid":"p"}"#;
    desk.futures("POST /api/v1/private/order/create", "", body).ok();
    let reply = desk.futures("GET /api/v1/private/order/external/PEPE_USDT/p", "", "");
    let text = String::from_utf8(reply.raw.body.clone()).expect("text");
    assert!(text.contains(r#""price":0.0000117,"#), "{text}");
}

#[test]
fn futures_rules_have_their_numbers() {
    let mut desk = Desk::new();
    let limit = |price: &str| format!(r#""side":1,"type":1,"price":{price}"#);
    assert_eq!(desk.order(&limit("63000.05")).code(), 2015);
    assert_eq!(desk.order(&limit("70400.1")).code(), 2003);
    assert_eq!(desk.order(r#""side":1,"type":1"#).code(), 600);
    assert_eq!(desk.order(r#""side":5,"type":5"#).code(), 600);
    let long = "x".repeat(33);
    assert_eq!(desk.order(&format!(r#"{},"externalOid":"{long}""#, limit("63000"))).code(), 2030);
    let place = "POST /api/v1/private/order/create";
    let odd = r#"{"symbol":"BTC_USDT","vol":0.5,"openType":2,"side":1,"type":5}"#;
    assert_eq!(desk.futures(place, "", odd).code(), 2015);
    let huge =
        r#"{"symbol":"BTC_USDT","vol":4000001,"openType":2,"side":1,"type":1,"price":63000}"#;
    assert_eq!(desk.futures(place, "", huge).code(), 2011);
    let isolated = r#"{"symbol":"BTC_USDT","vol":1,"openType":1,"side":1,"type":5}"#;
    assert_eq!(desk.futures(place, "", isolated).code(), 600, "isolated wants a leverage");
    let unknown = r#"{"symbol":"NOPE_USDT","vol":1,"openType":2,"side":1,"type":5}"#;
    assert_eq!(desk.futures(place, "", unknown).code(), 1001);
}

#[test]
fn futures_cancels_report_each_order_by_itself() {
    let mut desk = Desk::new();
    let rest = desk.order(r#""side":1,"type":2,"price":63000,"externalOid":"r""#).ok();
    let done = desk.order(r#""side":1,"type":5"#).ok();
    let id = |ack: &Value| ack["data"]["orderId"].as_str().expect("a text").to_owned();
    let body = format!(r#"["{}",{},"1"]"#, id(&rest), id(&done));
    let results = desk.futures("POST /api/v1/private/order/cancel", "", &body).ok();
    let codes: Vec<_> = results["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| r["errorCode"].clone())
        .collect();
    assert_eq!(codes, [json!(0), json!(2041), json!(2040)]);
    assert_eq!(desk.by_oid("r")["state"], 4);
    let taking = r#""side":1,"type":2,"price":64500,"externalOid":"maker""#;
    desk.order(taking).ok();
    assert_eq!(desk.by_oid("maker")["state"], 4, "post-only, accepted, then cancelled");
}

#[test]
fn hedge_mode_needs_a_flat_account() {
    let mut desk = Desk::new();
    let mode = "POST /api/v1/private/position/change_position_mode";
    desk.futures(mode, "", r#"{"positionMode":1}"#).ok();
    desk.order(r#""side":1,"type":5"#).ok();
    desk.order(r#""side":3,"type":5"#).ok();
    let positions = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    assert_eq!(positions["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.futures(mode, "", r#"{"positionMode":2}"#).code(), 2026);
    let read = desk.futures("GET /api/v1/private/position/position_mode", "", "").ok();
    assert_eq!(read["data"], 1);
}

#[test]
fn limits_are_enforced_on_both_markets() {
    let mut desk = Desk::with(Config::default());
    for _ in 0..50 {
        desk.spot("GET /api/v3/account", "recvWindow=5000").ok();
    }
    let refused = desk.spot("GET /api/v3/account", "recvWindow=5000");
    assert_eq!((refused.raw.status, refused.code()), (429, 429));
    assert!(refused.raw.header("Retry-After").is_some());
    for _ in 0..20 {
        desk.futures("GET /api/v1/private/account/assets", "", "").ok();
    }
    let refused = desk.futures("GET /api/v1/private/account/assets", "", "");
    assert_eq!((refused.raw.status, refused.code()), (200, 510));
    desk.raw("GET /api/v1/contract/detail", "", "", &[]).ok();
    assert_eq!(desk.raw("GET /api/v1/contract/detail", "", "", &[]).code(), 510);
}

#[test]
fn futures_access_is_checked() {
    let mut desk = Desk::new();
    let assets = "GET /api/v1/private/account/assets";
    assert_eq!(desk.raw(assets, "", "", &[]).code(), 401);
    let sorted = "page_num=1&symbol=BTC_USDT";
    let unsorted = "symbol=BTC_USDT&page_num=1";
    let signature = sign(&desk.secret, &format!("{}{T0}{sorted}", desk.key));
    let key = desk.key.clone();
    let at = T0.to_string();
    let headers =
        [("ApiKey", key.as_str()), ("Request-Time", &at), ("Signature", signature.as_str())];
    let open = "GET /api/v1/private/order/list/open_orders";
    desk.raw(open, unsorted, "", &headers).ok();
    assert_eq!(desk.raw(open, "symbol=ETH_USDT&page_num=1", "", &headers).code(), 602);
    desk.now += 10_001;
    assert_eq!(desk.raw(open, unsorted, "", &headers).code(), 513);
}

#[tokio::test]
async fn the_listings_are_served_through_a_socket() {
    let server = Server::start(([127, 0, 0, 1], 0).into(), Config::default()).await.expect("port");
    let endpoint = server.mexc();
    assert!(endpoint.api_key.starts_with("mx0v"));
    let get = async |path: &str| -> Value {
        let response = reqwest::get(format!("{}{path}", endpoint.rest)).await.expect("a reply");
        serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
    };
    let spot = get("/api/v3/exchangeInfo?symbol=BTCUSDT").await;
    assert_eq!(spot["symbols"][0]["quoteAmountPrecision"], "1.000000000000000000000000000000");
    assert_eq!(spot["symbols"][0]["baseAssetPrecision"], 6);
    let futures = get("/api/v1/contract/detail?symbol=BTC_USDT").await;
    assert_eq!(futures["data"]["contractSize"].to_string(), "0.0001");
    assert_eq!(futures["data"]["maxVol"], 4_000_000);
    server.shutdown().await;
}

#[test]
fn a_spot_batch_answers_for_each_order_of_one_symbol() {
    let mut desk = Desk::new();
    let orders = r#"[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.01","price":"63000","newClientOrderId":"a"},{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT_ORDER","quantity":0.01,"price":5000}]"#;
    let encoded = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let line = "POST /api/v3/batchOrders";
    let results = desk.spot(line, &format!("batchOrders={}", encoded(orders))).ok();
    assert_eq!(results[0]["newClientOrderId"], "a");
    assert!(results[0]["orderId"].is_string());
    assert_eq!(results[1]["code"], 30087);
    let mixed = r#"[{"symbol":"BTCUSDT"},{"symbol":"ETHUSDT"}]"#;
    assert_eq!(desk.spot(line, &format!("batchOrders={}", encoded(mixed))).code(), 700008);
}

#[test]
fn listen_keys_live_for_an_hour_unless_extended() {
    let mut desk = Desk::new();
    let keys = |method: &str| format!("{method} /api/v3/userDataStream");
    let key = desk.spot(&keys("POST"), "recvWindow=5000").ok()["listenKey"].clone();
    let named = format!("listenKey={}", key.as_str().expect("a text"));
    desk.now += 59 * 60_000;
    desk.spot(&keys("PUT"), &named).ok();
    desk.now += 59 * 60_000;
    assert_eq!(desk.spot(&keys("GET"), "recvWindow=5000").ok()["listenKey"], json!([key]));
    desk.now += 60_000;
    assert_eq!(desk.spot(&keys("PUT"), &named).code(), 730002);
    for _ in 0..60 {
        desk.spot(&keys("POST"), "recvWindow=5000").ok();
    }
    assert_eq!(desk.spot(&keys("POST"), "recvWindow=5000").code(), 730002);
    let list = desk.spot(&keys("GET"), "recvWindow=5000").ok();
    let first = list["listenKey"][0].as_str().expect("a text").to_owned();
    desk.spot(&keys("DELETE"), &format!("listenKey={first}")).ok();
    desk.spot(&keys("POST"), "recvWindow=5000").ok();
}
