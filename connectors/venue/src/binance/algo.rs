//! Conditional orders (`/fapi/v1/algoOrder`).
//!
//! Source: protocol sheet for Binance, section 4 and the `linear_algo_order_*` samples.

use rust_decimal::Decimal;
use serde::Serialize;

use super::errors::{
    ApiError, BAD_CALLBACK_RATE, BAD_TIME_IN_FORCE, BAD_TYPE, INTERNAL, UNKNOWN_ORDER_ON_CANCEL,
    UNKNOWN_ORDER_ON_QUERY,
};
use super::json::{Fixed, exact, write};
use super::linear::STP;
use super::{Answer, Call};
use crate::engine::{
    Algo, AlgoKind, AlgoStatus, NewAlgo, OrderKind, PositionSide, Side, TimeInForce,
};

pub(super) fn place(call: &mut Call<'_>) -> Answer {
    let client_id = call.client_id("clientAlgoId")?;
    call.result_wanted()?;
    let new = parse(call, client_id)?;
    let id = call.engine.place_algo(new).map_err(call.reject())?;
    let algo = call.engine.algos.get(id).ok_or(INTERNAL)?;
    write(&show(call, algo, false))
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let id = named(call, UNKNOWN_ORDER_ON_CANCEL)?;
    call.engine.cancel_algo(call.account, id).map_err(|_| UNKNOWN_ORDER_ON_CANCEL)?;
    let client_id = call.engine.algos.get(id).map(|a| a.order.client_id.clone());
    write(&serde_json::json!({
        "algoId": id,
        "clientAlgoId": client_id,
        "code": "200",
        "msg": "success",
    }))
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    call.engine.cancel_all_algos(call.account, instrument);
    write(&serde_json::json!({
        "code": 200,
        "msg": "The operation of cancel all open order is done.",
    }))
}

pub(super) fn query(call: &mut Call<'_>) -> Answer {
    let id = named(call, UNKNOWN_ORDER_ON_QUERY)?;
    let algo = call.engine.algos.get(id).ok_or(UNKNOWN_ORDER_ON_QUERY)?;
    write(&show(call, algo, true))
}

pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let wanted = call.optional_instrument()?;
    let shown: Vec<_> = call
        .engine
        .algos
        .open_of(call.account, wanted)
        .map(|algo| show(call, algo, true))
        .collect();
    write(&shown)
}

/// A conditional order as shown to its owner.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    algo_id: u64,
    client_algo_id: &'a str,
    algo_type: &'static str,
    order_type: AlgoKind,
    symbol: &'static str,
    side: Side,
    position_side: PositionSide,
    time_in_force: TimeInForce,
    quantity: Fixed,
    algo_status: AlgoStatus,
    #[serde(flatten)]
    actual: Option<Actual>,
    trigger_price: Fixed,
    price: Fixed,
    /// The venue sends the word, in quotes.
    iceberg_quantity: &'static str,
    self_trade_prevention_mode: &'static str,
    working_type: &'static str,
    price_match: &'static str,
    close_position: bool,
    price_protect: bool,
    reduce_only: bool,
    activate_price: String,
    callback_rate: String,
    create_time: u64,
    update_time: u64,
    trigger_time: u64,
    good_till_date: u64,
}

/// What queries add about the order that was placed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Actual {
    /// Empty until triggered.
    actual_order_id: String,
    actual_price: Fixed,
    actual_type: OrderKind,
    actual_qty: Fixed,
    tp_order_type: &'static str,
}

fn show<'a>(call: &Call<'_>, algo: &'a Algo, with_actual: bool) -> Shown<'a> {
    let o = &algo.order;
    let instrument = call.engine.instrument(o.instrument).ok();
    let (price, quantity) = instrument.map_or((8, 8), |i| (i.tick_decimals(), i.step_decimals()));
    let actual = with_actual.then(|| {
        let order = call.engine.orders.get(algo.actual_order);
        Actual {
            actual_order_id: order.map(|a| a.id.to_string()).unwrap_or_default(),
            actual_price: Fixed(order.map_or(Decimal::ZERO, |a| a.average_price()), price + 4),
            actual_type: if o.kind.has_price() { OrderKind::Limit } else { OrderKind::Market },
            actual_qty: exact(order.map_or(o.quantity, |a| a.quantity), quantity),
            tp_order_type: "",
        }
    });
    let text = |value: Decimal| {
        if value.is_zero() { String::new() } else { value.normalize().to_string() }
    };
    Shown {
        algo_id: algo.id,
        client_algo_id: &o.client_id,
        algo_type: "CONDITIONAL",
        order_type: o.kind,
        symbol: instrument.map_or("", |i| i.symbol),
        side: o.side,
        position_side: o.position_side,
        time_in_force: o.tif,
        quantity: exact(o.quantity, quantity),
        algo_status: call.engine.algo_status(algo),
        actual,
        trigger_price: Fixed(o.trigger_price, price),
        price: Fixed(o.price, price),
        iceberg_quantity: "null",
        self_trade_prevention_mode: STP,
        working_type: if o.by_mark { "MARK_PRICE" } else { "CONTRACT_PRICE" },
        price_match: "NONE",
        close_position: o.close_position,
        price_protect: o.price_protect,
        reduce_only: o.reduce_only,
        activate_price: text(o.activate_price),
        callback_rate: text(o.callback_rate),
        create_time: algo.created_ms,
        update_time: algo.updated_ms,
        trigger_time: algo.triggered_ms,
        good_till_date: 0,
    }
}

/// The conditional order named by `algoId` or `clientAlgoId`.
fn named(call: &Call<'_>, missing: ApiError) -> Result<u64, ApiError> {
    let found = match call.params.integer("algoId")? {
        Some(id) => call.engine.algos.get(id).filter(|a| a.order.account == call.account),
        None => {
            let Some(id) = call.params.get("clientAlgoId")? else {
                return Err(ApiError::missing("algoId"));
            };
            call.engine.algos.by_client(call.account, id)
        }
    };
    found.map(|a| a.id).ok_or(missing)
}

fn parse(call: &Call<'_>, client_id: String) -> Result<NewAlgo, ApiError> {
    let p = call.params;
    if p.require("algoType")? != "CONDITIONAL" {
        return Err(ApiError::bad_value("algoType"));
    }
    let instrument = call.instrument()?;
    let side = call.side()?;
    let kind = match p.require("type")? {
        "STOP" => AlgoKind::Stop,
        "STOP_MARKET" => AlgoKind::StopMarket,
        "TAKE_PROFIT" => AlgoKind::TakeProfit,
        "TAKE_PROFIT_MARKET" => AlgoKind::TakeProfitMarket,
        "TRAILING_STOP_MARKET" => AlgoKind::TrailingStopMarket,
        _ => return Err(BAD_TYPE),
    };
    let tif = match p.get("timeInForce")? {
        None | Some("GTC") => TimeInForce::Gtc,
        Some("IOC") => TimeInForce::Ioc,
        Some("FOK") => TimeInForce::Fok,
        Some("GTX") => TimeInForce::Gtx,
        Some(_) => return Err(BAD_TIME_IN_FORCE),
    };
    let trailing = kind == AlgoKind::TrailingStopMarket;
    let close_position = p.flag("closePosition")?;
    let reduce_only = p.flag("reduceOnly")?;
    if close_position {
        if !matches!(kind, AlgoKind::StopMarket | AlgoKind::TakeProfitMarket) {
            return Err(ApiError::unexpected("closePosition"));
        }
        for name in ["quantity", "reduceOnly"] {
            if p.has(name) {
                return Err(ApiError::unexpected(name));
            }
        }
    }
    let wanted = |name: &str, takes: bool, must: bool| match p.decimal(name)? {
        Some(_) if !takes => Err(ApiError::unexpected(name)),
        None if must => Err(ApiError::missing(name)),
        value => Ok(value.unwrap_or_default()),
    };
    let callback_rate = wanted("callbackRate", trailing, trailing)?;
    if trailing && !(Decimal::new(1, 1)..=Decimal::TEN).contains(&callback_rate) {
        return Err(BAD_CALLBACK_RATE);
    }
    if p.get("priceMatch")?.is_some_and(|v| v != "NONE") {
        return Err(ApiError::bad_value("priceMatch"));
    }
    Ok(NewAlgo {
        account: call.account,
        instrument,
        client_id: client_id.into(),
        side,
        kind,
        tif,
        quantity: wanted("quantity", true, !close_position)?,
        price: wanted("price", kind.has_price(), kind.has_price())?,
        trigger_price: wanted("triggerPrice", !trailing, !trailing)?,
        position_side: call.position_side()?,
        reduce_only,
        close_position,
        activate_price: wanted("activatePrice", trailing, false)?,
        callback_rate,
        by_mark: match p.get("workingType")? {
            None | Some("CONTRACT_PRICE") => false,
            Some("MARK_PRICE") => true,
            Some(_) => return Err(ApiError::bad_value("workingType")),
        },
        price_protect: p.flag("priceProtect")?,
    })
}
