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
mod mexc;
#[cfg(feature = "server")]
mod server;
mod venue;

pub use config::{
    ApiKey, BybitConfig, BybitLimits, Config, Fees, KeySecret, Limits, MexcConfig, MexcLimits,
    PriceModel,
};
pub use control::{AccountState, BalanceState, Counters, OrderState, PositionState, State};
pub use engine::{Market, OrderKind, PositionSide, Side, Status, TimeInForce, TradingStatus};
pub use exchange::{CONTROL_PREFIX, Exchange};
pub use fault::{Fault, FaultKind};
pub use http::{Handled, HttpRequest, HttpResponse, MAX_BODY};
#[cfg(feature = "server")]
pub use server::{Endpoint, Running, Server};
pub use venue::Venue;
