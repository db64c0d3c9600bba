//! The order book everybody sees: the market's levels and the customers' resting orders.
//!
//! A book is evaluated when somebody looks, and compared with what was last seen. Every state that
//! was ever shown therefore has a number, and the updates between two numbers name every level
//! that differs: a client that keeps a book of its own from snapshot and updates ends with exactly
//! this one.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Engine;
use super::event::{Event, PublicTrade};
use super::types::{OrderKind, Side};

/// Number of the first state of every book.
const FIRST_ID: u64 = 1_000_000;

/// Price and size of a level; size zero in an update means that the level is gone.
pub(crate) type PriceLevel = (Decimal, Decimal);

/// A book as last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Number of this state; grows with every change.
    pub(crate) id: u64,
    /// How many states there have been, for venues that count those.
    pub(crate) states: u64,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    /// Whether anything may have changed since it was last evaluated.
    stale: bool,
}

/// The difference between two states of a book.
#[derive(Clone, Debug)]
pub(crate) struct BookUpdate {
    pub(crate) instrument: usize,
    /// Number of the state it starts from.
    pub(crate) previous_id: u64,
    /// Number of the state it leads to.
    pub(crate) id: u64,
    /// How many states there have been with that one.
    pub(crate) states: u64,
    /// Levels that differ, with their new sizes; best first.
    pub(crate) bids: Vec<PriceLevel>,
    /// Levels that differ, with their new sizes; best first.
    pub(crate) asks: Vec<PriceLevel>,
    pub(crate) time_ms: u64,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self { id: FIRST_ID, states: FIRST_ID, stale: true, ..Self::default() }
    }

    /// Bids, best first.
    pub(crate) fn bids(&self) -> impl Iterator<Item = PriceLevel> + '_ {
        self.bids.iter().rev().map(|(p, q)| (*p, *q))
    }

    /// Asks, best first.
    pub(crate) fn asks(&self) -> impl Iterator<Item = PriceLevel> + '_ {
        self.asks.iter().map(|(p, q)| (*p, *q))
    }

    pub(super) fn invalidate(&mut self) {
        self.stale = true;
    }

    /// Replaces the levels. The difference, unless there is none.
    fn replace(
        &mut self,
        bids: BTreeMap<Decimal, Decimal>,
        asks: BTreeMap<Decimal, Decimal>,
    ) -> Option<(Vec<PriceLevel>, Vec<PriceLevel>)> {
        self.stale = false;
        let mut bid_changes = difference(&self.bids, &bids);
        bid_changes.reverse();
        let ask_changes = difference(&self.asks, &asks);
        let changes = bid_changes.len() + ask_changes.len();
        if changes == 0 {
            return None;
        }
        self.bids = bids;
        self.asks = asks;
        self.id += u64::try_from(changes).unwrap_or(1);
        self.states += 1;
        Some((bid_changes, ask_changes))
    }
}

impl Engine {
    /// The book of an instrument as it is now.
    pub(crate) fn book(&mut self, instrument: usize) -> Option<&Book> {
        self.evaluate_book(instrument);
        self.books.get(instrument)
    }

    /// Best bid and ask of the book as it was last looked at.
    pub(crate) fn best(&self, instrument: usize) -> Option<(PriceLevel, PriceLevel)> {
        let book = self.books.get(instrument)?;
        Some((book.bids().next()?, book.asks().next()?))
    }

    /// The book of an instrument as it was last evaluated; right after [`Engine::refresh_watched`]
    /// that is now, for the watched ones.
    pub(crate) fn shown_book(&self, instrument: usize) -> Option<&Book> {
        self.books.get(instrument)
    }

    /// Evaluates the books of all instruments.
    pub(crate) fn evaluate_books(&mut self) {
        for instrument in 0..self.instruments.len() {
            self.evaluate_book(instrument);
        }
    }

    /// Brings the books of all watched instruments up to date and prints a trade on their tapes
    /// for every price step that has passed.
    pub(crate) fn refresh_watched(&mut self) {
        let watched: Vec<usize> = self.hub.watched().collect();
        for instrument in watched {
            self.print_trade(instrument);
            self.evaluate_book(instrument);
        }
    }

    fn evaluate_book(&mut self, instrument: usize) {
        let Some(book) = self.books.get(instrument).filter(|b| b.stale) else { return };
        let previous_id = book.id;
        let bids = self.side_of_book(instrument, Side::Buy);
        let asks = self.side_of_book(instrument, Side::Sell);
        let time_ms = self.now_ms();
        let Some(book) = self.books.get_mut(instrument) else { return };
        let Some((bids, asks)) = book.replace(bids, asks) else { return };
        let (id, states) = (book.id, book.states);
        if self.hub.is_watched(instrument) {
            self.hub.emit(|| {
                Event::Book(BookUpdate { instrument, previous_id, id, states, bids, asks, time_ms })
            });
        }
    }

    fn side_of_book(&self, instrument: usize, side: Side) -> BTreeMap<Decimal, Decimal> {
        let (Some(i), Some(feed)) = (self.instruments.get(instrument), self.feeds.get(instrument))
        else {
            return BTreeMap::new();
        };
        // What a taker meets are the resting orders of the other side.
        let mut levels: BTreeMap<Decimal, Decimal> =
            feed.levels(side.opposite()).map(|l| (i.price(l.price), i.quantity(l.size))).collect();
        for order in self.orders.open_ids(instrument).filter_map(|id| self.orders.get(id)) {
            if order.side == side && order.working && order.kind != OrderKind::Market {
                *levels.entry(order.price).or_default() += order.remaining();
            }
        }
        levels
    }

    /// Something traded between other people since the last look: one print at the new price.
    fn print_trade(&mut self, instrument: usize) {
        let step = self.last_step;
        if self.hub.printed.insert(instrument, step).is_none_or(|before| before == step) {
            return;
        }
        let (Some(i), Some(feed)) = (self.instruments.get(instrument), self.feeds.get(instrument))
        else {
            return;
        };
        let (steps, taker) = feed.print();
        let (price, quantity) = (i.price(feed.mid()), i.quantity(steps).max(i.min_quantity));
        let (id, time_ms) = (self.take_trade_id(), self.now_ms());
        self.hub
            .emit(|| Event::Trade(PublicTrade { id, instrument, price, quantity, taker, time_ms }));
    }
}

/// The levels that differ, with their new sizes, by ascending price.
pub(crate) fn difference(
    before: &BTreeMap<Decimal, Decimal>,
    after: &BTreeMap<Decimal, Decimal>,
) -> Vec<PriceLevel> {
    let gone = before.keys().filter(|p| !after.contains_key(p)).map(|p| (*p, Decimal::ZERO));
    let new = after.iter().filter(|(p, q)| before.get(p) != Some(q)).map(|(p, q)| (*p, *q));
    let mut changes: Vec<PriceLevel> = gone.chain(new).collect();
    changes.sort_unstable_by_key(|c| c.0);
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use crate::config::Config;
    use crate::engine::{Market, NewOrder, PositionSide, TimeInForce};

    const T0: u64 = 1_700_000_000_000;

    fn apply(side: &mut BTreeMap<Decimal, Decimal>, changes: &[PriceLevel]) {
        for (price, size) in changes {
            if size.is_zero() {
                side.remove(price);
            } else {
                side.insert(*price, *size);
            }
        }
    }

    #[test]
    fn updates_lead_from_any_snapshot_to_the_book() {
        let mut e = Engine::new(&Config::default());
        e.advance(T0);
        let btc = e.find(Market::Spot, "BTCUSDT").expect("listed");
        e.hub.listen(true, BTreeSet::from([btc]));
        e.refresh_watched();
        e.hub.drain();
        let book = e.book(btc).expect("listed").clone();
        let (mut id, mut bids, mut asks) = (book.id, book.bids, book.asks);
        let mut changes = 0;
        for n in 0..300_u64 {
            if n % 7 == 0 {
                let price = e.last_price(btc) - Decimal::from(n % 50);
                e.place(&NewOrder {
                    account: 0,
                    instrument: btc,
                    side: Side::Buy,
                    kind: OrderKind::Limit,
                    tif: TimeInForce::Gtc,
                    quantity: Decimal::new(1, 3),
                    quote_quantity: Decimal::ZERO,
                    price,
                    stop_price: Decimal::ZERO,
                    trailing_delta: None,
                    position_side: PositionSide::Both,
                    reduce_only: false,
                    client_id: &format!("o{n}"),
                })
                .expect("placed");
            }
            e.advance(T0 + n * 50);
            e.refresh_watched();
            for event in e.hub.drain().0 {
                if let Event::Book(update) = event {
                    assert_eq!(update.previous_id, id, "no gaps");
                    id = update.id;
                    changes += update.bids.len() + update.asks.len();
                    apply(&mut bids, &update.bids);
                    apply(&mut asks, &update.asks);
                }
            }
            let now = e.book(btc).expect("listed");
            assert_eq!((id, &bids, &asks), (now.id, &now.bids, &now.asks));
            let (bid, ask) = (now.bids().next(), now.asks().next());
            assert!(bid.expect("bids").0 < ask.expect("asks").0, "never crossed");
        }
        assert!(changes > 1_000, "{changes}");
        assert!(changes < 150 * 100, "most levels stay from step to step: {changes}");
    }
}
