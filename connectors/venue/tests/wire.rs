//! Bybit and MEXC over real WebSockets, with a client that shares nothing with the crate.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use hoox_venue::{Config, Endpoint, Running, Server};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far longer than anything here takes: ends a test that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(endpoint: &Endpoint, path: &str) -> Self {
        let (socket, _) = connect_async(format!("{}{path}", endpoint.ws)).await.expect("open");
        Self(socket)
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("in time").expect("open").expect("a message")
    }

    /// The next JSON message that is wanted.
    async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                let value: Value = serde_json::from_str(&text).expect("JSON");
                if wanted(&value) {
                    return value;
                }
            }
        }
    }
}

async fn start() -> Running {
    let any = ([127, 0, 0, 1], 0).into();
    Server::start(any, Config::default()).await.expect("a free port")
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("a time")
}

fn sign(endpoint: &Endpoint, payload: &str) -> String {
    let secret = endpoint.api_secret.as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    mac.update(payload.as_bytes());
    const_hex::encode(mac.finalize().into_bytes())
}

fn bybit_auth(endpoint: &Endpoint) -> Value {
    let expires = now_ms() + 10_000;
    let signature = sign(endpoint, &format!("GET/realtime{expires}"));
    json!({ "op": "auth", "args": [endpoint.api_key, expires, signature] })
}

#[tokio::test]
async fn a_bybit_order_goes_in_over_one_socket_and_is_told_of_on_another() {
    let server = start().await;
    let endpoint = server.bybit();
    let mut private = Socket::open(&endpoint, "/v5/private").await;
    private.say(bybit_auth(&endpoint)).await;
    private.find(|m| m["op"] == "auth" && m["success"] == true).await;
    private.say(json!({ "op": "subscribe", "args": ["order", "execution"] })).await;
    private.find(|m| m["op"] == "subscribe" && m["success"] == true).await;
    let mut trade = Socket::open(&endpoint, "/v5/trade").await;
    trade.say(bybit_auth(&endpoint)).await;
    trade.find(|m| m["op"] == "auth" && m["retCode"] == 0).await;
    let header = json!({ "X-BAPI-TIMESTAMP": now_ms().to_string() });
    let order = json!({ "category": "linear", "symbol": "BTCUSDT", "side": "Buy",
        "orderType": "Market", "qty": "0.01", "orderLinkId": "wire" });
    trade
        .say(json!({ "reqId": "1", "op": "order.create", "header": header, "args": [order] }))
        .await;
    let ack = trade.find(|m| m["reqId"] == "1").await;
    assert_eq!(ack["retCode"], 0, "{ack}");
    let filled =
        private.find(|m| m["topic"] == "order" && m["data"][0]["orderStatus"] == "Filled").await;
    assert_eq!(filled["data"][0]["orderId"], ack["data"]["orderId"]);
    server.shutdown().await;
}

#[tokio::test]
async fn bybit_books_move_and_pings_are_answered() {
    let server = start().await;
    let mut public = Socket::open(&server.bybit(), "/v5/public/linear").await;
    public.say(json!({ "op": "subscribe", "args": ["orderbook.50.BTCUSDT"] })).await;
    let snapshot = public.find(|m| m["type"] == "snapshot").await;
    let first = snapshot["data"]["u"].as_u64().expect("a number");
    for n in 1..=5 {
        let delta = public.find(|m| m["type"] == "delta").await;
        assert_eq!(delta["data"]["u"].as_u64(), Some(first + n));
    }
    public.say(json!({ "op": "ping" })).await;
    public.find(|m| m["ret_msg"] == "pong").await;
    server.shutdown().await;
}

#[tokio::test]
async fn mexc_spot_data_is_binary_and_its_answers_are_text() {
    let server = start().await;
    let mut spot = Socket::open(&server.mexc(), "/ws").await;
    let channel = "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT";
    spot.say(json!({ "method": "SUBSCRIPTION", "params": [channel] })).await;
    spot.find(|m| m["msg"] == channel).await;
    for _ in 0..3 {
        match spot.next().await {
            // Field 1, the channel, comes first.
            Message::Binary(bytes) => assert!(bytes[2..].starts_with(channel.as_bytes())),
            other => panic!("{other:?}"),
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_mexc_order_placed_over_rest_is_told_of_on_the_futures_socket() {
    let server = start().await;
    let endpoint = server.mexc();
    let mut edge = Socket::open(&endpoint, "/edge").await;
    let time = now_ms().to_string();
    let signature = sign(&endpoint, &format!("{}{time}", endpoint.api_key));
    let param = json!({ "apiKey": endpoint.api_key, "reqTime": time, "signature": signature });
    edge.say(json!({ "method": "login", "param": param })).await;
    edge.find(|m| m["channel"] == "rs.login" && m["data"] == "success").await;
    let body = r#"{"symbol":"BTC_USDT","vol":10,"openType":2,"side":1,"type":5}"#;
    let time = now_ms().to_string();
    let signature = sign(&endpoint, &format!("{}{time}{body}", endpoint.api_key));
    let placed = reqwest::Client::new()
        .post(format!("{}/api/v1/private/order/create", endpoint.rest))
        .header("ApiKey", &endpoint.api_key)
        .header("Request-Time", &time)
        .header("Signature", signature)
        .header("Content-Type", "application/json")
        .body(body)
        .send()
        .await
        .expect("a reply");
    assert_eq!(placed.status(), 200);
    let order =
        edge.find(|m| m["channel"] == "push.personal.order" && m["data"]["state"] == 3).await;
    assert_eq!(order["data"]["dealVol"], 10);
    server.shutdown().await;
}
