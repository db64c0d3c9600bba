//! Futures tickers, deals and books. Source: protocol sheet for MEXC, section 11. A `push.depth`
//! names what has changed; its version is that of the state before plus one.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::super::futures::{Num, contracts, market};
use crate::engine::{BookUpdate, Event, Instrument, Market, PriceLevel, PublicTrade, Side};
use crate::ws::Cx;

/// The public subscriptions of a connection.
#[derive(Debug, Default)]
pub(super) struct Public {
    topics: BTreeSet<Topic>,
    /// Those that have just been added.
    fresh: Vec<Topic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// All of them, with every change of the first one's book.
    Tickers(usize),
    Ticker(usize),
    Deal(usize),
    Depth(usize),
    /// So many of the best levels.
    Full(usize, usize),
}

#[derive(Serialize)]
struct Push<T> {
    channel: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<&'static str>,
    ts: u64,
}

#[derive(Serialize)]
struct Levels {
    asks: Vec<(Num, Num, u8)>,
    bids: Vec<(Num, Num, u8)>,
    version: u64,
}

#[derive(Serialize)]
struct Deal {
    #[serde(rename = "p")]
    price: Num,
    #[serde(rename = "v")]
    volume: Num,
    /// 1 buy, 2 sell.
    #[serde(rename = "T")]
    side: u8,
    /// 1 opens, 2 closes, 3 neither.
    #[serde(rename = "O")]
    opens: u8,
    /// 1 for a trade with oneself, 2 otherwise.
    #[serde(rename = "M")]
    own: u8,
    #[serde(rename = "t")]
    time: u64,
}

impl Public {
    /// Adds or removes a subscription.
    pub(super) fn request(
        &mut self,
        cx: &Cx<'_>,
        method: &str,
        param: Option<&Value>,
    ) -> Result<(), &'static str> {
        let (add, name) = match (method.strip_prefix("sub."), method.strip_prefix("unsub.")) {
            (Some(name), _) => (true, name),
            (None, Some(name)) => (false, name),
            (None, None) => return Err("unknown method"),
        };
        let symbol = || {
            let symbol = param.and_then(|p| p.get("symbol")).and_then(Value::as_str);
            let found = symbol.and_then(|s| cx.engine.find(Market::Linear, s));
            found.ok_or("Contract does not exist")
        };
        let topic = match name {
            "tickers" => Topic::Tickers(first_linear(cx).ok_or("no contracts")?),
            "ticker" => Topic::Ticker(symbol()?),
            "deal" => Topic::Deal(symbol()?),
            "depth" => Topic::Depth(symbol()?),
            "depth.full" => {
                let limit = param.and_then(|p| p.get("limit")).map_or(Some(20), Value::as_u64);
                let limit = match limit {
                    Some(5) => 5,
                    Some(10) => 10,
                    Some(20) => 20,
                    None if !add => 0,
                    _ => return Err("limit must be 5, 10 or 20"),
                };
                Topic::Full(symbol()?, limit)
            }
            _ => return Err("unknown channel"),
        };
        if add {
            self.topics.insert(topic);
            self.fresh.push(topic);
            return Ok(());
        }
        match topic {
            // Leaving does not name the limit.
            Topic::Full(n, _) => self.topics.retain(|t| !matches!(t, Topic::Full(m, _) if *m == n)),
            topic => drop(self.topics.remove(&topic)),
        }
        Ok(())
    }

    /// Channels of states begin with the state.
    pub(super) fn show_first(&mut self, cx: &mut Cx<'_>) {
        for topic in std::mem::take(&mut self.fresh) {
            match topic {
                Topic::Ticker(n) => show_ticker(cx, n),
                Topic::Tickers(_) => show_tickers(cx),
                Topic::Full(n, limit) => show_full(cx, n, limit),
                Topic::Deal(_) | Topic::Depth(_) => {}
            }
        }
    }

    pub(super) fn event(&self, cx: &mut Cx<'_>, event: &Event) {
        for topic in &self.topics {
            match (topic, event) {
                (Topic::Deal(n), Event::Trade(trade)) if trade.instrument == *n => {
                    show_deal(cx, trade);
                }
                (Topic::Depth(n), Event::Book(update)) if update.instrument == *n => {
                    show_depth(cx, update);
                }
                (Topic::Full(n, limit), Event::Book(update)) if update.instrument == *n => {
                    show_full(cx, *n, *limit);
                }
                (Topic::Ticker(n), Event::Book(update)) if update.instrument == *n => {
                    show_ticker(cx, *n);
                }
                (Topic::Tickers(n), Event::Book(update)) if update.instrument == *n => {
                    show_tickers(cx);
                }
                _ => {}
            }
        }
    }

    pub(super) fn instruments(&self) -> impl Iterator<Item = usize> + '_ {
        self.topics.iter().map(|topic| match topic {
            Topic::Tickers(n)
            | Topic::Ticker(n)
            | Topic::Deal(n)
            | Topic::Depth(n)
            | Topic::Full(n, _) => *n,
        })
    }
}

fn first_linear(cx: &Cx<'_>) -> Option<usize> {
    cx.engine.instruments.iter().position(|i| i.market == Market::Linear)
}

fn send<T: Serialize>(
    cx: &mut Cx<'_>,
    event: &'static str,
    channel: &'static str,
    symbol: Option<&'static str>,
    data: T,
) {
    if let Ok(text) = serde_json::to_string(&Push { channel, data, symbol, ts: cx.server_ms }) {
        cx.out.event(event, text);
    }
}

fn levels(i: &Instrument, levels: &[PriceLevel]) -> Vec<(Num, Num, u8)> {
    levels.iter().map(|(p, q)| (Num(*p), contracts(i, *q), u8::from(!q.is_zero()))).collect()
}

fn show_depth(cx: &mut Cx<'_>, update: &BookUpdate) {
    let Some(i) = cx.engine.instruments.get(update.instrument) else { return };
    let data = Levels {
        asks: levels(i, &update.asks),
        bids: levels(i, &update.bids),
        version: update.states,
    };
    send(cx, "depth", "push.depth", Some(i.symbol), data);
}

fn show_full(cx: &mut Cx<'_>, instrument: usize, limit: usize) {
    let Some(book) = cx.engine.book(instrument) else { return };
    let (bids, asks): (Vec<_>, Vec<_>) =
        (book.bids().take(limit).collect(), book.asks().take(limit).collect());
    let version = book.states;
    let Some(i) = cx.engine.instruments.get(instrument) else { return };
    let data = Levels { asks: levels(i, &asks), bids: levels(i, &bids), version };
    send(cx, "depth.full", "push.depth.full", Some(i.symbol), data);
}

fn show_ticker(cx: &mut Cx<'_>, instrument: usize) {
    let Some(ticker) = market::tick(cx.engine, instrument, cx.server_ms) else { return };
    send(cx, "ticker", "push.ticker", Some(ticker.symbol), ticker);
}

fn show_tickers(cx: &mut Cx<'_>) {
    let mut rows = Vec::new();
    for n in 0..cx.engine.instruments.len() {
        if cx.engine.instruments.get(n).is_some_and(|i| i.market == Market::Linear) {
            cx.engine.book(n);
            rows.extend(market::tick(cx.engine, n, cx.server_ms));
        }
    }
    send(cx, "tickers", "push.tickers", None, rows);
}

fn show_deal(cx: &mut Cx<'_>, trade: &PublicTrade) {
    let Some(i) = cx.engine.instruments.get(trade.instrument) else { return };
    let deal = Deal {
        price: Num(trade.price),
        volume: contracts(i, trade.quantity),
        side: if trade.taker == Side::Buy { 1 } else { 2 },
        opens: 3,
        own: 2,
        time: trade.time_ms,
    };
    // A list since 2025; the documentation still shows one deal by itself.
    send(cx, "deal", "push.deal", Some(i.symbol), [deal]);
}
