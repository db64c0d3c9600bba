//! Everything that is asked of a venue besides placing orders.

use crate::{
    Asked, MarginMode, Operation, OperationKind as Kind, OrderClass, OrderRef, OrderStatus, Page,
    PositionMode, PositionSide, Reply, Side, Timestamp,
};

use super::check::{Check, client_order_id};
use super::{Scenario, told};

/// More rows than any venue has on a page whose size it sets itself.
const FULL: usize = 250;

const SINCE: Timestamp = Timestamp::from_millis(1_699_900_000_000);

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
        let op = Operation::OpenOrders { symbol: Some(symbol), class, page: None };
        check.ask_all(check.supports(kind), &[(kind.as_str().into(), op)]);
    }
    let there = check.supports(Kind::OrderHistory);
    for (since, limit) in bounds() {
        let label = format!("order_history since {since:?}, limit {limit:?}");
        let op = Operation::OrderHistory { symbol, order: None, since, limit, page: None };
        check.ask_all(there, &[(label, op)]);
    }
}

pub(super) fn fills(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let there = check.supports(Kind::Fills);
    let order = Some(check.harness().order_id());
    for (since, limit) in bounds() {
        let label = format!("fills since {since:?}, limit {limit:?}");
        let op = Operation::Fills { symbol, order: None, since, limit, page: None };
        check.ask_all(there, &[(label, op)]);
    }
    let op = Operation::Fills { symbol, order, since: None, limit: None, page: None };
    check.ask_all(there, &[("fills of one order".into(), op)]);
    if !there {
        check.set_not_supported();
    }
}

/// A full page leads to the next one, which is asked for as the venue calls it; a page with room left
/// is the last.
pub(super) fn pages(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let (since, limit, page) = (Some(SINCE), Some(2), None);
    let mut there = false;
    for op in [
        Operation::OpenOrders { symbol: Some(symbol), class: OrderClass::Plain, page },
        Operation::OrderHistory { symbol, order: None, since, limit, page },
        Operation::Fills { symbol, order: None, since, limit, page },
        Operation::Positions { symbol: None, page },
        Operation::Instruments { symbol: None, page },
    ] {
        let (kind, asked) = (op.kind(), Asked::from(&op));
        if !check.supports(kind) {
            continue;
        }
        let name = check.harness().next_page(kind);
        let rows = if asked.limit.is_some() { 2 } else { FULL };
        let Some(reply) = list(check, kind, rows, name.as_deref()) else { continue };
        let Some(read) = next_of(check, &asked, &reply) else { continue };
        let label = kind.as_str();
        check.claim(read.is_some() == name.is_some(), || {
            format!("{label}: a full page is read as leading to {read:?}, not to {name:?}")
        });
        if let Some(read) = read {
            there = true;
            let meaning = check.ask(&format!("{label}, next page"), &op.on_page(Some(&read)));
            let page = meaning.and_then(|it| it.page);
            check.claim(page == name, || {
                format!("{label}: the page asked for is {page:?}, not {name:?}")
            });
        }
        let Some(last) = list(check, kind, 1, None) else { continue };
        let read = next_of(check, &asked, &last).flatten();
        check.claim(read.is_none(), || format!("{label}: the last page leads to {read:?}"));
    }
    if !there {
        check.set_not_supported();
    }
}

/// Where the list goes on, as read; `None` if it was not read.
fn next_of(check: &mut Check<'_>, asked: &Asked<'_>, reply: &Reply) -> Option<Option<Box<str>>> {
    let label = asked.kind.as_str();
    let Some(answer) = check.harness().answer(&Scenario::Reply(asked.kind, reply)) else {
        check.fail(format!("the harness has no answer to {label}: {reply:?}"));
        return None;
    };
    match check.decode_as(asked, answer) {
        Ok(Reply::Orders(page)) => Some(page.next),
        Ok(Reply::Fills(page)) => Some(page.next),
        Ok(Reply::Positions(page)) => Some(page.next),
        Ok(Reply::Instruments(page)) => Some(page.next),
        read => {
            check.fail(format!("{label}: a page is read as {read:?}"));
            None
        }
    }
}

fn list(check: &Check<'_>, kind: Kind, rows: usize, next: Option<&str>) -> Option<Reply> {
    let next = next.map(Box::from);
    let status = if kind == Kind::OpenOrders { OrderStatus::New } else { OrderStatus::Canceled };
    Some(match kind {
        Kind::OpenOrders | Kind::OrderHistory => {
            Reply::Orders(Page { rows: vec![told::report(check, status, 0); rows], next })
        }
        Kind::Fills => {
            let ids = (9 - rows as u64..=8).map(|id| told::fill(check, id, Side::Buy, true));
            Reply::Fills(Page { rows: ids.collect::<Option<_>>()?, next })
        }
        Kind::Positions => {
            let row = told::position(check, PositionSide::Long, false);
            Reply::Positions(Page { rows: vec![row; rows], next })
        }
        Kind::Instruments => {
            let mut all = crate::Instruments::new(vec![check.instrument()]);
            all.next = next;
            Reply::Instruments(all)
        }
        _ => return None,
    })
}

/// A venue that shows closed orders wherever it shows open ones needs no second place to look.
pub(super) fn closed_order(check: &mut Check<'_>) {
    let there = check.provider().capabilities().closed_orders_in_history;
    let symbol = check.symbol();
    for order in refs(check) {
        let (order, label) = (Some(order), format!("history of {order:?}"));
        let op = Operation::OrderHistory { symbol, order, since: None, limit: None, page: None };
        check.ask_all(there, &[(label, op)]);
    }
    if !there {
        check.set_not_supported();
    }
}

pub(super) fn account(check: &mut Check<'_>) {
    let there = check.supports(Kind::Positions);
    for symbol in [Some(check.symbol()), None] {
        check.ask_all(there, &[("positions".into(), Operation::Positions { symbol, page: None })]);
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
        Operation::Instruments { symbol: None, page: None },
        Operation::Instruments { symbol: Some(symbol), page: None },
        Operation::Ticker { symbol },
        Operation::BookTop { symbol },
        Operation::Depth { symbol, levels: 1 },
        Operation::Depth { symbol, levels: 50 },
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
    [(None, None), (Some(SINCE), Some(50))]
}
