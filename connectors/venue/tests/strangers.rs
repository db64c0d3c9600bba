//! Clients that other people wrote trade on the simulated exchange: `ccxt`, in Node.
//!
//! The scripts are in `strangers/`; they check every value themselves. Node 20.14 or newer is needed;
//! ccxt is installed on the first run, at the version of the lock file.

#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use hoox_venue::{Config, Running, Server, Venue};
use serde_json::{Map, json};

/// Where the scripts are.
fn strangers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/strangers"))
}

fn node(script: &str, arguments: &[&str], venues: &str) -> Output {
    Command::new("node")
        .current_dir(strangers())
        .arg("--test-force-exit")
        .arg(script)
        .args(arguments)
        .env("HOOX_VENUE", venues)
        .output()
        .expect("Node 20.14 or newer must be installed")
}

/// What `hoox venue --json` would write.
fn line(server: &Running) -> String {
    let entries = [Venue::Binance, Venue::Bybit, Venue::Mexc].map(|venue| {
        let at = server.endpoint(venue);
        let entry = json!({
            "rest": at.rest, "ws": at.ws, "api_key": at.api_key, "api_secret": at.api_secret,
        });
        (venue.prefix().trim_start_matches('/').to_owned(), entry)
    });
    serde_json::Value::Object(Map::from_iter(entries)).to_string()
}

async fn trades(script: &'static str, venue: Venue, market: &'static str) {
    let server =
        Server::start(([127, 0, 0, 1], 0).into(), Config::default()).await.expect("a free port");
    let venues = line(&server);
    let run = move || {
        let installed = node("install.mjs", &[], "");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        node(script, &[venue.prefix().trim_start_matches('/'), market], &venues)
    };
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // A script that checked nothing has not passed.
    assert!(said.contains("\n# fail 0") && !said.contains("\n# pass 0"), "{said}");
    server.shutdown().await;
}

#[tokio::test]
async fn ccxt_trades_on_binance_spot() {
    trades("rest.mjs", Venue::Binance, "spot").await;
}

#[tokio::test]
async fn ccxt_trades_on_binance_swaps() {
    trades("rest.mjs", Venue::Binance, "swap").await;
}

#[tokio::test]
async fn ccxt_trades_on_bybit_spot() {
    trades("rest.mjs", Venue::Bybit, "spot").await;
}

#[tokio::test]
async fn ccxt_trades_on_bybit_swaps() {
    trades("rest.mjs", Venue::Bybit, "swap").await;
}

#[tokio::test]
async fn ccxt_trades_on_mexc_spot() {
    trades("rest.mjs", Venue::Mexc, "spot").await;
}

#[tokio::test]
async fn ccxt_trades_on_mexc_swaps() {
    trades("rest.mjs", Venue::Mexc, "swap").await;
}

#[tokio::test]
async fn ccxt_listens_to_binance_spot() {
    trades("streams.mjs", Venue::Binance, "spot").await;
}

#[tokio::test]
async fn ccxt_listens_to_binance_swaps() {
    trades("streams.mjs", Venue::Binance, "swap").await;
}

#[tokio::test]
async fn ccxt_listens_to_bybit_spot() {
    trades("streams.mjs", Venue::Bybit, "spot").await;
}

#[tokio::test]
async fn ccxt_listens_to_bybit_swaps() {
    trades("streams.mjs", Venue::Bybit, "swap").await;
}

#[tokio::test]
async fn ccxt_listens_to_mexc_spot() {
    trades("streams.mjs", Venue::Mexc, "spot").await;
}

#[tokio::test]
async fn ccxt_listens_to_mexc_swaps() {
    trades("streams.mjs", Venue::Mexc, "swap").await;
}
