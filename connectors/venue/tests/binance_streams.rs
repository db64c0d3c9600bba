//! Binance's market streams, without a socket.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use hoox_venue::{Config, Frame, Handled, Limits, Market, Message};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::{Desk, d};

fn desk() -> Desk {
    Desk::moving(Config { limits: Limits::unlimited(), ..Config::default() })
}

fn levels(v: &Value) -> Vec<(Decimal, Decimal)> {
    let rows = v.as_array().expect("levels");
    rows.iter().map(|r| (d(r[0].as_str().unwrap()), d(r[1].as_str().unwrap()))).collect()
}

/// A local book, kept by the venue's rules.
#[derive(Default)]
struct Local {
    id: u64,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

impl Local {
    fn of(snapshot: &Value) -> Self {
        Self {
            id: snapshot["lastUpdateId"].as_u64().unwrap(),
            bids: levels(&snapshot["bids"]).into_iter().collect(),
            asks: levels(&snapshot["asks"]).into_iter().collect(),
        }
    }

    fn apply(&mut self, event: &Value) {
        for (side, name) in [(&mut self.bids, "b"), (&mut self.asks, "a")] {
            for (price, size) in levels(&event[name]) {
                if size.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, size);
                }
            }
        }
        self.id = event["u"].as_u64().unwrap();
    }
}

fn order(desk: &mut Desk, market: Market, n: u64) {
    let last = desk.exchange.price(desk.now, market, "BTCUSDT").unwrap();
    let price = (last - Decimal::from(n % 40)).round_dp(1);
    let line = match market {
        Market::Spot => "POST /api/v3/order",
        Market::Linear => "POST /fapi/v1/order",
    };
    let params =
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={price}");
    desk.call(line, &params).ok();
}

fn book_kept_by_the_rules(market: Market, stream: &str, depth: &str) {
    let mut desk = desk();
    let session = desk.open(stream);
    let mut events = Vec::new();
    let mut book: Option<Local> = None;
    for n in 0..120 {
        if n % 3 == 0 {
            order(&mut desk, market, n);
        }
        desk.pass(if n % 2 == 0 { 70 } else { 130 });
        events.extend(desk.heard(session));
        if n == 40 {
            // In the middle of a stream, between two events, with orders coming in.
            order(&mut desk, market, 7);
            let snapshot = desk.send(depth, "symbol=BTCUSDT&limit=1000", "").ok();
            book = Some(Local::of(&snapshot));
        }
    }
    let mut book = book.expect("a snapshot");
    let first = events.iter().position(|e| e["u"].as_u64().unwrap() > book.id).expect("events");
    let opening = events[first]["U"].as_u64().unwrap();
    assert!(opening <= book.id + 1, "the first event overlaps the snapshot");
    let mut previous = None;
    for event in &events[first..] {
        assert_eq!(event["s"], "BTCUSDT");
        if let Some(previous) = previous {
            assert_eq!(event["U"].as_u64(), Some(previous + 1), "no gap");
            if market == Market::Linear {
                assert_eq!(event["pu"].as_u64(), Some(previous));
            }
        }
        previous = event["u"].as_u64();
        book.apply(event);
    }
    // The last event came with the last poll, and nothing has happened since.
    let now = Local::of(&desk.send(depth, "symbol=BTCUSDT&limit=1000", "").ok());
    assert_eq!((book.id, &book.bids, &book.asks), (now.id, &now.bids, &now.asks));
    assert!(book.bids.len() > 50 && book.asks.len() > 50);
}

#[test]
fn a_spot_book_kept_by_the_rules_is_the_venues_book() {
    book_kept_by_the_rules(Market::Spot, "/ws/btcusdt@depth@100ms", "GET /api/v3/depth");
}

#[test]
fn a_linear_book_kept_by_the_rules_is_the_venues_book() {
    book_kept_by_the_rules(Market::Linear, "/public/ws/btcusdt@depth@100ms", "GET /fapi/v1/depth");
}

#[test]
fn my_own_order_is_in_the_book_until_it_is_cancelled() {
    let mut desk = Desk::new();
    let session = desk.open("/ws/btcusdt@bookTicker");
    // The best bid is 63999.99 and the spread two ticks: this one stands alone on top.
    let mine = desk
        .spot("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=64000.00")
        .ok();
    let heard = desk.heard(session);
    let last = heard.last().expect("a new best price");
    assert_eq!((&last["b"], &last["B"]), (&json!("64000.00000000"), &json!("0.50000000")));
    let depth = desk.send("GET /api/v3/depth", "symbol=BTCUSDT&limit=5", "").ok();
    assert_eq!(depth["bids"][0], json!(["64000.00000000", "0.50000000"]));
    assert_eq!(depth["lastUpdateId"], last["u"]);
    let id = mine["orderId"].as_u64().unwrap();
    desk.call("DELETE /api/v3/order", &format!("symbol=BTCUSDT&orderId={id}")).ok();
    let last = desk.heard(session).pop().expect("the old best price");
    assert_eq!(last["b"], "63999.99000000");
}

#[test]
fn every_kind_of_stream_brings_its_frames() {
    let mut desk = desk();
    let spot = desk.open(
        "/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@aggTrade/btcusdt@depth5@100ms/\
         btcusdt@ticker/btcusdt@miniTicker/btcusdt@kline_1m/!miniTicker@arr",
    );
    let linear = desk.open("/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s");
    desk.pass(3_000);
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    for frame in desk.heard(spot).into_iter().chain(desk.heard(linear)) {
        let key = format!("{}{}", frame["stream"].as_str().unwrap(), frame["data"]["st"]);
        seen.insert(key, frame["data"].clone());
    }
    assert_eq!(seen.len(), 10, "{:?}", seen.keys());
    let trade = &seen["btcusdt@tradenull"];
    assert_eq!((&trade["e"], &trade["M"]), (&json!("trade"), &json!(true)));
    assert!(seen["btcusdt@bookTickernull"].get("e").is_none(), "spot has no event type");
    assert_eq!(seen["btcusdt@depth5@100msnull"]["bids"].as_array().unwrap().len(), 5);
    assert!(seen["btcusdt@depth5@100msnull"].get("s").is_none());
    assert_eq!(seen["btcusdt@tickernull"]["e"], "24hrTicker");
    assert_eq!(seen["btcusdt@kline_1mnull"]["k"]["i"], "1m");
    assert!(seen["!miniTicker@arrnull"].as_array().unwrap().len() > 5);
    assert_eq!(seen["btcusdt@markPrice@1snull"]["e"], "markPriceUpdate");
    assert_eq!(seen["btcusdt@aggTrade1"]["e"], "aggTrade");
}

#[test]
fn subscriptions_are_managed_by_messages() {
    let mut desk = Desk::new();
    let session = desk.open("/ws");
    let ask = |desk: &mut Desk, request: Value| {
        desk.pass(1_000);
        desk.heard(session);
        desk.say(session, &request);
        desk.heard(session).remove(0)
    };
    let two = json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "nousdt@trade"], "id": 1});
    assert_eq!(ask(&mut desk, two), json!({"result": null, "id": 1}));
    let list = json!({"method": "LIST_SUBSCRIPTIONS", "id": "x"});
    let listed = json!({"result": ["btcusdt@trade", "nousdt@trade"], "id": "x"});
    assert_eq!(ask(&mut desk, list.clone()), listed);
    let off =
        json!({"method": "UNSUBSCRIBE", "params": ["nousdt@trade", "btcusdt@trade"], "id": 3});
    assert_eq!(ask(&mut desk, off)["result"], Value::Null);
    assert_eq!(ask(&mut desk, list)["result"], json!([]));
    for bad in [
        json!({"method": "DANCE", "id": 1}),
        json!({"method": "SUBSCRIBE", "id": 1}),
        json!({"method": "SUBSCRIBE", "params": [1], "id": 1}),
        json!([1]),
    ] {
        assert_eq!(ask(&mut desk, bad.clone())["error"]["code"], 2, "{bad}");
    }
    assert_eq!(ask(&mut desk, json!({"method": "X", "extra": 1}))["error"]["code"], 0);
}

#[test]
fn too_many_messages_end_the_connection_and_are_counted() {
    let mut desk = Desk::new();
    let session = desk.open("/ws");
    for _ in 0..5 {
        desk.exchange.message(desk.now, session, Message::Ping(Vec::new()));
    }
    assert!(desk.frames(session).is_empty());
    desk.exchange.message(desk.now, session, Message::Pong(Vec::new()));
    assert!(matches!(desk.frames(session)[..], [Frame::Close(1008, _)]));
    assert_eq!(desk.exchange.counters().message_limited, 1);
}

#[test]
fn too_many_streams_are_refused() {
    let mut desk = Desk::new();
    let names: Vec<String> = (0..1_025).map(|n| format!("s{n}@trade")).collect();
    let refused = desk.try_open(&format!("/stream?streams={}", names.join("/")));
    assert!(matches!(refused, Err(Handled::Reply(r)) if r.status == 400));
    let session = desk.open("/ws");
    desk.say(session, &json!({"method": "SUBSCRIBE", "params": names, "id": 1}));
    assert_eq!(desk.heard(session)[0]["error"]["code"], 2);
}

#[test]
fn unknown_paths_are_refused() {
    let mut desk = Desk::new();
    for path in ["/wss", "/", "/public/x", "/api/v3/order"] {
        let refused = desk.try_open(path);
        assert!(matches!(refused, Err(Handled::Reply(r)) if r.status == 404), "{path}");
    }
}

#[test]
fn the_venue_pings_and_hangs_up_on_the_dead() {
    let mut desk = Desk::new();
    let (alive, dead) = (desk.open("/ws"), desk.open("/ws"));
    let mut pings = 0;
    for _ in 0..6 {
        desk.pass(20_000);
        for frame in desk.frames(alive) {
            let Frame::Ping(payload) = frame else { panic!("{frame:?}") };
            pings += 1;
            desk.exchange.message(desk.now, alive, Message::Pong(payload));
        }
    }
    assert_eq!(pings, 6);
    assert!(matches!(desk.frames(dead).last(), Some(Frame::Close(1008, _))));
}

#[test]
fn a_connection_lives_for_a_day() {
    let mut desk = Desk::new();
    let session = desk.open("/public/ws");
    let mut last = Vec::new();
    for _ in 0..24 * 60 {
        desk.now += 60_000;
        desk.exchange.poll(desk.now);
        last = desk.frames(session);
        desk.exchange.message(desk.now, session, Message::Pong(Vec::new()));
    }
    assert!(matches!(last[..], [Frame::Close(1001, _)]), "{last:?}");
}

#[test]
fn three_hundred_connections_in_five_minutes_are_enough() {
    let mut desk = Desk::new();
    for _ in 0..300 {
        let session = desk.open("/ws");
        desk.exchange.closed(session);
    }
    let refused = desk.try_open("/ws");
    assert!(matches!(refused, Err(Handled::Reply(r)) if r.status == 429));
    assert_eq!(desk.exchange.counters().message_limited, 1);
    desk.now += 300_000;
    desk.open("/ws");
}
