//! Faults on streams, faults by chance, and a world that changes under its clients.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::sync::Arc;

use hoox_venue::{
    Config, Fault, FaultKind, FaultPlan, Frame, Handled, Latency, Limits, Market, Message,
    PriceModel, Replay, Rules, SessionFault, SessionId, Venue,
};
use serde_json::{Value, json};
use support::{Desk, T0, d};

fn listen(desk: &mut Desk) -> SessionId {
    let reply = desk.send("POST /fapi/v1/listenKey", "", "").ok();
    let key = reply["listenKey"].as_str().unwrap().to_owned();
    desk.open(&format!("/private/ws?listenKey={key}"))
}

fn buy(desk: &mut Desk, id: &str) {
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=60000";
    desk.linear(&format!("{params}&newClientOrderId={id}")).ok();
}

/// Client ids of the order events heard.
fn ids(desk: &mut Desk, session: SessionId) -> Vec<String> {
    let heard = desk.heard(session);
    heard.iter().map(|v| v["o"]["c"].as_str().unwrap().to_owned()).collect()
}

fn on_orders(kind: FaultKind) -> Fault {
    Fault::new(kind).on("EVENT /private/ws ORDER_TRADE_UPDATE")
}

#[test]
fn events_are_duplicated_reordered_and_dropped() {
    for (kind, expected) in [
        (FaultKind::StreamDuplicate, vec!["a", "a", "b", "c"]),
        (FaultKind::StreamReorder, vec!["b", "a", "c"]),
        (FaultKind::StreamDrop, vec!["b", "c"]),
    ] {
        let mut desk = Desk::new();
        let session = listen(&mut desk);
        desk.exchange.queue_fault(on_orders(kind));
        for id in ["a", "b", "c"] {
            buy(&mut desk, id);
        }
        assert_eq!(ids(&mut desk, session), expected, "{kind:?}");
        assert_eq!(desk.exchange.counters().faults_injected, 1);
        assert_eq!(desk.exchange.counters().orders, 3, "the orders themselves are not touched");
    }
}

#[test]
fn a_stream_is_cut_instead_of_telling() {
    let mut desk = Desk::new();
    let session = listen(&mut desk);
    desk.exchange.queue_fault(on_orders(FaultKind::StreamReset));
    buy(&mut desk, "a");
    assert_eq!(desk.frames(session), [Frame::Reset]);
    buy(&mut desk, "b");
    assert!(desk.frames(session).is_empty());
}

#[test]
fn a_silent_stream_says_nothing_hears_nothing_and_does_not_ping() {
    let mut desk = Desk::new();
    let session = desk.open("/ws-api/v3");
    let subscribe = desk.ws_signed(json!({}));
    let method = "userDataStream.subscribe.signature";
    desk.ask(session, &json!({"id": 1, "method": method, "params": subscribe}));
    desk.exchange
        .queue_fault(Fault::new(FaultKind::StreamSilent).on("executionReport").ms(100_000));
    desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01").ok();
    assert!(desk.exchange.is_silent(desk.now, session));
    desk.pass(90_000);
    assert!(desk.frames(session).is_empty(), "no event, no ping, no closing");
    let order = json!({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"});
    let order = desk.ws_signed(order);
    desk.say(session, &json!({"id": 2, "method": "order.place", "params": order}));
    assert_eq!(desk.exchange.counters().orders, 1, "nothing is heard either");
    desk.pass(20_000);
    assert!(!desk.exchange.is_silent(desk.now, session));
    assert!(!desk.frames(session).is_empty(), "it is back, and finds the client dead");
}

#[test]
fn sessions_are_hit_at_once_from_outside() {
    let mut desk = Desk::new();
    let spot = desk.open("/ws/btcusdt@trade");
    let linear = desk.open("/public/ws");
    let hit = |desk: &mut Desk, matches, fault, ms| {
        desk.exchange.hit_sessions(desk.now, Venue::Binance, matches, fault, ms)
    };
    assert_eq!(hit(&mut desk, Some("/public"), SessionFault::Reset, 0), 1);
    assert_eq!(desk.frames(linear), [Frame::Reset]);
    assert_eq!(hit(&mut desk, Some("/ws/"), SessionFault::Shutdown, 600_000), 1);
    assert_eq!(desk.heard(spot)[0]["e"], "serverShutdown");
    desk.now += 600_000;
    desk.exchange.message(desk.now, spot, Message::Pong(Vec::new()));
    desk.exchange.poll(desk.now);
    assert!(matches!(desk.frames(spot).last(), Some(Frame::Close(1001, _))));
    let other = desk.open("/ws");
    assert_eq!(hit(&mut desk, None, SessionFault::Silence, 0), 1);
    desk.pass(120_000);
    assert!(desk.frames(other).is_empty());
}

#[test]
fn connecting_can_fail_too() {
    let mut desk = Desk::new();
    desk.exchange.queue_fault(Fault::new(FaultKind::ResetBefore).on("CONNECT /ws"));
    assert_eq!(desk.try_open("/ws"), Err(Handled::Drop));
    desk.exchange.queue_fault(Fault::new(FaultKind::Http503Unavailable).on("CONNECT"));
    assert!(matches!(desk.try_open("/ws"), Err(Handled::Reply(r)) if r.status == 503));
    desk.open("/ws");
}

#[test]
fn maintenance_cuts_and_refuses_everything_for_its_time() {
    let mut desk = Desk::new();
    let session = desk.open("/ws");
    desk.exchange.queue_fault(Fault::new(FaultKind::Maintenance).on("/binance").ms(5_000));
    assert_eq!(desk.frames(session), [Frame::Reset]);
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 503);
    assert!(desk.try_open("/ws").is_err());
    desk.now += 4_999;
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 503);
    desk.now += 1;
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 200);
    desk.exchange.queue_fault(Fault::new(FaultKind::Maintenance).on("/bybit"));
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 200, "another venue");
    desk.exchange.queue_fault(Fault::new(FaultKind::Maintenance));
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 503);
    desk.now += 1_000_000_000;
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 503, "until it is cleared");
    desk.exchange.clear_faults();
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 200);
}

#[test]
fn a_script_waits_from_the_start() {
    let script = vec![
        Fault::new(FaultKind::Maintenance).ms(1_000),
        Fault::new(FaultKind::Http429).on("GET /api/v3/time"),
    ];
    let mut desk = Desk::with(Config { script, ..Config::default() });
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 503);
    desk.now += 1_000;
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 429);
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 200);
}

#[test]
fn faults_by_chance_are_the_same_for_the_same_seed() {
    let run = |seed: u64| -> Vec<u16> {
        let text = "http_429=20%,http_503_throttled=10%,reset_before=10%,on=/api/v3/time";
        let faults = Some(FaultPlan { seed, ..text.parse().expect("a plan") });
        let config = Config { faults, limits: Limits::unlimited(), ..Config::default() };
        let mut desk = Desk::with(config);
        let headers = [("X-MBX-APIKEY", "")];
        let status = |handled: Handled| handled.into_reply().map_or(0, |r| r.status);
        assert_eq!(status(desk.raw("GET /fapi/v1/time", "", "", &headers)), 200, "not meant");
        (0..500).map(|_| status(desk.raw("GET /api/v3/time", "", "", &headers))).collect()
    };
    let drawn = run(7);
    assert_eq!(drawn, run(7));
    assert_ne!(drawn, run(8));
    for status in [0, 200, 429, 503] {
        assert!(drawn.contains(&status), "{status}");
    }
}

#[test]
fn who_listens_does_not_change_what_happens_to_requests() {
    let run = |listening: bool| {
        let plan = "http_429=30%,stream_drop=50%,on=/fapi/v1/time";
        let mut desk = Desk::new();
        let session = listening.then(|| desk.open("/stream?streams=btcusdt@trade"));
        assert!(desk.exchange.set_fault_plan(Some(&plan.parse().expect("a plan"))));
        let statuses: Vec<u16> = (0..100)
            .map(|_| {
                desk.pass(100);
                desk.send("GET /fapi/v1/time", "", "").status
            })
            .collect();
        (statuses, session)
    };
    assert_eq!(run(false).0, run(true).0);
}

#[test]
fn latency_delays_answers_within_its_bounds() {
    let latency = Latency { mean_ms: 20, jitter_ms: 5 };
    let mut desk = Desk::with(Config { latency, ..Config::default() });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        match desk.raw("GET /api/v3/time", "", "", &[]) {
            Handled::ReplyAfter(ms, reply) => {
                assert_eq!(reply.status, 200);
                seen.insert(ms);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seen.first(), seen.last()), (Some(&15), Some(&25)));
    let session = desk.open("/ws-api/v3");
    desk.say(session, &json!({"id": 1, "method": "time"}));
    desk.now += 14;
    assert!(desk.heard(session).is_empty());
    desk.now += 11;
    assert_eq!(desk.heard(session)[0]["status"], 200);
}

#[test]
fn recorded_prices_are_played_from_the_first_request_on() {
    let text = "time_ms,symbol,price\n1000,BTCUSDT,50000\n2000,BTCUSDT,51000\n3000,BTCUSDT,52000\n";
    let prices = PriceModel::Replay(Arc::new(Replay::parse(text).expect("a recording")));
    let mut desk = Desk::moving(Config { prices, ..Config::default() });
    let price =
        |desk: &mut Desk, ms| desk.exchange.price(T0 + ms, Market::Spot, "BTCUSDT").unwrap();
    assert_eq!(price(&mut desk, 0), d("50000"));
    assert_eq!(price(&mut desk, 999), d("50000"));
    assert_eq!(price(&mut desk, 1_000), d("51000"));
    assert_eq!(price(&mut desk, 2_000), d("52000"));
    assert_eq!(price(&mut desk, 90_000_000), d("52000"), "the last one stays");
    let linear = desk.exchange.price(T0, Market::Linear, "BTCUSDT");
    assert_eq!(linear, Some(d("52000")), "on both markets");
    let mexc = desk.exchange.price_on(Venue::Mexc, T0, Market::Linear, "BTC_USDT");
    assert_eq!(mexc, Some(d("50000")), "each venue starts with its first request");
    let eth = |desk: &mut Desk, ms| desk.exchange.price(T0 + ms, Market::Spot, "ETHUSDT").unwrap();
    assert_ne!(eth(&mut desk, 90_000_000), eth(&mut desk, 95_000_000), "the others walk");
}

#[test]
fn rules_change_under_the_client_and_the_book_follows() {
    let mut desk = Desk::new();
    let session = desk.open("/public/ws/btcusdt@bookTicker");
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=60000.1";
    desk.linear(order).ok();
    let rules = Rules {
        tick: Some(d("0.5")),
        step: Some(d("0.01")),
        min_quantity: Some(d("0.01")),
        min_notional: Some(d("700")),
    };
    let set = |desk: &mut Desk, rules: &Rules| {
        desk.exchange.set_rules_on(Venue::Binance, desk.now, Market::Linear, "BTCUSDT", rules)
    };
    assert!(set(&mut desk, &rules));
    assert!(!set(&mut desk, &Rules { tick: Some(d("0")), ..Rules::default() }));
    assert_eq!(desk.linear(order).code(), -4014);
    let at = |q: &str| {
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=60000&quantity={q}")
    };
    assert_eq!(desk.linear(&at("0.011")).code(), -4023);
    assert_eq!(desk.linear(&at("0.010")).code(), -4164);
    desk.linear(&at("0.02")).ok();
    let best = desk.heard(session).pop().expect("a book on the new grid");
    assert!((d(best["b"].as_str().unwrap()) % d("0.5")).is_zero());
    let info = desk.send("GET /fapi/v1/exchangeInfo", "", "").ok();
    let symbols = info["symbols"].as_array().unwrap();
    let btc = symbols.iter().find(|s| s["symbol"] == "BTCUSDT").unwrap();
    assert_eq!(d(btc["filters"][0]["tickSize"].as_str().unwrap()), d("0.5"));
}

#[test]
fn everything_is_reached_over_control() {
    let mut desk = Desk::new();
    let control = |desk: &mut Desk, path: &str, body: Value| {
        let body = body.to_string();
        let request = hoox_venue::HttpRequest {
            method: "POST",
            path: &format!("/control{path}"),
            query: "",
            headers: &[],
            body: body.as_bytes(),
            peer: support::PEER,
        };
        support::reply(desk.exchange.handle(desk.now, &request))
    };
    let rules = json!({"market": "spot", "symbol": "BTCUSDT", "rules": {"tick": "0.5"}});
    assert_eq!(control(&mut desk, "/rules", rules).status, 200);
    let plan = json!({"seed": 3, "rates": {"http_429": 1_000_000}, "on": "/api/v3/time"});
    assert_eq!(control(&mut desk, "/faults", plan).status, 200);
    assert_eq!(desk.send("GET /api/v3/time", "", "").status, 429);
    let plan = json!({"rates": {"clock_skew": 1}});
    assert_eq!(control(&mut desk, "/faults", plan).status, 400);
    assert_eq!(control(&mut desk, "/latency", json!({"latency": "5ms±1ms"})).status, 200);
    assert_eq!(control(&mut desk, "/latency", json!({"latency": "soon"})).status, 400);
    let session = desk.open("/ws");
    let hit = control(&mut desk, "/sessions", json!({"fault": "reset", "matches": "/ws"}));
    assert_eq!(hit.body, json!({"ok": true, "sessions": 1}));
    assert_eq!(desk.frames(session), [Frame::Reset]);
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let mut desk = Desk::moving(Config { limits: Limits::unlimited(), ..Config::default() });
    let session = desk.open("/public/stream?streams=btcusdt@depth@100ms/!bookTicker");
    // Ten minutes pass before a missing pong would end the connection.
    for _ in 0..5_900 {
        desk.pass(100);
        if desk.exchange.is_cut(session) {
            break;
        }
    }
    let frames = desk.frames(session);
    assert!(frames == [Frame::Reset], "{} frames", frames.len());
    assert_eq!(desk.exchange.counters().slow_sessions, 1);
}

#[test]
fn a_batch_answers_for_each_of_its_orders() {
    let mut desk = Desk::with(Config::default());
    let good = json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                      "quantity": "0.010", "price": "60000", "newClientOrderId": "b1"});
    let mut off_tick = good.clone();
    off_tick["price"] = json!("60000.05");
    let mut unknown = good.clone();
    unknown["dance"] = json!("1");
    let batch = |orders: &[&Value]| {
        let list = serde_json::to_string(orders).unwrap();
        let encoded = list.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        format!("batchOrders={encoded}")
    };
    let sent = batch(&[&good, &good, &off_tick, &unknown]);
    let reply = desk.call("POST /fapi/v1/batchOrders", &sent);
    assert_eq!(reply.header("X-MBX-ORDER-COUNT-10S"), Some("5"));
    assert_eq!(reply.header("X-MBX-ORDER-COUNT-1M"), Some("1"));
    assert_eq!(reply.header("X-MBX-USED-WEIGHT-1M"), Some("5"));
    let body = reply.ok();
    assert_eq!(body[0]["status"], "NEW");
    let codes: Vec<i64> = (1..4).map(|n| body[n]["code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [-4116, -4014, -1104]);
    let six = batch(&[&good; 6]);
    assert_eq!(desk.call("POST /fapi/v1/batchOrders", &six).code(), -4082);
    assert_eq!(desk.exchange.counters().orders, 1);
}
