//! Over a real socket, with a client that shares nothing with the crate.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{Config, Endpoint, Fault, FaultKind, Limits, Running, Server};
use serde_json::Value;
use sha2::Sha256;

async fn start(config: Config) -> (Running, Endpoint) {
    let server = Server::start(([127, 0, 0, 1], 0).into(), config).await.expect("a free port");
    let endpoint = server.binance();
    (server, endpoint)
}

fn signed(endpoint: &Endpoint, params: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis();
    let payload = format!("{params}&timestamp={now}");
    let mut mac =
        Hmac::<Sha256>::new_from_slice(endpoint.api_secret.as_bytes()).expect("any length");
    mac.update(payload.as_bytes());
    format!("{payload}&signature={}", const_hex::encode(mac.finalize().into_bytes()))
}

async fn place(
    client: &reqwest::Client,
    endpoint: &Endpoint,
    params: &str,
) -> reqwest::Result<reqwest::Response> {
    client
        .post(format!("{}/fapi/v1/order", endpoint.rest))
        .header("X-MBX-APIKEY", &endpoint.api_key)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(signed(endpoint, params))
        .send()
        .await
}

async fn json(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newOrderRespType=RESULT";

#[tokio::test]
async fn an_order_goes_through_and_headers_arrive() {
    let (server, endpoint) = start(Config::default()).await;
    let client = reqwest::Client::new();
    let response = place(&client, &endpoint, ORDER).await.expect("a reply");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-mbx-order-count-10s"], "1");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(json(response).await["status"], "FILLED");
    let spot = client.get(format!("{}/api/v3/time", endpoint.rest)).send().await.expect("a reply");
    assert!(json(spot).await["serverTime"].as_u64().is_some());
    let state = format!("http://{}/control/state", server.addr());
    let state = json(client.get(state).send().await.expect("a reply")).await;
    assert_eq!(state["counters"]["orders"], 1);
    server.shutdown().await;
}

#[tokio::test]
async fn a_lost_reply_closes_the_socket_after_executing() {
    let (server, endpoint) = start(Config::default()).await;
    let client = reqwest::Client::new();
    server.with(|exchange| {
        exchange.queue_fault(Fault::new(FaultKind::ReplyLost).on("POST /fapi/v1/order"));
        exchange.queue_fault(Fault::new(FaultKind::ResetBefore).on("POST /fapi/v1/order"));
    });
    for expected in [1, 1] {
        let lost = place(&client, &endpoint, ORDER).await;
        assert!(lost.is_err(), "{lost:?}");
        assert_eq!(server.with(|exchange| exchange.counters().orders), expected);
    }
    assert_eq!(place(&client, &endpoint, ORDER).await.expect("a reply").status(), 200);
    server.shutdown().await;
}

#[tokio::test]
async fn delays_delay_and_late_requests_arrive_late() {
    let (server, endpoint) = start(Config::default()).await;
    let client = reqwest::Client::new();
    for kind in [FaultKind::Delay, FaultKind::DelayBefore] {
        server.with(|exchange| exchange.queue_fault(Fault::new(kind).ms(150)));
        let started = Instant::now();
        let response = place(&client, &endpoint, ORDER).await.expect("a reply");
        assert_eq!(response.status(), 200);
        assert!(started.elapsed() >= Duration::from_millis(150), "{kind:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn oversized_bodies_and_broken_handshakes_are_refused() {
    let (server, endpoint) = start(Config::default()).await;
    let client = reqwest::Client::new();
    let big = client
        .post(format!("{}/fapi/v1/order", endpoint.rest))
        .body(vec![b'x'; 64 * 1024 + 1])
        .send()
        .await
        .expect("a reply");
    assert_eq!(big.status(), 413);
    let upgrade = client
        .get(format!("{}/ws", endpoint.rest))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .send()
        .await
        .expect("a reply");
    assert_eq!(upgrade.status(), 400, "a handshake without a key");
    server.shutdown().await;
}

#[tokio::test]
async fn shutting_down_frees_the_port() {
    let (server, endpoint) = start(Config::default()).await;
    let addr = server.addr();
    let client = reqwest::Client::new();
    client.get(format!("{}/fapi/v1/ping", endpoint.rest)).send().await.expect("a reply");
    server.shutdown().await;
    assert!(client.get(format!("{}/fapi/v1/ping", endpoint.rest)).send().await.is_err());
    Server::start(addr, Config::default()).await.expect("the same port").shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_orders_on_one_connection_are_five_hundred_orders() {
    let (server, endpoint) =
        start(Config { limits: Limits::unlimited(), ..Config::default() }).await;
    let client = reqwest::Client::new();
    for n in 0..500 {
        let side = if n % 2 == 0 { "BUY" } else { "SELL" };
        let order = format!("symbol=BTCUSDT&side={side}&type=MARKET&quantity=0.01");
        let response = place(&client, &endpoint, &order).await.expect("a reply");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a body");
    }
    assert_eq!(server.with(|exchange| exchange.counters().orders), 500);
    server.shutdown().await;
}
