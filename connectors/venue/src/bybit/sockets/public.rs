//! Books, trades and tickers.
//!
//! Source: protocol sheet for Bybit, section 10. Every subscription keeps what it has shown, so that
//! its deltas name exactly what has changed within its depth.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::super::{fixed, ids, market, plain, rows};
use super::{failure, op, outcome, success, topics};
use crate::engine::{Book, BookUpdate, Event, Market, PriceLevel, PublicTrade, difference};
use crate::ws::Cx;

/// Topics of one request, on spot.
const MAX_SPOT_ARGS: usize = 10;
/// Characters of all topics of a connection.
const MAX_ARGS_LENGTH: usize = 21_000;
/// The best level is shown again after this long without a change.
const REPEAT_MS: u64 = 3_000;
/// The update number with which a book starts anew.
const RESTART: u64 = 1;

/// A public connection.
#[derive(Debug)]
pub(super) struct Public {
    market: Market,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug)]
enum Topic {
    Book(Box<Depth>),
    Trades { instrument: usize, last: Decimal, rising: bool },
    Ticker { instrument: usize, shown: Map<String, Value> },
}

/// A book to some depth.
#[derive(Debug)]
struct Depth {
    instrument: usize,
    levels: usize,
    /// The whole book and the number of its state.
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    id: u64,
    /// What the client has been shown.
    shown_bids: BTreeMap<Decimal, Decimal>,
    shown_asks: BTreeMap<Decimal, Decimal>,
    /// Number of the update that showed it.
    update: u64,
    sent_ms: u64,
}

impl Public {
    pub(super) fn new(market: Market) -> Self {
        Self { market, topics: BTreeMap::new() }
    }

    pub(super) fn request(&mut self, cx: &mut Cx<'_>, id: &str, request: &Map<String, Value>) {
        match op(request) {
            "ping" => cx.out.reply(outcome(request, id, true, "pong")),
            "subscribe" => match self.subscribe(cx, request) {
                Ok(added) => {
                    cx.out.reply(success(request, id));
                    cx.out.rewatch();
                    for topic in added {
                        self.show_first(cx, &topic);
                    }
                }
                Err(why) => cx.out.reply(failure(request, id, &why)),
            },
            "unsubscribe" => match topics(request) {
                Some(names) => {
                    for name in names {
                        self.topics.remove(name);
                    }
                    cx.out.rewatch();
                    cx.out.reply(success(request, id));
                }
                None => cx.out.reply(failure(request, id, "error:args invalid")),
            },
            _ => cx.out.reply(failure(request, id, "error:invalid op")),
        }
    }

    pub(super) fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        let market = self.market;
        for (name, topic) in &mut self.topics {
            match (topic, event) {
                (Topic::Book(depth), Event::Book(update))
                    if update.instrument == depth.instrument =>
                {
                    depth.update(cx, name, update);
                }
                (Topic::Trades { instrument, last, rising }, Event::Trade(trade))
                    if trade.instrument == *instrument =>
                {
                    let frame = print(cx, market, name, trade, (last, rising));
                    cx.out.event("publicTrade", frame);
                }
                (
                    Topic::Ticker { instrument, shown },
                    Event::Book(BookUpdate { instrument: i, .. }),
                ) if i == instrument => {
                    show_ticker(cx, market, name, *instrument, shown);
                }
                _ => {}
            }
        }
    }

    pub(super) fn tick(&mut self, cx: &mut Cx<'_>) -> Option<u64> {
        let now = cx.engine.now_ms();
        let mut next = None::<u64>;
        for (name, topic) in &mut self.topics {
            let Topic::Book(depth) = topic else { continue };
            if depth.levels != 1 {
                continue;
            }
            if now >= depth.sent_ms + REPEAT_MS {
                depth.show_all(cx, name);
            }
            let again = depth.sent_ms + REPEAT_MS;
            next = Some(next.map_or(again, |at| at.min(again)));
        }
        next
    }

    pub(super) fn instruments(&self) -> impl Iterator<Item = usize> + '_ {
        self.topics.values().map(|topic| match topic {
            Topic::Book(depth) => depth.instrument,
            Topic::Trades { instrument, .. } | Topic::Ticker { instrument, .. } => *instrument,
        })
    }

    /// Starts all books anew, as after a restart of the venue's service.
    pub(super) fn restart(&mut self, cx: &mut Cx<'_>) {
        for (name, topic) in &mut self.topics {
            if let Topic::Book(depth) = topic {
                depth.restart(cx, name);
            }
        }
    }

    /// Adds the topics of a request, all or none; their names.
    fn subscribe(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Map<String, Value>,
    ) -> Result<Vec<String>, String> {
        let names = topics(request).ok_or("error:args invalid")?;
        if self.market == Market::Spot && names.len() > MAX_SPOT_ARGS {
            return Err(format!("args size >{MAX_SPOT_ARGS}"));
        }
        let held = self.topics.keys().map(String::len).sum::<usize>();
        if held + names.iter().map(|n| n.len()).sum::<usize>() > MAX_ARGS_LENGTH {
            return Err("error:args too long".to_owned());
        }
        let mut added = Vec::with_capacity(names.len());
        let mut seen = BTreeSet::new();
        for name in names {
            if self.topics.contains_key(name) || !seen.insert(name) {
                return Err(format!("error:already subscribed,topic:{name}"));
            }
            let topic = self.read(cx, name);
            let topic = topic.ok_or_else(|| format!("error:handler not found,topic:{name}"))?;
            added.push((name.to_owned(), topic));
        }
        let names = added.iter().map(|(name, _)| name.clone()).collect();
        self.topics.extend(added);
        Ok(names)
    }

    fn read(&self, cx: &mut Cx<'_>, name: &str) -> Option<Topic> {
        let (rest, symbol) = name.rsplit_once('.')?;
        let instrument = cx.engine.find(self.market, symbol)?;
        match rest {
            "publicTrade" => Some(Topic::Trades { instrument, last: Decimal::ZERO, rising: true }),
            "tickers" => Some(Topic::Ticker { instrument, shown: Map::new() }),
            "orderbook.1" => Depth::topic(cx, instrument, 1),
            "orderbook.50" => Depth::topic(cx, instrument, 50),
            "orderbook.200" => Depth::topic(cx, instrument, 200),
            "orderbook.1000" => Depth::topic(cx, instrument, 1_000),
            _ => None,
        }
    }

    /// What a new subscription gets at once.
    fn show_first(&mut self, cx: &mut Cx<'_>, name: &str) {
        let market = self.market;
        match self.topics.get_mut(name) {
            Some(Topic::Book(depth)) => depth.show_all(cx, name),
            Some(Topic::Ticker { instrument, shown }) => {
                show_ticker(cx, market, name, *instrument, shown);
            }
            Some(Topic::Trades { .. }) | None => {}
        }
    }
}

impl Depth {
    fn topic(cx: &mut Cx<'_>, instrument: usize, levels: usize) -> Option<Topic> {
        let book = cx.engine.book(instrument)?;
        let mut depth = Self {
            instrument,
            levels,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            id: 0,
            shown_bids: BTreeMap::new(),
            shown_asks: BTreeMap::new(),
            update: book.states,
            sent_ms: 0,
        };
        depth.take(book);
        Some(Topic::Book(Box::new(depth)))
    }

    fn take(&mut self, book: &Book) {
        self.bids = book.bids().collect();
        self.asks = book.asks().collect();
        self.id = book.id;
        (self.shown_bids, self.shown_asks) = self.top();
    }

    fn top(&self) -> (BTreeMap<Decimal, Decimal>, BTreeMap<Decimal, Decimal>) {
        let copy = |(p, q): (&Decimal, &Decimal)| (*p, *q);
        (
            self.bids.iter().rev().take(self.levels).map(copy).collect(),
            self.asks.iter().take(self.levels).map(copy).collect(),
        )
    }

    fn update(&mut self, cx: &mut Cx<'_>, name: &str, update: &BookUpdate) {
        if update.id <= self.id {
            return;
        }
        if update.previous_id != self.id {
            return self.restart(cx, name);
        }
        self.id = update.id;
        apply(&mut self.bids, &update.bids);
        apply(&mut self.asks, &update.asks);
        let (bids, asks) = self.top();
        let mut bid_changes = difference(&self.shown_bids, &bids);
        bid_changes.reverse();
        let ask_changes = difference(&self.shown_asks, &asks);
        if bid_changes.is_empty() && ask_changes.is_empty() {
            return;
        }
        (self.shown_bids, self.shown_asks) = (bids, asks);
        self.update += 1;
        if self.levels == 1 {
            return self.show_all(cx, name);
        }
        self.send(cx, name, "delta", &bid_changes, &ask_changes);
    }

    fn restart(&mut self, cx: &mut Cx<'_>, name: &str) {
        if let Some(book) = cx.engine.book(self.instrument).cloned() {
            self.take(&book);
        }
        self.update = RESTART;
        self.show_all(cx, name);
    }

    fn show_all(&mut self, cx: &mut Cx<'_>, name: &str) {
        let bids: Vec<PriceLevel> = self.shown_bids.iter().rev().map(|(p, q)| (*p, *q)).collect();
        let asks: Vec<PriceLevel> = self.shown_asks.iter().map(|(p, q)| (*p, *q)).collect();
        self.send(cx, name, "snapshot", &bids, &asks);
    }

    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        kind: &str,
        bids: &[PriceLevel],
        asks: &[PriceLevel],
    ) {
        let Some(i) = cx.engine.instruments.get(self.instrument) else { return };
        let show = |levels: &[PriceLevel]| -> Vec<[String; 2]> {
            let places = i.tick_decimals();
            levels.iter().map(|(p, q)| [fixed(*p, places), plain(*q)]).collect()
        };
        let ts = cx.server_ms;
        let frame = json!({
            "topic": name, "type": kind, "ts": ts, "cts": ts,
            "data": {
                "s": i.symbol, "b": show(bids), "a": show(asks), "u": self.update, "seq": self.id,
            },
        });
        self.sent_ms = cx.engine.now_ms();
        cx.out.event("orderbook", frame);
    }
}

fn apply(side: &mut BTreeMap<Decimal, Decimal>, changes: &[PriceLevel]) {
    for (price, size) in changes {
        if size.is_zero() {
            side.remove(price);
        } else {
            side.insert(*price, *size);
        }
    }
}

/// One trade, with the direction of its price against the one before.
fn print(
    cx: &Cx<'_>,
    market: Market,
    name: &str,
    trade: &PublicTrade,
    (last, rising): (&mut Decimal, &mut bool),
) -> Value {
    let Some(i) = cx.engine.instruments.get(trade.instrument) else { return json!({}) };
    let same = trade.price == *last;
    if !same {
        *rising = trade.price > *last;
    }
    *last = trade.price;
    let direction = match (*rising, same) {
        (true, false) => "PlusTick",
        (true, true) => "ZeroPlusTick",
        (false, false) => "MinusTick",
        (false, true) => "ZeroMinusTick",
    };
    let mut row = json!({
        "T": trade.time_ms, "s": i.symbol, "S": rows::side(trade.taker),
        "v": plain(trade.quantity), "p": fixed(trade.price, i.tick_decimals()),
        "i": ids::order_id(market, trade.id), "BT": false, "seq": trade.id,
    });
    if let (Market::Linear, Some(row)) = (market, row.as_object_mut()) {
        row.insert("L".to_owned(), direction.into());
    }
    json!({ "topic": name, "type": "snapshot", "ts": cx.server_ms, "data": [row] })
}

/// Spot shows a ticker whole, linear what has changed.
fn show_ticker(
    cx: &mut Cx<'_>,
    market: Market,
    name: &str,
    instrument: usize,
    shown: &mut Map<String, Value>,
) {
    let Some(row) = market::ticker(cx.engine, instrument) else { return };
    let whole = shown.is_empty() || market == Market::Spot;
    let mut data = Map::new();
    for (field, value) in &row {
        if whole || field == "symbol" || shown.get(field) != Some(value) {
            data.insert(field.clone(), value.clone());
        }
    }
    if row == *shown {
        return;
    }
    *shown = row;
    let kind = if whole { "snapshot" } else { "delta" };
    let cs = cx.engine.book(instrument).map_or(0, |book| book.id);
    cx.out.event(
        "tickers",
        json!({ "topic": name, "type": kind, "data": data, "cs": cs, "ts": cx.server_ms }),
    );
}
