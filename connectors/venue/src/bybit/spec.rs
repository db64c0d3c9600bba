//! Reading an order. Source: protocol sheet for Bybit, section 4.

use rust_decimal::Decimal;

use super::errors::{self, ApiError};
use super::params::Params;
use super::stops::Attached;
use super::{Call, category};
use crate::engine::{
    AlgoKind, Market, NewAlgo, NewOrder, OrderKind, PositionSide, Reject, Side, TimeInForce,
};

/// Longest `orderLinkId`.
const MAX_LINK: usize = 36;

/// An order as requested, read and checked in itself.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) market: Market,
    pub(super) instrument: usize,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) tif: TimeInForce,
    pub(super) quantity: Decimal,
    pub(super) quote_quantity: Decimal,
    pub(super) price: Decimal,
    pub(super) position_side: PositionSide,
    pub(super) reduce_only: bool,
    pub(super) close_position: bool,
    pub(super) trigger: Option<Trigger>,
    pub(super) attached: Attached,
    pub(super) link: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    pub(super) price: Decimal,
    pub(super) rising: bool,
    pub(super) by_mark: bool,
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
    spec.position_side = position_side(call, spec.instrument, p.integer("positionIdx")?)?;
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

/// The position that `positionIdx` names, which must fit the position mode.
pub(super) fn position_side(
    call: &Call<'_>,
    instrument: usize,
    index: Option<u64>,
) -> Result<PositionSide, ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    match (index.unwrap_or(0), account.hedges(instrument)) {
        (0, false) => Ok(PositionSide::Both),
        (1, true) => Ok(PositionSide::Long),
        (2, true) => Ok(PositionSide::Short),
        (0..=2, _) => Err(errors::POSITION_IDX),
        _ => Err(ApiError::bad("positionIdx")),
    }
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
    check_attached(call, spec.instrument, (spec.side, base), attached)?;
    Ok(attached)
}

/// Whether take profit and stop loss of a position opened by `side` lie on their sides of a price.
pub(super) fn check_attached(
    call: &Call<'_>,
    instrument: usize,
    (side, base): (Side, Decimal),
    attached: Attached,
) -> Result<(), ApiError> {
    let tick = call.engine.instrument(instrument).map_or(Decimal::ONE, |i| i.tick);
    for (name, price, above) in [
        ("TakeProfit", attached.take_profit, side == Side::Buy),
        ("StopLoss", attached.stop_loss, side == Side::Sell),
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
    Ok(())
}

pub(super) fn new_order<'n>(account: usize, spec: &Spec, name: &'n str) -> NewOrder<'n> {
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
        trailing_delta: None,
        position_side: spec.position_side,
        reduce_only: spec.reduce_only,
        client_id: name,
    }
}

pub(super) fn algo(account: usize, spec: &Spec, trigger: Trigger, name: &str) -> NewAlgo {
    let kind = AlgoKind::of(spec.side, trigger.rising, spec.kind == OrderKind::Limit);
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

fn valid_link(link: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    link.len() <= MAX_LINK && link.bytes().all(legal)
}
