//! The account and the market: clock, rules, prices, balances, settings, positions.

use crate::{
    Clock, Decimal, ExchangeProvider, MarginMode, Operation, OperationKind as Kind, PositionMode,
    PositionSide, Refused, RejectReason, Side, Transport,
};

use super::stage::{At, is_not_supported};
use super::{Step, Stop, ensure, failed};

/// How far two clocks may lie apart once they were compared, in milliseconds.
const CLOCK_ERROR_MAX: u64 = 1_000;

pub(super) async fn clock<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.client.sync_clock().await.map_err(failed("server time"))?;
    let ours = at.client.venue_now().as_millis();
    let reply = at.client.call(&Operation::ServerTime).await.map_err(failed("server time"))?;
    let crate::Reply::ServerTime(theirs) = reply else {
        return Err(Stop::Failed(format!("answered with {reply:?}")));
    };
    let apart = ours.abs_diff(theirs.as_millis());
    ensure(apart <= CLOCK_ERROR_MAX, || format!("{apart} ms apart"))
}

pub(super) async fn instrument<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let all = at.client.instruments().await.map_err(failed("instruments"))?;
    let listed = all.find(&at.symbol());
    ensure(listed == Some(at.instrument()), || format!("listed as {listed:?}"))
}

pub(super) async fn prices<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let price = at.price().await?;
    ensure(price > Decimal::ZERO, || format!("the price is {price}"))?;
    at.needs(Kind::BookTop)?;
    let top = at.client.book_top(at.symbol()).await.map_err(failed("book top"))?;
    ensure(top.symbol == at.symbol(), || format!("of {}", top.symbol))?;
    match (top.bid_price, top.ask_price) {
        (Some(bid), Some(ask)) => ensure(bid < ask, || format!("bid {bid}, ask {ask}")),
        _ => Ok(()),
    }
}

pub(super) async fn balances<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let balances = at.client.balances().await.map_err(failed("balances"))?;
    let quote = at.instrument().quote;
    let funds = balances.iter().find(|it| Some(it.asset) == quote);
    ensure(funds.is_some_and(|it| it.total > Decimal::ZERO), || format!("funds: {funds:?}"))?;
    let wrong = balances.iter().find(|it| it.available > it.total);
    ensure(wrong.is_none(), || format!("{wrong:?}"))
}

pub(super) async fn settings<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    let symbol = at.symbol();
    let mut there = false;
    for op in [
        Operation::SetLeverage {
            symbol,
            leverage: 5,
            margin_mode: Some(MarginMode::Cross),
            position_side: Some(PositionSide::Long),
        },
        Operation::SetMarginMode { symbol, mode: MarginMode::Cross },
        Operation::SetPositionMode { symbol: Some(symbol), mode: PositionMode::OneWay },
    ] {
        for _ in 0..2 {
            match at.client.set(&op).await {
                Ok(_) => there = true,
                Err(error) if is_not_supported(&error) => {}
                Err(error) => {
                    return Err(Stop::Failed(format!("{}: {error}", op.kind().as_str())));
                }
            }
        }
    }
    at.needs_feature(there)
}

pub(super) async fn position<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs(Kind::Positions)?;
    let sides = [(Side::Buy, PositionSide::Long), (Side::Sell, PositionSide::Short)];
    for (side, expected) in sides {
        let before = size(at).await?;
        ensure(before.is_none(), || format!("there is a position already: {before:?}"))?;
        let id = at.place(&at.market_order(side).await?).await?;
        at.find_once(id, |report| !report.status.is_open()).await?;
        let open = size_once(at, |open| open.is_some()).await?;
        let right = open == Some((expected, at.quantity()));
        ensure(right, || format!("a {side} shows as {open:?}"))?;
        let close = at.market_order(side.opposite()).await?.reduce_only();
        let id = at.place(&close).await?;
        let report = at.find_once(id, |report| !report.status.is_open()).await?;
        ensure(report.reduce_only, || "the closing order is not reduce-only".into())?;
        let left = size_once(at, |open| open.is_none()).await?;
        ensure(left.is_none(), || format!("closing leaves {left:?}"))?;
    }
    Ok(())
}

pub(super) async fn reduce_only<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step {
    at.needs_feature(at.client.provider().capabilities().reduce_only)?;
    let order = at.market_order(Side::Sell).await?.reduce_only();
    match at.place_in_vain(&order).await? {
        None => Ok(()),
        Some(Refused::Rejected(it))
            if matches!(it.reason, RejectReason::ReduceOnly | RejectReason::NoPosition) =>
        {
            Ok(())
        }
        Some(refused) => Err(Stop::Failed(format!("{refused:?}"))),
    }
}

/// The open position of the stage's symbol.
async fn size<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
) -> Step<Option<(PositionSide, Decimal)>> {
    let positions = at.client.positions(Some(at.symbol())).await.map_err(failed("positions"))?;
    let mut open = positions.iter().filter(|it| !it.size.is_zero());
    let first = open.next();
    ensure(open.next().is_none(), || format!("several positions: {positions:?}"))?;
    Ok(first.and_then(|it| Some((it.side?, it.size))))
}

/// As [`size`], once it is as it should be or the venue has had its time.
async fn size_once<P: ExchangeProvider, T: Transport, C: Clock>(
    at: &At<'_, P, T, C>,
    ready: impl Fn(&Option<(PositionSide, Decimal)>) -> bool,
) -> Step<Option<(PositionSide, Decimal)>> {
    let mut last = size(at).await?;
    for _ in 0..40 {
        if ready(&last) {
            break;
        }
        at.pause().await;
        last = size(at).await?;
    }
    Ok(last)
}
