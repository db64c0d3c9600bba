//! A local order book, kept whole by the venue's update numbers.

mod ladder;

use core::fmt;
use std::collections::VecDeque;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::stream::{BookUpdate, Level};
use crate::{BookTop, Symbol, Timestamp};
use ladder::Ladder;

/// The most updates that wait for a snapshot, and the most price levels in them.
const WAITING_UPDATES_MAX: usize = 512;
const WAITING_LEVELS_MAX: usize = 8_192;

/// How a venue numbers the changes of a book, and where the book itself comes from.
///
/// One rule lies under all of them: an update carries every change after some number up to its own
/// last number, as absolute quantities. It fits a book that stands between the two, is old if the
/// book is further, and shows a gap if the book is not there yet. What differs is how an update tells
/// where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookRule {
    /// Each update names its first number; the book comes over REST. Binance spot
    /// (web-socket-streams.md, "How to manage a local order book correctly"), MEXC spot ("How to
    /// properly maintain a local copy of the order book") and MEXC futures (`version`).
    FirstNumber,
    /// Each update repeats the last number of the one before; the book comes over REST. Binance
    /// futures ("How to manage a local order book correctly", `pu`).
    PreviousNumber,
    /// Each update is the next number; the book comes in the stream, after every subscription and
    /// whenever the venue starts anew (Bybit v5 websocket/public/orderbook).
    NextNumber,
}

impl BookRule {
    /// Whether the book is read over REST, rather than sent in the stream after a subscription.
    pub const fn reads_snapshot(self) -> bool {
        !matches!(self, Self::NextNumber)
    }

    /// The number after which `update` tells every change.
    fn starts_after(self, update: &BookUpdate) -> u64 {
        let before = |number: u64| number.saturating_sub(1);
        match self {
            Self::FirstNumber => before(update.first_id.unwrap_or(update.last_id)),
            Self::PreviousNumber => {
                let first = before(update.first_id.unwrap_or(update.last_id));
                update.previous_id.unwrap_or(first)
            }
            Self::NextNumber => before(update.last_id),
        }
    }
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The book stands at the update's number.
    Changed,
    /// The book was further already.
    Old,
    /// There is no book yet: the update waits for it, or is of no use without it.
    Waiting,
    /// The book is lost, and a new snapshot has to be asked for. Told once; what comes until the
    /// snapshot is [`Waiting`](Self::Waiting).
    Lost(BookLoss),
}

/// Why a book has to be read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BookLoss {
    /// There was none yet.
    #[error("no book yet")]
    Start,
    /// Updates are missing.
    #[error("updates missing after {after}: the next starts after {starts_after}")]
    Gap {
        /// The book's number.
        after: u64,
        /// The number after which the update starts.
        starts_after: u64,
    },
    /// The best bid is not below the best ask, so that something is wrong which no number told.
    #[error("best bid not below best ask")]
    Crossed,
    /// Of a book cut to its best levels too few are left.
    #[error("too few levels left")]
    Thin,
}

/// The order book of one symbol.
///
/// Give it what the stream and the snapshot say, in the order they come, and do what
/// [`apply`](Self::apply) asks for. A book that is not whole is empty: it never shows prices that may
/// be wrong.
///
/// ```
/// use hoox_connector::stream::BookUpdate;
/// use hoox_connector::{Applied, BookLoss, BookRule, OrderBook, Symbol};
///
/// let symbol = Symbol::new("BTCUSDT")?;
/// let update = |snapshot, first, last, bid: i64| BookUpdate {
///     symbol,
///     snapshot,
///     bids: vec![(bid.into(), 1.into())],
///     asks: vec![(110.into(), 1.into())],
///     first_id: Some(first),
///     last_id: last,
///     previous_id: None,
///     at: None,
/// };
/// let mut book = OrderBook::new(symbol, BookRule::FirstNumber, 256);
/// assert_eq!(book.apply(update(false, 8, 10, 100)), Applied::Lost(BookLoss::Start));
/// assert_eq!(book.apply(update(true, 9, 9, 99)), Applied::Changed); // the snapshot, asked for now
/// assert_eq!(book.last_id(), 10); // what had waited is in it
/// assert_eq!(book.best_bid(), Some((100.into(), 1.into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct OrderBook {
    symbol: Symbol,
    rule: BookRule,
    depth_max: usize,
    bids: Ladder,
    asks: Ladder,
    last_id: u64,
    at: Option<Timestamp>,
    state: State,
    waiting: VecDeque<BookUpdate>,
    waiting_levels: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was asked for yet.
    Empty,
    /// A snapshot was asked for.
    Asked,
    Whole,
}

impl OrderBook {
    /// A book without content. Of each side the best `depth_max` levels are kept (at least 4); once
    /// fewer than a quarter of them are left of a side that was cut, the book is read anew.
    pub fn new(symbol: Symbol, rule: BookRule, depth_max: usize) -> Self {
        Self {
            symbol,
            rule,
            depth_max: depth_max.max(4),
            bids: Ladder::bids(),
            asks: Ladder::asks(),
            last_id: 0,
            at: None,
            state: State::Empty,
            waiting: VecDeque::new(),
            waiting_levels: 0,
        }
    }

    /// Takes an update or a snapshot, from the stream or over REST.
    pub fn apply(&mut self, update: BookUpdate) -> Applied {
        if update.snapshot {
            return self.start_from(&update);
        }
        match self.state {
            State::Whole => self.advance(&update),
            State::Empty => {
                self.state = State::Asked;
                self.wait(update);
                Applied::Lost(BookLoss::Start)
            }
            State::Asked => {
                self.wait(update);
                Applied::Waiting
            }
        }
    }

    /// Forgets everything, as after a lost connection: the next update asks for a snapshot.
    pub fn reset(&mut self) {
        self.lose();
        self.state = State::Empty;
    }

    /// Whether the book is whole.
    pub const fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    /// The neutral symbol.
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The rule it is kept by.
    pub const fn rule(&self) -> BookRule {
        self.rule
    }

    /// The number of the last update in it; 0 while it is not whole.
    pub const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// When it last changed, by the venue's clock, if the venue tells.
    pub const fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// The highest bid.
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest ask.
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// The bids, best first.
    pub fn bids(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.bids.best_first()
    }

    /// The asks, best first.
    pub fn asks(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.asks.best_first()
    }

    /// Best bid and ask with what is there.
    pub fn top(&self) -> BookTop {
        let (bid, ask) = (self.best_bid(), self.best_ask());
        BookTop {
            symbol: self.symbol,
            bid_price: bid.map(|(price, _)| price),
            bid_quantity: bid.map(|(_, quantity)| quantity),
            ask_price: ask.map(|(price, _)| price),
            ask_quantity: ask.map(|(_, quantity)| quantity),
            update_id: Some(self.last_id),
            at: self.at,
        }
    }

    /// Of what waits for a snapshot keeps the newest updates, with no more than this many price levels.
    pub fn limit_waiting(&mut self, levels_max: usize) {
        while self.waiting.len() > WAITING_UPDATES_MAX || self.waiting_levels > levels_max {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.waiting_levels -= oldest.bids.len() + oldest.asks.len();
        }
    }

    /// How much memory the book holds beyond its own size, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let waiting = self.waiting.capacity() * size_of::<BookUpdate>()
            + self.waiting_levels * size_of::<Level>();
        self.bids.heap_bytes() + self.asks.heap_bytes() + waiting
    }

    fn start_from(&mut self, snapshot: &BookUpdate) -> Applied {
        // A snapshot over REST may have been overtaken; one in the stream is where the venue starts
        // anew, with lower numbers after a restart.
        if self.is_whole() && self.rule.reads_snapshot() && snapshot.last_id <= self.last_id {
            return Applied::Old;
        }
        self.bids.fill(&snapshot.bids, self.depth_max);
        self.asks.fill(&snapshot.asks, self.depth_max);
        self.last_id = snapshot.last_id;
        self.at = snapshot.at.or(self.at);
        self.state = State::Whole;
        if let Some(loss) = self.fault() {
            return self.lost(loss);
        }
        self.waiting_levels = 0;
        let mut applied = Applied::Changed;
        for update in core::mem::take(&mut self.waiting) {
            // After a gap among those that waited, the later ones wait for the next snapshot.
            if !self.is_whole() {
                self.wait(update);
            } else if let lost @ Applied::Lost(_) = self.advance(&update) {
                applied = lost;
            }
        }
        applied
    }

    fn advance(&mut self, update: &BookUpdate) -> Applied {
        if update.last_id <= self.last_id {
            return Applied::Old;
        }
        let starts_after = self.rule.starts_after(update);
        if starts_after > self.last_id {
            let loss = BookLoss::Gap { after: self.last_id, starts_after };
            self.lost(loss);
            self.wait(update.clone());
            return Applied::Lost(loss);
        }
        for (price, quantity) in &update.bids {
            self.bids.set(*price, *quantity, self.depth_max);
        }
        for (price, quantity) in &update.asks {
            self.asks.set(*price, *quantity, self.depth_max);
        }
        self.last_id = update.last_id;
        self.at = update.at.or(self.at);
        match self.fault() {
            Some(loss) => self.lost(loss),
            None => Applied::Changed,
        }
    }

    /// What no number tells.
    fn fault(&self) -> Option<BookLoss> {
        if let (Some((bid, _)), Some((ask, _))) = (self.best_bid(), self.best_ask())
            && bid >= ask
        {
            return Some(BookLoss::Crossed);
        }
        let least = self.depth_max / 4;
        (self.bids.is_thin(least) || self.asks.is_thin(least)).then_some(BookLoss::Thin)
    }

    fn lost(&mut self, loss: BookLoss) -> Applied {
        self.lose();
        self.state = State::Asked;
        Applied::Lost(loss)
    }

    fn lose(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.waiting.clear();
        self.waiting_levels = 0;
        self.last_id = 0;
        self.at = None;
    }

    /// Keeps an update for the snapshot to come. The oldest give way: a snapshot asked for later has
    /// them in it.
    fn wait(&mut self, update: BookUpdate) {
        if !self.rule.reads_snapshot() {
            return;
        }
        self.waiting_levels += update.bids.len() + update.asks.len();
        self.waiting.push_back(update);
        self.limit_waiting(WAITING_LEVELS_MAX);
    }
}

impl fmt::Debug for OrderBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let price = |level: Option<(Decimal, Decimal)>| level.map(|(price, _)| price);
        f.debug_struct("OrderBook")
            .field("symbol", &self.symbol)
            .field("whole", &self.is_whole())
            .field("last_id", &self.last_id)
            .field("best_bid", &price(self.best_bid()))
            .field("best_ask", &price(self.best_ask()))
            .finish_non_exhaustive()
    }
}
