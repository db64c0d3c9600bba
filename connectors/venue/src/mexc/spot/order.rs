//! Placing and cancelling spot orders. Source: protocol sheet for MEXC, sections 2, 4 and 8.
//!
//! A placement is acknowledged without status; order types carry the time in force.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::errors::{self, ApiError};
use super::super::{legal_id, plain};
use super::query::{order_id, show};
use super::{Call, Params};
use crate::engine::{Filter, Market, NewOrder, OrderKind, PositionSide, Reject, Side, TimeInForce};

const MAX_CLIENT_ID: usize = 32;
/// Market orders: the largest value in the quote asset.
pub(super) const MARKET_MAX_QUOTE: i64 = 200_000;
/// Orders in one request.
const MAX_BATCH: usize = 20;

pub(super) fn place(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let params = std::mem::take(&mut call.params);
    submit(call, &params)
}

/// A list of orders in one parameter, all of one symbol; each has its own result.
pub(super) fn batch(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let orders = call.require("batchOrders")?;
    let Ok(Value::Array(orders)) = serde_json::from_str::<Value>(orders) else {
        return Err(ApiError::bad("batchOrders"));
    };
    if orders.is_empty() || orders.len() > MAX_BATCH {
        return Err(ApiError::bad("batchOrders"));
    }
    let orders = orders.iter().map(Params::of).collect::<Result<Vec<_>, _>>()?;
    let mut symbols = orders.iter().map(|p| p.get("symbol"));
    let first = symbols.next().flatten().ok_or_else(|| ApiError::missing("symbol"))?;
    if symbols.any(|s| s != Some(first)) {
        return Err(ApiError::bad("symbol"));
    }
    let results = orders.iter().map(|params| {
        let name = params.get("newClientOrderId");
        match submit(call, params) {
            Ok(ack) => json!({
                "symbol": ack.get("symbol"), "orderId": ack.get("orderId"), "orderListId": -1,
                "newClientOrderId": name,
            }),
            Err(e) => json!({ "newClientOrderId": name, "msg": e.msg, "code": e.code }),
        }
    });
    Ok(results.collect())
}

pub(super) fn test(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let new = parse(call, &call.params, "~test")?;
    match call.engine.check(&new) {
        Ok(_) | Err(Reject::WouldTake) => Ok(json!({})),
        Err(reject) => Err(ApiError::from_reject(Market::Spot, new.side, reject)),
    }
}

pub(super) fn cancel(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let instrument = call.instrument()?;
    let id = call.named(instrument, errors::UNKNOWN_ON_CANCEL)?;
    call.engine.cancel(call.account, id).map_err(|_| errors::UNKNOWN_ON_CANCEL)?;
    show(call.engine, id).ok_or(errors::UNKNOWN_ON_CANCEL)
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let symbols: Vec<&str> = call.require("symbol")?.split(',').collect();
    if symbols.len() > 5 {
        return Err(ApiError::bad("symbol"));
    }
    let found: Result<Vec<usize>, _> = symbols.iter().map(|s| call.find_symbol(s)).collect();
    let mut cancelled = Vec::new();
    for instrument in found? {
        cancelled.extend(call.engine.cancel_all(call.account, instrument));
    }
    Ok(cancelled.into_iter().filter_map(|id| show(call.engine, id)).collect())
}

fn submit(call: &mut Call<'_>, params: &Params<'_>) -> Result<Value, ApiError> {
    let name = match params.get("newClientOrderId") {
        Some(id) if id.len() <= MAX_CLIENT_ID && legal_id(id) => id.to_owned(),
        Some(_) => return Err(ApiError::bad("newClientOrderId")),
        None => call.front.unnamed(),
    };
    let new = parse(call, params, &name)?;
    let id = match call.engine.place(&new) {
        // Accepted first, then killed: the acknowledgement knows no status.
        Err(Reject::WouldTake) => Ok(call.engine.record_dead(&new)),
        other => other,
    };
    let id = id.map_err(|reject| ApiError::from_reject(Market::Spot, new.side, reject))?;
    let quantity = call.engine.orders.get(id).map_or(new.quantity, |o| o.quantity);
    Ok(json!({
        "symbol": params.require("symbol")?, "orderId": order_id(id), "orderListId": -1,
        "price": plain(new.price), "origQty": plain(quantity), "type": params.require("type")?,
        "side": params.require("side")?, "transactTime": call.server_ms,
    }))
}

fn parse<'n>(
    call: &Call<'_>,
    params: &Params<'_>,
    name: &'n str,
) -> Result<NewOrder<'n>, ApiError> {
    let instrument = call.find_symbol(params.require("symbol")?)?;
    let side = match params.require("side")? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(ApiError::bad("side")),
    };
    let (kind, tif) = match params.require("type")? {
        "LIMIT" | "LIMIT_ORDER" => (OrderKind::Limit, TimeInForce::Gtc),
        "MARKET" => (OrderKind::Market, TimeInForce::Gtc),
        "LIMIT_MAKER" => (OrderKind::LimitMaker, TimeInForce::Gtc),
        "IMMEDIATE_OR_CANCEL" => (OrderKind::Limit, TimeInForce::Ioc),
        "FILL_OR_KILL" => (OrderKind::Limit, TimeInForce::Fok),
        _ => return Err(ApiError::bad("type")),
    };
    let by_quote = kind == OrderKind::Market && side == Side::Buy;
    let amount = |name: &'static str, wanted: bool| match params.decimal(name)? {
        Some(value) if wanted && value.is_zero() => Err(ApiError::bad(name)),
        Some(value) if wanted => Ok(value),
        None if wanted => Err(ApiError::missing(name)),
        _ => Ok(Decimal::ZERO),
    };
    let new = NewOrder {
        account: call.account,
        instrument,
        side,
        kind,
        tif,
        quantity: amount("quantity", !by_quote)?,
        quote_quantity: amount("quoteOrderQty", by_quote)?,
        price: amount("price", kind.has_price())?,
        stop_price: Decimal::ZERO,
        trailing_delta: None,
        position_side: PositionSide::Both,
        reduce_only: false,
        client_id: name,
    };
    if kind == OrderKind::Market {
        let value = new.quote_quantity + new.quantity * call.engine.last_price(instrument);
        if value > Decimal::from(MARKET_MAX_QUOTE) {
            let reject = Reject::Filter(Filter::NotionalMax, Decimal::ZERO);
            return Err(ApiError::from_reject(Market::Spot, side, reject));
        }
    }
    Ok(new)
}
