//! Linear perpetuals: each rule by its name.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use hoox_venue::Market;
use rust_decimal::Decimal;
use serde_json::Value;
use support::{Desk, T0, d};

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.pin(Market::Linear, "BTCUSDT", "60000");
    desk
}

fn decimal(value: &Value) -> Decimal {
    d(value.as_str().expect("a string"))
}

#[test]
fn a_market_order_fills_and_opens_a_position() {
    let mut desk = desk();
    let order = desk
        .linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.012&newClientOrderId=dev-l-004")
        .ok();
    assert_eq!(order["status"], "FILLED");
    assert_eq!(order["clientOrderId"], "dev-l-004");
    assert_eq!(order["origQty"], "0.012");
    assert_eq!(order["executedQty"], "0.012");
    assert_eq!(order["avgPrice"], "60000.10000", "one tick above the mid price");
    assert_eq!(order["cumQuote"], "720.0012");
    assert_eq!(order["positionSide"], "BOTH");
    let position = &desk.call("GET /fapi/v3/positionRisk", "").ok()[0];
    assert_eq!(position["positionAmt"], "0.012");
    assert_eq!(position["entryPrice"], "60000.1");
    assert_eq!(desk.call("GET /fapi/v3/positionRisk", "").ok().as_array().map(Vec::len), Some(1));
    let fills = desk.call("GET /fapi/v1/userTrades", "symbol=BTCUSDT").ok();
    assert_eq!(fills[0]["commission"], "0.36000060");
    assert_eq!(fills[0]["maker"], false);
    assert_eq!(fills[0]["orderId"], order["orderId"]);
    let balance = desk.call("GET /fapi/v3/balance", "").ok();
    assert_eq!(balance[0]["balance"], "999999.63999940");
}

#[test]
fn an_acknowledgement_tells_no_outcome() {
    let mut desk = desk();
    let ack =
        desk.call("POST /fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.012").ok();
    assert_eq!((&ack["status"], &ack["executedQty"]), (&"NEW".into(), &"0.000".into()));
    assert!(ack.get("avgPrice").is_none());
    let id = &ack["orderId"];
    let order = desk.call("GET /fapi/v1/order", &format!("symbol=BTCUSDT&orderId={id}")).ok();
    assert_eq!(order["status"], "FILLED");
}

#[test]
fn a_large_market_order_sweeps_levels_and_what_is_left_expires() {
    let mut desk = desk();
    let order = desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=20").ok();
    assert_eq!(order["status"], "FILLED");
    assert!(decimal(&order["avgPrice"]) < d("59999.9"));
    let fills = desk.call("GET /fapi/v1/userTrades", "symbol=BTCUSDT").ok();
    let fills = fills.as_array().expect("fills");
    assert!(fills.len() > 3);
    let (mut quantity, mut value) = (Decimal::ZERO, Decimal::ZERO);
    for f in fills {
        quantity += decimal(&f["qty"]);
        value += decimal(&f["qty"]) * decimal(&f["price"]);
    }
    assert_eq!(quantity, d("20"));
    assert_eq!(value, decimal(&order["cumQuote"]));
    // 60 levels hold a few hundred coins; leverage 1 keeps the position limit out of the way.
    desk.tick();
    desk.call("POST /fapi/v1/leverage", "symbol=1000PEPEUSDT&leverage=10").ok();
    let mut status = Vec::new();
    for _ in 0..40 {
        let order = desk.linear("symbol=1000PEPEUSDT&side=BUY&type=MARKET&quantity=10000000");
        if order.status != 200 {
            assert_eq!(order.code(), -2019);
            break;
        }
        status.push(order.ok()["status"].as_str().expect("status").to_owned());
    }
    assert!(status.contains(&"FILLED".to_owned()), "{status:?}");
}

#[test]
fn liquidity_taken_is_gone_until_the_next_price_step() {
    let mut desk = desk();
    let first = desk
        .linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=100&price=60000.1")
        .ok();
    assert_eq!(first["status"], "EXPIRED");
    let taken = decimal(&first["executedQty"]);
    assert!(taken > Decimal::ZERO && taken < d("100"));
    let second = desk
        .linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=100&price=60000.1")
        .ok();
    assert_eq!((&second["status"], &second["executedQty"]), (&"EXPIRED".into(), &"0.000".into()));
    desk.tick();
    let third = desk
        .linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=100&price=60000.1")
        .ok();
    assert!(decimal(&third["executedQty"]) > Decimal::ZERO);
}

#[test]
fn a_resting_order_fills_over_time_when_the_price_crosses() {
    let mut desk = desk();
    let order = desk
        .linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=4&price=59000&newClientOrderId=rest")
        .ok();
    assert_eq!(order["status"], "NEW");
    desk.pin(Market::Linear, "BTCUSDT", "58999.9");
    let query = |desk: &mut Desk| {
        desk.call("GET /fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=rest").ok()
    };
    let partial = query(&mut desk);
    assert_eq!(partial["status"], "PARTIALLY_FILLED");
    for _ in 0..50 {
        desk.tick();
        query(&mut desk);
    }
    let done = query(&mut desk);
    assert_eq!(done["status"], "FILLED");
    assert_eq!(done["avgPrice"], "59000.00000", "a maker trades at its own price");
    let fills = desk.call("GET /fapi/v1/userTrades", "symbol=BTCUSDT").ok();
    assert!(fills.as_array().is_some_and(|f| f.len() > 1 && f.iter().all(|f| f["maker"] == true)));
}

#[test]
fn each_filter_answers_with_its_number() {
    let mut desk = desk();
    let mut code = |price: &str, quantity: &str| {
        desk.linear(&format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
        ))
        .code()
    };
    assert_eq!(code("59000.05", "0.1"), -4014, "tick");
    assert_eq!(code("59000.055", "0.1"), -1111, "price precision");
    assert_eq!(code("500", "1"), -4013, "minimum price");
    assert_eq!(code("63000.1", "0.1"), -4016, "5 % above the mark price");
    assert_eq!(code("59000", "0.0011"), -1111, "quantity precision");
    assert_eq!(code("59000", "0"), -4003);
    assert_eq!(code("59000", "1000.001"), -4005);
    assert_eq!(code("59000", "0.001"), -4164, "notional below 100");
    assert_eq!(code("0", "0.1"), -4001);
    let mut sell = |p: &str| {
        desk.linear(&format!(
            "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.1&price={p}"
        ))
        .code()
    };
    assert_eq!(sell("56999.9"), -4024);
    let market = desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=120.001");
    assert_eq!(market.code(), -4005);
    let small = desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001");
    assert_eq!(small.code(), -4164);
    assert_eq!(
        small.body["msg"],
        "Order's notional must be no smaller than 100 (unless you choose reduce only)."
    );
}

#[test]
fn parameters_are_checked_by_type() {
    let mut desk = desk();
    let mut code = |params: &str| desk.linear(params).code();
    assert_eq!(code("side=BUY&type=MARKET&quantity=1"), -1102);
    assert_eq!(code("symbol=NOPEUSDT&side=BUY&type=MARKET&quantity=1"), -1121);
    assert_eq!(code("symbol=BTCUSDT&side=LONG&type=MARKET&quantity=1"), -1117);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=LMT&quantity=1"), -1116);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=60000"), -1102);
    assert_eq!(
        code("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=60000&timeInForce=DAY"),
        -1115
    );
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=60000"), -1106);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&positionSide=UP"), -1130);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1e3"), -1100);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity="), -1105);
    assert_eq!(code("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&colour=red"), -1104);
    for kind in ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
    {
        let params = format!("symbol=BTCUSDT&side=SELL&type={kind}&quantity=1&stopPrice=50000");
        assert_eq!(code(&params), -4120, "{kind}");
    }
}

#[test]
fn client_ids_are_unique_among_open_orders_only() {
    let mut desk = desk();
    let resting = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000&newClientOrderId=same";
    desk.linear(resting).ok();
    assert_eq!(desk.linear(resting).code(), -4116);
    assert_eq!(desk.exchange.counters().duplicate_client_ids, 1);
    assert_eq!(desk.exchange.counters().reused_client_ids, 0);
    desk.call("DELETE /fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=same").ok();
    desk.linear(resting).ok();
    assert_eq!(desk.exchange.counters().reused_client_ids, 1);
    let long = "a".repeat(37);
    let params =
        format!("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&newClientOrderId={long}");
    assert_eq!(desk.linear(&params).code(), -4015);
}

#[test]
fn reduce_only_closes_and_never_opens() {
    let mut desk = desk();
    let sell = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.5&reduceOnly=true";
    assert_eq!(desk.linear(sell).code(), -2022, "no position");
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.2").ok();
    let buy = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&reduceOnly=true";
    assert_eq!(desk.linear(buy).code(), -2022, "would increase");
    let closed = desk.linear(sell).ok();
    assert_eq!((&closed["origQty"], &closed["status"]), (&"0.200".into(), &"FILLED".into()));
    assert_eq!(desk.position(), Decimal::ZERO);
    // Below the minimum notional is fine for reduce-only.
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002").ok();
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&reduceOnly=true").ok();
}

#[test]
fn a_resting_reduce_only_order_expires_with_its_position() {
    let mut desk = desk();
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.2").ok();
    let order = desk
        .linear("symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.2&price=62000&reduceOnly=true&newClientOrderId=tp")
        .ok();
    assert_eq!(order["status"], "NEW");
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.2").ok();
    let order = desk.call("GET /fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=tp").ok();
    assert_eq!(order["status"], "EXPIRED");
    let gone = desk.call("GET /fapi/v1/openOrder", "symbol=BTCUSDT&origClientOrderId=tp");
    assert_eq!(gone.code(), -2013);
}

#[test]
fn post_only_and_fill_or_kill_are_refused_when_impossible() {
    let mut desk = desk();
    let order = |tif: &str, price: &str, quantity: &str| {
        format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce={tif}&quantity={quantity}&price={price}"
        )
    };
    assert_eq!(desk.linear(&order("GTX", "60000.1", "0.1")).code(), -5022);
    assert_eq!(desk.linear(&order("GTX", "60000.0", "0.1")).ok()["status"], "NEW");
    assert_eq!(desk.linear(&order("FOK", "60000.1", "50")).code(), -5021);
    assert_eq!(desk.linear(&order("FOK", "60000.1", "0.1")).ok()["status"], "FILLED");
    assert_eq!(desk.linear(&order("IOC", "59000", "0.1")).ok()["status"], "EXPIRED");
}

#[test]
fn hedge_mode_wants_a_side_and_keeps_two_positions() {
    let mut desk = desk();
    let dual = |v: bool| format!("dualSidePosition={v}");
    assert_eq!(desk.call("POST /fapi/v1/positionSide/dual", &dual(false)).code(), -4059);
    desk.call("POST /fapi/v1/positionSide/dual", &dual(true)).ok();
    let mode = desk.call("GET /fapi/v1/positionSide/dual", "").ok();
    assert_eq!(mode["dualSidePosition"], true);
    let order = |side: &str, position: &str, quantity: &str| {
        format!("symbol=BTCUSDT&side={side}&type=MARKET&quantity={quantity}{position}")
    };
    assert_eq!(desk.linear(&order("BUY", "", "0.1")).code(), -4061);
    desk.linear(&order("BUY", "&positionSide=LONG", "0.3")).ok();
    desk.linear(&order("SELL", "&positionSide=SHORT", "0.1")).ok();
    let reduce = order("SELL", "&positionSide=LONG&reduceOnly=true", "0.1");
    assert_eq!(desk.linear(&reduce).code(), -1106);
    assert_eq!(desk.linear(&order("SELL", "&positionSide=LONG", "0.4")).code(), -2022);
    desk.linear(&order("SELL", "&positionSide=LONG", "0.1")).ok();
    let positions = desk.call("GET /fapi/v3/positionRisk", "").ok();
    assert_eq!(
        (&positions[0]["positionSide"], &positions[0]["positionAmt"]),
        (&"LONG".into(), &"0.200".into())
    );
    assert_eq!(
        (&positions[1]["positionSide"], &positions[1]["positionAmt"]),
        (&"SHORT".into(), &"-0.100".into())
    );
    assert_eq!(desk.call("POST /fapi/v1/positionSide/dual", &dual(false)).code(), -4068);
    desk.linear("symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=3000&positionSide=LONG").ok();
    assert_eq!(desk.call("POST /fapi/v1/positionSide/dual", &dual(false)).code(), -4067);
}

#[test]
fn margin_limits_size_and_leverage_limits_notional() {
    let mut desk = desk();
    let order = |quantity: u32| {
        format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price=59000"
        )
    };
    // 20x on 1,000,000 USDT: 20,000,000 of notional.
    assert_eq!(desk.linear(&order(340)).code(), -2019);
    desk.linear(&order(330)).ok();
    assert_eq!(desk.linear(&order(10)).code(), -2019);
    let account = desk.call("GET /fapi/v3/account", "").ok();
    assert_eq!(decimal(&account["totalOpenOrderInitialMargin"]), d("973500"));
    assert_eq!(decimal(&account["availableBalance"]), d("26500"));
    desk.call("DELETE /fapi/v1/allOpenOrders", "symbol=BTCUSDT").ok();
    let set = |leverage: u32| format!("symbol=BTCUSDT&leverage={leverage}");
    let reply = desk.call("POST /fapi/v1/leverage", &set(125)).ok();
    assert_eq!(reply["maxNotionalValue"], "300000");
    assert_eq!(desk.linear(&order(6)).code(), -2027);
    assert_eq!(desk.call("POST /fapi/v1/leverage", &set(126)).code(), -4028);
    assert_eq!(desk.call("POST /fapi/v1/leverage", &set(0)).code(), -4028);
    let brackets = desk.call("GET /fapi/v1/leverageBracket", "symbol=BTCUSDT").ok();
    assert_eq!(brackets[0]["brackets"][0]["initialLeverage"], 125);
    let config = desk.call("GET /fapi/v1/symbolConfig", "symbol=BTCUSDT").ok();
    assert_eq!(config[0]["leverage"], 125);
}

#[test]
fn margin_type_changes_only_when_flat() {
    let mut desk = desk();
    let set = "symbol=BTCUSDT&marginType=ISOLATED";
    assert_eq!(
        desk.call("POST /fapi/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED").code(),
        -4046
    );
    desk.linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000").ok();
    assert_eq!(desk.call("POST /fapi/v1/marginType", set).code(), -4047);
    desk.call("DELETE /fapi/v1/allOpenOrders", "symbol=BTCUSDT").ok();
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1").ok();
    assert_eq!(desk.call("POST /fapi/v1/marginType", set).code(), -4048);
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1").ok();
    desk.call("POST /fapi/v1/marginType", set).ok();
    let risk = desk.call("GET /fapi/v2/positionRisk", "symbol=BTCUSDT").ok();
    assert_eq!((&risk[0]["marginType"], &risk[0]["leverage"]), (&"isolated".into(), &"20".into()));
}

#[test]
fn profit_is_realized_when_closing() {
    let mut desk = desk();
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1").ok();
    desk.pin(Market::Linear, "BTCUSDT", "61000");
    let risk = desk.call("GET /fapi/v3/positionRisk", "").ok();
    assert_eq!(decimal(&risk[0]["unRealizedProfit"]), d("99.99"));
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1").ok();
    let fills = desk.call("GET /fapi/v1/userTrades", "symbol=BTCUSDT").ok();
    let pnl = decimal(&fills[1]["realizedPnl"]);
    assert_eq!(pnl, d("99.98"), "bought at 60000.1, sold at 60999.9");
    let wallet = decimal(&desk.call("GET /fapi/v3/balance", "").ok()[0]["balance"]);
    let fees: Decimal = [0, 1].iter().map(|&n: &usize| decimal(&fills[n]["commission"])).sum();
    assert_eq!(wallet, d("1000000") + pnl - fees);
}

#[test]
fn an_order_can_be_modified() {
    let mut desk = desk();
    desk.linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000&newClientOrderId=m").ok();
    let put = |price: &str, quantity: &str| {
        format!("symbol=BTCUSDT&side=BUY&origClientOrderId=m&quantity={quantity}&price={price}")
    };
    let order = desk.call("PUT /fapi/v1/order", &put("51000", "0.2")).ok();
    assert_eq!((&order["price"], &order["origQty"]), (&"51000.0".into(), &"0.200".into()));
    assert_eq!(desk.call("PUT /fapi/v1/order", &put("51000", "0.2")).code(), -5027);
    let filled = desk.call("PUT /fapi/v1/order", &put("60000.1", "0.2")).ok();
    assert_eq!(filled["status"], "FILLED");
    assert_eq!(desk.call("PUT /fapi/v1/order", &put("50000", "0.2")).code(), -2013);
}

#[test]
fn conditional_orders_trigger_on_the_moving_price() {
    let mut desk = desk();
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.3").ok();
    assert_eq!(
        desk.algo("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice=60500")
            .code(),
        -2021
    );
    let stop = desk
        .algo("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice=59000&reduceOnly=true&clientAlgoId=stop")
        .ok();
    assert_eq!((&stop["algoStatus"], &stop["triggerPrice"]), (&"NEW".into(), &"59000.0".into()));
    assert_eq!(
        desk.algo("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice=58000&clientAlgoId=stop").code(),
        -4116
    );
    desk.algo("symbol=BTCUSDT&side=SELL&type=TAKE_PROFIT_MARKET&triggerPrice=62000&closePosition=true&clientAlgoId=tp").ok();
    desk.algo("symbol=BTCUSDT&side=SELL&type=TRAILING_STOP_MARKET&quantity=0.1&callbackRate=1&clientAlgoId=trail").ok();
    let open = desk.call("GET /fapi/v1/openAlgoOrders", "symbol=BTCUSDT").ok();
    assert_eq!(open.as_array().map(Vec::len), Some(3));

    desk.pin(Market::Linear, "BTCUSDT", "59400");
    assert_eq!(desk.position(), d("0.2"), "trailing stop: one percent off its best price");
    desk.pin(Market::Linear, "BTCUSDT", "59000");
    assert_eq!(desk.position(), d("0.1"));
    let stop = desk.call("GET /fapi/v1/algoOrder", "clientAlgoId=stop").ok();
    assert_eq!(stop["algoStatus"], "FINISHED");
    let id = stop["actualOrderId"].as_str().expect("id");
    let order = desk.call("GET /fapi/v1/order", &format!("symbol=BTCUSDT&orderId={id}")).ok();
    assert_eq!((&order["status"], &order["reduceOnly"]), (&"FILLED".into(), &true.into()));
    desk.pin(Market::Linear, "BTCUSDT", "62000");
    assert_eq!(desk.position(), Decimal::ZERO);
    assert_eq!(desk.call("DELETE /fapi/v1/algoOrder", "clientAlgoId=tp").code(), -2011);
}

#[test]
fn conditional_orders_can_be_cancelled_and_have_their_own_rules() {
    let mut desk = desk();
    let stop = desk.algo("symbol=BTCUSDT&side=SELL&type=STOP&quantity=0.1&triggerPrice=59000&price=58900&timeInForce=GTC").ok();
    let id = &stop["algoId"];
    let gone = desk.call("DELETE /fapi/v1/algoOrder", &format!("algoId={id}")).ok();
    assert_eq!((&gone["code"], &gone["msg"]), (&"200".into(), &"success".into()));
    let query = desk.call("GET /fapi/v1/algoOrder", &format!("algoId={id}")).ok();
    assert_eq!(query["algoStatus"], "CANCELED");
    let mut code = |params: &str| desk.algo(params).code();
    assert_eq!(code("symbol=BTCUSDT&side=SELL&type=STOP&quantity=0.1&triggerPrice=59000"), -1102);
    assert_eq!(
        code(
            "symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&closePosition=true&triggerPrice=59000"
        ),
        -1106
    );
    assert_eq!(
        code("symbol=BTCUSDT&side=SELL&type=TRAILING_STOP_MARKET&quantity=0.1&callbackRate=11"),
        -2007
    );
    assert_eq!(
        code("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice=59000.05"),
        -4014
    );
    for n in 0..10 {
        desk.algo(&format!(
            "symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice={}",
            50_000 + n
        ))
        .ok();
    }
    let full =
        desk.algo("symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1&triggerPrice=51000");
    assert_eq!(full.code(), -4045);
    desk.call("DELETE /fapi/v1/algoOpenOrders", "symbol=BTCUSDT").ok();
    let open = desk.call("GET /fapi/v1/openAlgoOrders", "").ok();
    assert_eq!(open, serde_json::json!([]));
}

#[test]
fn open_orders_are_limited_listed_and_cancelled_together() {
    let mut desk = desk();
    for n in 0..200 {
        desk.linear(&format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price={}",
            50_000 + n
        ))
        .ok();
    }
    let more = desk
        .linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=50000");
    assert_eq!(more.code(), -2025);
    let open = desk.call("GET /fapi/v1/openOrders", "symbol=BTCUSDT").ok();
    assert_eq!(open.as_array().map(Vec::len), Some(200));
    desk.call("DELETE /fapi/v1/allOpenOrders", "symbol=BTCUSDT").ok();
    let open = desk.call("GET /fapi/v1/openOrders", "").ok();
    assert_eq!(open, serde_json::json!([]));
    let all = desk.call("GET /fapi/v1/allOrders", "symbol=BTCUSDT&limit=7").ok();
    assert_eq!(all.as_array().map(Vec::len), Some(7));
    let balance = desk.call("GET /fapi/v3/balance", "").ok();
    assert_eq!(balance[0]["availableBalance"], "1000000.00000000", "margin came back");
}

#[test]
fn the_dead_mans_switch_cancels_when_not_renewed() {
    let mut desk = desk();
    desk.linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000").ok();
    let arm = "symbol=BTCUSDT&countdownTime=5000";
    desk.call("POST /fapi/v1/countdownCancelAll", arm).ok();
    desk.now += 4_000;
    desk.call("POST /fapi/v1/countdownCancelAll", arm).ok();
    desk.now += 4_999;
    let open = |desk: &mut Desk| {
        desk.call("GET /fapi/v1/openOrders", "symbol=BTCUSDT").ok().as_array().map(Vec::len)
    };
    assert_eq!(open(&mut desk), Some(1));
    desk.now += 1;
    assert_eq!(open(&mut desk), Some(0));
}

#[test]
fn public_data_and_listen_keys() {
    let mut desk = desk();
    let get = |desk: &mut Desk, line: &str, query: &str| desk.send(line, query, "").ok();
    assert_eq!(get(&mut desk, "GET /fapi/v1/time", "")["serverTime"], T0);
    let ticker = get(&mut desk, "GET /fapi/v1/ticker/bookTicker", "symbol=BTCUSDT");
    assert_eq!((&ticker["bidPrice"], &ticker["askPrice"]), (&"59999.9".into(), &"60000.1".into()));
    let book = get(&mut desk, "GET /fapi/v1/depth", "symbol=BTCUSDT&limit=5");
    assert_eq!(book["bids"].as_array().map(Vec::len), Some(5));
    assert_eq!(book["asks"][0][0], "60000.1");
    let mark = get(&mut desk, "GET /fapi/v1/premiumIndex", "symbol=BTCUSDT");
    assert_eq!(mark["markPrice"], "60000.00000000");
    let funding = get(&mut desk, "GET /fapi/v1/fundingRate", "symbol=BTCUSDT&limit=3");
    assert_eq!(funding.as_array().map(Vec::len), Some(3));
    let info = get(&mut desk, "GET /fapi/v1/exchangeInfo", "");
    let btc = &info["symbols"][0];
    assert_eq!(
        (&btc["symbol"], &btc["filters"][0]["tickSize"]),
        (&"BTCUSDT".into(), &"0.10".into())
    );
    let key = get(&mut desk, "POST /fapi/v1/listenKey", "")["listenKey"].clone();
    assert_eq!(key.as_str().map(str::len), Some(64));
    desk.now += 59 * 60_000;
    assert_eq!(get(&mut desk, "PUT /fapi/v1/listenKey", "")["listenKey"], key);
    desk.now += 60 * 60_000;
    assert_eq!(desk.send("PUT /fapi/v1/listenKey", "", "").code(), -1125);
}
