//! Futures positions and assets. Source: protocol sheet for MEXC, section 5.

use rust_decimal::Decimal;
use serde::Serialize;

use super::super::{Answer, errors};
use super::{Call, Num, contracts, write};
use crate::engine::{Engine, MARGIN_ASSET, PositionSide};

const POSITION_BASE: u64 = 1_394_000;
/// States of a position.
const HOLDING: u8 = 1;
const CLOSED: u8 = 3;

/// An id for each position an account can have.
pub(super) fn position_id(instrument: usize, side: PositionSide) -> u64 {
    let side = match side {
        PositionSide::Both => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    };
    POSITION_BASE + 3 * u64::try_from(instrument).unwrap_or(0) + side
}

/// The instrument and side behind an id that [`position_id`] has written.
pub(super) fn position_of(text: &str) -> Option<(usize, PositionSide)> {
    let number = text.parse::<u64>().ok()?.checked_sub(POSITION_BASE)?;
    let side = match number % 3 {
        0 => PositionSide::Both,
        1 => PositionSide::Long,
        _ => PositionSide::Short,
    };
    Some((usize::try_from(number / 3).ok()?, side))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Asset {
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
    write([usdt(call.engine, call.account)])
}

pub(super) fn asset(call: &mut Call<'_>) -> Answer {
    if call.tail == MARGIN_ASSET {
        write(usdt(call.engine, call.account))
    } else {
        Err(errors::F_PARAMS)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Position {
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
    let mut rows = Vec::new();
    for n in call.selected(call.get("symbol"))? {
        for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
            let shown = position(call.engine, call.account, (n, side));
            rows.extend(shown.filter(|p| p.state == HOLDING));
        }
    }
    write(rows)
}

/// A position as customers see it, in queries and pushes.
pub(in crate::mexc) fn position(
    engine: &Engine,
    account: usize,
    (n, side): (usize, PositionSide),
) -> Option<Position> {
    let owner = engine.account(account).ok()?;
    let (i, settings) = engine.instruments.get(n).zip(owner.linear.get(n))?;
    let p = settings.position(side);
    let orders = engine.orders.open_of(account, n);
    let closing = orders.filter(|o| o.closing && o.position_side == side);
    let own = owner.trades.iter().filter(|t| t.instrument == n && t.position_side == side);
    let entry = Num(p.entry.round_dp(12));
    let margin = Num(settings.position_margin(side, engine.last_price(n)).round_dp(8));
    Some(Position {
        position_id: position_id(n, side),
        symbol: i.symbol,
        position_type: match side {
            PositionSide::Short => 2,
            PositionSide::Both if p.amount < Decimal::ZERO => 2,
            _ => 1,
        },
        open_type: if settings.isolated { 1 } else { 2 },
        state: if p.amount.is_zero() { CLOSED } else { HOLDING },
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
    })
}

pub(in crate::mexc) fn usdt(engine: &Engine, account: usize) -> Asset {
    let m = engine.margin(account);
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
