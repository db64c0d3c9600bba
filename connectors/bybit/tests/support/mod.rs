//! What the tests share: fixtures, and requests taken apart.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use hoox_bybit::Bybit;
use hoox_connector::*;
use serde_json::Value;

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A recorded reply: its HTTP status and its body.
pub fn sample(name: &str) -> (u16, Vec<u8>) {
    let file: Value = serde_json::from_str(&fixture(&format!("responses/{name}.json"))).unwrap();
    let status = file["http_status"].as_u64().unwrap_or(200);
    let body = match &file["payload"] {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    (u16::try_from(status).unwrap(), body.into_bytes())
}

pub fn spot() -> Bybit {
    Bybit::spot(Credentials::hmac("key", "secret"))
}

pub fn linear() -> Bybit {
    Bybit::linear(Credentials::hmac("key", "secret"))
}

pub fn of(market: Market) -> Bybit {
    if market == Market::Spot { spot() } else { linear() }
}

/// Decodes a recorded reply.
pub fn decode(bybit: &Bybit, op: OperationKind, name: &str) -> Result<Reply, VenueError> {
    let (status, mut body) = sample(name);
    bybit.decode(&op.into(), status, Headers::none(), &mut body)
}

/// Decodes a text as a reply with status 200.
pub fn decode_text(bybit: &Bybit, op: OperationKind, body: &str) -> Result<Reply, VenueError> {
    bybit.decode(&op.into(), 200, Headers::none(), &mut body.as_bytes().to_vec())
}

/// A successful reply around `result`.
pub fn ok(result: &str) -> String {
    format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":1700000000456}}"#
    )
}

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn decimal(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

pub fn id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text).unwrap()
}

/// The parameters of a request, from its query or its JSON body.
pub fn params(request: &Request<'_>) -> BTreeMap<String, Value> {
    if request.body().is_empty() {
        query_params(request.query())
    } else {
        serde_json::from_str(request.body()).unwrap()
    }
}

pub fn query_params(query: &str) -> BTreeMap<String, Value> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), Value::from(value))
        })
        .collect()
}

/// Encodes `op` at a fixed time and hands the request on.
pub fn encoded<R>(bybit: &Bybit, op: &Operation<'_>, read: impl FnOnce(Request<'_>) -> R) -> R {
    let mut buf = RequestBuf::new();
    let at = Timestamp::from_millis(1_700_000_000_000);
    read(bybit.encode(op, at, &mut buf).unwrap())
}

/// The reason why `op` cannot be encoded.
pub fn refusal(bybit: &Bybit, op: &Operation<'_>) -> EncodeError {
    let mut buf = RequestBuf::new();
    bybit.encode(op, Timestamp::from_millis(1_700_000_000_000), &mut buf).unwrap_err()
}
