//! probe
mod config;
mod engine;
pub use config::{ApiKey, Config, Fees, KeySecret, Limits, PriceModel};
pub use engine::{Market, OrderKind, PositionSide, Side, Status, TimeInForce, TradingStatus};
