//! Market data on one core: frames with a best bid and ask decoded and handed over, updates applied
//! to order books. Throughput is in frames, in updates and in price levels a second.
//!
//! `cargo bench -p hoox-benches --bench market_data`
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hoox_benches::frames::{
    BINANCE_LINEAR, BINANCE_SPOT, BYBIT, MEXC_LINEAR, mexc_linear, mexc_spot_frame,
};
use hoox_benches::{API_KEY, SECRET};
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::socket::MarketEvent;
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Applied, BookRule, Credentials, Decimal, Event, Frame, OrderBook, StreamProvider, Symbol,
};
use hoox_mexc::Mexc;
use tokio::sync::broadcast;

/// How many different updates a book gets in turn.
const UPDATES: usize = 4_096;

fn book_tops(c: &mut Criterion) {
    let key = || Credentials::hmac(API_KEY, SECRET);
    book_top(c, "binance_spot", &Binance::spot(key()), Frame::Text(BINANCE_SPOT));
    book_top(c, "binance_linear", &Binance::linear(key()), Frame::Text(BINANCE_LINEAR));
    book_top(c, "bybit_spot", &Bybit::spot(key()), Frame::Text(BYBIT));
    book_top(c, "bybit_linear", &Bybit::linear(key()), Frame::Text(BYBIT));
    let frame = mexc_spot_frame();
    book_top(c, "mexc_spot", &Mexc::spot(key()), Frame::Binary(&frame));
    book_top(c, "mexc_linear", &mexc_linear(), Frame::Text(MEXC_LINEAR));
}

/// From the frame to the event in a reader's hands, by the channel that feeds use.
fn book_top(c: &mut Criterion, name: &str, provider: &impl StreamProvider, frame: Frame<'_>) {
    let events = broadcast::Sender::new(8_192);
    let mut reader = events.subscribe();
    let mut group = c.benchmark_group("book_top_handed_over");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| {
        b.iter(|| {
            provider
                .read(black_box(frame), &mut |event| {
                    if let Event::BookTop(top) = event {
                        events.send(MarketEvent::BookTop(top)).unwrap();
                    }
                })
                .unwrap();
            black_box(reader.try_recv().unwrap())
        });
    });
    group.finish();
}

/// An update is what a venue sends every 10 to 100 ms: absolute quantities at some prices, most of
/// them near the best, half of them bids; of three levels one is new, one changed, one removed.
fn books(c: &mut Criterion) {
    for depth in [100, 1_000, 5_000] {
        for levels in [5, 20] {
            let updates = updates(depth, levels);
            let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, depth as usize);
            let mut number = 1;
            book.apply(snapshot(depth));
            let mut group = c.benchmark_group(format!("book_of_{depth}_update_of_{levels}"));
            for (unit, elements) in [("updates", 1), ("levels", levels)] {
                group.throughput(Throughput::Elements(elements));
                group.bench_function(unit, |b| {
                    b.iter_batched(
                        || {
                            number += 1;
                            let mut update = updates[number as usize % UPDATES].clone();
                            (update.first_id, update.last_id) = (Some(number), number);
                            update
                        },
                        |update| {
                            let applied = book.apply(update);
                            debug_assert_eq!(applied, Applied::Changed);
                            applied
                        },
                        BatchSize::SmallInput,
                    );
                });
            }
            group.finish();
            assert!(book.is_whole(), "{book:?}");
        }
    }
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

/// A book of `depth` levels a side around 100,000, a tick of 0.01 apart.
fn snapshot(depth: i64) -> BookUpdate {
    let side = |sign: i64| (1..=depth).map(|ticks| level(sign * ticks, 1)).collect();
    update(side(-1), side(1), true)
}

fn updates(depth: i64, levels: u64) -> Vec<BookUpdate> {
    let mut seed = 7_u64;
    let mut roll = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as i64
    };
    let mut side = |sign: i64| -> Vec<Level> {
        // The square of an even draw lies near the best more often than not.
        let mut one = || {
            let even = roll() % depth;
            level(sign * (1 + even * even / depth), roll() % 3)
        };
        (0..levels / 2 + levels % 2).map(|_| one()).collect()
    };
    (0..UPDATES).map(|_| update(side(-1), side(1), false)).collect()
}

fn update(bids: Vec<Level>, asks: Vec<Level>, snapshot: bool) -> BookUpdate {
    let (symbol, first_id) = (symbol(), Some(1));
    BookUpdate { symbol, snapshot, bids, asks, first_id, last_id: 1, previous_id: None, at: None }
}

fn level(ticks: i64, quantity: i64) -> Level {
    (Decimal::new(10_000_000 + ticks, 2), Decimal::new(quantity * 1_234, 3))
}

criterion_group!(benches, book_tops, books);
criterion_main!(benches);
