//! Market data: best prices, trades, and order books that are kept whole.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::book_keeper::Books;
use super::feed::{FeedEvent, Listeners, Lost, Subscriber, feed};
use super::market_driver::MarketDriver;
use crate::session::SessionConfig;
use crate::stream::Trade;
use crate::{BookLoss, BookTop, Client, OrderBook, Symbol, Topic};

/// Settings of a [`MarketFeed`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MarketConfig {
    /// How many events a reader may be behind. Default 8192.
    pub backlog_max: usize,
    /// How many levels of each side of a book are kept. Default 256.
    pub depth_max: usize,
    /// Changes the settings of the sessions.
    pub session: fn(&mut SessionConfig),
}

impl Default for MarketConfig {
    fn default() -> Self {
        Self { backlog_max: 8_192, depth_max: 256, session: |_| {} }
    }
}

/// An event of a [`MarketFeed`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MarketEvent {
    /// Best bid and ask.
    BookTop(BookTop),
    /// A trade.
    Trade(Trade),
    /// A book has changed, and is whole: see [`MarketFeed::book`].
    BookChanged {
        /// Whose.
        symbol: Symbol,
        /// The number of the last update in it.
        last_id: u64,
    },
    /// A book is not whole, and is being read anew; until then it is empty.
    BookLost {
        /// Whose.
        symbol: Symbol,
        /// Why.
        loss: BookLoss,
    },
    /// A connection carries these topics. Between [`Disconnected`](Self::Disconnected) and this,
    /// events were missed.
    Connected {
        /// Which.
        topics: Arc<[Topic]>,
    },
    /// No connection carries these topics.
    Disconnected {
        /// Which.
        topics: Arc<[Topic]>,
    },
    /// The venue refused a subscription, or it cannot be written.
    Refused {
        /// The venue's code; 0 where it sent none.
        code: i64,
        /// The beginning of its words.
        message: Arc<str>,
    },
}

impl FeedEvent for MarketEvent {
    type Memory = ();

    fn count_of<'c>(&self, counts: &'c mut Lost) -> &'c mut u64 {
        match self {
            Self::BookTop(_) => &mut counts.book_tops,
            Self::Trade(_) => &mut counts.trades,
            Self::BookChanged { .. } | Self::BookLost { .. } => &mut counts.books,
            Self::Connected { .. } | Self::Disconnected { .. } | Self::Refused { .. } => {
                &mut counts.others
            }
        }
    }
}

/// Market data of one market: say what is wanted, and read it from as many places as needed.
///
/// Connections are opened as they are needed, kept, replaced before the venue cuts them, and opened
/// anew when they break. A reader that was too slow is told how much it lost, and goes on with the
/// present; what it lost is not told again. The feed ends when its last handle is dropped.
#[derive(Clone)]
pub struct MarketFeed {
    shared: Arc<Shared>,
    /// The driver has the other end: when it ends, so does the feed.
    events: Listeners<MarketEvent>,
    /// Ends the driver when the last handle goes.
    _handles: Arc<Handles>,
}

pub(super) struct Shared {
    wanted: Mutex<HashSet<Topic>>,
    pub(super) changed: Notify,
    pub(super) ended: AtomicBool,
    pub(super) books: Arc<Books>,
}

struct Handles(Arc<Shared>);

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.changed.notify_one();
    }
}

impl MarketFeed {
    /// A feed of the client's market, and the driver that does its work: spawn
    /// [`MarketDriver::run`]. The client reads the books that come over REST, within its limits.
    pub fn new<P, T, C>(
        client: Arc<Client<P, T, C>>,
        config: MarketConfig,
    ) -> (Self, MarketDriver<P, T, C>) {
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            changed: Notify::new(),
            ended: AtomicBool::new(false),
            books: Arc::default(),
        });
        let (events, listeners) = feed(config.backlog_max);
        let handles = Arc::new(Handles(shared.clone()));
        let feed = Self { shared: shared.clone(), events: listeners, _handles: handles };
        (feed, MarketDriver { client, config, shared, events })
    }

    /// Wants these topics too. What cannot be had is told by [`MarketEvent::Refused`].
    pub fn subscribe(&self, topics: &[Topic]) {
        self.shared.wanted().extend(topics);
        self.shared.changed.notify_one();
    }

    /// Wants these topics no longer.
    pub fn unsubscribe(&self, topics: &[Topic]) {
        self.shared.wanted().retain(|topic| !topics.contains(topic));
        self.shared.changed.notify_one();
    }

    /// A reader of everything from now on.
    pub fn events(&self) -> Subscriber<MarketEvent> {
        self.events.subscribe()
    }

    /// Looks into the book of a symbol, if it is kept. All books stand still meanwhile: be brief.
    pub fn book<R>(&self, symbol: Symbol, look: impl FnOnce(&OrderBook) -> R) -> Option<R> {
        self.shared.books.lock().get(&symbol).map(look)
    }
}

impl fmt::Debug for MarketFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarketFeed").field("topics", &self.shared.wanted().len()).finish()
    }
}

impl Shared {
    pub(super) fn wanted(&self) -> MutexGuard<'_, HashSet<Topic>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
