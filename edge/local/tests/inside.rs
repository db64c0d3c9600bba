//! What is asked with the internal key, and test accounts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{INTERNAL_KEY, Serve, command, post, signal, venue};
use hoox_venue::Venue;
use serde_json::{Value, json};

async fn ask(url: &str, method: &str, path: &str, key: &str, body: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client.request(method, format!("{url}{path}"));
    let request = request.header("x-internal-auth-key", key).body(body.to_owned());
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_are_told_to_who_has_the_internal_key() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    for n in 0..12 {
        let fields = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"i-{n}""#
        );
        assert_eq!(post(&serve.url, signal(&fields)).await.0, 200);
    }
    let paths = ["/api/signals", "/api/trades", "/api/positions"];
    for path in paths {
        let (status, body) = ask(&serve.url, "GET", path, "wrong", "").await;
        assert_eq!((status, &body["error"]["code"]), (401, &"UNAUTHORIZED".into()), "{path}");
        assert_eq!(ask(&serve.url, "POST", path, INTERNAL_KEY, "").await.0, 405);
    }
    let get = async |path: &str| ask(&serve.url, "GET", path, INTERNAL_KEY, "").await;
    let mut rows = Vec::new();
    for _ in 0..200 {
        let (status, body) = get("/api/signals?limit=100").await;
        assert_eq!((status, &body["success"]), (200, &true.into()));
        rows = body["result"].as_array().unwrap().clone();
        if rows.len() == 12 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(rows.len(), 12);
    for field in
        ["signal_id", "timestamp", "symbol", "signal_type", "source", "raw_data", "processed_at"]
    {
        assert!(rows[0].get(field).is_some(), "{field}");
    }
    assert_eq!(get("/api/signals").await.1["result"].as_array().unwrap().len(), 10);
    let (_, trades) = get("/api/trades?symbol=SOLUSDT&status=Filled&limit=3").await;
    assert_eq!(trades["result"].as_array().unwrap().len(), 3);
    assert_eq!(get("/api/trades?exchange=mexc").await.1["result"], json!([]));
    assert_eq!(get("/api/positions").await.1["positions"][0]["size"], "12");
    for query in [
        "signals?limit=0",
        "signals?limit=101",
        "signals?limit=x",
        "trades?limit=1001",
        "trades?colour=1",
    ] {
        let (status, body) = get(&format!("/api/{query}")).await;
        assert_eq!((status, &body["error"]["code"]), (400, &"VALIDATION_ERROR".into()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_from_inside_needs_no_passkey_and_its_close_passes_the_kill_switch() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let id = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
    let long = r#"{"exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":2}"#;
    let enveloped = format!(r#"{{"requestId":"{id}","payload":{long}}}"#);
    assert_eq!(ask(&serve.url, "POST", "/process", "", &enveloped).await.0, 401);
    let (status, body) = ask(&serve.url, "POST", "/process", INTERNAL_KEY, &enveloped).await;
    assert_eq!((status, &body["requestId"]), (200, &id.into()), "{body}");
    let on = command().args(["kill-switch", "on", "--data-dir"]).arg(data.path()).status().unwrap();
    assert!(on.success());
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    let (status, body) = ask(&serve.url, "POST", "/order", INTERNAL_KEY, long).await;
    assert_eq!((status, &body["error"]["code"]), (503, &"KILL_SWITCH_ACTIVE".into()));
    let close = r#"{"exchange":"binance","action":"CLOSE","symbol":"SOLUSDT"}"#;
    let (status, body) = ask(&serve.url, "POST", "/order", INTERNAL_KEY, close).await;
    assert_eq!((status, &body["result"]["executedQty"]), (200, &2.into()), "{body}");
    for wrong in ["", "{", r#"{"requestId":"x y","payload":{}}"#, r#"{"exchange":"binance"}"#] {
        let (status, body) = ask(&serve.url, "POST", "/order", INTERNAL_KEY, wrong).await;
        assert_eq!((status, &body["error"]["code"]), (400, &"VALIDATION_ERROR".into()), "{wrong}");
    }
}

/// trade.md §4, `exchanges:default_routing`: in force within a second, as every key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_names_no_exchange_goes_where_the_configuration_says() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let order = r#"{"action":"LONG","symbol":"SOLUSDT","quantity":1}"#;
    let (status, body) = ask(&serve.url, "POST", "/order", INTERNAL_KEY, order).await;
    assert_eq!((status, &body["exchange"]), (200, &"bybit".into()), "{body}");
    let mut set = command();
    set.args(["config", "set", "exchanges:default_routing", "mexc", "--data-dir"]);
    assert!(set.arg(data.path()).status().unwrap().success());
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    let (status, body) = ask(&serve.url, "POST", "/order", INTERNAL_KEY, order).await;
    assert_eq!((status, &body["exchange"]), (200, &"mexc".into()), "{body}");
    assert_eq!(ask(&serve.url, "POST", "/close-all", INTERNAL_KEY, "").await.0, 200);
    let (_, told) = ask(&serve.url, "GET", "/api/signals", INTERNAL_KEY, "").await;
    let sources = told["result"].as_array().unwrap().iter().map(|row| row["source"].as_str());
    let mut sources: Vec<_> = sources.map(Option::unwrap).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["close-all", "close-all", "internal", "internal"]);
    // A webhook names it (gateway.md §2).
    let bare = r#""action":"LONG","symbol":"SOLUSDT","quantity":1"#;
    let (status, body) = post(&serve.url, signal(bare)).await;
    assert_eq!((status, &body["error"]["details"][0]["field"]), (400, &"exchange".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_signal_goes_to_the_test_account_and_nowhere_else() {
    let (live, test) = (venue().await, venue().await);
    let data = tempfile::tempdir().unwrap();
    let endpoint = test.endpoint(Venue::Binance);
    let mut program = command();
    program
        .env("BINANCE_TESTNET_API_KEY", &endpoint.api_key)
        .env("BINANCE_TESTNET_API_SECRET", &endpoint.api_secret);
    let url = format!("binance={}", endpoint.rest);
    let serve = Serve::start_as(program, &live, data.path(), &["--test-base-url", &url]);
    let fields =
        r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"test":true"#;
    let (status, body) = post(&serve.url, signal(fields)).await;
    assert_eq!(status, 200, "{body}");
    let orders = [&live, &test].map(|venue| venue.with(|it| it.counters()).orders);
    assert_eq!(orders, [0, 1]);
    for (exchange, code) in [("bybit", "CREDENTIALS_MISSING"), ("mexc", "TEST_TRADING_UNSUPPORTED")]
    {
        let (status, body) = post(&serve.url, signal(&fields.replace("binance", exchange))).await;
        assert_eq!((status, &body["error"]["code"]), (400, &code.into()));
    }
    // Flat by the test account's own close-all, the live one untouched.
    let closed = ask(&serve.url, "POST", "/close-all", INTERNAL_KEY, r#"{"test":true}"#).await;
    assert_eq!((closed.0, &closed.1["result"]["closes"][0]["symbol"]), (200, &"SOLUSDT".into()));
    let wrong = ask(&serve.url, "POST", "/close-all", INTERNAL_KEY, r#"{"tset":true}"#).await;
    assert_eq!(wrong.0, 400);
    let orders = [&live, &test].map(|venue| venue.with(|it| it.counters()).orders);
    assert_eq!(orders, [0, 2]);
}
