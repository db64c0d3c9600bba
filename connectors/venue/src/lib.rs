#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod binance;
mod config;
mod control;
mod engine;
mod exchange;
mod fault;
mod http;
#[cfg(feature = "server")]
mod server;

pub use config::{ApiKey, Config, Fees, KeySecret, Limits, PriceModel};
pub use control::{AccountState, BalanceState, Counters, OrderState, PositionState, State};
pub use engine::{Market, OrderKind, PositionSide, Side, Status, TimeInForce, TradingStatus};
pub use exchange::{BINANCE_PREFIX, CONTROL_PREFIX, Exchange};
pub use fault::{Fault, FaultKind};
pub use http::{Handled, HttpRequest, HttpResponse, MAX_BODY};
#[cfg(feature = "server")]
pub use server::{Endpoint, Running, Server};
