//! Looking inside the exchange, and changing what its clients take for given.

use rust_decimal::Decimal;

use super::Exchange;
use crate::control::{self, Counters, State};
use crate::engine::{Market, Rules, TradingStatus};
use crate::venue::Venue;

impl Exchange {
    /// [`Exchange::set_price_on`] Binance.
    pub fn set_price(
        &mut self,
        now_ms: u64,
        market: Market,
        symbol: &str,
        price: Option<Decimal>,
    ) -> bool {
        self.set_price_on(Venue::Binance, now_ms, market, symbol, price)
    }

    /// Pins the mid price of an instrument of a venue, or (with `None`) lets it walk again. Orders
    /// that the new price reaches execute at once. False for an unknown symbol or a price below
    /// one tick.
    pub fn set_price_on(
        &mut self,
        venue: Venue,
        now_ms: u64,
        market: Market,
        symbol: &str,
        price: Option<Decimal>,
    ) -> bool {
        let engine = self.engine(venue);
        engine.advance(now_ms);
        let found = engine.find(market, symbol);
        let pinned = found.is_some_and(|instrument| engine.pin_price(instrument, price));
        self.settle(venue, now_ms);
        pinned
    }

    /// [`Exchange::price_on`] Binance.
    pub fn price(&mut self, now_ms: u64, market: Market, symbol: &str) -> Option<Decimal> {
        self.price_on(Venue::Binance, now_ms, market, symbol)
    }

    /// The last price of an instrument of a venue; `None` for an unknown symbol.
    pub fn price_on(
        &mut self,
        venue: Venue,
        now_ms: u64,
        market: Market,
        symbol: &str,
    ) -> Option<Decimal> {
        let engine = self.engine(venue);
        engine.advance(now_ms);
        engine.find(market, symbol).map(|instrument| engine.last_price(instrument))
    }

    /// [`Exchange::set_status_on`] Binance.
    pub fn set_status(&mut self, market: Market, symbol: &str, status: TradingStatus) -> bool {
        self.set_status_on(Venue::Binance, market, symbol, status)
    }

    /// Opens or halts trading in an instrument of a venue. False for an unknown symbol.
    pub fn set_status_on(
        &mut self,
        venue: Venue,
        market: Market,
        symbol: &str,
        status: TradingStatus,
    ) -> bool {
        let engine = self.engine(venue);
        let found = engine.find(market, symbol);
        match found.and_then(|index| engine.instruments.get_mut(index)) {
            Some(instrument) => {
                instrument.status = status;
                true
            }
            None => false,
        }
    }

    /// Changes rules of an instrument of a venue under its clients. False for an unknown symbol or
    /// a value that is not above zero.
    pub fn set_rules_on(
        &mut self,
        venue: Venue,
        now_ms: u64,
        market: Market,
        symbol: &str,
        rules: &Rules,
    ) -> bool {
        let engine = self.engine(venue);
        engine.advance(now_ms);
        let found = engine.find(market, symbol);
        let set = found.is_some_and(|instrument| engine.set_rules(instrument, rules));
        self.settle(venue, now_ms);
        set
    }

    /// [`Exchange::state_of`] Binance.
    pub fn state(&mut self, now_ms: u64, max_orders: usize) -> State {
        self.state_of(Venue::Binance, now_ms, max_orders)
    }

    /// Everything on a venue's books at `now_ms`: at most `max_orders` of the newest orders per
    /// account, positions, balances and counters.
    pub fn state_of(&mut self, venue: Venue, now_ms: u64, max_orders: usize) -> State {
        self.engine(venue).advance(now_ms);
        self.settle(venue, now_ms);
        let counters = self.counters_of(venue);
        let waiting = self.faults.waiting();
        on!(self, venue, |books| control::state(&books.engine, counters, waiting, max_orders))
    }

    /// [`Exchange::counters_of`] Binance.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters_of(Venue::Binance)
    }

    /// What has happened so far on a venue, in numbers.
    #[must_use]
    pub fn counters_of(&self, venue: Venue) -> Counters {
        match venue {
            Venue::Binance => self.binance.counters(&control::BINANCE, &self.binance.front.errors),
            Venue::Bybit => self.bybit.counters(&control::BYBIT, &self.bybit.front.errors),
            Venue::Mexc => self.mexc.counters(&control::MEXC, &self.mexc.front.errors),
        }
    }

    /// Key of [`Exchange::credentials`] on Binance.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.credentials(Venue::Binance).0
    }

    /// Secret of [`Exchange::credentials`] on Binance.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        self.credentials(Venue::Binance).1
    }

    /// Key and secret of a venue's first HMAC key: the generated one unless keys were configured;
    /// empty if only other kinds were.
    #[must_use]
    pub fn credentials(&self, venue: Venue) -> (&str, &str) {
        match venue {
            Venue::Binance => self.binance.front.default_key(),
            Venue::Bybit => self.bybit.front.default_key(),
            Venue::Mexc => self.mexc.front.default_key(),
        }
    }
}
