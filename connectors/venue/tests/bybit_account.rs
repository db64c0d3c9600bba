//! Access, limits, settings, money and market data on the simulated Bybit, and its socket.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/bybit.rs"]
mod support;

use hoox_venue::{
    ApiKey, BybitConfig, BybitLimits, Config, Fault, FaultKind, Handled, HttpRequest, Server, Venue,
};
use serde_json::json;
use support::{Desk, PEER, T0, sign};

const INFO: &str = "/v5/account/info";

#[test]
fn the_signature_covers_the_exact_bytes() {
    let mut desk = Desk::new();
    desk.get("/v5/order/realtime", "symbol=BTCUSDT&category=linear").ok();
    desk.post_text(
        "/v5/order/create",
        "{ \"category\":\"linear\",\"symbol\":\"BTCUSDT\", \"side\":\"Buy\",\"orderType\":\"Market\",\"qty\":\"0.01\"}",
    )
    .ok();
    let at = T0.to_string();
    let good = sign(&desk.secret, &format!("{at}{}5000", desk.key));
    desk.send("GET", INFO, "", "", &at, "5000", &good).ok();
    assert_eq!(desk.send("GET", INFO, "", "", &at, "5001", &good).code(), 10004);
    assert_eq!(desk.send("GET", INFO, "a=1", "", &at, "5000", &good).code(), 10004);
    assert_eq!(desk.send("GET", INFO, "", "", &at, "5000", &good.to_uppercase()).code(), 10004);
    let missing = desk.raw("GET", INFO, "", "", &[]);
    assert_eq!((missing.raw.status, missing.code()), (401, 10003));
    desk.key = "nobody".to_owned();
    assert_eq!(desk.get(INFO, "").code(), 10003);
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).bad_signatures, 3);
}

#[test]
fn the_window_ends_just_before_one_second_ahead_and_at_recv_window_behind() {
    let mut desk = Desk::new();
    let mut at = |offset: i64| {
        let at = T0.saturating_add_signed(offset).to_string();
        let signature = sign(&desk.secret, &format!("{at}{}5000", desk.key));
        desk.send("GET", INFO, "", "", &at, "5000", &signature).code()
    };
    assert_eq!((at(999), at(1_000), at(-5_000), at(-5_001)), (0, 10002, 0, 10002));
}

#[test]
fn a_reading_key_may_not_trade() {
    let keys = vec![ApiKey { trade: false, ..ApiKey::hmac("reader", "its secret") }];
    let bybit = BybitConfig { keys, ..BybitConfig::default() };
    let mut desk = Desk::with(Config { bybit, ..Config::default() });
    desk.get(INFO, "").ok();
    assert_eq!(desk.place(json!({})).code(), 10005);
}

#[test]
fn a_get_with_a_body_is_forbidden_and_unknown_routes_are_not_found() {
    let mut desk = Desk::new();
    let reply = desk.raw("GET", "/v5/market/time", "", "{}", &[]);
    assert_eq!((reply.raw.status, reply.raw.body.as_slice()), (403, &b"access too frequent"[..]));
    let reply = desk.raw("GET", "/v5/market/nothing", "", "", &[]);
    assert_eq!((reply.raw.status, reply.code()), (404, 10017));
}

#[test]
fn a_user_has_so_many_requests_per_second_and_is_told() {
    let mut desk = Desk::with(Config::default());
    for left in (0..10).rev() {
        let reply = desk.place(json!({}));
        assert_eq!(reply.raw.header("X-Bapi-Limit"), Some("10"));
        assert_eq!(reply.raw.header("X-Bapi-Limit-Status"), Some(left.to_string().as_str()));
        reply.ok();
    }
    let refused = desk.place(json!({}));
    assert_eq!(refused.code(), 10006);
    let reset = refused.raw.header("X-Bapi-Limit-Reset-Timestamp").expect("a header");
    assert_eq!(reset, (T0 + 1_000).to_string());
    desk.get(INFO, "").ok();
    desk.now += 1_000;
    desk.place(json!({})).ok();
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).order_limited, 1);
}

#[test]
fn a_batch_over_the_budget_fails_in_part() {
    let mut desk = Desk::with(Config::default());
    let one = json!({ "symbol": "XRPUSDT", "side": "Buy", "orderType": "Market", "qty": "20" });
    let body = json!({ "category": "linear", "request": vec![one; 12] });
    let reply = desk.post("/v5/order/create-batch", &body);
    let list = reply.body["retExtInfo"]["list"].as_array().expect("codes").clone();
    let limited = list.iter().filter(|c| c["code"] == 10006).count();
    assert_eq!((list.len(), limited), (12, 2));
    desk.place(json!({})).ok();
}

#[test]
fn an_address_over_its_limit_is_out_for_ten_minutes() {
    let limits = BybitLimits { ip_requests_5s: 3, ..BybitLimits::default() };
    let bybit = BybitConfig { limits, ..BybitConfig::default() };
    let mut desk = Desk::with(Config { bybit, ..Config::default() });
    for _ in 0..3 {
        desk.get(INFO, "").ok();
    }
    let refused = desk.get(INFO, "");
    assert_eq!(
        (refused.raw.status, refused.raw.body.as_slice()),
        (403, &b"access too frequent"[..])
    );
    desk.now += 599_999;
    assert_eq!(desk.get(INFO, "").raw.status, 403);
    desk.now += 1;
    desk.get(INFO, "").ok();
}

#[test]
fn hedge_mode_is_set_per_symbol_and_positions_are_closed_by_their_side() {
    let mut desk = Desk::new();
    let mode = |mode: u8| json!({ "category": "linear", "symbol": "BTCUSDT", "mode": mode });
    assert_eq!(desk.post("/v5/position/switch-mode", &mode(0)).code(), 110025);
    desk.post("/v5/position/switch-mode", &mode(3)).ok();
    assert_eq!(desk.place(json!({})).code(), 10001, "no positionIdx");
    desk.place(json!({ "positionIdx": 1 })).ok();
    desk.place(json!({ "positionIdx": 2, "side": "Sell", "qty": "0.02" })).ok();
    desk.place(json!({ "symbol": "ETHUSDT", "qty": "0.1" })).ok();
    let (long, short) = (desk.position(0), desk.position(1));
    assert_eq!((long["positionIdx"].as_u64(), long["size"].as_str()), (Some(1), Some("0.01")));
    assert_eq!((short["side"].as_str(), short["size"].as_str()), (Some("Sell"), Some("0.02")));
    let close = json!({ "positionIdx": 1, "side": "Sell", "qty": "5", "reduceOnly": true });
    desk.place(close.clone()).ok();
    assert_eq!(desk.position(0)["size"], "0", "cut to what is held");
    assert_eq!(desk.place(close).code(), 110017);
    assert_eq!(desk.post("/v5/position/switch-mode", &mode(0)).code(), 110024);
}

#[test]
fn leverage_and_margin_mode_say_when_nothing_changes() {
    let mut desk = Desk::new();
    let leverage = |buy: &str, sell: &str| {
        json!({
            "category": "linear", "symbol": "BTCUSDT", "buyLeverage": buy, "sellLeverage": sell,
        })
    };
    let path = "/v5/position/set-leverage";
    assert_eq!(desk.post(path, &leverage("10", "10")).code(), 110043);
    assert_eq!(desk.post(path, &leverage("10", "11")).code(), 10001);
    assert_eq!(desk.post(path, &leverage("101", "101")).code(), 110013);
    desk.post(path, &leverage("21", "21")).ok();
    assert_eq!(desk.position(0)["leverage"], "21");
    let mode = |mode: &str| json!({ "setMarginMode": mode });
    let path = "/v5/account/set-margin-mode";
    assert_eq!(desk.post(path, &mode("REGULAR_MARGIN")).code(), 110026);
    desk.post(path, &mode("ISOLATED_MARGIN")).ok();
    assert_eq!(desk.get(INFO, "").ok()["marginMode"], "ISOLATED_MARGIN");
    let wallet = desk.get("/v5/account/wallet-balance", "accountType=UNIFIED").ok();
    assert_eq!(wallet["list"][0]["totalAvailableBalance"], "");
    desk.place(json!({})).ok();
    assert_eq!(desk.post(path, &mode("REGULAR_MARGIN")).code(), 110024);
}

#[test]
fn spot_and_linear_share_one_wallet() {
    let mut desk = Desk::new();
    let wallet = |desk: &mut Desk| {
        desk.get("/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDT").ok()["list"][0]
            .clone()
    };
    assert_eq!(wallet(&mut desk)["coin"][0]["walletBalance"], "2000000");
    // At leverage 10 this binds 1.28 million.
    for n in 0..2 {
        desk.place(json!({
            "orderType": "Limit", "price": "64000", "qty": "100", "side": "Buy",
            "orderLinkId": format!("l{n}"),
        }))
        .ok();
    }
    let w = wallet(&mut desk);
    assert_eq!(w["coin"][0]["locked"], "0");
    let rich = json!({
        "category": "spot", "orderType": "Limit", "price": "60000", "qty": "20",
    });
    assert_eq!(desk.place(rich).code(), 170131, "{w}");
    let modest = json!({
        "category": "spot", "orderType": "Limit", "price": "60000", "qty": "10",
    });
    desk.place(modest).ok();
    assert_eq!(wallet(&mut desk)["coin"][0]["locked"], "600000");
    assert_eq!(
        desk.place(json!({ "qty": "50", "orderType": "Limit", "price": "64000" })).code(),
        110007
    );
}

#[test]
fn listings_come_in_pages_and_state_what_is_enforced() {
    let mut desk = Desk::new();
    let mut get = |query: &str| desk.raw("GET", "/v5/market/instruments-info", query, "", &[]).ok();
    let mut symbols = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(&format!("category=linear&limit=3&cursor={cursor}"));
        symbols.extend(page["list"].as_array().expect("a list").iter().cloned());
        cursor = page["nextPageCursor"].as_str().expect("text").to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    let names: Vec<_> = symbols.iter().map(|s| s["symbol"].as_str().expect("text")).collect();
    assert!(names.len() >= 8 && names.contains(&"SHIB1000USDT"), "{names:?}");
    assert_eq!(symbols[0]["lotSizeFilter"]["qtyStep"], "0.001");
    assert_eq!(symbols[0]["priceFilter"]["tickSize"], "0.10");
    let spot = get("category=spot&symbol=BTCUSDT");
    assert_eq!(spot["list"][0]["lotSizeFilter"]["basePrecision"], "0.000001");
    assert_eq!(spot["list"][0]["lotSizeFilter"]["quotePrecision"], "0.0000001");
    assert!(spot.get("nextPageCursor").is_none());
}

#[test]
fn tickers_and_books_agree() {
    let mut desk = Desk::new();
    let mut get = |path: &str, query: &str| desk.raw("GET", path, query, "", &[]).ok();
    let ticker = get("/v5/market/tickers", "category=linear&symbol=BTCUSDT")["list"][0].clone();
    let book = get("/v5/market/orderbook", "category=linear&symbol=BTCUSDT");
    assert_eq!(book["a"].as_array().map(Vec::len), Some(25));
    assert_eq!(book["a"][0][0], ticker["ask1Price"]);
    assert_eq!(book["b"][0][1], ticker["bid1Size"]);
    assert_eq!(get("/v5/market/time", "")["timeSecond"], (T0 / 1_000).to_string());
}

#[test]
fn a_lost_reply_leaves_an_order_that_its_link_id_finds() {
    let mut desk = Desk::new();
    let fault = Fault::new(FaultKind::ReplyLost).on("POST /bybit/v5/order/create");
    desk.exchange.queue_fault(fault);
    let body = support::order(json!({ "orderLinkId": "lost" })).to_string();
    let at = desk.now.to_string();
    let signature = sign(&desk.secret, &format!("{at}{}5000{body}", desk.key));
    let key = desk.key.clone();
    let headers = [
        ("X-BAPI-API-KEY", key.as_str()),
        ("X-BAPI-TIMESTAMP", at.as_str()),
        ("X-BAPI-RECV-WINDOW", "5000"),
        ("X-BAPI-SIGN", signature.as_str()),
    ];
    let request = HttpRequest {
        method: "POST",
        path: "/bybit/v5/order/create",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
        peer: PEER,
    };
    assert_eq!(desk.exchange.handle(desk.now, &request), Handled::Drop);
    assert_eq!(desk.look("linear", "lost")["orderStatus"], "Filled");
    desk.exchange.queue_fault(Fault::new(FaultKind::Http504Timeout).on("/v5/order/create"));
    assert_eq!(desk.place(json!({ "orderLinkId": "timeout" })).code(), 10000);
    assert_eq!(desk.look("linear", "timeout")["orderStatus"], "Filled");
    assert_eq!(desk.exchange.counters_of(Venue::Bybit).faults_injected, 2);
}

/// (body or query, timestamp, window, signature) from the published signing vectors.
#[test]
fn the_signing_vectors_are_accepted() {
    let keys = vec![ApiKey::hmac("devVectorKey000001", "devVectorSecret0000000000000000000001")];
    let bybit = BybitConfig { keys, ..BybitConfig::default() };
    for (method, path, text, at, window, signature) in [
        (
            "POST",
            "/v5/order/create",
            r#"{"symbol":"BTCUSDT","side":"Buy","orderType":"Limit","orderLinkId":"dev-l-001","price":"43210.9","category":"linear","qty":"0.034"}"#,
            1_700_000_021_021,
            "5000",
            "a7d9b025a59ae734fd712fbd71c5e48562c01455529223972e9e1e42d7e926fb",
        ),
        (
            "GET",
            "/v5/order/realtime",
            "symbol=ETHUSDT&category=linear&openOnly=0&limit=1",
            1_672_219_525_810,
            "20000",
            "53b6911f991c501e8fd88bf3e865050a94ac45bad7da79285a5c8a9641bb7ef3",
        ),
        (
            "POST",
            "/v5/position/set-leverage",
            r#"{"symbol":"BTCUSDT","buyLeverage":"21","sellLeverage":"21","category":"linear"}"#,
            1_700_000_026_026,
            "5000",
            "3ec19816685bad9a15657169c01f80ebb503e8d5b742f17a35fff5885bfc9044",
        ),
    ] {
        let mut desk = Desk::with(Config { bybit: bybit.clone(), ..Config::default() });
        desk.now = at;
        let (query, body) = if method == "GET" { (text, "") } else { ("", text) };
        desk.send(method, path, query, body, &at.to_string(), window, signature).ok();
    }
}

#[tokio::test]
async fn an_order_goes_through_a_socket() {
    let server = Server::start(([127, 0, 0, 1], 0).into(), Config::default()).await.expect("port");
    let endpoint = server.bybit();
    assert_ne!(endpoint.api_key, server.binance().api_key);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis()
        .to_string();
    let body = support::order(json!({ "orderLinkId": "socket" })).to_string();
    let payload = format!("{now}{}5000{body}", endpoint.api_key);
    let response = reqwest::Client::new()
        .post(format!("{}/v5/order/create", endpoint.rest))
        .header("X-BAPI-API-KEY", &endpoint.api_key)
        .header("X-BAPI-TIMESTAMP", &now)
        .header("X-BAPI-RECV-WINDOW", "5000")
        .header("X-BAPI-SIGN", sign(&endpoint.api_secret, &payload))
        .header("Content-Type", "application/json")
        .body(body)
        .send()
        .await
        .expect("a reply");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-bapi-limit"], "10");
    let reply: serde_json::Value =
        serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(
        (reply["retCode"].as_i64(), reply["result"]["orderLinkId"].as_str()),
        (Some(0), Some("socket"))
    );
    server.shutdown().await;
}
