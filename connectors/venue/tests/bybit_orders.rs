//! Orders on the simulated Bybit.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/bybit.rs"]
mod support;

use hoox_venue::{Market, Venue};
use serde_json::{Value, json};
use support::Desk;

fn limit(price: &str, link: &str) -> Value {
    json!({ "orderType": "Limit", "price": price, "orderLinkId": link })
}

fn with(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        base[name] = value.clone();
    }
    base
}

#[test]
fn an_acknowledgement_holds_ids_only_and_the_order_appears_a_little_later() {
    let mut desk = Desk::new();
    let ack = desk.place(json!({ "orderLinkId": "first" })).ok();
    assert_eq!(ack["orderLinkId"], "first");
    assert_eq!(ack.as_object().map(serde_json::Map::len), Some(2));
    let query = "category=linear&orderLinkId=first";
    for path in ["/v5/order/realtime", "/v5/order/history", "/v5/execution/list"] {
        assert_eq!(desk.get(path, query).ok()["list"], json!([]), "{path}");
    }
    desk.now += 19;
    assert_eq!(desk.get("/v5/order/realtime", query).ok()["list"], json!([]));
    desk.now += 1;
    let order = desk.get("/v5/order/realtime", query).ok()["list"][0].clone();
    assert_eq!(order["orderStatus"], "Filled");
    assert_eq!(order["orderId"], ack["orderId"]);
    assert_eq!(order["cumExecQty"], "0.01");
    assert_eq!(order["leavesQty"], "0");
    let fills = desk.get("/v5/execution/list", query).ok();
    let fill = &fills["list"][0];
    assert_eq!((fill["execQty"].as_str(), fill["isMaker"].as_bool()), (Some("0.01"), Some(false)));
    assert_eq!(fill["feeRate"], "0.00055");
    assert_eq!(desk.get("/v5/order/history", query).ok()["list"][0]["orderStatus"], "Filled");
}

#[test]
fn a_link_id_is_never_free_again() {
    let mut desk = Desk::new();
    desk.place(json!({ "orderLinkId": "once" })).ok();
    assert_eq!(desk.place(json!({ "orderLinkId": "once" })).code(), 110072);
    desk.place(json!({ "category": "spot", "qty": "100", "orderLinkId": "once" })).ok();
    let again = json!({ "category": "spot", "qty": "100", "orderLinkId": "once" });
    assert_eq!(desk.place(again).code(), 170141);
    // A refused order does not use its id up.
    assert_eq!(desk.place(json!({ "orderLinkId": "two", "qty": "0.0001" })).code(), 10001);
    desk.place(json!({ "orderLinkId": "two" })).ok();
    for bad in ["a b", "é", "1234567890123456789012345678901234567"] {
        assert_eq!(desk.place(json!({ "orderLinkId": bad })).code(), 10001, "{bad}");
    }
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).duplicate_client_ids, 2);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 3);
    assert_eq!(desk.exchange.counters().orders, 0, "Binance has books of its own");
}

#[test]
fn a_spot_market_buy_counts_quote_unless_told_otherwise() {
    let mut desk = Desk::new();
    let spot = |more| with(json!({ "category": "spot" }), more);
    desk.place(spot(json!({ "qty": "640", "orderLinkId": "value" }))).ok();
    let order = desk.look("spot", "value");
    assert_eq!(order["orderStatus"], "Filled", "{order}");
    let value: f64 = order["cumExecValue"].as_str().expect("text").parse().expect("number");
    assert!(value > 639.0 && value <= 640.0, "{value}");
    let by_base = json!({ "qty": "0.01", "marketUnit": "baseCoin", "orderLinkId": "base" });
    desk.place(spot(by_base)).ok();
    assert_eq!(desk.look("spot", "base")["cumExecQty"], "0.01");
    desk.place(spot(json!({ "side": "Sell", "qty": "0.02", "orderLinkId": "sell" }))).ok();
    assert_eq!(desk.look("spot", "sell")["orderStatus"], "Filled");
    let tiny = spot(json!({ "qty": "4.9" }));
    assert_eq!(desk.place(tiny).code(), 170140);
}

#[test]
fn post_only_orders_that_would_take_are_accepted_and_then_cancelled() {
    let mut desk = Desk::new();
    for category in ["linear", "spot"] {
        let taking = with(
            limit("64500", "po"),
            json!({
                "category": category, "timeInForce": "PostOnly",
            }),
        );
        desk.place(taking).ok();
        let order = desk.look(category, "po");
        assert_eq!(order["orderStatus"], "Cancelled");
        assert_eq!(order["rejectReason"], "EC_PostOnlyWillTakeLiquidity");
        assert_eq!(order["cumExecQty"], "0");
        let resting = with(
            limit("63000", "rest"),
            json!({
                "category": category, "timeInForce": "PostOnly",
            }),
        );
        desk.place(resting).ok();
        let order = desk.look(category, "rest");
        assert_eq!(
            (order["orderStatus"].as_str(), order["timeInForce"].as_str()),
            (Some("New"), Some("PostOnly"))
        );
    }
    desk.place(with(limit("63000", "fok"), json!({ "timeInForce": "FOK" }))).ok();
    assert_eq!(desk.look("linear", "fok")["rejectReason"], "EC_CancelForNoFullFill");
    desk.place(with(limit("63000", "ioc"), json!({ "timeInForce": "IOC" }))).ok();
    assert_eq!(desk.look("linear", "ioc")["rejectReason"], "EC_NoImmediateQtyToFill");
}

#[test]
fn instrument_rules_have_their_numbers() {
    let mut desk = Desk::new();
    let spot = |more| with(with(limit("63000", ""), json!({ "category": "spot" })), more);
    let linear = |more| with(limit("63000", ""), more);
    for (order, code) in [
        (spot(json!({ "price": "63000.05" })), 170134),
        (spot(json!({ "qty": "0.0100001" })), 170137),
        (spot(json!({ "qty": "0.00001" })), 170140),
        (spot(json!({ "price": "67200.1" })), 170193),
        (spot(json!({ "qty": "84" })), 170124),
        (spot(json!({ "qty": "80" })), 170131),
        (spot(json!({ "symbol": "NOPEUSDT" })), 170121),
        (linear(json!({ "price": "63000.05" })), 10001),
        (linear(json!({ "qty": "0.0105" })), 10001),
        (linear(json!({ "symbol": "LTCUSDT", "price": "72", "qty": "0.0" })), 10001),
        (linear(json!({ "symbol": "XRPUSDT", "price": "0.53", "qty": "1" })), 110094),
        (linear(json!({ "price": "67200.1" })), 110003),
        (linear(json!({ "qty": "1000" })), 110007),
        (linear(json!({ "qty": 0.01 })), 10001),
        (linear(json!({ "qty": "1e-2" })), 10001),
        (linear(json!({ "positionIdx": 1 })), 10001),
        (linear(json!({ "category": "inverse" })), 10001),
        (linear(json!({ "side": "BUY" })), 10001),
        (linear(json!({ "reduceOnly": true })), 110017),
    ] {
        let reply = desk.place(order.clone());
        assert_eq!(reply.code(), code, "{order}: {}", reply.body);
        assert_eq!(reply.raw.status, 200);
    }
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 0);
}

#[test]
fn orders_are_amended_and_cancelled_by_either_id() {
    let mut desk = Desk::new();
    let ack = desk.place(limit("63000", "a")).ok();
    let amended = json!({
        "category": "linear", "symbol": "BTCUSDT", "orderLinkId": "a", "qty": "0.02",
        "price": "62000",
    });
    assert_eq!(desk.post("/v5/order/amend", &amended).ok()["orderId"], ack["orderId"]);
    let order = desk.look("linear", "a");
    assert_eq!((order["qty"].as_str(), order["price"].as_str()), (Some("0.02"), Some("62000.0")));
    assert_eq!(desk.post("/v5/order/amend", &amended).code(), 10001, "nothing to change");
    let by_id = json!({ "category": "linear", "symbol": "BTCUSDT", "orderId": ack["orderId"] });
    assert_eq!(desk.post("/v5/order/cancel", &by_id).ok()["orderLinkId"], "a");
    assert_eq!(desk.look("linear", "a")["orderStatus"], "Cancelled");
    assert_eq!(desk.post("/v5/order/cancel", &by_id).code(), 110001);
    let spot = json!({ "category": "spot", "symbol": "BTCUSDT", "orderLinkId": "a" });
    assert_eq!(desk.post("/v5/order/cancel", &spot).code(), 170213);
}

#[test]
fn an_amended_spot_order_locks_what_it_now_needs() {
    let mut desk = Desk::new();
    desk.place(with(limit("60000", "s"), json!({ "category": "spot", "qty": "1" }))).code();
    let locked = |desk: &mut Desk| {
        let wallet = desk.get("/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDT").ok();
        wallet["list"][0]["coin"][0]["locked"].as_str().expect("text").to_owned()
    };
    assert_eq!(locked(&mut desk), "60000");
    let amended =
        json!({ "category": "spot", "symbol": "BTCUSDT", "orderLinkId": "s", "price": "50000" });
    desk.post("/v5/order/amend", &amended).ok();
    assert_eq!(locked(&mut desk), "50000");
    let all = json!({ "category": "spot" });
    let list = desk.post("/v5/order/cancel-all", &all).ok()["list"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(locked(&mut desk), "0");
}

#[test]
fn a_conditional_order_keeps_its_id_through_the_trigger() {
    let mut desk = Desk::new();
    let stop = |price: &str, direction: u8, link: &str| {
        json!({
            "triggerPrice": price, "triggerDirection": direction, "orderLinkId": link,
        })
    };
    assert_eq!(desk.place(stop("63000", 1, "x")).code(), 110092);
    assert_eq!(desk.place(stop("65000", 2, "x")).code(), 110093);
    let ack = desk.place(stop("65000", 1, "up")).ok();
    assert_eq!(desk.look("linear", "up")["orderStatus"], "Untriggered");
    desk.pin(Market::Linear, "BTCUSDT", "65000");
    let order = desk.look("linear", "up");
    assert_eq!(order["orderStatus"], "Filled");
    assert_eq!(order["orderId"], ack["orderId"]);
    let fills = desk.get("/v5/execution/list", "category=linear&orderLinkId=up").ok();
    assert_eq!(fills["list"][0]["orderId"], ack["orderId"]);
    let history = desk.get("/v5/order/history", "category=linear").ok();
    assert_eq!(history["list"].as_array().map(Vec::len), Some(1), "listed once: {history}");
    desk.place(stop("66000", 1, "off")).ok();
    let off = json!({ "category": "linear", "symbol": "BTCUSDT", "orderLinkId": "off" });
    desk.post("/v5/order/cancel", &off).ok();
    assert_eq!(desk.look("linear", "off")["orderStatus"], "Deactivated");
    assert_eq!(desk.place(stop("67000", 1, "off")).code(), 110072, "used up all the same");
}

#[test]
fn take_profit_and_stop_loss_close_the_position_and_go_with_it() {
    let mut desk = Desk::new();
    assert_eq!(desk.place(json!({ "takeProfit": "63000" })).code(), 10001);
    desk.place(json!({ "takeProfit": "66000", "stopLoss": "62000" })).ok();
    let position = desk.position(0);
    assert_eq!(position["takeProfit"], "66000.0");
    assert_eq!(position["stopLoss"], "62000.0");
    desk.pin(Market::Linear, "BTCUSDT", "66000");
    let position = desk.position(0);
    assert_eq!((position["size"].as_str(), position["side"].as_str()), (Some("0"), Some("")));
    assert_eq!(position["stopLoss"], "", "{position}");
    desk.now += 100;
    let open = desk.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT").ok();
    assert_eq!(open["list"], json!([]));
}

#[test]
fn the_mode_of_take_profit_and_stop_loss_is_a_field_of_futures_orders_alone() {
    let mut desk = Desk::new();
    let spot = with(limit("60000", "spot"), json!({ "category": "spot" }));
    desk.place(spot).ok();
    desk.place(limit("60000", "bare")).ok();
    desk.place(with(limit("60000", "with"), json!({ "stopLoss": "50000" }))).ok();
    assert_eq!(desk.look("spot", "spot").get("tpslMode"), None);
    assert_eq!(desk.look("linear", "bare")["tpslMode"], "");
    assert_eq!(desk.look("linear", "with")["tpslMode"], "Full");
}

#[test]
fn pages_cover_everything_once() {
    let mut desk = Desk::new();
    for n in 0..7 {
        desk.place(limit("63000", &format!("n{n}"))).ok();
        desk.now += 1;
    }
    desk.now += 100;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let query = format!("category=linear&symbol=BTCUSDT&limit=3&cursor={cursor}");
        let page = desk.get("/v5/order/realtime", &query).ok();
        let list = page["list"].as_array().expect("a list");
        seen.extend(list.iter().map(|o| o["orderLinkId"].as_str().expect("text").to_owned()));
        cursor = page["nextPageCursor"].as_str().expect("text").to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["n6", "n5", "n4", "n3", "n2", "n1", "n0"]);
}

#[test]
fn a_batch_reports_each_order_by_itself() {
    let mut desk = Desk::new();
    let batch = json!({ "category": "linear", "request": [
        { "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01",
          "price": "63000", "orderLinkId": "b0" },
        { "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01",
          "price": "63000", "orderLinkId": "b0" },
        { "symbol": "XRPUSDT", "side": "Buy", "orderType": "Market", "qty": "20" },
    ]});
    let reply = desk.post("/v5/order/create-batch", &batch);
    let codes: Vec<i64> = reply.body["retExtInfo"]["list"]
        .as_array()
        .expect("codes")
        .iter()
        .map(|c| c["code"].as_i64().expect("number"))
        .collect();
    assert_eq!(codes, [0, 110072, 0]);
    let result = reply.ok();
    assert_eq!(result["list"][1]["orderId"], "");
    assert_ne!(result["list"][2]["orderId"], "");
}

#[test]
fn pre_check_reports_the_margin_and_places_nothing() {
    let mut desk = Desk::new();
    let body = support::order(json!({ "qty": "1" }));
    let result = desk.post("/v5/order/pre-check", &body).ok();
    assert_eq!(result["preImrE4"], 0);
    // 64,000 at leverage 10 in an account of two million.
    assert_eq!(result["postImrE4"], 32);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).orders, 0);
}
