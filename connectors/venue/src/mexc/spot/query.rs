//! Looking at spot orders and trades. Source: protocol sheet for MEXC, sections 4 and 8.

use serde_json::{Value, json};

use super::super::errors::{self, ApiError};
use super::super::{client_id, plain};
use super::{Call, ID_PREFIX};
use crate::engine::{Engine, Order, OrderKind, Side, Status, TimeInForce, Trade};

pub(super) fn order(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let id = call.named(instrument, errors::UNKNOWN_ON_QUERY)?;
    show(call.engine, id).ok_or(errors::UNKNOWN_ON_QUERY)
}

pub(super) fn open_orders(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let open = call.engine.orders.open_of(call.account, instrument);
    Ok(open.filter_map(|o| show(call.engine, o.id)).collect())
}

pub(super) fn all_orders(call: &mut Call<'_>) -> Result<Value, ApiError> {
    const DAY_MS: u64 = 86_400_000;
    let instrument = call.instrument()?;
    let limit = call.params.limit(500, 1_000)?;
    let end = call.params.integer("endTime")?.unwrap_or(u64::MAX);
    // The last day by default, and never more than a week back.
    let oldest = call.engine.now_ms().saturating_sub(7 * DAY_MS);
    let day = call.engine.now_ms().saturating_sub(DAY_MS);
    let start = call.params.integer("startTime")?.unwrap_or(day).max(oldest);
    let all = call.engine.orders.history(call.account, instrument, 0).rev();
    let within = all.filter(|o| (start..=end).contains(&o.created_ms));
    Ok(within.take(limit).filter_map(|o| show(call.engine, o.id)).collect())
}

pub(super) fn my_trades(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let limit = call.params.limit(100, 100)?;
    let order = match call.get("orderId") {
        Some(_) => Some(call.named(instrument, errors::UNKNOWN_ON_QUERY)?),
        None => None,
    };
    let (start, end) = (call.params.integer("startTime")?, call.params.integer("endTime")?);
    let account = call.engine.account(call.account).map_err(|_| errors::NO_PERMISSION)?;
    let trades = account.trades.iter().rev().filter(|t| {
        t.instrument == instrument
            && order.is_none_or(|id| id == t.order_id)
            && start.is_none_or(|s| t.time_ms >= s)
            && end.is_none_or(|e| t.time_ms <= e)
    });
    let show = |t: &Trade| {
        let i = call.engine.instruments.get(t.instrument)?;
        let name = call.engine.orders.get(t.order_id).and_then(|o| client_id(&o.client_id));
        Some(json!({
            "symbol": i.symbol, "id": t.id.to_string(), "orderId": order_id(t.order_id),
            "orderListId": -1, "price": plain(t.price), "qty": plain(t.quantity),
            "quoteQty": plain(t.price * t.quantity), "commission": plain(t.commission),
            "commissionAsset": t.commission_asset, "time": t.time_ms,
            "isBuyer": t.side == Side::Buy, "isMaker": t.maker, "isBestMatch": true,
            "isSelfTrade": false, "clientOrderId": name,
        }))
    };
    Ok(trades.take(limit).filter_map(show).collect())
}

pub(super) fn show(engine: &Engine, id: u64) -> Option<Value> {
    let o: &Order = engine.orders.get(id)?;
    let i = engine.instruments.get(o.instrument)?;
    let partly = !o.executed.is_zero();
    let status = match o.status {
        Status::New => "NEW",
        Status::PartiallyFilled => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Canceled | Status::Expired if partly => "PARTIALLY_CANCELED",
        Status::Canceled | Status::Expired => "CANCELED",
    };
    let kind = match (o.kind, o.tif) {
        (OrderKind::Market, _) => "MARKET",
        (OrderKind::LimitMaker, _) => "LIMIT_MAKER",
        (_, TimeInForce::Ioc) => "IMMEDIATE_OR_CANCEL",
        (_, TimeInForce::Fok) => "FILL_OR_KILL",
        _ => "LIMIT",
    };
    Some(json!({
        "symbol": i.symbol, "orderId": order_id(o.id), "orderListId": -1,
        "clientOrderId": client_id(&o.client_id), "price": plain(o.price),
        "origQty": plain(o.quantity), "executedQty": plain(o.executed),
        "cummulativeQuoteQty": plain(o.quote_executed), "status": status, "timeInForce": null,
        "type": kind, "side": o.side, "stopPrice": null, "time": o.created_ms,
        "updateTime": o.updated_ms, "isWorking": true,
        "origQuoteOrderQty": plain(o.quote_quantity),
    }))
}

pub(in crate::mexc) fn order_id(id: u64) -> String {
    format!("{ID_PREFIX}{id:017}")
}
