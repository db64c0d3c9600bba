//! Encode and sign one order, beside the signature alone and beside other ways to make it.
//!
//! `cargo bench -p hoox-benches --bench sign`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use hoox_benches::{API_KEY, NOW, SECRET, limit_order, linear, market_order, spot};
use hoox_binance::Binance;
use hoox_connector::{
    ExchangeProvider, NewOrder, Operation, OrderKind, PreparedOrder, RequestBuf, Size,
};
use hoox_signer::HmacKey;
use sha2::Sha256;
use std::hint::black_box;

fn sign(c: &mut Criterion) {
    order(c, "linear_limit", &linear(), &limit_order());
    order(c, "linear_market", &linear(), &market_order());
    order(c, "spot_limit", &spot(), &limit_order());
    order(c, "spot_market", &spot(), &market_order());
}

fn order(c: &mut Criterion, name: &str, binance: &Binance, order: &PreparedOrder) {
    let mut buf = RequestBuf::new();
    let request = binance.encode(&Operation::Place(order), NOW, &mut buf).unwrap();
    let payload = request.signed_payload().as_bytes().to_vec();
    let id = |what: &str| BenchmarkId::new(what, format!("{} bytes", payload.len()));

    let mut group = c.benchmark_group(name);
    group.bench_function(id("hoox"), |b| {
        b.iter(|| {
            let op = Operation::Place(black_box(order));
            let request = binance.encode(&op, black_box(NOW), &mut buf).unwrap();
            black_box(request.signature().len())
        });
    });
    let wished = order.order();
    let template = binance.template(wished).unwrap();
    let (quantity, price) = (wished.kind.quantity().unwrap(), wished.kind.price());
    let client_id = wished.client_order_id.unwrap();
    group.bench_function(id("hoox_template"), |b| {
        b.iter(|| {
            let (quantity, price, now) = (black_box(quantity), black_box(price), black_box(NOW));
            let request =
                template.encode(binance, quantity, price, Some(&client_id), now, &mut buf).unwrap();
            black_box(request.signature().len())
        });
    });
    let key = HmacKey::new(SECRET.as_bytes());
    group.bench_function(id("hoox_signature_alone"), |b| {
        b.iter(|| key.sign(&[black_box(&payload)]));
    });
    let state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    group.bench_function(id("bare_hmac"), |b| {
        b.iter(|| {
            let mut mac = state.clone();
            mac.update(black_box(&payload));
            mac.finalize().into_bytes()
        });
    });
    group.bench_function(id("naive"), |b| {
        b.iter(|| naive(black_box(order.order()), black_box(NOW.as_millis())));
    });
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    group.bench_function(id("bare_ring"), |b| {
        b.iter(|| ring::hmac::sign(&key, black_box(&payload)));
    });
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    group.bench_function(id("bare_aws_lc_rs"), |b| {
        b.iter(|| aws_lc_rs::hmac::sign(&key, black_box(&payload)));
    });
    group.finish();
}

/// The same order as most bots write it: a new string, a new key and a hex string for every request.
fn naive(order: &NewOrder, timestamp: u64) -> (String, String) {
    let id = order.client_order_id.unwrap();
    let query = match order.kind {
        OrderKind::Limit { quantity, price, .. } => format!(
            "symbol={}&side=BUY&type=LIMIT&timeInForce=GTC&newOrderRespType=RESULT&quantity={quantity}\
             &price={price}&newClientOrderId={id}&recvWindow=3000&timestamp={timestamp}",
            order.symbol
        ),
        OrderKind::Market { size: Size::Base(quantity) } => format!(
            "symbol={}&side=BUY&type=MARKET&newOrderRespType=RESULT&quantity={quantity}\
             &newClientOrderId={id}&recvWindow=3000&timestamp={timestamp}",
            order.symbol
        ),
        _ => String::new(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(query.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    (format!("{query}&signature={signature}"), API_KEY.to_owned())
}

criterion_group!(benches, sign);
criterion_main!(benches);
