//! The live half of the conformance suite, against the simulated venue, through each transport.

#![cfg(test)]

#[path = "../../core/tests/support/in_memory.rs"]
mod in_memory;

use std::net::{Ipv4Addr, SocketAddr};

use hoox_bybit::Bybit;
use hoox_connector::conformance::live::{Stage, run};
use hoox_connector::{
    Client, Credentials, Decimal, Market, MemoryTransport, PinnedTransport, Request,
    ReqwestTransport, Response, Symbol, SystemClock, Transport, TransportError,
};
use hoox_venue::{Config, Server};

async fn conforms<T: Transport>(market: Market, transport: fn(&str) -> T) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let venue = Server::start(any_port, Config::default()).await.unwrap();
    let endpoint = venue.bybit();
    let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
    let dialect = match market {
        Market::Spot => Bybit::spot(credentials),
        _ => Bybit::linear(credentials),
    };
    let dialect = dialect.with_base_url(&endpoint.rest);
    let client = Client::new(dialect, transport(&endpoint.rest), SystemClock);
    let instruments = client.instruments().await.unwrap();
    let instrument = instruments.find(&Symbol::new("BTCUSDT").unwrap()).unwrap().clone();
    let stage = Stage::new(instrument, Decimal::new(12, 3), "live");
    let report = run(&client, &SystemClock, &stage).await;
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
    venue.shutdown().await;
}

fn memory(
    _: &str,
) -> MemoryTransport<impl Fn(&str, Request<'_>) -> Result<Response, TransportError> + use<>> {
    in_memory::in_memory(Config::default())
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
