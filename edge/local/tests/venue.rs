//! `hoox venue` as a user starts it: what it prints, and what its flags do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{command, run};
use serde_json::{Value, json};

/// A running `hoox venue --json`, killed when dropped.
struct Venue {
    child: Child,
    first: Value,
    client: reqwest::Client,
}

impl Venue {
    fn start(args: &[&str]) -> Self {
        let mut child = command()
            .args(["venue", "--listen", "127.0.0.1:0", "--json"])
            .args(args)
            .env("HOOX_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let first = serde_json::from_str(&first).expect("a line of JSON");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, first, client }
    }

    async fn get(&self, base: &str, path: &str) -> reqwest::Result<(u16, Value)> {
        let base = self.first.pointer(base).unwrap().as_str().unwrap();
        let response = self.client.get(format!("{base}{path}")).send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TIME: &str = "/fapi/v1/time";
const PRICE: &str = "/api/v3/ticker/price?symbol=BTCUSDT";

#[tokio::test]
async fn the_first_line_names_addresses_and_credentials_of_all() {
    let venue = Venue::start(&["--seed", "7"]);
    for (name, path) in [("binance", TIME), ("bybit", "/v5/market/time"), ("mexc", "/api/v3/time")]
    {
        let entry = &venue.first[name];
        assert!(entry["ws"].as_str().unwrap().starts_with("ws://127.0.0.1:"));
        assert!(!entry["api_key"].as_str().unwrap().is_empty());
        assert!(!entry["api_secret"].as_str().unwrap().is_empty());
        assert_eq!(venue.get(&format!("/{name}/rest"), path).await.unwrap().0, 200);
    }
    let (status, state) = venue.get("/control", "/state").await.unwrap();
    assert_eq!((status, state["counters"]["orders"].as_u64()), (200, Some(0)));
    let again = Venue::start(&["--seed", "7"]);
    assert_eq!(venue.first["mexc"]["api_secret"], again.first["mexc"]["api_secret"]);
    let other = Venue::start(&["--seed", "8"]);
    assert_ne!(venue.first["mexc"]["api_secret"], other.first["mexc"]["api_secret"]);
}

#[tokio::test]
async fn faults_by_script_hit_what_they_match() {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(&file, r#"[{"kind":"http_418","matches":"/api/v3/time"}]"#).unwrap();
    let script = file.path().to_str().unwrap();
    let venue = Venue::start(&["--fault", "http_429x2@GET /fapi/v1/time", "--fault", script]);
    let status = async |path| venue.get("/binance/rest", path).await.unwrap().0;
    assert_eq!(status("/fapi/v1/ping").await, 200);
    assert_eq!([status(TIME).await, status(TIME).await, status(TIME).await], [429, 429, 200]);
    assert_eq!([status("/api/v3/time").await, status("/api/v3/time").await], [418, 200]);
}

#[tokio::test]
async fn faults_by_chance_are_the_same_for_the_same_seed() {
    let mut seen = Vec::new();
    for seed in ["1", "1", "2"] {
        let venue = Venue::start(&["--fault", &format!("seed={seed},http_429=40%")]);
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(
                venue.get("/bybit/rest", "/v5/market/time").await.unwrap().1["retCode"].clone(),
            );
        }
        assert!(statuses.contains(&json!(0)) && statuses.contains(&json!(10_006)));
        seen.push(statuses);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn recorded_prices_are_played_and_the_last_one_stays() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "time_ms,symbol,price\n5,BTCUSDT,50000\n205,BTCUSDT,51234.5\n").unwrap();
    let venue = Venue::start(&["--replay", file.path().to_str().unwrap()]);
    let price = async || {
        venue.get("/binance/rest", PRICE).await.unwrap().1["price"].as_str().unwrap().to_owned()
    };
    assert_eq!(price().await, "50000.00000000");
    let mut last = price().await;
    while last == "50000.00000000" {
        last = price().await;
    }
    assert_eq!(last, "51234.50000000");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(price().await, last);
}

#[tokio::test]
async fn answers_take_their_time() {
    let venue = Venue::start(&["--latency", "120ms±20ms"]);
    let start = Instant::now();
    assert_eq!(venue.get("/binance/rest", TIME).await.unwrap().0, 200);
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn what_cannot_be_used_is_said_in_a_line() {
    let missing = "/does/not/exist.csv";
    let bad = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&bad, "1,BTCUSDT,50000\n2,BTCUSDT,zero\n").unwrap();
    let bad = bad.path().to_str().unwrap();
    for (args, says) in [
        (["--replay", missing], vec![missing]),
        (["--replay", bad], vec![bad, "line 2"]),
        (["--fault", "/does/not/exist.json"], vec!["/does/not/exist.json"]),
        (["--fault", "reply_last"], vec!["reply_last", "--fault"]),
        (["--fault", "seed=1,delay=200%"], vec!["200%", "--fault"]),
        (["--latency", "soon"], vec!["soon", "--latency"]),
    ] {
        let output = run(&["venue", "--listen", "127.0.0.1:0", args[0], args[1]]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        for word in says {
            assert!(error.lines().next().unwrap().contains(word), "{word} is not in: {error}");
        }
    }
}
