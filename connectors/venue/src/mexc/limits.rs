//! Request limits. Source: protocol sheet for MEXC, section 10: spot 500 weight per 10 s, endpoint
//! and IP, then 429 and at last 418; futures 20 requests per 2 s and endpoint.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::config::MexcLimits;

const SPOT_WINDOW_MS: u64 = 10_000;
const LONGEST_BAN_MS: u64 = 3 * 86_400_000;
/// Addresses and endpoints remembered; all are forgotten beyond it.
const MAX_ENTRIES: usize = 50_000;

/// Why a spot request is not let in, with the seconds to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    TooMany(u64),
    Banned(u64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: u64,
    count: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Conduct {
    strikes: u32,
    bans: u32,
    banned_until_ms: u64,
}

#[derive(Debug)]
pub(super) struct Limiter {
    limits: MexcLimits,
    spot: HashMap<(IpAddr, &'static str), Window>,
    futures: HashMap<(IpAddr, &'static str), Window>,
    conduct: HashMap<IpAddr, Conduct>,
}

impl Limiter {
    pub(super) fn new(limits: MexcLimits) -> Self {
        Self { limits, spot: HashMap::new(), futures: HashMap::new(), conduct: HashMap::new() }
    }

    /// Charges a spot request.
    pub(super) fn spot(
        &mut self,
        ip: IpAddr,
        path: &'static str,
        weight: u64,
        now_ms: u64,
    ) -> Result<(), Refused> {
        if self.spot.len() + self.conduct.len() > MAX_ENTRIES {
            self.spot.clear();
            self.conduct.clear();
        }
        let conduct = self.conduct.entry(ip).or_default();
        if now_ms < conduct.banned_until_ms {
            return Err(Refused::Banned((conduct.banned_until_ms - now_ms).div_ceil(1_000)));
        }
        let window = self.spot.entry((ip, path)).or_default();
        if window.roll(now_ms / SPOT_WINDOW_MS) {
            conduct.strikes = 0;
        }
        window.count += weight;
        if window.count <= self.limits.spot_weight_10s {
            return Ok(());
        }
        conduct.strikes += 1;
        if conduct.strikes <= self.limits.strikes_before_ban {
            let left = SPOT_WINDOW_MS - now_ms % SPOT_WINDOW_MS;
            return Err(Refused::TooMany(left.div_ceil(1_000)));
        }
        let length = self.limits.first_ban_ms.saturating_mul(1 << conduct.bans.min(20));
        conduct.bans += 1;
        conduct.banned_until_ms = now_ms + length.min(LONGEST_BAN_MS);
        Err(Refused::Banned((conduct.banned_until_ms - now_ms).div_ceil(1_000)))
    }

    /// Whether one more futures request to an endpoint is let in; the contract list counts in
    /// windows of 5 s, everything else in windows of 2 s, where batches have fewer.
    pub(super) fn futures(&mut self, ip: IpAddr, path: &'static str, now_ms: u64) -> bool {
        if self.futures.len() > MAX_ENTRIES {
            self.futures.clear();
        }
        let (limit, length) = match path {
            super::futures::market::DETAIL => (self.limits.futures_detail_5s, 5_000),
            super::futures::order::BATCH => (self.limits.futures_batches_2s, 2_000),
            _ => (self.limits.futures_requests_2s, 2_000),
        };
        let window = self.futures.entry((ip, path)).or_default();
        window.roll(now_ms / length);
        window.count += 1;
        window.count <= limit
    }
}

impl Window {
    fn roll(&mut self, number: u64) -> bool {
        let new = number != self.number;
        if new {
            *self = Self { number, count: 0 };
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn spot_weight_is_counted_per_endpoint_and_persistence_is_punished() {
        let limits =
            MexcLimits { spot_weight_10s: 20, strikes_before_ban: 2, ..MexcLimits::default() };
        let mut l = Limiter::new(limits);
        assert_eq!(l.spot(IP, "a", 10, 10_000), Ok(()));
        assert_eq!(l.spot(IP, "a", 10, 10_000), Ok(()));
        assert_eq!(l.spot(IP, "b", 10, 10_000), Ok(()), "an endpoint of its own");
        assert_eq!(l.spot(IP, "a", 1, 13_000), Err(Refused::TooMany(7)));
        assert_eq!(l.spot(IP, "a", 1, 13_000), Err(Refused::TooMany(7)));
        assert_eq!(l.spot(IP, "a", 1, 13_000), Err(Refused::Banned(120)));
        assert_eq!(l.spot(IP, "b", 1, 132_999), Err(Refused::Banned(1)));
        assert_eq!(l.spot(IP, "b", 1, 133_000), Ok(()));
    }

    #[test]
    fn futures_count_requests_per_endpoint_and_two_seconds() {
        let mut l = Limiter::new(MexcLimits::default());
        for _ in 0..20 {
            assert!(l.futures(IP, "a", 2_000));
        }
        assert!(!l.futures(IP, "a", 3_999));
        assert!(l.futures(IP, "b", 3_999));
        assert!(l.futures(IP, "a", 4_000));
    }
}
