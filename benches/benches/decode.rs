//! Read an order's acknowledgement, and an instrument list, beside other decoders.
//!
//! `cargo bench -p hoox-benches --bench decode`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hoox_benches::{
    API_KEY, BYBIT_ACK, LINEAR_RESULT, MEXC_LINEAR_ACK, MEXC_SPOT_ACK, SECRET, SPOT_FULL,
    SPOT_RESULT, linear, spot, spot_exchange_info,
};
use hoox_bybit::Bybit;
use hoox_connector::{Credentials, Decimal, ExchangeProvider, Headers, OperationKind};
use hoox_mexc::Mexc;
use serde::{Deserialize, Deserializer};
use std::hint::black_box;

fn acknowledgement(c: &mut Criterion) {
    order::<Order<'_>>(c, "ack_spot_full", &spot(), SPOT_FULL);
    order::<Order<'_>>(c, "ack_spot_result", &spot(), SPOT_RESULT);
    order::<Order<'_>>(c, "ack_linear_result", &linear(), LINEAR_RESULT);
    let keys = || Credentials::hmac(API_KEY, SECRET);
    order::<Bybit_<'_>>(c, "ack_bybit", &Bybit::linear(keys()), BYBIT_ACK);
    order::<MexcSpot<'_>>(c, "ack_mexc_spot", &Mexc::spot(keys()), MEXC_SPOT_ACK);
    order::<MexcLinear<'_>>(c, "ack_mexc_linear", &Mexc::linear(keys()), MEXC_LINEAR_ACK);
}

fn order<'a, T: Deserialize<'a>>(
    c: &mut Criterion,
    name: &str,
    provider: &impl ExchangeProvider,
    body: &'a str,
) {
    let mut bytes = body.as_bytes().to_vec();
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("hoox", |b| {
        b.iter(|| {
            let body = black_box(bytes.as_mut_slice());
            provider.decode(&OperationKind::Place.into(), 200, Headers::none(), body).unwrap()
        });
    });
    group.bench_function("serde_json", |b| {
        b.iter(|| serde_json::from_slice::<T>(black_box(body.as_bytes())).unwrap());
    });
    group.bench_function("sonic_rs", |b| {
        b.iter(|| sonic_rs::from_slice::<T>(black_box(body.as_bytes())).unwrap());
    });
    group.finish();
}

fn instruments(c: &mut Criterion) {
    let body = spot_exchange_info(2_000);
    let bytes = body.as_bytes();
    let mut group = c.benchmark_group("exchange_info_2000");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    let binance = spot();
    group.bench_function("hoox", |b| {
        b.iter_batched_ref(
            || bytes.to_vec(),
            |body| {
                binance
                    .decode(&OperationKind::Instruments.into(), 200, Headers::none(), body)
                    .unwrap()
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("serde_json", |b| {
        b.iter_batched_ref(
            || bytes.to_vec(),
            |body| serde_json::from_slice::<Info<'_>>(body).unwrap().symbols.len(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("simd_json", |b| {
        b.iter_batched_ref(
            || bytes.to_vec(),
            |body| simd_json::serde::from_slice::<Info<'_>>(body).unwrap().symbols.len(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("sonic_rs", |b| {
        b.iter_batched_ref(
            || bytes.to_vec(),
            |body| sonic_rs::from_slice::<Info<'_>>(body).unwrap().symbols.len(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// The fields of an acknowledgement that a caller needs, as a plain typed reader has them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct Order<'a> {
    symbol: &'a str,
    order_id: u64,
    client_order_id: &'a str,
    side: Side,
    status: Status,
    #[serde(deserialize_with = "decimal")]
    orig_qty: Decimal,
    #[serde(deserialize_with = "decimal")]
    executed_qty: Decimal,
    #[serde(deserialize_with = "decimal")]
    price: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    avg_price: Decimal,
    #[serde(default, alias = "cumQuote", deserialize_with = "decimal")]
    cummulative_quote_qty: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    stop_price: Decimal,
    time_in_force: TimeInForce,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    position_side: PositionSide,
    #[serde(default)]
    update_time: u64,
    #[serde(default)]
    transact_time: u64,
    #[serde(default, borrow)]
    fills: Vec<Fill<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Side {
    Buy,
    Sell,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    Rejected,
    Expired,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TimeInForce {
    Gtc,
    Ioc,
    Fok,
    Gtx,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Limit,
    LimitMaker,
    Market,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
enum PositionSide {
    #[default]
    Both,
    Long,
    Short,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct Fill<'a> {
    #[serde(deserialize_with = "decimal")]
    commission: Decimal,
    commission_asset: &'a str,
}

/// What Bybit acknowledges an order with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct Bybit_<'a> {
    ret_code: i64,
    #[serde(borrow)]
    result: BybitIds<'a>,
    time: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct BybitIds<'a> {
    order_id: &'a str,
    order_link_id: &'a str,
}

/// What of MEXC's acknowledgement on spot a caller needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct MexcSpot<'a> {
    order_id: &'a str,
    transact_time: u64,
}

/// What MEXC acknowledges a futures order with.
#[derive(Deserialize)]
#[allow(dead_code)] // only read into
struct MexcLinear<'a> {
    success: bool,
    code: i64,
    #[serde(borrow)]
    data: MexcIds<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct MexcIds<'a> {
    order_id: &'a str,
    ts: u64,
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    symbols: Vec<Row<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct Row<'a> {
    symbol: &'a str,
    status: &'a str,
    base_asset: &'a str,
    quote_asset: &'a str,
    quote_asset_precision: u32,
    #[serde(borrow)]
    filters: Vec<FilterRow<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // only read into
struct FilterRow<'a> {
    filter_type: &'a str,
    #[serde(default, deserialize_with = "decimal")]
    min_price: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    max_price: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    tick_size: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    min_qty: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    max_qty: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    step_size: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    min_notional: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    max_notional: Decimal,
    #[serde(default)]
    apply_min_to_market: Option<bool>,
    #[serde(default)]
    apply_max_to_market: Option<bool>,
    #[serde(default, deserialize_with = "decimal")]
    bid_multiplier_up: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    bid_multiplier_down: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    ask_multiplier_up: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    ask_multiplier_down: Decimal,
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    Decimal::from_str_exact(text).map_err(serde::de::Error::custom)
}

criterion_group!(benches, acknowledgement, instruments);
criterion_main!(benches);
