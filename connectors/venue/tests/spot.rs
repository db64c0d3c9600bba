//! Spot: each rule by its name.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use hoox_venue::{Market, TradingStatus};
use rust_decimal::Decimal;
use serde_json::Value;
use support::{Desk, d};

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.pin(Market::Spot, "BTCUSDT", "60000");
    desk
}

fn decimal(value: &Value) -> Decimal {
    d(value.as_str().expect("a string"))
}

/// (free, locked)
fn balance(desk: &mut Desk, asset: &str) -> (Decimal, Decimal) {
    let account = desk.call("GET /api/v3/account", "").ok();
    let rows = account["balances"].as_array().expect("balances").clone();
    let row = rows.iter().find(|b| b["asset"] == asset).expect("asset");
    (decimal(&row["free"]), decimal(&row["locked"]))
}

const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";

#[test]
fn a_market_order_reports_its_fills() {
    let mut desk = desk();
    let order = desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=3&newClientOrderId=a").ok();
    assert_eq!((&order["status"], &order["clientOrderId"]), (&"FILLED".into(), &"a".into()));
    let fills = order["fills"].as_array().expect("fills");
    assert!(fills.len() > 1);
    let total = |f: &dyn Fn(&Value) -> Decimal| fills.iter().map(f).sum::<Decimal>();
    let quantity = total(&|f| decimal(&f["qty"]));
    let value = total(&|f| decimal(&f["qty"]) * decimal(&f["price"]));
    let fee = total(&|f| decimal(&f["commission"]));
    assert_eq!(quantity, d("3"));
    assert_eq!(value, decimal(&order["cummulativeQuoteQty"]));
    assert_eq!(fills[0]["commissionAsset"], "BTC");
    assert_eq!(balance(&mut desk, "BTC"), (d("13") - fee, d("0")));
    assert_eq!(balance(&mut desk, "USDT"), (d("1000000") - value, d("0")));
    let trades = desk
        .call("GET /api/v3/myTrades", &format!("symbol=BTCUSDT&orderId={}", order["orderId"]))
        .ok();
    assert_eq!(trades.as_array().map(Vec::len), Some(fills.len()));
}

#[test]
fn a_quote_amount_buys_whole_lots_within_it() {
    let mut desk = desk();
    let order = desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=101.2").ok();
    assert_eq!(order["status"], "FILLED");
    assert_eq!(order["executedQty"], "0.00168000", "101.2 / 60000.01 down to the lot");
    assert_eq!(order["origQuoteOrderQty"], "101.20000000");
    assert!(decimal(&order["cummulativeQuoteQty"]) <= d("101.2"));
    assert_eq!(desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=4").code(), -1013);
    assert_eq!(
        desk.spot("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=50&quantity=1").code(),
        -1128
    );
}

#[test]
fn replies_come_in_three_sizes() {
    let mut desk = desk();
    let mut place = |extra: &str| {
        desk.call(
            "POST /api/v3/order",
            &format!("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001{extra}"),
        )
        .ok()
    };
    assert!(place("&newOrderRespType=ACK").get("status").is_none());
    let result = place("&newOrderRespType=RESULT");
    assert!(result["status"] == "FILLED" && result.get("fills").is_none());
    assert!(place("").get("fills").is_some(), "FULL is the default of MARKET");
    let maker = desk
        .call(
            "POST /api/v3/order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.001&price=50000",
        )
        .ok();
    assert!(maker.get("status").is_none(), "ACK is the default of LIMIT_MAKER");
}

#[test]
fn a_limit_order_locks_and_releases_funds() {
    let mut desk = desk();
    let order = desk.spot(&format!("{LIMIT}&quantity=2&price=50000&newClientOrderId=rest")).ok();
    assert_eq!((&order["status"], &order["fills"]), (&"NEW".into(), &serde_json::json!([])));
    assert_eq!(balance(&mut desk, "USDT"), (d("900000"), d("100000")));
    let query = desk.call("GET /api/v3/order", "symbol=BTCUSDT&origClientOrderId=rest").ok();
    assert_eq!((&query["isWorking"], &query["orderId"]), (&true.into(), &order["orderId"]));
    let gone = desk
        .call("DELETE /api/v3/order", "symbol=BTCUSDT&origClientOrderId=rest&newClientOrderId=bye")
        .ok();
    assert_eq!(
        (&gone["status"], &gone["origClientOrderId"], &gone["clientOrderId"]),
        (&"CANCELED".into(), &"rest".into(), &"bye".into())
    );
    assert_eq!(balance(&mut desk, "USDT"), (d("1000000"), d("0")));
    assert_eq!(
        desk.call("DELETE /api/v3/order", "symbol=BTCUSDT&origClientOrderId=rest").code(),
        -2011
    );
    assert_eq!(
        desk.call("GET /api/v3/order", "symbol=BTCUSDT&origClientOrderId=nope").code(),
        -2013
    );
    assert_eq!(desk.call("DELETE /api/v3/openOrders", "symbol=BTCUSDT").code(), -2011);
}

#[test]
fn price_improvement_goes_back_to_the_buyer() {
    let mut desk = desk();
    let order = desk.spot(&format!("{LIMIT}&quantity=0.1&price=61000")).ok();
    assert_eq!(order["status"], "FILLED");
    assert_eq!(decimal(&order["cummulativeQuoteQty"]), d("6000.001"));
    assert_eq!(balance(&mut desk, "USDT"), (d("993999.999"), d("0")));
}

#[test]
fn each_filter_answers_with_its_name() {
    let mut desk = desk();
    let mut failure = |params: &str| {
        let reply = desk.spot(params);
        assert_eq!(reply.status, 400, "{}", reply.body);
        reply.body["msg"].as_str().expect("text").to_owned()
    };
    let limit = |price: &str, quantity: &str| format!("{LIMIT}&price={price}&quantity={quantity}");
    assert_eq!(failure(&limit("50000.001", "1")), "Filter failure: PRICE_FILTER");
    assert_eq!(failure(&limit("1000001", "1")), "Filter failure: PRICE_FILTER");
    assert_eq!(failure(&limit("50000", "0.000001")), "Filter failure: LOT_SIZE");
    assert_eq!(failure(&limit("50000", "0.000011")), "Filter failure: LOT_SIZE");
    assert_eq!(failure(&limit("50000", "0.00001")), "Filter failure: NOTIONAL");
    assert_eq!(failure(&limit("300000.01", "1")), "Filter failure: PERCENT_PRICE_BY_SIDE");
    assert_eq!(failure(&limit("11999.99", "1")), "Filter failure: PERCENT_PRICE_BY_SIDE");
    assert_eq!(
        failure("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=85"),
        "Filter failure: MARKET_LOT_SIZE"
    );
    assert_eq!(
        failure(&limit("50000", "0.123456789")),
        "Parameter 'quantity' has too much precision."
    );
    assert_eq!(
        failure("symbol=SHIBUSDT&side=SELL&type=MARKET&quantity=1750000.123"),
        "Parameter 'quantity' has too much precision."
    );
}

#[test]
fn parameters_are_checked_by_type() {
    let mut desk = desk();
    let mut code = |params: &str| desk.spot(params).code();
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET"), -1102);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timeInForce=GTC"), -1106);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=1"), -1106);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=50000"), -1102);
    assert_eq!(code(&format!("{LIMIT}&quantity=1&price=50000&stopPrice=1")), -1106);
    assert_eq!(
        code("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=50000"),
        -1115
    );
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=STOP_LOSS&quantity=1"), -1102);
    assert_eq!(code("symbol=btcusdt&side=BUY&type=MARKET&quantity=1"), -1100);
    assert_eq!(code("symbol=ABCUSDT&side=BUY&type=MARKET&quantity=1"), -1121);
    assert_eq!(code(&format!("{LIMIT}&quantity=1&price=50000&newClientOrderId=a%20b")), -1100);
    assert_eq!(code(&format!("{LIMIT}&quantity=1&price=50000&positionSide=LONG")), -1104);
    assert_eq!(code(&format!("{LIMIT}&quantity=1&price=50000&price=50001")), -1101);
}

#[test]
fn money_and_client_ids_are_limited() {
    let mut desk = desk();
    let poor = desk.spot("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=10.1");
    assert_eq!(poor.body["msg"], "Account has insufficient balance for requested action.");
    assert_eq!(desk.spot(&format!("{LIMIT}&quantity=20.01&price=50000")).code(), -2010);
    let order = format!("{LIMIT}&quantity=0.1&price=50000&newClientOrderId=same");
    desk.spot(&order).ok();
    let twice = desk.spot(&order);
    assert_eq!((twice.code(), &twice.body["msg"]), (-2010, &"Duplicate order sent.".into()));
    desk.call("DELETE /api/v3/openOrders", "symbol=BTCUSDT").ok();
    desk.spot(&order).ok();
}

#[test]
fn time_in_force_and_post_only() {
    let mut desk = desk();
    let order = |tif: &str, price: &str, quantity: &str| {
        format!(
            "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce={tif}&quantity={quantity}&price={price}"
        )
    };
    let killed = desk.spot(&order("FOK", "59999.99", "10")).ok();
    assert_eq!(
        (&killed["status"], &killed["executedQty"]),
        (&"EXPIRED".into(), &"0.00000000".into())
    );
    assert_eq!(balance(&mut desk, "BTC"), (d("10"), d("0")));
    let partial = desk.spot(&order("IOC", "59999.99", "10")).ok();
    assert_eq!(partial["status"], "EXPIRED");
    assert!(decimal(&partial["executedQty"]) > Decimal::ZERO);
    assert_eq!(balance(&mut desk, "BTC").1, d("0"));
    let taker = desk.spot("symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=60000.02");
    assert_eq!(taker.body["msg"], "Order would immediately match and take.");
    desk.spot("symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=60000").ok();
}

#[test]
fn stop_orders_wait_for_their_price() {
    let mut desk = desk();
    let early = desk.spot("symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=1&stopPrice=60000");
    assert_eq!(early.body["msg"], "Stop price would trigger immediately.");
    desk.spot(
        "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.1&stopPrice=59000&newClientOrderId=sl",
    )
    .ok();
    desk.spot("symbol=BTCUSDT&side=SELL&type=TAKE_PROFIT_LIMIT&timeInForce=GTC&quantity=0.1&stopPrice=61000&price=61500&newClientOrderId=tp").ok();
    let query = |desk: &mut Desk, id: &str| {
        desk.call("GET /api/v3/order", &format!("symbol=BTCUSDT&origClientOrderId={id}")).ok()
    };
    assert_eq!(query(&mut desk, "sl")["isWorking"], false);
    assert_eq!(balance(&mut desk, "BTC"), (d("9.8"), d("0.2")));
    desk.pin(Market::Spot, "BTCUSDT", "58990");
    assert_eq!(query(&mut desk, "sl")["status"], "FILLED");
    desk.pin(Market::Spot, "BTCUSDT", "61000");
    let tp = query(&mut desk, "tp");
    assert_eq!((&tp["status"], &tp["isWorking"]), (&"NEW".into(), &true.into()));
    desk.pin(Market::Spot, "BTCUSDT", "61600");
    assert_eq!(query(&mut desk, "tp")["status"], "FILLED");
    assert_eq!(balance(&mut desk, "BTC"), (d("9.8"), d("0")));
    for n in 0..5 {
        desk.spot(&format!(
            "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.1&stopPrice={}",
            50_000 + n
        ))
        .ok();
    }
    let sixth = desk.spot("symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.1&stopPrice=50009");
    assert_eq!(sixth.body["msg"], "Filter failure: MAX_NUM_ALGO_ORDERS");
}

#[test]
fn a_triggered_buy_stop_pays_the_market_and_gets_the_rest_back() {
    let mut desk = desk();
    desk.spot("symbol=BTCUSDT&side=BUY&type=STOP_LOSS&quantity=0.1&stopPrice=61000").ok();
    assert_eq!(balance(&mut desk, "USDT"), (d("993900"), d("6100")));
    desk.pin(Market::Spot, "BTCUSDT", "61000");
    assert_eq!(balance(&mut desk, "USDT"), (d("1000000") - d("6100.001"), d("0")));
}

#[test]
fn a_test_order_is_checked_but_not_placed() {
    let mut desk = desk();
    let test = |desk: &mut Desk, params: &str| desk.call("POST /api/v3/order/test", params);
    assert_eq!(
        test(&mut desk, &format!("{LIMIT}&quantity=1&price=50000")).ok(),
        serde_json::json!({})
    );
    assert_eq!(test(&mut desk, &format!("{LIMIT}&quantity=1&price=50000.001")).code(), -1013);
    assert_eq!(desk.exchange.counters().orders, 0);
}

#[test]
fn a_halted_symbol_takes_no_orders_but_lets_them_go() {
    let mut desk = desk();
    desk.spot(&format!("{LIMIT}&quantity=1&price=50000&newClientOrderId=x")).ok();
    assert!(desk.exchange.set_status(Market::Spot, "BTCUSDT", TradingStatus::Halt));
    assert_eq!(desk.spot(&format!("{LIMIT}&quantity=1&price=50000")).code(), -1013);
    desk.call("DELETE /api/v3/order", "symbol=BTCUSDT&origClientOrderId=x").ok();
    let info = desk.send("GET /api/v3/exchangeInfo", "symbol=BTCUSDT", "").ok();
    assert_eq!(info["symbols"][0]["status"], "HALT");
}

#[test]
fn exchange_information_is_selectable_and_like_the_sample() {
    let mut desk = desk();
    let mut get = |query: &str| desk.send("GET /api/v3/exchangeInfo", query, "");
    let two = get("symbols=%5B%22BTCUSDT%22,%22SHIBUSDT%22%5D").ok();
    assert_eq!(two["symbols"].as_array().map(Vec::len), Some(2));
    let shib = &two["symbols"][1];
    assert_eq!(shib["filters"][1]["stepSize"], "1.00");
    assert_eq!(shib["filters"][1]["maxQty"], "46116860414.00");
    let btc = &two["symbols"][0]["filters"];
    assert_eq!(btc[0]["tickSize"], "0.01000000");
    assert_eq!(btc[3]["maxQty"], "84.50000000");
    assert_eq!(get("symbol=NOPE").code(), -1121);
    assert_eq!(get("symbols=BTCUSDT").code(), -1130);
    let ticker = desk.send("GET /api/v3/ticker/bookTicker", "symbol=BTCUSDT", "").ok();
    assert_eq!(ticker["askPrice"], "60000.01000000");
    let depth = desk.send("GET /api/v3/depth", "symbol=BTCUSDT&limit=3", "").ok();
    assert_eq!(depth["asks"].as_array().map(Vec::len), Some(3));
}
