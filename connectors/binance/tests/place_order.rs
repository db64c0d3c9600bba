//! The README's example, run against the simulated venue.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

#[path = "../examples/place_order.rs"]
mod example;

use hoox_binance::Binance;
use hoox_connector::{Credentials, OrderStatus, Outcome};
use hoox_venue::{Config, Server};

#[tokio::test]
async fn the_example_of_the_readme_places_an_order() {
    let venue = Server::start("127.0.0.1:0".parse().unwrap(), Config::default()).await.unwrap();
    let endpoint = venue.binance();
    let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
    let binance = Binance::linear(credentials).with_base_url(endpoint.rest);
    match example::place(binance).await.unwrap() {
        Outcome::Acknowledged(report) => {
            assert_eq!(report.status, OrderStatus::Filled);
            // Down to the step, never up.
            assert_eq!(report.filled_quantity.normalize().to_string(), "0.01");
        }
        other => panic!("{other:?}"),
    }
}

/// Each line of the example stands in the README.
#[test]
fn the_readme_shows_this_example() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let Ok(readme) = std::fs::read_to_string(format!("{root}/README.md")) else { return };
    let source = include_str!("../examples/place_order.rs");
    let body = source.split("pub async fn place").nth(1).unwrap();
    for line in body.lines().skip(1).map(str::trim).filter(|line| line.len() > 1) {
        let line = line.trim_start_matches("Ok(").trim_end_matches("?)");
        assert!(readme.contains(line), "not in the README: {line}");
    }
}
