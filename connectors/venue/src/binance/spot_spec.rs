//! A spot order read from its parameters.
//!
//! Source: protocol sheet for Binance, section 3; for trailing stops also the venue's
//! `faqs/trailing-stop-faq.md`.

use rust_decimal::Decimal;

use super::Call;
use super::errors::{ApiError, BAD_COMBINATION, BAD_TIME_IN_FORCE, BAD_TYPE};
use crate::engine::{NewOrder, OrderKind, PositionSide, TimeInForce};

const STP_MODES: [&str; 5] = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"];

pub(super) fn kind(call: &Call<'_>) -> Result<OrderKind, ApiError> {
    match call.params.require("type")? {
        "MARKET" => Ok(OrderKind::Market),
        "LIMIT" => Ok(OrderKind::Limit),
        "LIMIT_MAKER" => Ok(OrderKind::LimitMaker),
        "STOP_LOSS" => Ok(OrderKind::StopLoss),
        "STOP_LOSS_LIMIT" => Ok(OrderKind::StopLossLimit),
        "TAKE_PROFIT" => Ok(OrderKind::TakeProfit),
        "TAKE_PROFIT_LIMIT" => Ok(OrderKind::TakeProfitLimit),
        _ => Err(BAD_TYPE),
    }
}

/// Reads an order and checks which parameters its type wants and which it does not take.
pub(super) fn parse<'p>(
    call: &Call<'_>,
    kind: OrderKind,
    client_id: &'p str,
) -> Result<NewOrder<'p>, ApiError> {
    let p = call.params;
    let instrument = call.instrument()?;
    let side = call.side()?;
    if let Some(mode) = p.get("selfTradePreventionMode")?
        && !STP_MODES.contains(&mode)
    {
        return Err(ApiError::bad_value("selfTradePreventionMode"));
    }
    if p.integer("strategyType")?.is_some_and(|n| n < 1_000_000) {
        return Err(ApiError::bad_value("strategyType"));
    }
    p.integer("strategyId")?;
    let takes_tif = kind.has_price() && kind != OrderKind::LimitMaker;
    let tif = match p.get("timeInForce")? {
        Some(_) if !takes_tif => return Err(ApiError::unexpected("timeInForce")),
        None if takes_tif => return Err(ApiError::missing("timeInForce")),
        None | Some("GTC") => TimeInForce::Gtc,
        Some("IOC") => TimeInForce::Ioc,
        Some("FOK") => TimeInForce::Fok,
        Some(_) => return Err(BAD_TIME_IN_FORCE),
    };
    let wanted = |name: &str, takes: bool| match (p.decimal(name)?, takes) {
        (Some(_), false) => Err(ApiError::unexpected(name)),
        (None, true) => Err(ApiError::missing(name)),
        (value, _) => Ok(value.unwrap_or_default()),
    };
    let price = wanted("price", kind.has_price())?;
    let trailing_delta = p.integer("trailingDelta")?;
    if trailing_delta.is_some() && !kind.is_conditional() {
        return Err(ApiError::unexpected("trailingDelta"));
    }
    let stop_price = match (p.decimal("stopPrice")?, trailing_delta) {
        (Some(_), _) if !kind.is_conditional() => return Err(ApiError::unexpected("stopPrice")),
        (Some(price), Some(_)) if price.is_zero() => return Err(ApiError::bad_value("stopPrice")),
        (None, None) if kind.is_conditional() => {
            return Err(ApiError::neither("stopPrice", "trailingDelta"));
        }
        (price, _) => price.unwrap_or_default(),
    };
    let quote = p.decimal("quoteOrderQty")?;
    let quantity = p.decimal("quantity")?;
    let (quantity, quote_quantity) = match (quantity, quote, kind) {
        (Some(_), Some(_), OrderKind::Market) => return Err(BAD_COMBINATION),
        (None, Some(quote), OrderKind::Market) if !quote.is_zero() => (Decimal::ZERO, quote),
        (_, Some(_), _) => return Err(ApiError::unexpected("quoteOrderQty")),
        (Some(quantity), None, _) => (quantity, Decimal::ZERO),
        (None, None, _) => return Err(ApiError::missing("quantity")),
    };
    Ok(NewOrder {
        account: call.account,
        instrument,
        side,
        kind,
        tif,
        quantity,
        quote_quantity,
        price,
        stop_price,
        trailing_delta,
        position_side: PositionSide::Both,
        reduce_only: false,
        client_id,
    })
}
