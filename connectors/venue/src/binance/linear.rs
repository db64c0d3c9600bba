//! Linear orders and trades (`/fapi/v1`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::errors::{
    ApiError, BAD_TIME_IN_FORCE, BAD_TYPE, BATCH_SIZE, INTERNAL, UNKNOWN_ORDER_ON_CANCEL,
    UNKNOWN_ORDER_ON_QUERY, USE_ALGO_ENDPOINT,
};
use super::json::{Fixed, LinearOrder, LinearTrade, exact, f8, write};
use super::params::Params;
use super::routes::LINEAR_ORDER;
use super::{Answer, Call};
use crate::engine::{
    Amendment, NewOrder, Order, OrderKind, PositionSide, Side, Status, TimeInForce,
};

/// Default self-trade prevention of the venue.
pub(super) const STP: &str = "EXPIRE_MAKER";

/// Most orders in a batch.
const MAX_BATCH: usize = 5;

pub(super) fn place(call: &mut Call<'_>) -> Answer {
    let result = call.result_wanted()?;
    let client_id = call.client_id("newClientOrderId")?;
    let new = parse(call, &client_id)?;
    let id = call.engine.place(&new).map_err(call.reject())?;
    let order = call.engine.orders.get(id).ok_or(INTERNAL)?;
    let mut shown = show(call, order);
    shown.cum_qty = Some(shown.executed_qty);
    if !result {
        // An acknowledgement says that the order has arrived, not what became of it.
        shown.status = Status::New;
        shown.executed_qty.0 = Decimal::ZERO;
        shown.cum_qty = Some(shown.executed_qty);
        shown.avg_price = None;
        shown.cum_quote = None;
    }
    write(&shown)
}

/// Up to five orders in one request, each with an answer of its own. Source: Binance's
/// documentation of `batchOrders` (USD-M trade endpoints).
pub(super) fn place_batch(call: &mut Call<'_>) -> Answer {
    let list = call.params.require("batchOrders")?;
    let orders: Vec<BTreeMap<Cow<'_, str>, &RawValue>> =
        serde_json::from_str(list).map_err(|_| ApiError::bad_value("batchOrders"))?;
    if !(1..=MAX_BATCH).contains(&orders.len()) {
        return Err(BATCH_SIZE);
    }
    let mut answers = Vec::with_capacity(orders.len());
    for order in &orders {
        let pairs = order.iter().map(|(name, value)| (name.as_ref(), value.get()));
        let answer = Params::from_json(pairs).and_then(|params| {
            params.only(LINEAR_ORDER)?;
            place(&mut Call {
                engine: &mut *call.engine,
                params: &params,
                limiter: &mut *call.limiter,
                listen_keys: &mut *call.listen_keys,
                rng: &mut *call.rng,
                cancel_ids: &mut *call.cancel_ids,
                account: call.account,
                market: call.market,
                server_ms: call.server_ms,
            })
        });
        let answer = answer.unwrap_or_else(|error| error.body());
        answers.push(String::from_utf8(answer).map_err(|_| INTERNAL)?);
    }
    Ok(format!("[{}]", answers.join(",")).into_bytes())
}

pub(super) fn test(call: &mut Call<'_>) -> Answer {
    let client_id = call.client_id("newClientOrderId")?;
    let new = parse(call, &client_id)?;
    call.engine.check(&new).map_err(call.reject())?;
    Ok(b"{}".to_vec())
}

pub(super) fn modify(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let side = call.side()?;
    let quantity = call.params.decimal("quantity")?.ok_or_else(|| ApiError::missing("quantity"))?;
    let price = call.params.decimal("price")?.ok_or_else(|| ApiError::missing("price"))?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_QUERY)?;
    if call.engine.orders.get(id).is_some_and(|o| o.side != side) {
        return Err(ApiError::bad_value("side"));
    }
    call.engine.amend(call.account, id, Amendment { quantity, price }).map_err(call.reject())?;
    let order = call.engine.orders.get(id).ok_or(INTERNAL)?;
    let mut shown = show(call, order);
    shown.cum_qty = Some(shown.executed_qty);
    write(&shown)
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_CANCEL)?;
    call.engine.cancel(call.account, id).map_err(|_| UNKNOWN_ORDER_ON_CANCEL)?;
    let order = call.engine.orders.get(id).ok_or(INTERNAL)?;
    let mut shown = show(call, order);
    shown.cum_qty = Some(shown.executed_qty);
    shown.avg_price = None;
    shown.cum_quote = None;
    write(&shown)
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    call.engine.cancel_all(call.account, instrument);
    write(&serde_json::json!({
        "code": 200,
        "msg": "The operation of cancel all open order is done.",
    }))
}

pub(super) fn query(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_QUERY)?;
    let order = call.engine.orders.get(id).ok_or(UNKNOWN_ORDER_ON_QUERY)?;
    write(&stored(call, order))
}

/// Like [`query`], but only while the order is open.
pub(super) fn query_open(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_QUERY)?;
    let order = call.engine.orders.get(id).filter(|o| o.status.is_open());
    write(&stored(call, order.ok_or(UNKNOWN_ORDER_ON_QUERY)?))
}

pub(super) fn open_orders(call: &mut Call<'_>) -> Answer {
    let instruments: Vec<usize> = match call.optional_instrument()? {
        Some(instrument) => vec![instrument],
        None => call.instruments().collect(),
    };
    let orders: Vec<_> = instruments
        .iter()
        .flat_map(|&i| call.engine.orders.open_of(call.account, i))
        .map(|order| stored(call, order))
        .collect();
    write(&orders)
}

pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let limit = call.limit(500, 1_000)?;
    let from = call.params.integer("orderId")?;
    let (start, end) = (call.params.integer("startTime")?, call.params.integer("endTime")?);
    let within = |o: &&Order| {
        start.is_none_or(|s| o.created_ms >= s) && end.is_none_or(|e| o.created_ms <= e)
    };
    let all = call.engine.orders.history(call.account, instrument, from.unwrap_or(0));
    let mut orders: Vec<&Order> = if from.is_some() || start.is_some() {
        all.filter(within).take(limit).collect()
    } else {
        all.rev().filter(within).take(limit).collect()
    };
    orders.sort_unstable_by_key(|o| o.id);
    write(&orders.into_iter().map(|o| stored(call, o)).collect::<Vec<_>>())
}

pub(super) fn trades(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let i = call.engine.instrument(instrument).map_err(call.reject())?;
    let (price_places, quantity_places) = (i.tick_decimals(), i.step_decimals());
    let shown: Vec<_> = call
        .selected_trades(instrument)?
        .into_iter()
        .map(|t| LinearTrade {
            buyer: t.side == Side::Buy,
            commission: f8(t.commission),
            commission_asset: t.commission_asset,
            id: t.id,
            maker: t.maker,
            order_id: t.order_id,
            price: exact(t.price, price_places),
            qty: exact(t.quantity, quantity_places),
            quote_qty: f8(t.price * t.quantity),
            realized_pnl: f8(t.realized),
            side: t.side,
            position_side: t.position_side,
            symbol: i.symbol,
            time: t.time_ms,
        })
        .collect();
    write(&shown)
}

/// The dead-man switch: cancels the symbol's open orders unless renewed in time; 0 disarms it.
pub(super) fn countdown(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let time =
        call.params.integer("countdownTime")?.ok_or_else(|| ApiError::missing("countdownTime"))?;
    let key = (call.account, instrument);
    if time == 0 {
        call.engine.countdowns.remove(&key);
    } else {
        let at = call.engine.now_ms().saturating_add(time);
        call.engine.countdowns.insert(key, at);
    }
    let symbol = call.params.require("symbol")?;
    write(&serde_json::json!({"symbol": symbol, "countdownTime": time.to_string()}))
}

impl Call<'_> {
    /// BOTH unless LONG or SHORT is named.
    pub(super) fn position_side(&self) -> Result<PositionSide, ApiError> {
        match self.params.get("positionSide")? {
            None | Some("BOTH") => Ok(PositionSide::Both),
            Some("LONG") => Ok(PositionSide::Long),
            Some("SHORT") => Ok(PositionSide::Short),
            Some(_) => Err(ApiError::bad_value("positionSide")),
        }
    }

    /// `newOrderRespType`: true for RESULT, false for ACK, the default.
    pub(super) fn result_wanted(&self) -> Result<bool, ApiError> {
        match self.params.get("newOrderRespType")? {
            None | Some("ACK") => Ok(false),
            Some("RESULT") => Ok(true),
            Some(_) => Err(ApiError::bad_value("newOrderRespType")),
        }
    }
}

/// Reads an order and checks which parameters its type wants and which it does not take.
fn parse<'p>(call: &Call<'_>, client_id: &'p str) -> Result<NewOrder<'p>, ApiError> {
    let p = call.params;
    let instrument = call.instrument()?;
    let side = call.side()?;
    let kind = match p.require("type")? {
        "MARKET" => OrderKind::Market,
        "LIMIT" => OrderKind::Limit,
        "STOP" | "STOP_MARKET" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" | "TRAILING_STOP_MARKET" => {
            return Err(USE_ALGO_ENDPOINT);
        }
        _ => return Err(BAD_TYPE),
    };
    let tif = match (p.get("timeInForce")?, kind) {
        (None, OrderKind::Limit) => return Err(ApiError::missing("timeInForce")),
        // Tolerated with market orders, where it means nothing.
        (None | Some("GTC"), _) => TimeInForce::Gtc,
        (Some(_), OrderKind::Market) => return Err(ApiError::unexpected("timeInForce")),
        (Some("IOC"), _) => TimeInForce::Ioc,
        (Some("FOK"), _) => TimeInForce::Fok,
        (Some("GTX"), _) => TimeInForce::Gtx,
        (Some(_), _) => return Err(BAD_TIME_IN_FORCE),
    };
    for name in ["stopPrice", "closePosition", "activationPrice", "callbackRate", "goodTillDate"] {
        if p.has(name) {
            return Err(ApiError::unexpected(name));
        }
    }
    if p.get("priceMatch")?.is_some_and(|v| v != "NONE") {
        return Err(ApiError::bad_value("priceMatch"));
    }
    let price = match (p.decimal("price")?, kind) {
        (None, OrderKind::Limit) => return Err(ApiError::missing("price")),
        (Some(_), OrderKind::Market) => return Err(ApiError::unexpected("price")),
        (value, _) => value.unwrap_or_default(),
    };
    Ok(NewOrder {
        account: call.account,
        instrument,
        side,
        kind,
        tif,
        quantity: p.decimal("quantity")?.ok_or_else(|| ApiError::missing("quantity"))?,
        quote_quantity: Decimal::ZERO,
        price,
        stop_price: Decimal::ZERO,
        trailing_delta: None,
        position_side: call.position_side()?,
        reduce_only: p.flag("reduceOnly")?,
        client_id,
    })
}

fn show<'o>(call: &Call<'_>, order: &'o Order) -> LinearOrder<'o> {
    let instrument = call.engine.instrument(order.instrument).ok();
    let (price, quantity) = instrument.map_or((8, 8), |i| (i.tick_decimals(), i.step_decimals()));
    LinearOrder {
        order_id: order.id,
        symbol: instrument.map_or("", |i| i.symbol),
        status: order.status,
        client_order_id: &order.client_id,
        price: Fixed(order.price, price),
        avg_price: Some(Fixed(order.average_price(), price + 4)),
        orig_qty: exact(order.quantity, quantity),
        executed_qty: exact(order.executed, quantity),
        cum_qty: None,
        cum_quote: Some(exact(order.quote_executed, price + quantity)),
        time_in_force: order.tif,
        kind: order.kind,
        reduce_only: order.reduce_only,
        close_position: false,
        side: order.side,
        position_side: order.position_side,
        stop_price: "0",
        working_type: "CONTRACT_PRICE",
        price_protect: false,
        orig_type: order.kind,
        price_match: "NONE",
        self_trade_prevention_mode: STP,
        good_till_date: 0,
        time: None,
        update_time: order.updated_ms,
    }
}

/// As queries show an order.
fn stored<'o>(call: &Call<'_>, order: &'o Order) -> LinearOrder<'o> {
    LinearOrder { time: Some(order.created_ms), ..show(call, order) }
}
