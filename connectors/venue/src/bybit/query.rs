//! Looking at orders and executions. An order appears here some milliseconds after it has been
//! acknowledged.
//!
//! Source: protocol sheet for Bybit, sections 4 and 7, and the order samples.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::routes::Answer;
use super::{Call, category_name, fixed, ids, order, plain};
use crate::engine::{
    Algo, AlgoStatus, Market, Order, OrderKind, PositionSide, Side, Status, TimeInForce,
};

/// Closed orders that `realtime` still knows.
const RECENT_CLOSED: usize = 500;

/// An order as customers see it: a plain one, a waiting conditional one, or a conditional one with
/// the order it has become.
#[derive(Clone, Copy)]
struct Row<'e> {
    id: u64,
    order: Option<&'e Order>,
    algo: Option<&'e Algo>,
}

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
    let mut rows = rows(call, market, scope)?;
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
    let mut rows = rows(call, market, if by_id { Scope::Named } else { Scope::All })?;
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
    let before = p.text("cursor")?.map(cursor).transpose()?.map(|(_, id)| id);
    if p.text("execType")?.is_some_and(|t| t != "Trade") {
        return Ok((
            json!({ "category": category_name(market), "list": [], "nextPageCursor": "" }),
            None,
        ));
    }
    let visible = call.engine.now_ms().saturating_sub(call.desk.visibility_ms);
    let account = call.engine.account(call.account).map_err(|_| ApiError::bad("account"))?;
    let mut trades = account.trades.iter().rev().filter(|t| {
        t.time_ms <= visible
            && instruments.contains(&t.instrument)
            && order.is_none_or(|id| id == t.order_id)
            && before.is_none_or(|id| t.id < id)
            && start.is_none_or(|s| t.time_ms >= s)
            && end.is_none_or(|e| t.time_ms <= e)
    });
    let mut list = Vec::new();
    let mut last = 0;
    for t in trades.by_ref().take(limit) {
        last = t.id;
        let Some(i) = call.engine.instruments.get(t.instrument) else { continue };
        let shown = order::origin(call.engine, t.order_id);
        let order = call.engine.orders.get(t.order_id);
        let rate = t.commission.checked_div(match t.commission_asset {
            asset if asset == i.base => t.quantity,
            _ => t.price * t.quantity,
        });
        list.push(json!({
            "symbol": i.symbol, "orderId": ids::order_id(market, shown),
            "orderLinkId": order::link_of(call.engine, shown), "side": side(t.side),
            "orderType": order.map_or("Market", |o| order_type(o.kind)),
            "orderPrice": fixed(order.map_or(t.price, |o| o.price), i.tick_decimals()),
            "orderQty": plain(order.map_or(t.quantity, |o| o.quantity)),
            "leavesQty": plain(order.map_or(Decimal::ZERO, leaves)),
            "execId": ids::execution_id(t.id), "execPrice": fixed(t.price, i.tick_decimals()),
            "execQty": plain(t.quantity), "execValue": plain(t.price * t.quantity),
            "execFee": plain(t.commission), "feeCurrency": t.commission_asset,
            "feeRate": plain(rate.unwrap_or_default().round_dp(6)), "isMaker": t.maker,
            "execType": "Trade", "execTime": t.time_ms.to_string(), "stopOrderType": "UNKNOWN",
            "execPnl": plain(t.realized), "seq": t.id,
        }));
    }
    let more = trades.next().is_some();
    let next = if more { format!("0%3A{last}") } else { String::new() };
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
fn rows<'e>(call: &'e Call<'_>, market: Market, scope: Scope) -> Result<Vec<Row<'e>>, ApiError> {
    let p = call.params;
    let instruments = call.selected(market)?;
    let visible = call.engine.now_ms().saturating_sub(call.desk.visibility_ms);
    let mut rows: Vec<Row<'e>> = Vec::new();
    if scope == Scope::Named {
        match order::named(call, p, market, None) {
            Ok(id) => rows.push(row(call, id)),
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
                    rows.push(row(call, id));
                }
            };
            if scope == Scope::Open {
                orders.open_of(call.account, instrument).for_each(&mut add);
                let waiting = call.engine.algos.open_of(call.account, Some(instrument));
                rows.extend(waiting.map(|a| row(call, a.id)));
            } else {
                orders.history(call.account, instrument, 0).for_each(&mut add);
            }
        }
        if market == Market::Linear && scope == Scope::All {
            let algos = call.engine.algos.all_of(call.account);
            rows.extend(algos.iter().map(|a| row(call, a.id)));
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

fn row<'e>(call: &'e Call<'_>, id: u64) -> Row<'e> {
    Row {
        id,
        order: call.engine.orders.get(order::working(call.engine, id)),
        algo: call.engine.algos.get(id),
    }
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
    let list: Vec<Value> = shown.iter().map(|r| show(call, market, r)).collect();
    Ok((json!({ "category": category_name(market), "list": list, "nextPageCursor": next }), None))
}

fn cursor(text: &str) -> Result<(u64, u64), ApiError> {
    let text = text.replace("%3A", ":");
    let parts = text.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| ApiError::bad("cursor"))
}

impl Row<'_> {
    fn created_ms(&self) -> u64 {
        match (self.algo, self.order) {
            (Some(a), _) => a.created_ms,
            (None, Some(o)) => o.created_ms,
            (None, None) => 0,
        }
    }

    fn instrument(&self) -> usize {
        match (self.algo, self.order) {
            (Some(a), _) => a.order.instrument,
            (None, Some(o)) => o.instrument,
            (None, None) => usize::MAX,
        }
    }

    fn is_open(&self) -> bool {
        match (self.order, self.algo) {
            (Some(o), _) => o.status.is_open(),
            (None, Some(a)) => a.status == AlgoStatus::New,
            (None, None) => false,
        }
    }

    /// The venue's word for where the order stands (sheet, section 7).
    fn status(&self, market: Market) -> &'static str {
        let Some(o) = self.order else {
            return match self.algo.map(|a| a.status) {
                Some(AlgoStatus::New) => "Untriggered",
                Some(AlgoStatus::Rejected) => "Rejected",
                _ => "Deactivated",
            };
        };
        match o.status {
            Status::New if !o.working => "Untriggered",
            Status::New => "New",
            Status::PartiallyFilled => "PartiallyFilled",
            Status::Filled => "Filled",
            Status::Canceled | Status::Expired if !o.working => "Deactivated",
            Status::Canceled | Status::Expired => match market {
                Market::Spot if !o.executed.is_zero() => "PartiallyFilledCanceled",
                _ => "Cancelled",
            },
        }
    }

    /// Why the venue ended the order.
    fn reject_reason(&self) -> &'static str {
        match self.order.filter(|o| o.status == Status::Expired) {
            Some(o) if o.tif == TimeInForce::Gtx || o.kind == OrderKind::LimitMaker => {
                "EC_PostOnlyWillTakeLiquidity"
            }
            Some(o) if o.tif == TimeInForce::Fok => "EC_CancelForNoFullFill",
            Some(o) if o.tif == TimeInForce::Ioc || o.kind == OrderKind::Market => {
                "EC_NoImmediateQtyToFill"
            }
            Some(_) => "EC_PerCancelRequest",
            None => match self.algo.map(|a| a.status) {
                Some(AlgoStatus::Rejected) => "EC_Others",
                _ => "EC_NoError",
            },
        }
    }
}

fn show(call: &Call<'_>, market: Market, row: &Row<'_>) -> Value {
    let Some(i) = call.engine.instruments.get(row.instrument()) else { return json!({}) };
    let places = i.tick_decimals();
    let zero = Decimal::ZERO;
    let o = row.order;
    let a = row.algo.map(|a| &a.order);
    let own_side = o.map(|o| o.side).or(a.map(|a| a.side)).unwrap_or(Side::Buy);
    let price = o.map(|o| o.price).or(a.map(|a| a.price)).unwrap_or(zero);
    let quantity = match (o, a) {
        // Spot market orders by value keep the amount as their quantity.
        (Some(o), _) if !o.quote_quantity.is_zero() => o.quote_quantity,
        (Some(o), _) => o.quantity,
        (None, Some(a)) => a.quantity,
        (None, None) => zero,
    };
    let position_side =
        o.map(|o| o.position_side).or(a.map(|a| a.position_side)).unwrap_or(PositionSide::Both);
    let tif = o.map(|o| o.tif).or(a.map(|a| a.tif)).unwrap_or(TimeInForce::Gtc);
    let kind = match (o, a) {
        (Some(o), _) => order_type(o.kind),
        (None, Some(a)) if a.kind.has_price() => "Limit",
        _ => "Market",
    };
    let trigger = match (a, o) {
        (Some(a), _) => a.trigger_price,
        (None, Some(o)) => o.stop_price,
        (None, None) => zero,
    };
    let direction = match a {
        Some(a) if a.kind.rises(a.side) => 1,
        Some(_) => 2,
        None => 0,
    };
    let executed = o.map_or(zero, |o| o.executed);
    let left = o.map_or(quantity, leaves);
    let reference = if price.is_zero() { call.engine.last_price(row.instrument()) } else { price };
    let fee: Decimal = match o {
        Some(o) if !executed.is_zero() => fees(call, o),
        _ => zero,
    };
    let attached = call.desk.attached.get(&row.id).copied().unwrap_or_default();
    let optional = |v: Decimal| if v.is_zero() { String::new() } else { fixed(v, places) };
    let post_only = tif == TimeInForce::Gtx || o.is_some_and(|o| o.kind == OrderKind::LimitMaker);
    let updated = o.map(|o| o.updated_ms).or(row.algo.map(|a| a.updated_ms)).unwrap_or(0);
    json!({
        "orderId": ids::order_id(market, row.id),
        "orderLinkId": order::link_of(call.engine, row.id),
        "blockTradeId": "", "symbol": i.symbol, "price": fixed(price, places),
        "qty": plain(quantity), "side": side(own_side), "isLeverage": "",
        "positionIdx": position_idx(position_side), "orderStatus": row.status(market),
        "cancelType": match o.map(|o| o.status) {
            Some(Status::Canceled) => "CancelByUser",
            _ => "UNKNOWN",
        },
        "rejectReason": row.reject_reason(),
        "avgPrice": match o {
            Some(o) if !executed.is_zero() => plain(o.average_price().round_dp(places + 4)),
            _ => String::new(),
        },
        "leavesQty": plain(left), "leavesValue": plain(left * reference),
        "cumExecQty": plain(executed),
        "cumExecValue": plain(o.map_or(zero, |o| o.quote_executed)), "cumExecFee": plain(fee),
        "timeInForce": match (kind, tif) {
            _ if post_only => "PostOnly",
            ("Market", _) | (_, TimeInForce::Ioc) => "IOC",
            (_, TimeInForce::Fok) => "FOK",
            _ => "GTC",
        },
        "orderType": kind, "stopOrderType": stop_type(row), "orderIv": "",
        "triggerPrice": optional(trigger), "takeProfit": optional(attached.take_profit),
        "stopLoss": optional(attached.stop_loss), "tpTriggerBy": "", "slTriggerBy": "",
        "triggerDirection": direction,
        "triggerBy": match a {
            Some(a) if a.by_mark => "MarkPrice",
            Some(_) => "LastPrice",
            None => "",
        },
        "lastPriceOnCreated": "",
        "reduceOnly": o.map_or_else(
            || a.is_some_and(|a| a.reduce_only || a.close_position),
            |o| o.reduce_only || o.closing,
        ),
        "closeOnTrigger": a.is_some_and(|a| a.close_position), "smpType": "None", "smpGroup": 0,
        "smpOrderId": "", "tpslMode": "", "tpLimitPrice": "", "slLimitPrice": "",
        "placeType": "", "createdTime": row.created_ms().to_string(),
        "updatedTime": updated.to_string(),
    })
}

/// Commission of an order so far, in the asset it was paid in.
fn fees(call: &Call<'_>, order: &Order) -> Decimal {
    let account = call.engine.account(call.account).ok();
    let trades = account.into_iter().flat_map(|a| a.trades.iter().rev());
    trades
        .take_while(|t| t.time_ms >= order.created_ms)
        .filter(|t| t.order_id == order.id)
        .map(|t| t.commission)
        .sum()
}

fn stop_type(row: &Row<'_>) -> &'static str {
    match (row.algo, row.order) {
        (Some(a), _) if a.order.client_id.starts_with("~tp-") => "TakeProfit",
        (Some(a), _) if a.order.client_id.starts_with("~sl-") => "StopLoss",
        (Some(_), _) => "Stop",
        (None, Some(o)) if o.kind.is_conditional() => "Stop",
        _ => "",
    }
}

/// What an order may still trade; nothing once it is closed.
fn leaves(order: &Order) -> Decimal {
    if order.status.is_open() { order.remaining() } else { Decimal::ZERO }
}

fn order_type(kind: OrderKind) -> &'static str {
    if kind.has_price() { "Limit" } else { "Market" }
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

pub(super) fn position_idx(side: PositionSide) -> u8 {
    match side {
        PositionSide::Both => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}
