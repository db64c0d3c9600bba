//! What holds the sockets for market data open, hands out what they bring, and keeps the books.

use core::fmt;
use core::future::poll_fn;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use super::book_keeper::BookKeeper;
use super::driven::{Driven, Occurrence};
use super::feed::Teller;
use super::market::{MarketConfig, MarketEvent, Shared};
use crate::session::MarketMerge;
use crate::stream::BookUpdate;
use crate::{
    Applied, BookLoss, Channel, Client, Clock, Error, Event, ExchangeProvider, Socket,
    StreamProvider, Symbol, Timestamp, Topic, Transport,
};

/// How many books are read over REST at the same time.
const READS_MAX: usize = 4;

/// How many events of a session are taken until the next one has its turn.
const TURN: usize = 64;

/// Does the work of a [`MarketFeed`](super::MarketFeed).
pub struct MarketDriver<P, T, C> {
    pub(super) client: Arc<Client<P, T, C>>,
    pub(super) config: MarketConfig,
    pub(super) shared: Arc<Shared>,
    pub(super) events: Teller<MarketEvent>,
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
        let is_banned = || client.is_banned();
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
                lost = poll_fn(|cx| work.poll(cx, &venue_now, &is_banned)) => Some(lost),
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
    events: &'a Teller<MarketEvent>,
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
    /// Does what the sessions bring, a shard after the other, until a book has to be read.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        venue_now: &dyn Fn() -> Timestamp,
        is_banned: &dyn Fn() -> bool,
    ) -> Poll<Symbol> {
        loop {
            let mut idle = true;
            for index in 0..self.shards.len() {
                for _ in 0..TURN {
                    let Some(shard) = self.shards.get_mut(index) else { break };
                    let Poll::Ready(it) = shard.driven.poll(cx, self.provider, venue_now) else {
                        break;
                    };
                    idle = false;
                    if let Some(lost) = self.occurred(index, it, is_banned) {
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
    fn occurred(
        &mut self,
        index: usize,
        occurred: Occurrence,
        is_banned: &dyn Fn() -> bool,
    ) -> Option<Symbol> {
        let shard = self.shards.get_mut(index)?;
        match occurred {
            Occurrence::Connect(id) if is_banned() => shard.driven.cannot_dial(id, None),
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
                self.events.tell(MarketEvent::Connected { topics });
            }
            Occurrence::Deaf => {
                for topic in shard.driven.topics() {
                    if let (Channel::Depth, Some(symbol)) = (topic.channel, topic.symbol) {
                        self.keeper.reset(symbol);
                    }
                }
            }
            Occurrence::Lost => {
                let topics = shard.driven.topics().into();
                self.events.tell(MarketEvent::Disconnected { topics });
            }
            Occurrence::Ready { gap: false }
            | Occurrence::NotOpened
            | Occurrence::Refused
            | Occurrence::Throttled(_)
            | Occurrence::Stopped(_) => {}
        }
        None
    }

    fn event(&mut self, event: Event, current: bool) -> Option<Symbol> {
        match event {
            Event::BookTop(top) => self.events.tell(MarketEvent::BookTop(top)),
            Event::Trade(trade) => self.events.tell(MarketEvent::Trade(trade)),
            Event::Book(update) => return self.book(update, current),
            Event::Refused { code, message } => {
                self.events.tell(MarketEvent::Refused { code, message: Arc::from(message) });
            }
            _ => {}
        }
        None
    }

    fn book(&mut self, update: BookUpdate, current: bool) -> Option<Symbol> {
        let symbol = update.symbol;
        match self.keeper.apply(update, current)? {
            (Applied::Changed, last_id) => {
                self.events.tell(MarketEvent::BookChanged { symbol, last_id });
                None
            }
            (Applied::Lost(loss), _) => {
                if loss != BookLoss::Start {
                    tracing::debug!(%symbol, %loss, "book lost");
                }
                self.events.tell(MarketEvent::BookLost { symbol, loss });
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
