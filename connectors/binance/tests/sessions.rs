//! Market data, the account and orders over the sockets of the simulated venue.

#![cfg(test)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hoox_binance::Binance;
use hoox_connector::conformance::Verdict;
use hoox_connector::conformance::live::{Stage, sessions};
use hoox_connector::{Client, Credentials, Decimal, Market, ReqwestTransport, Symbol, SystemClock};
use hoox_signer::Ed25519Key;
use hoox_venue::{ApiKey, Config, Running, Server};

type Account = Arc<Client<Binance, ReqwestTransport, SystemClock>>;

/// Which kind of key an account has: only Ed25519 keys log a session on.
#[derive(Clone, Copy)]
enum Key {
    Hmac,
    Ed25519,
}

/// The seed is the bytes 0 to 31.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
    -----END PRIVATE KEY-----\n";

async fn scene(market: Market, key: Key) -> (Running, Account, Stage) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    if let Key::Ed25519 = key {
        let public_key = Ed25519Key::from_pkcs8_pem(PEM).unwrap().public_key();
        config.keys = vec![ApiKey::ed25519("ed25519-key", public_key)];
    }
    let venue = Server::start(any_port, config).await.unwrap();
    let endpoint = venue.binance();
    let credentials = match key {
        Key::Hmac => Credentials::hmac(&endpoint.api_key, &endpoint.api_secret),
        Key::Ed25519 => Credentials::from_secret("ed25519-key", PEM).unwrap(),
    };
    let dialect = match market {
        Market::Spot => {
            Binance::spot(credentials).with_entry_url(format!("{}/ws-api/v3", endpoint.ws))
        }
        _ => Binance::linear(credentials).with_entry_url(format!("{}/ws-fapi/v1", endpoint.ws)),
    };
    let dialect = dialect.with_base_url(&endpoint.rest).with_stream_url(&endpoint.ws);
    let transport = ReqwestTransport::new().unwrap();
    let client = Arc::new(Client::new(dialect, transport, SystemClock));
    let instruments = client.instruments().await.unwrap();
    let instrument = instruments.find(&Symbol::new("BTCUSDT").unwrap()).unwrap().clone();
    (venue, client, Stage::new(instrument, Decimal::new(12, 3), "sockets"))
}

async fn market_data(market: Market, key: Key) {
    let (venue, client, stage) = scene(market, key).await;
    let verdict = sessions::market_data(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

async fn account(market: Market, key: Key) {
    let (venue, client, stage) = scene(market, key).await;
    let verdict = sessions::account(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

async fn order_entry(market: Market, key: Key) {
    let (venue, client, stage) = scene(market, key).await;
    let verdict = sessions::order_entry(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

#[tokio::test]
async fn spot_market_data() {
    market_data(Market::Spot, Key::Hmac).await;
}

#[tokio::test]
async fn linear_market_data() {
    market_data(Market::Linear, Key::Hmac).await;
}

#[tokio::test]
async fn spot_account() {
    account(Market::Spot, Key::Hmac).await;
}

#[tokio::test]
async fn linear_account() {
    account(Market::Linear, Key::Hmac).await;
}

#[tokio::test]
async fn spot_order_entry() {
    order_entry(Market::Spot, Key::Hmac).await;
}

#[tokio::test]
async fn linear_order_entry() {
    order_entry(Market::Linear, Key::Hmac).await;
}

#[tokio::test]
async fn spot_account_logged_on() {
    account(Market::Spot, Key::Ed25519).await;
}

#[tokio::test]
async fn spot_order_entry_logged_on() {
    order_entry(Market::Spot, Key::Ed25519).await;
}

#[tokio::test]
async fn linear_order_entry_logged_on() {
    order_entry(Market::Linear, Key::Ed25519).await;
}
