//! Clients that other people wrote trade on the simulated exchange: `ccxt`, in Node, and Binance's
//! own `binance-sdk`.
//!
//! The scripts and programs are in `strangers/`; they check every value themselves. Node 20.14 or
//! newer is needed; ccxt is installed and binance-sdk built on the first run, at the versions of
//! their lock files.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use hoox_venue::{Config, Limits, Running, Server, Venue};
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

async fn serve(config: Config) -> (Running, String) {
    let server = Server::start(([127, 0, 0, 1], 0).into(), config).await.expect("a free port");
    let venues = line(&server);
    (server, venues)
}

async fn trades(script: &'static str, venue: Venue, market: &'static str) {
    let (server, venues) = serve(Config::default()).await;
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

/// Runs a program of `strangers/binance-sdk`, which is built unless it is there.
async fn binance_sdk(program: &'static str, argument: &'static str, venues: String) -> String {
    // Beside what cargo builds of ours, and not among it: the dependencies are not ours either.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("strangers");
    let run = move || {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--bins", "--target-dir"]).arg(&target);
        // What cargo tells us of our package would have it build again what it built from a shell.
        for name in std::env::vars().map(|(name, _)| name) {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                build.env_remove(name);
            }
        }
        let built =
            build.current_dir(strangers().join("binance-sdk")).output().expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut program = Command::new(target.join("debug").join(program));
        program.arg(argument).env("HOOX_VENUE", venues).output().expect("it was built")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two fills and a cancelled order over REST, and as many over the WebSocket API.
async fn binance_sdk_trades(market: &'static str) {
    let (server, venues) = serve(Config::default()).await;
    binance_sdk("trade", market, venues).await;
    assert_eq!(server.with(|exchange| exchange.counters().orders), 6);
    server.shutdown().await;
}

#[tokio::test]
async fn binance_sdk_trades_on_spot() {
    binance_sdk_trades("spot").await;
}

#[tokio::test]
async fn binance_sdk_trades_on_linear() {
    binance_sdk_trades("linear").await;
}

/// Benches call it and read what it prints.
#[tokio::test]
async fn binance_sdk_tells_its_latency() {
    let config = Config { limits: Limits::unlimited(), ..Config::default() };
    let (server, venues) = serve(config).await;
    let said = binance_sdk("latency", "10", venues).await;
    let rows: Vec<_> = said.lines().map(|line| line.split_at(34)).collect();
    let names: Vec<_> = rows.iter().map(|(name, _)| name.trim_end()).collect();
    assert_eq!(names, ["binance-sdk REST", "binance-sdk WebSocket"]);
    for (_, quantiles) in rows {
        let quantiles = quantiles.split_whitespace().map(|text| text.parse().expect("a number"));
        let quantiles: Vec<f64> = quantiles.collect();
        assert!(quantiles.len() == 3 && quantiles.is_sorted() && quantiles[0] > 0.0, "{said}");
    }
    assert_eq!(server.with(|exchange| exchange.counters().orders), 2 * (200 + 10));
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
