//! Over real sockets, with a client that shares nothing with the crate.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{
    Config, Endpoint, Fault, FaultKind, Latency, Running, Server, SessionFault, Venue,
};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn start(config: Config) -> (Running, Endpoint) {
    let server = Server::start(([127, 0, 0, 1], 0).into(), config).await.expect("a free port");
    let endpoint = server.binance();
    (server, endpoint)
}

async fn open(endpoint: &Endpoint, path: &str) -> Socket {
    connect_async(format!("{}{path}", endpoint.ws)).await.expect("a connection").0
}

/// The next text, as JSON. Waits for as long as the test may run.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("an open connection").expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn order(endpoint: &Endpoint, id: &str) -> Message {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let payload = format!(
        "apiKey={}&newClientOrderId={id}&quantity=0.010&side=BUY&symbol=BTCUSDT&timestamp={now}\
         &type=MARKET",
        endpoint.api_key
    );
    let mut mac =
        Hmac::<Sha256>::new_from_slice(endpoint.api_secret.as_bytes()).expect("any length");
    mac.update(payload.as_bytes());
    let signature = const_hex::encode(mac.finalize().into_bytes());
    let params = json!({
        "apiKey": endpoint.api_key, "newClientOrderId": id, "quantity": "0.010", "side": "BUY",
        "symbol": "BTCUSDT", "timestamp": now as u64, "type": "MARKET", "signature": signature,
    });
    let request = json!({"id": id, "method": "order.place", "params": params});
    Message::text(request.to_string())
}

#[tokio::test]
async fn streams_come_by_themselves() {
    let (server, endpoint) = start(Config::default()).await;
    let mut spot = open(&endpoint, "/stream?streams=btcusdt@depth@100ms/btcusdt@trade").await;
    let mut last = None;
    let mut depths = 0;
    while depths < 5 {
        let frame = hear(&mut spot).await;
        if frame["stream"] == "btcusdt@depth@100ms" {
            let (first, u) = (frame["data"]["U"].as_u64(), frame["data"]["u"].as_u64());
            if let Some(last) = last {
                assert_eq!(first, Some(last + 1));
            }
            last = u;
            depths += 1;
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn an_order_over_rest_is_heard_at_once_by_another_connection() {
    let (server, endpoint) = start(Config::default()).await;
    let client = reqwest::Client::new();
    let key = client
        .post(format!("{}/fapi/v1/listenKey", endpoint.rest))
        .header("X-MBX-APIKEY", &endpoint.api_key)
        .send()
        .await
        .expect("a reply");
    let key: Value = serde_json::from_slice(&key.bytes().await.expect("a body")).expect("JSON");
    let key = key["listenKey"].as_str().expect("a key").to_owned();
    let mut user = open(&endpoint, &format!("/private/ws?listenKey={key}")).await;
    let mut api = open(&endpoint, "/ws-fapi/v1").await;
    api.send(order(&endpoint, "over-the-wire")).await.expect("sent");
    let answer = hear(&mut api).await;
    assert_eq!((&answer["id"], &answer["status"]), (&json!("over-the-wire"), &json!(200)));
    let event = hear(&mut user).await;
    assert_eq!(
        (&event["e"], &event["o"]["c"]),
        (&json!("ORDER_TRADE_UPDATE"), &json!("over-the-wire"))
    );
    api.close(None).await.expect("closed");
    server.shutdown().await;
}

#[tokio::test]
async fn a_reset_cuts_the_connection_and_the_order_stands_or_not() {
    let (server, endpoint) = start(Config::default()).await;
    for (kind, orders) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 1)] {
        let mut api = open(&endpoint, "/ws-fapi/v1").await;
        server.with(|exchange| exchange.queue_fault(Fault::new(kind).on("order.place")));
        api.send(order(&endpoint, "r")).await.expect("sent");
        let end = api.next().await;
        assert!(matches!(end, None | Some(Err(Error::Protocol(_) | Error::Io(_)))), "{end:?}");
        assert_eq!(server.with(|exchange| exchange.counters().orders), orders, "{kind:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_silent_connection_answers_no_ping() {
    let (server, endpoint) = start(Config::default()).await;
    let mut socket = open(&endpoint, "/ws/btcusdt@trade").await;
    hear(&mut socket).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let hit = server.with(|exchange| {
        exchange.hit_sessions(now, Venue::Binance, None, SessionFault::Silence, 0)
    });
    assert_eq!(hit, 1);
    // What was under way may still come; then nothing does.
    let quiet = Duration::from_millis(600);
    while tokio::time::timeout(quiet, socket.next()).await.is_ok() {}
    socket.send(Message::Ping(vec![1].into())).await.expect("sent");
    assert!(tokio::time::timeout(quiet, socket.next()).await.is_err());
    server.shutdown().await;
}

#[tokio::test]
async fn latency_holds_on_both_kinds_of_connection() {
    let latency = Latency { mean_ms: 60, jitter_ms: 0 };
    let (server, endpoint) = start(Config { latency, ..Config::default() }).await;
    let mut api = open(&endpoint, "/ws-api/v3").await;
    let started = tokio::time::Instant::now();
    api.send(Message::text(json!({"id": 1, "method": "time"}).to_string())).await.expect("sent");
    assert_eq!(hear(&mut api).await["status"], 200);
    assert!(started.elapsed() >= Duration::from_millis(55));
    let started = tokio::time::Instant::now();
    reqwest::get(format!("{}/api/v3/time", endpoint.rest)).await.expect("a reply");
    assert!(started.elapsed() >= Duration::from_millis(55));
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_no_websocket_path_is_refused() {
    let (server, endpoint) = start(Config::default()).await;
    match connect_async(format!("{}/nowhere", endpoint.ws)).await {
        Err(Error::Http(reply)) => assert_eq!(reply.status(), 404),
        other => panic!("{other:?}"),
    }
    server.shutdown().await;
}
