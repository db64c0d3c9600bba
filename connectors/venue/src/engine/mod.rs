//! The venue-neutral exchange: instruments, moving prices, accounts, orders and matching.
//!
//! Nothing here knows a path, a header or an error number. A front (such as [`crate::binance`])
//! turns requests into [`NewOrder`]s and [`Reject`]s into the venue's own words. Time enters as an
//! argument only, and every price is a function of the seed and that time.

mod account;
mod algo;
mod filters;
mod instrument;
mod linear;
mod listing;
mod matching;
mod order;
mod price;
mod spot;
mod store;
mod types;

pub(crate) use account::{Account, Margin};
pub(crate) use algo::{Algo, AlgoKind, AlgoStatus, NewAlgo};
pub(crate) use linear::Amendment;
pub(crate) use instrument::{Bracket, Instrument};
pub(crate) use order::{NewOrder, Order, Trade};
pub(crate) use price::Feed;
pub(crate) use types::{Filter, Reject};
pub use types::{Market, OrderKind, PositionSide, Side, Status, TimeInForce, TradingStatus};

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use crate::config::{Config, Fees, PriceModel};
use algo::AlgoStore;
use price::STEP_MS;
use store::OrderStore;

/// The longest stretch of unobserved price path that is replayed step by step, in steps of 100 ms.
/// A longer gap (virtual time may jump by days) is sampled evenly at this many points.
const MAX_REPLAY_STEPS: u64 = 2_000;

/// Every 8 hours, as on the real venue: 00:00, 08:00 and 16:00 UTC.
pub(crate) const FUNDING_INTERVAL_MS: u64 = 8 * 3_600_000;

/// Orders, accounts and prices of one simulated exchange.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) instruments: Vec<Instrument>,
    index: HashMap<(Market, &'static str), usize>,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) orders: OrderStore,
    pub(crate) algos: AlgoStore,
    pub(crate) fees: Fees,
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
        let instruments = listing::instruments();
        let still = config.prices == PriceModel::Still;
        let feeds = instruments.iter().map(|i| Feed::new(config.seed, i, still)).collect();
        let index = instruments.iter().enumerate().map(|(n, i)| ((i.market, i.symbol), n)).collect();
        let accounts = (0..config.accounts.max(1))
            .map(|_| Account::new(config, instruments.len()))
            .collect::<Vec<_>>();
        Self {
            orders: OrderStore::new(instruments.len(), config.history_limit),
            algos: AlgoStore::new(config.history_limit),
            index,
            feeds,
            accounts,
            instruments,
            fees: config.fees,
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
        self.now_ms = self.now_ms.max(now_ms);
        self.expire_countdowns();
        let step = self.now_ms / STEP_MS;
        if first {
            self.last_funding = self.now_ms / FUNDING_INTERVAL_MS;
            self.last_step = step;
        }
        if step > self.last_step {
            let from = std::mem::replace(&mut self.last_step, step);
            if self.waiting_on_prices() {
                self.replay(from, step);
            }
        }
        for feed in &mut self.feeds {
            feed.move_to(step);
        }
        let funding = self.now_ms / FUNDING_INTERVAL_MS;
        if funding > self.last_funding {
            self.last_funding = funding;
            self.pay_funding();
        }
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
        self.match_resting(instrument);
        self.trigger(instrument);
        true
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

    fn take_trade_id(&mut self) -> u64 {
        self.next_trade_id += 1;
        self.next_trade_id
    }

    fn waiting_on_prices(&self) -> bool {
        self.orders.any_open() || self.algos.any_open()
    }

    fn replay(&mut self, from: u64, to: u64) {
        let stride = (to - from).div_ceil(MAX_REPLAY_STEPS).max(1);
        let busy: Vec<usize> = (0..self.instruments.len())
            .filter(|&i| self.orders.has_open(i) || self.algos.has_open(i))
            .collect();
        for instrument in busy {
            let mut step = from;
            while step < to {
                step = (step + stride).min(to);
                if let Some(feed) = self.feeds.get_mut(instrument) {
                    feed.move_to(step);
                }
                self.match_resting(instrument);
                self.trigger(instrument);
                if !self.orders.has_open(instrument) && !self.algos.has_open(instrument) {
                    break;
                }
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

    fn pay_funding(&mut self) {
        if self.funding_rate.is_zero() {
            return;
        }
        let marks: Vec<Decimal> = (0..self.instruments.len()).map(|i| self.last_price(i)).collect();
        for account in &mut self.accounts {
            account.pay_funding(&marks, self.funding_rate);
        }
    }
}
