//! The three dialects behind one type, so that everything above them is written once.

use core::time::Duration;
use std::sync::Arc;

use arrayvec::ArrayVec;
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{
    Asked, Capabilities, Cost, Credentials, EncodeError, ExchangeProvider, FrameReply, Headers,
    Instruments, KeepAlive, Market, Operation, OperationKind, OrderEntry, RateRule, RateUsage,
    Reply, Request, RequestBuf, StreamProvider, Timestamp, Venue, VenueError,
};
use hoox_mexc::Mexc;

/// The dialect of any venue.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // one for each account, never moved on the order path
pub enum Dialect {
    /// Binance.
    Binance(Binance),
    /// Bybit.
    Bybit(Bybit),
    /// MEXC.
    Mexc(Mexc),
}

/// Calls the same method on whichever dialect it is.
macro_rules! each {
    ($dialect:expr, $it:ident => $call:expr) => {
        match $dialect {
            Dialect::Binance($it) => $call,
            Dialect::Bybit($it) => $call,
            Dialect::Mexc($it) => $call,
        }
    };
}

impl Dialect {
    /// The dialect of a market, for the live venue.
    pub fn live(venue: Venue, market: Market, credentials: Credentials) -> Option<Self> {
        Some(match (venue, market) {
            #[cfg(feature = "spot")]
            (Venue::Binance, Market::Spot) => Self::Binance(Binance::spot(credentials)),
            (Venue::Binance, Market::Linear) => Self::Binance(Binance::linear(credentials)),
            #[cfg(feature = "spot")]
            (Venue::Bybit, Market::Spot) => Self::Bybit(Bybit::spot(credentials)),
            (Venue::Bybit, Market::Linear) => Self::Bybit(Bybit::linear(credentials)),
            #[cfg(feature = "spot")]
            (Venue::Mexc, Market::Spot) => Self::Mexc(Mexc::spot(credentials)),
            (Venue::Mexc, Market::Linear) => Self::Mexc(Mexc::linear(credentials)),
            _ => return None,
        })
    }

    /// The dialect of a market, for the venue's test venue; `None` where there is none.
    pub fn test(venue: Venue, market: Market, credentials: Credentials) -> Option<Self> {
        Some(match (venue, market) {
            #[cfg(feature = "spot")]
            (Venue::Binance, Market::Spot) => Self::Binance(Binance::spot_testnet(credentials)),
            (Venue::Binance, Market::Linear) => Self::Binance(Binance::linear_testnet(credentials)),
            #[cfg(feature = "spot")]
            (Venue::Bybit, Market::Spot) => Self::Bybit(Bybit::spot_testnet(credentials)),
            (Venue::Bybit, Market::Linear) => Self::Bybit(Bybit::linear_testnet(credentials)),
            _ => return None,
        })
    }

    /// The same at another host.
    pub fn with_base_url(self, base_url: &str) -> Self {
        match self {
            Self::Binance(it) => Self::Binance(it.with_base_url(base_url)),
            Self::Bybit(it) => Self::Bybit(it.with_base_url(base_url)),
            Self::Mexc(it) => Self::Mexc(it.with_base_url(base_url)),
        }
    }

    /// The same with its order-entry socket at another address, where the venue has one.
    pub fn with_entry_url(self, url: &str) -> Self {
        match self {
            Self::Binance(it) => Self::Binance(it.with_entry_url(url)),
            Self::Bybit(it) => Self::Bybit(it.with_entry_url(url)),
            Self::Mexc(_) => self,
        }
    }

    /// The same with another receive window.
    pub fn with_recv_window(self, window: Duration) -> Self {
        match self {
            Self::Binance(it) => Self::Binance(it.with_recv_window(window)),
            Self::Bybit(it) => Self::Bybit(it.with_recv_window(window)),
            Self::Mexc(it) => Self::Mexc(it.with_recv_window(window)),
        }
    }

    /// Whether replies count contracts, so that they cannot be read without the instruments.
    pub fn counts_contracts(&self) -> bool {
        matches!(self, Self::Mexc(it) if it.market() == Market::Linear)
    }

    /// The same, reading replies with these instruments where it needs them.
    pub fn with_instruments(self, instruments: Arc<Instruments>) -> Self {
        match self {
            Self::Mexc(it) => Self::Mexc(it.with_instruments(instruments)),
            other => other,
        }
    }

    /// The order-entry half, where the venue takes orders over WebSocket.
    pub fn order_entry(&self) -> Option<&dyn OrderEntry> {
        match self {
            Self::Binance(it) => Some(it),
            Self::Bybit(it) => Some(it),
            Self::Mexc(_) => None,
        }
    }

    /// The stream half.
    pub fn streams(&self) -> &dyn StreamProvider {
        each!(self, it => it)
    }
}

impl ExchangeProvider for Dialect {
    fn venue(&self) -> Venue {
        each!(self, it => it.venue())
    }

    fn market(&self) -> Market {
        each!(self, it => it.market())
    }

    fn capabilities(&self) -> &Capabilities {
        each!(self, it => it.capabilities())
    }

    fn base_url(&self) -> &str {
        each!(self, it => it.base_url())
    }

    fn recv_window(&self) -> Duration {
        each!(self, it => it.recv_window())
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        each!(self, it => it.encode(op, at, buf))
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        each!(self, it => it.decode(asked, status, headers, body))
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        each!(self, it => it.cost(op))
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        each!(self, it => it.rate_rules())
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        each!(self, it => it.usage(headers))
    }
}

/// What MEXC says to an order over WebSocket: it has no such socket.
fn no_entry<T>() -> Result<T, EncodeError> {
    Err(EncodeError::NotSupported { venue: Venue::Mexc, operation: "orders over WebSocket" })
}

impl OrderEntry for Dialect {
    fn entry_url(&self) -> Option<&str> {
        self.order_entry()?.entry_url()
    }

    fn entry_keep_alive(&self) -> KeepAlive {
        let nothing = KeepAlive {
            interval: Duration::MAX,
            frame: None,
            silence_max: Duration::MAX,
            life_max: None,
        };
        self.order_entry().map_or(nothing, |it| it.entry_keep_alive())
    }

    fn logs_on(&self) -> bool {
        self.order_entry().is_some_and(OrderEntry::logs_on)
    }

    fn encode_logon(
        &self,
        at: Timestamp,
        request_id: u64,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        self.order_entry().map_or_else(no_entry, |it| it.encode_logon(at, request_id, buf))
    }

    fn encode_frame(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        request_id: u64,
        logged_on: bool,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        let encode = |it: &dyn OrderEntry| it.encode_frame(op, at, request_id, logged_on, buf);
        self.order_entry().map_or_else(no_entry, encode)
    }

    fn decode_frame(
        &self,
        frame: &mut [u8],
        asked: &dyn Fn(u64) -> Option<OperationKind>,
    ) -> Result<FrameReply, VenueError> {
        let nothing = Ok(FrameReply::Other);
        self.order_entry().map_or(nothing, |it| it.decode_frame(frame, asked))
    }
}
