//! How a simulated exchange is set up.

mod venues;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;

use crate::engine::Market;
use crate::fault::{Fault, FaultPlan};
use crate::latency::Latency;
use crate::replay::Replay;
pub use venues::{BybitConfig, BybitLimits, MexcConfig, MexcLimits};

/// Everything that distinguishes one simulated exchange from another. Two exchanges with the same
/// configuration that get the same requests at the same times answer alike, byte for byte.
///
/// ```
/// use hoox_venue::{Config, Exchange};
///
/// let a = Exchange::new(Config { seed: 7, ..Config::default() });
/// let b = Exchange::new(Config { seed: 7, ..Config::default() });
/// assert_eq!(a.api_key(), b.api_key());
/// assert_eq!(a.api_key().len(), 64);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Source of prices, book sizes, generated ids and the default key.
    pub seed: u64,
    /// API keys to register. When empty, one HMAC key with all permissions for account 0 is
    /// generated from the seed.
    pub keys: Vec<ApiKey>,
    /// Number of accounts; each gets the same opening balances.
    pub accounts: usize,
    /// Opening spot balances per asset.
    pub spot_balances: BTreeMap<String, Decimal>,
    /// Opening futures wallet balance in USDT.
    pub linear_usdt: Decimal,
    /// Commission rates.
    pub fees: Fees,
    /// Rate limits, per IP and per account.
    pub limits: Limits,
    /// Whether prices move by themselves.
    pub prices: PriceModel,
    /// Funding rate of linear positions, paid every 8 hours by longs to shorts; 0 by default,
    /// which turns funding off.
    pub funding_rate: Decimal,
    /// Closed orders, trades and conditional orders remembered, each; at least 1,000.
    pub history_limit: usize,
    /// Faults drawn by chance; none by default.
    pub faults: Option<FaultPlan>,
    /// Faults that wait for their requests and events from the start. Clock skew and maintenance,
    /// which take effect when queued, begin at once.
    pub script: Vec<Fault>,
    /// How long every answer takes on the wire; no time by default.
    pub latency: Latency,
    /// How WebSocket connections are kept alive and bounded.
    pub sockets: SocketLimits,
    /// What only the Bybit front has. Seed, accounts, opening balances and prices are shared with
    /// the other venues; `keys`, `fees` and `limits` above are Binance's.
    pub bybit: BybitConfig,
    /// What only the MEXC front has.
    pub mexc: MexcConfig,
}

impl Default for Config {
    fn default() -> Self {
        let spot = [
            ("USDT", 1_000_000),
            ("BTC", 10),
            ("ETH", 100),
            ("SOL", 1_000),
            ("BNB", 100),
            ("XRP", 100_000),
            ("ADA", 100_000),
            ("DOGE", 1_000_000),
            ("AVAX", 1_000),
            ("LINK", 1_000),
            ("LTC", 100),
            ("SHIB", 100_000_000),
            ("PEPE", 100_000_000),
        ];
        Self {
            seed: 1,
            keys: Vec::new(),
            accounts: 1,
            spot_balances: spot
                .iter()
                .map(|(asset, amount)| ((*asset).to_owned(), Decimal::from(*amount)))
                .collect(),
            linear_usdt: Decimal::from(1_000_000),
            fees: Fees::default(),
            limits: Limits::default(),
            prices: PriceModel::Walk,
            funding_rate: Decimal::ZERO,
            history_limit: 1_000_000,
            faults: None,
            script: Vec::new(),
            latency: Latency::default(),
            sockets: SocketLimits::default(),
            bybit: BybitConfig::default(),
            mexc: MexcConfig::default(),
        }
    }
}

/// Whether prices move by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceModel {
    /// A seeded walk in ticks, one step per 100 ms.
    Walk,
    /// Every price stays at its start until it is set through the control functions.
    Still,
    /// Recorded prices, looked up once per 100 ms; what the recording does not name walks.
    Replay(Arc<Replay>),
}

/// Limits on WebSocket connections that hold on all venues. What the venues publish themselves is
/// in their fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketLimits {
    /// Open connections per venue; further ones are refused with HTTP 503.
    pub connections: usize,
    /// Whether the venues' limits on incoming messages and connection attempts are enforced; off
    /// for load tests.
    pub enforce_rates: bool,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self { connections: 4_096, enforce_rates: true }
    }
}

/// Commission rates as fractions: 0.001 is 0.1 %.
#[derive(Clone, Copy, Debug)]
pub struct Fees {
    /// Spot, resting side.
    pub spot_maker: Decimal,
    /// Spot, taking side.
    pub spot_taker: Decimal,
    /// Linear, resting side.
    pub linear_maker: Decimal,
    /// Linear, taking side.
    pub linear_taker: Decimal,
}

impl Fees {
    /// Maker and taker rate of a market.
    pub(crate) fn of(&self, market: Market) -> (Decimal, Decimal) {
        match market {
            Market::Spot => (self.spot_maker, self.spot_taker),
            Market::Linear => (self.linear_maker, self.linear_taker),
        }
    }
}

impl Default for Fees {
    fn default() -> Self {
        Self {
            spot_maker: Decimal::new(1, 3),
            spot_taker: Decimal::new(1, 3),
            linear_maker: Decimal::new(2, 4),
            linear_taker: Decimal::new(5, 4),
        }
    }
}

/// Rate limits. The defaults are the real venue's (protocol sheet, section 9); exchange info
/// reports whatever is set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Spot request weight per minute and IP.
    pub spot_weight_1m: u64,
    /// Spot requests per 5 minutes and IP.
    pub spot_raw_5m: u64,
    /// Spot orders per 10 seconds and account.
    pub spot_orders_10s: u64,
    /// Spot orders per day and account.
    pub spot_orders_1d: u64,
    /// Linear request weight per minute and IP.
    pub linear_weight_1m: u64,
    /// Linear orders per 10 seconds and account.
    pub linear_orders_10s: u64,
    /// Linear orders per minute and account.
    pub linear_orders_1m: u64,
    /// Requests answered with 429 in one window before the IP is banned with 418.
    pub strikes_before_ban: u32,
    /// Length of a first ban in milliseconds; each further one doubles, up to three days.
    pub first_ban_ms: u64,
}

impl Limits {
    /// Limits no client reaches: for load tests.
    #[must_use]
    pub fn unlimited() -> Self {
        const MANY: u64 = 1_000_000_000_000;
        Self {
            spot_weight_1m: MANY,
            spot_raw_5m: MANY,
            spot_orders_10s: MANY,
            spot_orders_1d: MANY,
            linear_weight_1m: MANY,
            linear_orders_10s: MANY,
            linear_orders_1m: MANY,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spot_weight_1m: 6_000,
            spot_raw_5m: 61_000,
            spot_orders_10s: 100,
            spot_orders_1d: 200_000,
            linear_weight_1m: 2_400,
            linear_orders_10s: 300,
            linear_orders_1m: 1_200,
            strikes_before_ban: 10,
            first_ban_ms: 120_000,
        }
    }
}

/// A registered API key. `Debug` shows neither key nor secret.
#[derive(Clone)]
pub struct ApiKey {
    /// What the client sends as its key.
    pub key: String,
    /// What its signatures are checked with.
    pub secret: KeySecret,
    /// Index of the account the key belongs to.
    pub account: usize,
    /// Whether the key may place and cancel orders and change settings; without it such requests
    /// are refused as "permissions for action".
    pub trade: bool,
}

impl ApiKey {
    /// An HMAC-SHA256 key with all permissions for account 0.
    #[must_use]
    pub fn hmac(key: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { key: key.into(), secret: KeySecret::Hmac(secret.into()), account: 0, trade: true }
    }

    /// An Ed25519 key, given by its 32-byte public part, with all permissions for account 0.
    #[must_use]
    pub fn ed25519(key: impl Into<String>, public_key: [u8; 32]) -> Self {
        Self { key: key.into(), secret: KeySecret::Ed25519(public_key), account: 0, trade: true }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("account", &self.account)
            .field("trade", &self.trade)
            .finish_non_exhaustive()
    }
}

/// What signatures are checked with.
#[derive(Clone)]
#[non_exhaustive]
pub enum KeySecret {
    /// The shared secret of an HMAC-SHA256 key.
    Hmac(String),
    /// The public key of an Ed25519 pair.
    Ed25519([u8; 32]),
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac(..)",
            Self::Ed25519(_) => "Ed25519(..)",
        })
    }
}
