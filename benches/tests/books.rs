//! Ten thousand order books fit into 200 MB.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::alloc::System;
use std::collections::HashMap;

use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{Applied, BookRule, Decimal, OrderBook, Symbol};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BOOKS: u64 = 10_000;

/// As many levels of each side as a feed keeps unless told otherwise, and more than that in what the
/// venue sends.
const DEPTH_MAX: usize = 256;
const SENT: i64 = 300;

/// The allocator counts for the whole process: one test, so that no other runs beside it.
#[test]
fn ten_thousand_full_books_fit_into_two_hundred_megabytes() {
    let in_use = Region::new(ALLOCATOR);
    let mut books = HashMap::new();
    for number in 0..BOOKS {
        let symbol = Symbol::new(&format!("C{number}USDT")).unwrap();
        let mut book = OrderBook::new(symbol, BookRule::FirstNumber, DEPTH_MAX);
        assert_eq!(book.apply(update(symbol, 1, 1..=SENT)), Applied::Changed);
        // New levels push others out; the book does not grow by it.
        for at in 2..=20 {
            assert_eq!(book.apply(update(symbol, at, at as i64..=at as i64)), Applied::Changed);
        }
        assert_eq!((book.bids().len(), book.asks().len()), (DEPTH_MAX, DEPTH_MAX));
        books.insert(symbol, book);
    }
    let stats = in_use.change();
    let bytes = stats.bytes_allocated - stats.bytes_deallocated;
    let told: usize = books.values().map(OrderBook::heap_bytes).sum();
    println!("{} KB, of which the books tell {} KB", bytes / 1_000, told / 1_000);
    assert!(bytes < 200_000_000, "{bytes} bytes");
    // What a book tells of itself is what it takes.
    assert!(told.abs_diff(bytes) < bytes / 10, "{told} told, {bytes} taken");
}

/// Quantities at `ticks` half ticks from the middle.
fn update(symbol: Symbol, number: u64, ticks: std::ops::RangeInclusive<i64>) -> BookUpdate {
    let snapshot = number == 1;
    // Between the levels of the snapshot.
    let between = i64::from(!snapshot);
    let side = |sign: i64| -> Vec<Level> {
        let price = |tick: i64| Decimal::new(10_000_000 + sign * (2 * tick + between), 2);
        ticks.clone().map(|tick| (price(tick), Decimal::ONE)).collect()
    };
    BookUpdate {
        symbol,
        snapshot,
        bids: side(-1),
        asks: side(1),
        first_id: Some(number),
        last_id: number,
        previous_id: None,
        at: None,
    }
}
