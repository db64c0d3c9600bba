//! The request limits (v5 rate-limit, and the page of each endpoint). What the headers say replaces
//! the figures.

use core::time::Duration;

use hoox_connector::{
    Counted, CountedBy, Market, OperationKind as Kind, OperationSet, RateRule, Span,
};

/// Per address 600 requests in 5 seconds; per account each endpoint its own, in every second. A
/// batch has a budget of its own of which v5 gives no figure: the venue refuses what is beyond it.
pub(crate) fn rate_rules(market: Market) -> Vec<RateRule> {
    let second = Duration::from_secs(1);
    let endpoint = |kinds: &[Kind], limit| {
        RateRule::new(Counted::Calls, CountedBy::Account, Span::Rolling, second, limit)
            .of(OperationSet::of(kinds))
    };
    let orders = if market == Market::Spot { 20 } else { 10 };
    let window = Duration::from_secs(5);
    vec![
        RateRule::new(Counted::Weight, CountedBy::Address, Span::Rolling, window, 600),
        endpoint(&[Kind::Place, Kind::PlaceConditional], orders),
        endpoint(&[Kind::Amend], 10),
        endpoint(&[Kind::Cancel, Kind::CancelConditional], orders),
        endpoint(&[Kind::CancelAll, Kind::CancelAllConditional], orders),
        endpoint(
            &[
                Kind::OrderById,
                Kind::OrderByClientId,
                Kind::ConditionalOrder,
                Kind::OpenOrders,
                Kind::OpenConditionalOrders,
            ],
            50,
        ),
        endpoint(&[Kind::OrderHistory], 50),
        endpoint(&[Kind::Fills], 50),
        endpoint(&[Kind::Positions], 50),
        endpoint(&[Kind::Balances], 50),
        endpoint(&[Kind::SetLeverage], 10),
        endpoint(&[Kind::SetMarginMode], 5),
        endpoint(&[Kind::SetPositionMode], 10),
    ]
}
