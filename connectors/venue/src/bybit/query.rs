//! Looking at orders and executions. An order appears here some milliseconds after it has been
//! acknowledged.
//!
//! Source: protocol sheet for Bybit, section 4.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::routes::Answer;
use super::rows::{self, Row, row};
use super::{Call, category_name, order};
use crate::engine::{Market, Order};

/// Closed orders that `realtime` still knows.
const RECENT_CLOSED: usize = 500;

pub(super) fn realtime(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let p = call.params;
    let by_id = p.text("orderId")?.is_some() || p.text("orderLinkId")?.is_some();
    let mut scoped = by_id;
    for name in ["symbol", "baseCoin", "settleCoin"] {
        scoped |= p.text(name)?.is_some();
    }
    if market == Market::Linear && !scoped {
        return Err(ApiError::missing("symbol or settleCoin or baseCoin"));
    }
    let closed = match p.integer("openOnly")? {
        None | Some(0) => by_id,
        Some(1 | 2) => true,
        Some(_) => return Err(ApiError::bad("openOnly")),
    };
    let scope = match (by_id, closed) {
        (true, _) => Scope::Named,
        (false, true) => Scope::All,
        (false, false) => Scope::Open,
    };
    let mut rows = select(call, market, scope)?;
    let mut seen_closed = 0;
    rows.retain(|row| {
        seen_closed += usize::from(!row.is_open());
        let recent = closed && seen_closed <= RECENT_CLOSED;
        row.is_open() || (recent && (!by_id || is_recent(call, market, row)))
    });
    page(call, market, rows)
}

pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let p = call.params;
    let by_id = p.text("orderId")?.is_some() || p.text("orderLinkId")?.is_some();
    let status = p.text("orderStatus")?;
    let (start, end) = (p.integer("startTime")?, p.integer("endTime")?);
    let mut rows = select(call, market, if by_id { Scope::Named } else { Scope::All })?;
    rows.retain(|row| {
        let at = row.created_ms();
        !row.is_open()
            && status.is_none_or(|s| s == row.status(market))
            && start.is_none_or(|s| at >= s)
            && end.is_none_or(|e| at <= e)
    });
    page(call, market, rows)
}

pub(super) fn executions(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let p = call.params;
    let instruments = call.selected(market)?;
    let by_id = p.text("orderId")?.is_some() || p.text("orderLinkId")?.is_some();
    let order = match by_id.then(|| order::named(call, p, market, None)).transpose() {
        // An order nobody knows has no executions.
        Ok(found) => found.map(|id| order::working(call.engine, id)),
        Err(e) if e == ApiError::unknown_order(market) => Some(0),
        Err(e) => return Err(e),
    };
    let limit = p.limit(50, 100)?;
    let (start, end) = (p.integer("startTime")?, p.integer("endTime")?);
    let before = p.text("cursor")?.map(cursor).transpose()?;
    let kind = p.text("execType")?;
    let visible = call.engine.now_ms().saturating_sub(call.desk.visibility_ms);
    let account = call.engine.account(call.account).map_err(|_| ApiError::bad("account"))?;
    let within = |at: (u64, u64), instrument: usize| {
        at.0 <= visible
            && instruments.contains(&instrument)
            && before.is_none_or(|before| at < before)
            && start.is_none_or(|s| at.0 >= s)
            && end.is_none_or(|e| at.0 <= e)
    };
    let trades = account.trades.iter().rev().filter(|t| {
        kind.is_none_or(|k| k == "Trade")
            && order.is_none_or(|id| id == t.order_id)
            && within((t.time_ms, t.id), t.instrument)
    });
    // Funding belongs to no order.
    let payments = account.fundings.iter().rev().filter(|p| {
        kind.is_none_or(|k| k == "Funding") && !by_id && within((p.time_ms, p.id), p.instrument)
    });
    let trades = trades.take(limit + 1).map(|t| {
        let order = call.engine.orders.get(t.order_id);
        ((t.time_ms, t.id), rows::execution(call.engine, market, t, order))
    });
    let payments = payments.take(limit + 1);
    let payments = payments.map(|p| ((p.time_ms, p.id), rows::funding(call.engine, p)));
    let mut list: Vec<((u64, u64), Value)> = trades.chain(payments).collect();
    list.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let more = list.len() > limit;
    list.truncate(limit);
    let next = match list.last() {
        Some(((time, id), _)) if more => format!("{time}%3A{id}"),
        _ => String::new(),
    };
    let list: Vec<Value> = list.into_iter().map(|(_, row)| row).collect();
    Ok((json!({ "category": category_name(market), "list": list, "nextPageCursor": next }), None))
}

/// Which orders to look through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The one that `orderId` or `orderLinkId` names.
    Named,
    Open,
    All,
}

/// The visible orders the parameters select, newest first.
fn select<'e>(call: &'e Call<'_>, market: Market, scope: Scope) -> Result<Vec<Row<'e>>, ApiError> {
    let p = call.params;
    let instruments = call.selected(market)?;
    let visible = call.engine.now_ms().saturating_sub(call.desk.visibility_ms);
    let mut rows: Vec<Row<'e>> = Vec::new();
    if scope == Scope::Named {
        match order::named(call, p, market, None) {
            Ok(id) => rows.push(row(call.engine, id)),
            Err(e) if e == ApiError::unknown_order(market) => {}
            Err(e) => return Err(e),
        }
    } else {
        for &instrument in &instruments {
            let store = &*call.engine;
            let orders = &store.orders;
            let mut add = |o: &'e Order| {
                let id = order::origin(store, o.id);
                // One that came from a conditional order is found with that one.
                if id == o.id {
                    rows.push(Row { id, order: Some(o), algo: None });
                } else if scope == Scope::Open {
                    rows.push(row(call.engine, id));
                }
            };
            if scope == Scope::Open {
                orders.open_of(call.account, instrument).for_each(&mut add);
                let waiting = call.engine.algos.open_of(call.account, Some(instrument));
                rows.extend(waiting.map(|a| row(call.engine, a.id)));
            } else {
                orders.history(call.account, instrument, 0).for_each(&mut add);
            }
        }
        if market == Market::Linear && scope == Scope::All {
            let algos = call.engine.algos.all_of(call.account);
            rows.extend(algos.iter().map(|a| row(call.engine, a.id)));
        }
    }
    let filter = p.text("orderFilter")?;
    rows.retain(|r| {
        let conditional = r.algo.is_some() || r.order.is_some_and(|o| o.kind.is_conditional());
        r.created_ms() <= visible
            && instruments.contains(&r.instrument())
            && match filter {
                Some("Order") => !conditional,
                Some("StopOrder" | "tpslOrder") => conditional,
                _ => true,
            }
    });
    rows.sort_unstable_by_key(|r| std::cmp::Reverse((r.created_ms(), r.id)));
    Ok(rows)
}

/// Whether fewer than [`RECENT_CLOSED`] younger orders of the market have been closed.
fn is_recent(call: &Call<'_>, market: Market, row: &Row<'_>) -> bool {
    let orders = &call.engine.orders;
    let from = row.order.map_or(u64::MAX, |o| o.id).saturating_add(1);
    let all = call.engine.instruments.iter().enumerate();
    let younger = all
        .filter(|(_, i)| i.market == market)
        .flat_map(|(n, _)| orders.history(call.account, n, from));
    younger.filter(|o| !o.status.is_open()).take(RECENT_CLOSED).count() < RECENT_CLOSED
}

fn page(call: &Call<'_>, market: Market, rows: Vec<Row<'_>>) -> Answer {
    let limit = call.params.limit(20, 50)?;
    let after = call.params.text("cursor")?.map(cursor).transpose()?;
    let left = rows.iter().filter(|r| after.is_none_or(|at| (r.created_ms(), r.id) < at));
    let mut shown: Vec<&Row<'_>> = left.take(limit + 1).collect();
    let more = shown.len() > limit;
    shown.truncate(limit);
    // Percent-encoded as it stands; it may come back decoded or not.
    let next = match shown.last() {
        Some(last) if more => format!("{}%3A{}", last.created_ms(), last.id),
        _ => String::new(),
    };
    let list: Vec<Value> =
        shown.iter().map(|r| rows::show(call.engine, call.desk, market, r)).collect();
    Ok((json!({ "category": category_name(market), "list": list, "nextPageCursor": next }), None))
}

fn cursor(text: &str) -> Result<(u64, u64), ApiError> {
    let text = text.replace("%3A", ":");
    let parts = text.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| ApiError::bad("cursor"))
}
