#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod binance;
mod bybit;
mod config;
mod control;
mod engine;
mod exchange;
mod fault;
mod http;
mod keyring;
mod latency;
mod mexc;
mod replay;
#[cfg(feature = "server")]
mod server;
mod venue;
mod ws;

pub use config::{
    ApiKey, BybitConfig, BybitLimits, Config, Fees, KeySecret, Limits, MexcConfig, MexcLimits,
    PriceModel, SocketLimits,
};
pub use control::{AccountState, BalanceState, Counters, OrderState, PositionState, State};
pub use engine::{
    Market, OrderKind, PositionSide, Rules, Side, Status, TimeInForce, TradingStatus,
};
pub use exchange::{CONTROL_PREFIX, Exchange, SessionFault};
pub use fault::{BadFaultPlan, Fault, FaultKind, FaultPlan};
pub use http::{Handled, HttpRequest, HttpResponse, MAX_BODY};
pub use latency::{BadLatency, Latency};
pub use replay::{BadReplay, MAX_REPLAY_ROWS, Replay};
#[cfg(feature = "server")]
pub use server::{Endpoint, Running, Server};
pub use venue::Venue;
pub use ws::{Frame, MAX_MESSAGE, Message, SessionId};
