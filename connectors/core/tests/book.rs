//! Local books against a venue that loses, repeats and reorders what it sends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::collections::BTreeMap;

use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{Applied, BookLoss, BookRule, Decimal, OrderBook, Symbol};
use proptest::prelude::*;

const RULES: [BookRule; 3] =
    [BookRule::FirstNumber, BookRule::PreviousNumber, BookRule::NextNumber];

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

/// Prices and quantities of either side, in whole numbers.
type Side = BTreeMap<i64, i64>;

#[derive(Clone, Default, PartialEq, Debug)]
struct Naive {
    bids: Side,
    asks: Side,
}

fn levels(side: &Side) -> Vec<Level> {
    side.iter().map(|(price, quantity)| ((*price).into(), (*quantity).into())).collect()
}

/// A venue's book with all its past, by number.
struct Venue {
    rule: BookRule,
    past: BTreeMap<u64, Naive>,
    last: u64,
}

impl Venue {
    fn new(rule: BookRule) -> Self {
        let mut now = Naive::default();
        for at in 1..=20 {
            now.bids.insert(100 - at, at);
            now.asks.insert(100 + at, at);
        }
        Self { rule, past: [(50, now)].into(), last: 50 }
    }

    fn now(&self) -> &Naive {
        &self.past[&self.last]
    }

    /// Changes levels, and tells so; numbers may skip some, as ids do that other books share.
    fn change(&mut self, changes: &[(bool, i64, i64)], skipped: u64) -> BookUpdate {
        let mut next = self.now().clone();
        let (mut bids, mut asks) = (Side::new(), Side::new());
        for (is_bid, distance, quantity) in changes {
            let (side, told, price) = if *is_bid {
                (&mut next.bids, &mut bids, 100 - distance)
            } else {
                (&mut next.asks, &mut asks, 100 + distance)
            };
            told.insert(price, *quantity);
            if *quantity == 0 {
                side.remove(&price);
            } else {
                side.insert(price, *quantity);
            }
        }
        let previous = self.last;
        self.last += 1 + if self.rule == BookRule::NextNumber { 0 } else { skipped };
        self.past.insert(self.last, next);
        BookUpdate {
            symbol: symbol(),
            snapshot: false,
            bids: levels(&bids),
            asks: levels(&asks),
            first_id: match self.rule {
                BookRule::FirstNumber => Some(previous + 1),
                // Futures number all their books together.
                BookRule::PreviousNumber => Some(previous + 1 + skipped),
                BookRule::NextNumber => None,
            },
            last_id: self.last,
            previous_id: (self.rule == BookRule::PreviousNumber).then_some(previous),
            at: None,
        }
    }

    fn snapshot(&self) -> BookUpdate {
        BookUpdate {
            symbol: symbol(),
            snapshot: true,
            bids: levels(&self.now().bids),
            asks: levels(&self.now().asks),
            first_id: None,
            last_id: self.last,
            previous_id: None,
            at: None,
        }
    }
}

/// How a message fares on its way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    AfterTheNext,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => Just(Fate::AfterTheNext),
    ]
}

type Step = (Vec<(bool, i64, i64)>, u64, Fate);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (any::<bool>(), 1_i64..40, 0_i64..5);
    prop::collection::vec((prop::collection::vec(change, 0..6), 0_u64..3, fate()), 1..120)
}

/// A whole book holds what the venue's held at that number; of a cut one, its best levels.
fn check(book: &OrderBook, venue: &Venue, depth_max: usize) {
    if !book.is_whole() {
        assert_eq!((book.bids().len(), book.asks().len()), (0, 0));
        return;
    }
    let truth = &venue.past[&book.last_id()];
    let bids: Vec<Level> = levels(&truth.bids).into_iter().rev().collect();
    let asks = levels(&truth.asks);
    for (ours, theirs) in [(book.bids().collect::<Vec<_>>(), bids), (book.asks().collect(), asks)] {
        assert!(ours.len() <= depth_max);
        assert_eq!(ours[..], theirs[..ours.len()]);
        assert!(
            ours.len() >= theirs.len().min(depth_max / 4),
            "{} of {}",
            ours.len(),
            theirs.len()
        );
    }
}

fn run(rule: BookRule, depth_max: usize, steps: &[Step], patience: usize) {
    let mut venue = Venue::new(rule);
    let mut book = OrderBook::new(symbol(), rule, depth_max);
    let mut late: Option<BookUpdate> = None;
    // The snapshot that was asked for, and how many messages it takes to come.
    let mut coming: Option<(BookUpdate, usize)> = None;
    for (changes, skipped, fate) in steps {
        let update = venue.change(changes, *skipped);
        let mut arrive: Vec<BookUpdate> = Vec::new();
        match fate {
            Fate::Arrives => arrive.push(update),
            Fate::Lost => {}
            Fate::Twice => arrive.extend([update.clone(), update]),
            Fate::AfterTheNext if late.is_none() => {
                late = Some(update);
                continue;
            }
            Fate::AfterTheNext => arrive.push(update),
        }
        arrive.extend(late.take());
        for update in arrive {
            if let Applied::Lost(_) = book.apply(update) {
                coming = Some((venue.snapshot(), patience));
            }
            check(&book, &venue, depth_max);
            match coming.take() {
                Some((snapshot, 0)) => {
                    if let Applied::Lost(_) = book.apply(snapshot) {
                        coming = Some((venue.snapshot(), patience));
                    }
                    check(&book, &venue, depth_max);
                }
                Some((snapshot, left)) => coming = Some((snapshot, left - 1)),
                None => {}
            }
        }
    }
    // On a calm line the book becomes whole, and equal to the venue's.
    for calm in 0..3 {
        if let Applied::Lost(_) = book.apply(venue.change(&[(true, 1, 9)], 0)) {
            book.apply(venue.snapshot());
        } else if !book.is_whole() {
            book.apply(venue.snapshot());
        }
        check(&book, &venue, depth_max);
        assert!(book.is_whole(), "after {calm} more");
    }
    assert_eq!(book.last_id(), venue.last);
}

proptest! {
    #[test]
    fn a_whole_book_is_the_venues_book(steps in steps(), patience in 0_usize..6) {
        for rule in RULES {
            run(rule, 1_000, &steps, patience);
        }
    }

    #[test]
    fn a_cut_book_holds_the_best_levels(steps in steps(), patience in 0_usize..6) {
        for rule in RULES {
            run(rule, 8, &steps, patience);
        }
    }
}

fn update(ids: (u64, u64), bid: i64, ask: i64) -> BookUpdate {
    BookUpdate {
        symbol: symbol(),
        snapshot: false,
        bids: vec![(bid.into(), Decimal::ONE)],
        asks: vec![(ask.into(), Decimal::ONE)],
        first_id: Some(ids.0),
        last_id: ids.1,
        previous_id: None,
        at: None,
    }
}

fn snapshot(last_id: u64) -> BookUpdate {
    BookUpdate { snapshot: true, ..update((last_id, last_id), 100, 110) }
}

#[test]
fn updates_that_waited_are_applied_once_the_snapshot_comes() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    assert_eq!(book.apply(update((8, 9), 101, 120)), Applied::Lost(BookLoss::Start));
    assert_eq!(book.apply(update((10, 12), 102, 121)), Applied::Waiting);
    assert_eq!(book.apply(snapshot(9)), Applied::Changed);
    assert_eq!(book.last_id(), 12);
    assert_eq!(book.best_bid(), Some((102.into(), 1.into())));
    assert!(book.bids().all(|(price, _)| price != 101.into()), "older than the snapshot");
}

#[test]
fn a_snapshot_from_before_the_stream_is_asked_for_again() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    book.apply(update((8, 9), 101, 120));
    let gap = BookLoss::Gap { after: 5, starts_after: 7 };
    assert_eq!(book.apply(snapshot(5)), Applied::Lost(gap));
    assert!(!book.is_whole());
    assert_eq!(book.apply(snapshot(7)), Applied::Changed);
    assert_eq!(book.last_id(), 9);
}

#[test]
fn a_missing_update_empties_the_book() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    book.apply(snapshot(9));
    let gap = BookLoss::Gap { after: 9, starts_after: 10 };
    assert_eq!(book.apply(update((11, 11), 101, 120)), Applied::Lost(gap));
    assert_eq!((book.best_bid(), book.best_ask(), book.last_id()), (None, None, 0));
    assert_eq!(book.apply(update((12, 12), 102, 120)), Applied::Waiting);
    assert_eq!(book.apply(snapshot(10)), Applied::Changed);
    assert_eq!(book.last_id(), 12);
}

#[test]
fn a_late_snapshot_does_not_turn_the_book_back() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    book.apply(snapshot(9));
    book.apply(update((10, 12), 102, 120));
    assert_eq!(book.apply(snapshot(11)), Applied::Old);
    assert_eq!(book.last_id(), 12);
}

#[test]
fn a_snapshot_in_the_stream_starts_anew_whatever_its_number() {
    let mut book = OrderBook::new(symbol(), BookRule::NextNumber, 100);
    assert_eq!(book.apply(update((7, 7), 101, 120)), Applied::Lost(BookLoss::Start));
    assert_eq!(book.apply(snapshot(500)), Applied::Changed);
    assert_eq!(book.apply(snapshot(1)), Applied::Changed);
    assert_eq!(book.apply(update((2, 2), 101, 120)), Applied::Changed);
    assert_eq!(book.last_id(), 2);
}

#[test]
fn the_previous_number_bridges_numbers_that_other_books_use() {
    let mut book = OrderBook::new(symbol(), BookRule::PreviousNumber, 100);
    let after = |previous, ids| BookUpdate { previous_id: Some(previous), ..update(ids, 101, 120) };
    book.apply(snapshot(50));
    assert_eq!(book.apply(after(47, (48, 60))), Applied::Changed);
    assert_eq!(book.apply(after(60, (75, 80))), Applied::Changed);
    let gap = BookLoss::Gap { after: 80, starts_after: 90 };
    assert_eq!(book.apply(after(90, (91, 95))), Applied::Lost(gap));
}

#[test]
fn a_crossed_book_is_read_anew() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    book.apply(snapshot(9));
    assert_eq!(book.apply(update((10, 10), 110, 120)), Applied::Lost(BookLoss::Crossed));
    assert_eq!(book.best_bid(), None);
}

#[test]
fn what_waits_is_bounded() {
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 100);
    for id in 1..100_000 {
        book.apply(update((id, id), 100, 110));
    }
    assert!(book.heap_bytes() < 1_000_000, "{}", book.heap_bytes());
    assert_eq!(book.apply(snapshot(99_990)), Applied::Changed);
    assert_eq!(book.last_id(), 99_999);
}

#[test]
fn ten_thousand_books_fit_into_200_megabytes() {
    let full: Vec<Level> = (1..=1_000).map(|price| (price.into(), 1.into())).collect();
    let asks = full.iter().map(|(price, quantity)| (price + Decimal::from(2_000), *quantity));
    let full = BookUpdate { bids: full.clone(), asks: asks.collect(), ..snapshot(1) };
    let mut book = OrderBook::new(symbol(), BookRule::FirstNumber, 256);
    book.apply(full);
    assert_eq!((book.bids().len(), book.asks().len()), (256, 256));
    let each = book.heap_bytes() + size_of::<OrderBook>();
    assert!(each * 10_000 < 200_000_000, "{each} bytes each");
}
