//! Plan orders: they wait for a trigger price and then become ordinary orders. Source: protocol
//! sheet for MEXC, section 5 ("trigger order"); states as in the venue's list of them: 1 waiting,
//! 2 cancelled, 3 executed, 4 lapsed, 5 failed.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::super::errors::{self, ApiError};
use super::super::{Answer, client_id};
use super::order::{execution, limit_price, terms};
use super::query::{side_code, type_code};
use super::{Call, Num, contracts, engine_id, order_id, settings, write};
use crate::engine::{
    Algo, AlgoKind, AlgoStatus, Engine, Market, NewAlgo, OrderKind, PositionSide, Side,
};

const DAY_MS: u64 = 86_400_000;

/// What the venue remembers about plan orders beside the engine.
#[derive(Debug, Default)]
pub(in crate::mexc) struct Plans {
    plans: HashMap<u64, Plan>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    /// When it lapses.
    ends_ms: u64,
    cycle: u32,
    trend: u32,
    lapsed: bool,
}

pub(super) fn place(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let (kind, tif) = execution(f.integer("orderType")?)?;
    let price = limit_price(&f, kind)?;
    let rising = match f.integer("triggerType")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(errors::F_PARAMS),
    };
    let cycle = f.integer("executeCycle")?.ok_or(errors::F_PARAMS)?;
    let days = match cycle {
        1 => 1,
        2 => 7,
        _ => return Err(errors::F_PARAMS),
    };
    let trend = f.integer("trend")?.filter(|t| (1..=3).contains(t)).ok_or(errors::F_PARAMS)?;
    let trigger_price = f.decimal("triggerPrice")?.ok_or(errors::F_PARAMS)?;
    let t = terms(call, &f)?;
    let (instrument, side) = (t.instrument, t.side);
    if !t.closes {
        settings::prepare(call, instrument, t.isolated, t.leverage)?;
    }
    let placed = call.engine.place_algo(NewAlgo {
        account: call.account,
        instrument,
        client_id: t.client_id.as_str().into(),
        side,
        kind: AlgoKind::of(side, rising, kind == OrderKind::Limit),
        tif,
        quantity: t.quantity,
        price,
        trigger_price,
        position_side: t.position_side,
        reduce_only: t.reduce_only,
        close_position: false,
        activate_price: Decimal::ZERO,
        callback_rate: Decimal::ZERO,
        by_mark: trend == 2,
        price_protect: false,
    });
    let id = placed.map_err(|reject| ApiError::from_reject(Market::Linear, side, reject))?;
    let plan = Plan { ends_ms: call.server_ms + days * DAY_MS, cycle, trend, lapsed: false };
    call.front.plans.plans.insert(id, plan);
    write(order_id(id))
}

/// A list of `{symbol, orderId}`, or of bare ids. UNVERIFIED: what is answered when one of them is
/// not waiting; here the first such refusal, after the others have been cancelled.
pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let rows: Vec<serde_json::Value> =
        serde_json::from_slice(call.body).map_err(|_| errors::F_PARAMS)?;
    if rows.is_empty() || rows.len() > super::MAX_BATCH {
        return Err(errors::F_PARAMS);
    }
    let mut refused = None;
    for row in rows {
        let text = row.get("orderId").unwrap_or(&row).to_string();
        let algo = engine_id(&text).and_then(|id| call.engine.algos.get(id));
        let id = algo.filter(|a| a.order.account == call.account).map(|a| a.id);
        match id.map(|id| call.engine.cancel_algo(call.account, id)) {
            Some(Ok(())) => {}
            Some(Err(_)) => refused = refused.or(Some(errors::F_NOT_CANCELLABLE)),
            None => refused = refused.or(Some(errors::F_ORDER_GONE)),
        }
    }
    refused.map_or_else(|| write(()), Err)
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let instruments = call.selected(f.text("symbol"))?;
    let open = call.engine.algos.open_of(call.account, None);
    let ids: Vec<u64> = open
        .filter(|a| instruments.contains(&a.order.instrument) && is_plan(a))
        .map(|a| a.id)
        .collect();
    for id in ids {
        // It was open a moment ago.
        let _ = call.engine.cancel_algo(call.account, id);
    }
    write(())
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let (skip, take) = call.page()?;
    let states: Option<Vec<&str>> = call.get("states").map(|s| s.split(',').collect());
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let instruments = call.selected(call.get("symbol"))?;
    let (engine, plans) = (&*call.engine, &call.front.plans);
    let found = engine.algos.all_of(call.account).into_iter().rev().filter(|a| {
        is_plan(a)
            && instruments.contains(&a.order.instrument)
            && states.as_ref().is_none_or(|s| s.contains(&state(plans, a).to_string().as_str()))
            && start.is_none_or(|s| a.created_ms >= s)
            && end.is_none_or(|e| a.created_ms <= e)
    });
    let rows = found.skip(skip).take(take).filter_map(|a| show(engine, plans, a));
    write(rows.collect::<Vec<_>>())
}

/// Ends plan orders whose cycle is over.
pub(in crate::mexc) fn lapse(engine: &mut Engine, plans: &mut Plans, now_ms: u64) {
    let Plans { plans } = plans;
    plans.retain(|&id, plan| {
        let Some(algo) = engine.algos.get(id) else { return false };
        if algo.status == AlgoStatus::New && now_ms >= plan.ends_ms {
            let account = algo.order.account;
            plan.lapsed = engine.cancel_algo(account, id).is_ok();
        }
        true
    });
}

/// A plan order as customers see it, in queries and pushes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Shown<'a> {
    id: String,
    symbol: &'static str,
    leverage: u32,
    side: u8,
    trigger_price: Num,
    price: Num,
    vol: Num,
    open_type: u8,
    trigger_type: u8,
    state: u8,
    execute_cycle: u32,
    trend: u32,
    error_code: u8,
    /// The order it has become; 0 before.
    order_id: String,
    order_type: u8,
    external_oid: Option<&'a str>,
    position_mode: u8,
    create_time: u64,
    update_time: u64,
}

pub(in crate::mexc) fn show<'a>(engine: &Engine, plans: &Plans, a: &'a Algo) -> Option<Shown<'a>> {
    let i = engine.instruments.get(a.order.instrument)?;
    let settings = engine.account(a.order.account).ok()?.linear.get(a.order.instrument)?;
    let plan = plans.plans.get(&a.id);
    let hedge = a.order.position_side != PositionSide::Both;
    let closes = match a.order.position_side {
        PositionSide::Both => a.order.reduce_only,
        PositionSide::Long => a.order.side == Side::Sell,
        PositionSide::Short => a.order.side == Side::Buy,
    };
    Some(Shown {
        id: order_id(a.id),
        symbol: i.symbol,
        leverage: settings.leverage,
        side: side_code(a.order.side, closes),
        trigger_price: Num(a.order.trigger_price),
        price: Num(a.order.price),
        vol: contracts(i, a.order.quantity),
        open_type: if settings.isolated { 1 } else { 2 },
        trigger_type: if a.order.kind.rises(a.order.side) { 1 } else { 2 },
        state: state(plans, a),
        execute_cycle: plan.map_or(1, |p| p.cycle),
        trend: plan.map_or(1, |p| p.trend),
        error_code: 0,
        order_id: if a.actual_order == 0 { "0".to_owned() } else { order_id(a.actual_order) },
        order_type: type_code(!a.order.kind.has_price(), a.order.tif),
        external_oid: client_id(&a.order.client_id),
        position_mode: if hedge { 1 } else { 2 },
        create_time: a.created_ms,
        update_time: a.updated_ms,
    })
}

/// Whether a conditional order is a plan order: take profits and stop losses are the venue's own.
pub(in crate::mexc) fn is_plan(algo: &Algo) -> bool {
    !algo.order.client_id.starts_with(super::stops::PREFIX)
}

fn state(plans: &Plans, a: &Algo) -> u8 {
    match a.status {
        AlgoStatus::New => 1,
        _ if plans.plans.get(&a.id).is_some_and(|p| p.lapsed) => 4,
        AlgoStatus::Canceled => 2,
        AlgoStatus::Triggered | AlgoStatus::Finished => 3,
        AlgoStatus::Expired | AlgoStatus::Rejected => 5,
    }
}
