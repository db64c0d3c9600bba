//! Events for many readers, each at its own speed.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

/// What a reader of a feed gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery<E> {
    /// An event.
    Event(E),
    /// The reader was too slow, and goes on with the present. What follows first is what became of
    /// the lost ones, as far as the feed says that it tells them again.
    Lagged {
        /// What was dropped.
        lost: Lost,
    },
}

/// How many events of each kind a slow reader lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// States of orders.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Positions.
    pub positions: u64,
    /// Balances.
    pub balances: u64,
    /// Best bids and asks.
    pub book_tops: u64,
    /// Trades.
    pub trades: u64,
    /// Changes and losses of books.
    pub books: u64,
    /// Connections that came and went, and whatever else is told.
    pub others: u64,
    /// Whether more was lost than the feed remembers, so that not all of it is told again.
    pub beyond_memory: bool,
}

impl Lost {
    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.of_kinds().iter().sum()
    }

    fn of_kinds(&self) -> [u64; 8] {
        let Self { orders, fills, positions, balances, book_tops, trades, books, others, .. } =
            *self;
        [orders, fills, positions, balances, book_tops, trades, books, others]
    }

    /// What was told after `earlier`.
    fn since(&self, earlier: &Self, beyond_memory: bool) -> Self {
        Self {
            orders: self.orders - earlier.orders,
            fills: self.fills - earlier.fills,
            positions: self.positions - earlier.positions,
            balances: self.balances - earlier.balances,
            book_tops: self.book_tops - earlier.book_tops,
            trades: self.trades - earlier.trades,
            books: self.books - earlier.books,
            others: self.others - earlier.others,
            beyond_memory,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = [
            "orders",
            "fills",
            "positions",
            "balances",
            "best prices",
            "trades",
            "book changes",
            "others",
        ];
        let kinds = NAMES.iter().zip(self.of_kinds()).filter(|(_, count)| *count > 0);
        for (place, (name, count)) in kinds.enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {name}")?;
        }
        Ok(())
    }
}

/// What a feed tells.
pub trait FeedEvent: Clone {
    /// What the feed remembers, to tell it again to a reader that lost it.
    #[doc(hidden)]
    type Memory: Memory<Self>;

    /// The count of its kind.
    #[doc(hidden)]
    fn count_of<'c>(&self, counts: &'c mut Lost) -> &'c mut u64;
}

/// What a feed remembers of what it told.
#[doc(hidden)]
pub trait Memory<E>: Default {
    /// Event `number` is told.
    fn keep(&mut self, number: u64, event: &E);

    /// What became of everything told from event `number` on, oldest first, and whether that is all.
    fn since(&self, number: u64) -> (VecDeque<E>, bool);
}

/// Nothing is told again.
impl<E> Memory<E> for () {
    fn keep(&mut self, _: u64, _: &E) {}

    fn since(&self, _: u64) -> (VecDeque<E>, bool) {
        (VecDeque::new(), true)
    }
}

/// The end of a feed that tells. When it goes, the feed ends.
pub(super) struct Teller<E: FeedEvent> {
    sender: broadcast::Sender<E>,
    told: Arc<Mutex<Told<E>>>,
}

/// The end of a feed that makes readers.
pub(super) struct Listeners<E: FeedEvent> {
    sender: broadcast::WeakSender<E>,
    told: Arc<Mutex<Told<E>>>,
}

/// What was told so far; held while telling, so that a reader begins between two events.
struct Told<E: FeedEvent> {
    counts: Lost,
    memory: E::Memory,
}

/// A feed whose readers may be `backlog_max` events behind.
pub(super) fn feed<E: FeedEvent>(backlog_max: usize) -> (Teller<E>, Listeners<E>) {
    let sender = broadcast::Sender::new(backlog_max.max(1));
    let told = Arc::new(Mutex::new(Told { counts: Lost::default(), memory: E::Memory::default() }));
    let listeners = Listeners { sender: sender.downgrade(), told: told.clone() };
    (Teller { sender, told }, listeners)
}

impl<E: FeedEvent> Teller<E> {
    pub(super) fn tell(&self, event: E) {
        let mut told = lock(&self.told);
        let number = told.counts.total();
        told.memory.keep(number, &event);
        *event.count_of(&mut told.counts) += 1;
        // It is no matter if nobody reads.
        let _ = self.sender.send(event);
    }
}

impl<E: FeedEvent> Listeners<E> {
    /// A reader from now on; of a feed that has ended, one that gets nothing.
    pub(super) fn subscribe(&self) -> Subscriber<E> {
        let told = lock(&self.told);
        Subscriber {
            receiver: receiver(&self.sender),
            heard: told.counts,
            again: VecDeque::new(),
            sender: self.sender.clone(),
            told: self.told.clone(),
        }
    }
}

impl<E: FeedEvent> Clone for Listeners<E> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), told: self.told.clone() }
    }
}

/// One reader of a feed. A slow one holds up nobody: it is told what it lost.
pub struct Subscriber<E: FeedEvent> {
    receiver: broadcast::Receiver<E>,
    /// What it heard, and what it knows that it lost.
    heard: Lost,
    /// What is told again.
    again: VecDeque<E>,
    sender: broadcast::WeakSender<E>,
    told: Arc<Mutex<Told<E>>>,
}

impl<E: FeedEvent> Subscriber<E> {
    /// The next event; `None` once the feed has ended.
    pub async fn next(&mut self) -> Option<Delivery<E>> {
        if let Some(event) = self.again.pop_front() {
            return Some(Delivery::Event(event));
        }
        match self.receiver.recv().await {
            Ok(event) => {
                *event.count_of(&mut self.heard) += 1;
                Some(Delivery::Event(event))
            }
            Err(broadcast::error::RecvError::Lagged(_)) => Some(self.catch_up()),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Leaves out everything up to now.
    fn catch_up(&mut self) -> Delivery<E> {
        let told = lock(&self.told);
        let (again, complete) = told.memory.since(self.heard.total());
        let lost = told.counts.since(&self.heard, !complete);
        (self.again, self.heard) = (again, told.counts);
        self.receiver = receiver(&self.sender);
        Delivery::Lagged { lost }
    }
}

impl<E: FeedEvent> fmt::Debug for Subscriber<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.again.len() + self.receiver.len();
        f.debug_struct("Subscriber").field("waiting", &waiting).finish_non_exhaustive()
    }
}

fn receiver<E: Clone>(sender: &broadcast::WeakSender<E>) -> broadcast::Receiver<E> {
    match sender.upgrade() {
        Some(sender) => sender.subscribe(),
        None => broadcast::Sender::new(1).subscribe(),
    }
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
