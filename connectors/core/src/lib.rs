//! Exchange connectors without I/O.
//!
//! In scope: the neutral vocabulary of trading ([`NewOrder`], [`Operation`], [`Reply`]), the rules of
//! an [`Instrument`] and the rounding they demand, the error taxonomy ([`Refused`], [`VenueError`],
//! [`Unknown`]), the trait a wire dialect implements ([`ExchangeProvider`]), and the thin async
//! [`Client`] that drives a dialect over any [`Transport`]. Out of scope: any venue's wire format, and
//! sockets, unless a transport feature asks for them.
//!
//! Money is [`Decimal`] from the JSON text onward; nothing here rounds a quantity up or clamps it.
//!
//! ```
//! use hoox_connector::{Decimal, Instrument, LotRule, Market, NewOrder, Side, Symbol, Venue};
//!
//! let symbol = Symbol::new("BTCUSDT")?;
//! let step = Decimal::new(1, 3);
//! let mut instrument = Instrument::new(Venue::Binance, Market::Linear, symbol);
//! instrument.lot = LotRule { min: Some(step), max: None, step: Some(step) };
//!
//! let order = NewOrder::market(symbol, Side::Buy, "0.0019999".parse()?);
//! let prepared = instrument.prepare(&order, None)?;
//! assert_eq!(prepared.quantity(), Some("0.001".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod book;
mod capabilities;
mod client;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod decimal;
mod error;
mod exchange;
mod frame;
mod instrument;
pub mod json;
mod limiter;
mod memory;
mod observe;
mod operation;
mod operation_kind;
mod order;
mod page;
mod prepare;
mod provider;
mod query;
mod reply;
pub mod session;
#[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
pub mod socket;
pub mod stream;
mod swar;
mod text;
mod transport;
#[cfg(all(feature = "pinned", not(target_arch = "wasm32")))]
mod transport_pinned;
#[cfg(all(feature = "reqwest", not(target_arch = "wasm32")))]
mod transport_reqwest;
mod venue;
#[cfg(all(any(feature = "pinned", feature = "websocket"), not(target_arch = "wasm32")))]
mod wire;

pub use book::{Applied, BookLoss, BookRule, OrderBook};
pub use capabilities::{Capabilities, Cost};
pub use client::{Client, ClientConfig, Outcome, Patience, Resolution, Unknown};
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
pub use clock::{Clock, Timestamp};
pub use cursor::{Cursor, Members};
pub use decimal::{DecimalError, average_price, exact_product, parse_decimal, write_decimal};
pub use error::{
    EncodeError, Error, Malformed, NotSent, Refused, RejectReason, Rejection, Throttle,
    ThrottleKind, UnknownCause, VenueError,
};
pub use exchange::Exchange;
pub use frame::{FrameReply, OrderEntry};
pub use hoox_signer::{Credentials, Method, Request, RequestBuf};
pub use instrument::{
    Filter, FilterError, Instrument, InstrumentStatus, Instruments, LotRule, NotionalRule,
    PercentPriceRule,
};
pub use limiter::{
    Counted, CountedBy, Limiter, Moment, NoRoom, Permit, RateRule, SharedLimits, Span, Taken,
};
pub use memory::MemoryTransport;
pub use operation::{Amendment, Asked, Operation, OrderClass, OrderRef};
pub use operation_kind::{OperationKind, OperationSet};
pub use order::{
    Attached, MarginMode, NewOrder, OrderKind, PositionMode, PositionSide, Side, Size, TimeInForce,
    Trigger, TriggerKind,
};
pub use page::Page;
pub use prepare::{PreparedOrder, PriceRounding};
pub use provider::{ExchangeProvider, Headers};
pub use query::write_encoded;
pub use reply::{
    Accepted, Balance, BookTop, Change, Fee, Fill, FundingRate, OrderReport, OrderStatus, Position,
    RateUsage, Reply, Ticker,
};
pub use rust_decimal::Decimal;
pub use stream::{Channel, Event, Frame, KeepAlive, Socket, StreamError, StreamProvider, Topic};
pub use text::{Asset, ClientOrderId, OrderId, Symbol, TextError};
pub use transport::{Response, Transport, TransportError};
#[cfg(all(feature = "pinned", not(target_arch = "wasm32")))]
pub use transport_pinned::PinnedTransport;
#[cfg(all(feature = "reqwest", not(target_arch = "wasm32")))]
pub use transport_reqwest::ReqwestTransport;
pub use venue::{Market, UnknownName, Venue};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
