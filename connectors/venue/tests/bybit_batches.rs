//! Batches, stops of positions, paging and what clients ask for first, on the simulated Bybit.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/bybit.rs"]
mod support;

use hoox_venue::{BybitConfig, BybitLimits, Config, Market};
use serde_json::{Value, json};
use support::Desk;

fn limit(price: &str, link: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price,
        "orderLinkId": link,
    })
}

fn batch(desk: &mut Desk, what: &str, requests: &[Value]) -> (Value, Vec<i64>) {
    let body = json!({ "category": "linear", "request": requests });
    let reply = desk.post(&format!("/v5/order/{what}-batch"), &body);
    let codes = reply.body["retExtInfo"]["list"].as_array().expect("a list").iter();
    let codes = codes.map(|c| c["code"].as_i64().expect("a code")).collect();
    (reply.ok()["list"].clone(), codes)
}

#[test]
fn batches_amend_and_cancel_too_each_order_by_itself() {
    let mut desk = Desk::new();
    let orders = [limit("63000", "a"), limit("62000", "b")];
    let (list, codes) = batch(&mut desk, "create", &orders);
    assert_eq!((codes, &list[1]["orderLinkId"]), (vec![0, 0], &json!("b")));
    let amend = |link: &str, price: &str| json!({ "symbol": "BTCUSDT", "orderLinkId": link, "price": price });
    let (_, codes) = batch(&mut desk, "amend", &[amend("a", "63001"), amend("nobody", "1")]);
    assert_eq!(codes, [0, 110001]);
    assert_eq!(desk.look("linear", "a")["price"], "63001.0");
    let named = |link: &str| json!({ "symbol": "BTCUSDT", "orderLinkId": link });
    let (_, codes) = batch(&mut desk, "cancel", &[named("a"), named("a"), named("b")]);
    assert_eq!(codes, [0, 110001, 0]);
    assert_eq!(desk.look("linear", "b")["orderStatus"], "Cancelled");
}

#[test]
fn a_batch_is_charged_by_the_order_and_apart_from_single_ones() {
    let limits = BybitLimits { linear_orders_1s: 3, ..BybitLimits::default() };
    let bybit = BybitConfig { limits, ..BybitConfig::default() };
    let mut desk = Desk::with(Config { bybit, ..Config::default() });
    let orders: Vec<Value> = (0..4).map(|n| limit("63000", &format!("o{n}"))).collect();
    let (_, codes) = batch(&mut desk, "create", &orders);
    assert_eq!(codes, [0, 0, 0, 10006]);
    desk.place(json!({ "orderLinkId": "single" })).ok();
}

#[test]
fn stops_of_a_position_are_set_changed_and_removed() {
    let mut desk = Desk::new();
    let path = "/v5/position/trading-stop";
    let stop = |more: Value| {
        let mut body = json!({ "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0 });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    let wanted = stop(json!({ "takeProfit": "66000", "stopLoss": "62000" }));
    assert_eq!(desk.post(path, &wanted).code(), 10001, "no position");
    desk.place(json!({})).ok();
    desk.post(path, &wanted).ok();
    assert_eq!(desk.post(path, &wanted).code(), 34040);
    assert_eq!(desk.position(0)["takeProfit"], "66000.0");
    desk.post(path, &stop(json!({ "takeProfit": "0", "stopLoss": "61000" }))).ok();
    let position = desk.position(0);
    assert_eq!((&position["takeProfit"], &position["stopLoss"]), (&json!(""), &json!("61000.0")));
    assert_eq!(desk.post(path, &stop(json!({ "stopLoss": "65000" }))).code(), 10001);
    desk.pin(Market::Linear, "BTCUSDT", "60990");
    assert_eq!(desk.position(0)["size"], "0");
}

#[test]
fn realtime_forgets_all_but_the_youngest_five_hundred_closed_orders_and_history_does_not() {
    let mut desk = Desk::new();
    desk.place(json!({ "orderLinkId": "old", "qty": "0.001" })).ok();
    for n in 0..500 {
        desk.now += 1;
        let side = if n % 2 == 0 { "Sell" } else { "Buy" };
        desk.place(json!({ "orderLinkId": format!("n{n}"), "qty": "0.001", "side": side })).ok();
    }
    desk.now += 100;
    let by_link = |path: &str, link: &str| {
        (format!("/v5/order/{path}"), format!("category=linear&orderLinkId={link}"))
    };
    let found = |desk: &mut Desk, path: &str, link: &str| {
        let (path, query) = by_link(path, link);
        desk.get(&path, &query).ok()["list"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((found(&mut desk, "realtime", "old"), found(&mut desk, "history", "old")), (0, 1));
    assert_eq!(found(&mut desk, "realtime", "n0"), 1);
}

#[test]
fn cursors_walk_through_every_order_once() {
    let mut desk = Desk::new();
    for n in 0..23 {
        let mut order = limit("63000", &format!("c{n:02}"));
        order["category"] = "linear".into();
        desk.post("/v5/order/create", &order).ok();
    }
    desk.now += 100;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut query = "category=linear&symbol=BTCUSDT&limit=10".to_owned();
        if !cursor.is_empty() {
            query = format!("{query}&cursor={cursor}");
        }
        let page = desk.get("/v5/order/realtime", &query).ok();
        let list = page["list"].as_array().expect("a list");
        seen.extend(list.iter().map(|o| o["orderLinkId"].as_str().expect("text").to_owned()));
        cursor = page["nextPageCursor"].as_str().expect("text").to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    seen.sort_unstable();
    let all: Vec<String> = (0..23).map(|n| format!("c{n:02}")).collect();
    assert_eq!(seen, all);
}

#[test]
fn instruments_come_in_pages_and_unlisted_categories_are_empty() {
    let mut desk = Desk::new();
    let path = "/v5/market/instruments-info";
    let all = desk.get(path, "category=linear").ok()["list"].as_array().map(Vec::len);
    let (mut count, mut query) = (0, "category=linear&limit=3".to_owned());
    loop {
        let page = desk.get(path, &query).ok();
        count += page["list"].as_array().map_or(0, Vec::len);
        match page["nextPageCursor"].as_str().expect("text") {
            "" => break,
            cursor => query = format!("category=linear&limit=3&cursor={cursor}"),
        }
    }
    assert_eq!(Some(count), all);
    for category in ["inverse", "option"] {
        assert_eq!(desk.get(path, &format!("category={category}")).ok()["list"], json!([]));
    }
}

#[test]
fn a_key_knows_its_account_coins_and_fees() {
    let mut desk = Desk::new();
    assert_eq!(desk.get("/v5/user/query-api", "").ok()["uta"], 1);
    let coins = desk.get("/v5/asset/coin/query-info", "coin=BTC").ok();
    assert_eq!(coins["rows"][0]["coin"], "BTC");
    let fees = desk.get("/v5/account/fee-rate", "category=linear&symbol=BTCUSDT").ok();
    assert_eq!(fees["list"][0]["takerFeeRate"], "0.00055");
}
