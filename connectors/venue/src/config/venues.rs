//! What only the fronts of Bybit and MEXC have.

use rust_decimal::Decimal;

use super::{ApiKey, Fees};

/// What distinguishes the Bybit front. Its unified account opens with the spot balances, and the
/// futures balance on top of the spot USDT.
#[derive(Clone, Debug)]
pub struct BybitConfig {
    /// API keys to register, HMAC only. When empty, one with all permissions for account 0 is
    /// generated from the seed.
    pub keys: Vec<ApiKey>,
    /// Commission rates.
    pub fees: Fees,
    /// Rate limits, per IP and per user.
    pub limits: BybitLimits,
    /// Milliseconds between the acknowledgement of an order and its appearance in order and
    /// execution queries.
    pub visibility_ms: u64,
}

impl Default for BybitConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            fees: Fees { linear_taker: Decimal::new(55, 5), ..Fees::default() },
            limits: BybitLimits::default(),
            visibility_ms: 20,
        }
    }
}

/// Bybit's rate limits. The defaults are the real venue's (protocol sheet, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BybitLimits {
    /// Requests per 5 seconds and IP.
    pub ip_requests_5s: u64,
    /// How long an IP that exceeds its limit is answered with 403, in milliseconds.
    pub ip_ban_ms: u64,
    /// Spot: placements, and cancels, per second and user.
    pub spot_orders_1s: u64,
    /// Linear: placements, and cancels, per second and user.
    pub linear_orders_1s: u64,
    /// Amendments per second and user.
    pub amends_1s: u64,
    /// Requests to each query endpoint per second and user.
    pub queries_1s: u64,
    /// Leverage and position mode changes, each, per second and user.
    pub settings_1s: u64,
    /// Margin mode changes per second and user.
    pub margin_mode_1s: u64,
    /// New WebSocket connections per 5 minutes and IP.
    pub connections_5m: u64,
    /// Order entry messages per second and IP.
    pub frames_1s: u64,
}

impl BybitLimits {
    /// Limits no client reaches: for load tests.
    #[must_use]
    pub fn unlimited() -> Self {
        const MANY: u64 = 1_000_000_000_000;
        Self {
            ip_requests_5s: MANY,
            ip_ban_ms: 0,
            spot_orders_1s: MANY,
            linear_orders_1s: MANY,
            amends_1s: MANY,
            queries_1s: MANY,
            settings_1s: MANY,
            margin_mode_1s: MANY,
            connections_5m: MANY,
            frames_1s: MANY,
        }
    }
}

impl Default for BybitLimits {
    fn default() -> Self {
        Self {
            ip_requests_5s: 600,
            ip_ban_ms: 600_000,
            spot_orders_1s: 20,
            linear_orders_1s: 10,
            amends_1s: 10,
            queries_1s: 50,
            settings_1s: 10,
            margin_mode_1s: 5,
            connections_5m: 500,
            frames_1s: 3_000,
        }
    }
}

/// What distinguishes the MEXC front.
#[derive(Clone, Debug)]
pub struct MexcConfig {
    /// API keys to register, HMAC only; each is valid on spot and futures. When empty, one with
    /// all permissions for account 0 is generated from the seed.
    pub keys: Vec<ApiKey>,
    /// Commission rates.
    pub fees: Fees,
    /// Rate limits.
    pub limits: MexcLimits,
}

impl Default for MexcConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            fees: Fees {
                spot_maker: Decimal::ZERO,
                spot_taker: Decimal::new(5, 4),
                linear_maker: Decimal::ZERO,
                linear_taker: Decimal::new(2, 4),
            },
            limits: MexcLimits::default(),
        }
    }
}

/// MEXC's rate limits. The defaults are the real venue's (protocol sheet, section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MexcLimits {
    /// Spot request weight per 10 seconds, endpoint and IP.
    pub spot_weight_10s: u64,
    /// Futures requests per 2 seconds, endpoint and IP.
    pub futures_requests_2s: u64,
    /// Requests for the futures contract list per 5 seconds and IP.
    pub futures_detail_5s: u64,
    /// Futures requests that place several orders, per 2 seconds and IP.
    pub futures_batches_2s: u64,
    /// Spot requests answered with 429 in one window before the IP is banned with 418.
    pub strikes_before_ban: u32,
    /// Length of a first ban in milliseconds; each further one doubles, up to three days.
    pub first_ban_ms: u64,
}

impl MexcLimits {
    /// Limits no client reaches: for load tests.
    #[must_use]
    pub fn unlimited() -> Self {
        const MANY: u64 = 1_000_000_000_000;
        Self {
            spot_weight_10s: MANY,
            futures_requests_2s: MANY,
            futures_detail_5s: MANY,
            futures_batches_2s: MANY,
            ..Self::default()
        }
    }
}

impl Default for MexcLimits {
    fn default() -> Self {
        Self {
            spot_weight_10s: 500,
            futures_requests_2s: 20,
            futures_detail_5s: 1,
            futures_batches_2s: 1,
            strikes_before_ban: 10,
            first_ban_ms: 120_000,
        }
    }
}
