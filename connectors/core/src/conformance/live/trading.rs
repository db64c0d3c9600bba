//! Orders: placed, found, filled, cancelled.

use crate::{
    Amendment, Clock, Decimal, ExchangeProvider, NewOrder, Operation, OperationKind as Kind,
    OrderClass, OrderKind, OrderRef, OrderStatus, Outcome, PreparedOrder, Refused, RejectReason,
    Rejection, Reply, Side, Symbol, TimeInForce, Transport, Trigger, TriggerKind,
};

use super::stage::At;
use super::{Step, Stop, ensure, failed};

const PLAIN: OrderClass = OrderClass::Plain;

pub(super) async fn limit<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let order = at.limit_at(Side::Buy, 80).await?;
    let prepared = at.prepare(&order)?;
    let id = at.place(&order).await?;
    let found = at.find_once(id, |report| report.status == OrderStatus::New).await?;
    ensure(found.symbol == at.symbol(), || format!("found under {}", found.symbol))?;
    ensure(found.side == Side::Buy, || format!("found as a {}", found.side))?;
    ensure(found.quantity == Some(at.quantity()), || format!("found for {:?}", found.quantity))?;
    ensure(found.price == prepared.price(), || format!("found at {:?}", found.price))?;
    let id_read = found.client_order_id;
    ensure(id_read == Some(id), || format!("found with id {id_read:?}"))?;
    let open = at.client.open_orders(at.symbol()).await.map_err(failed("open orders"))?;
    let listed = open.iter().filter(|report| report.client_order_id == Some(id)).count();
    ensure(listed == 1, || format!("listed {listed} times among the open orders"))?;
    let by_id =
        Operation::Order { symbol: at.symbol(), order: OrderRef::Id(found.order_id), class: PLAIN };
    match at.client.call(&by_id).await.map_err(failed("asking by the venue's id"))? {
        Reply::Order(report) => {
            ensure(report.client_order_id == Some(id), || format!("another order: {report:?}"))?;
        }
        other => return Err(Stop::Failed(format!("asking by the venue's id: {other:?}"))),
    }
    at.cancel(id, PLAIN).await?;
    let gone = at.find_once(id, |report| !report.status.is_open()).await?;
    ensure(gone.status == OrderStatus::Canceled, || format!("ends as {:?}", gone.status))?;
    let open = at.client.open_orders(at.symbol()).await.map_err(failed("open orders"))?;
    let listed = open.iter().any(|report| report.client_order_id == Some(id));
    ensure(!listed, || "still listed among the open orders".into())
}

pub(super) async fn unknown<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let found = at.client.find(at.symbol(), at.id()?, PLAIN).await.map_err(failed("asking"))?;
    ensure(found.is_none(), || format!("found {found:?}"))
}

pub(super) async fn cancel_twice<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let id = at.place(&at.limit_at(Side::Buy, 80).await?).await?;
    at.find_once(id, |_| true).await?;
    at.cancel(id, PLAIN).await?;
    at.find_once(id, |report| !report.status.is_open()).await?;
    match at.client.cancel(at.symbol(), id, PLAIN).await {
        Err(Refused::Rejected(Rejection { reason: RejectReason::UnknownOrder, .. })) => Ok(()),
        other => Err(Stop::Failed(format!("{other:?}"))),
    }
}

pub(super) async fn market<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    for side in [Side::Buy, Side::Sell] {
        let order = at.market_order(side).await?;
        let id = at.place(&order).await?;
        let filled = at.find_once(id, |report| !report.status.is_open()).await?;
        ensure(filled.status == OrderStatus::Filled, || format!("{side}: {:?}", filled.status))?;
        ensure(filled.average_price.is_some(), || format!("{side}: no average price"))?;
        if let Some(quantity) = order.kind.quantity() {
            let right = filled.filled_quantity == quantity;
            ensure(right, || format!("{side}: {} filled of {quantity}", filled.filled_quantity))?;
        }
        at.needs(Kind::Fills)?;
        let mut sum = Decimal::ZERO;
        // The list of executions may lag behind the order.
        for _ in 0..40 {
            let fills = at.client.fills(at.symbol(), filled.order_id).await;
            let fills = fills.map_err(failed("executions"))?;
            let right = fills.iter().all(|fill| fill.side == side && fill.fee.is_some());
            ensure(right, || format!("{side}: executions {fills:?}"))?;
            sum = fills.iter().map(|fill| fill.quantity).sum();
            if sum == filled.filled_quantity {
                break;
            }
            at.pause().await;
        }
        let right = sum == filled.filled_quantity;
        ensure(right, || format!("{side}: executions of {sum}, not {}", filled.filled_quantity))?;
    }
    Ok(())
}

pub(super) async fn by_quote<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs_feature(at.client.provider().capabilities().market_by_quote)?;
    let amount = at.price().await?.checked_mul(at.quantity());
    let amount = amount.ok_or_else(|| Stop::Failed("too large an amount".into()))?;
    let order = NewOrder::market_quote(at.symbol(), Side::Buy, amount).client_order_id(at.id()?);
    let id = at.place(&order).await?;
    let filled = at.find_once(id, |report| !report.status.is_open()).await?;
    ensure(filled.filled_quantity > Decimal::ZERO, || format!("{:?}", filled.status))?;
    let spent = filled.filled_quote;
    ensure(spent.is_none_or(|spent| spent <= amount), || format!("spends {spent:?} of {amount}"))
}

pub(super) async fn post_only<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let order = at.limit_at(Side::Buy, 103).await?.time_in_force(TimeInForce::PostOnly);
    match at.place_in_vain(&order).await? {
        None => Ok(()),
        Some(Refused::Rejected(it)) if it.reason == RejectReason::PostOnly => Ok(()),
        Some(refused) => Err(Stop::Failed(format!("{refused:?}"))),
    }
}

pub(super) async fn immediate<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    for time_in_force in [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill] {
        let order = at.limit_at(Side::Buy, 80).await?.time_in_force(time_in_force);
        match at.place_in_vain(&order).await? {
            None => {}
            Some(Refused::Rejected(it)) if it.reason == RejectReason::NoLiquidity => {}
            Some(refused) => return Err(Stop::Failed(format!("{time_in_force:?}: {refused:?}"))),
        }
    }
    Ok(())
}

pub(super) async fn duplicate<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let order = at.limit_at(Side::Buy, 80).await?;
    let id = at.place(&order).await?;
    at.find_once(id, |_| true).await?;
    let prepared = at.prepare(&order)?;
    let again = at.client.place(&prepared).await;
    // A venue that only acknowledges may find the duplicate afterwards.
    let right = match &again {
        Err(Refused::Rejected(it)) => it.reason == RejectReason::DuplicateClientOrderId,
        Ok(Outcome::Unknown(_) | Outcome::Accepted(_)) => true,
        _ => false,
    };
    ensure(right, || format!("the second is answered with {again:?}"))?;
    let open = at.client.open_orders(at.symbol()).await.map_err(failed("open orders"))?;
    let count = open.iter().filter(|report| report.client_order_id == Some(id)).count();
    ensure(count == 1, || format!("{count} orders are open"))
}

pub(super) async fn invalid<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let symbol = Symbol::new("NOSUCHCOINUSDT").map_err(failed("symbol"))?;
    let order = NewOrder { symbol, ..at.limit_at(Side::Buy, 80).await? };
    let prepared = PreparedOrder::as_written(&order).map_err(failed("order"))?;
    match at.client.place(&prepared).await {
        Err(Refused::Rejected(it)) if it.reason == RejectReason::UnknownSymbol => Ok(()),
        other => Err(Stop::Failed(format!("{other:?}"))),
    }
}

pub(super) async fn amend<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs(Kind::Amend)?;
    let id = at.place(&at.limit_at(Side::Buy, 80).await?).await?;
    at.find_once(id, |_| true).await?;
    let other = at.prepare(&at.limit_at(Side::Buy, 81).await?)?;
    let amendment = Amendment {
        symbol: at.symbol(),
        order: OrderRef::Client(id),
        side: Side::Buy,
        quantity: other.order().kind.quantity(),
        price: other.price(),
    };
    at.client.call(&Operation::Amend(&amendment)).await.map_err(failed("changing the order"))?;
    let found = at.find_once(id, |report| report.price == other.price()).await?;
    ensure(found.status.is_open(), || format!("ends as {:?}", found.status))?;
    at.cancel(id, PLAIN).await
}

pub(super) async fn batch<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs(Kind::PlaceBatch)?;
    let mut orders = Vec::new();
    for percent in [80, 81] {
        orders.push(at.prepare(&at.limit_at(Side::Buy, percent).await?)?);
    }
    let reply = at.client.call(&Operation::PlaceBatch(&orders)).await;
    let Reply::Batch(results) = reply.map_err(failed("placing the batch"))? else {
        return Err(Stop::Failed("not answered as a batch".into()));
    };
    ensure(results.len() == 2 && results.iter().all(Result::is_ok), || format!("{results:?}"))?;
    for order in &orders {
        let Some(id) = order.order().client_order_id else { continue };
        let found = at.find_once(id, |_| true).await?;
        ensure(found.price == order.price(), || format!("found at {:?}", found.price))?;
        at.cancel(id, PLAIN).await?;
    }
    Ok(())
}

pub(super) async fn cancel_all<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs(Kind::CancelAll)?;
    let mut ids = Vec::new();
    for percent in [80, 81] {
        ids.push(at.place(&at.limit_at(Side::Buy, percent).await?).await?);
    }
    for id in &ids {
        at.find_once(*id, |_| true).await?;
    }
    let op = Operation::CancelAll { symbol: Some(at.symbol()), class: PLAIN };
    at.client.call(&op).await.map_err(failed("cancelling all"))?;
    for id in ids {
        at.find_once(id, |report| report.status == OrderStatus::Canceled).await?;
    }
    let open = at.client.open_orders(at.symbol()).await.map_err(failed("open orders"))?;
    ensure(open.is_empty(), || format!("{} orders are open", open.len()))
}

pub(super) async fn trigger<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs_feature(at.client.provider().capabilities().triggers)?;
    at.needs(Kind::ConditionalOrder)?;
    let trigger = Trigger { kind: TriggerKind::Stop, price: at.price_at(90).await? };
    let quantity = at.quantity();
    let price = at.price_at(89).await?;
    let time_in_force = TimeInForce::GoodTillCancel;
    let kind = OrderKind::TriggerLimit { quantity, trigger, price, time_in_force };
    let order = NewOrder::new(at.symbol(), Side::Sell, kind).client_order_id(at.id()?);
    let OrderKind::TriggerLimit { trigger, .. } = at.prepare(&order)?.order().kind else {
        return Err(Stop::Failed("prepared as another kind".into()));
    };
    let id = at.place(&order).await?;
    let class = OrderClass::Conditional;
    let found = at.find_of(id, class, |report| report.status == OrderStatus::New).await?;
    let read = found.trigger_price;
    ensure(read == Some(trigger.price), || format!("waits for {read:?}, not {}", trigger.price))?;
    at.cancel(id, class).await?;
    at.find_of(id, class, |report| report.status == OrderStatus::Canceled).await?;
    Ok(())
}
