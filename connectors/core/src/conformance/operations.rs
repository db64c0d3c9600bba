//! Everything that is asked of a venue besides placing orders.

use crate::{
    MarginMode, Operation, OperationKind as Kind, OrderClass, OrderRef, PositionMode, PositionSide,
    Timestamp,
};

use super::check::{Check, client_order_id};

const LISTEN_KEY: &str = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1";

pub(super) fn amend(check: &mut Check<'_>) {
    let there = check.supports(Kind::Amend);
    let refs = refs(check);
    let amendments: Vec<_> = refs.iter().filter_map(|it| check.amendment(*it)).collect();
    for amendment in &amendments {
        let label = format!("amend {:?}", amendment.order);
        check.ask_all(there, &[(label, Operation::Amend(amendment))]);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn cancel(check: &mut Check<'_>) {
    let symbol = check.symbol();
    for (kind, class) in classes(Kind::Cancel, Kind::CancelConditional) {
        let cancel = |order| Operation::Cancel { symbol, order, class };
        let ops = refs(check).map(|order| (format!("{} {order:?}", kind.as_str()), cancel(order)));
        check.ask_all(check.supports(kind), &ops);
    }
}

/// That it is cancelled for the symbol only is compared with what was asked.
pub(super) fn cancel_all(check: &mut Check<'_>) {
    let symbol = Some(check.symbol());
    let mut there = false;
    for (kind, class) in classes(Kind::CancelAll, Kind::CancelAllConditional) {
        there |= check.supports(kind);
        let op = Operation::CancelAll { symbol, class };
        check.ask_all(check.supports(kind), &[(kind.as_str().into(), op)]);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn order(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let [by_id, by_client_id] = refs(check);
    let op = |order, class| Operation::Order { symbol, order, class };
    let plain = OrderClass::Plain;
    let there = check.supports(Kind::OrderById);
    check.ask_all(there, &[("order_by_id".into(), op(by_id, plain))]);
    let there = check.supports(Kind::OrderByClientId);
    check.ask_all(there, &[("order_by_client_id".into(), op(by_client_id, plain))]);
    check.claim(there, || "without it no lost reply can ever be resolved".into());
    let conditional = OrderClass::Conditional;
    let ops = refs(check).map(|it| (format!("conditional_order {it:?}"), op(it, conditional)));
    check.ask_all(check.supports(Kind::ConditionalOrder), &ops);
}

pub(super) fn lists(check: &mut Check<'_>) {
    let symbol = check.symbol();
    for (kind, class) in classes(Kind::OpenOrders, Kind::OpenConditionalOrders) {
        let op = Operation::OpenOrders { symbol: Some(symbol), class };
        check.ask_all(check.supports(kind), &[(kind.as_str().into(), op)]);
    }
    let there = check.supports(Kind::OrderHistory);
    for (since, limit) in bounds() {
        let label = format!("order_history since {since:?}, limit {limit:?}");
        check.ask_all(there, &[(label, Operation::OrderHistory { symbol, since, limit })]);
    }
}

pub(super) fn fills(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let there = check.supports(Kind::Fills);
    let order = Some(check.harness().order_id());
    for (since, limit) in bounds() {
        let label = format!("fills since {since:?}, limit {limit:?}");
        let op = Operation::Fills { symbol, order: None, since, limit };
        check.ask_all(there, &[(label, op)]);
    }
    let op = Operation::Fills { symbol, order, since: None, limit: None };
    check.ask_all(there, &[("fills of one order".into(), op)]);
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn account(check: &mut Check<'_>) {
    let there = check.supports(Kind::Positions);
    for symbol in [Some(check.symbol()), None] {
        check.ask_all(there, &[("positions".into(), Operation::Positions { symbol })]);
    }
    check.ask_all(check.supports(Kind::Balances), &[("balances".into(), Operation::Balances)]);
}

pub(super) fn settings(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let mut there = false;
    for margin_mode in [MarginMode::Isolated, MarginMode::Cross].map(Some) {
        let position_side = Some(PositionSide::Long);
        let op = Operation::SetLeverage { symbol, leverage: 7, margin_mode, position_side };
        there |= check.supports(Kind::SetLeverage);
        check.ask_all(check.supports(Kind::SetLeverage), &[("set_leverage".into(), op)]);
    }
    for mode in [MarginMode::Isolated, MarginMode::Cross] {
        let op = Operation::SetMarginMode { symbol, mode };
        there |= check.supports(Kind::SetMarginMode);
        check.ask_all(check.supports(Kind::SetMarginMode), &[(format!("set {mode:?}"), op)]);
    }
    for mode in [PositionMode::OneWay, PositionMode::Hedge] {
        let op = Operation::SetPositionMode { symbol: Some(symbol), mode };
        there |= check.supports(Kind::SetPositionMode);
        check.ask_all(check.supports(Kind::SetPositionMode), &[(format!("set {mode:?}"), op)]);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn market_data(check: &mut Check<'_>) {
    let symbol = check.symbol();
    for op in [
        Operation::Instruments { symbol: None },
        Operation::Instruments { symbol: Some(symbol) },
        Operation::Ticker { symbol },
        Operation::BookTop { symbol },
        Operation::FundingRate { symbol },
        Operation::ServerTime,
    ] {
        let kind = op.kind();
        check.ask_all(check.supports(kind), &[(kind.as_str().into(), op)]);
    }
}

pub(super) fn listen_keys(check: &mut Check<'_>) {
    let mut there = false;
    for op in [
        Operation::CreateListenKey,
        Operation::ExtendListenKey { key: LISTEN_KEY },
        Operation::CloseListenKey { key: LISTEN_KEY },
    ] {
        let kind = op.kind();
        there |= check.supports(kind);
        check.ask_all(check.supports(kind), &[(kind.as_str().into(), op)]);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn refs(check: &Check<'_>) -> [OrderRef; 2] {
    let id = OrderRef::Id(check.harness().order_id());
    [id, client_order_id("conformance-1").map_or(id, OrderRef::Client)]
}

fn classes(plain: Kind, conditional: Kind) -> [(Kind, OrderClass); 2] {
    [(plain, OrderClass::Plain), (conditional, OrderClass::Conditional)]
}

fn bounds() -> [(Option<Timestamp>, Option<u32>); 2] {
    [(None, None), (Some(Timestamp::from_millis(1_699_900_000_000)), Some(50))]
}
