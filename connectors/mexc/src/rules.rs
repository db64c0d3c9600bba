//! The request limits (spot, "Limits" and the weight of each endpoint; futures, the rate limit of each
//! endpoint). MEXC does not say how its windows begin, so every stretch of their length counts.

use core::time::Duration;

use hoox_connector::{
    Counted, CountedBy, Market, OperationKind as Kind, OperationSet, RateRule, Span,
};

pub(crate) fn rate_rules(market: Market) -> Vec<RateRule> {
    match market {
        Market::Spot => spot(),
        _ => futures(),
    }
}

/// Each endpoint its own weight per address; orders also weigh per account. Account and batch take
/// two requests in a second.
fn spot() -> Vec<RateRule> {
    // The documentation has 500, newer pages are said to have 300.
    let weight = |by, kinds: &[Kind]| rule(Counted::Weight, by, kinds, 10_000, 300);
    let shared: &[&[Kind]] = &[
        &[Kind::OrderById, Kind::OrderByClientId],
        &[Kind::CreateListenKey, Kind::ExtendListenKey, Kind::CloseListenKey],
    ];
    let alone = Kind::ALL.iter().filter(|kind| shared.iter().all(|kinds| !kinds.contains(kind)));
    let mut rules: Vec<RateRule> = alone.map(|kind| weight(CountedBy::Address, &[*kind])).collect();
    rules.extend(shared.iter().map(|kinds| weight(CountedBy::Address, kinds)));
    rules.push(weight(CountedBy::Account, &[Kind::Place]));
    rules.push(weight(CountedBy::Account, &[Kind::PlaceBatch]));
    rules.push(rule(Counted::Requests, CountedBy::Account, &[Kind::Balances], 1_000, 2));
    rules.push(rule(Counted::Requests, CountedBy::Account, &[Kind::PlaceBatch], 1_000, 2));
    rules
}

/// 20 requests in 2 seconds for each endpoint, but for the list of contracts and for batches.
/// UNVERIFIED whether per address or per account: so per address, which holds for both.
fn futures() -> Vec<RateRule> {
    let limit = |kind: &Kind| match kind {
        Kind::Instruments => (5_000, 1),
        Kind::PlaceBatch => (2_000, 1),
        _ => (2_000, 20),
    };
    let rule = |kind: &Kind| {
        let (millis, limit) = limit(kind);
        rule(Counted::Requests, CountedBy::Address, &[*kind], millis, limit)
    };
    Kind::ALL.iter().map(rule).collect()
}

fn rule(counted: Counted, by: CountedBy, kinds: &[Kind], millis: u64, limit: u32) -> RateRule {
    RateRule::new(counted, by, Span::Rolling, Duration::from_millis(millis), limit)
        .of(OperationSet::of(kinds))
}
