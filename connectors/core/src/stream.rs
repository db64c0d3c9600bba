//! Streams, still without sockets: what is written to one, and what is read from it.

use core::time::Duration;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::{
    Balance, BookRule, BookTop, EncodeError, Fill, OrderId, OrderReport, Position, Side, Symbol,
    Timestamp, VenueError,
};

/// The longest frame that is read, in bytes: the largest book snapshots are a few hundred kilobytes.
pub const FRAME_MAX: usize = 4 * 1024 * 1024;

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// Best bid and ask of a symbol.
    BookTop,
    /// Trades of a symbol.
    Trades,
    /// Changes of a symbol's order book.
    Depth,
    /// The account's orders, fills, positions and balances.
    Account,
}

/// One subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topic {
    /// What.
    pub channel: Channel,
    /// Of which symbol; absent for [`Channel::Account`].
    pub symbol: Option<Symbol>,
}

/// One message of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
}

impl Frame<'_> {
    /// The length in bytes.
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a frame says, in neutral words.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // boxing would allocate per event
pub enum Event {
    /// Best bid and ask.
    BookTop(BookTop),
    /// A trade.
    Trade(Trade),
    /// A book, or changes to it.
    Book(BookUpdate),
    /// The state of one of our orders.
    Order(OrderReport),
    /// An execution of one of our orders.
    Fill(Fill),
    /// One of our positions.
    Position(Position),
    /// One of our balances.
    Balance(Balance),
    /// A subscription took effect; the number is the request's, if the venue repeats it.
    Subscribed(Option<u64>),
    /// The session is authenticated.
    Authenticated,
    /// The venue refused a subscription or an authentication.
    Refused {
        /// The venue's code; 0 where it sent none.
        code: i64,
        /// The beginning of its words.
        message: Box<str>,
    },
    /// An answer to a keep-alive.
    Pong,
    /// The session is about to end, or its listen key has expired: connect anew.
    Reconnect,
}

/// A public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The venue's id, if there is one.
    pub trade_id: Option<OrderId>,
    /// At which price.
    pub price: Decimal,
    /// How much of the base asset.
    pub quantity: Decimal,
    /// The side that took liquidity.
    pub taker_side: Side,
    /// When, by the venue's clock.
    pub at: Timestamp,
}

/// A price and what is there. A quantity of zero removes the price from the book.
pub type Level = (Decimal, Decimal);

/// A book, or changes to it, with the numbers that tell whether one was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookUpdate {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// Whether this is the whole book rather than changes to it.
    pub snapshot: bool,
    /// Bids, best first.
    pub bids: Vec<Level>,
    /// Asks, best first.
    pub asks: Vec<Level>,
    /// The first update in here, where the venue numbers them so.
    pub first_id: Option<u64>,
    /// The last update in here.
    pub last_id: u64,
    /// The last update before, where the venue repeats it (Binance linear `pu`).
    pub previous_id: Option<u64>,
    /// When, by the venue's clock.
    pub at: Option<Timestamp>,
}

/// How a socket is kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// How often to write `frame`.
    pub interval: Duration,
    /// What to write; `None` where the venue pings and wants only the protocol's own pong.
    pub frame: Option<&'static str>,
    /// After how long without any frame the socket is taken for dead.
    pub silence_max: Duration,
    /// The longest life of a connection, after which the venue cuts it.
    pub life_max: Option<Duration>,
}

/// How much a socket may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The most topics of one connection.
    pub topics_per_connection: usize,
    /// The most topics of one request.
    pub topics_per_request: usize,
    /// The time between two requests.
    pub request_gap: Duration,
}

/// Which socket a topic belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Socket {
    /// Market data.
    Public,
    /// Market data that a venue keeps on another host (Binance linear `/market`).
    Market,
    /// The account.
    Private,
}

/// Why a frame cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Longer than [`FRAME_MAX`].
    #[error("frame of {0} bytes is too long")]
    TooLong(usize),
    /// A text frame where a binary one belongs, or the reverse.
    #[error("unexpected kind of frame")]
    UnexpectedKind,
    /// Not what the documentation promises.
    #[error("malformed frame at {field}: {problem}")]
    Malformed {
        /// The path of the field that is missing or mistyped; `.` for the whole.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The stream half of a dialect: frames to write, frames to read. Pure, as the request half is.
pub trait StreamProvider {
    /// Which socket carries `channel`.
    fn socket(&self, channel: Channel) -> Socket;

    /// The address of a socket. `listen_key` is what the venue handed out for the private socket,
    /// where it works that way.
    fn socket_url(&self, socket: Socket, listen_key: Option<&str>) -> String;

    /// Whether the private socket's address needs a listen key
    /// ([`Operation::CreateListenKey`](crate::Operation::CreateListenKey)).
    fn needs_listen_key(&self) -> bool {
        false
    }

    /// How the books of [`Channel::Depth`] are kept whole.
    fn book_rule(&self) -> BookRule;

    /// How much a socket may be asked for.
    fn stream_limits(&self) -> StreamLimits;

    /// How sockets are kept open.
    fn keep_alive(&self, socket: Socket) -> KeepAlive;

    /// Appends the frame that authenticates a private socket at the moment `at`, by the venue's
    /// clock. Nothing is appended where the address does it.
    ///
    /// # Errors
    /// [`EncodeError`] if the key cannot.
    fn authenticate(
        &self,
        at: Timestamp,
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError>;

    /// Appends the frame that subscribes to `topics`, which all belong to one socket. Nothing is
    /// appended where there is nothing to ask for.
    ///
    /// # Errors
    /// [`EncodeError`] if the venue has no such channel, or a topic lacks its symbol.
    fn subscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError>;

    /// Appends the frame that ends subscriptions.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    fn unsubscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError>;

    /// What a refusal means that came over a socket ([`Event::Refused`]), by the venue's table of
    /// errors: a key that will not do is another thing than a limit.
    fn refusal(&self, code: i64, message: &str) -> VenueError;

    /// Reads one frame, and hands out what it says; frames of no interest say nothing.
    ///
    /// # Errors
    /// [`StreamError`]; what was handed out before it stands.
    fn read(&self, frame: Frame<'_>, events: &mut dyn FnMut(Event)) -> Result<(), StreamError>;
}

/// Reads the JSON of a frame.
///
/// # Errors
/// [`StreamError`] naming the path of the field that is missing or mistyped.
pub fn read_json<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, StreamError> {
    if text.len() > FRAME_MAX {
        return Err(StreamError::TooLong(text.len()));
    }
    crate::json::read_at(text.as_bytes())
        .map_err(|(field, problem)| StreamError::Malformed { field, problem })
}
