//! Orders: what is wished, and what the venue reads.

use crate::{
    Attached, ClientOrderId, Decimal, EncodeError, MarginMode, NewOrder, Operation, OperationKind,
    OrderKind, PositionMode, PositionSide, PreparedOrder, RequestBuf, Side, Size, TimeInForce,
    Trigger, TriggerKind,
};

use super::NOW;
use super::check::{Check, client_order_id, describe};

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

const TIMES_IN_FORCE: [TimeInForce; 4] = [
    TimeInForce::GoodTillCancel,
    TimeInForce::ImmediateOrCancel,
    TimeInForce::FillOrKill,
    TimeInForce::PostOnly,
];

pub(super) fn limit(check: &mut Check<'_>) {
    for time_in_force in TIMES_IN_FORCE {
        let orders = SIDES.map(|side| check.limit(side).time_in_force(time_in_force));
        check.place_all(true, &orders);
    }
}

pub(super) fn market(check: &mut Check<'_>) {
    let size = Size::Base(check.harness().quantity());
    let orders = SIDES.map(|side| check.new_order(side, OrderKind::Market { size }));
    check.place_all(true, &orders);
}

pub(super) fn market_by_quote(check: &mut Check<'_>) {
    let there = check.provider().capabilities().market_by_quote;
    let harness = check.harness();
    let Some(amount) = harness.quantity().checked_mul(harness.price()) else { return };
    let size = Size::Quote(amount);
    let orders = SIDES.map(|side| check.new_order(side, OrderKind::Market { size }));
    check.place_all(there, &orders);
    done(check, there);
}

pub(super) fn triggers(check: &mut Check<'_>) {
    let capabilities = check.provider().capabilities();
    let there = capabilities.triggers;
    let any = there || capabilities.trailing_stop;
    let places = check.supports(OperationKind::PlaceConditional);
    check.claim(any == places, || format!("place_conditional: {places}, its kinds: {any}"));
    let quantity = check.harness().quantity();
    let mut at_market = Vec::new();
    let mut at_limit = Vec::new();
    for side in SIDES {
        for kind in [TriggerKind::Stop, TriggerKind::TakeProfit] {
            let price = trigger_price(check, side, kind);
            let trigger = Trigger { kind, price };
            at_market.push(check.new_order(side, OrderKind::TriggerMarket { quantity, trigger }));
            for time_in_force in TIMES_IN_FORCE {
                let kind = OrderKind::TriggerLimit { quantity, trigger, price, time_in_force };
                at_limit.push(check.new_order(side, kind));
            }
        }
    }
    // Whether such an order carries its id is a case of its own.
    let plain = |order: &mut NewOrder| order.client_order_id = None;
    at_market.iter_mut().for_each(plain);
    at_limit.iter_mut().for_each(plain);
    check.place_all(there, &at_market);
    check.place_all(there, &at_limit);
    done(check, there);
}

pub(super) fn trailing_stop(check: &mut Check<'_>) {
    let there = check.provider().capabilities().trailing_stop;
    let quantity = check.harness().quantity();
    let callback_rate = Decimal::new(15, 1);
    let mut orders = Vec::new();
    for side in SIDES {
        let far = trigger_price(check, side, TriggerKind::TakeProfit);
        for activate_price in [None, Some(far)] {
            let kind = OrderKind::TrailingStop { quantity, callback_rate, activate_price };
            orders.push(check.new_order(side, kind));
        }
    }
    check.place_all(there, &orders);
    done(check, there);
}

pub(super) fn attached(check: &mut Check<'_>) {
    let there = check.provider().capabilities().attached;
    let mut orders = Vec::new();
    for side in SIDES {
        let take_profit = Some(trigger_price(check, side.opposite(), TriggerKind::TakeProfit));
        let stop_loss = Some(trigger_price(check, side.opposite(), TriggerKind::Stop));
        for attached in [
            Attached { take_profit, stop_loss },
            Attached { take_profit, stop_loss: None },
            Attached { take_profit: None, stop_loss },
        ] {
            orders.push(NewOrder { attached, ..check.limit(side) });
        }
    }
    check.place_all(there, &orders);
    done(check, there);
}

pub(super) fn reduce_only(check: &mut Check<'_>) {
    let there = check.provider().capabilities().reduce_only;
    let size = Size::Base(check.harness().quantity());
    let mut orders = Vec::new();
    for side in SIDES {
        orders.push(check.limit(side).reduce_only());
        orders.push(check.new_order(side, OrderKind::Market { size }).reduce_only());
    }
    check.place_all(there, &orders);
    done(check, there);
}

pub(super) fn hedge(check: &mut Check<'_>) {
    let there = check.provider().capabilities().hedge_mode;
    let mut orders = Vec::new();
    for position in [PositionSide::Long, PositionSide::Short] {
        let opening = check.limit(position.closing_side().opposite()).position_side(position);
        let closing = check.limit(position.closing_side()).position_side(position).reduce_only();
        // The position follows from the side, and from whether the order reduces.
        let mut unnamed = closing;
        unnamed.position_side = None;
        unnamed.position_mode = Some(PositionMode::Hedge);
        orders.extend([opening, closing, unnamed]);
    }
    check.place_all(there, &orders);
    done(check, there);
}

pub(super) fn margin(check: &mut Check<'_>) {
    let mut taken = false;
    for mode in [MarginMode::Isolated, MarginMode::Cross] {
        let mut order = check.limit(Side::Buy);
        order.margin_mode = Some(mode);
        order.leverage = Some(7);
        let Some(prepared) = check.prepare(&order) else { return };
        let label = format!("limit order, {mode:?}, leverage 7");
        let meaning = check.ask(&label, &Operation::Place(&prepared));
        let read = meaning.and_then(|meaning| meaning.orders.first().copied());
        taken |= read.is_some_and(|order| order.margin_mode.is_some());
    }
    if !taken {
        check.set_not_supported();
    }
}

fn carries_id(check: &mut Check<'_>, order: NewOrder) -> bool {
    let mut carried = false;
    for text in ["a", "Hoox-2026_07-x", "0123456789abcdefABCDEF-_zZ012345"] {
        let Some(id) = client_order_id(text) else { continue };
        let order = order.client_order_id(id);
        let Some(prepared) = check.prepare(&order) else { return false };
        let label = format!("{} with id {text}", describe(&order));
        carried |= check.ask(&label, &Operation::Place(&prepared)).is_some();
    }
    carried
}

pub(super) fn plain_client_order_id(check: &mut Check<'_>) {
    let order = check.limit(Side::Sell);
    let carried = carries_id(check, order);
    check.claim(carried, || "no order with a client order id can be placed".into());
}

pub(super) fn conditional_client_order_id(check: &mut Check<'_>) {
    if !check.supports(OperationKind::PlaceConditional) {
        return check.set_not_supported();
    }
    let kind = TriggerKind::Stop;
    let trigger = Trigger { kind, price: trigger_price(check, Side::Sell, kind) };
    let quantity = check.harness().quantity();
    let order = check.new_order(Side::Sell, OrderKind::TriggerMarket { quantity, trigger });
    let carried = carries_id(check, order);
    check.claim(carried, || "no conditional order with a client order id can be placed".into());
}

/// Longer than the venue takes, or of characters that venues put into ids of their own making.
pub(super) fn unfit_client_order_id(check: &mut Check<'_>) {
    let max = check.provider().capabilities().client_order_id_max;
    check.claim((1..=64).contains(&max), || format!("client_order_id_max is {max}"));
    for text in ["a".repeat(max + 1), "a~b".into(), "a@b#c".into(), "a/b:c.d".into()] {
        // No longer than this type takes at all.
        let Ok(id) = ClientOrderId::new(&text) else { continue };
        let order = check.limit(Side::Buy).client_order_id(id);
        let Some(prepared) = check.prepare(&order) else { return };
        let op = Operation::Place(&prepared);
        let refused = refusal(check, &op);
        match refused {
            Some(EncodeError::Invalid { .. }) => check.claim(true, String::new),
            Some(error) => check.fail(format!("id {text}: {error}")),
            None if text.len() > max => {
                check.fail(format!("an id of {} bytes is sent", text.len()))
            }
            None => {
                check.ask(&format!("order with id {text}"), &op);
            }
        }
    }
}

pub(super) fn numbers(check: &mut Check<'_>) {
    let values = [
        (Decimal::new(1, 8), Decimal::new(12_345_678_901_234, 8)),
        (Decimal::new(10_000_000_000, 0), Decimal::new(1, 10)),
        (Decimal::new(1_000, 3), Decimal::new(4_300_050, 2)),
    ];
    for (quantity, price) in values {
        let order = check.with_id(NewOrder::limit(check.symbol(), Side::Buy, quantity, price));
        match PreparedOrder::as_written(&order) {
            Ok(prepared) => {
                let label = format!("{quantity} at {price}");
                let understood = check.ask(&label, &Operation::Place(&prepared)).is_some();
                check.claim(understood, || format!("{label}: cannot be placed"));
            }
            Err(error) => check.fail(error.to_string()),
        }
    }
}

pub(super) fn batch(check: &mut Check<'_>) {
    let there = check.supports(OperationKind::PlaceBatch);
    let max = check.provider().capabilities().batch_max;
    check.claim(there == (max > 0), || format!("batch_max is {max}"));
    let mut orders = Vec::new();
    let terms = [
        ("batch-1", Side::Buy, TimeInForce::GoodTillCancel),
        ("batch-2", Side::Sell, TimeInForce::PostOnly),
        ("batch-3", Side::Buy, TimeInForce::ImmediateOrCancel),
    ];
    for (id, side, time_in_force) in terms {
        let mut order = check.limit(side).time_in_force(time_in_force);
        order.client_order_id = client_order_id(id);
        orders.extend(check.prepare(&order));
    }
    check.ask_all(there, &[("a batch of three".into(), Operation::PlaceBatch(&orders))]);
    if !there {
        return check.set_not_supported();
    }
    let Some(first) = orders.first() else { return };
    let full = vec![*first; max];
    let over = vec![*first; max + 1];
    check.ask_all(true, &[(format!("a batch of {max}"), Operation::PlaceBatch(&full))]);
    for (what, batch) in [("more than batch_max orders", over), ("no orders at all", Vec::new())] {
        let refused = refusal(check, &Operation::PlaceBatch(&batch)).is_some();
        check.claim(refused, || format!("a batch of {what} is sent"));
    }
}

/// Where the trigger of such an order lies: a stop's beyond the market on the losing side, a
/// take-profit's on the winning one.
pub(super) fn trigger_price(check: &Check<'_>, side: Side, kind: TriggerKind) -> Decimal {
    let above = matches!(
        (side, kind),
        (Side::Buy, TriggerKind::Stop) | (Side::Sell, TriggerKind::TakeProfit)
    );
    let factor = if above { Decimal::new(15, 1) } else { Decimal::new(5, 1) };
    let price = check.harness().price();
    price.checked_mul(factor).unwrap_or(price)
}

/// The reason why `op` cannot be encoded, if it cannot.
fn refusal(check: &Check<'_>, op: &Operation<'_>) -> Option<EncodeError> {
    check.provider().encode(op, NOW, &mut RequestBuf::new()).err()
}

fn done(check: &mut Check<'_>, there: bool) {
    if !there {
        check.set_not_supported();
    }
}
