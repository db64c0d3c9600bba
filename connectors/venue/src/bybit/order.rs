//! Placing, amending and cancelling. Every answer is an acknowledgement: ids and nothing else.
//!
//! Source: protocol sheet for Bybit, sections 4 and 6.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::errors::{self, ApiError};
use super::params::Params;
use super::routes::Answer;
use super::spec::{Spec, Trigger, algo, new_order, parse};
use super::{Call, category, ids};
use crate::engine::{AlgoStatus, Amendment, Engine, Market, Reject};

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let spec = parse(call, call.params)?;
    Ok((submit(call, &spec)?, None))
}

/// Places an order that has been read; the acknowledgement.
pub(super) fn submit(call: &mut Call<'_>, spec: &Spec) -> Result<Value, ApiError> {
    let name = match &spec.link {
        Some(link) => {
            if call.desk.linked(call.account, spec.market, link).is_some() {
                call.engine.orders.count_refused_client_id();
                return Err(ApiError::duplicate_link(spec.market));
            }
            link.to_string()
        }
        None => call.desk.unnamed(),
    };
    let placed = match spec.trigger {
        Some(trigger) if spec.market == Market::Linear => {
            call.engine.place_algo(algo(call.account, spec, trigger, &name))
        }
        _ => {
            let new = new_order(call.account, spec, &name);
            match call.engine.place(&new) {
                // Accepted first, then killed.
                Err(Reject::WouldTake | Reject::FillOrKill) => Ok(call.engine.record_dead(&new)),
                other => other,
            }
        }
    };
    let id = placed.map_err(|reject| match (reject, spec.trigger) {
        (Reject::WouldTrigger, Some(Trigger { rising: true, .. })) => errors::RISES_TOO_LOW,
        (Reject::WouldTrigger, Some(_)) => errors::FALLS_TOO_HIGH,
        (reject, _) => ApiError::from_reject(spec.market, reject),
    })?;
    if let Some(link) = &spec.link {
        call.desk.link((call.account, spec.market, link.clone()), id);
    }
    if !spec.attached.take_profit.is_zero() || !spec.attached.stop_loss.is_zero() {
        call.desk.attached.insert(id, spec.attached);
    }
    Ok(ack(spec.market, id, spec.link.as_deref().unwrap_or_default()))
}

/// What an order would do to the margin rates, in hundredths of a percent, without placing it.
pub(super) fn pre_check(call: &mut Call<'_>) -> Answer {
    let spec = parse(call, call.params)?;
    if let Some(link) = &spec.link
        && call.desk.linked(call.account, spec.market, link).is_some()
    {
        return Err(ApiError::duplicate_link(spec.market));
    }
    if spec.trigger.is_none() {
        match call.engine.check(&new_order(call.account, &spec, "~pre-check")) {
            Ok(_) | Err(Reject::WouldTake | Reject::FillOrKill) => {}
            Err(reject) => return Err(ApiError::from_reject(spec.market, reject)),
        }
    }
    let mut notional = Decimal::ZERO;
    let mut leverage = Decimal::ONE;
    if spec.market == Market::Linear && !spec.reduce_only {
        let last = call.engine.last_price(spec.instrument);
        notional = if spec.price.is_zero() { last } else { spec.price } * spec.quantity;
        let settings =
            call.engine.account(call.account).ok().and_then(|a| a.linear.get(spec.instrument));
        leverage = Decimal::from(settings.map_or(1, |s| s.leverage.max(1)));
    }
    let margin = call.engine.margin(call.account);
    let maintenance = super::account::maintenance(call.engine, call.account);
    let more = call
        .engine
        .instrument(spec.instrument)
        .map_or(Decimal::ZERO, |i| i.maintenance_margin(notional));
    let rate = |part: Decimal| {
        let rate = part.checked_div(margin.wallet + margin.unrealized).unwrap_or_default();
        let scaled = (rate * Decimal::from(10_000)).round();
        rust_decimal::prelude::ToPrimitive::to_i64(&scaled).unwrap_or(0)
    };
    let initial = margin.position + margin.orders;
    let result = json!({
        "orderId": "", "orderLinkId": spec.link.as_deref().unwrap_or_default(),
        "preImrE4": rate(initial), "preMmrE4": rate(maintenance),
        "postImrE4": rate(initial + notional / leverage),
        "postMmrE4": rate(maintenance + more),
    });
    Ok((result, None))
}

pub(super) fn amend(call: &mut Call<'_>) -> Answer {
    Ok((change(call, call.params)?, None))
}

/// Amends the order that the parameters name; the acknowledgement.
pub(super) fn change(call: &mut Call<'_>, p: &Params<'_>) -> Result<Value, ApiError> {
    let market = category(p)?;
    let instrument = call.find(market, p.require("symbol")?)?;
    let id = named(call, p, market, Some(instrument))?;
    let (quantity, price, trigger) =
        (p.decimal("qty")?, p.decimal("price")?, p.decimal("triggerPrice")?);
    if quantity.is_none() && price.is_none() && trigger.is_none() {
        return Err(ApiError::missing("qty, price or triggerPrice"));
    }
    let account = call.account;
    let refuse = |reject| ApiError::from_reject(market, reject);
    if let Some(algo) = call.engine.algos.get(id).filter(|a| a.status == AlgoStatus::New) {
        let rising = algo.order.kind.rises(algo.order.side);
        let amended = call.engine.amend_algo(account, id, [trigger, quantity, price]);
        amended.map_err(|reject| match reject {
            Reject::WouldTrigger if rising => errors::RISES_TOO_LOW,
            Reject::WouldTrigger => errors::FALLS_TOO_HIGH,
            reject => refuse(reject),
        })?;
    } else {
        let id = working(call.engine, id);
        let order = call.engine.orders.get(id).ok_or(ApiError::unknown_order(market))?;
        let change = Amendment {
            quantity: quantity.unwrap_or(order.quantity),
            price: price.unwrap_or(order.price),
        };
        match call.engine.amend(account, id, change) {
            // A post-only order that would now take is killed.
            Err(Reject::WouldTake) => call.engine.cancel(account, id).map_err(refuse)?,
            other => other.map_err(refuse)?,
        }
    }
    Ok(ack(market, id, link_of(call.engine, id)))
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    Ok((revoke(call, call.params)?, None))
}

/// Cancels the order that the parameters name; the acknowledgement.
pub(super) fn revoke(call: &mut Call<'_>, p: &Params<'_>) -> Result<Value, ApiError> {
    let market = category(p)?;
    let instrument = call.find(market, p.require("symbol")?)?;
    let id = named(call, p, market, Some(instrument))?;
    let done = kill(call.engine, call.account, id);
    done.map_err(|_| ApiError::unknown_order(market))?;
    Ok(ack(market, id, link_of(call.engine, id)))
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let p = call.params;
    let named = ["symbol", "baseCoin", "settleCoin"];
    let mut any = false;
    for name in named {
        any |= p.text(name)?.is_some();
    }
    if market == Market::Linear && !any {
        return Err(ApiError::missing("symbol or settleCoin or baseCoin"));
    }
    let filter = p.text("orderFilter")?;
    let (plain, conditional) = match (filter, market) {
        (None, Market::Linear) => (true, true),
        (None | Some("Order"), _) => (true, false),
        (Some("StopOrder" | "tpslOrder"), _) => (false, true),
        (Some(_), _) => return Err(ApiError::bad("orderFilter")),
    };
    let mut ids = Vec::new();
    for instrument in call.selected(market)? {
        let orders = call.engine.orders.open_of(call.account, instrument);
        ids.extend(orders.filter(|o| if o.working { plain } else { conditional }).map(|o| o.id));
        if conditional {
            let algos = call.engine.algos.open_of(call.account, Some(instrument));
            ids.extend(algos.map(|a| a.id));
        }
    }
    let mut list = Vec::with_capacity(ids.len());
    for id in ids {
        if kill(call.engine, call.account, id).is_ok() {
            let shown = origin(call.engine, id);
            list.push(ack(market, shown, link_of(call.engine, shown)));
        }
    }
    Ok((json!({ "list": list, "success": "1" }), None))
}

/// The id shown for an order: that of the conditional order it came from, or its own.
pub(super) fn origin(engine: &Engine, id: u64) -> u64 {
    let order = engine.orders.get(id);
    let algo = order.and_then(|o| engine.algos.by_client(o.account, &o.client_id));
    algo.filter(|a| a.actual_order == id).map_or(id, |a| a.id)
}

/// The order a conditional one has become, or the order itself.
pub(super) fn working(engine: &Engine, id: u64) -> u64 {
    match engine.algos.get(id) {
        Some(algo) if algo.actual_order != 0 => algo.actual_order,
        _ => id,
    }
}

/// The customer's own id of an order; empty when none was given.
pub(super) fn link_of(engine: &Engine, id: u64) -> &str {
    let name = match engine.algos.get(id) {
        Some(algo) => &*algo.order.client_id,
        None => engine.orders.get(id).map_or("", |o| &*o.client_id),
    };
    if name.starts_with('~') { "" } else { name }
}

/// The order that `orderId` or, without it, `orderLinkId` names, of this account and market.
pub(super) fn named(
    call: &Call<'_>,
    p: &Params<'_>,
    market: Market,
    instrument: Option<usize>,
) -> Result<u64, ApiError> {
    let id = match (p.text("orderId")?, p.text("orderLinkId")?) {
        (Some(text), _) => ids::engine_id(market, text),
        (None, Some(link)) => call.desk.linked(call.account, market, link),
        (None, None) => return Err(ApiError::missing("orderId or orderLinkId")),
    };
    let id = id.ok_or_else(|| ApiError::unknown_order(market))?;
    let owner = match call.engine.algos.get(id) {
        Some(algo) => Some((algo.order.account, algo.order.instrument)),
        None => call.engine.orders.get(id).map(|o| (o.account, o.instrument)),
    };
    match owner {
        Some((account, i)) if account == call.account && instrument.is_none_or(|n| n == i) => {
            Ok(id)
        }
        _ => Err(ApiError::unknown_order(market)),
    }
}

fn kill(engine: &mut Engine, account: usize, id: u64) -> Result<(), Reject> {
    if engine.algos.get(id).is_some_and(|a| a.status == AlgoStatus::New) {
        return engine.cancel_algo(account, id);
    }
    let id = working(engine, id);
    engine.cancel(account, id)
}

fn ack(market: Market, id: u64, link: &str) -> Value {
    json!({ "orderId": ids::order_id(market, id), "orderLinkId": link })
}
