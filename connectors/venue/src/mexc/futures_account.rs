//! Futures positions, assets, deals and settings. Source: protocol sheet for MEXC, section 5.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use super::Answer;
use super::errors::{self, ApiError};
use super::futures::{Call, Num, contracts, order_id, write};
use crate::engine::{MARGIN_ASSET, Market, PositionSide, Reject, Side, Trade};

/// An id for each position an account can have.
pub(super) fn position_id(instrument: usize, side: PositionSide) -> u64 {
    let side = match side {
        PositionSide::Both => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    };
    1_394_000 + 3 * u64::try_from(instrument).unwrap_or(0) + side
}

/// Applies the margin mode and leverage an opening order carries.
pub(super) fn prepare(
    call: &mut Call<'_>,
    instrument: usize,
    isolated: bool,
    leverage: Option<u32>,
) -> Result<(), ApiError> {
    match call.engine.set_isolated(call.account, instrument, isolated) {
        Ok(()) | Err(Reject::NoChange) => {}
        Err(_) => return Err(errors::F_MARGIN_MODE),
    }
    match leverage {
        Some(leverage) => set_leverage(call, instrument, leverage),
        None => Ok(()),
    }
}

pub(super) fn change_leverage(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let leverage = f.integer("leverage")?.ok_or(errors::F_PARAMS)?;
    let instrument = match (f.text("positionId"), f.text("symbol")) {
        (Some(id), _) => {
            let id: u64 = id.parse().map_err(|_| errors::F_PARAMS)?;
            let index = id.checked_sub(1_394_000).ok_or(errors::F_PARAMS)? / 3;
            usize::try_from(index).map_err(|_| errors::F_PARAMS)?
        }
        (None, Some(symbol)) => {
            if f.integer("openType")?.is_none() || f.integer("positionType")?.is_none() {
                return Err(errors::F_PARAMS);
            }
            call.find_symbol(symbol)?
        }
        (None, None) => return Err(errors::F_PARAMS),
    };
    set_leverage(call, instrument, leverage)?;
    write(())
}

pub(super) fn leverage(call: &mut Call<'_>) -> Answer {
    let instrument = call.find_symbol(call.get("symbol").ok_or(errors::F_PARAMS)?)?;
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let settings = account.linear.get(instrument).ok_or(errors::F_CONTRACT)?;
    let open_type = if settings.isolated { 1 } else { 2 };
    let row = |position_type: u8| {
        json!({
            "positionType": position_type, "leverage": settings.leverage, "openType": open_type,
        })
    };
    write([row(1), row(2)])
}

/// 1 hedge, 2 one-way.
pub(super) fn mode(call: &mut Call<'_>) -> Answer {
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    write(if account.hedge_mode { 1 } else { 2 })
}

pub(super) fn change_mode(call: &mut Call<'_>) -> Answer {
    let hedge = match call.fields()?.integer("positionMode")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(errors::F_PARAMS),
    };
    match call.engine.set_hedge_mode(call.account, hedge) {
        Ok(()) | Err(Reject::NoChange) => write(()),
        Err(_) => Err(errors::F_MODE_BLOCKED),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asset {
    currency: &'static str,
    position_margin: Num,
    available_balance: Num,
    cash_balance: Num,
    frozen_balance: Num,
    equity: Num,
    unrealized: Num,
    bonus: u8,
}

pub(super) fn assets(call: &mut Call<'_>) -> Answer {
    write([usdt(call)])
}

pub(super) fn asset(call: &mut Call<'_>) -> Answer {
    if call.tail == MARGIN_ASSET { write(usdt(call)) } else { Err(errors::F_PARAMS) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    position_id: u64,
    symbol: &'static str,
    position_type: u8,
    open_type: u8,
    state: u8,
    hold_vol: Num,
    frozen_vol: Num,
    close_vol: u8,
    hold_avg_price: Num,
    open_avg_price: Num,
    close_avg_price: u8,
    oim: Num,
    im: Num,
    realised: Num,
    leverage: u32,
    update_time: u64,
    auto_add_im: bool,
}

pub(super) fn positions(call: &mut Call<'_>) -> Answer {
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let mut rows = Vec::new();
    for n in call.selected(call.get("symbol"))? {
        let Some((i, settings)) = call.engine.instruments.get(n).zip(account.linear.get(n)) else {
            continue;
        };
        for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
            let p = settings.position(side);
            if p.amount.is_zero() {
                continue;
            }
            let closing = call
                .engine
                .orders
                .open_of(call.account, n)
                .filter(|o| o.closing && o.position_side == side);
            let trades = account.trades.iter();
            let own = trades.filter(|t| t.instrument == n && t.position_side == side);
            let entry = Num(p.entry.round_dp(12));
            let margin = Num(settings.position_margin(side, call.engine.last_price(n)).round_dp(8));
            rows.push(Position {
                position_id: position_id(n, side),
                symbol: i.symbol,
                position_type: if p.amount > Decimal::ZERO { 1 } else { 2 },
                open_type: if settings.isolated { 1 } else { 2 },
                state: 1,
                hold_vol: contracts(i, p.amount.abs()),
                frozen_vol: contracts(i, closing.map(|o| o.remaining()).sum()),
                close_vol: 0,
                hold_avg_price: entry,
                open_avg_price: entry,
                close_avg_price: 0,
                oim: margin,
                im: margin,
                realised: Num(own.map(|t| t.realized - t.commission).sum()),
                leverage: settings.leverage,
                update_time: p.updated_ms,
                auto_add_im: false,
            });
        }
    }
    write(rows)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deal {
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
    timestamp: u64,
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
    let show = |t: &Trade| {
        let i = call.engine.instruments.get(t.instrument)?;
        let closing = call.engine.orders.get(t.order_id).is_some_and(|o| o.closing);
        Some(Deal {
            id: t.id.to_string(),
            symbol: i.symbol,
            side: match (t.side, closing) {
                (Side::Buy, false) => 1,
                (Side::Buy, true) => 2,
                (Side::Sell, false) => 3,
                (Side::Sell, true) => 4,
            },
            vol: contracts(i, t.quantity),
            price: Num(t.price),
            fee: Num(t.commission),
            fee_currency: t.commission_asset,
            profit: Num(t.realized),
            taker: !t.maker,
            category: 1,
            order_id: order_id(t.order_id),
            timestamp: t.time_ms,
        })
    };
    write(wanted.skip(skip).take(take).filter_map(show).collect::<Vec<_>>())
}

fn usdt(call: &Call<'_>) -> Asset {
    let m = call.engine.margin(call.account);
    Asset {
        currency: MARGIN_ASSET,
        position_margin: Num(m.position.round_dp(8)),
        available_balance: Num(m.available.round_dp(8)),
        cash_balance: Num((m.wallet - m.position - m.orders).max(Decimal::ZERO).round_dp(8)),
        frozen_balance: Num(m.orders.round_dp(8)),
        equity: Num((m.wallet + m.unrealized).round_dp(8)),
        unrealized: Num(m.unrealized.round_dp(8)),
        bonus: 0,
    }
}

fn set_leverage(call: &mut Call<'_>, instrument: usize, leverage: u32) -> Result<(), ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let settings = account.linear.get(instrument).ok_or(errors::F_CONTRACT)?;
    if settings.leverage == leverage {
        return Ok(());
    }
    let set = call.engine.set_leverage(call.account, instrument, leverage);
    set.map_err(|reject| ApiError::from_reject(Market::Linear, Side::Buy, reject))
}
