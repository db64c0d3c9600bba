//! The simulated Bybit over WebSocket, without a socket.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/socket.rs"]
mod socket;
#[path = "support/bybit.rs"]
mod support;

use std::collections::BTreeMap;

use hoox_venue::{
    BybitConfig, BybitLimits, Config, Exchange, Fault, FaultKind, Frame, Market, SessionFault,
    SessionId, Venue,
};
use serde_json::{Value, json};
use socket::{connect, jsons, say, wait};
use support::{Desk, sign};

fn subscribe(topics: &[&str]) -> Value {
    json!({ "req_id": "1", "op": "subscribe", "args": topics })
}

fn open(desk: &mut Desk, path: &str) -> SessionId {
    connect(&mut desk.exchange, desk.now, &format!("/bybit/v5/{path}")).expect("open")
}

fn tell(desk: &mut Desk, session: SessionId, message: &Value) -> Vec<Value> {
    let now = desk.now;
    jsons(&say(&mut desk.exchange, now, session, message))
}

fn pass(desk: &mut Desk, ms: u64, session: SessionId) -> Vec<Frame> {
    desk.now += ms;
    let now = desk.now;
    wait(&mut desk.exchange, now, session)
}

fn auth(desk: &Desk) -> Value {
    let expires = desk.now + 1_000;
    let signature = sign(&desk.secret, &format!("GET/realtime{expires}"));
    json!({ "op": "auth", "args": [desk.key, expires, signature] })
}

/// A private connection with topics.
fn private(desk: &mut Desk, topics: &[&str]) -> SessionId {
    let session = open(desk, "private");
    let login = auth(desk);
    assert_eq!(tell(desk, session, &login)[0]["success"], true);
    assert_eq!(tell(desk, session, &subscribe(topics))[0]["success"], true);
    session
}

/// Takes what is waiting.
fn take(desk: &mut Desk, session: SessionId) -> Vec<Value> {
    jsons(&desk.exchange.take_frames(desk.now, session))
}

type Side = BTreeMap<String, String>;

fn apply(side: &mut Side, rows: &Value) {
    for row in rows.as_array().expect("levels") {
        let (price, size) = (row[0].as_str().expect("text"), row[1].as_str().expect("text"));
        let price = price.to_owned();
        if size == "0" {
            assert!(side.remove(&price).is_some(), "{price} was there");
        } else {
            side.insert(price, size.to_owned());
        }
    }
}

fn rest_side(rows: &Value) -> Side {
    let mut side = Side::new();
    apply(&mut side, rows);
    side
}

#[test]
fn a_local_book_kept_from_the_stream_is_the_book_of_rest_at_every_step() {
    for (depth, category) in [(50, "linear"), (200, "linear"), (1_000, "linear"), (200, "spot")] {
        let mut desk = Desk::new();
        desk.exchange = Exchange::new(Config {
            bybit: BybitConfig { limits: BybitLimits::unlimited(), ..BybitConfig::default() },
            ..Config::default()
        });
        let session = open(&mut desk, &format!("public/{category}"));
        let topic = format!("orderbook.{depth}.BTCUSDT");
        let mut frames = tell(&mut desk, session, &subscribe(&[&topic]));
        assert_eq!(frames.remove(0)["op"], "subscribe");
        let (mut bids, mut asks, mut update) = (Side::new(), Side::new(), None);
        let mut deltas = 0;
        for n in 0..100_u64 {
            for frame in frames.drain(..) {
                let data = &frame["data"];
                if frame["type"] == "snapshot" {
                    assert_eq!(update, None, "one snapshot");
                } else {
                    assert_eq!(data["u"].as_u64(), update.map(|u: u64| u + 1));
                    deltas += 1;
                }
                update = data["u"].as_u64();
                apply(&mut bids, &data["b"]);
                apply(&mut asks, &data["a"]);
            }
            let query = format!("category={category}&symbol=BTCUSDT&limit={depth}");
            let book = desk.get("/v5/market/orderbook", &query).ok();
            assert_eq!(rest_side(&book["b"]), bids, "step {n} of {topic}");
            assert_eq!(rest_side(&book["a"]), asks, "step {n} of {topic}");
            if depth == 1_000 {
                assert_eq!(book["u"].as_u64(), update);
            }
            if n % 10 == 3 {
                let price = desk
                    .exchange
                    .price_on(Venue::Bybit, desk.now, Market::Linear, "BTCUSDT")
                    .expect("listed");
                let price = (price - rust_decimal::Decimal::from(20)).to_string();
                let link = format!("o{n}");
                let order = json!({ "orderType": "Limit", "price": price, "orderLinkId": link,
                    "qty": "0.123" });
                desk.place(order);
            }
            frames = jsons(&pass(&mut desk, 50, session));
        }
        assert!(deltas > 40, "{deltas}");
    }
}

#[test]
fn the_best_level_is_shown_whole_and_again_after_three_quiet_seconds() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "public/linear");
    let shown = tell(&mut desk, session, &subscribe(&["orderbook.1.BTCUSDT"]));
    let first = &shown[1];
    assert_eq!(
        (&first["type"], first["data"]["b"].as_array().map(Vec::len)),
        (&json!("snapshot"), Some(1))
    );
    pass(&mut desk, 2_000, session);
    let moved = "65000";
    desk.pin(Market::Linear, "BTCUSDT", moved);
    let changed = jsons(&pass(&mut desk, 100, session));
    let last = changed.last().expect("a change").clone();
    assert_eq!(last["type"], "snapshot");
    assert!(last["data"]["u"].as_u64() > first["data"]["u"].as_u64());
    let mut again = Vec::new();
    for _ in 0..40 {
        again.extend(jsons(&pass(&mut desk, 100, session)));
    }
    assert!(!again.is_empty());
}

#[test]
fn a_restart_of_the_service_starts_books_anew_with_one() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "public/linear");
    tell(&mut desk, session, &subscribe(&["orderbook.50.BTCUSDT"]));
    let now = desk.now;
    let hit = desk.exchange.hit_sessions(now, Venue::Bybit, None, SessionFault::Shutdown, 60_000);
    assert_eq!(hit, 1);
    let frames = take(&mut desk, session);
    assert_eq!((&frames[0]["type"], &frames[0]["data"]["u"]), (&json!("snapshot"), &json!(1)));
    desk.pin(Market::Linear, "BTCUSDT", "65000");
    let next = jsons(&pass(&mut desk, 100, session));
    assert_eq!((&next[0]["type"], &next[0]["data"]["u"]), (&json!("delta"), &json!(2)));
    assert!(matches!(pass(&mut desk, 60_000, session).last(), Some(Frame::Close(..))));
}

#[test]
fn tickers_are_whole_on_spot_and_changes_on_linear_and_trades_have_a_taker() {
    let mut desk = Desk::new();
    for (category, second) in [("linear", "delta"), ("spot", "snapshot")] {
        let session = open(&mut desk, &format!("public/{category}"));
        let shown =
            tell(&mut desk, session, &subscribe(&["tickers.BTCUSDT", "publicTrade.BTCUSDT"]));
        assert_eq!(
            (&shown[1]["type"], &shown[1]["topic"]),
            (&json!("snapshot"), &json!("tickers.BTCUSDT"))
        );
        desk.pin(Market::Linear, "BTCUSDT", "65000");
        desk.pin(Market::Spot, "BTCUSDT", "65000");
        let frames = jsons(&pass(&mut desk, 100, session));
        let ticker = frames.iter().find(|f| f["topic"] == "tickers.BTCUSDT").expect("a ticker");
        assert_eq!(
            (&ticker["type"], &ticker["data"]["symbol"]),
            (&json!(second), &json!("BTCUSDT"))
        );
        assert_eq!(ticker["data"].get("prevPrice24h").is_some(), category == "spot");
        let trades = jsons(&pass(&mut desk, 100, session));
        let trade = trades.iter().find(|f| f["topic"] == "publicTrade.BTCUSDT").expect("a trade");
        let row = &trade["data"][0];
        assert!(row["S"] == "Buy" || row["S"] == "Sell");
        assert_eq!(row.get("L").is_some(), category == "linear");
        let now = desk.now;
        desk.exchange.closed(session);
        assert!(desk.exchange.take_frames(now, session).is_empty());
        desk.pin(Market::Linear, "BTCUSDT", "64000");
        desk.pin(Market::Spot, "BTCUSDT", "64000");
    }
}

#[test]
fn public_subscriptions_have_their_rules() {
    let mut desk = Desk::new();
    let spot = open(&mut desk, "public/spot");
    let eleven: Vec<String> = (0..11).map(|n| format!("tickers.X{n}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    let refused = tell(&mut desk, spot, &subscribe(&eleven));
    assert_eq!((&refused[0]["success"], &refused[0]["req_id"]), (&json!(false), &json!("1")));
    for topic in ["orderbook.2.BTCUSDT", "orderbook.50.NOPEUSDT", "order", "x", "tickers.BTC_USDT"]
    {
        let refused = tell(&mut desk, spot, &subscribe(&[topic]));
        assert_eq!(refused[0]["success"], false, "{topic}");
        assert!(refused[0]["ret_msg"].as_str().expect("text").contains("not found"));
    }
    let once = subscribe(&["publicTrade.BTCUSDT"]);
    assert_eq!(tell(&mut desk, spot, &once)[0]["success"], true);
    assert_eq!(tell(&mut desk, spot, &once)[0]["success"], false, "already there");
    let linear = open(&mut desk, "public/linear");
    let long: Vec<String> = (0..1_051).map(|n| format!("publicTrade.{n:08}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let refused = tell(&mut desk, linear, &subscribe(&long));
    assert_eq!(refused[0]["ret_msg"], "error:args too long");
    let pong = tell(&mut desk, linear, &json!({ "op": "ping" }));
    assert_eq!(
        (&pong[0]["success"], &pong[0]["ret_msg"], &pong[0]["op"]),
        (&json!(true), &json!("pong"), &json!("ping"))
    );
    assert_eq!(connect(&mut desk.exchange, desk.now, "/bybit/v5/public/inverse"), Err(404));
}

#[test]
fn silence_is_ended_and_the_client_chooses_how_long_it_may_be() {
    let mut desk = Desk::new();
    let quick = open(&mut desk, "private?max_active_time=30s");
    let usual = open(&mut desk, "trade");
    pass(&mut desk, 29_000, quick);
    let pong = tell(&mut desk, quick, &json!({ "op": "ping", "req_id": "p" }));
    assert_eq!((&pong[0]["op"], &pong[0]["req_id"]), (&json!("pong"), &json!("p")));
    assert!(pass(&mut desk, 29_000, quick).is_empty());
    assert!(matches!(pass(&mut desk, 1_000, quick)[..], [Frame::Close(..)]));
    assert!(desk.exchange.take_frames(desk.now, usual).is_empty());
    assert!(matches!(pass(&mut desk, 600_000, usual)[..], [Frame::Close(..)]));
}

#[test]
fn connections_are_counted_per_address() {
    let limits = BybitLimits { connections_5m: 2, ..BybitLimits::default() };
    let bybit = BybitConfig { limits, ..BybitConfig::default() };
    let mut desk = Desk::with(Config { bybit, ..Config::default() });
    open(&mut desk, "trade");
    open(&mut desk, "trade");
    assert_eq!(connect(&mut desk.exchange, desk.now, "/bybit/v5/trade"), Err(403));
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).weight_limited, 1);
    desk.now += 300_000;
    open(&mut desk, "trade");
}

#[test]
fn private_topics_need_a_login_that_is_signed_and_not_over() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "private");
    let refused = tell(&mut desk, session, &subscribe(&["order"]));
    assert_eq!(refused[0]["success"], false);
    let now = desk.now;
    let signed = |secret: &str, expires: u64| sign(secret, &format!("GET/realtime{expires}"));
    for (key, expires, secret) in [
        ("nobody".to_owned(), now + 1_000, desk.secret.clone()),
        (desk.key.clone(), now, desk.secret.clone()),
        (desk.key.clone(), now + 1_000, "wrong".to_owned()),
    ] {
        let args = json!([key, expires, signed(&secret, expires)]);
        let answer = tell(&mut desk, session, &json!({ "op": "auth", "args": args }));
        assert_eq!((&answer[0]["success"], &answer[0]["op"]), (&json!(false), &json!("auth")));
    }
    let login = auth(&desk);
    assert_eq!(tell(&mut desk, session, &login)[0]["success"], true);
    for (topics, works) in [
        (vec!["order", "execution.linear"], false),
        (vec!["position.spot"], false),
        (vec!["nothing"], false),
        (vec!["order.linear", "wallet"], true),
        (vec!["order"], true),
    ] {
        assert_eq!(
            tell(&mut desk, session, &subscribe(&topics))[0]["success"],
            works,
            "{topics:?}"
        );
    }
}

#[test]
fn an_order_is_told_of_with_its_executions_its_position_and_the_wallet() {
    let mut desk = Desk::new();
    let all = private(&mut desk, &["order", "execution", "position", "wallet"]);
    let own = private(&mut desk, &["order.linear", "execution.fast.linear"]);
    desk.place(json!({ "orderLinkId": "a" })).ok();
    let frames = take(&mut desk, all);
    let of = |topic: &str| -> Vec<Value> {
        frames.iter().filter(|f| f["topic"] == topic).map(|f| f["data"][0].clone()).collect()
    };
    let orders = of("order");
    assert_eq!(orders[0]["orderStatus"], "New");
    let last = orders.last().expect("orders");
    assert_eq!((&last["orderStatus"], &last["category"]), (&json!("Filled"), &json!("linear")));
    assert_eq!((&last["orderLinkId"], &last["cumExecQty"]), (&json!("a"), &json!("0.01")));
    let executions = of("execution");
    let fees: f64 = executions
        .iter()
        .map(|e| e["execFee"].as_str().expect("text").parse::<f64>().expect("number"))
        .sum();
    let total: f64 = last["cumExecFee"].as_str().expect("text").parse().expect("number");
    assert!((fees - total).abs() < 1e-9, "{fees} {total}");
    assert_eq!(executions[0]["execType"], "Trade");
    let position = of("position");
    let position = position.last().expect("a position");
    assert_eq!((&position["side"], &position["size"]), (&json!("Buy"), &json!("0.01")));
    let wallet = of("wallet");
    assert_eq!(wallet.last().expect("a wallet")["coin"][0]["coin"], "USDT");
    let frames = take(&mut desk, own);
    assert!(frames.iter().all(|f| f["topic"] != "order"));
    let fast = frames.iter().find(|f| f["topic"] == "execution.fast.linear").expect("fast");
    assert!(fast["data"][0].get("execFee").is_none());
    let spot = json!({ "category": "spot", "qty": "100" });
    desk.place(spot).ok();
    let frames = take(&mut desk, all);
    let orders = frames.iter().filter(|f| f["topic"] == "order").map(|f| &f["data"][0]);
    let spot: Vec<&Value> = orders.filter(|o| o["category"] == "spot").collect();
    assert!(!spot.is_empty() && spot.iter().all(|o| o.get("tpslMode").is_none()));
    assert_eq!(last["tpslMode"], "", "futures orders have it");
    assert!(take(&mut desk, own).is_empty(), "another category");
}

#[test]
fn partial_fills_report_what_has_been_paid_by_then() {
    let mut desk = Desk::new();
    let session = private(&mut desk, &["order"]);
    desk.place(json!({ "orderLinkId": "big", "qty": "5" })).ok();
    let frames = take(&mut desk, session);
    let partial: Vec<&Value> =
        frames.iter().map(|f| &f["data"][0]).filter(|o| o["cumExecQty"] != "0").collect();
    assert!(partial.len() > 1, "several levels");
    for order in partial {
        let of = |name: &str| order[name].as_str().expect("text").parse::<f64>().expect("number");
        let expected = of("cumExecValue") * 0.000_55;
        assert!((of("cumExecFee") - expected).abs() < 0.001, "{order}");
    }
}

#[test]
fn conditional_orders_keep_their_id_from_untriggered_to_filled() {
    let mut desk = Desk::new();
    let session = private(&mut desk, &["order"]);
    let stop = json!({ "triggerPrice": "65000", "triggerDirection": 1, "orderLinkId": "stop" });
    let id = desk.place(stop).ok()["orderId"].clone();
    desk.now += 1_000;
    desk.pin(Market::Linear, "BTCUSDT", "65001");
    let frames = jsons(&pass(&mut desk, 100, session));
    let states: Vec<(Value, Value)> = frames
        .iter()
        .map(|f| (f["data"][0]["orderId"].clone(), f["data"][0]["orderStatus"].clone()))
        .collect();
    assert!(states.iter().all(|(order, _)| *order == id), "{states:?}");
    assert_eq!(states.first().map(|s| &s.1), Some(&json!("Untriggered")));
    assert_eq!(states.last().map(|s| &s.1), Some(&json!("Filled")));
}

/// An order entry connection, logged in.
fn trader(desk: &mut Desk) -> SessionId {
    let session = open(desk, "trade");
    let login = auth(desk);
    let answer = tell(desk, session, &login);
    assert_eq!((&answer[0]["retCode"], &answer[0]["op"]), (&json!(0), &json!("auth")));
    assert_eq!(tell(desk, session, &login)[0]["retCode"], 20001);
    session
}

fn enter(desk: &mut Desk, session: SessionId, op: &str, id: &str, args: &Value) -> Value {
    let header = json!({ "X-BAPI-TIMESTAMP": desk.now.to_string(), "X-BAPI-RECV-WINDOW": "5000" });
    let message = json!({ "reqId": id, "header": header, "op": op, "args": [args] });
    tell(desk, session, &message).remove(0)
}

#[test]
fn orders_go_in_are_changed_and_go_out_over_the_trade_socket() {
    let mut desk = Desk::new();
    let session = trader(&mut desk);
    let order =
        support::order(json!({ "orderType": "Limit", "price": "63000", "orderLinkId": "w" }));
    let ack = enter(&mut desk, session, "order.create", "r1", &order);
    assert_eq!((&ack["retCode"], &ack["reqId"]), (&json!(0), &json!("r1")));
    assert_eq!(ack["data"]["orderLinkId"], "w");
    assert!(ack["header"]["X-Bapi-Limit"].is_string() && ack["header"]["Timenow"].is_string());
    let named =
        json!({ "category": "linear", "symbol": "BTCUSDT", "orderLinkId": "w", "price": "63001" });
    assert_eq!(enter(&mut desk, session, "order.amend", "r2", &named)["retCode"], 0);
    assert_eq!(desk.look("linear", "w")["price"], "63001.0");
    assert_eq!(enter(&mut desk, session, "order.create", "r3", &order)["retCode"], 110072);
    assert_eq!(enter(&mut desk, session, "order.cancel", "r4", &named)["retCode"], 0);
    assert_eq!(enter(&mut desk, session, "order.cancel", "r5", &named)["retCode"], 110001);
    let batch = json!({ "category": "linear", "request": [
        { "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01" },
        { "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.00001" },
    ] });
    let answer = enter(&mut desk, session, "order.create-batch", "r6", &batch);
    assert_eq!(answer["retExtInfo"]["list"][0]["code"], 0);
    assert_eq!(answer["retExtInfo"]["list"][1]["code"], 10001);
    let pong = tell(&mut desk, session, &json!({ "op": "ping" }));
    assert_eq!((&pong[0]["op"], &pong[0]["retCode"]), (&json!("pong"), &json!(0)));
}

#[test]
fn order_entry_has_its_rules() {
    let mut desk = Desk::new();
    let order = support::order(json!({}));
    let stranger = open(&mut desk, "trade");
    assert_eq!(enter(&mut desk, stranger, "order.create", "a", &order)["retCode"], 10005);
    let session = trader(&mut desk);
    assert_eq!(enter(&mut desk, session, "order.create", "a", &order)["retCode"], 0);
    assert_eq!(enter(&mut desk, session, "order.create", "a", &order)["retCode"], 20006);
    assert_eq!(enter(&mut desk, session, "order.replace", "b", &order)["retCode"], 10404);
    let long = "x".repeat(37);
    assert_eq!(enter(&mut desk, session, "order.create", &long, &order)["retCode"], 10001);
    let now = desk.now;
    for (header, args, code) in [
        (json!({}), json!([order]), 10001),
        (json!({ "X-BAPI-TIMESTAMP": now }), json!([order]), 10001),
        (json!({ "X-BAPI-TIMESTAMP": (now - 5_001).to_string() }), json!([order]), 10002),
        (json!({ "X-BAPI-TIMESTAMP": (now + 1_000).to_string() }), json!([order]), 10002),
        (json!({ "X-BAPI-TIMESTAMP": now.to_string() }), json!([order, order]), 10001),
    ] {
        let message = json!({ "op": "order.create", "header": header, "args": args });
        assert_eq!(tell(&mut desk, session, &message)[0]["retCode"], code, "{header}");
    }
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 1);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).bad_timestamps, 2);
}

#[test]
fn order_entry_shares_the_budget_of_rest_and_says_so() {
    let limits = BybitLimits { linear_orders_1s: 2, ..BybitLimits::default() };
    let bybit = BybitConfig { limits, ..BybitConfig::default() };
    let mut desk = Desk::with(Config { bybit, ..Config::default() });
    let session = trader(&mut desk);
    let order = support::order(json!({}));
    desk.place(json!({})).ok();
    let ack = enter(&mut desk, session, "order.create", "1", &order);
    assert_eq!((&ack["retCode"], &ack["header"]["X-Bapi-Limit-Status"]), (&json!(0), &json!("0")));
    assert_eq!(enter(&mut desk, session, "order.create", "2", &order)["retCode"], 10006);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).order_limited, 1);
}

#[test]
fn faults_find_orders_on_the_socket_by_their_operation() {
    let mut desk = Desk::new();
    let session = trader(&mut desk);
    let order = support::order(json!({}));
    let fault = |kind| Fault::new(kind).on("order.create");
    desk.exchange.queue_fault(fault(FaultKind::Http503Unknown));
    let unknown = enter(&mut desk, session, "order.create", "1", &order);
    assert_eq!((&unknown["retCode"], &unknown["reqId"]), (&json!(10016), &json!("1")));
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 1, "executed all the same");
    desk.exchange.queue_fault(fault(FaultKind::Http503Unavailable));
    let refused = enter(&mut desk, session, "order.create", "2", &order);
    assert_eq!(refused["retCode"], 10019);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 1);
    let now = desk.now;
    desk.exchange.hit_sessions(now, Venue::Bybit, Some("trade"), SessionFault::Shutdown, 60_000);
    assert_eq!(enter(&mut desk, session, "order.create", "3", &order)["retCode"], 10019);
}
