//! Frames of the streams to neutral events: which kind a frame is, and the public ones (spot
//! web-socket-streams.md; linear "WebSocket Market Streams"). The account's are in `account.rs`.

mod best;

use hoox_connector::json::{Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level, Trade, read_json};
use hoox_connector::{
    BookTop, Event, OrderId, RejectReason, Rejection, Side, StreamError, Symbol, Timestamp,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::Binance;
use crate::account::{AccountUpdate, AlgoUpdate, LinearUpdate, OrderUpdate, SpotBalances};

pub(crate) type Emit<'e> = &'e mut dyn FnMut(Event);

/// Reads one text frame. The kinds that come by the thousand are known by their first bytes; any
/// other order of the fields is read as well, only slower.
#[inline]
pub(crate) fn read(binance: &Binance, text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    // Only spot's book ticker has no event type.
    if text.starts_with("{\"u\":") || text.starts_with("{\"e\":\"bookTicker\"") {
        return book_ticker(text, emit);
    }
    if let Some(kind) = kind_in_front(text) {
        return event(kind, text, emit);
    }
    if !text.trim_start().starts_with('{') {
        let (field, problem) = (".".into(), "not a JSON object".into());
        return Err(StreamError::Malformed { field, problem });
    }
    let probe: Probe<'_> = read_json(text)?;
    if let Some(inner) = probe.event {
        let inner = inner.get();
        let kind = match kind_in_front(inner) {
            Some(kind) => kind,
            None => read_json::<Tag<'_>>(inner).map_err(within_event)?.e,
        };
        return event(kind, inner, emit).map_err(within_event);
    }
    if let Some(kind) = probe.e {
        return event(kind, text, emit);
    }
    if let Some(Failure { code, msg }) = probe.error {
        emit(refused(code.0, &msg));
    } else if let (Some(code), Some(msg)) = (probe.code, probe.msg) {
        emit(refused(code.0, &msg));
    } else if let Some(result) = probe.result {
        answered(binance, result, probe.id, emit)?;
    } else if probe.u.is_some() {
        return book_ticker(text, emit);
    }
    Ok(())
}

fn kind_in_front(text: &str) -> Option<&str> {
    text.strip_prefix("{\"e\":\"")?.split_once('"').map(|(kind, _)| kind)
}

/// An answer to a request of ours.
fn answered(
    binance: &Binance,
    result: &RawValue,
    id: Option<u64>,
    emit: Emit<'_>,
) -> Result<(), StreamError> {
    let result: Option<Answer> = read_json(result.get())?;
    let Answer { authorized_since, subscription_id } = result.unwrap_or_default();
    if authorized_since.is_some() {
        emit(Event::Authenticated);
        return Ok(());
    }
    // Without an Ed25519 key the subscription is the authentication too.
    if subscription_id.is_some() && !binance.credentials.key().is_ed25519() {
        emit(Event::Authenticated);
    }
    emit(Event::Subscribed(id));
    Ok(())
}

fn event(kind: &str, text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    match kind {
        "bookTicker" => return book_ticker(text, emit),
        "trade" | "aggTrade" => emit(Event::Trade(read_json::<TradeEvent>(text)?.trade())),
        "depthUpdate" => emit(Event::Book(read_json::<DepthEvent>(text)?.update())),
        "executionReport" => read_json::<OrderUpdate>(text)?.emit(emit),
        "outboundAccountPosition" => read_json::<SpotBalances>(text)?.emit(emit),
        "ORDER_TRADE_UPDATE" => read_json::<LinearUpdate>(text)?.emit(emit),
        "ALGO_UPDATE" => read_json::<AlgoUpdate>(text)?.emit(emit),
        "ACCOUNT_UPDATE" => read_json::<AccountUpdate>(text)?.emit(emit),
        "listenKeyExpired" | "eventStreamTerminated" | "serverShutdown" => {
            read_json::<IgnoredAny>(text)?;
            emit(Event::Reconnect);
        }
        // TRADE_LITE repeats, without the fee, the execution that ORDER_TRADE_UPDATE tells whole;
        // balanceUpdate tells a difference, and outboundAccountPosition the balance.
        _ => {
            read_json::<IgnoredAny>(text)?;
        }
    }
    Ok(())
}

/// What tells the frames apart that have no event type in front.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow, default)]
    e: Option<&'a str>,
    #[serde(default)]
    u: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<u64>,
    /// Absent, or there, `null` included.
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<Failure<'a>>,
    /// linear writes a refusal flat.
    #[serde(default)]
    code: Option<Integer>,
    #[serde(borrow, default)]
    msg: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    code: Integer,
    #[serde(borrow, default)]
    msg: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    e: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    authorized_since: Option<u64>,
    #[serde(default)]
    subscription_id: Option<u64>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn refused(code: i64, message: &str) -> Event {
    // A rejection clips the text.
    let Rejection { code, message, .. } = Rejection::new(RejectReason::Other, code, message);
    Event::Refused { code, message }
}

fn within_event(error: StreamError) -> StreamError {
    match error {
        StreamError::Malformed { field, problem } if field == "." => {
            StreamError::Malformed { field: "event".into(), problem }
        }
        StreamError::Malformed { field, problem } => {
            StreamError::Malformed { field: format!("event.{field}"), problem }
        }
        other => other,
    }
}

#[derive(Deserialize)]
struct BookTicker {
    u: u64,
    s: Symbol,
    b: MaybeNumber,
    #[serde(rename = "B")]
    bid_quantity: MaybeNumber,
    a: MaybeNumber,
    #[serde(rename = "A")]
    ask_quantity: MaybeNumber,
    /// linear.
    #[serde(default, rename = "T")]
    at: Option<u64>,
}

impl BookTicker {
    fn top(self) -> BookTop {
        BookTop {
            symbol: self.s,
            bid_price: self.b.non_zero(),
            bid_quantity: self.bid_quantity.non_zero(),
            ask_price: self.a.non_zero(),
            ask_quantity: self.ask_quantity.non_zero(),
            update_id: Some(self.u),
            at: self.at.map(Timestamp::from_millis),
        }
    }
}

/// The commonest frame.
#[inline]
fn book_ticker(text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    emit(Event::BookTop(match best::find(text) {
        Some(top) => top,
        None => read_json::<BookTicker>(text)?.top(),
    }));
    Ok(())
}

#[derive(Deserialize)]
struct TradeEvent {
    s: Symbol,
    /// spot: the trade.
    #[serde(default)]
    t: Option<u64>,
    /// linear: the aggregate of trades.
    #[serde(default)]
    a: Option<u64>,
    p: Number,
    q: Number,
    #[serde(rename = "T")]
    at: u64,
    /// Whether the buyer made the liquidity.
    m: bool,
}

impl TradeEvent {
    fn trade(self) -> Trade {
        Trade {
            symbol: self.s,
            trade_id: self.t.or(self.a).map(OrderId::from),
            price: self.p.0,
            quantity: self.q.0,
            taker_side: if self.m { Side::Sell } else { Side::Buy },
            at: Timestamp::from_millis(self.at),
        }
    }
}

#[derive(Deserialize)]
struct DepthEvent {
    s: Symbol,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    /// linear.
    #[serde(default)]
    pu: Option<u64>,
    b: Vec<(Number, Number)>,
    a: Vec<(Number, Number)>,
    #[serde(rename = "E")]
    sent: u64,
    /// linear: when the book changed, before the frame was sent.
    #[serde(default, rename = "T")]
    at: Option<u64>,
}

impl DepthEvent {
    fn update(self) -> BookUpdate {
        let levels = |levels: Vec<(Number, Number)>| -> Vec<Level> {
            levels.into_iter().map(|(price, quantity)| (price.0, quantity.0)).collect()
        };
        BookUpdate {
            symbol: self.s,
            snapshot: false,
            bids: levels(self.b),
            asks: levels(self.a),
            first_id: Some(self.first),
            last_id: self.u,
            previous_id: self.pu,
            at: Some(Timestamp::from_millis(self.at.unwrap_or(self.sent))),
        }
    }
}
