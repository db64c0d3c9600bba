//! Market data, the account and orders over the sockets of the simulated venue.

#![cfg(test)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hoox_connector::conformance::Verdict;
use hoox_connector::conformance::live::{Stage, sessions};
use hoox_connector::{Client, Credentials, Decimal, Market, ReqwestTransport, Symbol, SystemClock};
use hoox_mexc::Mexc;
use hoox_venue::{Config, MexcConfig, MexcLimits, Running, Server};

type Account = Arc<Client<Mexc, ReqwestTransport, SystemClock>>;

async fn scene(market: Market) -> (Running, Account, Stage) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let limits = MexcLimits { futures_detail_5s: 2, ..MexcLimits::default() };
    let mexc = MexcConfig { limits, ..MexcConfig::default() };
    let venue = Server::start(any_port, Config { mexc, ..Config::default() }).await.unwrap();
    let endpoint = venue.mexc();
    let dialect = || {
        let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
        let dialect = match market {
            Market::Spot => Mexc::spot(credentials),
            _ => Mexc::linear(credentials),
        };
        dialect.with_base_url(&endpoint.rest).with_stream_url(&endpoint.ws)
    };
    let client = |dialect| Client::new(dialect, ReqwestTransport::new().unwrap(), SystemClock);
    let instruments = Arc::new(client(dialect()).instruments().await.unwrap());
    // Futures answers count contracts, of a size that only the list tells.
    let client = Arc::new(client(dialect().with_instruments(Arc::clone(&instruments))));
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
