//! A webhook's bytes to a validated signal.
//!
//! `cargo bench -p hoox-benches --bench signal`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hoox_router::RawSignal;
use std::hint::black_box;

const SHORT: &str =
    r#"{"apiKey":"key","exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.01}"#;

const EVERY_FIELD: &str = r#"{"apiKey":"0b1e6f5c-passkey","exchange":"Binance","action":"long",
 "symbol":"BINANCE:BTCUSDT.P","quantity":0.0109999,"quantityUnit":"base","leverage":10,
 "orderType":"LIMIT","price":64012.30,"takeProfit":70000,"stopLoss":60000.5,
 "idempotencyKey":"strategy-7-1700000000","timestamp":"2026-11-22T00:00:00Z","test":false}"#;

fn signal(c: &mut Criterion) {
    let mut group = c.benchmark_group("signal");
    for (name, body) in [("short", SHORT), ("every_field", EVERY_FIELD)] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| RawSignal::parse(black_box(body.as_bytes())).unwrap().validate().unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, signal);
criterion_main!(benches);
