//! Frames of the streams to neutral events (v5 websocket/public and websocket/private).

mod best;

use std::borrow::Cow;

use hoox_connector::json::{Integer, Number, lenient};
use hoox_connector::stream::{BookUpdate, Trade, read_json};
use hoox_connector::{
    BookTop, Event, Market, OrderId, RejectReason, Rejection, StreamError, Symbol, Timestamp,
};
use serde::Deserialize;

use crate::decode::Account;
use crate::rows::{Execution, Order, PositionRow, Side_};

type Emit<'e> = &'e mut dyn FnMut(Event);

/// The code of a socket that is authenticated already.
pub(crate) const AUTHENTICATED_ALREADY: i64 = 20_001;

/// Reads one text frame. The kind that comes by the thousand is known by its first bytes; any other
/// order of the fields is read as well, only slower.
#[inline]
pub(crate) fn read(market: Market, text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    if text.starts_with("{\"topic\":\"orderbook.1.") {
        return book_top(text, emit);
    }
    if !text.trim_start().starts_with('{') {
        let (field, problem) = (".".into(), "not a JSON object".into());
        return Err(StreamError::Malformed { field, problem });
    }
    let probe: Probe<'_> = read_json(text)?;
    if probe.topic.is_empty() {
        probe.answer(emit);
        return Ok(());
    }
    pushed(market, &probe.topic, text, emit)
}

fn pushed(market: Market, topic: &str, text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    // `order` and `order.linear` carry the same rows.
    let (name, rest) = topic.split_once('.').unwrap_or((topic, ""));
    match name {
        "orderbook" if rest.starts_with("1.") => book_top(text, emit)?,
        "orderbook" => emit(Event::Book(read_json::<BookFrame>(text)?.update())),
        "publicTrade" => {
            for trade in read_json::<Data<TradeRow>>(text)?.data {
                emit(Event::Trade(trade.trade()));
            }
        }
        "order" => {
            let orders = read_json::<Data<Order<'_>>>(text)?.data;
            for order in orders.iter().filter(|order| order.is_of(market)) {
                emit(Event::Order(order.report(market)));
            }
        }
        "execution" => {
            let rows = read_json::<Data<Execution>>(text)?.data;
            for row in rows.iter().filter(|row| row.is_of(market)) {
                if let Some(fill) = row.fill(market) {
                    emit(Event::Fill(fill));
                }
            }
        }
        "position" => {
            let rows = read_json::<Data<PositionRow>>(text)?.data;
            for row in rows.iter().filter(|row| row.is_of(market)) {
                let position = row.position().map_err(|problem| StreamError::Malformed {
                    field: "data.side".into(),
                    problem: problem.into(),
                })?;
                emit(Event::Position(position));
            }
        }
        "wallet" => {
            for coin in read_json::<Data<Account>>(text)?.data.iter().flat_map(|it| &it.coin) {
                emit(Event::Balance(coin.balance(market)));
            }
        }
        _ => {}
    }
    Ok(())
}

/// The best level is always a snapshot; what is called a delta is told as changes to a book.
#[inline]
fn book_top(text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    if let Some(top) = best::find(text) {
        emit(Event::BookTop(top));
        return Ok(());
    }
    let book = read_json::<BookFrame>(text)?;
    emit(match book.kind {
        Kind::Delta => Event::Book(book.update()),
        Kind::Snapshot => Event::BookTop(book.top()),
    });
    Ok(())
}

/// What tells the frames apart. Answers are spelled in two ways, with underscores on market sockets
/// and in camel case on others.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow, default)]
    topic: Cow<'a, str>,
    #[serde(borrow, default)]
    op: Cow<'a, str>,
    #[serde(default)]
    success: Option<bool>,
    #[serde(default, alias = "retCode")]
    ret_code: Option<Integer>,
    #[serde(borrow, default, alias = "retMsg")]
    ret_msg: Cow<'a, str>,
    #[serde(default, alias = "reqId", deserialize_with = "lenient")]
    req_id: Option<u64>,
}

impl Probe<'_> {
    fn answer(&self, emit: Emit<'_>) {
        let code = self.ret_code.map_or(0, |code| code.0);
        let done = self.success != Some(false) && matches!(code, 0 | AUTHENTICATED_ALREADY);
        match self.op.as_ref() {
            // A market socket answers a ping with its name, another with a pong.
            "pong" => emit(Event::Pong),
            "ping" if done => emit(Event::Pong),
            "auth" if done => emit(Event::Authenticated),
            "subscribe" if done => emit(Event::Subscribed(self.req_id)),
            _ if done => {}
            _ => {
                // A rejection clips the text.
                let refused = Rejection::new(RejectReason::Other, code, &self.ret_msg);
                emit(Event::Refused { code, message: refused.message });
            }
        }
    }
}

#[derive(Deserialize)]
struct Data<T> {
    data: Vec<T>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[serde(rename = "snapshot")]
    Snapshot,
    #[serde(rename = "delta")]
    Delta,
}

/// v5 websocket/public/orderbook.
#[derive(Deserialize)]
struct BookFrame {
    #[serde(rename = "type")]
    kind: Kind,
    ts: u64,
    data: Book,
}

#[derive(Deserialize)]
struct Book {
    s: Symbol,
    b: Vec<(Number, Number)>,
    a: Vec<(Number, Number)>,
    u: u64,
}

impl BookFrame {
    fn top(&self) -> BookTop {
        let first = |side: &[(Number, Number)]| {
            side.first().map(|(price, quantity)| (price.0, quantity.0)).unzip()
        };
        let ((bid_price, bid_quantity), (ask_price, ask_quantity)) =
            (first(&self.data.b), first(&self.data.a));
        BookTop {
            symbol: self.data.s,
            bid_price,
            bid_quantity,
            ask_price,
            ask_quantity,
            update_id: Some(self.data.u),
            at: Some(Timestamp::from_millis(self.ts)),
        }
    }

    fn update(self) -> BookUpdate {
        let levels = |side: Vec<(Number, Number)>| {
            side.into_iter().map(|(price, quantity)| (price.0, quantity.0)).collect()
        };
        BookUpdate {
            symbol: self.data.s,
            // Update 1 comes after a restart of the service, and starts the book anew.
            snapshot: self.kind == Kind::Snapshot || self.data.u == 1,
            bids: levels(self.data.b),
            asks: levels(self.data.a),
            first_id: None,
            last_id: self.data.u,
            previous_id: None,
            at: Some(Timestamp::from_millis(self.ts)),
        }
    }
}

/// v5 websocket/public/trade.
#[derive(Deserialize)]
struct TradeRow {
    #[serde(rename = "T")]
    at: u64,
    s: Symbol,
    #[serde(rename = "S")]
    taker_side: Side_,
    v: Number,
    p: Number,
    #[serde(default, deserialize_with = "lenient")]
    i: Option<OrderId>,
}

impl TradeRow {
    fn trade(&self) -> Trade {
        Trade {
            symbol: self.s,
            trade_id: self.i,
            price: self.p.0,
            quantity: self.v.0,
            taker_side: self.taker_side.into(),
            at: Timestamp::from_millis(self.at),
        }
    }
}
