//! Requests per IP and per user.
//!
//! Source: protocol sheet for Bybit, section 9: 600 requests per 5 s and IP, then HTTP 403 for at
//! least ten minutes; per user a rolling second for each endpoint, reported in headers.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::config::BybitLimits;
use crate::engine::Market;

const IP_WINDOW_MS: u64 = 5_000;
const USER_WINDOW_MS: u64 = 1_000;
const CONNECT_WINDOW_MS: u64 = 300_000;
/// Addresses remembered; the idle ones are dropped beyond it.
const MAX_PEERS: usize = 10_000;

/// What an endpoint's requests are charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// The IP only.
    Ip,
    /// Placing and cancelling: more on spot than on linear.
    Orders,
    Amends,
    Queries,
    Settings,
    MarginMode,
}

/// What the `X-Bapi-Limit*` headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) limit: u64,
    pub(super) left: u64,
    pub(super) reset_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    window: u64,
    count: u64,
    banned_until_ms: u64,
}

#[derive(Debug)]
pub(super) struct Limiter {
    limits: BybitLimits,
    peers: HashMap<IpAddr, Peer>,
    users: HashMap<(usize, &'static str, Market), VecDeque<u64>>,
    /// WebSocket connections and order entry messages: per address, the window and its count.
    connects: HashMap<IpAddr, (u64, u64)>,
    frames: HashMap<IpAddr, (u64, u64)>,
}

impl Limiter {
    pub(super) fn new(limits: BybitLimits) -> Self {
        Self {
            limits,
            peers: HashMap::new(),
            users: HashMap::new(),
            connects: HashMap::new(),
            frames: HashMap::new(),
        }
    }

    /// Whether a WebSocket connection from this address is let in.
    pub(super) fn connect(&mut self, ip: IpAddr, now_ms: u64) -> bool {
        let max = self.limits.connections_5m;
        count(&mut self.connects, ip, now_ms / CONNECT_WINDOW_MS) <= max
    }

    /// Whether an order entry message from this address is let in.
    pub(super) fn frame(&mut self, ip: IpAddr, now_ms: u64) -> bool {
        count(&mut self.frames, ip, now_ms / 1_000) <= self.limits.frames_1s
    }

    /// Whether a request from this address is let in.
    pub(super) fn admit(&mut self, ip: IpAddr, now_ms: u64) -> bool {
        if self.peers.len() >= MAX_PEERS {
            self.peers
                .retain(|_, p| p.window >= now_ms / IP_WINDOW_MS || p.banned_until_ms > now_ms);
            if self.peers.len() >= MAX_PEERS {
                self.peers.clear();
            }
        }
        let peer = self.peers.entry(ip).or_default();
        if now_ms < peer.banned_until_ms {
            return false;
        }
        let window = now_ms / IP_WINDOW_MS;
        if window != peer.window {
            *peer = Peer { window, ..Peer::default() };
        }
        peer.count += 1;
        if peer.count > self.limits.ip_requests_5s {
            peer.banned_until_ms = now_ms.saturating_add(self.limits.ip_ban_ms);
            return false;
        }
        true
    }

    /// Charges `cost` to a user's budget for an endpoint: how much of it was granted, and what the
    /// headers report.
    pub(super) fn charge(
        &mut self,
        account: usize,
        (path, budget, market): (&'static str, Budget, Market),
        now_ms: u64,
        cost: u64,
    ) -> (u64, Option<Usage>) {
        let l = &self.limits;
        let limit = match (budget, market) {
            (Budget::Ip, _) => return (cost, None),
            (Budget::Orders, Market::Spot) => l.spot_orders_1s,
            (Budget::Orders, Market::Linear) => l.linear_orders_1s,
            (Budget::Amends, _) => l.amends_1s,
            (Budget::Queries, _) => l.queries_1s,
            (Budget::Settings, _) => l.settings_1s,
            (Budget::MarginMode, _) => l.margin_mode_1s,
        };
        let recent = self.users.entry((account, path, market)).or_default();
        while recent.front().is_some_and(|at| at + USER_WINDOW_MS <= now_ms) {
            recent.pop_front();
        }
        let used = u64::try_from(recent.len()).unwrap_or(u64::MAX);
        let granted = cost.min(limit.saturating_sub(used));
        recent.extend((0..granted).map(|_| now_ms));
        let left = limit.saturating_sub(used + granted);
        let reset_ms = match recent.front() {
            Some(oldest) if left == 0 => oldest + USER_WINDOW_MS,
            _ => now_ms,
        };
        (granted, Some(Usage { limit, left, reset_ms }))
    }
}

/// Counts one more in a window of an address.
fn count(windows: &mut HashMap<IpAddr, (u64, u64)>, ip: IpAddr, window: u64) -> u64 {
    if windows.len() >= MAX_PEERS {
        windows.retain(|_, (w, _)| *w >= window);
    }
    let (at, count) = windows.entry(ip).or_default();
    if *at != window {
        (*at, *count) = (window, 0);
    }
    *count += 1;
    *count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn the_second_of_a_user_rolls() {
        let mut l = Limiter::new(BybitLimits { linear_orders_1s: 3, ..BybitLimits::default() });
        let key = ("/v5/order/create", Budget::Orders, Market::Linear);
        let mut at = |ms| {
            let (granted, usage) = l.charge(0, key, ms, 1);
            let usage = usage.expect("a user budget");
            (granted, usage.left, usage.reset_ms)
        };
        assert_eq!(at(10_000), (1, 2, 10_000));
        assert_eq!(at(10_500), (1, 1, 10_500));
        assert_eq!(at(10_900), (1, 0, 11_000));
        assert_eq!(at(10_999), (0, 0, 11_000));
        assert_eq!(at(11_000), (1, 0, 11_500), "only the first has left the window");
    }

    #[test]
    fn an_address_over_its_limit_is_out_for_the_whole_ban() {
        let limits =
            BybitLimits { ip_requests_5s: 2, ip_ban_ms: 600_000, ..BybitLimits::default() };
        let mut l = Limiter::new(limits);
        assert!(l.admit(IP, 5_000) && l.admit(IP, 5_001));
        assert!(!l.admit(IP, 5_002));
        assert!(!l.admit(IP, 605_001));
        assert!(l.admit(IP, 605_002));
    }
}
