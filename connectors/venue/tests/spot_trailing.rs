//! Trailing stops on spot, as the venue explains them (Binance spot, faqs/trailing-stop-faq.md).

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use hoox_venue::Market;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::{Desk, T0, d};

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.pin(Market::Spot, "BTCUSDT", "60000");
    desk
}

fn query(desk: &mut Desk, id: &str) -> Value {
    desk.call("GET /api/v3/order", &format!("symbol=BTCUSDT&origClientOrderId={id}")).ok()
}

/// The order's status after each of the prices.
fn statuses(desk: &mut Desk, id: &str, prices: &[&str]) -> Vec<String> {
    let after = |price: &&str| {
        desk.pin(Market::Spot, "BTCUSDT", price);
        query(desk, id)["status"].as_str().expect("text").to_owned()
    };
    prices.iter().map(after).collect()
}

/// (free, locked)
fn balance(desk: &mut Desk, asset: &str) -> (Decimal, Decimal) {
    let account = desk.call("GET /api/v3/account", "").ok();
    let rows = account["balances"].as_array().expect("balances").clone();
    let row = rows.iter().find(|b| b["asset"] == asset).expect("asset");
    let amount = |name: &str| d(row[name].as_str().expect("text"));
    (amount("free"), amount("locked"))
}

const SELL: &str = "symbol=BTCUSDT&side=SELL&quantity=0.1&newClientOrderId=a";
const BUY: &str = "symbol=BTCUSDT&side=BUY&quantity=0.1&newClientOrderId=a";

#[test]
fn without_a_stop_price_it_follows_at_once() {
    let mut desk = desk();
    let placed = desk.spot(&format!("{SELL}&type=STOP_LOSS&trailingDelta=100")).ok();
    assert_eq!((&placed["status"], &placed["trailingDelta"]), (&"NEW".into(), &100.into()));
    assert_eq!((&placed["trailingTime"], &placed["workingTime"]), (&T0.into(), &(-1).into()));
    assert!(placed.get("stopPrice").is_none(), "{placed}");
    assert_eq!(balance(&mut desk, "BTC"), (d("9.9"), d("0.1")));
    let seen = statuses(&mut desk, "a", &["62000", "61380.01", "63000", "62370.01"]);
    assert_eq!(seen, ["NEW"; 4], "less than one percent below the best price so far");
    assert_eq!(statuses(&mut desk, "a", &["62370"]), ["FILLED"]);
    assert_eq!(query(&mut desk, "a")["cummulativeQuoteQty"], "6236.99900000", "at the bid");
    assert_eq!(balance(&mut desk, "BTC"), (d("9.9"), d("0")));
}

#[test]
fn with_a_stop_price_it_follows_from_there() {
    let mut desk = desk();
    let order = format!("{SELL}&type=TAKE_PROFIT&stopPrice=61000&trailingDelta=100");
    let placed = desk.spot(&order).ok();
    assert_eq!(placed["stopPrice"], "61000.00000000");
    assert_eq!(placed["trailingTime"], -1);
    let seen = statuses(&mut desk, "a", &["59000", "61000", "61500", "60885.01"]);
    assert_eq!(seen, ["NEW"; 4], "what came before the stop price does not count");
    assert_eq!(query(&mut desk, "a")["trailingTime"], T0);
    assert_eq!(query(&mut desk, "a")["isWorking"], false);
    assert_eq!(statuses(&mut desk, "a", &["60885"]), ["FILLED"]);

    // A stop loss begins on the losing side, and still has the whole distance to go.
    desk.pin(Market::Spot, "BTCUSDT", "60000");
    let order = format!("{SELL}&type=STOP_LOSS&stopPrice=59000&trailingDelta=1000");
    desk.spot(&order).ok();
    let seen = statuses(&mut desk, "a", &["66000", "59000", "53100.01", "53100"]);
    assert_eq!(seen, ["NEW", "NEW", "NEW", "FILLED"]);
}

#[test]
fn a_buy_follows_the_price_down() {
    let mut desk = desk();
    desk.spot(&format!("{BUY}&type=STOP_LOSS&trailingDelta=50")).ok();
    assert_eq!(balance(&mut desk, "USDT").1, d("6030"), "what it costs half a percent higher");
    let seen = statuses(&mut desk, "a", &["58000", "58289.99", "57000", "57284.99", "57285"]);
    assert_eq!(seen, ["NEW", "NEW", "NEW", "NEW", "FILLED"]);
    assert_eq!(balance(&mut desk, "USDT"), (d("1000000") - d("5728.501"), d("0")));
}

#[test]
fn a_limit_order_comes_of_it_where_there_is_a_price() {
    let mut desk = desk();
    let limit = "type=STOP_LOSS_LIMIT&timeInForce=GTC&price=59500&trailingDelta=100";
    desk.spot(&format!("{SELL}&{limit}")).ok();
    let seen = statuses(&mut desk, "a", &["59400.01", "59400"]);
    assert_eq!(seen, ["NEW", "NEW"]);
    let now = query(&mut desk, "a");
    assert_eq!((&now["isWorking"], &now["price"]), (&true.into(), &"59500.00000000".into()));
    assert_eq!(statuses(&mut desk, "a", &["59600"]), ["FILLED"]);
}

#[test]
fn it_can_be_cancelled_while_it_follows() {
    let mut desk = desk();
    desk.spot(&format!("{BUY}&type=TAKE_PROFIT&stopPrice=59000&trailingDelta=50")).ok();
    assert_eq!(balance(&mut desk, "USDT").1, d("5929.5"));
    assert_eq!(statuses(&mut desk, "a", &["59000"]), ["NEW"]);
    let gone = desk.call("DELETE /api/v3/order", "symbol=BTCUSDT&origClientOrderId=a").ok();
    assert_eq!((&gone["status"], &gone["trailingDelta"]), (&"CANCELED".into(), &50.into()));
    assert_eq!(statuses(&mut desk, "a", &["62000"]), ["CANCELED"]);
    assert_eq!(balance(&mut desk, "USDT"), (d("1000000"), d("0")));
}

#[test]
fn what_is_announced_bounds_the_distance() {
    let mut desk = desk();
    let info = desk.send("GET /api/v3/exchangeInfo", "symbol=BTCUSDT", "").ok();
    let btc = &info["symbols"][0];
    assert_eq!(btc["allowTrailingStop"], true);
    let filters = btc["filters"].as_array().expect("filters");
    let filter = filters.iter().find(|f| f["filterType"] == "TRAILING_DELTA").expect("announced");
    for bound in ["Above", "Below"] {
        assert_eq!(filter[format!("minTrailing{bound}Delta")], 10);
        assert_eq!(filter[format!("maxTrailing{bound}Delta")], 2_000);
    }
    let mut failure = |delta: &str| {
        let reply = desk.spot(&format!("{SELL}&type=STOP_LOSS&trailingDelta={delta}"));
        (reply.code(), reply.body["msg"].as_str().expect("text").to_owned())
    };
    for delta in ["0", "9", "2001", "18446744073709551615"] {
        assert_eq!(failure(delta), (-1013, "Filter failure: TRAILING_DELTA".to_owned()));
    }
    for delta in ["1.5", "-10", "x"] {
        assert_eq!(failure(delta).0, -1100);
    }
    for delta in ["10", "2000"] {
        let order =
            format!("symbol=BTCUSDT&side=SELL&quantity=0.1&type=STOP_LOSS&trailingDelta={delta}");
        desk.spot(&order).ok();
    }
}

#[test]
fn its_parameters_are_checked() {
    let mut desk = desk();
    let mut code = |params: &str| desk.spot(params).code();
    assert_eq!(code(&format!("{SELL}&type=MARKET&trailingDelta=100")), -1106);
    let limit = "type=LIMIT&timeInForce=GTC&price=61000&trailingDelta=100";
    assert_eq!(code(&format!("{SELL}&{limit}")), -1106);
    assert_eq!(code(&format!("{SELL}&type=STOP_LOSS")), -1102);
    assert_eq!(code(&format!("{SELL}&type=STOP_LOSS&stopPrice=0&trailingDelta=100")), -1130);
    assert_eq!(
        code(&format!("{SELL}&type=STOP_LOSS&stopPrice=59000.001&trailingDelta=100")),
        -1013
    );
    // Both the distance and the number of waiting stops are bounded.
    for _ in 0..5 {
        let order = "symbol=BTCUSDT&side=SELL&quantity=0.1&type=STOP_LOSS&trailingDelta=100";
        desk.spot(order).ok();
    }
    let sixth = desk.spot(&format!("{SELL}&type=STOP_LOSS&trailingDelta=100"));
    assert_eq!(sixth.body["msg"], "Filter failure: MAX_NUM_ALGO_ORDERS");
}

#[test]
fn the_websocket_places_it_and_tells_of_it() {
    let mut desk = desk();
    let user = desk.open("/ws-api/v3");
    let params = desk.ws_signed(json!({}));
    let method = "userDataStream.subscribe.signature";
    let subscribed = desk.ask(user, &json!({"id": 1, "method": method, "params": params}));
    assert_eq!(subscribed["status"], 200, "{subscribed}");
    let api = desk.open("/ws-api/v3");
    let params = desk.ws_signed(json!({
        "symbol": "BTCUSDT", "side": "SELL", "type": "TAKE_PROFIT", "quantity": "0.1",
        "stopPrice": "61000", "trailingDelta": 100, "newClientOrderId": "a",
        "newOrderRespType": "RESULT",
    }));
    let placed = desk.ask(api, &json!({"id": 2, "method": "order.place", "params": params}));
    assert_eq!(placed["result"]["trailingDelta"], 100, "{placed}");
    desk.pin(Market::Spot, "BTCUSDT", "61000");
    desk.pin(Market::Spot, "BTCUSDT", "60390");
    desk.pass(200);
    let heard = desk.heard(user);
    let reports: Vec<&Value> =
        heard.iter().map(|v| &v["event"]).filter(|e| e["e"] == "executionReport").collect();
    assert_eq!((&reports[0]["x"], &reports[0]["d"]), (&"NEW".into(), &100.into()));
    assert_eq!((reports[0].get("D"), reports[0].get("W")), (None, None), "{}", reports[0]);
    let traded = reports.last().expect("a trade");
    assert_eq!((&traded["x"], &traded["X"]), (&"TRADE".into(), &"FILLED".into()));
    assert_eq!((&traded["d"], &traded["D"]), (&100.into(), &T0.into()));
}
