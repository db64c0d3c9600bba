//! Market data: best prices, trades, and order books that are kept whole.

use core::fmt;
use core::future::poll_fn;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, Semaphore, broadcast};

use super::book_keeper::{BookKeeper, Books};
use super::driven::{Driven, Occurrence};
use super::feed::Subscriber;
use crate::session::{MarketMerge, SessionConfig};
use crate::stream::{BookUpdate, Trade};
use crate::{
    Applied, BookLoss, BookTop, Channel, Client, Clock, Error, Event, ExchangeProvider, OrderBook,
    Socket, StreamProvider, Symbol, Timestamp, Topic, Transport,
};

/// How many books are read over REST at the same time.
const READS_MAX: usize = 4;

/// How many events of a session are taken until the next one has its turn.
const TURN: usize = 64;

/// Settings of a [`MarketFeed`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MarketConfig {
    /// How many events a reader may be behind until it loses the oldest. Default 8192.
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

/// Market data of one market: say what is wanted, and read it from as many places as needed.
///
/// Connections are opened as they are needed, kept, replaced before the venue cuts them, and opened
/// anew when they break. The feed ends when its last handle is dropped.
#[derive(Clone)]
pub struct MarketFeed {
    shared: Arc<Shared>,
    /// The driver has the other end: when it ends, so does the feed.
    events: broadcast::WeakSender<MarketEvent>,
    /// Ends the driver when the last handle goes.
    _handles: Arc<Handles>,
}

struct Shared {
    wanted: Mutex<HashSet<Topic>>,
    changed: Notify,
    ended: AtomicBool,
    books: Arc<Books>,
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
        let events = broadcast::Sender::new(config.backlog_max.max(1));
        let handles = Arc::new(Handles(shared.clone()));
        let feed = Self { shared: shared.clone(), events: events.downgrade(), _handles: handles };
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
        Subscriber::new(&self.events)
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
    fn wanted(&self) -> MutexGuard<'_, HashSet<Topic>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work of a [`MarketFeed`].
pub struct MarketDriver<P, T, C> {
    client: Arc<Client<P, T, C>>,
    config: MarketConfig,
    shared: Arc<Shared>,
    events: broadcast::Sender<MarketEvent>,
}

impl<P, T, C> fmt::Debug for MarketDriver<P, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarketDriver").finish_non_exhaustive()
    }
}

impl<P: ExchangeProvider + StreamProvider, T: Transport, C: Clock> MarketDriver<P, T, C> {
    /// Runs until the last handle of the feed is dropped.
    pub async fn run(self) {
        let Self { client, config, shared, events } = &self;
        let provider = client.provider();
        let keeper = BookKeeper::new(shared.books.clone(), provider.book_rule(), config.depth_max);
        let mut work = Work { provider, config, shared, events, shards: Vec::new(), keeper };
        let permits = Semaphore::new(READS_MAX);
        let permits = &permits;
        let mut reads = FuturesUnordered::new();
        let venue_now = || client.venue_now();
        loop {
            let lost = tokio::select! {
                () = shared.changed.notified() => {
                    if shared.ended.load(Ordering::Acquire) {
                        return;
                    }
                    work.settle();
                    None
                }
                Some((symbol, number, read)) = reads.next() => work.read(symbol, number, read),
                lost = poll_fn(|cx| work.poll(cx, &venue_now)) => Some(lost),
            };
            if let Some(symbol) = lost
                && let Some((number, wait)) = work.keeper.begin_read(symbol)
            {
                let levels = u32::try_from(config.depth_max).unwrap_or(u32::MAX);
                let over_rest = work.keeper.rule().reads_snapshot();
                reads.push(async move {
                    tokio::time::sleep(wait).await;
                    if !over_rest {
                        return (symbol, number, None);
                    }
                    let _permit = permits.acquire().await;
                    (symbol, number, Some(client.depth(symbol, levels).await))
                });
            }
        }
    }
}

struct Work<'a, P> {
    provider: &'a P,
    config: &'a MarketConfig,
    shared: &'a Shared,
    events: &'a broadcast::Sender<MarketEvent>,
    shards: Vec<Shard>,
    keeper: BookKeeper,
}

/// One session with its part of the topics.
struct Shard {
    driven: Driven,
    merge: MarketMerge,
    overlapped: bool,
}

impl<P: StreamProvider> Work<'_, P> {
    fn tell(&self, event: MarketEvent) {
        // It is no matter if nobody reads.
        let _ = self.events.send(event);
    }

    /// Does what the sessions bring, a shard after the other, until a book has to be read.
    fn poll(&mut self, cx: &mut Context<'_>, venue_now: &dyn Fn() -> Timestamp) -> Poll<Symbol> {
        loop {
            let mut idle = true;
            for index in 0..self.shards.len() {
                for _ in 0..TURN {
                    let Some(shard) = self.shards.get_mut(index) else { break };
                    let Poll::Ready(it) = shard.driven.poll(cx, self.provider, venue_now) else {
                        break;
                    };
                    idle = false;
                    if let Some(lost) = self.occurred(index, it) {
                        return Poll::Ready(lost);
                    }
                }
            }
            if idle {
                return Poll::Pending;
            }
        }
    }

    /// Makes the subscriptions what is wanted.
    fn settle(&mut self) {
        let wanted = self.shared.wanted().clone();
        let is_depth = |topic: &Topic| topic.symbol.filter(|_| topic.channel == Channel::Depth);
        let mut had = HashSet::new();
        for shard in &mut self.shards {
            let topics: Vec<Topic> = shard.driven.topics().to_vec();
            let (keep, drop): (Vec<_>, Vec<_>) =
                topics.into_iter().partition(|topic| wanted.contains(topic));
            had.extend(keep);
            if !drop.is_empty() {
                shard.driven.unsubscribe(self.provider, &drop);
                drop.iter().filter_map(is_depth).for_each(|symbol| self.keeper.remove(symbol));
            }
        }
        self.shards.retain(|shard| !shard.driven.topics().is_empty());
        let mut more: Vec<Topic> = wanted.into_iter().filter(|it| !had.contains(it)).collect();
        more.iter().filter_map(is_depth).for_each(|symbol| self.keeper.add(symbol));
        while let Some(socket) = more.first().map(|topic| self.provider.socket(topic.channel)) {
            let (mut same, others): (Vec<_>, Vec<_>) =
                more.into_iter().partition(|topic| self.provider.socket(topic.channel) == socket);
            more = others;
            while !same.is_empty() {
                let provider = self.provider;
                let (shard, room) = self.shard_with_room(socket);
                let rest = same.split_off(room.min(same.len()));
                shard.driven.subscribe(provider, &same);
                same = rest;
            }
        }
    }

    fn shard_with_room(&mut self, socket: Socket) -> (&mut Shard, usize) {
        let most = self.provider.stream_limits().topics_per_connection.max(1);
        let room = |shard: &Shard| most.saturating_sub(shard.driven.topics().len());
        let place = self.shards.iter().position(|it| it.driven.socket() == socket && room(it) > 0);
        let place = place.unwrap_or_else(|| {
            let driven = Driven::new(self.provider, socket, self.config.session);
            self.shards.push(Shard { driven, merge: MarketMerge::default(), overlapped: false });
            self.shards.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // found, or just pushed
        let shard = &mut self.shards[place];
        let room = room(shard);
        (shard, room)
    }

    /// What happened on a shard; the symbol of a book that was lost by it.
    fn occurred(&mut self, index: usize, occurred: Occurrence) -> Option<Symbol> {
        let shard = self.shards.get_mut(index)?;
        match occurred {
            Occurrence::Connect(id) => {
                let url = self.provider.socket_url(shard.driven.socket(), None);
                shard.driven.dial(id, url);
            }
            Occurrence::Event { event, current } => {
                if shard.driven.overlaps() {
                    shard.overlapped = true;
                    if !shard.merge.admit(&event, current) {
                        return None;
                    }
                } else if shard.overlapped {
                    shard.overlapped = false;
                    shard.merge.clear();
                }
                return self.event(event, current);
            }
            Occurrence::Ready { gap: true } => {
                let topics = shard.driven.topics().into();
                self.tell(MarketEvent::Connected { topics });
            }
            Occurrence::Lost => {
                for topic in shard.driven.topics() {
                    if let (Channel::Depth, Some(symbol)) = (topic.channel, topic.symbol) {
                        self.keeper.reset(symbol);
                    }
                }
                let topics = shard.driven.topics().into();
                self.tell(MarketEvent::Disconnected { topics });
            }
            Occurrence::Ready { gap: false }
            | Occurrence::NotOpened
            | Occurrence::Refused
            | Occurrence::Stopped(_) => {}
        }
        None
    }

    fn event(&mut self, event: Event, current: bool) -> Option<Symbol> {
        match event {
            Event::BookTop(top) => self.tell(MarketEvent::BookTop(top)),
            Event::Trade(trade) => self.tell(MarketEvent::Trade(trade)),
            Event::Book(update) => return self.book(update, current),
            Event::Refused { code, message } => {
                self.tell(MarketEvent::Refused { code, message: Arc::from(message) });
            }
            _ => {}
        }
        None
    }

    fn book(&mut self, update: BookUpdate, current: bool) -> Option<Symbol> {
        let symbol = update.symbol;
        match self.keeper.apply(update, current)? {
            (Applied::Changed, last_id) => {
                self.tell(MarketEvent::BookChanged { symbol, last_id });
                None
            }
            (Applied::Lost(loss), _) => {
                if loss != BookLoss::Start {
                    tracing::debug!(%symbol, %loss, "book lost");
                }
                self.tell(MarketEvent::BookLost { symbol, loss });
                Some(symbol)
            }
            (Applied::Old | Applied::Waiting, _) => None,
        }
    }

    /// A book was read, or it is time to ask the stream for it again (`None`); the symbol if that has
    /// to be repeated.
    fn read(
        &mut self,
        symbol: Symbol,
        number: u64,
        read: Option<Result<BookUpdate, Error>>,
    ) -> Option<Symbol> {
        if !self.keeper.end_read(symbol, number) {
            return None;
        }
        match read {
            Some(Ok(update)) => self.book(update, true),
            Some(Err(error)) => {
                tracing::debug!(%symbol, %error, "book cannot be read");
                Some(symbol)
            }
            None => {
                let topic = Topic { channel: Channel::Depth, symbol: Some(symbol) };
                let mut shards = self.shards.iter_mut();
                let shard = shards.find(|shard| shard.driven.topics().contains(&topic))?;
                shard.driven.subscribe_again(self.provider, &[topic]);
                None
            }
        }
    }
}
