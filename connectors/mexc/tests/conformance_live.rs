//! The live half of the conformance suite, against the simulated venue, through each transport.

#![cfg(test)]

#[path = "../../core/tests/support/in_memory.rs"]
mod in_memory;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hoox_connector::conformance::Deviation;
use hoox_connector::conformance::live::{LiveCase, Stage, run};
use hoox_connector::{
    Client, Credentials, Decimal, Market, MemoryTransport, PinnedTransport, Request,
    ReqwestTransport, Response, Symbol, SystemClock, Transport, TransportError,
};
use hoox_mexc::Mexc;
use hoox_venue::{Config, MexcConfig, MexcLimits, Server};

async fn conforms<T: Transport>(market: Market, transport: fn(&str) -> T) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let venue = Server::start(any_port, config()).await.unwrap();
    let endpoint = venue.mexc();
    let dialect = || {
        let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
        let dialect = match market {
            Market::Spot => Mexc::spot(credentials),
            _ => Mexc::linear(credentials),
        };
        dialect.with_base_url(&endpoint.rest)
    };
    let client = |dialect| Client::new(dialect, transport(&endpoint.rest), SystemClock);
    let instruments = Arc::new(client(dialect()).instruments().await.unwrap());
    // Futures answers count contracts, of a size that only the list tells.
    let client = client(dialect().with_instruments(Arc::clone(&instruments)));
    let instrument = instruments.find(&Symbol::new("BTCUSDT").unwrap()).unwrap().clone();
    let mut stage = Stage::new(instrument, Decimal::new(12, 3), "live");
    if market == Market::Spot {
        let reason = "the venue publishes no number for a second order with an id";
        stage = stage.deviating(Deviation { case: LiveCase::Duplicate.name(), reason });
    }
    let report = run(&client, &SystemClock, &stage).await;
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
    venue.shutdown().await;
}

/// One list of contracts is for the dialect, one for the suite.
fn config() -> Config {
    let limits = MexcLimits { futures_detail_5s: 2, ..MexcLimits::default() };
    let mexc = MexcConfig { limits, ..MexcConfig::default() };
    Config { mexc, ..Config::default() }
}

fn memory(
    _: &str,
) -> MemoryTransport<impl Fn(&str, Request<'_>) -> Result<Response, TransportError> + use<>> {
    in_memory::in_memory(config())
}

fn reqwest(_: &str) -> ReqwestTransport {
    ReqwestTransport::new().unwrap()
}

fn pinned(base_url: &str) -> PinnedTransport {
    PinnedTransport::new(base_url).unwrap()
}

#[tokio::test]
async fn spot_conforms_live_through_reqwest() {
    conforms(Market::Spot, reqwest).await;
}

#[tokio::test]
async fn spot_conforms_live_through_a_pinned_connection() {
    conforms(Market::Spot, pinned).await;
}

#[tokio::test]
async fn linear_conforms_live_through_reqwest() {
    conforms(Market::Linear, reqwest).await;
}

#[tokio::test]
async fn linear_conforms_live_through_a_pinned_connection() {
    conforms(Market::Linear, pinned).await;
}

#[tokio::test]
async fn spot_conforms_live_in_memory() {
    conforms(Market::Spot, memory).await;
}

#[tokio::test]
async fn linear_conforms_live_in_memory() {
    conforms(Market::Linear, memory).await;
}
