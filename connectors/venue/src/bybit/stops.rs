//! Take profit and stop loss of a position: conditional orders that close it whole, installed when
//! the order that carries them has traded, and removed with the position.
//!
//! Source: protocol sheet for Bybit, section 4 ("takeProfit", "stopLoss"), and the venue's public
//! documentation of `/v5/position/trading-stop`. Fills between two
//! requests install them at the next request; the venue is that much late.

use rust_decimal::Decimal;

use serde_json::json;

use super::errors::{self, ApiError};
use super::routes::Answer;
use super::spec::{self, position_side};
use super::{Call, Desk};
use crate::engine::{AlgoKind, Closing, Engine, Market, PositionSide, Side};

/// Prices at which the position of an order is to be closed; zero for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attached {
    pub(super) take_profit: Decimal,
    pub(super) stop_loss: Decimal,
}

/// Client ids of the installed orders start with this, so that customers cannot have them.
const TAKE_PROFIT: &str = "~tp-";
const STOP_LOSS: &str = "~sl-";

/// Installs what belongs to orders that have traded and removes what has lost its position.
pub(super) fn settle(engine: &mut Engine, desk: &mut Desk) {
    let due: Vec<(u64, Attached)> = desk
        .attached
        .iter()
        .filter(|(id, _)| {
            engine.orders.get(**id).is_none_or(|o| !o.status.is_open() || !o.executed.is_zero())
        })
        .map(|(id, attached)| (*id, *attached))
        .collect();
    for (id, attached) in due {
        desk.attached.remove(&id);
        install(engine, id, attached);
    }
    if engine.algos.any_open() {
        sweep(engine);
    }
}

/// Prices of the installed orders of a position.
pub(super) fn installed(
    engine: &Engine,
    account: usize,
    instrument: usize,
    position_side: PositionSide,
) -> Attached {
    let mut found = Attached::default();
    for algo in engine.algos.open_of(account, Some(instrument)) {
        if algo.order.position_side != position_side {
            continue;
        }
        if algo.order.client_id.starts_with(TAKE_PROFIT) {
            found.take_profit = algo.order.trigger_price;
        } else if algo.order.client_id.starts_with(STOP_LOSS) {
            found.stop_loss = algo.order.trigger_price;
        }
    }
    found
}

fn install(engine: &mut Engine, order_id: u64, attached: Attached) {
    let Some(order) = engine.orders.get(order_id).filter(|o| !o.executed.is_zero()) else { return };
    let target = (order.account, order.instrument, order.position_side);
    set(engine, target, order.side.opposite(), (order_id, attached));
}

/// Installs what is not zero in place of what a position had.
pub(super) fn set(
    engine: &mut Engine,
    (account, instrument, position_side): (usize, usize, PositionSide),
    side: Side,
    (id, attached): (u64, Attached),
) {
    for (prefix, kind, price) in [
        (TAKE_PROFIT, AlgoKind::TakeProfitMarket, attached.take_profit),
        (STOP_LOSS, AlgoKind::StopMarket, attached.stop_loss),
    ] {
        if price.is_zero() {
            continue;
        }
        // The newest order's prices hold for the whole position.
        remove(engine, (account, instrument, position_side), prefix);
        let client_id = format!("{prefix}{id}");
        // Refused when the position is gone meanwhile, which is as well.
        let _ = engine.close_at(&Closing {
            account,
            instrument,
            position_side,
            side,
            kind,
            price,
            quantity: None,
            client_id: &client_id,
        });
    }
}

/// Removes the take profit or the stop loss of a position.
fn remove(
    engine: &mut Engine,
    (account, instrument, position_side): (usize, usize, PositionSide),
    prefix: &str,
) {
    let old: Vec<u64> = engine
        .algos
        .open_of(account, Some(instrument))
        .filter(|a| a.order.position_side == position_side && a.order.client_id.starts_with(prefix))
        .map(|a| a.id)
        .collect();
    for id in old {
        // It was open a moment ago.
        let _ = engine.cancel_algo(account, id);
    }
}

/// Sets, changes or (with "0") removes the take profit and stop loss of a position.
pub(super) fn trading_stop(call: &mut Call<'_>) -> Answer {
    if call.market()? != Market::Linear {
        return Err(ApiError::params("Illegal category"));
    }
    let instrument = call.instrument(Market::Linear)?;
    let p = call.params;
    if p.text("tpslMode")?.is_some_and(|m| m != "Full") {
        return Err(ApiError::params("only tpslMode Full is simulated"));
    }
    if p.decimal("trailingStop")?.is_some_and(|d| !d.is_zero()) {
        return Err(ApiError::params("trailing stops are not simulated"));
    }
    let position_side = position_side(call, instrument, p.integer("positionIdx")?)?;
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    let settings = account.linear.get(instrument);
    let held = settings.map_or(Decimal::ZERO, |s| s.position(position_side).amount);
    if held.is_zero() {
        return Err(ApiError::params("can not set tp/sl/ts for zero position"));
    }
    let side = if held > Decimal::ZERO { Side::Sell } else { Side::Buy };
    let (take_profit, stop_loss) = (p.decimal("takeProfit")?, p.decimal("stopLoss")?);
    let wanted = Attached {
        take_profit: take_profit.unwrap_or_default(),
        stop_loss: stop_loss.unwrap_or_default(),
    };
    let base = call.engine.last_price(instrument);
    spec::check_attached(call, instrument, (side.opposite(), base), wanted)?;
    let old = installed(call.engine, call.account, instrument, position_side);
    let same = |new: Option<Decimal>, old: Decimal| new.is_none_or(|p| p == old);
    if same(take_profit, old.take_profit) && same(stop_loss, old.stop_loss) {
        return Err(errors::STOPS_SAME);
    }
    let target = (call.account, instrument, position_side);
    for (price, prefix) in [(take_profit, TAKE_PROFIT), (stop_loss, STOP_LOSS)] {
        if price.is_some_and(|p| p.is_zero()) {
            remove(call.engine, target, prefix);
        }
    }
    call.desk.unnamed += 1;
    set(call.engine, target, side, (call.desk.unnamed, wanted));
    Ok((json!({}), None))
}

/// Removes installed orders whose position is flat or has turned.
fn sweep(engine: &mut Engine) {
    let mut orphans = Vec::new();
    for account in 0..engine.accounts.len() {
        let Ok(a) = engine.account(account) else { continue };
        for algo in engine.algos.open_of(account, None) {
            let o = &algo.order;
            let ours = o.client_id.starts_with(TAKE_PROFIT) || o.client_id.starts_with(STOP_LOSS);
            let held = a.linear.get(o.instrument).map(|s| s.position(o.position_side).amount);
            let alive = held.is_some_and(|amount| match o.side {
                Side::Sell => amount > Decimal::ZERO,
                Side::Buy => amount < Decimal::ZERO,
            });
            if ours && !alive {
                orphans.push((account, algo.id));
            }
        }
    }
    for (account, id) in orphans {
        // It was open a moment ago.
        let _ = engine.cancel_algo(account, id);
    }
}
