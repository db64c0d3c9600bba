//! Every venue: encode and sign an order beside the signature alone, and read a best-bid-and-ask
//! frame.
//!
//! `cargo bench -p hoox-benches --bench venues`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use hoox_benches::{API_KEY, NOW, SECRET};
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, Event, ExchangeProvider, Frame, Instrument, Instruments,
    Market, NewOrder, Operation, PreparedOrder, RequestBuf, Side, StreamProvider, Symbol, Venue,
};
use hoox_mexc::Mexc;
use sha2::Sha256;
use std::hint::black_box;
use std::sync::Arc;

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

const BINANCE_SPOT: &str = r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#;

const BINANCE_LINEAR: &str = r#"{"e":"bookTicker","u":400900217,"E":1568014460893,"T":1568014460891,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000","st":1,"ps":"BNBUSDT"}"#;

const BYBIT: &str = r#"{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1709891679000,"data":{"s":"BTCUSDT","b":[["27450.00","0.500"]],"a":[["27451.00","0.750"]],"u":123456789,"seq":987654321},"cts":1709891678998}"#;

const MEXC_LINEAR: &str = r#"{"symbol":"BTC_USDT","data":{"cts":1789327957142,"asks":[[6859.5,3251,1],[6860,12,2],[6860.5,7,1],[6861,44,3],[6861.5,9,1]],"bids":[[6859,1251,4],[6858.5,30,2],[6858,11,1],[6857.5,6,1],[6857,80,5]],"version":96801927},"channel":"push.depth.full","ts":1789327957150}"#;

fn mexc_linear() -> Mexc {
    let mut instrument =
        Instrument::new(Venue::Mexc, Market::Linear, Symbol::new("BTCUSDT").unwrap());
    instrument.venue_symbol = Symbol::new("BTC_USDT").unwrap();
    instrument.contract_size = Some(Decimal::new(1, 4));
    let instruments = Arc::new(Instruments::new(vec![instrument]));
    Mexc::linear(Credentials::hmac(API_KEY, SECRET)).with_instruments(instruments)
}

/// `PushDataV3ApiWrapper { channel, publicAggreBookTicker = 315, symbol, sendTime }`, written by hand.
fn mexc_spot_frame() -> Vec<u8> {
    let mut ticker = Vec::new();
    for (field, text) in [(1, "93387.28"), (2, "3.73485"), (3, "93387.29"), (4, "7.669875")] {
        write_text(&mut ticker, field, text.as_bytes());
    }
    let mut frame = Vec::new();
    write_text(&mut frame, 1, b"spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT");
    write_text(&mut frame, 3, b"BTCUSDT");
    frame.push(6 << 3);
    write_varint(&mut frame, 1_736_412_092_433);
    write_text(&mut frame, 315, &ticker);
    frame
}

fn write_text(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    write_varint(out, field << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

criterion_group!(benches, venues);
criterion_main!(benches);
