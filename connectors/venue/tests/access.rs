//! Keys, limits, paths and faults.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use hoox_venue::{ApiKey, Config, Fault, FaultKind, Handled, HttpRequest, Limits, Market};
use support::{Desk, T0, reply};

const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";

#[test]
fn keys_are_asked_for_in_order() {
    let mut desk = Desk::new();
    let query = desk.signed(ORDER);
    let missing = reply(desk.raw("POST /fapi/v1/order", &query, "", &[]));
    assert_eq!((missing.status, missing.code()), (401, -2014));
    let wrong = reply(desk.raw("POST /fapi/v1/order", &query, "", &[("x-mbx-apikey", "nobody")]));
    assert_eq!((wrong.status, wrong.code()), (401, -2015));
    assert_eq!(desk.send("POST /fapi/v1/order", ORDER, "").code(), -1102, "no timestamp");
    let unsigned = format!("{ORDER}&timestamp={T0}");
    assert_eq!(desk.send("POST /fapi/v1/order", &unsigned, "").code(), -1102, "no signature");
    let forged = format!("{unsigned}&signature={}", "0".repeat(64));
    assert_eq!(desk.send("POST /fapi/v1/order", &forged, "").code(), -1022);
    assert_eq!(desk.exchange.counters().bad_signatures, 1);
    assert_eq!(desk.exchange.counters().bad_keys, 2);
    assert_eq!(desk.exchange.counters().orders, 0);
}

#[test]
fn a_signed_request_works_in_query_and_body_in_any_split() {
    let mut desk = Desk::new();
    let time = format!("timestamp={T0}");
    let signature = desk.sign(&format!("{ORDER}{time}"));
    let body = format!("{time}&signature={signature}");
    assert_eq!(desk.send("POST /fapi/v1/order", ORDER, &body).status, 200);
    let signature = desk.sign(&format!("{ORDER}&{time}"));
    let first = format!("signature={signature}&{ORDER}&{time}");
    assert_eq!(desk.send("POST /fapi/v1/order", "", &first).status, 200);
}

#[test]
fn a_key_without_permission_may_look_but_not_trade() {
    let reader = ApiKey { trade: false, ..ApiKey::hmac("reader", "secret") };
    let mut desk = Desk::with(Config { keys: vec![reader], ..Config::default() });
    let refused = desk.linear(ORDER);
    assert_eq!((refused.status, refused.code()), (401, -2015));
    desk.call("GET /fapi/v3/balance", "").ok();
}

#[test]
fn unknown_paths_are_answered_by_the_edge_in_html() {
    let mut desk = Desk::new();
    let lost = reply(desk.raw("GET /fapi/v1/nothing", "", "", &[]));
    assert_eq!((lost.status, lost.header("content-type")), (404, Some("text/html")));
    assert_eq!(reply(desk.raw("PATCH /fapi/v1/order", "", "", &[])).status, 405);
    let large = "x".repeat(64 * 1024 + 1);
    assert_eq!(reply(desk.raw("POST /fapi/v1/order", "", &large, &[])).status, 413);
}

#[test]
fn usage_is_reported_and_excess_refused_then_banned() {
    let limits = Limits { linear_weight_1m: 20, strikes_before_ban: 1, ..Limits::default() };
    let mut desk = Desk::with(Config { limits, ..Config::default() });
    for n in 1..=4 {
        let reply = desk.call("GET /fapi/v3/balance", "");
        assert_eq!(reply.header("X-MBX-USED-WEIGHT-1M"), Some((5 * n).to_string().as_str()));
        reply.ok();
    }
    let limited = desk.call("GET /fapi/v3/balance", "");
    assert_eq!((limited.status, limited.code()), (429, -1003));
    // 22:13:20 UTC: forty seconds are left of the minute.
    assert_eq!(limited.header("Retry-After"), Some("40"));
    let banned = desk.call("GET /fapi/v3/balance", "");
    assert_eq!((banned.status, banned.header("Retry-After")), (418, Some("120")));
    let until = format!("IP banned until {}", T0 + 120_000);
    assert!(banned.body["msg"].as_str().is_some_and(|m| m.contains(&until)), "{}", banned.body);
    desk.now += 119_999;
    assert_eq!(desk.send("GET /fapi/v1/time", "", "").status, 418);
    desk.now += 1;
    desk.call("GET /fapi/v3/balance", "").ok();
    let info = desk.send("GET /fapi/v1/exchangeInfo", "", "").ok();
    assert_eq!(info["rateLimits"][0]["limit"], 20, "what is announced is what is enforced");
    assert_eq!(desk.exchange.counters().weight_limited, 3);
}

#[test]
fn orders_are_counted_per_account_and_reported_when_accepted() {
    let limits = Limits { linear_orders_10s: 2, spot_orders_10s: 2, ..Limits::default() };
    let mut desk = Desk::with(Config { limits, ..Config::default() });
    for n in ["1", "2"] {
        let reply = desk.linear(ORDER);
        assert_eq!(reply.header("X-MBX-ORDER-COUNT-10S"), Some(n));
        assert_eq!(reply.header("X-MBX-ORDER-COUNT-1M"), Some(n));
        assert_eq!(reply.header("X-MBX-USED-WEIGHT-1M"), Some("0"));
    }
    let third = desk.linear(ORDER);
    assert_eq!(
        (third.status, third.code(), third.header("X-MBX-ORDER-COUNT-10S")),
        (429, -1015, None)
    );
    assert_eq!(third.body["msg"], "Too many new orders; current limit is 2 orders per 10 SECOND.");
    desk.now += 10_000;
    desk.linear(ORDER).ok();
    // Spot orders that fill do not stay counted.
    for _ in 0..5 {
        desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001").ok();
    }
    let counters = desk.call("GET /api/v3/rateLimit/order", "").ok();
    assert_eq!(counters[0]["count"], 0);
}

#[test]
fn a_lost_reply_is_executed_and_a_reset_before_is_not() {
    let mut desk = Desk::new();
    let place = |desk: &mut Desk, id: &str| {
        let query = desk.signed(&format!("{ORDER}&newClientOrderId={id}"));
        let key = desk.key();
        desk.raw("POST /fapi/v1/order", &query, "", &[("X-MBX-APIKEY", &key)])
    };
    let fault = |kind| Fault::new(kind).on("POST /fapi/v1/order");
    let executed = |desk: &mut Desk, id: &str| {
        let params = format!("symbol=BTCUSDT&origClientOrderId={id}");
        desk.call("GET /fapi/v1/order", &params).status == 200
    };
    for (kind, expected) in [
        (FaultKind::ReplyLost, true),
        (FaultKind::ResetAfter, true),
        (FaultKind::ResetBefore, false),
    ] {
        let id = format!("{kind:?}");
        assert!(desk.exchange.queue_fault(fault(kind)));
        assert_eq!(place(&mut desk, &id), Handled::Drop);
        assert_eq!(executed(&mut desk, &id), expected, "{kind:?}");
    }
    for (kind, status, expected) in [
        (FaultKind::Http503Unknown, 503, true),
        (FaultKind::Http504Timeout, 504, true),
        (FaultKind::Http500Unexpected, 500, true),
        (FaultKind::Http408, 408, true),
        (FaultKind::Http503Unavailable, 503, false),
        (FaultKind::Http503Throttled, 503, false),
        (FaultKind::Http429, 429, false),
        (FaultKind::Http418, 418, false),
        (FaultKind::Http403, 403, false),
        (FaultKind::Html, 502, false),
    ] {
        let id = format!("{kind:?}");
        assert!(desk.exchange.queue_fault(fault(kind)));
        assert_eq!(reply(place(&mut desk, &id)).status, status, "{kind:?}");
        assert_eq!(executed(&mut desk, &id), expected, "{kind:?}");
    }
    assert!(desk.exchange.queue_fault(fault(FaultKind::Http503Unknown).executed(false)));
    assert_eq!(reply(place(&mut desk, "ghost")).status, 503);
    assert!(!executed(&mut desk, "ghost"));
    assert_eq!(desk.exchange.counters().reused_client_ids, 0);
}

#[test]
fn faults_wait_for_their_request_and_count_down() {
    let mut desk = Desk::new();
    let fault = Fault::new(FaultKind::Http429).on("GET /fapi/v1/time").times(2).ms(3_000);
    assert!(desk.exchange.queue_fault(fault));
    assert_eq!(desk.send("GET /fapi/v1/ping", "", "").status, 200);
    for _ in 0..2 {
        let reply = desk.send("GET /fapi/v1/time", "", "");
        assert_eq!((reply.status, reply.header("Retry-After")), (429, Some("3")));
    }
    assert_eq!(desk.send("GET /fapi/v1/time", "", "").status, 200);
}

#[test]
fn a_late_request_is_judged_when_it_arrives() {
    let mut desk = Desk::new();
    let query = desk.signed(&format!("{ORDER}&recvWindow=500"));
    let key = desk.key();
    let headers = [("X-MBX-APIKEY", key.as_str())];
    assert!(desk.exchange.queue_fault(Fault::new(FaultKind::DelayBefore).ms(501)));
    assert_eq!(desk.raw("POST /fapi/v1/order", &query, "", &headers), Handled::HandleAfter(501));
    let request = HttpRequest {
        method: "POST",
        path: "/binance/fapi/v1/order",
        query: &query,
        headers: &headers,
        body: b"",
        peer: support::PEER,
    };
    let late = desk.exchange.handle_late(T0 + 501, &request);
    assert_eq!(reply(Handled::Reply(late)).code(), -1021);
    let still_good = desk.exchange.handle_late(T0 + 500, &request);
    assert_eq!(still_good.status, 200);
    assert!(desk.exchange.queue_fault(Fault::new(FaultKind::Delay).ms(70)));
    let slow = desk.raw("GET /fapi/v1/ping", "", "", &[]);
    assert!(matches!(slow, Handled::ReplyAfter(70, r) if r.status == 200));
}

#[test]
fn a_skewed_clock_shows_and_refuses() {
    let mut desk = Desk::new();
    assert!(desk.exchange.queue_fault(Fault::new(FaultKind::ClockSkew).ms(-1_500)));
    let ahead = desk.linear(ORDER);
    assert_eq!(ahead.code(), -1021);
    assert_eq!(
        ahead.body["msg"],
        "Timestamp for this request was 1000ms ahead of the server's time."
    );
    assert_eq!(desk.send("GET /fapi/v1/time", "", "").ok()["serverTime"], T0 - 1_500);
    desk.exchange.clear_faults();
    desk.linear(ORDER).ok();
}

#[test]
fn control_is_for_loopback_only() {
    let mut desk = Desk::new();
    desk.linear(ORDER).ok();
    let mut ask = |method: &str, path: &str, query: &str, body: &str, peer: IpAddr| {
        let request =
            HttpRequest { method, path, query, headers: &[], body: body.as_bytes(), peer };
        let handled = desk.exchange.handle(T0, &request);
        reply(handled)
    };
    let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let state = ask("GET", "/control/state", "", "", home).ok();
    assert_eq!(state["accounts"][0]["positions"][0]["amount"], "0.010");
    assert_eq!(state["counters"]["orders"], 1);
    let none = ask("GET", "/control/state", "orders=0", "", home).ok();
    assert_eq!(none["accounts"][0]["orders"], serde_json::json!([]));
    let away = ask("GET", "/control/state", "", "", IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(away.status, 403);
    for body in [
        r#"{"market":"linear","symbol":"BTCUSDT","price":"61234.5"}"#,
        r#"{"market":"linear","symbol":"BTCUSDT","price":61234.5}"#,
    ] {
        ask("POST", "/control/price", "", body, home).ok();
    }
    for bad in [
        r#"{"market":"linear","symbol":"NOPE","price":"1"}"#,
        r#"{"market":"linear","symbol":"BTCUSDT","price":"-1"}"#,
        r#"{"market":"linear","symbol":"BTCUSDT","price":"79228162514264337593543950335"}"#,
        "{",
    ] {
        assert_eq!(ask("POST", "/control/price", "", bad, home).status, 400, "{bad}");
    }
    let fault = r#"{"kind":"http_503_unknown","matches":"POST /fapi/v1/order","count":1}"#;
    ask("POST", "/control/fault", "", fault, home).ok();
    let state = ask("GET", "/control/state", "", "", home).ok();
    assert_eq!(state["faults"][0]["kind"], "http_503_unknown");
    ask("DELETE", "/control/fault", "", "", home).ok();
    assert_eq!(ask("POST", "/control/fault", "", r#"{"kind":"gremlin"}"#, home).status, 400);
    assert_eq!(desk.exchange.price(T0, Market::Linear, "BTCUSDT"), Some(support::d("61234.5")));
}
