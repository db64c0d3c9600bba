//! Orders and executions as customers see them, in queries and pushes.
//!
//! Source: protocol sheet for Bybit, sections 4, 7 and 10, and the order and execution samples.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Desk, fixed, ids, order, plain};
use crate::engine::{
    Algo, AlgoStatus, Engine, FundingPayment, Market, Order, OrderKind, PositionSide, Side, Status,
    TimeInForce, Trade,
};

/// An order as customers see it: a plain one, a waiting conditional one, or a conditional one with
/// the order it has become.
#[derive(Clone, Copy)]
pub(super) struct Row<'e> {
    pub(super) id: u64,
    pub(super) order: Option<&'e Order>,
    pub(super) algo: Option<&'e Algo>,
}

/// The row of an order, or of the conditional order it came from.
pub(super) fn row(engine: &Engine, id: u64) -> Row<'_> {
    Row { id, order: engine.orders.get(order::working(engine, id)), algo: engine.algos.get(id) }
}

/// One execution, with the order as it stood right after it.
pub(super) fn execution(
    engine: &Engine,
    market: Market,
    t: &Trade,
    order: Option<&Order>,
) -> Value {
    let Some(i) = engine.instruments.get(t.instrument) else { return json!({}) };
    let shown = order::origin(engine, t.order_id);
    let rate = t.commission.checked_div(match t.commission_asset {
        asset if asset == i.base => t.quantity,
        _ => t.price * t.quantity,
    });
    json!({
        "symbol": i.symbol, "orderId": ids::order_id(market, shown),
        "orderLinkId": order::link_of(engine, shown), "side": side(t.side),
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
    })
}

/// A funding payment, which is listed among the executions. Its fields follow a recorded one.
///
/// The fee is what was paid, negative when received (v5 docs, account/transaction-log, `funding`);
/// the rate has its sign.
pub(super) fn funding(engine: &Engine, p: &FundingPayment) -> Value {
    let Some(i) = engine.instruments.get(p.instrument) else { return json!({}) };
    let mark = fixed(p.mark, i.tick_decimals());
    // UNVERIFIED: that the side is the position's.
    let (side, rate) =
        if p.amount.is_sign_negative() { ("Sell", -p.rate) } else { ("Buy", p.rate) };
    json!({
        "symbol": i.symbol, "orderId": ids::execution_id(p.id), "orderLinkId": "", "side": side,
        "orderType": "UNKNOWN", "orderPrice": "0", "orderQty": "0", "leavesQty": "0",
        "closedSize": "0", "execId": ids::execution_id(p.id), "execPrice": mark,
        "markPrice": mark, "execQty": plain(p.amount.abs()), "execValue": plain(p.value()),
        "execFee": plain(-p.received), "feeCurrency": "", "feeRate": plain(rate),
        "isMaker": false, "execType": "Funding", "execTime": p.time_ms.to_string(),
        "stopOrderType": "UNKNOWN", "createType": "", "execPnl": "0", "seq": p.id,
    })
}

impl Row<'_> {
    pub(super) fn created_ms(&self) -> u64 {
        match (self.algo, self.order) {
            (Some(a), _) => a.created_ms,
            (None, Some(o)) => o.created_ms,
            (None, None) => 0,
        }
    }

    pub(super) fn instrument(&self) -> usize {
        match (self.algo, self.order) {
            (Some(a), _) => a.order.instrument,
            (None, Some(o)) => o.instrument,
            (None, None) => usize::MAX,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        match (self.order, self.algo) {
            (Some(o), _) => o.status.is_open(),
            (None, Some(a)) => a.status == AlgoStatus::New,
            (None, None) => false,
        }
    }

    /// The venue's word for where the order stands (sheet, section 7).
    pub(super) fn status(&self, market: Market) -> &'static str {
        let Some(o) = self.order else {
            return match self.algo.map(|a| a.status) {
                Some(AlgoStatus::New) => "Untriggered",
                Some(AlgoStatus::Triggered | AlgoStatus::Finished) => "Triggered",
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

pub(super) fn show(engine: &Engine, desk: &Desk, market: Market, row: &Row<'_>) -> Value {
    let Some(i) = engine.instruments.get(row.instrument()) else { return json!({}) };
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
    let reference = if price.is_zero() { engine.last_price(row.instrument()) } else { price };
    let fee: Decimal = match o {
        Some(o) if !executed.is_zero() => fees(engine, o),
        _ => zero,
    };
    let attached = desk.attached.get(&row.id).copied().unwrap_or_default();
    let optional = |v: Decimal| if v.is_zero() { String::new() } else { fixed(v, places) };
    let post_only = tif == TimeInForce::Gtx || o.is_some_and(|o| o.kind == OrderKind::LimitMaker);
    let updated = o.map(|o| o.updated_ms).or(row.algo.map(|a| a.updated_ms)).unwrap_or(0);
    let mut shown = json!({
        "orderId": ids::order_id(market, row.id),
        "orderLinkId": order::link_of(engine, row.id),
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
        "smpOrderId": "", "tpLimitPrice": "", "slLimitPrice": "",
        "placeType": "", "createdTime": row.created_ms().to_string(),
        "updatedTime": updated.to_string(),
    });
    // Spot orders do not have this field (v5 docs, order/open-order), and clients tell the markets
    // apart by it.
    if let (Market::Linear, Some(shown)) = (market, shown.as_object_mut()) {
        let bare = attached.take_profit.is_zero() && attached.stop_loss.is_zero();
        let closes = matches!(stop_type(row), "TakeProfit" | "StopLoss");
        let mode = if bare && !closes { "" } else { "Full" };
        shown.insert("tpslMode".to_owned(), mode.into());
    }
    shown
}

/// Commission of what an order has traded by then, in the asset it was paid in.
fn fees(engine: &Engine, order: &Order) -> Decimal {
    let Some(account) = engine.accounts.get(order.account) else { return Decimal::ZERO };
    let recent = account.trades.iter().rev().take_while(|t| t.time_ms >= order.created_ms);
    let own: Vec<&Trade> = recent.filter(|t| t.order_id == order.id).collect();
    let (mut traded, mut fees) = (Decimal::ZERO, Decimal::ZERO);
    for trade in own.into_iter().rev() {
        traded += trade.quantity;
        if traded > order.executed {
            break;
        }
        fees += trade.commission;
    }
    fees
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
