//! Market data, the account and orders over the sockets of the simulated venue.

#![cfg(test)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hoox_binance::Binance;
use hoox_connector::conformance::Verdict;
use hoox_connector::conformance::live::{Stage, sessions};
use hoox_connector::{Client, Credentials, Decimal, Market, ReqwestTransport, Symbol, SystemClock};
use hoox_venue::{Config, Running, Server};

type Account = Arc<Client<Binance, ReqwestTransport, SystemClock>>;

async fn scene(market: Market) -> (Running, Account, Stage) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let venue = Server::start(any_port, Config::default()).await.unwrap();
    let endpoint = venue.binance();
    let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
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

async fn market_data(market: Market) {
    let (venue, client, stage) = scene(market).await;
    let verdict = sessions::market_data(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

async fn account(market: Market) {
    let (venue, client, stage) = scene(market).await;
    let verdict = sessions::account(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

async fn order_entry(market: Market) {
    let (venue, client, stage) = scene(market).await;
    let verdict = sessions::order_entry(client, &SystemClock, &stage).await;
    assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
    venue.shutdown().await;
}

#[tokio::test]
async fn spot_market_data() {
    market_data(Market::Spot).await;
}

#[tokio::test]
async fn linear_market_data() {
    market_data(Market::Linear).await;
}

#[tokio::test]
async fn spot_account() {
    account(Market::Spot).await;
}

#[tokio::test]
async fn linear_account() {
    account(Market::Linear).await;
}

#[tokio::test]
async fn spot_order_entry() {
    order_entry(Market::Spot).await;
}

#[tokio::test]
async fn linear_order_entry() {
    order_entry(Market::Linear).await;
}
