//! Placing, amending and cancelling. Every answer is an acknowledgement: ids and nothing else.
//!
//! Source: protocol sheet for Bybit, sections 4 and 6.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::errors::{self, ApiError};
use super::params::Params;
use super::routes::Answer;
use super::stops::Attached;
use super::{Call, category, ids};
use crate::engine::{
    AlgoKind, AlgoStatus, Amendment, Engine, Market, NewAlgo, NewOrder, OrderKind, PositionSide,
    Reject, Side, TimeInForce,
};

/// Longest `orderLinkId`.
const MAX_LINK: usize = 36;

/// An order as requested, read and checked in itself.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) market: Market,
    instrument: usize,
    side: Side,
    kind: OrderKind,
    tif: TimeInForce,
    quantity: Decimal,
    quote_quantity: Decimal,
    price: Decimal,
    position_side: PositionSide,
    reduce_only: bool,
    close_position: bool,
    trigger: Option<Trigger>,
    attached: Attached,
    link: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Trigger {
    price: Decimal,
    rising: bool,
    by_mark: bool,
}

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
    let market = call.market()?;
    let instrument = call.instrument(market)?;
    let p = call.params;
    let id = named(call, market, Some(instrument))?;
    let (quantity, price, trigger) =
        (p.decimal("qty")?, p.decimal("price")?, p.decimal("triggerPrice")?);
    if quantity.is_none() && price.is_none() && trigger.is_none() {
        return Err(ApiError::missing("qty, price or triggerPrice"));
    }
    let account = call.account;
    let refuse = |reject| ApiError::from_reject(market, reject);
    if let Some(algo) = call.engine.algos.get(id).filter(|a| a.status == AlgoStatus::New) {
        let rising = rises(algo.order.kind, algo.order.side);
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
    Ok((ack(market, id, link_of(call.engine, id)), None))
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let instrument = call.instrument(market)?;
    let id = named(call, market, Some(instrument))?;
    let done = kill(call.engine, call.account, id);
    done.map_err(|_| ApiError::unknown_order(market))?;
    Ok((ack(market, id, link_of(call.engine, id)), None))
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
    market: Market,
    instrument: Option<usize>,
) -> Result<u64, ApiError> {
    let p = call.params;
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

/// Reads one order.
pub(super) fn parse(call: &Call<'_>, p: &Params<'_>) -> Result<Spec, ApiError> {
    let market = category(p)?;
    let instrument = call.find(market, p.require("symbol")?)?;
    let side = match p.require("side")? {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        _ => return Err(ApiError::params("Side invalid")),
    };
    let by_market = match p.require("orderType")? {
        "Market" => true,
        "Limit" => false,
        _ => return Err(ApiError::params("OrderType invalid")),
    };
    let quantity = p.decimal("qty")?.ok_or_else(|| ApiError::missing("qty"))?;
    let price = match p.decimal("price")? {
        _ if by_market => Decimal::ZERO,
        Some(price) => price,
        None => return Err(ApiError::missing("price")),
    };
    let link = p.text("orderLinkId")?;
    if !link.is_none_or(valid_link) {
        return Err(ApiError::bad("orderLinkId"));
    }
    let tif = match p.text("timeInForce")? {
        _ if by_market => TimeInForce::Gtc,
        None | Some("GTC") => TimeInForce::Gtc,
        Some("IOC") => TimeInForce::Ioc,
        Some("FOK") => TimeInForce::Fok,
        Some("PostOnly") => TimeInForce::Gtx,
        Some(_) => return Err(ApiError::bad("timeInForce")),
    };
    let spec = Spec {
        market,
        instrument,
        side,
        kind: if by_market { OrderKind::Market } else { OrderKind::Limit },
        tif,
        quantity,
        quote_quantity: Decimal::ZERO,
        price,
        position_side: PositionSide::Both,
        reduce_only: false,
        close_position: false,
        trigger: None,
        attached: Attached::default(),
        link: link.map(Box::from),
    };
    match market {
        Market::Spot => parse_spot(call, p, spec),
        Market::Linear => parse_linear(call, p, spec),
    }
}

fn parse_spot(call: &Call<'_>, p: &Params<'_>, mut spec: Spec) -> Result<Spec, ApiError> {
    if p.decimal("takeProfit")?.is_some() || p.decimal("stopLoss")?.is_some() {
        return Err(ApiError::params("takeProfit and stopLoss are not simulated on spot"));
    }
    if p.flag("reduceOnly")? {
        return Err(ApiError::bad("reduceOnly"));
    }
    let in_quote = match (p.text("marketUnit")?, spec.side, spec.kind) {
        (_, _, OrderKind::Limit) => false,
        (Some("quoteCoin"), _, _) | (None, Side::Buy, _) => true,
        (Some("baseCoin") | None, _, _) => false,
        (Some(_), _, _) => return Err(ApiError::bad("marketUnit")),
    };
    let trigger = p.decimal("triggerPrice")?;
    match (p.text("orderFilter")?, trigger) {
        (None | Some("Order"), None) => {}
        (Some("StopOrder" | "tpslOrder"), Some(price)) => {
            let rising = price > call.engine.last_price(spec.instrument);
            spec.trigger = Some(Trigger { price, rising, by_mark: false });
            if in_quote {
                // Spot stops are worked in the base coin: what the amount buys at the trigger.
                let i = call.engine.instrument(spec.instrument);
                let i = i.map_err(|_| ApiError::unknown_symbol(Market::Spot))?;
                let steps = spec.quantity.checked_div(price).and_then(|q| i.steps(q)).unwrap_or(0);
                spec.quantity = i.quantity(steps);
            }
            let stop = (spec.side == Side::Buy) == rising;
            spec.kind = match (stop, spec.kind) {
                (true, OrderKind::Limit) => OrderKind::StopLossLimit,
                (true, _) => OrderKind::StopLoss,
                (false, OrderKind::Limit) => OrderKind::TakeProfitLimit,
                (false, _) => OrderKind::TakeProfit,
            };
            return Ok(spec);
        }
        (Some("StopOrder" | "tpslOrder"), None) => return Err(ApiError::missing("triggerPrice")),
        (None | Some("Order"), Some(_)) => return Err(ApiError::bad("triggerPrice")),
        (Some(_), _) => return Err(ApiError::bad("orderFilter")),
    }
    if in_quote {
        spec.quote_quantity = std::mem::take(&mut spec.quantity);
        if spec.quote_quantity.is_zero() {
            return Err(ApiError::from_reject(Market::Spot, Reject::NotPositive("quantity")));
        }
    }
    if spec.tif == TimeInForce::Gtx {
        spec.kind = OrderKind::LimitMaker;
        spec.tif = TimeInForce::Gtc;
    }
    Ok(spec)
}

fn parse_linear(call: &Call<'_>, p: &Params<'_>, mut spec: Spec) -> Result<Spec, ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    let hedge = account.hedges(spec.instrument);
    spec.position_side = match (p.integer("positionIdx")?.unwrap_or(0), hedge) {
        (0, false) => PositionSide::Both,
        (1, true) => PositionSide::Long,
        (2, true) => PositionSide::Short,
        (0..=2, _) => return Err(errors::POSITION_IDX),
        _ => return Err(ApiError::bad("positionIdx")),
    };
    let held = account
        .linear
        .get(spec.instrument)
        .map_or(Decimal::ZERO, |s| s.position(spec.position_side).amount);
    let room = match spec.side {
        Side::Buy => -held,
        Side::Sell => held,
    };
    let reduce = p.flag("reduceOnly")?;
    let whole = reduce && p.flag("closeOnTrigger")? && spec.quantity.is_zero();
    spec.trigger = parse_trigger(p)?;
    spec.close_position = whole && spec.trigger.is_some();
    if whole && spec.trigger.is_none() {
        spec.quantity = room.max(Decimal::ZERO);
    }
    if reduce && spec.trigger.is_none() && room <= Decimal::ZERO {
        return Err(errors::REDUCE_ONLY);
    }
    if reduce && hedge {
        // The engine knows closing orders of hedge mode by their direction.
        let closes = matches!(
            (spec.side, spec.position_side),
            (Side::Sell, PositionSide::Long) | (Side::Buy, PositionSide::Short)
        );
        if !closes {
            return Err(errors::REDUCE_ONLY);
        }
        if spec.trigger.is_none() {
            spec.quantity = spec.quantity.min(room);
        }
    }
    spec.reduce_only = reduce && !hedge;
    spec.attached = parse_attached(call, p, &spec)?;
    if reduce && (!spec.attached.take_profit.is_zero() || !spec.attached.stop_loss.is_zero()) {
        return Err(ApiError::params("reduceOnly cannot be combined with takeProfit or stopLoss"));
    }
    Ok(spec)
}

fn parse_trigger(p: &Params<'_>) -> Result<Option<Trigger>, ApiError> {
    let Some(price) = p.decimal("triggerPrice")? else { return Ok(None) };
    let rising = match p.integer("triggerDirection")? {
        Some(1) => true,
        Some(2) => false,
        None => return Err(ApiError::missing("triggerDirection")),
        Some(_) => return Err(ApiError::bad("triggerDirection")),
    };
    let by_mark = match p.text("triggerBy")? {
        None | Some("LastPrice" | "IndexPrice") => false,
        Some("MarkPrice") => true,
        Some(_) => return Err(ApiError::bad("triggerBy")),
    };
    Ok(Some(Trigger { price, rising, by_mark }))
}

fn parse_attached(call: &Call<'_>, p: &Params<'_>, spec: &Spec) -> Result<Attached, ApiError> {
    let attached = Attached {
        take_profit: p.decimal("takeProfit")?.unwrap_or_default(),
        stop_loss: p.decimal("stopLoss")?.unwrap_or_default(),
    };
    if attached.take_profit.is_zero() && attached.stop_loss.is_zero() {
        return Ok(attached);
    }
    if p.text("tpslMode")?.is_some_and(|m| m != "Full") || spec.trigger.is_some() {
        return Err(ApiError::params("only tpslMode Full on plain orders is simulated"));
    }
    for name in ["tpOrderType", "slOrderType"] {
        if p.text(name)?.is_some_and(|t| t != "Market") {
            return Err(ApiError::bad(name));
        }
    }
    let base = match spec.price {
        price if price.is_zero() => call.engine.last_price(spec.instrument),
        price => price,
    };
    let tick = call.engine.instrument(spec.instrument).map_or(Decimal::ONE, |i| i.tick);
    for (name, price, above) in [
        ("TakeProfit", attached.take_profit, spec.side == Side::Buy),
        ("StopLoss", attached.stop_loss, spec.side == Side::Sell),
    ] {
        if price.is_zero() {
            continue;
        }
        if !price.checked_rem(tick).is_some_and(|r| r.is_zero()) {
            return Err(ApiError::bad(name));
        }
        if (above && price <= base) || (!above && price >= base) {
            let relation = if above { "higher" } else { "lower" };
            return Err(ApiError::params(format!(
                "{name}:{price} set for this position should be {relation} than base_price:{base}"
            )));
        }
    }
    Ok(attached)
}

fn new_order<'n>(account: usize, spec: &Spec, name: &'n str) -> NewOrder<'n> {
    NewOrder {
        account,
        instrument: spec.instrument,
        side: spec.side,
        kind: spec.kind,
        tif: spec.tif,
        quantity: spec.quantity,
        quote_quantity: spec.quote_quantity,
        price: spec.price,
        stop_price: spec.trigger.map_or(Decimal::ZERO, |t| t.price),
        position_side: spec.position_side,
        reduce_only: spec.reduce_only,
        client_id: name,
    }
}

fn algo(account: usize, spec: &Spec, trigger: Trigger, name: &str) -> NewAlgo {
    let stop = (spec.side == Side::Buy) == trigger.rising;
    let kind = match (stop, spec.kind) {
        (true, OrderKind::Limit) => AlgoKind::Stop,
        (true, _) => AlgoKind::StopMarket,
        (false, OrderKind::Limit) => AlgoKind::TakeProfit,
        (false, _) => AlgoKind::TakeProfitMarket,
    };
    NewAlgo {
        account,
        instrument: spec.instrument,
        client_id: name.into(),
        side: spec.side,
        kind,
        tif: spec.tif,
        quantity: spec.quantity,
        price: spec.price,
        trigger_price: trigger.price,
        position_side: spec.position_side,
        reduce_only: spec.reduce_only && !spec.close_position,
        close_position: spec.close_position,
        activate_price: Decimal::ZERO,
        callback_rate: Decimal::ZERO,
        by_mark: trigger.by_mark,
        price_protect: false,
    }
}

/// Whether a conditional order waits for the price to rise.
pub(super) fn rises(kind: AlgoKind, side: Side) -> bool {
    (side == Side::Buy) == matches!(kind, AlgoKind::Stop | AlgoKind::StopMarket)
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

fn valid_link(link: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    link.len() <= MAX_LINK && link.bytes().all(legal)
}
