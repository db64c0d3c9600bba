//! Frames of the market streams.
//!
//! Source: the `ws_spot_*` and `ws_linear_*` samples; tickers, candles and mark prices after
//! Binance's documentation of their streams (spot web-socket-streams.md; USD-M market streams).

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::json::{Fixed, extended, f8};
use crate::engine::{
    Engine, FUNDING_INTERVAL_MS, Instrument, Market, PriceLevel, PublicTrade, Side,
};

const DAY_MS: u64 = 86_400_000;

/// An instrument with the number of decimals its streams have.
#[derive(Clone, Copy)]
pub(super) struct Printer<'e> {
    i: &'e Instrument,
    n: usize,
    engine: &'e Engine,
    server_ms: u64,
}

/// Numbers of the states between which a depth event leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) previous: u64,
    pub(super) time_ms: u64,
}

impl<'e> Printer<'e> {
    pub(super) fn new(engine: &'e Engine, n: usize, server_ms: u64) -> Option<Self> {
        Some(Self { i: engine.instruments.get(n)?, n, engine, server_ms })
    }

    fn spot(&self) -> bool {
        self.i.market == Market::Spot
    }

    fn price(&self, value: Decimal) -> Fixed {
        Fixed(value, if self.spot() { 8 } else { self.i.tick_decimals() })
    }

    fn quantity(&self, value: Decimal) -> Fixed {
        Fixed(value, if self.spot() { 8 } else { self.i.step_decimals() })
    }

    fn rows(&self, levels: impl Iterator<Item = PriceLevel>) -> Vec<[Fixed; 2]> {
        levels.map(|(price, size)| [self.price(price), self.quantity(size)]).collect()
    }

    /// Adds what only one of the markets has.
    fn per_market(&self, frame: Value, spot: Value, linear: Value) -> Value {
        extended(frame, if self.spot() { spot } else { linear })
    }

    pub(super) fn book_ticker(&self, id: u64, bid: PriceLevel, ask: PriceLevel) -> Value {
        let frame = json!({
            "u": id,
            "s": self.i.symbol,
            "b": self.price(bid.0),
            "B": self.quantity(bid.1),
            "a": self.price(ask.0),
            "A": self.quantity(ask.1),
        });
        let more = json!({
            "e": "bookTicker", "E": self.server_ms, "T": self.engine.now_ms(),
            "st": 1, "ps": self.i.symbol,
        });
        self.per_market(frame, Value::Null, more)
    }

    pub(super) fn trade(&self, trade: &PublicTrade) -> Value {
        let frame = json!({
            "e": "trade",
            "E": self.server_ms,
            "T": trade.time_ms,
            "s": self.i.symbol,
            "t": trade.id,
            "p": self.price(trade.price),
            "q": self.quantity(trade.quantity),
            "m": trade.taker == Side::Sell,
        });
        self.per_market(frame, json!({"M": true}), json!({"X": "MARKET"}))
    }

    pub(super) fn agg_trade(&self, trade: &PublicTrade) -> Value {
        let frame = json!({
            "e": "aggTrade",
            "E": self.server_ms,
            "s": self.i.symbol,
            "a": trade.id,
            "p": self.price(trade.price),
            "q": self.quantity(trade.quantity),
            "f": trade.id,
            "l": trade.id,
            "T": trade.time_ms,
            "m": trade.taker == Side::Sell,
        });
        self.per_market(frame, json!({"M": true}), json!({"st": 1}))
    }

    pub(super) fn depth(
        &self,
        ids: Ids,
        bids: impl Iterator<Item = PriceLevel>,
        asks: impl Iterator<Item = PriceLevel>,
    ) -> Value {
        let frame = json!({
            "e": "depthUpdate",
            "E": self.server_ms,
            "s": self.i.symbol,
            "U": ids.first,
            "u": ids.last,
            "b": self.rows(bids),
            "a": self.rows(asks),
        });
        let more = json!({
            "T": ids.time_ms, "pu": ids.previous, "ps": self.i.symbol, "st": 1,
        });
        self.per_market(frame, Value::Null, more)
    }

    /// The best levels. Spot has a shape of its own, which does not even name the symbol.
    pub(super) fn partial(
        &self,
        ids: Ids,
        bids: impl Iterator<Item = PriceLevel>,
        asks: impl Iterator<Item = PriceLevel>,
    ) -> Value {
        if self.spot() {
            return json!({
                "lastUpdateId": ids.last, "bids": self.rows(bids), "asks": self.rows(asks),
            });
        }
        self.depth(ids, bids, asks)
    }

    pub(super) fn mini_ticker(&self) -> Option<Value> {
        let now = self.engine.now_ms();
        let day = self.engine.candle(self.n, now.saturating_sub(DAY_MS), now)?;
        Some(json!({
            "e": "24hrMiniTicker",
            "E": self.server_ms,
            "s": self.i.symbol,
            "c": self.price(day.close),
            "o": self.price(day.open),
            "h": self.price(day.high),
            "l": self.price(day.low),
            "v": "0",
            "q": "0",
        }))
    }

    pub(super) fn ticker(&self) -> Option<Value> {
        let now = self.engine.now_ms();
        let day = self.engine.candle(self.n, now.saturating_sub(DAY_MS), now)?;
        let change = day.close - day.open;
        let percent = change.checked_div(day.open).unwrap_or_default() * Decimal::ONE_HUNDRED;
        let frame = json!({
            "e": "24hrTicker",
            "E": self.server_ms,
            "s": self.i.symbol,
            "p": self.price(change),
            "P": Fixed(percent, 3),
            "w": self.price(day.close),
            "c": self.price(day.close),
            "Q": self.quantity(self.i.min_quantity),
            "o": self.price(day.open),
            "h": self.price(day.high),
            "l": self.price(day.low),
            "v": "0",
            "q": "0",
            "O": now.saturating_sub(DAY_MS),
            "C": now,
            "F": -1,
            "L": -1,
            "n": 0,
        });
        let book = self.engine.shown_book(self.n)?;
        let (bid, ask) = (book.bids().next()?, book.asks().next()?);
        let best = json!({
            "x": self.price(day.open),
            "b": self.price(bid.0),
            "B": self.quantity(bid.1),
            "a": self.price(ask.0),
            "A": self.quantity(ask.1),
        });
        Some(self.per_market(frame, best, Value::Null))
    }

    pub(super) fn kline(&self, length: u64, name: &str) -> Option<Value> {
        let now = self.engine.now_ms();
        let start = super::super::candles::start_of(now, length);
        let candle = self.engine.candle(self.n, start, start + length)?;
        Some(json!({
            "e": "kline",
            "E": self.server_ms,
            "s": self.i.symbol,
            "k": {
                "t": start,
                "T": start + length - 1,
                "s": self.i.symbol,
                "i": name,
                "f": -1,
                "L": -1,
                "o": self.price(candle.open),
                "c": self.price(candle.close),
                "h": self.price(candle.high),
                "l": self.price(candle.low),
                "v": "0",
                "n": 0,
                "x": now >= start + length - 1,
                "q": "0",
                "V": "0",
                "Q": "0",
                "B": "0",
            },
        }))
    }

    pub(super) fn mark_price(&self) -> Value {
        let mark = f8(self.engine.last_price(self.n));
        let next = (self.engine.now_ms() / FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS;
        json!({
            "e": "markPriceUpdate",
            "E": self.server_ms,
            "s": self.i.symbol,
            "p": mark,
            "ap": mark,
            "i": mark,
            "P": mark,
            "r": f8(self.engine.funding_rate),
            "T": next,
        })
    }
}
