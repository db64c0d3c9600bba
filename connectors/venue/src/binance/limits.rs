//! Request weight per IP, order counters per account, refusals and bans.
//!
//! Source: protocol sheet for Binance, section 9: fixed calendar windows, 429 when exceeded, 418
//! bans of two minutes up to three days for those who ignore it.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::errors::ApiError;
use crate::config::Limits;
use crate::engine::Market;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const TEN_SECONDS_MS: u64 = 10_000;
const RAW_WINDOW_MS: u64 = 300_000;
const LONGEST_BAN_MS: u64 = 3 * DAY_MS;
/// Addresses remembered per market; the idle ones are dropped beyond it.
const MAX_PEERS: usize = 10_000;

/// Attempts to connect per window and IP, on all hosts together.
const MAX_ATTEMPTS: u64 = 300;

/// Counts in one fixed calendar window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: u64,
    count: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    weight: Window,
    raw: Window,
    /// Refusals in the current minute.
    strikes: u32,
    bans: u32,
    banned_until_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    short: Window,
    long: Window,
}

/// The counters of one venue.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: Limits,
    peers: HashMap<(Market, IpAddr), Peer>,
    orders: HashMap<(Market, usize), Orders>,
    /// Attempts to open a WebSocket.
    attempts: HashMap<IpAddr, Window>,
}

/// Orders counted in the two windows of a market: 10 s, and 1 min (linear) or 1 day (spot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderCounts {
    pub(super) short: u64,
    pub(super) long: u64,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, peers: HashMap::new(), orders: HashMap::new(), attempts: HashMap::new() }
    }

    /// Counts an attempt to open a WebSocket; false for one too many in five minutes.
    pub(super) fn may_connect(&mut self, ip: IpAddr, now_ms: u64) -> bool {
        if self.attempts.len() >= MAX_PEERS {
            self.attempts.clear();
        }
        let attempts = self.attempts.entry(ip).or_default();
        attempts.roll(now_ms, RAW_WINDOW_MS);
        attempts.count += 1;
        attempts.count <= MAX_ATTEMPTS
    }

    /// Usage as WebSocket answers show it.
    pub(super) fn shown(&self, market: Market, used: u64, counts: Option<&OrderCounts>) -> Value {
        let l = &self.limits;
        let row = |kind: &str, interval: &str, number: u32, limit: u64, count: u64| {
            json!({
                "rateLimitType": kind, "interval": interval, "intervalNum": number,
                "limit": limit, "count": count,
            })
        };
        let (weight, short, long, interval) = match market {
            Market::Spot => (l.spot_weight_1m, l.spot_orders_10s, l.spot_orders_1d, "DAY"),
            Market::Linear => {
                (l.linear_weight_1m, l.linear_orders_10s, l.linear_orders_1m, "MINUTE")
            }
        };
        let mut rows = Vec::with_capacity(3);
        if let Some(counts) = counts {
            rows.push(row("ORDERS", "SECOND", 10, short, counts.short));
            rows.push(row("ORDERS", interval, 1, long, counts.long));
        }
        rows.push(row("REQUEST_WEIGHT", "MINUTE", 1, weight, used));
        Value::Array(rows)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Charges a request to its IP. Returns the weight used in this minute and, when the request
    /// must be refused, the refusal.
    pub(super) fn admit(
        &mut self,
        market: Market,
        ip: IpAddr,
        now_ms: u64,
        weight: u64,
    ) -> (u64, Result<(), ApiError>) {
        self.drop_idle(now_ms);
        let limits = self.limits;
        let limit = match market {
            Market::Spot => limits.spot_weight_1m,
            Market::Linear => limits.linear_weight_1m,
        };
        let peer = self.peers.entry((market, ip)).or_default();
        if now_ms < peer.banned_until_ms {
            let left = (peer.banned_until_ms - now_ms).div_ceil(1_000);
            return (peer.weight.count, Err(ApiError::banned(peer.banned_until_ms, left)));
        }
        if peer.weight.roll(now_ms, MINUTE_MS) {
            peer.strikes = 0;
        }
        peer.raw.roll(now_ms, RAW_WINDOW_MS);
        peer.raw.count += 1;
        peer.weight.count += weight;
        let too_heavy = peer.weight.count > limit;
        let too_many = market == Market::Spot && peer.raw.count > limits.spot_raw_5m;
        if !too_heavy && !too_many {
            return (peer.weight.count, Ok(()));
        }
        peer.strikes += 1;
        let refusal = if peer.strikes > limits.strikes_before_ban {
            let length = limits.first_ban_ms.saturating_mul(1_u64 << peer.bans.min(20));
            peer.bans += 1;
            peer.banned_until_ms = now_ms + length.min(LONGEST_BAN_MS);
            let left = (peer.banned_until_ms - now_ms).div_ceil(1_000);
            ApiError::banned(peer.banned_until_ms, left)
        } else {
            let window = if too_heavy { MINUTE_MS } else { RAW_WINDOW_MS };
            ApiError::too_much_weight(limit, seconds_left(now_ms, window))
        };
        (peer.weight.count, Err(refusal))
    }

    /// Whether the account may send another order now.
    pub(super) fn may_order(
        &mut self,
        market: Market,
        account: usize,
        now_ms: u64,
    ) -> Result<(), ApiError> {
        let (short_limit, long_limit, long_ms, long_name) = self.order_limits(market);
        let orders = self.rolled(market, account, now_ms);
        if orders.short.count >= short_limit {
            let wait = seconds_left(now_ms, TEN_SECONDS_MS);
            return Err(ApiError::too_many_orders(short_limit, "10 SECOND", wait));
        }
        if orders.long.count >= long_limit {
            let wait = seconds_left(now_ms, long_ms);
            return Err(ApiError::too_many_orders(long_limit, long_name, wait));
        }
        Ok(())
    }

    /// Counts what an accepted request adds to the two counters.
    pub(super) fn ordered(
        &mut self,
        market: Market,
        account: usize,
        now_ms: u64,
        (short, long): (u64, u64),
    ) -> OrderCounts {
        let orders = self.rolled(market, account, now_ms);
        orders.short.count += short;
        orders.long.count += long;
        OrderCounts { short: orders.short.count, long: orders.long.count }
    }

    /// Spot orders that have filled no longer count.
    pub(super) fn filled(&mut self, account: usize, orders: u64) {
        let counts = self.orders.entry((Market::Spot, account)).or_default();
        counts.short.count = counts.short.count.saturating_sub(orders);
        counts.long.count = counts.long.count.saturating_sub(orders);
    }

    pub(super) fn counts(&mut self, market: Market, account: usize, now_ms: u64) -> OrderCounts {
        let orders = self.rolled(market, account, now_ms);
        OrderCounts { short: orders.short.count, long: orders.long.count }
    }

    fn order_limits(&self, market: Market) -> (u64, u64, u64, &'static str) {
        let l = &self.limits;
        match market {
            Market::Spot => (l.spot_orders_10s, l.spot_orders_1d, DAY_MS, "1 DAY"),
            Market::Linear => (l.linear_orders_10s, l.linear_orders_1m, MINUTE_MS, "1 MINUTE"),
        }
    }

    fn rolled(&mut self, market: Market, account: usize, now_ms: u64) -> &mut Orders {
        let long_ms = self.order_limits(market).2;
        let orders = self.orders.entry((market, account)).or_default();
        orders.short.roll(now_ms, TEN_SECONDS_MS);
        orders.long.roll(now_ms, long_ms);
        orders
    }

    fn drop_idle(&mut self, now_ms: u64) {
        if self.peers.len() < MAX_PEERS {
            return;
        }
        let minute = now_ms / MINUTE_MS;
        self.peers.retain(|_, p| p.weight.number >= minute || p.banned_until_ms > now_ms);
        if self.peers.len() >= MAX_PEERS {
            // More live addresses than anything simulated has: start over rather than grow.
            self.peers.clear();
        }
    }
}

impl Window {
    /// Starts a new window when `now_ms` lies in another one; true if it did.
    fn roll(&mut self, now_ms: u64, length_ms: u64) -> bool {
        let number = now_ms / length_ms;
        if number == self.number {
            return false;
        }
        *self = Self { number, count: 0 };
        true
    }
}

fn seconds_left(now_ms: u64, window_ms: u64) -> u64 {
    (window_ms - now_ms % window_ms).div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// The start of a minute, and of a day.
    const T0: u64 = 19_675 * DAY_MS;

    fn limiter() -> Limiter {
        Limiter::new(Limits {
            linear_weight_1m: 10,
            strikes_before_ban: 2,
            linear_orders_10s: 2,
            linear_orders_1m: 3,
            ..Limits::default()
        })
    }

    fn admit(l: &mut Limiter, at: u64, weight: u64) -> Result<u64, (u16, Option<u64>)> {
        let (used, result) = l.admit(Market::Linear, IP, at, weight);
        result.map(|()| used).map_err(|e| (e.status, e.retry_after_s))
    }

    #[test]
    fn windows_are_calendar_minutes() {
        let mut l = limiter();
        assert_eq!(admit(&mut l, T0 + 59_000, 10), Ok(10));
        assert_eq!(admit(&mut l, T0 + 59_001, 1), Err((429, Some(1))));
        assert_eq!(admit(&mut l, T0 + 60_000, 10), Ok(10), "one second later, a new minute");
        assert_eq!(l.admit(Market::Spot, IP, T0, 1).0, 1, "markets count apart");
    }

    #[test]
    fn ignoring_refusals_bans_and_bans_grow_to_three_days() {
        let mut l = limiter();
        let mut at = T0;
        let mut expected = 120_u64;
        for _ in 0..14 {
            assert_eq!(admit(&mut l, at, 10), Ok(10));
            assert_eq!(admit(&mut l, at, 1), Err((429, Some(60))));
            assert_eq!(admit(&mut l, at, 1), Err((429, Some(60))));
            let expect = expected.min(LONGEST_BAN_MS / 1_000);
            assert_eq!(admit(&mut l, at, 1), Err((418, Some(expect))));
            assert_eq!(admit(&mut l, at + 1_000, 1), Err((418, Some(expect - 1))));
            at += expect * 1_000;
            expected *= 2;
        }
    }

    #[test]
    fn order_counters_refuse_by_account_and_window() {
        let mut l = limiter();
        for n in 1..=2 {
            assert_eq!(l.may_order(Market::Linear, 0, T0), Ok(()));
            assert_eq!(l.ordered(Market::Linear, 0, T0, (1, 1)), OrderCounts { short: n, long: n });
        }
        let refused = l.may_order(Market::Linear, 0, T0 + 4_000).expect_err("third in 10 s");
        assert_eq!((refused.status, refused.code, refused.retry_after_s), (429, -1015, Some(6)));
        assert_eq!(l.may_order(Market::Linear, 1, T0), Ok(()), "another account");
        assert_eq!(l.may_order(Market::Linear, 0, T0 + 10_000), Ok(()));
        l.ordered(Market::Linear, 0, T0 + 10_000, (1, 1));
        let refused = l.may_order(Market::Linear, 0, T0 + 20_000).expect_err("fourth in a minute");
        assert_eq!(refused.retry_after_s, Some(40));
    }

    #[test]
    fn filled_spot_orders_stop_counting() {
        let mut l = limiter();
        l.ordered(Market::Spot, 0, T0, (1, 1));
        l.ordered(Market::Spot, 0, T0, (1, 1));
        l.filled(0, 1);
        assert_eq!(l.counts(Market::Spot, 0, T0), OrderCounts { short: 1, long: 1 });
    }
}
