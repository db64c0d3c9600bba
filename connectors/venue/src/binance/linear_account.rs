//! Linear balances, positions and settings.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::errors::{
    ApiError, INTERNAL, MARGIN_TYPE_ORDERS, MARGIN_TYPE_POSITION, SAME_MARGIN_TYPE,
};
use super::json::{Fixed, exact, f8, write};
use super::{Answer, Call};
use crate::engine::{Instrument, Margin, PositionSide, Reject};

const ASSET: &str = "USDT";

pub(super) fn balance(call: &mut Call<'_>) -> Answer {
    let m = call.engine.margin(call.account);
    write(&serde_json::json!([{
        "accountAlias": format!("acct{}", call.account),
        "asset": ASSET,
        "balance": f8(m.wallet),
        "crossWalletBalance": f8(m.wallet),
        "crossUnPnl": f8(m.unrealized_cross),
        "availableBalance": f8(m.available),
        "maxWithdrawAmount": f8(withdrawable(&m)),
        "marginAvailable": true,
        "updateTime": call.engine.now_ms(),
    }]))
}

pub(super) fn account(call: &mut Call<'_>) -> Answer {
    let m = call.engine.margin(call.account);
    let rows = call.positions(None, false)?;
    let maintenance: Decimal = rows.iter().map(|r| r.maintenance).sum();
    let positions: Vec<_> = rows
        .iter()
        .map(|r| {
            serde_json::json!({
                "symbol": r.symbol,
                "positionSide": r.side,
                "positionAmt": r.amount,
                "unrealizedProfit": f8(r.unrealized),
                "isolatedMargin": f8(r.isolated_margin()),
                "notional": f8(r.notional),
                "isolatedWallet": f8(r.isolated_wallet()),
                "initialMargin": f8(r.position_margin + r.order_margin),
                "maintMargin": f8(r.maintenance),
                "updateTime": r.updated_ms,
            })
        })
        .collect();
    write(&serde_json::json!({
        "totalInitialMargin": f8(m.position + m.orders),
        "totalMaintMargin": f8(maintenance),
        "totalWalletBalance": f8(m.wallet),
        "totalUnrealizedProfit": f8(m.unrealized),
        "totalMarginBalance": f8(m.wallet + m.unrealized),
        "totalPositionInitialMargin": f8(m.position),
        "totalOpenOrderInitialMargin": f8(m.orders),
        "totalCrossWalletBalance": f8(m.wallet),
        "totalCrossUnPnl": f8(m.unrealized_cross),
        "availableBalance": f8(m.available),
        "maxWithdrawAmount": f8(withdrawable(&m)),
        "assets": [{
            "asset": ASSET,
            "walletBalance": f8(m.wallet),
            "unrealizedProfit": f8(m.unrealized),
            "marginBalance": f8(m.wallet + m.unrealized),
            "maintMargin": f8(maintenance),
            "initialMargin": f8(m.position + m.orders),
            "positionInitialMargin": f8(m.position),
            "openOrderInitialMargin": f8(m.orders),
            "crossWalletBalance": f8(m.wallet),
            "crossUnPnl": f8(m.unrealized_cross),
            "availableBalance": f8(m.available),
            "maxWithdrawAmount": f8(withdrawable(&m)),
            "updateTime": call.engine.now_ms(),
        }],
        "positions": positions,
    }))
}

/// Only symbols with a position or an open order, without settings.
pub(super) fn positions_v3(call: &mut Call<'_>) -> Answer {
    let wanted = call.optional_instrument()?;
    let rows = call.positions(wanted, false)?;
    let shown: Vec<_> = rows
        .iter()
        .map(|r| {
            serde_json::json!({
                "symbol": r.symbol,
                "positionSide": r.side,
                "positionAmt": r.amount,
                "entryPrice": r.entry,
                "breakEvenPrice": r.entry,
                "markPrice": f8(r.mark),
                "unRealizedProfit": f8(r.unrealized),
                "liquidationPrice": "0",
                "isolatedMargin": f8(r.isolated_margin()),
                "notional": f8(r.notional),
                "marginAsset": ASSET,
                "isolatedWallet": f8(r.isolated_wallet()),
                "initialMargin": f8(r.position_margin + r.order_margin),
                "maintMargin": f8(r.maintenance),
                "positionInitialMargin": f8(r.position_margin),
                "openOrderInitialMargin": f8(r.order_margin),
                "adl": 0,
                "bidNotional": f8(r.bids),
                "askNotional": f8(r.asks),
                "updateTime": r.updated_ms,
            })
        })
        .collect();
    write(&shown)
}

/// Every symbol, with leverage and margin type.
pub(super) fn positions_v2(call: &mut Call<'_>) -> Answer {
    let wanted = call.optional_instrument()?;
    let rows = call.positions(wanted, true)?;
    let shown: Vec<_> = rows
        .iter()
        .map(|r| {
            serde_json::json!({
                "symbol": r.symbol,
                "positionAmt": r.amount,
                "entryPrice": r.entry,
                "breakEvenPrice": r.entry,
                "markPrice": f8(r.mark),
                "unRealizedProfit": f8(r.unrealized),
                "liquidationPrice": "0",
                "leverage": r.leverage.to_string(),
                "maxNotionalValue": r.max_notional.to_string(),
                "marginType": if r.isolated { "isolated" } else { "cross" },
                "isolatedMargin": f8(r.isolated_margin()),
                "isAutoAddMargin": "false",
                "positionSide": r.side,
                "notional": f8(r.notional),
                "isolatedWallet": f8(r.isolated_wallet()),
                "updateTime": r.updated_ms,
            })
        })
        .collect();
    write(&shown)
}

pub(super) fn symbol_config(call: &mut Call<'_>) -> Answer {
    let instruments: Vec<usize> = match call.optional_instrument()? {
        Some(instrument) => vec![instrument],
        None => call.instruments().collect(),
    };
    let account = call.engine.account(call.account).map_err(call.reject())?;
    let shown: Vec<_> = instruments
        .into_iter()
        .filter_map(|n| Some((call.engine.instruments.get(n)?, account.linear.get(n)?)))
        .map(|(i, settings)| {
            serde_json::json!({
                "symbol": i.symbol,
                "marginType": if settings.isolated { "ISOLATED" } else { "CROSSED" },
                "isAutoAddMargin": false,
                "leverage": settings.leverage,
                "maxNotionalValue": i.max_notional_at(settings.leverage).to_string(),
            })
        })
        .collect();
    write(&shown)
}

pub(super) fn brackets(call: &mut Call<'_>) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        bracket: usize,
        initial_leverage: u32,
        notional_cap: Box<RawValue>,
        notional_floor: Box<RawValue>,
        maint_margin_ratio: Box<RawValue>,
        cum: Box<RawValue>,
    }
    #[derive(Serialize)]
    struct Symbol {
        symbol: &'static str,
        brackets: Vec<Row>,
    }
    let rows = |i: &Instrument| -> Result<Vec<Row>, ApiError> {
        i.brackets
            .iter()
            .enumerate()
            .map(|(n, b)| {
                Ok(Row {
                    bracket: n + 1,
                    initial_leverage: b.leverage,
                    notional_cap: number(b.cap)?,
                    notional_floor: number(b.floor)?,
                    maint_margin_ratio: number(b.maintenance)?,
                    cum: number(b.cumulative)?,
                })
            })
            .collect()
    };
    let instruments: Vec<usize> = match call.optional_instrument()? {
        Some(instrument) => vec![instrument],
        None => call.instruments().collect(),
    };
    let shown = instruments
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(|i| Ok(Symbol { symbol: i.symbol, brackets: rows(i)? }))
        .collect::<Result<Vec<_>, ApiError>>()?;
    write(&shown)
}

pub(super) fn commission_rate(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let symbol = call.engine.instrument(instrument).map_err(call.reject())?.symbol;
    let fees = call.engine.fees;
    write(&serde_json::json!({
        "symbol": symbol,
        "makerCommissionRate": Fixed(fees.linear_maker, 6),
        "takerCommissionRate": Fixed(fees.linear_taker, 6),
    }))
}

pub(super) fn set_leverage(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let leverage = call.params.integer("leverage")?.ok_or_else(|| ApiError::missing("leverage"))?;
    let wanted = u32::try_from(leverage).unwrap_or(u32::MAX);
    call.engine.set_leverage(call.account, instrument, wanted).map_err(call.reject())?;
    let i = call.engine.instrument(instrument).map_err(call.reject())?;
    write(&serde_json::json!({
        "leverage": wanted,
        "maxNotionalValue": i.max_notional_at(wanted).to_string(),
        "symbol": i.symbol,
    }))
}

pub(super) fn set_margin_type(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let isolated = match call.params.require("marginType")? {
        "ISOLATED" => true,
        "CROSSED" => false,
        _ => return Err(ApiError::bad_value("marginType")),
    };
    let done = call.engine.set_isolated(call.account, instrument, isolated);
    done.map_err(|reject| match reject {
        Reject::NoChange => SAME_MARGIN_TYPE,
        Reject::BlockedByOrders => MARGIN_TYPE_ORDERS,
        Reject::BlockedByPositions => MARGIN_TYPE_POSITION,
        other => (call.reject())(other),
    })?;
    success()
}

pub(super) fn set_position_mode(call: &mut Call<'_>) -> Answer {
    call.params.require("dualSidePosition")?;
    let hedge = call.params.flag("dualSidePosition")?;
    call.engine.set_hedge_mode(call.account, hedge).map_err(call.reject())?;
    success()
}

pub(super) fn position_mode(call: &mut Call<'_>) -> Answer {
    let hedge = call.engine.account(call.account).map_err(call.reject())?.hedge_mode;
    write(&serde_json::json!({"dualSidePosition": hedge}))
}

/// One position with everything the views derive from it.
struct Row {
    symbol: &'static str,
    side: PositionSide,
    amount: Fixed,
    entry: String,
    mark: Decimal,
    notional: Decimal,
    unrealized: Decimal,
    position_margin: Decimal,
    order_margin: Decimal,
    maintenance: Decimal,
    bids: Decimal,
    asks: Decimal,
    leverage: u32,
    isolated: bool,
    max_notional: Decimal,
    updated_ms: u64,
}

impl Row {
    fn isolated_wallet(&self) -> Decimal {
        if self.isolated { self.position_margin } else { Decimal::ZERO }
    }

    fn isolated_margin(&self) -> Decimal {
        if self.isolated { self.position_margin + self.unrealized } else { Decimal::ZERO }
    }
}

impl Call<'_> {
    /// The account's positions in listing order: those in use, or `all` of the current mode.
    fn positions(&self, wanted: Option<usize>, all: bool) -> Result<Vec<Row>, ApiError> {
        let account = self.engine.account(self.account).map_err(self.reject())?;
        let sides: &[PositionSide] = if account.hedge_mode {
            &[PositionSide::Long, PositionSide::Short]
        } else {
            &[PositionSide::Both]
        };
        let instruments: Vec<usize> = match wanted {
            Some(instrument) => vec![instrument],
            None => self.instruments().collect(),
        };
        let mut rows = Vec::new();
        for n in instruments {
            let i = self.engine.instrument(n).map_err(self.reject())?;
            let Some(settings) = account.linear.get(n) else { continue };
            let mark = self.engine.last_price(n);
            for &side in sides {
                let p = settings.position(side);
                let ordered =
                    self.engine.orders.open_of(self.account, n).any(|o| o.position_side == side);
                if !all && p.amount.is_zero() && !ordered {
                    continue;
                }
                let notional = p.amount * mark;
                let position_margin = settings.position_margin(side, mark);
                let zero = Decimal::ZERO;
                rows.push(Row {
                    symbol: i.symbol,
                    side,
                    amount: exact(p.amount, i.step_decimals()),
                    entry: p.entry.round_dp(i.tick_decimals() + 8).normalize().to_string(),
                    mark,
                    notional,
                    unrealized: p.unrealized(mark),
                    position_margin,
                    order_margin: settings.required(side, mark, zero, zero) - position_margin,
                    maintenance: i.maintenance_margin(notional.abs()),
                    bids: p.bids,
                    asks: p.asks,
                    leverage: settings.leverage,
                    isolated: settings.isolated,
                    max_notional: i.max_notional_at(settings.leverage),
                    updated_ms: p.updated_ms,
                });
            }
        }
        Ok(rows)
    }
}

fn withdrawable(m: &Margin) -> Decimal {
    m.available.min(m.wallet).max(Decimal::ZERO)
}

/// A decimal as a JSON number, digit for digit.
fn number(value: Decimal) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(value.normalize().to_string()).map_err(|_| INTERNAL)
}

fn success() -> Answer {
    write(&serde_json::json!({"code": 200, "msg": "success"}))
}
