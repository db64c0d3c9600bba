//! Connections to market streams: subscriptions, and what they bring.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::POLICY_VIOLATION;
use super::frames::{Ids, Printer};
use super::stream::{Group, Kind, Stream};
use crate::engine::{BookUpdate, Engine, Event, Market, PriceLevel};
use crate::http::HttpResponse;
use crate::ws::{Cx, Frame, Message};

/// Most streams on a connection.
const MAX_STREAMS: usize = 1_024;

/// Incoming messages per second, pings and pongs included.
const SPOT_MESSAGES_1S: u32 = 5;
/// The same on linear. UNVERIFIED
const LINEAR_MESSAGES_1S: u32 = 10;

const SECOND_MS: u64 = 1_000;

/// A connection to market streams.
#[derive(Debug)]
pub(crate) struct MarketSession {
    market: Market,
    group: Group,
    /// Whether frames carry the stream's name.
    combined: bool,
    /// By name; `None` for streams from which nothing comes.
    subscriptions: BTreeMap<String, Option<Subscription>>,
    /// The second in which messages are being counted, and how many there were.
    heard: (u64, u32),
}

#[derive(Debug)]
struct Subscription {
    stream: Stream,
    /// When the next frame is due, for streams by the clock.
    next_ms: u64,
    /// Changes of books since the last frame, per instrument.
    books: BTreeMap<usize, Pending>,
}

/// What has changed in a book since the last frame.
#[derive(Debug, Default)]
struct Pending {
    /// State after the last frame; zero before the first.
    sent_id: u64,
    /// State before the first change since; zero without one.
    from_id: u64,
    id: u64,
    time_ms: u64,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    best: Option<(PriceLevel, PriceLevel)>,
}

impl MarketSession {
    pub(super) fn open(
        cx: &mut Cx<'_>,
        (market, group): (Market, Group),
        combined: bool,
        names: &[String],
    ) -> Result<Self, HttpResponse> {
        if names.len() > MAX_STREAMS {
            return Err(HttpResponse::html(400, "Bad Request"));
        }
        let mut session =
            Self { market, group, combined, subscriptions: BTreeMap::new(), heard: (0, 0) };
        for name in names {
            session.subscribe(cx, name);
        }
        Ok(session)
    }

    /// Handles a message; one too many ends the connection.
    pub(super) fn message(&mut self, cx: &mut Cx<'_>, message: &Message, enforce: bool) {
        let second = cx.engine.now_ms() / SECOND_MS;
        let count = if self.heard.0 == second { self.heard.1 + 1 } else { 1 };
        self.heard = (second, count);
        let limit = match self.market {
            Market::Spot => SPOT_MESSAGES_1S,
            Market::Linear => LINEAR_MESSAGES_1S,
        };
        if enforce && count > limit {
            cx.out.too_many(POLICY_VIOLATION, "Too many requests");
            return;
        }
        match message {
            Message::Text(text) => {
                let reply = self.request(cx, text);
                cx.out.reply(reply);
            }
            Message::Binary(_) => cx.out.reply(failure(&Value::Null, 3, "Invalid JSON")),
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }

    fn request(&mut self, cx: &mut Cx<'_>, text: &str) -> Value {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return failure(&Value::Null, 3, "Invalid JSON: expected value at line 1 column 1");
        };
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let Some(fields) = request.as_object() else {
            return failure(&id, 2, "Invalid request: request must be an object");
        };
        if let Some(name) = fields.keys().find(|k| !["method", "params", "id"].contains(&&***k)) {
            return failure(&id, 0, &format!("Unknown property: {name}"));
        }
        if !(id.is_null() || id.is_u64() || id.as_str().is_some_and(|t| t.len() <= 36)) {
            return failure(
                &Value::Null,
                2,
                "Invalid request: request ID must be an unsigned integer",
            );
        }
        let params = fields.get("params").and_then(Value::as_array);
        let strings = || -> Option<Vec<&str>> { params?.iter().map(Value::as_str).collect() };
        match fields.get("method").and_then(Value::as_str) {
            Some("SUBSCRIBE") => {
                let Some(names) = strings() else {
                    return failure(&id, 2, "Invalid request: params must be an array of strings");
                };
                if self.subscriptions.len() + names.len() > MAX_STREAMS {
                    return failure(&id, 2, "Invalid request: too many subscriptions");
                }
                for name in names {
                    self.subscribe(cx, name);
                }
                json!({"result": null, "id": id})
            }
            Some("UNSUBSCRIBE") => {
                let Some(names) = strings() else {
                    return failure(&id, 2, "Invalid request: params must be an array of strings");
                };
                for name in names {
                    self.subscriptions.remove(name);
                }
                cx.out.rewatch();
                json!({"result": null, "id": id})
            }
            Some("LIST_SUBSCRIPTIONS") => {
                json!({"result": self.subscriptions.keys().collect::<Vec<_>>(), "id": id})
            }
            Some("SET_PROPERTY") => match params.map(Vec::as_slice) {
                Some([Value::String(name), Value::Bool(on)]) if name == "combined" => {
                    self.combined = *on;
                    json!({"result": null, "id": id})
                }
                _ => failure(&id, 0, "Unknown property"),
            },
            Some("GET_PROPERTY") => match params.map(Vec::as_slice) {
                Some([Value::String(name)]) if name == "combined" => {
                    json!({"result": self.combined, "id": id})
                }
                _ => failure(&id, 0, "Unknown property"),
            },
            Some(other) => {
                let why = format!(
                    "Invalid request: unknown variant `{other}`, expected one of `SUBSCRIBE`, \
                     `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
                );
                failure(&id, 2, &why)
            }
            None => failure(&id, 2, "Invalid request: missing field `method`"),
        }
    }

    fn subscribe(&mut self, cx: &mut Cx<'_>, name: &str) {
        if self.subscriptions.contains_key(name) {
            return;
        }
        let stream = Stream::parse(cx.engine, self.market, self.group, name);
        let now_ms = cx.engine.now_ms();
        let subscription = stream.map(|stream| Subscription {
            stream,
            next_ms: next_multiple(now_ms, stream.every_ms),
            books: BTreeMap::new(),
        });
        self.subscriptions.insert(name.to_owned(), subscription);
        cx.out.rewatch();
    }

    pub(super) fn watched(&self, engine: &Engine, into: &mut BTreeSet<usize>) {
        for stream in self.subscriptions.values().flatten().map(|s| s.stream) {
            match stream.instrument {
                Some(n) => {
                    into.insert(n);
                }
                None if stream.kind == Kind::BookTicker => {
                    let all = engine.instruments.iter().enumerate();
                    into.extend(all.filter(|(_, i)| i.market == self.market).map(|(n, _)| n));
                }
                None => {}
            }
        }
    }

    /// A frame as this connection sends it.
    pub(super) fn wrapped(&self, name: &str, data: Value) -> Value {
        if self.combined { json!({"stream": name, "data": data}) } else { data }
    }

    pub(super) fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        match event {
            Event::Trade(trade) => {
                let Some(printer) = Printer::new(cx.engine, trade.instrument, cx.server_ms) else {
                    return;
                };
                for (name, s) in &self.subscriptions {
                    let stream = s.as_ref().map(|s| s.stream);
                    let Some(stream) = stream.filter(|s| s.instrument == Some(trade.instrument))
                    else {
                        continue;
                    };
                    match stream.kind {
                        Kind::Trade => {
                            let frame = self.wrapped(name, printer.trade(trade));
                            cx.out.event("trade", frame);
                        }
                        Kind::AggTrade => {
                            let frame = self.wrapped(name, printer.agg_trade(trade));
                            cx.out.event("aggTrade", frame);
                        }
                        _ => {}
                    }
                }
            }
            Event::Book(update) => self.book(cx, update),
            _ => {}
        }
    }

    fn book(&mut self, cx: &mut Cx<'_>, update: &BookUpdate) {
        let n = update.instrument;
        let (combined, market) = (self.combined, self.market);
        for (name, subscription) in &mut self.subscriptions {
            let Some(s) = subscription else { continue };
            let wanted = s.stream.instrument.is_none_or(|wanted| wanted == n);
            let listed = cx.engine.instruments.get(n).is_some_and(|i| i.market == market);
            if !wanted || !listed {
                continue;
            }
            let pending = s.books.entry(n).or_default();
            match s.stream.kind {
                Kind::Depth | Kind::Partial(_) => pending.add(update),
                Kind::BookTicker => {
                    let Some(frame) = pending.best_changed(cx, update) else { continue };
                    let frame =
                        if combined { json!({"stream": name, "data": frame}) } else { frame };
                    cx.out.event("bookTicker", frame);
                }
                _ => {}
            }
        }
    }

    /// Sends what the clock asks for; when to look again.
    pub(super) fn tick(&mut self, cx: &mut Cx<'_>) -> Option<u64> {
        let now_ms = cx.engine.now_ms();
        let (combined, market) = (self.combined, self.market);
        let mut next: Option<u64> = None;
        for (name, s) in &mut self.subscriptions {
            let Some(s) = s.as_mut().filter(|s| s.stream.every_ms > 0) else { continue };
            if s.next_ms <= now_ms {
                s.next_ms = next_multiple(now_ms, s.stream.every_ms);
                if let Some((event, frame)) = s.due(cx, market) {
                    let frame =
                        if combined { json!({"stream": name, "data": frame}) } else { frame };
                    cx.out.event(event, Frame::from(frame));
                }
            }
            next = Some(next.map_or(s.next_ms, |before| before.min(s.next_ms)));
        }
        next
    }
}

impl Subscription {
    /// The frame of a stream that goes by the clock, with its name for faults.
    fn due(&mut self, cx: &mut Cx<'_>, market: Market) -> Option<(&'static str, Value)> {
        let server_ms = cx.server_ms;
        if let Kind::Depth | Kind::Partial(_) = self.stream.kind {
            let n = self.stream.instrument?;
            let pending = self.books.get_mut(&n).filter(|p| p.from_id != 0)?;
            let printer = Printer::new(cx.engine, n, server_ms)?;
            let previous = if pending.sent_id == 0 { pending.from_id } else { pending.sent_id };
            let (first, time_ms) = (pending.from_id + 1, pending.time_ms);
            let ids = Ids { first, last: pending.id, previous, time_ms };
            let bids = std::mem::take(&mut pending.bids);
            let asks = std::mem::take(&mut pending.asks);
            pending.sent_id = pending.id;
            pending.from_id = 0;
            let frame = match self.stream.kind {
                Kind::Partial(levels) => {
                    let book = cx.engine.shown_book(n)?;
                    printer.partial(ids, book.bids().take(levels), book.asks().take(levels))
                }
                _ => printer.depth(ids, bids.into_iter().rev(), asks.into_iter()),
            };
            return Some(("depthUpdate", frame));
        }
        if self.stream.kind == Kind::Ticker {
            cx.engine.evaluate_books();
        }
        let one = |n: usize| -> Option<Value> {
            let printer = Printer::new(cx.engine, n, server_ms)?;
            match self.stream.kind {
                Kind::Ticker => printer.ticker(),
                Kind::MiniTicker => printer.mini_ticker(),
                Kind::MarkPrice => Some(printer.mark_price()),
                Kind::Kline(length, name) => printer.kline(length, name),
                _ => None,
            }
        };
        let name = match self.stream.kind {
            Kind::Ticker => "24hrTicker",
            Kind::MiniTicker => "24hrMiniTicker",
            Kind::MarkPrice => "markPriceUpdate",
            _ => "kline",
        };
        let frame = match self.stream.instrument {
            Some(n) => one(n)?,
            None => {
                let all = cx.engine.instruments.iter().enumerate();
                all.filter(|(_, i)| i.market == market).filter_map(|(n, _)| one(n)).collect()
            }
        };
        Some((name, frame))
    }
}

impl Pending {
    fn add(&mut self, update: &BookUpdate) {
        if self.from_id == 0 {
            self.from_id = update.previous_id;
        }
        self.id = update.id;
        self.time_ms = update.time_ms;
        self.bids.extend(update.bids.iter().copied());
        self.asks.extend(update.asks.iter().copied());
    }

    /// The frame of a best price or size that is new.
    fn best_changed(&mut self, cx: &Cx<'_>, update: &BookUpdate) -> Option<Value> {
        let book = cx.engine.shown_book(update.instrument)?;
        let best = (book.bids().next()?, book.asks().next()?);
        if self.best.replace(best) == Some(best) {
            return None;
        }
        let printer = Printer::new(cx.engine, update.instrument, cx.server_ms)?;
        Some(printer.book_ticker(update.id, best.0, best.1))
    }
}

fn failure(id: &Value, code: u32, msg: &str) -> Value {
    json!({"error": {"code": code, "msg": msg}, "id": id})
}

fn next_multiple(now_ms: u64, every_ms: u64) -> u64 {
    now_ms.checked_div(every_ms).map_or(u64::MAX, |n| (n + 1).saturating_mul(every_ms))
}
