//! What the tests share.
#![allow(dead_code, unreachable_pub)] // each test takes what it needs
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::path::PathBuf;

use hoox_binance::Binance;
use hoox_connector::{
    Asset, Credentials, Decimal, ExchangeProvider, Headers, OperationKind, Reply, Symbol,
    Timestamp, VenueError,
};
use serde_json::value::RawValue;

pub fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

pub fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

pub fn spot() -> Binance {
    Binance::spot(Credentials::hmac("the-api-key", "the-secret"))
}

pub fn linear() -> Binance {
    Binance::linear(Credentials::hmac("the-api-key", "the-secret"))
}

/// `binance`'s reading of an answer without headers.
pub fn decode(
    binance: &Binance,
    op: OperationKind,
    status: u16,
    body: &str,
) -> Result<Reply, VenueError> {
    binance.decode(&op.into(), status, Headers::none(), &mut body.as_bytes().to_vec())
}

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A recorded answer: its HTTP status and its body.
pub fn sample(name: &str) -> (u16, String) {
    #[derive(serde::Deserialize)]
    struct Sample {
        payload: Box<RawValue>,
        http_status: Option<u16>,
    }
    let path = fixtures().join("responses").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
    let sample: Sample = serde_json::from_str(&text).unwrap();
    (sample.http_status.unwrap_or(200), sample.payload.get().to_owned())
}

/// The reading of a recorded answer.
pub fn read(binance: &Binance, op: OperationKind, name: &str) -> Result<Reply, VenueError> {
    let (status, body) = sample(name);
    decode(binance, op, status, &body)
}
