//! The request limits (spot rest-api.md, "IP limits" and "Unfilled order count"; linear "General
//! Info"). What `exchangeInfo` says replaces the figures.

use core::time::Duration;

use hoox_connector::{Counted, CountedBy, Market, RateRule, Span};

pub(crate) fn rate_rules(market: Market) -> Vec<RateRule> {
    let weight = |limit| rule(Counted::Weight, CountedBy::Address, 60, limit);
    let orders = |seconds, limit| rule(Counted::Orders, CountedBy::Account, seconds, limit);
    match market {
        Market::Spot => vec![
            weight(6_000),
            rule(Counted::Requests, CountedBy::Address, 300, 61_000),
            orders(10, 50),
            orders(86_400, 160_000),
        ],
        _ => vec![weight(2_400), orders(10, 300), orders(60, 1_200)],
    }
}

/// Windows are fixed, by the calendar.
fn rule(counted: Counted, by: CountedBy, seconds: u64, limit: u32) -> RateRule {
    RateRule::new(counted, by, Span::Calendar, Duration::from_secs(seconds), limit)
}
