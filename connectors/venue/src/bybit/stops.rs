//! Take profit and stop loss of a position: conditional orders that close it whole, installed when
//! the order that carries them has traded, and removed with the position.
//!
//! Source: protocol sheet for Bybit, section 4 ("takeProfit", "stopLoss"). Fills between two
//! requests install them at the next request; the venue is that much late.

use rust_decimal::Decimal;

use super::Desk;
use crate::engine::{
    AlgoKind, Engine, NewAlgo, NewOrder, OrderKind, PositionSide, Reject, Side, TimeInForce,
};

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
    let (account, instrument) = (order.account, order.instrument);
    let (side, position_side) = (order.side.opposite(), order.position_side);
    for (prefix, kind, price) in [
        (TAKE_PROFIT, AlgoKind::TakeProfitMarket, attached.take_profit),
        (STOP_LOSS, AlgoKind::StopMarket, attached.stop_loss),
    ] {
        if price.is_zero() {
            continue;
        }
        // The newest order's prices hold for the whole position.
        let old: Vec<u64> = engine
            .algos
            .open_of(account, Some(instrument))
            .filter(|a| {
                a.order.position_side == position_side && a.order.client_id.starts_with(prefix)
            })
            .map(|a| a.id)
            .collect();
        for id in old {
            // It was open a moment ago.
            let _ = engine.cancel_algo(account, id);
        }
        let client_id = format!("{prefix}{order_id}");
        let placed = engine.place_algo(NewAlgo {
            account,
            instrument,
            client_id: client_id.as_str().into(),
            side,
            kind,
            tif: TimeInForce::Gtc,
            quantity: Decimal::ZERO,
            price: Decimal::ZERO,
            trigger_price: price,
            position_side,
            reduce_only: false,
            close_position: true,
            activate_price: Decimal::ZERO,
            callback_rate: Decimal::ZERO,
            by_mark: false,
            price_protect: false,
        });
        if placed == Err(Reject::WouldTrigger) {
            close_now(engine, (account, instrument), (side, position_side), &client_id);
        }
    }
}

/// The price is already beyond the stop.
fn close_now(
    engine: &mut Engine,
    (account, instrument): (usize, usize),
    (side, position_side): (Side, PositionSide),
    client_id: &str,
) {
    let held = engine
        .account(account)
        .ok()
        .and_then(|a| a.linear.get(instrument))
        .map_or(Decimal::ZERO, |s| s.position(position_side).amount);
    // Refused when the position is gone meanwhile, which is as well.
    let _ = engine.place(&NewOrder {
        account,
        instrument,
        side,
        kind: OrderKind::Market,
        tif: TimeInForce::Gtc,
        quantity: held.abs(),
        quote_quantity: Decimal::ZERO,
        price: Decimal::ZERO,
        stop_price: Decimal::ZERO,
        position_side,
        reduce_only: position_side == PositionSide::Both,
        client_id,
    });
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
