//! From a trading signal to exactly one order.
//!
//! In scope: what a signal may say and who may send it ([`RawSignal`], [`Signal`], [`Passkey`],
//! [`AllowList`], [`admit`]), where it goes and what it comes to ([`choose`], [`entry_leg`],
//! [`closing_legs`], [`size_from_usdt`]), the life of the order ([`lifecycle`]), and the [`Router`]
//! that carries it all out over four ports: [`SignalStore`], [`ConfigStore`], [`Exchanges`] and
//! [`Clock`](hoox_connector::Clock). Out of scope: sockets, files, databases, environment variables,
//! and every exchange's wire format.
//!
//! What it promises: an order is sent only when its intent is durable; sent again only when the
//! exchange certainly has none; and reported as refused only when there certainly is none.
//!
//! ```
//! use hoox_router::{RawSignal, Action};
//!
//! let body = br#"{"apiKey":"secret","exchange":"binance","action":"buy",
//!                 "symbol":"BINANCE:BTCUSDT.P","quantity":0.001}"#;
//! let signal = RawSignal::parse(body)?.validate().unwrap();
//! assert_eq!((signal.action, signal.symbol.as_str()), (Action::Long, "BTCUSDT"));
//! # Ok::<(), hoox_router::ParseError>(())
//! ```

mod action;
mod address;
mod answer;
mod archive;
mod as_number;
mod as_text;
mod cached_config;
mod calendar;
mod carry;
mod check;
mod close_all;
mod config;
mod config_key;
mod config_value;
mod consume;
mod desk;
mod desks;
mod drive;
mod equity;
mod error_code;
mod gate;
mod growth;
mod health;
mod holdings;
mod intent;
mod key;
pub mod lifecycle;
mod memory_queue;
mod memory_store;
mod passkey;
mod plan;
mod queue;
mod rate;
mod raw_signal;
mod record;
mod redact;
mod refusal;
mod request_id;
mod route;
mod router;
mod shared_read;
mod short_text;
mod signal;
mod sizing;
mod steady_clock;
mod store;
mod symbol;
mod trace;

pub use action::{Action, ActionError, Leg, closing_legs, entry_leg};
pub use address::{AllowList, TRADINGVIEW_ADDRESSES};
pub use answer::{Answer, SECURITY_HEADERS, WithoutFee};
pub use archive::{
    Archive, ArchiveUnavailable, Dossier, Exchanged, archive, is_watched, saw, send_watched,
    watched,
};
pub use cached_config::{CachedConfig, MemoryConfig};
pub use calendar::{iso_8601, utc_date};
pub use close_all::{CloseAll, Closed};
pub use config::{ConfigSnapshot, ConfigStore, ConfigUnavailable, ConfigWarning, QueueMode};
pub use config_key::{ConfigKey, ConfigKind, InvalidValue};
pub use desk::{Desk, DeskSettings, OrderPath, RestOnly};
pub use desks::{Desks, Exchanges};
pub use drive::RecoverySummary;
pub use equity::{Drawdown, Equities, Equity};
pub use error_code::{ErrorCode, Failure, Violation};
pub use gate::{Gate, Screened, Turned};
pub use health::VenueHealth;
pub use holdings::{PositionChange, PositionFill, apply_fill, holdings};
/// The port to one account; it lives with the venues, which implement it.
pub use hoox_connector::Exchange;
pub use intent::{Intent, WrittenOrder};
pub use key::{IdempotencyKey, client_order_id};
pub use lifecycle::{Durability, State};
pub use memory_queue::MemoryQueue;
pub use memory_store::MemoryStore;
pub use passkey::{CallerId, Passkey};
pub use queue::{
    CONSUMER_BATCH, CONSUMER_CONCURRENCY, DeadLetter, Delivery, HALTED_RETRY, InvalidMessage,
    NoQueue, Queue, QueueMessage, QueueUnavailable, RETENTION, RETRY_SCHEDULE, Verdict,
};
pub use rate::{Admission, MemoryRate, RateWindow, admit};
pub use raw_signal::{BODY_MAX, ParseError, RawSignal};
pub use record::{Earlier, Execution, ExecutionStatus, Queued, Record};
pub use refusal::Refusal;
pub use request_id::{InvalidRequestId, RequestId};
pub use route::{Choice, ChoiceReason, PassedOver, RouteError, Why, choose};
pub use router::{FlipGuard, Router, Settings};
pub use short_text::ShortText;
pub use signal::{OrderType, QuantityUnit, Signal, SignalSource};
pub use sizing::{SizingError, check_cap, percent_of, size_from_usdt};
pub use steady_clock::SteadyClock;
pub use store::{
    HeldPosition, Holding, LogEntry, LogLevel, RefusedSignal, Reservation, SignalStore,
    StoreUnavailable,
};
pub use symbol::{SymbolError, normalize_symbol};
pub use trace::{Step, Trace};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
