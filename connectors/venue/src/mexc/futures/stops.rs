//! Take profit and stop loss of positions ("stop orders"): attached to an order, which installs them
//! with what it has traded, or placed for a position. When one of the two prices is reached the
//! other is given up; both end with the position. Source: protocol sheet for MEXC, section 5
//! (`takeProfitPrice`, `stopLossPrice`); endpoints and states as in the venue's list of them:
//! 1 waiting, 2 cancelled, 3 executed, 5 failed; trigger side 1 take profit, 2 stop loss.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::super::Answer;
use super::super::errors::{self, ApiError};
use super::account::{position_id, position_of};
use super::{Call, Fields, Num, contracts, engine_id, order_id, write};
use crate::engine::{AlgoKind, AlgoStatus, Closing, Engine, PositionSide, Side};

/// Client ids of the engine's orders behind a stop order; customers cannot write the tilde.
pub(super) const PREFIX: &str = "~stop-";

/// Stop orders remembered.
const MAX_STOPS: usize = 10_000;

/// Prices at which what an order has traded is to be closed; zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::mexc) struct Bracket {
    pub(super) take_profit: Decimal,
    pub(super) stop_loss: Decimal,
}

/// All stop orders, and what orders carry that have not traded yet.
#[derive(Debug, Default)]
pub(in crate::mexc) struct Stops {
    attached: BTreeMap<u64, Bracket>,
    stops: BTreeMap<u64, Stop>,
    last_id: u64,
}

#[derive(Clone, Debug)]
struct Stop {
    account: usize,
    instrument: usize,
    position_side: PositionSide,
    /// The direction that closes.
    side: Side,
    /// The order that carried the prices; zero when placed for the position.
    order_id: u64,
    /// In the base asset.
    quantity: Decimal,
    bracket: Bracket,
    /// The engine's orders behind the two prices; zero for none.
    take_profit: u64,
    stop_loss: u64,
    state: u8,
    trigger_side: u8,
    placed_order: u64,
    created_ms: u64,
    updated_ms: u64,
}

impl Bracket {
    pub(super) fn read(f: &Fields) -> Result<Self, ApiError> {
        let price = |name| Ok(f.decimal(name)?.unwrap_or_default());
        Ok(Self { take_profit: price("takeProfitPrice")?, stop_loss: price("stopLossPrice")? })
    }

    fn is_empty(self) -> bool {
        self.take_profit.is_zero() && self.stop_loss.is_zero()
    }

    /// The profit must lie beyond the price in the position's favour, the loss on the other side.
    pub(super) fn check(self, long: bool, price: Decimal) -> Result<(), ApiError> {
        let (tp, sl) = (self.take_profit, self.stop_loss);
        let wrong = |level: Decimal, above: bool| {
            !level.is_zero()
                && (level < Decimal::ZERO || (level > price) != above || level == price)
        };
        if wrong(tp, long) || wrong(sl, !long) { Err(errors::F_STOP_PRICE) } else { Ok(()) }
    }
}

impl Stops {
    pub(super) fn attach(&mut self, order: u64, bracket: Bracket) {
        if !bracket.is_empty() {
            self.attached.insert(order, bracket);
        }
    }

    pub(in crate::mexc) fn attached(&self, order: u64) -> Bracket {
        self.attached.get(&order).copied().unwrap_or_default()
    }

    fn add(&mut self, stop: Stop) -> u64 {
        self.last_id += 1;
        self.stops.insert(self.last_id, stop);
        while self.stops.len() > MAX_STOPS {
            self.stops.pop_first();
        }
        self.last_id
    }
}

/// Installs what belongs to orders that have traded, and ends what has triggered or lost its
/// position.
pub(in crate::mexc) fn settle(engine: &mut Engine, stops: &mut Stops) {
    let due: Vec<(u64, Bracket)> = stops
        .attached
        .iter()
        .filter(|(id, _)| engine.orders.get(**id).is_none_or(|o| !o.status.is_open()))
        .map(|(id, bracket)| (*id, *bracket))
        .collect();
    for (id, bracket) in due {
        stops.attached.remove(&id);
        let Some(o) = engine.orders.get(id).filter(|o| !o.executed.is_zero()) else { continue };
        let target = (o.account, o.instrument, o.position_side, o.side.opposite());
        install(engine, stops, target, (id, o.executed, bracket));
    }
    for stop in stops.stops.values_mut().filter(|s| s.state == 1) {
        follow(engine, stop);
    }
}

pub(super) fn place(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let position = f.text("positionId").and_then(position_of);
    let (instrument, position_side) = position.ok_or(errors::F_NO_POSITION)?;
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let settings = account.linear.get(instrument).ok_or(errors::F_NO_POSITION)?;
    let held = settings.position(position_side).amount;
    if held.is_zero() {
        return Err(errors::F_NO_POSITION);
    }
    let long = held > Decimal::ZERO;
    let bracket = Bracket::read(&f)?;
    if bracket.is_empty() {
        return Err(errors::F_PARAMS);
    }
    bracket.check(long, call.engine.last_price(instrument))?;
    let step = call.engine.instrument(instrument).map_err(|_| errors::F_CONTRACT)?.step;
    let quantity = match f.decimal("vol")? {
        Some(vol) => vol.checked_mul(step).ok_or(errors::F_PARAMS)?,
        None => held.abs(),
    };
    let side = if long { Side::Sell } else { Side::Buy };
    let target = (call.account, instrument, position_side, side);
    let id = install(call.engine, &mut call.front.stops, target, (0, quantity, bracket));
    write(order_id(id))
}

/// A list of `{stopPlanOrderId}`.
pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let rows = call.rows()?;
    for f in &rows {
        let id = named(call, f)?;
        if let Some(stop) = call.front.stops.stops.get_mut(&id) {
            end(call.engine, stop, 2);
        }
    }
    write(())
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let instruments = call.selected(f.text("symbol"))?;
    let position = f.text("positionId").and_then(position_of);
    for stop in call.front.stops.stops.values_mut() {
        let of = (stop.instrument, stop.position_side);
        if stop.state == 1
            && stop.account == call.account
            && instruments.contains(&stop.instrument)
            && position.is_none_or(|p| p == of)
        {
            end(call.engine, stop, 2);
        }
    }
    write(())
}

/// Changes what an open limit order carries; zero or nothing takes a price away.
pub(super) fn change_price(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let order = call.order(f.require("orderId")?).ok_or(errors::F_ORDER_GONE)?;
    if !order.status.is_open() {
        return Err(errors::F_NOT_CANCELLABLE);
    }
    let (id, long, price) = (order.id, order.side == Side::Buy, order.price);
    let bracket = Bracket::read(&f)?;
    bracket.check(long, price)?;
    call.front.stops.attached.remove(&id);
    call.front.stops.attach(id, bracket);
    write(())
}

/// Changes the prices of a stop order; at least one must stay.
pub(super) fn change_plan_price(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let id = named(call, &f)?;
    let bracket = Bracket::read(&f)?;
    if bracket.is_empty() {
        return Err(errors::F_PARAMS);
    }
    let Some(stop) = call.front.stops.stops.get_mut(&id) else { return Err(errors::F_ORDER_GONE) };
    bracket.check(stop.side == Side::Sell, call.engine.last_price(stop.instrument))?;
    end(call.engine, stop, 1);
    stop.bracket = bracket;
    arm(call.engine, id, stop);
    write(())
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let finished = match call.get("is_finished") {
        None => None,
        Some("0") => Some(false),
        Some("1") => Some(true),
        Some(_) => return Err(errors::F_PARAMS),
    };
    let (skip, take) = call.page()?;
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let instruments = call.selected(call.get("symbol"))?;
    let found = call.front.stops.stops.iter().rev().filter(|(_, s)| {
        s.account == call.account
            && instruments.contains(&s.instrument)
            && finished.is_none_or(|f| f == (s.state != 1))
            && start.is_none_or(|t| s.created_ms >= t)
            && end.is_none_or(|t| s.created_ms <= t)
    });
    let rows = found.skip(skip).take(take).filter_map(|(id, s)| show(call.engine, *id, s));
    write(rows.collect::<Vec<_>>())
}

/// Those that wait.
pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let instruments = call.selected(call.get("symbol"))?;
    let found = call.front.stops.stops.iter().rev().filter(|(_, s)| {
        s.account == call.account && s.state == 1 && instruments.contains(&s.instrument)
    });
    write(found.filter_map(|(id, s)| show(call.engine, *id, s)).collect::<Vec<_>>())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    order_id: String,
    symbol: &'static str,
    position_id: String,
    stop_loss_price: Num,
    take_profit_price: Num,
    state: u8,
    trigger_side: u8,
    position_type: u8,
    vol: Num,
    place_order_id: String,
    error_code: u8,
    is_finished: u8,
    create_time: u64,
    update_time: u64,
}

fn show(engine: &Engine, id: u64, s: &Stop) -> Option<Shown> {
    let i = engine.instruments.get(s.instrument)?;
    let id_or_zero = |id: u64| if id == 0 { "0".to_owned() } else { order_id(id) };
    Some(Shown {
        id: order_id(id),
        order_id: id_or_zero(s.order_id),
        symbol: i.symbol,
        position_id: position_id(s.instrument, s.position_side).to_string(),
        stop_loss_price: Num(s.bracket.stop_loss),
        take_profit_price: Num(s.bracket.take_profit),
        state: s.state,
        trigger_side: s.trigger_side,
        position_type: if s.side == Side::Sell { 1 } else { 2 },
        vol: contracts(i, s.quantity),
        place_order_id: id_or_zero(s.placed_order),
        error_code: 0,
        is_finished: u8::from(s.state != 1),
        create_time: s.created_ms,
        update_time: s.updated_ms,
    })
}

/// The waiting stop order of this account that `stopPlanOrderId` names.
fn named(call: &Call<'_>, f: &Fields) -> Result<u64, ApiError> {
    let id = engine_id(f.require("stopPlanOrderId")?).ok_or(errors::F_ORDER_GONE)?;
    match call.front.stops.stops.get(&id).filter(|s| s.account == call.account) {
        None => Err(errors::F_ORDER_GONE),
        Some(stop) if stop.state != 1 => Err(errors::F_NOT_CANCELLABLE),
        Some(_) => Ok(id),
    }
}

fn install(
    engine: &mut Engine,
    stops: &mut Stops,
    (account, instrument, position_side, side): (usize, usize, PositionSide, Side),
    (order_id, quantity, bracket): (u64, Decimal, Bracket),
) -> u64 {
    let now = engine.now_ms();
    let id = stops.add(Stop {
        account,
        instrument,
        position_side,
        side,
        order_id,
        quantity,
        bracket,
        take_profit: 0,
        stop_loss: 0,
        state: 1,
        trigger_side: 0,
        placed_order: 0,
        created_ms: now,
        updated_ms: now,
    });
    if let Some(stop) = stops.stops.get_mut(&id) {
        arm(engine, id, stop);
    }
    id
}

/// Places the engine's orders behind the two prices.
fn arm(engine: &mut Engine, id: u64, stop: &mut Stop) {
    let (tp, sl) = (stop.bracket.take_profit, stop.bracket.stop_loss);
    for (number, kind, price) in
        [(1, AlgoKind::TakeProfitMarket, tp), (2, AlgoKind::StopMarket, sl)]
    {
        if price.is_zero() || stop.state != 1 {
            continue;
        }
        let placed = engine.close_at(&Closing {
            account: stop.account,
            instrument: stop.instrument,
            position_side: stop.position_side,
            side: stop.side,
            kind,
            price,
            quantity: Some(stop.quantity),
            client_id: &format!("{PREFIX}{number}-{id}"),
        });
        match (placed, number) {
            (Ok(Some(algo)), 1) => stop.take_profit = algo,
            (Ok(Some(algo)), _) => stop.stop_loss = algo,
            (Ok(None), _) => {
                stop.trigger_side = number;
                end(engine, stop, 3);
            }
            (Err(_), _) => end(engine, stop, 5),
        }
    }
}

/// Notices that a price was reached, or that nothing is left to close.
fn follow(engine: &mut Engine, stop: &mut Stop) {
    for (number, algo) in [(1, stop.take_profit), (2, stop.stop_loss)] {
        let Some(algo) = engine.algos.get(algo).filter(|a| a.status != AlgoStatus::New) else {
            continue;
        };
        stop.trigger_side = number;
        stop.placed_order = algo.actual_order;
        let state = if algo.actual_order == 0 { 5 } else { 3 };
        end(engine, stop, state);
        return;
    }
    let account = engine.accounts.get(stop.account);
    let held = account
        .and_then(|a| a.linear.get(stop.instrument))
        .map_or(Decimal::ZERO, |s| s.position(stop.position_side).amount);
    let alive = match stop.side {
        Side::Sell => held > Decimal::ZERO,
        Side::Buy => held < Decimal::ZERO,
    };
    if !alive {
        end(engine, stop, 2);
    }
}

/// Gives up what still waits and sets the state.
fn end(engine: &mut Engine, stop: &mut Stop, state: u8) {
    for algo in [std::mem::take(&mut stop.take_profit), std::mem::take(&mut stop.stop_loss)] {
        // Those that have triggered are not open any more.
        let _ = engine.cancel_algo(stop.account, algo);
    }
    stop.state = state;
    stop.updated_ms = engine.now_ms();
}
