//! Funding on the wire: what is paid at the funding time, who hears of it, and what it leaves.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/mod.rs"]
mod binance;
#[path = "support/bybit.rs"]
mod bybit;
#[path = "support/mexc.rs"]
mod mexc;
#[path = "support/socket.rs"]
mod socket;

use binance::d;
use hoox_venue::{Config, Market, SessionId, Venue};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use socket::{connect, jsons, say, wait};

/// The first funding time after the desks open, and the one after.
const FUNDING: u64 = 1_700_006_400_000;
const NEXT: u64 = FUNDING + 8 * 3_600_000;

fn config() -> Config {
    Config { funding_rate: d("0.0001"), ..Config::default() }
}

/// A number as the venue writes it: text, or a JSON number.
fn number(value: &Value) -> Decimal {
    value.as_str().map_or_else(|| d(&value.to_string()), d)
}

#[test]
fn binance_tells_of_it_as_an_account_update() {
    let mut desk = binance::Desk::with(config());
    desk.pin(Market::Linear, "BTCUSDT", "60000");
    desk.linear("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5").ok();
    let wallet = |desk: &mut binance::Desk| {
        number(&desk.call("GET /fapi/v3/balance", "").ok()[0]["balance"])
    };
    let updates = |desk: &mut binance::Desk, session: SessionId| -> Vec<Value> {
        let heard = desk.heard(session).into_iter();
        heard.filter(|e| e["e"] == "ACCOUNT_UPDATE").map(|e| e["a"].clone()).collect()
    };
    desk.now = FUNDING - 200;
    let user = user_data(&mut desk);
    let before = wallet(&mut desk);
    desk.pass(100);
    assert_eq!((wallet(&mut desk), updates(&mut desk, user).len()), (before, 0), "not yet due");
    desk.pass(200);
    assert_eq!(wallet(&mut desk), before - d("3"), "0.5 x 60000 x 0.0001");
    let heard = updates(&mut desk, user);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let balance = &heard[0]["B"][0];
    assert_eq!((&heard[0]["m"], &heard[0]["P"]), (&json!("FUNDING_FEE"), &json!([])));
    assert_eq!((number(&balance["bc"]), number(&balance["wb"])), (d("-3"), before - d("3")));

    // Short from here on, and isolated: it receives, and the position is shown.
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.5").ok();
    desk.call("POST /fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED").ok();
    desk.linear("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.2").ok();
    desk.now = NEXT - 100;
    let user = user_data(&mut desk);
    let before = wallet(&mut desk);
    desk.pass(200);
    assert_eq!(wallet(&mut desk), before + d("1.2"));
    let heard = updates(&mut desk, user);
    assert_eq!((heard.len(), number(&heard[0]["B"][0]["bc"])), (1, d("1.2")));
    assert_eq!(number(&heard[0]["P"][0]["pa"]), d("-0.2"));
    let state = desk.exchange.state(desk.now, 0);
    assert_eq!(state.accounts[0].funding, d("-1.8"));
}

/// User data of the linear market, with a listen key of its own.
fn user_data(desk: &mut binance::Desk) -> SessionId {
    let key = desk.send("POST /fapi/v1/listenKey", "", "").ok()["listenKey"].clone();
    desk.open(&format!("/private/ws?listenKey={}", key.as_str().expect("text")))
}

#[test]
fn bybit_lists_it_among_the_executions() {
    let mut desk = bybit::Desk::with(config());
    desk.pin(Market::Linear, "BTCUSDT", "60000");
    desk.place(json!({ "qty": "0.5", "orderLinkId": "long" })).ok();
    desk.place(json!({ "category": "spot", "marketUnit": "baseCoin", "qty": "0.1" })).ok();
    let wallet = |desk: &mut bybit::Desk| {
        let wallet = desk.get("/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDT").ok();
        number(&wallet["list"][0]["coin"][0]["walletBalance"])
    };
    let list = |desk: &mut bybit::Desk, more: &str| {
        desk.get("/v5/execution/list", &format!("category=linear&symbol=BTCUSDT{more}")).ok()
    };
    desk.now = FUNDING - 1_000;
    let session = private(&mut desk);
    let before = wallet(&mut desk);
    assert_eq!(list(&mut desk, "&execType=Funding")["list"], json!([]));
    let now = desk.now + 900;
    assert!(wait(&mut desk.exchange, now, session).is_empty(), "not yet due");
    desk.now = FUNDING + 100;
    let now = desk.now;
    let pushed = jsons(&wait(&mut desk.exchange, now, session));
    let of = |topic: &str| -> Vec<&Value> {
        let rows = pushed.iter().filter(|f| f["topic"] == topic);
        rows.flat_map(|f| f["data"].as_array().expect("rows")).collect()
    };
    assert_eq!(wallet(&mut desk), before - d("3"), "0.5 x 60000 x 0.0001");
    let rows = of("execution");
    assert_eq!(rows.len(), 1, "{pushed:?}");
    assert_eq!((&rows[0]["execType"], &rows[0]["category"]), (&json!("Funding"), &json!("linear")));
    assert_eq!((&rows[0]["side"], number(&rows[0]["execFee"])), (&json!("Buy"), d("3")), "paid");
    let coins = of("wallet")[0]["coin"].clone();
    assert_eq!(number(&coins[0]["walletBalance"]), before - d("3"));
    assert_eq!(number(&of("position")[0]["size"]), d("0.5"));

    // Short from here on, so the next one is received.
    desk.place(json!({ "side": "Sell", "qty": "0.7", "orderLinkId": "short" })).ok();
    desk.now = NEXT + 100;
    let listed = list(&mut desk, "&execType=Funding")["list"].clone();
    let [received, paid] = [&listed[0], &listed[1]];
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert_eq!((&received["side"], number(&received["execFee"])), (&json!("Sell"), d("-1.2")));
    assert_eq!(number(&received["feeRate"]), d("-0.0001"));
    assert_eq!(received["execTime"], NEXT.to_string());
    for (name, wanted) in [
        ("execQty", "0.5"),
        ("execPrice", "60000"),
        ("execValue", "30000"),
        ("feeRate", "0.0001"),
        ("leavesQty", "0"),
    ] {
        assert_eq!(number(&paid[name]), d(wanted), "{name}");
    }
    assert_eq!(
        (&paid["execTime"], &paid["orderLinkId"]),
        (&json!(FUNDING.to_string()), &json!(""))
    );

    // Among all others it stands where its time puts it, and in no order's.
    let mut kinds = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&mut desk, &format!("&limit=1{cursor}"));
        let row = &page["list"][0];
        kinds.push(format!("{} {}", row["execType"], row["side"]).replace('"', ""));
        match page["nextPageCursor"].as_str() {
            Some(next) if !next.is_empty() => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    kinds.dedup();
    assert_eq!(kinds, ["Funding Sell", "Trade Sell", "Funding Buy", "Trade Buy"]);
    let own = desk.get("/v5/execution/list", "category=linear&orderLinkId=long").ok();
    let own = own["list"].as_array().expect("rows").clone();
    assert!(!own.is_empty() && own.iter().all(|row| row["execType"] == "Trade"));
    let spot = desk.get("/v5/execution/list", "category=spot").ok();
    let spot = spot["list"].as_array().expect("rows").clone();
    assert!(!spot.is_empty() && spot.iter().all(|row| row["execType"] == "Trade"));
    assert_eq!(list(&mut desk, "&execType=Settle")["list"], json!([]));
}

/// A private Bybit session with what funding touches.
fn private(desk: &mut bybit::Desk) -> SessionId {
    let session = connect(&mut desk.exchange, desk.now, "/bybit/v5/private").expect("open");
    let expires = desk.now + 1_000;
    let signature = bybit::sign(&desk.secret, &format!("GET/realtime{expires}"));
    let auth = json!({ "op": "auth", "args": [desk.key, expires, signature] });
    let topics = json!({ "op": "subscribe", "args": ["execution", "wallet", "position"] });
    for message in [auth, topics] {
        let answer = jsons(&say(&mut desk.exchange, desk.now, session, &message));
        assert_eq!(answer[0]["success"], true, "{answer:?}");
    }
    session
}

#[test]
fn mexc_keeps_records_of_it() {
    let mut desk = mexc::Desk::with(config());
    let price = Some(d("60000"));
    assert!(desk.exchange.set_price_on(Venue::Mexc, desk.now, Market::Linear, "BTC_USDT", price));
    let order = |desk: &mut mexc::Desk, side: u8, vol: u32| {
        let body =
            format!(r#"{{"symbol":"BTC_USDT","vol":{vol},"openType":2,"side":{side},"type":5}}"#);
        desk.futures("POST /api/v1/private/order/create", "", &body).ok();
    };
    order(&mut desk, 1, 5_000);
    let balance = |desk: &mut mexc::Desk| {
        let asset = desk.futures("GET /api/v1/private/account/asset/USDT", "", "").ok();
        number(&asset["data"]["cashBalance"])
    };
    let records = |desk: &mut mexc::Desk, query: &str| {
        desk.futures("GET /api/v1/private/position/funding_records", query, "").ok()["data"].clone()
    };
    desk.now = FUNDING - 1_000;
    let session = connect(&mut desk.exchange, desk.now, "/mexc/edge").expect("open");
    let signature = mexc::sign(&desk.secret, &format!("{}{}", desk.key, desk.now));
    let param =
        json!({ "apiKey": desk.key, "reqTime": desk.now.to_string(), "signature": signature });
    let login = json!({ "method": "login", "param": param });
    let answer = jsons(&say(&mut desk.exchange, desk.now, session, &login));
    assert_eq!(answer[0]["data"], "success");
    let before = balance(&mut desk);
    assert_eq!(records(&mut desk, "")["totalCount"], 0);
    let now = desk.now + 900;
    assert!(wait(&mut desk.exchange, now, session).is_empty(), "not yet due");
    desk.now = FUNDING + 100;
    let now = desk.now;
    let pushed = jsons(&wait(&mut desk.exchange, now, session));
    let of = |name: &str| {
        let channel = format!("push.personal.{name}");
        pushed.iter().find(|f| f["channel"] == channel).expect("a push")["data"].clone()
    };
    assert_eq!(balance(&mut desk), before - d("3"), "0.5 x 60000 x 0.0001");
    assert_eq!(number(&of("asset")["cashBalance"]), before - d("3"));
    assert_eq!(number(&of("position")["holdVol"]), d("5000"));
    let page = records(&mut desk, "symbol=BTC_USDT");
    let id = page["resultList"][0]["id"].clone();
    let wanted = json!({
        "pageSize": 20, "totalCount": 1, "totalPage": 1, "currentPage": 1,
        "resultList": [{
            "id": id, "symbol": "BTC_USDT", "positionType": 1, "positionValue": 30000,
            "funding": -3, "rate": 0.0001, "settleTime": FUNDING,
        }],
    });
    assert_eq!(page, wanted);

    // Short from here on, so the next one is received.
    order(&mut desk, 3, 7_000);
    desk.now = NEXT + 100;
    let page = records(&mut desk, "page_size=1");
    assert_eq!((&page["totalCount"], &page["totalPage"]), (&json!(2), &json!(2)));
    let [row] = page["resultList"].as_array().expect("rows").as_slice() else {
        unreachable!("one row: {page}")
    };
    assert_eq!((&row["positionType"], number(&row["funding"])), (&json!(2), d("1.2")));
    assert_eq!(records(&mut desk, "page_num=2&page_size=1")["resultList"][0]["id"], id);
    for (query, count) in [
        ("position_type=1", 1),
        ("position_type=2", 1),
        ("symbol=ETH_USDT", 0),
        (&*format!("start_time={NEXT}"), 1),
        (&*format!("end_time={FUNDING}"), 1),
    ] {
        assert_eq!(records(&mut desk, query)["totalCount"], count, "{query}");
    }
    let other =
        desk.futures("GET /api/v1/private/position/funding_records", "symbol=NOPE_USDT", "");
    assert_eq!(other.code(), 1001);
}
