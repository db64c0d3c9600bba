//! The spot connection: commands in JSON text, data in protobuf. Source: protocol sheet for MEXC,
//! section 11.

use std::collections::BTreeMap;

use prost::Message as _;
use serde_json::{Map, Value, json};

use super::super::{Mexc, plain};
use super::method;
use super::proto::Wrapper;
use super::proto::{Body, BookTicker, BookTickers, Deals, Depths, Level, LimitDepths, PublicDeal};
use super::spot_private::{Private, Topic};
use crate::engine::{BookUpdate, Event, Instrument, Market, PriceLevel, PublicTrade, Side};
use crate::http::HttpResponse;
use crate::ws::Cx;

const MAX_SUBSCRIPTIONS: usize = 30;
/// Messages per second.
const MAX_MESSAGES: u32 = 100;
/// Connections per listen key.
const MAX_PER_KEY: usize = 5;
/// A connection without a subscription is closed after this long.
const UNUSED_MS: u64 = 30_000;
/// One without data, in either direction, after this long.
const QUIET_MS: u64 = 60_000;
/// Close code for a connection that breaks the venue's rules (RFC 6455, section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// A spot connection.
#[derive(Debug)]
pub(crate) struct Spot {
    listen_key: Option<String>,
    private: Option<Private>,
    channels: BTreeMap<String, Channel>,
    /// Since when there is no subscription.
    unused_since_ms: u64,
    /// When anything was last said by either side.
    active_ms: u64,
    /// The second, and the messages in it.
    messages: (u64, u32),
}

#[derive(Clone, Copy, Debug)]
enum Channel {
    Deals(usize),
    Depth(usize),
    /// The best levels, so many of them.
    Limit(usize, usize),
    /// The best prices; how they were last told of.
    Ticker(usize, Option<[PriceLevel; 2]>),
    TickerBatch(usize, Option<[PriceLevel; 2]>),
    Private(Topic),
}

impl Spot {
    pub(super) fn open(
        front: &mut Mexc,
        cx: &mut Cx<'_>,
        query: &str,
    ) -> Result<Self, HttpResponse> {
        let now = cx.engine.now_ms();
        let key = query.split('&').find_map(|pair| pair.strip_prefix("listenKey="));
        let mut private = None;
        if let Some(key) = key {
            // UNVERIFIED: how the venue refuses a key that it does not know, or one in use by many.
            let account = front.listen_keys.account(key, cx.server_ms);
            let account = account.ok_or_else(|| HttpResponse::html(401, "Unauthorized"))?;
            let connections = front.key_connections.entry(key.to_owned()).or_default();
            if *connections >= MAX_PER_KEY {
                return Err(HttpResponse::html(403, "Forbidden"));
            }
            *connections += 1;
            private = Some(Private::of(cx.engine, account));
        }
        Ok(Self {
            listen_key: key.map(str::to_owned),
            private,
            channels: BTreeMap::new(),
            unused_since_ms: now,
            active_ms: now,
            messages: (0, 0),
        })
    }

    pub(super) fn closed(self, front: &mut Mexc) {
        let Some(key) = self.listen_key else { return };
        if let Some(connections) = front.key_connections.get_mut(&key) {
            *connections -= 1;
            if *connections == 0 {
                front.key_connections.remove(&key);
            }
        }
    }

    pub(super) fn request(&mut self, cx: &mut Cx<'_>, request: Option<Map<String, Value>>) {
        let now = cx.engine.now_ms();
        self.active_ms = now;
        let (second, count) = self.messages;
        self.messages = if second == now / 1_000 { (second, count + 1) } else { (now / 1_000, 1) };
        if self.messages.1 > MAX_MESSAGES {
            return cx.out.too_many(POLICY_VIOLATION, "too many messages");
        }
        let Some(request) = request else { return cx.out.reply(answer(None, "Invalid request")) };
        let text = match method(&request) {
            "PING" => "PONG".to_owned(),
            "SUBSCRIPTION" => self.subscribe(cx, &request),
            "UNSUBSCRIPTION" => {
                let names = names(&request);
                for name in &names {
                    self.channels.remove(*name);
                }
                if self.channels.is_empty() {
                    self.unused_since_ms = now;
                }
                cx.out.rewatch();
                names.join(",")
            }
            _ => "Invalid method".to_owned(),
        };
        cx.out.reply(answer(Some(&request), &text));
    }

    pub(super) fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        let mut sent = false;
        for (name, channel) in &mut self.channels {
            match (channel, event) {
                (Channel::Deals(n), Event::Trade(trade)) if trade.instrument == *n => {
                    sent |= show(cx, "deals", name, *n, |i| Some(deals(i, name, trade)));
                }
                (Channel::Depth(n), Event::Book(update)) if update.instrument == *n => {
                    sent |= show(cx, "depth", name, *n, |i| Some(depth(i, name, update)));
                }
                (Channel::Limit(n, levels), Event::Book(update)) if update.instrument == *n => {
                    sent |= show_limit(cx, name, (*n, *levels));
                }
                (Channel::Ticker(n, shown), Event::Book(update)) if update.instrument == *n => {
                    sent |= show_ticker(cx, name, *n, shown, false);
                }
                (Channel::TickerBatch(n, shown), Event::Book(update))
                    if update.instrument == *n =>
                {
                    sent |= show_ticker(cx, name, *n, shown, true);
                }
                _ => {}
            }
        }
        if let Some(private) = &mut self.private {
            let wanted: Vec<Topic> = self
                .channels
                .values()
                .filter_map(|c| if let Channel::Private(topic) = c { Some(*topic) } else { None })
                .collect();
            sent |= private.event(cx, &wanted, event);
        }
        if sent {
            self.active_ms = cx.engine.now_ms();
        }
    }

    /// Closes what is unused, quiet or has lost its listen key. Returns when to look again.
    pub(super) fn tick(&mut self, front: &Mexc, cx: &mut Cx<'_>) -> u64 {
        let now = cx.engine.now_ms();
        let gone = self
            .listen_key
            .as_deref()
            .is_some_and(|key| front.listen_keys.account(key, cx.server_ms).is_none());
        if gone {
            cx.out.close(POLICY_VIOLATION, "the listenKey has expired");
        } else if self.channels.is_empty() && now >= self.unused_since_ms + UNUSED_MS {
            cx.out.close(POLICY_VIOLATION, "no subscription");
        } else if now >= self.active_ms + QUIET_MS {
            cx.out.close(POLICY_VIOLATION, "no data");
        }
        now + 1_000
    }

    pub(super) fn instruments(&self) -> impl Iterator<Item = usize> + '_ {
        self.channels.values().filter_map(|channel| match channel {
            Channel::Deals(n)
            | Channel::Depth(n)
            | Channel::Limit(n, _)
            | Channel::Ticker(n, _)
            | Channel::TickerBatch(n, _) => Some(*n),
            Channel::Private(_) => None,
        })
    }

    /// Adds what can be added; the text of the answer names it, and what was refused.
    fn subscribe(&mut self, cx: &mut Cx<'_>, request: &Map<String, Value>) -> String {
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for name in names(request) {
            let full = self.channels.len() >= MAX_SUBSCRIPTIONS;
            match self.read(cx, name).filter(|_| !full || self.channels.contains_key(name)) {
                Some(channel) => {
                    self.channels.insert(name.to_owned(), channel);
                    added.push(name);
                }
                None => refused.push(name),
            }
        }
        cx.out.rewatch();
        for name in &added {
            // Channels of states begin with the state.
            if let Some(channel) = self.channels.get_mut(*name) {
                let _ = match channel {
                    Channel::Limit(n, levels) => show_limit(cx, name, (*n, *levels)),
                    Channel::Ticker(n, shown) => show_ticker(cx, name, *n, shown, false),
                    Channel::TickerBatch(n, shown) => show_ticker(cx, name, *n, shown, true),
                    _ => false,
                };
            }
        }
        if refused.is_empty() {
            return added.join(",");
        }
        format!("Not Subscribed successfully! [{}].  Reason： Blocked! ", refused.join(","))
    }

    fn read(&self, cx: &Cx<'_>, name: &str) -> Option<Channel> {
        let mut parts = name.strip_prefix("spot@")?.split('@');
        let (kind, second, third) = (parts.next()?, parts.next(), parts.next());
        let find = |symbol: Option<&str>| cx.engine.find(Market::Spot, symbol?);
        let paced = |symbol: Option<&str>| match second {
            Some("100ms" | "10ms") => find(symbol),
            _ => None,
        };
        if parts.next().is_some() {
            return None;
        }
        let private = |topic| self.private.as_ref().map(|_| Channel::Private(topic));
        match kind {
            "public.aggre.deals.v3.api.pb" => paced(third).map(Channel::Deals),
            "public.aggre.depth.v3.api.pb" => paced(third).map(Channel::Depth),
            "public.aggre.bookTicker.v3.api.pb" => paced(third).map(|n| Channel::Ticker(n, None)),
            "public.bookTicker.batch.v3.api.pb" => {
                find(second).map(|n| Channel::TickerBatch(n, None))
            }
            "public.limit.depth.v3.api.pb" => {
                let levels = third?.parse().ok().filter(|n| matches!(n, 5 | 10 | 20))?;
                find(second).map(|n| Channel::Limit(n, levels))
            }
            "private.orders.v3.api.pb" => private(Topic::Orders),
            "private.deals.v3.api.pb" => private(Topic::Deals),
            "private.account.v3.api.pb" => private(Topic::Account),
            _ => None,
        }
    }
}

/// `{"id":0,"code":0,"msg":..}` with the request's id.
pub(super) fn answer(request: Option<&Map<String, Value>>, msg: &str) -> Value {
    let id = request.and_then(|r| r.get("id")).cloned().unwrap_or_else(|| 0.into());
    json!({ "id": id, "code": 0, "msg": msg })
}

/// Sends one data frame.
pub(super) fn send(
    cx: &mut Cx<'_>,
    event: &'static str,
    channel: &str,
    symbol: Option<&str>,
    body: Body,
) {
    let wrapper = Wrapper {
        channel: channel.to_owned(),
        symbol: symbol.map(str::to_owned),
        create_time: None,
        send_time: Some(millis(cx.server_ms)),
        body: Some(body),
    };
    cx.out.event(event, wrapper.encode_to_vec());
}

pub(super) fn millis(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

pub(super) fn trade_type(side: Side) -> i32 {
    match side {
        Side::Buy => 1,
        Side::Sell => 2,
    }
}

fn names(request: &Map<String, Value>) -> Vec<&str> {
    let params = request.get("params").and_then(Value::as_array);
    params.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn show(
    cx: &mut Cx<'_>,
    event: &'static str,
    channel: &str,
    instrument: usize,
    body: impl FnOnce(&Instrument) -> Option<Body>,
) -> bool {
    let Some(i) = cx.engine.instruments.get(instrument) else { return false };
    let (symbol, Some(body)) = (i.symbol, body(i)) else { return false };
    send(cx, event, channel, Some(symbol), body);
    true
}

fn levels(levels: &[PriceLevel]) -> Vec<Level> {
    levels.iter().map(|(p, q)| Level { price: plain(*p), quantity: plain(*q) }).collect()
}

/// The channel's name up to the symbol.
fn event_type(channel: &str) -> String {
    channel.rsplit_once('@').map_or(channel, |(kind, _)| kind).to_owned()
}

fn deals(_: &Instrument, channel: &str, trade: &PublicTrade) -> Body {
    Body::Deals(Deals {
        deals: vec![PublicDeal {
            price: plain(trade.price),
            quantity: plain(trade.quantity),
            trade_type: trade_type(trade.taker),
            time: millis(trade.time_ms),
            trade_id: trade.id.to_string(),
        }],
        event_type: event_type(channel),
    })
}

fn depth(_: &Instrument, channel: &str, update: &BookUpdate) -> Body {
    Body::Depths(Depths {
        asks: levels(&update.asks),
        bids: levels(&update.bids),
        event_type: event_type(channel),
        from_version: (update.previous_id + 1).to_string(),
        to_version: update.id.to_string(),
        last_order_create_time: millis(update.time_ms),
    })
}

fn show_limit(cx: &mut Cx<'_>, channel: &str, (instrument, count): (usize, usize)) -> bool {
    let time = millis(cx.server_ms);
    let Some(book) = cx.engine.book(instrument) else { return false };
    let bids: Vec<PriceLevel> = book.bids().take(count).collect();
    let asks: Vec<PriceLevel> = book.asks().take(count).collect();
    let body = Body::LimitDepths(LimitDepths {
        asks: levels(&asks),
        bids: levels(&bids),
        event_type: "spot@public.limit.depth.v3.api.pb".to_owned(),
        version: book.id.to_string(),
        last_order_create_time: time,
    });
    show(cx, "limit.depth", channel, instrument, |_| Some(body))
}

/// Tells of the best prices when they have changed.
fn show_ticker(
    cx: &mut Cx<'_>,
    channel: &str,
    instrument: usize,
    shown: &mut Option<[PriceLevel; 2]>,
    batch: bool,
) -> bool {
    let time = millis(cx.server_ms);
    let Some(book) = cx.engine.book(instrument) else { return false };
    let (Some(bid), Some(ask)) = (book.bids().next(), book.asks().next()) else { return false };
    if *shown == Some([bid, ask]) {
        return false;
    }
    *shown = Some([bid, ask]);
    let mut ticker = BookTicker {
        bid_price: plain(bid.0),
        bid_quantity: plain(bid.1),
        ask_price: plain(ask.0),
        ask_quantity: plain(ask.1),
        version: book.id.to_string(),
        last_order_create_time: time,
    };
    let body = if batch {
        ticker.version.clear();
        ticker.last_order_create_time = 0;
        Body::BookTickers(BookTickers { items: vec![ticker] })
    } else {
        Body::BookTicker(ticker)
    };
    show(cx, "bookTicker", channel, instrument, |_| Some(body))
}
