//! Binance's WebSocket API and user data, without a socket.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use hoox_venue::{ApiKey, Config, Fault, FaultKind, Frame, Limits, Market, SessionId};
use serde_json::{Value, json};
use support::Desk;

const SPOT: &str = "/ws-api/v3";
const LINEAR: &str = "/ws-fapi/v1";

fn spot_order(desk: &Desk, id: &str) -> Value {
    desk.ws_signed(json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01",
        "newClientOrderId": id,
    }))
}

fn linear_limit(desk: &Desk, id: &str, price: &str) -> Value {
    desk.ws_signed(json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.010", "price": price, "newClientOrderId": id,
    }))
}

fn place(params: Value) -> Value {
    json!({"id": "p", "method": "order.place", "params": params})
}

#[test]
fn an_order_goes_through_with_limits_and_numbers_in_any_form() {
    let mut desk = Desk::with(Config::default());
    let session = desk.open(SPOT);
    let order = spot_order(&desk, "a");
    let answer = desk.ask(session, &place(order.clone()));
    assert_eq!((&answer["id"], &answer["status"]), (&json!("p"), &json!(200)));
    assert_eq!(answer["result"]["status"], "FILLED");
    assert_eq!(answer["result"]["fills"].as_array().unwrap().len(), 1);
    let limits = answer["rateLimits"].as_array().unwrap();
    assert_eq!(limits.len(), 3);
    assert_eq!(limits[2]["count"], 3, "two for connecting and one for the order");
    // A number keeps the form in which it was written.
    let mut bare = json!({"symbol": "BTCUSDT", "orderId": answer["result"]["orderId"]});
    bare = desk.ws_signed(bare);
    let answer = desk.ask(session, &json!({"id": 7, "method": "order.status", "params": bare}));
    assert_eq!((&answer["id"], &answer["result"]["clientOrderId"]), (&json!(7), &json!("a")));
}

#[test]
fn what_is_refused_over_http_is_refused_here() {
    let mut desk = Desk::with(Config::default());
    let session = desk.open(LINEAR);
    let code = |answer: Value| {
        (answer["status"].as_u64().unwrap(), answer["error"]["code"].as_i64().unwrap())
    };
    let first = linear_limit(&desk, "dup", "60000");
    assert_eq!(desk.ask(session, &place(first.clone()))["result"]["status"], "NEW");
    assert_eq!(code(desk.ask(session, &place(first))), (400, -4116));
    let tick = linear_limit(&desk, "t", "60000.05");
    assert_eq!(code(desk.ask(session, &place(tick))), (400, -4014));
    let mut forged = linear_limit(&desk, "f", "60000");
    forged["price"] = json!("60001");
    assert_eq!(code(desk.ask(session, &place(forged))), (400, -1022));
    desk.now += 6_000;
    let unsigned = json!({"symbol": "BTCUSDT"});
    assert_eq!(code(desk.ask(session, &place(unsigned))), (401, -2014));
    let unknown = json!({"id": 1, "method": "order.dance", "params": {}});
    assert_eq!(code(desk.ask(session, &unknown)), (400, -1020));
    desk.exchange.message(desk.now, session, hoox_venue::Message::Text("{".into()));
    let heard = desk.heard(session);
    assert_eq!((&heard[0]["id"], &heard[0]["error"]["code"]), (&Value::Null, &json!(-1135)));
    let counters = desk.exchange.counters();
    assert_eq!((counters.duplicate_client_ids, counters.bad_signatures), (1, 1));
    assert_eq!((counters.filter_failures, counters.bad_keys), (1, 1));
}

#[test]
fn a_linear_order_is_modified_and_cancelled_and_algo_orders_wait() {
    let mut desk = Desk::new();
    let session = desk.open(LINEAR);
    let order = linear_limit(&desk, "m", "60000");
    desk.ask(session, &place(order));
    let change = desk.ws_signed(json!({
        "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.020", "price": "60001",
        "origClientOrderId": "m",
    }));
    let answer = desk.ask(session, &json!({"id": 1, "method": "order.modify", "params": change}));
    assert_eq!(answer["result"]["price"], "60001.0");
    let cancel = desk.ws_signed(json!({"symbol": "BTCUSDT", "origClientOrderId": "m"}));
    let answer = desk.ask(session, &json!({"id": 2, "method": "order.cancel", "params": cancel}));
    assert_eq!(answer["result"]["status"], "CANCELED");
    let stop = desk.ws_signed(json!({
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "quantity": "0.010", "triggerPrice": "50000", "clientAlgoId": "s",
    }));
    let answer = desk.ask(session, &json!({"id": 3, "method": "algoOrder.place", "params": stop}));
    assert_eq!(answer["result"]["algoStatus"], "NEW");
    let cancel = desk.ws_signed(json!({"clientAlgoId": "s"}));
    let answer =
        desk.ask(session, &json!({"id": 4, "method": "algoOrder.cancel", "params": cancel}));
    assert_eq!(answer["result"]["code"], "200");
    let balance = desk.ws_signed(json!({}));
    let answer =
        desk.ask(session, &json!({"id": 5, "method": "v2/account.balance", "params": balance}));
    assert_eq!(answer["result"][0]["asset"], "USDT");
}

#[test]
fn limits_refuse_and_ban_with_the_time_to_wait() {
    let limits = Limits { spot_weight_1m: 22, strikes_before_ban: 1, ..Limits::default() };
    let mut desk = Desk::with(Config { limits, ..Config::default() });
    let session = desk.open(SPOT);
    let info = json!({"id": 1, "method": "exchangeInfo", "params": {"symbol": "BTCUSDT"}});
    assert_eq!(desk.ask(session, &info)["status"], 200);
    let refused = desk.ask(session, &info);
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(429), &json!(-1003)));
    let retry = refused["error"]["data"]["retryAfter"].as_u64().unwrap();
    assert!(retry > desk.now && retry <= desk.now + 60_000);
    let banned = desk.ask(session, &info);
    assert_eq!(banned["status"], 418);
    assert!(banned["error"]["data"]["retryAfter"].as_u64().unwrap() >= desk.now + 120_000);
    assert_eq!(desk.exchange.counters().weight_limited, 2);
    assert!(desk.try_open(SPOT).is_err(), "the ban is on the address");
}

/// A desk with an Ed25519 key, and a logon request for it.
fn ed25519() -> (Desk, SigningKey) {
    let pair = SigningKey::from_bytes(&[7; 32]);
    let public = pair.verifying_key().to_bytes();
    let keys = vec![ApiKey::hmac("hm", "secret"), ApiKey::ed25519("ed", public)];
    (Desk::with(Config { keys, ..Config::default() }), pair)
}

fn logon(desk: &Desk, pair: &SigningKey, method: &str) -> Value {
    let payload = format!("apiKey=ed&timestamp={}", desk.now);
    let signature = Base64::encode_string(&pair.sign(payload.as_bytes()).to_bytes());
    json!({"id": 1, "method": method,
           "params": {"apiKey": "ed", "timestamp": desk.now, "signature": signature}})
}

#[test]
fn a_session_that_has_logged_on_need_not_sign() {
    let (mut desk, pair) = ed25519();
    let session = desk.open(SPOT);
    let bare = |desk: &Desk, id: &str| {
        place(json!({
            "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01",
            "newClientOrderId": id, "timestamp": desk.now,
        }))
    };
    let request = bare(&desk, "a");
    assert_eq!(desk.ask(session, &request)["error"]["code"], -2014, "not logged on yet");
    let answer = desk.ask(session, &logon(&desk, &pair, "session.logon"));
    assert_eq!((&answer["status"], &answer["result"]["apiKey"]), (&json!(200), &json!("ed")));
    assert_eq!(answer["result"]["authorizedSince"], desk.now);
    assert_eq!(desk.ask(session, &request)["result"]["status"], "FILLED");
    let late = bare(&desk, "b");
    desk.now += 6_000;
    assert_eq!(
        desk.ask(session, &late)["error"]["code"],
        -1021,
        "the time is checked all the same"
    );
    let out = json!({"id": 2, "method": "session.logout"});
    assert_eq!(desk.ask(session, &out)["result"]["apiKey"], Value::Null);
    let request = bare(&desk, "c");
    assert_eq!(desk.ask(session, &request)["error"]["code"], -2014);
    // Keys of other kinds cannot log on.
    let hmac = json!({"id": 3, "method": "session.logon", "params": desk.ws_signed(json!({}))});
    assert_eq!(desk.ask(session, &hmac)["status"], 400);
}

#[test]
fn spot_user_data_tells_orders_and_balances_in_order() {
    let (mut desk, pair) = ed25519();
    let session = desk.open(SPOT);
    let subscribe = json!({"id": 1, "method": "userDataStream.subscribe"});
    assert_eq!(desk.ask(session, &subscribe)["status"], 401);
    desk.ask(session, &logon(&desk, &pair, "session.logon"));
    assert_eq!(desk.ask(session, &subscribe)["result"]["subscriptionId"], 0);
    let id = desk
        .spot("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=60000&newClientOrderId=mine")
        .ok()["orderId"]
        .as_u64()
        .unwrap();
    let heard = desk.heard(session);
    let names: Vec<&str> = heard.iter().map(|v| v["event"]["e"].as_str().unwrap()).collect();
    assert_eq!(names, ["executionReport", "outboundAccountPosition"]);
    let report = &heard[0]["event"];
    assert_eq!(
        (&report["x"], &report["X"], &report["c"]),
        (&json!("NEW"), &json!("NEW"), &json!("mine"))
    );
    assert_eq!((&report["i"], &report["t"], &report["w"]), (&json!(id), &json!(-1), &json!(true)));
    let usdt = &heard[1]["event"]["B"][1];
    assert_eq!((&usdt["a"], &usdt["l"]), (&json!("USDT"), &json!("30000.00000000")));
    // The price comes down to it: it fills as a maker.
    desk.pin(Market::Spot, "BTCUSDT", "59990");
    let trades: Vec<Value> = desk
        .heard(session)
        .into_iter()
        .filter(|v| v["event"]["x"] == "TRADE")
        .map(|v| v["event"].clone())
        .collect();
    assert!(!trades.is_empty());
    let last = trades.last().unwrap();
    assert_eq!(
        (&last["m"], &last["L"], &last["N"]),
        (&json!(true), &json!("60000.00000000"), &json!("BTC"))
    );
    // Another one is cancelled: the report carries both ids.
    desk.spot("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=50000&newClientOrderId=other").ok();
    desk.heard(session);
    desk.call(
        "DELETE /api/v3/order",
        "symbol=BTCUSDT&origClientOrderId=other&newClientOrderId=why",
    )
    .ok();
    let heard = desk.heard(session);
    let report = &heard[0]["event"];
    assert_eq!(
        (&report["x"], &report["c"], &report["C"]),
        (&json!("CANCELED"), &json!("why"), &json!("other"))
    );
}

#[test]
fn hmac_keys_subscribe_by_signature() {
    let mut desk = Desk::new();
    let session = desk.open(SPOT);
    let params = desk.ws_signed(json!({}));
    let subscribe =
        json!({"id": 1, "method": "userDataStream.subscribe.signature", "params": params});
    assert_eq!(desk.ask(session, &subscribe)["result"]["subscriptionId"], 0);
    assert_eq!(desk.ask(session, &subscribe)["status"], 400, "once per account");
    desk.spot("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1").ok();
    let kinds: Vec<Value> =
        desk.heard(session).into_iter().map(|v| v["event"]["x"].clone()).collect();
    assert!(kinds.contains(&json!("NEW")) && kinds.contains(&json!("TRADE")));
    let off =
        json!({"id": 2, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}});
    assert_eq!(desk.ask(session, &off)["status"], 200);
    desk.spot("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1").ok();
    assert!(desk.heard(session).is_empty());
}

fn listen(desk: &mut Desk) -> (SessionId, String) {
    let key =
        desk.send("POST /fapi/v1/listenKey", "", "").ok()["listenKey"].as_str().unwrap().to_owned();
    (desk.open(&format!("/private/ws?listenKey={key}")), key)
}

#[test]
fn linear_user_data_tells_orders_positions_and_conditional_orders() {
    let mut desk = Desk::new();
    let (session, _) = listen(&mut desk);
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010&newClientOrderId=x").ok();
    let heard = desk.heard(session);
    let names: Vec<&str> = heard.iter().map(|v| v["e"].as_str().unwrap()).collect();
    assert_eq!(names, ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]);
    assert_eq!(heard[0]["o"]["x"], "NEW");
    let fill = &heard[2]["o"];
    assert_eq!(
        (&fill["x"], &fill["X"], &fill["z"]),
        (&json!("TRADE"), &json!("FILLED"), &json!("0.010"))
    );
    let position = &heard[3]["a"]["P"][0];
    assert_eq!((&position["s"], &position["pa"]), (&json!("BTCUSDT"), &json!("0.010")));
    assert_eq!(heard[3]["a"]["m"], "ORDER");
    desk.algo("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.010&triggerPrice=63000&clientAlgoId=st").ok();
    desk.pin(Market::Linear, "BTCUSDT", "62990");
    let heard = desk.heard(session);
    let algos: Vec<&Value> =
        heard.iter().filter(|v| v["e"] == "ALGO_UPDATE").map(|v| &v["o"]["X"]).collect();
    assert_eq!(algos, [&json!("NEW"), &json!("FINISHED")]);
    desk.call("POST /fapi/v1/leverage", "symbol=BTCUSDT&leverage=5").ok();
    assert_eq!(desk.heard(session)[0]["ac"], json!({"s": "BTCUSDT", "l": 5}));
}

#[test]
fn a_listen_key_ends_unless_it_is_extended() {
    let mut desk = Desk::new();
    let (session, key) = listen(&mut desk);
    let pong = hoox_venue::Message::Pong(Vec::new());
    let wait = |desk: &mut Desk, minutes: u64| {
        for _ in 0..minutes {
            desk.pass(60_000);
            desk.exchange.message(desk.now, session, pong.clone());
        }
    };
    wait(&mut desk, 40);
    desk.send("PUT /fapi/v1/listenKey", "", "").ok();
    wait(&mut desk, 40);
    assert!(desk.heard(session).is_empty());
    wait(&mut desk, 21);
    let heard = desk.heard(session);
    assert_eq!((&heard[0]["e"], &heard[0]["listenKey"]), (&json!("listenKeyExpired"), &json!(key)));
    assert_eq!(desk.send("PUT /fapi/v1/listenKey", "", "").code(), -1125);
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010").ok();
    assert!(desk.heard(session).is_empty(), "nothing comes on an old key");
}

#[test]
fn only_the_owner_hears_of_an_order() {
    let keys = vec![ApiKey::hmac("a", "s"), ApiKey { account: 1, ..ApiKey::hmac("b", "s") }];
    let mut desk = Desk::with(Config { keys, accounts: 2, ..Config::default() });
    let (mine, _) = listen(&mut desk);
    let raw = desk.raw("POST /fapi/v1/listenKey", "", "", &[("X-MBX-APIKEY", "b")]);
    let key = support::reply(raw).ok()["listenKey"].as_str().unwrap().to_owned();
    let other = desk.open(&format!("/fstream/ws/{key}"));
    let unknown = desk.open("/private/ws?listenKey=nobody");
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010").ok();
    assert!(!desk.heard(mine).is_empty());
    assert!(desk.heard(other).is_empty() && desk.heard(unknown).is_empty());
}

#[test]
fn faults_hit_orders_on_the_socket() {
    let orders = |desk: &mut Desk| desk.exchange.state(desk.now, 100).accounts[0].orders.len();
    let cases = [
        // kind, executed, frames expected
        (FaultKind::ReplyLost, 1, "nothing"),
        (FaultKind::ResetAfter, 1, "reset"),
        (FaultKind::ResetBefore, 0, "reset"),
        (FaultKind::Http503Unknown, 1, "503"),
        (FaultKind::Http503Throttled, 0, "503"),
        (FaultKind::Http504Timeout, 1, "504"),
        (FaultKind::Http429, 0, "429"),
        (FaultKind::Http418, 0, "418"),
        (FaultKind::Html, 0, "html"),
        (FaultKind::Http403, 0, "close"),
    ];
    for (kind, executed, expected) in cases {
        let mut desk = Desk::new();
        let session = desk.open(LINEAR);
        desk.exchange.queue_fault(Fault::new(kind).on("WS /ws-fapi/v1 order.place"));
        let time = json!({"id": 0, "method": "ticker.price", "params": {"symbol": "BTCUSDT"}});
        assert_eq!(desk.ask(session, &time)["status"], 200, "only orders are hit");
        let order = linear_limit(&desk, "a", "60000");
        desk.say(session, &place(order));
        let frames = desk.frames(session);
        let seen = match frames.as_slice() {
            [] => "nothing".to_owned(),
            [Frame::Reset] => "reset".to_owned(),
            [Frame::Close(..)] => "close".to_owned(),
            [Frame::Text(text)] => match serde_json::from_str::<Value>(text) {
                Ok(v) => v["status"].to_string(),
                Err(_) => "html".to_owned(),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!((seen.as_str(), orders(&mut desk)), (expected, executed), "{kind:?}");
        assert_eq!(desk.exchange.counters().faults_injected, 1);
    }
}

#[test]
fn a_late_answer_comes_late_and_a_late_request_is_executed_late() {
    let mut desk = Desk::new();
    let session = desk.open(LINEAR);
    desk.exchange.queue_fault(Fault::new(FaultKind::Delay).on("order.place").ms(500));
    desk.exchange.queue_fault(Fault::new(FaultKind::DelayBefore).on("order.place").ms(500));
    let order = linear_limit(&desk, "a", "60000");
    desk.say(session, &place(order));
    let order = linear_limit(&desk, "b", "60000");
    desk.say(session, &place(order));
    let count = |desk: &mut Desk| desk.exchange.state(desk.now, 9).accounts[0].orders.len();
    assert_eq!(count(&mut desk), 1);
    desk.pass(499);
    assert!(desk.heard(session).is_empty());
    desk.pass(1);
    assert_eq!(desk.heard(session).len(), 2);
    assert_eq!(count(&mut desk), 2);
}
