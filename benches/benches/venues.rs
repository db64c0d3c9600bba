//! Every venue: encode and sign an order beside the signature alone, and read a best-bid-and-ask
//! frame.
//!
//! `cargo bench -p hoox-benches --bench venues`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use hoox_benches::frames::{
    BINANCE_LINEAR, BINANCE_SPOT, BYBIT, MEXC_LINEAR, mexc_linear, mexc_spot_frame,
};
use hoox_benches::{API_KEY, NOW, SECRET};
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, Event, ExchangeProvider, Frame, NewOrder, Operation,
    PreparedOrder, RequestBuf, Side, StreamProvider, Symbol,
};
use hoox_mexc::Mexc;
use sha2::Sha256;
use std::hint::black_box;

fn venues(c: &mut Criterion) {
    let key = || Credentials::hmac(API_KEY, SECRET);
    orders(c, "binance_spot", &Binance::spot(key()));
    orders(c, "binance_linear", &Binance::linear(key()));
    orders(c, "bybit_spot", &Bybit::spot(key()));
    orders(c, "bybit_linear", &Bybit::linear(key()));
    orders(c, "mexc_spot", &Mexc::spot(key()));
    orders(c, "mexc_linear", &mexc_linear());

    book_top(c, "binance_spot", &Binance::spot(key()), Frame::Text(BINANCE_SPOT));
    book_top(c, "binance_linear", &Binance::linear(key()), Frame::Text(BINANCE_LINEAR));
    book_top(c, "bybit_linear", &Bybit::linear(key()), Frame::Text(BYBIT));
    let frame = mexc_spot_frame();
    book_top(c, "mexc_spot", &Mexc::spot(key()), Frame::Binary(&frame));
    book_top(c, "mexc_linear", &mexc_linear(), Frame::Text(MEXC_LINEAR));
}

/// A limit and a market order, each beside bare HMAC over the bytes it signs.
fn orders(c: &mut Criterion, name: &str, provider: &impl ExchangeProvider) {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let (quantity, price) = (Decimal::new(34, 3), Decimal::new(432_109, 1));
    let limit = NewOrder::limit(symbol, Side::Sell, quantity, price);
    let market = NewOrder::market(symbol, Side::Sell, quantity);
    for (kind, order) in [("limit", limit), ("market", market)] {
        let id = ClientOrderId::portable("hx0123456789abcdef0123456789abcd").unwrap();
        let order = PreparedOrder::as_written(&order.client_order_id(id)).unwrap();
        let mut buf = RequestBuf::new();
        let request = provider.encode(&Operation::Place(&order), NOW, &mut buf).unwrap();
        let payload = request.signed_payload().as_bytes().to_vec();
        let mut group = c.benchmark_group(format!("{name}_{kind}"));
        group.bench_function("hoox", |b| {
            b.iter(|| {
                let op = Operation::Place(black_box(&order));
                let request = provider.encode(&op, black_box(NOW), &mut buf).unwrap();
                black_box(request.signature().len())
            });
        });
        let state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        group.bench_function("bare_hmac", |b| {
            b.iter(|| {
                let mut mac = state.clone();
                mac.update(black_box(&payload));
                black_box(mac.finalize().into_bytes())
            });
        });
        group.finish();
    }
}

fn book_top(c: &mut Criterion, name: &str, provider: &impl StreamProvider, frame: Frame<'_>) {
    let mut seen = 0;
    provider
        .read(frame, &mut |event| seen += usize::from(matches!(event, Event::BookTop(_))))
        .unwrap();
    assert_eq!(seen, 1, "{name} is not read as a best bid and ask");
    c.bench_function(&format!("book_top_{name}"), |b| {
        b.iter(|| {
            provider.read(black_box(frame), &mut |event| {
                black_box(event);
            })
        });
    });
}

criterion_group!(benches, venues);
criterion_main!(benches);
