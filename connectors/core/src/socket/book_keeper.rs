//! The books of a feed, and which of them have to be read anew.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::random;
use crate::session::Backoff;
use crate::stream::BookUpdate;
use crate::{Applied, BookRule, OrderBook, Symbol};

/// How many price levels may wait for snapshots in all books together: 32 MiB of them.
const WAITING_LEVELS_MAX: usize = 1 << 20;

/// A few updates of any book may wait, however many books there are.
const WAITING_LEVELS_MIN: usize = 64;

/// Reads that were needed longer ago say nothing about the next one.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// The books, which readers look into.
#[derive(Default)]
pub(super) struct Books(Mutex<HashMap<Symbol, OrderBook>>);

impl Books {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Symbol, OrderBook>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct BookKeeper {
    books: Arc<Books>,
    rule: BookRule,
    depth_max: usize,
    /// Reads under way, by number.
    reads: HashMap<Symbol, Read>,
    number: u64,
}

struct Read {
    /// The read under way, if there is one.
    number: Option<u64>,
    attempts: u32,
    last_at: Instant,
}

impl BookKeeper {
    pub(super) fn new(books: Arc<Books>, rule: BookRule, depth_max: usize) -> Self {
        Self { books, rule, depth_max, reads: HashMap::new(), number: 0 }
    }

    pub(super) fn rule(&self) -> BookRule {
        self.rule
    }

    pub(super) fn add(&mut self, symbol: Symbol) {
        let book = OrderBook::new(symbol, self.rule, self.depth_max);
        self.books.lock().entry(symbol).or_insert(book);
    }

    pub(super) fn remove(&mut self, symbol: Symbol) {
        self.books.lock().remove(&symbol);
        self.reads.remove(&symbol);
    }

    /// What was known is worth nothing any more, nor is what is being read.
    pub(super) fn reset(&mut self, symbol: Symbol) {
        if let Some(book) = self.books.lock().get_mut(&symbol) {
            book.reset();
        }
        if let Some(read) = self.reads.get_mut(&symbol) {
            read.number = None;
        }
    }

    /// Applies an update or a snapshot; nothing, if the book is not kept.
    pub(super) fn apply(&mut self, update: BookUpdate, current: bool) -> Option<(Applied, u64)> {
        let mut books = self.books.lock();
        let share = (WAITING_LEVELS_MAX / books.len().max(1)).max(WAITING_LEVELS_MIN);
        let book = books.get_mut(&update.symbol)?;
        // The connection that takes over may start behind the one that carries the session.
        let behind = update.snapshot && book.is_whole() && update.last_id <= book.last_id();
        if behind && !current {
            return None;
        }
        let applied = book.apply(update);
        book.limit_waiting(share);
        Some((applied, book.last_id()))
    }

    /// The number of a new read of a lost book, and after which wait; none, if one is under way.
    pub(super) fn begin_read(&mut self, symbol: Symbol) -> Option<(u64, Duration)> {
        let now = Instant::now();
        let fresh = || Read { number: None, attempts: 0, last_at: now };
        let read = self.reads.entry(symbol).or_insert_with(fresh);
        if read.number.is_some() {
            return None;
        }
        if now - read.last_at > FORGIVEN_AFTER {
            read.attempts = 0;
        }
        self.number += 1;
        let wait = match read.attempts {
            0 => Duration::ZERO,
            attempts => Backoff::default().wait(attempts, random()),
        };
        (read.number, read.last_at) = (Some(self.number), now);
        read.attempts = read.attempts.saturating_add(1);
        Some((self.number, wait))
    }

    /// Whether the read that ended is the one that is wanted.
    pub(super) fn end_read(&mut self, symbol: Symbol, number: u64) -> bool {
        match self.reads.get_mut(&symbol) {
            Some(read) if read.number == Some(number) => {
                read.number = None;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn ten_thousand_books_that_wait_for_snapshots_fit_into_200_megabytes() {
        let mut keeper = BookKeeper::new(Arc::default(), BookRule::FirstNumber, 256);
        let symbols = (0..10_000).map(|number| Symbol::new(&format!("B{number}USDT")).unwrap());
        let symbols: Vec<Symbol> = symbols.collect();
        symbols.iter().for_each(|symbol| keeper.add(*symbol));
        let levels: Vec<_> = (1..=10).map(|it| (Decimal::from(it), Decimal::ONE)).collect();
        for number in 1..=40 {
            for symbol in &symbols {
                let update = BookUpdate {
                    symbol: *symbol,
                    snapshot: false,
                    bids: levels.clone(),
                    asks: levels.clone(),
                    first_id: Some(number),
                    last_id: number,
                    previous_id: None,
                    at: None,
                };
                let (applied, _) = keeper.apply(update, true).unwrap();
                assert!(matches!(applied, Applied::Waiting | Applied::Lost(_)));
            }
        }
        let books = keeper.books.lock();
        let held: usize = books.values().map(OrderBook::heap_bytes).sum();
        assert!(held < 200_000_000, "{held} bytes");
        // The newest are there: some snapshot will fit them.
        assert!(books.values().all(|book| book.heap_bytes() > 0));
    }
}
