//! Text frames to neutral events: everything of the futures (futures "WebSocket API"), and spot's
//! answers to commands. Spot's data is in `proto.rs`.

mod best;

use core::fmt;

use hoox_connector::json::{Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level, Trade, read_json};
use hoox_connector::{
    Asset, Balance, BookTop, Event, OperationKind, OrderId, RejectReason, Rejection, Side,
    StreamError, Symbol, Timestamp, VenueError,
};
use serde::de::{IgnoredAny, SeqAccess};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::Mexc;
use crate::decode::linear::{Base, Deal, LevelRow, Order, PositionRow};
use crate::decode::{Moment, OneOrMany, Required};
use crate::errors::Text;
use crate::instruments::neutral;

pub(crate) type Emit<'e> = &'e mut dyn FnMut(Event);

/// Reads spot's answer to a command. A refusal too has the code 0: only its words are another than
/// the channel's name.
pub(crate) fn read_spot_answer(text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    let Answer { code, msg } = read_json(text)?;
    emit(match (code.0, msg.0.as_ref()) {
        (0, "PONG") => Event::Pong,
        (0, channels) if channels.starts_with("spot@") => Event::Subscribed(None),
        (code, words) => refused(code, words),
    });
    Ok(())
}

#[derive(Deserialize)]
struct Answer<'a> {
    code: Integer,
    #[serde(borrow)]
    msg: Text<'a>,
}

/// Reads a text frame of the futures.
#[inline]
pub(crate) fn read_linear(mexc: &Mexc, text: &str, emit: Emit<'_>) -> Result<(), StreamError> {
    // The kind of operation is only told in errors of replies.
    let base = Base { mexc, op: OperationKind::Positions };
    // What comes by the thousand is read in one go, which takes no memory.
    if let Some((symbol, best)) = best::find(text) {
        emit(Event::BookTop(best.book_top(base, symbol)?));
        return Ok(());
    }
    let push: Push<'_> = read_json(text)?;
    match push.channel {
        "push.depth.full" => {
            let mut best = push.data::<Best>()?;
            best.cts = Moment(best.cts.0.or(push.ts.0));
            emit(Event::BookTop(best.book_top(base, push.symbol()?)?));
        }
        "push.depth" => emit(Event::Book(push.book(base)?)),
        "push.deal" => push.trades(base, emit)?,
        "push.ticker" => emit(Event::BookTop(push.data::<Ticker>()?.book_top())),
        "push.personal.order" => {
            for order in push.rows::<Order>()? {
                emit(Event::Order(order.report(base).map_err(within_data)?));
            }
        }
        "push.personal.order.deal" => {
            for deal in push.rows::<Deal>()? {
                emit(Event::Fill(deal.fill(base).map_err(within_data)?));
            }
        }
        "push.personal.position" => {
            for row in push.rows::<PositionRow>()? {
                let position = row.position(base, &[]).map_err(within_data)?;
                emit(Event::Position(position));
            }
        }
        "push.personal.asset" => {
            for asset in push.rows::<AssetChange>()? {
                emit(Event::Balance(asset.balance()));
            }
        }
        "pong" => emit(Event::Pong),
        "rs.login" => emit(push.answer(Event::Authenticated)?),
        channel if channel.starts_with("rs.sub.") || channel == "rs.personal.filter" => {
            emit(push.answer(Event::Subscribed(None))?);
        }
        "rs.error" => emit(refused(0, &push.data::<Text<'_>>()?.0)),
        // Ended subscriptions, and topics nobody asked for: all come after a login.
        _ => {}
    }
    Ok(())
}

#[derive(Deserialize)]
struct Push<'a> {
    channel: &'a str,
    #[serde(default, deserialize_with = "lenient")]
    symbol: Option<Symbol>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    ts: Moment,
}

impl<'a> Push<'a> {
    fn data<T: Deserialize<'a>>(&self) -> Result<T, StreamError> {
        let Some(data) = self.data else { return Err(malformed("data", "missing")) };
        read_json(data.get()).map_err(|error| match error {
            StreamError::Malformed { field, problem } if field == "." => {
                malformed("data", &problem)
            }
            StreamError::Malformed { field, problem } => {
                malformed(&format!("data.{field}"), &problem)
            }
            other => other,
        })
    }

    /// One object, or a list of them.
    fn rows<T: Deserialize<'a>>(&self) -> Result<Vec<T>, StreamError> {
        self.data::<OneOrMany<T>>().map(OneOrMany::into_vec)
    }

    fn symbol(&self) -> Result<Symbol, StreamError> {
        self.symbol.ok_or_else(|| malformed("symbol", "missing"))
    }

    /// `"success"`, or what went wrong.
    fn answer(&self, success: Event) -> Result<Event, StreamError> {
        let words: Text<'_> = self.data()?;
        Ok(if words.0 == "success" { success } else { refused(0, &words.0) })
    }

    fn book(&self, base: Base<'_>) -> Result<BookUpdate, StreamError> {
        let symbol = self.symbol()?;
        let Depth { bids, asks, version } = self.data()?;
        let contracts = base.of(symbol).map_err(outside_data)?;
        let levels = |rows: Vec<LevelRow>| -> Result<Vec<Level>, StreamError> {
            let level = |row: LevelRow| Ok((row.price, contracts.quantity(row.contracts)?));
            rows.into_iter().map(level).collect::<Result<_, _>>().map_err(outside_data)
        };
        Ok(BookUpdate {
            symbol: contracts.instrument.symbol,
            snapshot: false,
            bids: levels(bids)?,
            asks: levels(asks)?,
            // Each frame is the number after the last.
            first_id: Some(version),
            last_id: version,
            previous_id: None,
            at: self.ts.0,
        })
    }

    fn trades(&self, base: Base<'_>, emit: Emit<'_>) -> Result<(), StreamError> {
        let contracts = base.of(self.symbol()?).map_err(outside_data)?;
        for PublicDeal { p, v, taker, t, i } in self.rows::<PublicDeal>()? {
            emit(Event::Trade(Trade {
                symbol: contracts.instrument.symbol,
                trade_id: i,
                price: p.0,
                quantity: contracts.quantity(v.0).map_err(outside_data)?,
                taker_side: match taker.0 {
                    1 => Side::Buy,
                    2 => Side::Sell,
                    _ => return Err(malformed("data.T", "neither 1 nor 2")),
                },
                at: t.0,
            }));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct PublicDeal {
    p: Number,
    v: Number,
    #[serde(rename = "T")]
    taker: Integer,
    t: Required,
    #[serde(default, deserialize_with = "lenient")]
    i: Option<OrderId>,
}

#[derive(Deserialize)]
struct Depth {
    bids: Vec<LevelRow>,
    asks: Vec<LevelRow>,
    version: u64,
}

/// The best of five levels: there is no channel for it alone.
#[derive(Debug, PartialEq, Deserialize)]
struct Best {
    #[serde(deserialize_with = "first")]
    bids: Option<Level>,
    #[serde(deserialize_with = "first")]
    asks: Option<Level>,
    #[serde(default, deserialize_with = "lenient")]
    version: Option<u64>,
    /// When the book changed, before the frame was sent.
    #[serde(default)]
    cts: Moment,
}

impl Best {
    #[inline]
    fn book_top(self, base: Base<'_>, symbol: Symbol) -> Result<BookTop, StreamError> {
        let contracts = base.of(symbol).map_err(outside_data)?;
        let side = |level: Option<Level>| match level {
            None => Ok((None, None)),
            Some((price, quantity)) => {
                let quantity = contracts.quantity(quantity).map_err(outside_data)?;
                Ok((Some(price), Some(quantity)))
            }
        };
        let ((bid_price, bid_quantity), (ask_price, ask_quantity)) =
            (side(self.bids)?, side(self.asks)?);
        Ok(BookTop {
            symbol: contracts.instrument.symbol,
            bid_price,
            bid_quantity,
            ask_price,
            ask_quantity,
            update_id: self.version,
            at: self.cts.0,
        })
    }
}

/// Levels come best first.
fn first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    struct First;
    impl<'de> serde::de::Visitor<'de> for First {
        type Value = Option<Level>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of levels")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Option<Level>, A::Error> {
            let first: Option<LevelRow> = rows.next_element()?;
            while rows.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first.map(|row| (row.price, row.contracts)))
        }
    }
    deserializer.deserialize_seq(First)
}

/// The ticker, of whoever has subscribed to it: the best prices without their sizes.
#[derive(Deserialize)]
struct Ticker {
    symbol: Symbol,
    bid1: MaybeNumber,
    ask1: MaybeNumber,
    #[serde(default)]
    timestamp: Moment,
}

impl Ticker {
    fn book_top(self) -> BookTop {
        BookTop {
            symbol: neutral(self.symbol),
            bid_price: self.bid1.non_zero(),
            bid_quantity: None,
            ask_price: self.ask1.non_zero(),
            ask_quantity: None,
            update_id: None,
            at: self.timestamp.0,
        }
    }
}

/// A balance as the stream tells it, which has no sum in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetChange {
    currency: Asset,
    available_balance: Number,
    frozen_balance: Number,
    position_margin: Number,
}

impl AssetChange {
    fn balance(&self) -> Balance {
        let available = self.available_balance.0;
        let total = available
            .checked_add(self.frozen_balance.0)
            .and_then(|sum| sum.checked_add(self.position_margin.0))
            .unwrap_or(available);
        Balance { asset: self.currency, available, total }
    }
}

fn refused(code: i64, words: &str) -> Event {
    // A rejection clips the text.
    let Rejection { code, message, .. } = Rejection::new(RejectReason::Other, code, words);
    Event::Refused { code, message }
}

pub(crate) fn malformed(field: &str, problem: &str) -> StreamError {
    StreamError::Malformed { field: field.into(), problem: problem.into() }
}

fn within_data(error: VenueError) -> StreamError {
    match error {
        VenueError::Malformed(it) => malformed(&format!("data.{}", it.field), &it.problem),
        other => malformed("data", &other.to_string()),
    }
}

fn outside_data(error: VenueError) -> StreamError {
    match error {
        VenueError::Malformed(it) => malformed(&it.field, &it.problem),
        other => malformed("data", &other.to_string()),
    }
}

/// A stream's milliseconds; zero and less mean "never".
pub(crate) fn millis(value: i64) -> Option<Timestamp> {
    u64::try_from(value).ok().filter(|millis| *millis > 0).map(Timestamp::from_millis)
}
