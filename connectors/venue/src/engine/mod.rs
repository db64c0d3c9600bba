//! The venue-neutral exchange: instruments, moving prices, accounts, orders and matching.
//!
//! Nothing here knows a path, a header or an error number. A front (such as [`crate::binance`])
//! turns requests into [`NewOrder`]s and [`Reject`]s into the venue's own words. Time enters as an
//! argument only, and every price is a function of the seed and that time.

mod account;
mod algo;
mod book;
mod candle;
mod closing;
mod event;
mod filters;
mod funding;
mod instrument;
mod linear;
mod listing;
mod matching;
mod order;
mod price;
mod report;
mod rules;
mod spot;
mod store;
mod trailing;
mod types;

pub(crate) use account::{Account, Balance, MARGIN_ASSET, Margin};
pub(crate) use algo::{Algo, AlgoKind, AlgoStatus, NewAlgo};
pub(crate) use book::{Book, BookUpdate, PriceLevel, difference};
pub(crate) use closing::Closing;
pub(crate) use event::{
    AccountChange, AccountReason, Event, Hub, OrderChange, PositionChange, PublicTrade,
};
pub(crate) use funding::{FUNDING_INTERVAL_MS, FundingPayment};
pub(crate) use instrument::Instrument;
pub(crate) use linear::Amendment;
pub(crate) use listing::{brackets, dec};
pub(crate) use order::{NewOrder, Order, Trade};
pub(crate) use price::Feed;
pub(crate) use trailing::Trail;
pub(crate) use types::{Filter, Reject};
pub use types::{Market, OrderKind, PositionSide, Rules, Side, Status, TimeInForce, TradingStatus};

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use crate::config::{Config, Fees};
use algo::AlgoStore;
use price::STEP_MS;
use store::OrderStore;

/// Closed orders that are always remembered, so that a reply can show what it has just closed.
const MIN_HISTORY: usize = 1_000;

/// The longest stretch of unobserved price path that is replayed step by step, in steps of 100 ms.
/// A longer gap (virtual time may jump by days) is sampled evenly at this many points.
const MAX_REPLAY_STEPS: u64 = 2_000;

/// Times beyond this (in the year 33658) count as this; keeps time arithmetic far from its limits.
pub(crate) const MAX_TIME_MS: u64 = 1_000_000_000_000_000;

/// Orders, accounts and prices of one simulated exchange.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) instruments: Vec<Instrument>,
    index: HashMap<(Market, &'static str), usize>,
    pub(crate) feeds: Vec<Feed>,
    books: Vec<Book>,
    /// Where events are recorded.
    pub(crate) hub: Hub,
    pub(crate) accounts: Vec<Account>,
    pub(crate) orders: OrderStore,
    pub(crate) algos: AlgoStore,
    pub(crate) fees: Fees,
    /// Spot commissions come out of the quote asset on both sides, and a buyer sets them aside;
    /// otherwise they come out of the asset received.
    pub(crate) fees_in_quote: bool,
    pub(crate) funding_rate: Decimal,
    /// Dead-man switches: when the deadline passes, the open orders of the pair are cancelled.
    pub(crate) countdowns: BTreeMap<(usize, usize), u64>,
    now_ms: u64,
    last_step: u64,
    last_funding: u64,
    next_trade_id: u64,
    pub(crate) fills: u64,
}

impl Engine {
    /// An exchange with the embedded listing, flat accounts and the clock at zero.
    pub(crate) fn new(config: &Config) -> Self {
        Self::listed(config, listing::instruments(), config.fees)
    }

    /// An exchange with another listing and other fees.
    pub(crate) fn listed(config: &Config, instruments: Vec<Instrument>, fees: Fees) -> Self {
        let feeds = instruments.iter().map(|i| Feed::new(config.seed, i, &config.prices)).collect();
        let index =
            instruments.iter().enumerate().map(|(n, i)| ((i.market, i.symbol), n)).collect();
        let accounts = (0..config.accounts.max(1))
            .map(|_| Account::new(config, instruments.len()))
            .collect::<Vec<_>>();
        Self {
            orders: OrderStore::new(instruments.len(), config.history_limit.max(MIN_HISTORY)),
            algos: AlgoStore::new(config.history_limit.max(MIN_HISTORY)),
            index,
            books: vec![Book::new(); instruments.len()],
            hub: Hub::default(),
            feeds,
            accounts,
            instruments,
            fees,
            fees_in_quote: false,
            funding_rate: config.funding_rate,
            countdowns: BTreeMap::new(),
            now_ms: 0,
            last_step: 0,
            last_funding: 0,
            next_trade_id: 1_000_000,
            fills: 0,
        }
    }

    /// Moves prices to `now_ms` and lets everything that waits on a price or a deadline happen on
    /// the way: resting orders fill, stops trigger, countdowns cancel, funding is paid. The clock
    /// never runs backwards.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        let first = self.now_ms == 0;
        let now_ms = now_ms.min(MAX_TIME_MS).max(self.now_ms);
        let step = now_ms / STEP_MS;
        if first {
            self.last_funding = now_ms / FUNDING_INTERVAL_MS;
            self.last_step = step;
            for feed in &mut self.feeds {
                feed.begin(now_ms);
            }
        }
        if step > self.last_step {
            let from = std::mem::replace(&mut self.last_step, step);
            self.replay(from, step);
        }
        for (feed, book) in self.feeds.iter_mut().zip(&mut self.books) {
            if feed.move_to(self.last_step) {
                book.invalidate();
            }
        }
        self.now_ms = now_ms;
        self.expire_countdowns();
        self.pay_funding();
    }

    /// Pins the mid price of an instrument, or releases it to its walk; resting orders and stops
    /// that the new price reaches are executed at once.
    pub(crate) fn pin_price(&mut self, instrument: usize, price: Option<Decimal>) -> bool {
        let Some(i) = self.instruments.get(instrument) else { return false };
        let ticks = match price {
            None => None,
            Some(p) => match i.ticks(p) {
                Some(t) if t > 0 => Some(t),
                _ => return false,
            },
        };
        let step = self.last_step;
        if let Some(feed) = self.feeds.get_mut(instrument) {
            feed.pin(ticks, step);
        }
        self.touch(instrument);
        self.match_resting(instrument);
        self.trigger(instrument);
        true
    }

    /// When prices move next.
    pub(crate) fn next_step_ms(&self) -> u64 {
        (self.last_step + 1) * STEP_MS
    }

    /// The position of an instrument in the listing.
    pub(crate) fn find(&self, market: Market, symbol: &str) -> Option<usize> {
        let index: &HashMap<(Market, &str), usize> = &self.index;
        index.get(&(market, symbol)).copied()
    }

    pub(crate) fn instrument(&self, index: usize) -> Result<&Instrument, Reject> {
        self.instruments.get(index).ok_or(Reject::UnknownSymbol)
    }

    pub(crate) fn account(&self, index: usize) -> Result<&Account, Reject> {
        self.accounts.get(index).ok_or(Reject::UnknownOrder)
    }

    pub(crate) fn account_mut(&mut self, index: usize) -> Result<&mut Account, Reject> {
        self.accounts.get_mut(index).ok_or(Reject::UnknownOrder)
    }

    /// The last (= mark) price of an instrument.
    pub(crate) fn last_price(&self, instrument: usize) -> Decimal {
        match (self.instruments.get(instrument), self.feeds.get(instrument)) {
            (Some(i), Some(f)) => i.price(f.mid()),
            _ => Decimal::ZERO,
        }
    }

    /// Engine time in milliseconds: the latest `now_ms` seen.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Notes that the book of an instrument may have changed.
    fn touch(&mut self, instrument: usize) {
        if let Some(book) = self.books.get_mut(instrument) {
            book.invalidate();
        }
    }

    fn take_trade_id(&mut self) -> u64 {
        self.next_trade_id += 1;
        self.next_trade_id
    }

    /// Walks the instruments that have something waiting through the price steps since the last
    /// call, in the order of time.
    fn replay(&mut self, from: u64, to: u64) {
        let stride = (to - from).div_ceil(MAX_REPLAY_STEPS).max(1);
        let mut step = from;
        while step < to && (self.orders.any_open() || self.algos.any_open()) {
            step = (step + stride).min(to);
            self.now_ms = self.now_ms.max(step * STEP_MS);
            self.expire_countdowns();
            for instrument in 0..self.instruments.len() {
                if !self.orders.has_open(instrument) && !self.algos.has_open(instrument) {
                    continue;
                }
                if self.feeds.get_mut(instrument).is_some_and(|feed| feed.move_to(step)) {
                    self.touch(instrument);
                }
                self.match_resting(instrument);
                self.trigger(instrument);
            }
        }
    }

    fn expire_countdowns(&mut self) {
        let now = self.now_ms;
        let due: Vec<(usize, usize)> =
            self.countdowns.iter().filter(|&(_, &at)| at <= now).map(|(&k, _)| k).collect();
        for (account, instrument) in due {
            self.countdowns.remove(&(account, instrument));
            self.cancel_all(account, instrument);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PriceModel;

    const T0: u64 = 1_700_000_000_000;

    fn d(text: &str) -> Decimal {
        text.parse().expect("decimal")
    }

    fn engine(config: Config) -> Engine {
        let mut engine = Engine::new(&config);
        engine.advance(T0);
        engine
    }

    fn still() -> Config {
        Config { prices: PriceModel::Still, ..Config::default() }
    }

    fn order(
        instrument: usize,
        side: Side,
        quantity: &str,
        price: Option<&str>,
    ) -> NewOrder<'static> {
        NewOrder {
            account: 0,
            instrument,
            side,
            kind: if price.is_some() { OrderKind::Limit } else { OrderKind::Market },
            tif: TimeInForce::Gtc,
            quantity: d(quantity),
            quote_quantity: Decimal::ZERO,
            price: price.map_or(Decimal::ZERO, d),
            stop_price: Decimal::ZERO,
            trailing_delta: None,
            position_side: PositionSide::Both,
            reduce_only: false,
            client_id: "c",
        }
    }

    #[test]
    fn a_spot_position_limit_counts_holdings_and_open_buys() {
        let mut e = engine(still());
        let btc = e.find(Market::Spot, "BTCUSDT").expect("listed");
        e.instruments[btc].max_position = d("12");
        e.place(&order(btc, Side::Buy, "1", Some("50000"))).expect("11 in all");
        let more = NewOrder { client_id: "d", ..order(btc, Side::Buy, "1.1", Some("50000")) };
        assert_eq!(e.place(&more), Err(Reject::Filter(Filter::MaxPosition, d("12"))));
        let sell = NewOrder { client_id: "e", ..order(btc, Side::Sell, "5", None) };
        e.place(&sell).expect("selling is free");
        e.place(&more).expect("5 + 1 + 1.1");
    }

    #[test]
    fn what_happens_during_a_jump_carries_the_time_at_which_it_happened() {
        let mut e = engine(Config { seed: 5, ..Config::default() });
        let btc = e.find(Market::Linear, "BTCUSDT").expect("listed");
        let below = e.last_price(btc) - d("5");
        let price = below.to_string();
        let bid = NewOrder { price: d(&price), ..order(btc, Side::Buy, "0.01", Some("1")) };
        let id = e.place(&bid).expect("resting");
        e.advance(T0 + 3_600_000);
        let filled = e.orders.get(id).expect("kept");
        assert_eq!(filled.status, Status::Filled, "five dollars below is reached within an hour");
        assert!(filled.updated_ms > T0 && filled.updated_ms < T0 + 3_600_000);
        assert_eq!(e.accounts[0].trades[0].time_ms, filled.updated_ms);
    }

    #[test]
    fn a_deadline_inside_a_jump_comes_before_later_prices() {
        let mut e = engine(still());
        let btc = e.find(Market::Linear, "BTCUSDT").expect("listed");
        let id = e.place(&order(btc, Side::Buy, "0.01", Some("50000"))).expect("resting");
        e.countdowns.insert((0, btc), T0 + 5_000);
        e.advance(T0 + 60_000);
        let order = e.orders.get(id).expect("kept");
        assert_eq!((order.status, order.updated_ms), (Status::Canceled, T0 + 5_000));
    }

    #[test]
    fn absurd_times_do_no_harm() {
        let mut e = engine(Config { funding_rate: d("0.0001"), ..still() });
        let btc = e.find(Market::Linear, "BTCUSDT").expect("listed");
        e.place(&order(btc, Side::Buy, "1", None)).expect("filled");
        e.advance(u64::MAX);
        assert_eq!(e.now_ms(), MAX_TIME_MS);
        e.advance(0);
        assert_eq!(e.now_ms(), MAX_TIME_MS);
    }

    #[test]
    fn an_isolated_position_keeps_its_margin_and_its_losses() {
        let mut e = engine(still());
        let btc = e.find(Market::Linear, "BTCUSDT").expect("listed");
        e.set_isolated(0, btc, true).expect("flat");
        e.set_leverage(0, btc, 10).expect("allowed");
        e.place(&order(btc, Side::Buy, "1", None)).expect("filled");
        let before = e.margin(0);
        assert!(e.pin_price(btc, Some(d("60000"))));
        let after = e.margin(0);
        assert_eq!(after.position, before.position);
        assert_eq!(after.available, before.available);
        assert!(after.unrealized < d("-3999"));
        assert_eq!(e.set_leverage(0, btc, 5), Err(Reject::LeverageReduction));
    }
}
