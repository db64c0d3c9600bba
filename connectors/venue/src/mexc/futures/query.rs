//! Looking at futures orders and deals. Source: protocol sheet for MEXC, sections 5 and 8.

use rust_decimal::Decimal;
use serde::Serialize;

use super::super::errors;
use super::super::{Answer, client_id};
use super::account::position_id;
use super::stops::Bracket;
use super::{Call, MAX_BATCH, Num, contracts, order_id, write};
use crate::engine::{Engine, Order, OrderKind, PositionSide, Side, Status, TimeInForce, Trade};

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let order = call.order(call.tail).ok_or(errors::F_ORDER_GONE)?;
    write(row(call, order))
}

pub(super) fn external(call: &mut Call<'_>) -> Answer {
    let (symbol, oid) = call.tail.split_once('/').ok_or(errors::F_PARAMS)?;
    let instrument = call.find_symbol(symbol)?;
    let order = call.engine.orders.by_client(call.account, instrument, oid);
    write(row(call, order.ok_or(errors::F_ORDER_GONE)?))
}

/// `order_ids=1,2`; those that do not exist are left out.
pub(super) fn several(call: &mut Call<'_>) -> Answer {
    let ids: Vec<&str> = call.get("order_ids").ok_or(errors::F_PARAMS)?.split(',').collect();
    if ids.len() > MAX_BATCH {
        return Err(errors::F_PARAMS);
    }
    write(ids.iter().filter_map(|id| row(call, call.order(id)?)).collect::<Vec<_>>())
}

pub(super) fn open_orders(call: &mut Call<'_>) -> Answer {
    let symbol = Some(call.tail).filter(|s| !s.is_empty()).or_else(|| call.get("symbol"));
    let (skip, take) = call.page()?;
    let instruments = call.selected(symbol)?;
    let open = instruments.iter().flat_map(|&n| call.engine.orders.open_of(call.account, n));
    write(open.skip(skip).take(take).map(|o| row(call, o)).collect::<Vec<_>>())
}

pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let (skip, take) = call.page()?;
    let states: Option<Vec<&str>> = call.get("states").map(|s| s.split(',').collect());
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let instruments = call.selected(call.get("symbol"))?;
    let mut found: Vec<&Order> = instruments
        .iter()
        .flat_map(|&n| call.engine.orders.history(call.account, n, 0))
        .filter(|o| {
            states.as_ref().is_none_or(|s| s.contains(&state(o).to_string().as_str()))
                && start.is_none_or(|s| o.created_ms >= s)
                && end.is_none_or(|e| o.created_ms <= e)
        })
        .collect();
    found.sort_unstable_by_key(|o| std::cmp::Reverse(o.id));
    write(found.into_iter().skip(skip).take(take).map(|o| row(call, o)).collect::<Vec<_>>())
}

/// All deals, or those of the order in the path.
pub(super) fn deals(call: &mut Call<'_>) -> Answer {
    let order = match call.tail {
        "" => None,
        id => Some(call.order(id).map(|o| o.id).ok_or(errors::F_ORDER_GONE)?),
    };
    let instruments = call.selected(call.get("symbol"))?;
    let (skip, take) = call.page()?;
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let wanted = account.trades.iter().rev().filter(|t| {
        instruments.contains(&t.instrument)
            && order.is_none_or(|id| id == t.order_id)
            && start.is_none_or(|s| t.time_ms >= s)
            && end.is_none_or(|e| t.time_ms <= e)
    });
    let rows = wanted.skip(skip).take(take).filter_map(|t| deal(call.engine, t));
    write(rows.collect::<Vec<_>>())
}

/// An order as customers see it, in queries and pushes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Shown<'a> {
    order_id: String,
    symbol: &'static str,
    position_id: u64,
    price: Num,
    vol: Num,
    leverage: u32,
    side: u8,
    category: u8,
    order_type: u8,
    deal_avg_price: Num,
    deal_vol: Num,
    order_margin: Num,
    taker_fee: Num,
    maker_fee: Num,
    profit: Num,
    fee_currency: &'static str,
    open_type: u8,
    state: u8,
    external_oid: Option<&'a str>,
    error_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_loss_price: Option<Num>,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_profit_price: Option<Num>,
    position_mode: u8,
    create_time: u64,
    update_time: u64,
}

fn row<'o>(call: &Call<'_>, o: &'o Order) -> Option<Shown<'o>> {
    show(call.engine, o, call.front.stops.attached(o.id))
}

pub(super) fn show<'o>(engine: &Engine, o: &'o Order, bracket: Bracket) -> Option<Shown<'o>> {
    let i = engine.instruments.get(o.instrument)?;
    let account = engine.account(o.account).ok()?;
    let settings = account.linear.get(o.instrument)?;
    let (mut taker, mut maker, mut profit) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    let recent = account.trades.iter().rev().take_while(|t| t.time_ms >= o.created_ms);
    for t in recent.filter(|t| t.order_id == o.id) {
        *(if t.maker { &mut maker } else { &mut taker }) += t.commission;
        profit += t.realized;
    }
    let leverage = Decimal::from(settings.leverage.max(1));
    let optional = |price: Decimal| (!price.is_zero()).then_some(Num(price));
    Some(Shown {
        order_id: order_id(o.id),
        symbol: i.symbol,
        position_id: position_id(o.instrument, o.position_side),
        price: Num(if o.price.is_zero() { o.average_price().round_dp(12) } else { o.price }),
        vol: contracts(i, o.quantity),
        leverage: settings.leverage,
        side: side_code(o.side, o.closing),
        category: 1,
        order_type: type_code(o.kind == OrderKind::Market, o.tif),
        deal_avg_price: Num(o.average_price().round_dp(12)),
        deal_vol: contracts(i, o.executed),
        order_margin: Num((o.reserved / leverage).round_dp(8)),
        taker_fee: Num(taker),
        maker_fee: Num(maker),
        profit: Num(profit),
        fee_currency: i.quote,
        open_type: if settings.isolated { 1 } else { 2 },
        state: state(o),
        external_oid: client_id(&o.client_id),
        error_code: 0,
        stop_loss_price: optional(bracket.stop_loss),
        take_profit_price: optional(bracket.take_profit),
        position_mode: position_mode(o.position_side),
        create_time: o.created_ms,
        update_time: o.updated_ms,
    })
}

/// An order in a push, which says more than a query.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Pushed<'a> {
    #[serde(flatten)]
    order: Shown<'a>,
    remain_vol: Num,
    /// Grows with every change of the order.
    version: u64,
}

pub(in crate::mexc) fn pushed<'o>(
    engine: &Engine,
    o: &'o Order,
    bracket: Bracket,
) -> Option<Pushed<'o>> {
    let i = engine.instruments.get(o.instrument)?;
    let left = if o.status.is_open() { o.remaining() } else { Decimal::ZERO };
    let version = engine.fills + u64::from(!o.status.is_open());
    Some(Pushed { order: show(engine, o, bracket)?, remain_vol: contracts(i, left), version })
}

/// An execution as customers see it, in queries and pushes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Deal {
    id: String,
    symbol: &'static str,
    side: u8,
    vol: Num,
    price: Num,
    fee: Num,
    fee_currency: &'static str,
    profit: Num,
    taker: bool,
    category: u8,
    order_id: String,
    position_mode: u8,
    timestamp: u64,
}

pub(in crate::mexc) fn deal(engine: &Engine, t: &Trade) -> Option<Deal> {
    let i = engine.instruments.get(t.instrument)?;
    let closing = engine.orders.get(t.order_id).is_some_and(|o| o.closing);
    Some(Deal {
        id: t.id.to_string(),
        symbol: i.symbol,
        side: side_code(t.side, closing),
        vol: contracts(i, t.quantity),
        price: Num(t.price),
        fee: Num(t.commission),
        fee_currency: t.commission_asset,
        profit: Num(t.realized),
        taker: !t.maker,
        category: 1,
        order_id: order_id(t.order_id),
        position_mode: position_mode(t.position_side),
        timestamp: t.time_ms,
    })
}

/// 1 hedge, 2 one-way.
fn position_mode(side: PositionSide) -> u8 {
    if side == PositionSide::Both { 2 } else { 1 }
}

/// 1 open long, 2 close short, 3 open short, 4 close long.
pub(super) fn side_code(side: Side, closing: bool) -> u8 {
    match (side, closing) {
        (Side::Buy, false) => 1,
        (Side::Buy, true) => 2,
        (Side::Sell, false) => 3,
        (Side::Sell, true) => 4,
    }
}

pub(super) fn type_code(market: bool, tif: TimeInForce) -> u8 {
    match tif {
        _ if market => 5,
        TimeInForce::Gtc => 1,
        TimeInForce::Gtx => 2,
        TimeInForce::Ioc => 3,
        TimeInForce::Fok => 4,
    }
}

/// 2 uncompleted, 3 completed, 4 cancelled.
fn state(o: &Order) -> u8 {
    match o.status {
        Status::New | Status::PartiallyFilled => 2,
        Status::Filled => 3,
        Status::Canceled | Status::Expired => 4,
    }
}
