//! Conditional orders and batches on the simulated MEXC futures.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/mexc.rs"]
mod support;

use hoox_venue::{Market, Venue};
use serde_json::{Value, json};
use support::Desk;

const PLACE: &str = "POST /api/v1/private/planorder/place";
const DAY_MS: u64 = 86_400_000;

fn plan(desk: &mut Desk, more: &str) -> support::Reply {
    let body = format!(
        r#"{{"symbol":"BTC_USDT","vol":100,"openType":2,"executeCycle":1,"trend":1,{more}}}"#
    );
    desk.futures(PLACE, "", &body)
}

fn plans(desk: &mut Desk) -> Value {
    desk.futures("GET /api/v1/private/planorder/list/orders", "", "").ok()["data"].clone()
}

fn stops(desk: &mut Desk) -> Value {
    desk.futures("GET /api/v1/private/stoporder/list/orders", "", "").ok()["data"].clone()
}

fn positions(desk: &mut Desk) -> usize {
    let list = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    list["data"].as_array().expect("a list").len()
}

fn pin(desk: &mut Desk, price: &str) {
    desk.now += 1_000;
    let price = Some(price.parse().expect("decimal"));
    let now = desk.now;
    assert!(desk.exchange.set_price_on(Venue::Mexc, now, Market::Linear, "BTC_USDT", price));
}

#[test]
fn a_plan_order_waits_becomes_an_order_and_says_so() {
    let mut desk = Desk::new();
    let entry = r#""side":1,"triggerPrice":65000,"triggerType":1,"orderType":5,"externalOid":"up""#;
    let id = plan(&mut desk, entry).ok()["data"].clone();
    let list = plans(&mut desk);
    assert_eq!((&list[0]["id"], &list[0]["state"]), (&id, &json!(1)));
    assert_eq!((&list[0]["triggerType"], &list[0]["side"]), (&json!(1), &json!(1)));
    assert_eq!(positions(&mut desk), 0);
    pin(&mut desk, "65001");
    let list = plans(&mut desk);
    assert_eq!(list[0]["state"], 3);
    let order = desk.by_oid("up");
    assert_eq!((&order["orderId"], &order["state"]), (&list[0]["orderId"], &json!(3)));
    assert_eq!(positions(&mut desk), 1);
}

#[test]
fn plan_orders_are_cancelled_and_lapse_with_their_cycle() {
    let mut desk = Desk::new();
    let below = |price: &str, cycle: &str| {
        format!(
            r#""side":3,"triggerPrice":{price},"triggerType":2,"orderType":1,"price":{price},"executeCycle":{cycle}"#
        )
    };
    let plan = |desk: &mut Desk, more: &str| {
        let body = format!(r#"{{"symbol":"BTC_USDT","vol":100,"openType":2,"trend":1,{more}}}"#);
        desk.futures(PLACE, "", &body).ok()["data"].as_str().expect("a text").to_owned()
    };
    let first = plan(&mut desk, &below("60000", "1"));
    plan(&mut desk, &below("60001", "1"));
    plan(&mut desk, &below("60002", "2"));
    let body = format!(r#"[{{"symbol":"BTC_USDT","orderId":"{first}"}}]"#);
    desk.futures("POST /api/v1/private/planorder/cancel", "", &body).ok();
    let again = desk.futures("POST /api/v1/private/planorder/cancel", "", &body);
    assert_eq!(again.code(), 2041);
    desk.now += DAY_MS + 1_000;
    let states: Vec<Value> =
        plans(&mut desk).as_array().expect("a list").iter().map(|p| p["state"].clone()).collect();
    assert_eq!(states, [json!(1), json!(4), json!(2)], "newest first");
    desk.futures("POST /api/v1/private/planorder/cancel_all", "", "{}").ok();
    let waiting = desk.futures("GET /api/v1/private/planorder/list/orders", "states=1", "").ok();
    assert_eq!(waiting["data"], json!([]));
}

#[test]
fn plan_rules_have_their_numbers() {
    let mut desk = Desk::new();
    for (more, code) in [
        (r#""side":1,"triggerPrice":63000,"triggerType":1,"orderType":5"#, 2007),
        (r#""side":1,"triggerPrice":65000,"triggerType":3,"orderType":5"#, 600),
        (r#""side":1,"triggerPrice":65000,"triggerType":1,"orderType":1"#, 600),
        (r#""side":1,"triggerType":1,"orderType":5"#, 600),
        (r#""side":1,"triggerPrice":65000.05,"triggerType":1,"orderType":5"#, 2015),
    ] {
        assert_eq!(plan(&mut desk, more).code(), code, "{more}");
    }
}

#[test]
fn attached_prices_close_what_the_order_has_traded_and_one_ends_the_other() {
    let mut desk = Desk::new();
    let bad = r#""side":1,"type":5,"takeProfitPrice":63000"#;
    assert_eq!(desk.order(bad).code(), 5003);
    let entry = r#""side":1,"type":5,"takeProfitPrice":66000,"stopLossPrice":62000"#;
    let order = desk.order(entry).ok()["data"]["orderId"].clone();
    let list = stops(&mut desk);
    assert_eq!((&list[0]["orderId"], &list[0]["state"]), (&order, &json!(1)));
    assert_eq!((&list[0]["takeProfitPrice"], &list[0]["vol"]), (&json!(66000), &json!(100)));
    assert_eq!(plans(&mut desk), json!([]), "no plan orders");
    pin(&mut desk, "66000");
    assert_eq!(positions(&mut desk), 0);
    let list = stops(&mut desk);
    assert_eq!((&list[0]["state"], &list[0]["triggerSide"]), (&json!(3), &json!(1)));
    pin(&mut desk, "61000");
    assert_eq!(positions(&mut desk), 0, "the stop loss is gone with the position");
}

#[test]
fn attached_prices_wait_for_the_fill_and_can_be_changed_before() {
    let mut desk = Desk::new();
    let entry = r#""side":1,"type":1,"price":63000,"stopLossPrice":62000,"externalOid":"a""#;
    let id = desk.order(entry).ok()["data"]["orderId"].as_str().expect("a text").to_owned();
    assert_eq!(stops(&mut desk), json!([]));
    assert_eq!(desk.by_oid("a")["stopLossPrice"], 62000);
    let change = format!(r#"{{"orderId":{id},"takeProfitPrice":65000}}"#);
    desk.futures("POST /api/v1/private/stoporder/change_price", "", &change).ok();
    pin(&mut desk, "62990");
    let list = stops(&mut desk);
    assert_eq!(
        (&list[0]["takeProfitPrice"], &list[0]["stopLossPrice"]),
        (&json!(65000), &json!(0))
    );
}

#[test]
fn stops_are_placed_for_positions_changed_and_cancelled() {
    let mut desk = Desk::new();
    let place = "POST /api/v1/private/stoporder/place";
    let none = r#"{"positionId":1394024,"vol":1,"stopLossPrice":60000}"#;
    assert_eq!(desk.futures(place, "", none).code(), 2009);
    desk.order(r#""side":3,"type":5"#).ok();
    let list = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    let position = list["data"][0]["positionId"].clone();
    let body = format!(r#"{{"positionId":{position},"vol":40,"stopLossPrice":66000}}"#);
    let id = desk.futures(place, "", &body).ok()["data"].clone();
    let change = format!(r#"{{"stopPlanOrderId":{id},"stopLossPrice":65000}}"#);
    desk.futures("POST /api/v1/private/stoporder/change_plan_price", "", &change).ok();
    pin(&mut desk, "65500");
    let list = desk.futures("GET /api/v1/private/position/open_positions", "", "").ok();
    assert_eq!(list["data"][0]["holdVol"], 60, "a part of the position was closed");
    assert_eq!(stops(&mut desk)[0]["triggerSide"], 2);
    let body = format!(r#"{{"positionId":{position},"takeProfitPrice":60000}}"#);
    let id = desk.futures(place, "", &body).ok()["data"].clone();
    let cancel = format!(r#"[{{"stopPlanOrderId":{id}}}]"#);
    desk.futures("POST /api/v1/private/stoporder/cancel", "", &cancel).ok();
    let open = desk.futures("GET /api/v1/private/stoporder/open_orders", "", "").ok();
    assert_eq!(open["data"], json!([]));
}

#[test]
fn a_futures_batch_answers_for_each_order_and_knows_its_external_ids() {
    let mut desk = Desk::new();
    let batch = "POST /api/v1/private/order/submit_batch";
    let one = |oid: &str, price: &str| {
        format!(
            r#"{{"symbol":"BTC_USDT","vol":1,"openType":2,"side":1,"type":1,"price":{price},"externalOid":"{oid}"}}"#
        )
    };
    let body = format!("[{},{}]", one("a", "63000"), one("b", "63000.05"));
    let first = desk.futures(batch, "", &body).ok()["data"].clone();
    assert_eq!((&first[0]["errorCode"], &first[1]["errorCode"]), (&json!(0), &json!(2015)));
    assert!(first[1].get("orderId").is_none(), "{first}");
    let body = format!("[{}]", one("a", "63000"));
    let again = desk.futures(batch, "", &body).ok()["data"].clone();
    assert_eq!(again[0]["orderId"], first[0]["orderId"]);
    assert_eq!(desk.exchange.counters_of(Venue::Mexc).orders, 1);
    let ids = first[0]["orderId"].as_str().expect("a text").to_owned();
    let query = format!("order_ids={ids},1");
    let found = desk.futures("GET /api/v1/private/order/batch_query", &query, "").ok();
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    let cancel = r#"[{"symbol":"BTC_USDT","externalOid":"a"}]"#;
    let path = "POST /api/v1/private/order/cancel_with_external";
    assert_eq!(desk.futures(path, "", cancel).ok()["data"][0]["errorCode"], 0);
    assert_eq!(desk.by_oid("a")["state"], 4);
}
