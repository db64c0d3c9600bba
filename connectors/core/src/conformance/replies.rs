//! Replies: what the venue tells, and what is read.

use crate::{
    BookTop, Change, Decimal, FundingRate, InstrumentStatus, Instruments, OperationKind as Kind,
    OrderStatus, PositionSide, RejectReason, Rejection, Reply, Side, Ticker, TriggerKind,
};

use crate::stream::BookUpdate;

use super::check::Check;
use super::told::{self, Detail, must_tell, tell};
use super::{NOW, Scenario, orders};

pub(super) fn placed(check: &mut Check<'_>) {
    if !check.provider().capabilities().place_reports_status {
        let reply = Reply::Accepted(told::accepted(check));
        return must_tell(check, Kind::Place, &reply, Detail::Full);
    }
    for (status, filled) in [
        (OrderStatus::New, 0),
        (OrderStatus::PartiallyFilled, 1),
        (OrderStatus::Filled, 4),
        (OrderStatus::Expired, 1),
    ] {
        let reply = Reply::Order(told::report(check, status, filled));
        must_tell(check, Kind::Place, &reply, Detail::Full);
    }
}

pub(super) fn statuses(check: &mut Check<'_>) {
    for kind in check.supported(&[Kind::OrderById, Kind::OrderByClientId]) {
        for (status, filled) in [
            (OrderStatus::New, 0),
            (OrderStatus::PartiallyFilled, 1),
            (OrderStatus::Filled, 4),
            (OrderStatus::Canceled, 0),
        ] {
            let reply = Reply::Order(told::report(check, status, filled));
            must_tell(check, kind, &reply, Detail::Full);
        }
        for status in [OrderStatus::Expired, OrderStatus::Rejected] {
            let reply = Reply::Order(told::report(check, status, 0));
            tell(check, kind, &reply, Detail::Full);
        }
        let mut sold = told::report(check, OrderStatus::Filled, 4);
        sold.side = Side::Sell;
        must_tell(check, kind, &Reply::Order(sold), Detail::Full);
    }
}

pub(super) fn unrecognized(check: &mut Check<'_>) {
    let reply = Reply::Order(told::report(check, OrderStatus::Unrecognized, 1));
    must_tell(check, Kind::OrderByClientId, &reply, Detail::Full);
}

pub(super) fn canceled(check: &mut Check<'_>) {
    let reply = Reply::Order(told::report(check, OrderStatus::Canceled, 3));
    must_tell(check, Kind::OrderByClientId, &reply, Detail::Full);
}

pub(super) fn cancellation(check: &mut Check<'_>) {
    let order = Reply::Order(told::report(check, OrderStatus::Canceled, 1));
    let accepted = Reply::Accepted(told::accepted(check));
    for kind in check.supported(&[Kind::Cancel, Kind::CancelConditional]) {
        if kind == Kind::CancelConditional || !tell(check, kind, &order, Detail::Full) {
            let order = Reply::Order(conditional_report(check, OrderStatus::Canceled));
            if !tell(check, kind, &accepted, Detail::Full) {
                must_tell(check, kind, &order, Detail::Conditional);
            }
        }
    }
    for kind in check.supported(&[Kind::CancelAll, Kind::CancelAllConditional]) {
        let applied = Reply::Changed(Change::Applied);
        if !tell(check, kind, &applied, Detail::Full) {
            let orders = vec![told::report(check, OrderStatus::Canceled, 1)];
            must_tell(check, kind, &Reply::Orders(orders.into()), Detail::Full);
        }
    }
}

pub(super) fn conditional(check: &mut Check<'_>) {
    if !check.supports(Kind::ConditionalOrder) {
        return check.set_not_supported();
    }
    for status in [OrderStatus::New, OrderStatus::Canceled] {
        let reply = Reply::Order(conditional_report(check, status));
        must_tell(check, Kind::ConditionalOrder, &reply, Detail::Conditional);
    }
}

pub(super) fn lists(check: &mut Check<'_>) {
    let open = vec![
        told::report(check, OrderStatus::New, 0),
        told::report(check, OrderStatus::PartiallyFilled, 2),
    ];
    let past = vec![
        told::report(check, OrderStatus::Filled, 4),
        told::report(check, OrderStatus::Canceled, 1),
    ];
    for (kind, rows) in [(Kind::OpenOrders, open), (Kind::OrderHistory, past)] {
        if check.supports(kind) {
            must_tell(check, kind, &Reply::Orders(rows.into()), Detail::Full);
            must_tell(check, kind, &Reply::Orders(Vec::new().into()), Detail::Full);
        }
    }
    if check.supports(Kind::OpenConditionalOrders) {
        let reply = Reply::Orders(vec![conditional_report(check, OrderStatus::New)].into());
        must_tell(check, Kind::OpenConditionalOrders, &reply, Detail::Conditional);
    }
}

pub(super) fn batch(check: &mut Check<'_>) {
    if !check.supports(Kind::PlaceBatch) {
        return check.set_not_supported();
    }
    let refused = Rejection::new(RejectReason::InsufficientBalance, 0, "");
    let accepted = told::accepted(check);
    let reply = Reply::Batch(vec![Ok(accepted), Err(refused), Ok(accepted)]);
    must_tell(check, Kind::PlaceBatch, &reply, Detail::Full);
}

pub(super) fn fills(check: &mut Check<'_>) {
    if !check.supports(Kind::Fills) {
        return check.set_not_supported();
    }
    let rows = [(7, Side::Buy, true), (8, Side::Sell, false)];
    let fills = rows.into_iter().filter_map(|(id, side, maker)| told::fill(check, id, side, maker));
    let reply = Reply::Fills(fills.collect());
    must_tell(check, Kind::Fills, &reply, Detail::Full);
}

pub(super) fn positions(check: &mut Check<'_>) {
    if !check.supports(Kind::Positions) {
        return check.set_not_supported();
    }
    for side in [PositionSide::Long, PositionSide::Short] {
        let reply = Reply::Positions(vec![told::position(check, side, false)].into());
        must_tell(check, Kind::Positions, &reply, Detail::Full);
    }
    must_tell(check, Kind::Positions, &Reply::Positions(Vec::new().into()), Detail::Full);
    if check.provider().capabilities().hedge_mode {
        let both = [PositionSide::Long, PositionSide::Short];
        let rows = both.map(|side| told::position(check, side, true));
        let reply = Reply::Positions(rows.into_iter().collect());
        must_tell(check, Kind::Positions, &reply, Detail::Full);
    }
}

pub(super) fn balances(check: &mut Check<'_>) {
    let reply = Reply::Balances(told::balances(check));
    must_tell(check, Kind::Balances, &reply, Detail::Full);
}

pub(super) fn settings(check: &mut Check<'_>) {
    let mut there = false;
    for kind in check.supported(&SETTINGS) {
        there = true;
        must_tell(check, kind, &Reply::Changed(Change::Applied), Detail::Full);
    }
    // Some venues tell what the leverage bounds, some do not.
    if check.supports(Kind::SetLeverage) {
        let max_notional = Decimal::new(12_345_678, 1);
        let bounded = Reply::Changed(Change::Bounded { max_notional });
        tell(check, Kind::SetLeverage, &bounded, Detail::Full);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn unchanged(check: &mut Check<'_>) {
    let mut there = false;
    for kind in check.supported(&SETTINGS) {
        there |= tell(check, kind, &Reply::Changed(Change::Unchanged), Detail::Full);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn instruments(check: &mut Check<'_>) {
    let mut instrument = check.instrument();
    let trading = instrument.status == InstrumentStatus::Trading;
    check.claim(trading, || "the harness's instrument does not trade".into());
    let reply = Reply::Instruments(Instruments::new(vec![instrument.clone()]));
    must_tell(check, Kind::Instruments, &reply, Detail::Full);
    instrument.status = InstrumentStatus::Halted;
    let reply = Reply::Instruments(Instruments::new(vec![instrument]));
    must_tell(check, Kind::Instruments, &reply, Detail::Full);
}

pub(super) fn market_data(check: &mut Check<'_>) {
    let (symbol, price) = (check.symbol(), check.harness().price());
    let size = Some(told::quantity(check, 2));
    let top = BookTop {
        symbol,
        bid_price: Some(price),
        bid_quantity: size,
        ask_price: price.checked_mul(Decimal::TWO),
        ask_quantity: size,
        update_id: None,
        at: None,
    };
    let levels = |prices: [Decimal; 2]| {
        prices.into_iter().map(|price| (price, told::quantity(check, 3))).collect()
    };
    let up = |times| price.checked_mul(Decimal::from(times)).unwrap_or(price);
    let book = BookUpdate {
        symbol,
        snapshot: true,
        bids: levels([price, price - told::tick(check)]),
        asks: levels([up(2), up(3)]),
        first_id: None,
        last_id: 9_007_199_254_740_993,
        previous_id: None,
        at: None,
    };
    let funding = FundingRate { symbol, rate: Decimal::new(-125, 6), next_at: Some(NOW) };
    for (kind, reply) in [
        (Kind::Ticker, Reply::Ticker(Ticker::new(symbol, Some(price), Some(price)))),
        (Kind::BookTop, Reply::BookTop(top)),
        (Kind::Depth, Reply::Depth(book)),
        (Kind::FundingRate, Reply::FundingRate(funding)),
        (Kind::ServerTime, Reply::ServerTime(NOW)),
    ] {
        if check.supports(kind) {
            must_tell(check, kind, &reply, Detail::Full);
        }
    }
}

pub(super) fn listen_key(check: &mut Check<'_>) {
    if !check.supports(Kind::CreateListenKey) {
        return check.set_not_supported();
    }
    let reply = Reply::ListenKey("a-listen-key-0123456789".into());
    must_tell(check, Kind::CreateListenKey, &reply, Detail::Full);
    for kind in [Kind::ExtendListenKey, Kind::CloseListenKey] {
        must_tell(check, kind, &Reply::Changed(Change::Applied), Detail::Full);
    }
}

const SETTINGS: [Kind; 3] = [Kind::SetLeverage, Kind::SetMarginMode, Kind::SetPositionMode];

/// A stop at market for one quantity that waits, or waited.
fn conditional_report(check: &Check<'_>, status: OrderStatus) -> crate::OrderReport {
    let mut report = told::report(check, status, 0);
    report.side = Side::Sell;
    report.trigger_price = Some(orders::trigger_price(check, Side::Sell, TriggerKind::Stop));
    report.price = None;
    report
}

/// Every good reply of the harness to an operation that changes orders, for the cases that spoil
/// them.
pub(super) fn good(check: &Check<'_>) -> Vec<(Kind, crate::Response)> {
    let accepted = Reply::Accepted(told::accepted(check));
    let open = Reply::Order(told::report(check, OrderStatus::New, 0));
    let canceled = Reply::Order(told::report(check, OrderStatus::Canceled, 1));
    let all = [
        (Kind::Place, &accepted),
        (Kind::Place, &open),
        (Kind::Cancel, &accepted),
        (Kind::Cancel, &canceled),
        (Kind::Amend, &accepted),
        (Kind::Amend, &open),
        (Kind::OrderByClientId, &open),
    ];
    let answers = all.into_iter().filter(|(kind, _)| check.supports(*kind));
    answers
        .filter_map(|(kind, reply)| {
            Some((kind, check.harness().answer(&Scenario::Reply(kind, reply))?))
        })
        .collect()
}
