//! What the server answers to what it is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{PASSKEY, Serve, post, signal, venue};

const GOOD: &str = r#""exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.01"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_told_what_is_wrong_and_orders_nothing() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let with = |fields: &str| signal(fields).into_bytes();
    let deep = format!(
        r#"{{"apiKey":"{PASSKEY}","exchange":{}{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("empty", vec![], 400, "VALIDATION_ERROR"),
        ("not JSON", b"apiKey=1".to_vec(), 400, "VALIDATION_ERROR"),
        ("not an object", b"[1]".to_vec(), 400, "VALIDATION_ERROR"),
        ("cut off", signal(GOOD).as_bytes()[..40].to_vec(), 400, "VALIDATION_ERROR"),
        ("not UTF-8", b"{\"apiKey\":\"\xff\xfe\"}".to_vec(), 400, "VALIDATION_ERROR"),
        ("deep", deep.into_bytes(), 400, "VALIDATION_ERROR"),
        ("65 KiB", vec![b' '; 65 * 1024], 413, "BAD_REQUEST"),
        ("no key", b"{\"exchange\":\"binance\"}".to_vec(), 401, "UNAUTHORIZED"),
        ("text for a number", with(&GOOD.replace("0.01", "\"0.01\"")), 400, "VALIDATION_ERROR"),
        ("NaN", with(&GOOD.replace("0.01", "NaN")), 400, "VALIDATION_ERROR"),
        ("1e400", with(&GOOD.replace("0.01", "1e400")), 400, "VALIDATION_ERROR"),
        ("negative", with(&GOOD.replace("0.01", "-1")), 400, "VALIDATION_ERROR"),
        ("zero", with(&GOOD.replace("0.01", "0")), 400, "VALIDATION_ERROR"),
        ("unknown action", with(&GOOD.replace("LONG", "HODL")), 400, "VALIDATION_ERROR"),
        ("unknown field", with(&format!("{GOOD},\"quantiy\":1")), 400, "VALIDATION_ERROR"),
        ("below the minimum", with(&GOOD.replace("0.01", "0.0001")), 400, "VALIDATION_ERROR"),
        ("no test account", with(&format!("{GOOD},\"test\":true")), 400, "CREDENTIALS_MISSING"),
    ];
    for (what, body, status, code) in cases {
        let (answered, body) = post(&serve.url, body).await;
        assert_eq!(
            (answered, body["error"]["code"].as_str()),
            (status, Some(code)),
            "{what}: {body}"
        );
        assert_eq!(body["success"], false, "{what}");
        assert!(body["requestId"].is_string(), "{what}");
    }
    let (_, body) = post(
        &serve.url,
        signal(
            r#""exchange":"x","action":"y","symbol":"..","quantity":"1","leverage":0,"bogus":1"#,
        ),
    )
    .await;
    let fields: Vec<_> = body["error"]["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["field"].as_str().unwrap())
        .collect();
    for field in ["exchange", "action", "symbol", "quantity", "leverage", "bogus"] {
        assert!(fields.contains(&field), "{field} is missing in {fields:?}");
    }
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 0);
}

/// The three dialects against three simulated venues that know nothing of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_venue_fills_rounds_rests_and_closes() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    // MEXC counts contracts of 0.0001, the others steps of 0.001.
    for (name, filled) in [("binance", "0.012"), ("bybit", "0.012"), ("mexc", "0.0123")] {
        let send = async |fields: &str| {
            let (status, body) =
                post(&serve.url, signal(&format!(r#""exchange":"{name}",{fields}"#))).await;
            assert_eq!(status, 200, "{name}: {body}");
            (body["result"]["status"].to_string(), body["result"]["executedQty"].to_string())
        };
        let market = r#""action":"LONG","symbol":"BTCUSDT","quantity":0.0123456,"leverage":5"#;
        assert_eq!(send(market).await, (r#""Filled""#.into(), filled.into()), "{name}");
        let limit = r#""action":"LONG","symbol":"BTCUSDT","quantity":0.01,"orderType":"LIMIT","price":60000.123,"leverage":5"#;
        assert_eq!(send(limit).await, (r#""Open""#.into(), "0".into()), "{name}");
        let close = r#""action":"CLOSE","symbol":"BTC_USDT""#;
        assert_eq!(send(close).await, (r#""Filled""#.into(), filled.into()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_methods_and_headers_are_the_contract() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = client.get(format!("{}/health", serve.url)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    assert_eq!(health.headers()["x-content-type-options"], "nosniff");
    let body: serde_json::Value = serde_json::from_str(&health.text().await.unwrap()).unwrap();
    assert_eq!(body["status"], "ok");
    for (method, path, status) in [
        ("GET", "/webhook", 405),
        ("OPTIONS", "/webhook", 405),
        ("POST", "/health", 405),
        ("GET", "/nothing", 404),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = client.request(method, format!("{}{path}", serve.url)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_identical_signals_at_once_become_one_order() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    for n in 0..10 {
        let body = signal(&format!(r#"{GOOD},"idempotencyKey":"twin-{n}""#));
        let (first, second) =
            tokio::join!(post(&serve.url, body.clone()), post(&serve.url, body.clone()));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_stays_a_duplicate_after_a_restart() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let body = signal(&format!(r#"{GOOD},"idempotencyKey":"once""#));
    let serve = Serve::start(&venue, data.path(), &[]);
    assert_eq!(post(&serve.url, body.clone()).await.0, 200);
    serve.kill();
    let serve = Serve::start(&venue, data.path(), &[]);
    let (status, answer) = post(&serve.url, body).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("DUPLICATE_REQUEST")));
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_that_cannot_be_read_stops_trading() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    assert_eq!(post(&serve.url, signal(GOOD)).await.0, 200);
    let connection = rusqlite::Connection::open(data.path().join("hoox.db")).unwrap();
    connection.execute_batch("DROP TABLE config").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let (status, body) = post(&serve.url, signal(&format!(r#"{GOOD},"idempotencyKey":"x""#))).await;
    assert_eq!((status, body["error"]["code"].as_str()), (503, Some("KILL_SWITCH_ACTIVE")));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = client.get(format!("{}/health", serve.url)).send().await.unwrap();
    assert_eq!(health.status(), 503);
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_server_is_small() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    // What it has allocated: of the program itself, a debug build has several times what users run.
    let allocated = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = allocated.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 15 * 1024, "{kib} KiB allocated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_stored() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    post(&serve.url, signal(GOOD)).await;
    post(&serve.url, signal(&GOOD.replace("0.01", "0"))).await;
    serve.kill();
    let binance = venue.binance();
    let files = common::files(data.path());
    assert!(files.iter().any(|path| path.ends_with("hoox.db")));
    for path in files {
        let bytes = std::fs::read(path).unwrap();
        for secret in [PASSKEY, &binance.api_key, &binance.api_secret] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is in the data directory");
        }
    }
}
