//! Positions, balances and settings. Source: protocol sheet for Bybit, section 4, and the position
//! and wallet samples.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::errors::{self, ApiError};
use super::routes::Answer;
use super::rows::position_idx;
use super::{Call, fixed, market, plain, stops};
use crate::engine::{Engine, MARGIN_ASSET, Market, PositionSide, Reject};

pub(super) fn positions(call: &mut Call<'_>) -> Answer {
    if market::unlisted(call)? {
        let category = call.params.text("category")?;
        return Ok((json!({ "category": category, "list": [], "nextPageCursor": "" }), None));
    }
    if call.market()? != Market::Linear {
        return Err(ApiError::params("Illegal category"));
    }
    let p = call.params;
    let named = p.text("symbol")?.is_some();
    if !named && p.text("settleCoin")?.is_none() {
        return Err(ApiError::missing("symbol or settleCoin"));
    }
    let limit = p.limit(20, 200)?;
    let start = match p.text("cursor")? {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| ApiError::bad("cursor"))?,
    };
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    let mut rows = Vec::new();
    for n in call.selected(Market::Linear)? {
        let sides: &[PositionSide] = if account.hedges(n) {
            &[PositionSide::Long, PositionSide::Short]
        } else {
            &[PositionSide::Both]
        };
        for &side in sides {
            let flat = account.linear.get(n).is_none_or(|s| s.position(side).amount.is_zero());
            if named || !flat {
                rows.extend(position(call.engine, call.account, (n, side)));
            }
        }
    }
    let next = if rows.len() > start.saturating_add(limit) {
        (start + limit).to_string()
    } else {
        String::new()
    };
    let list: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
    Ok((json!({ "category": "linear", "list": list, "nextPageCursor": next }), None))
}

pub(super) fn set_leverage(call: &mut Call<'_>) -> Answer {
    let instrument = linear(call)?;
    let p = call.params;
    let read = |name: &'static str| -> Result<u32, ApiError> {
        let value = p.decimal(name)?.ok_or_else(|| ApiError::missing(name))?;
        // The simulated engine has whole leverages only, as instruments-info says.
        value.normalize().to_string().parse().map_err(|_| ApiError::bad(name))
    };
    let (buy, sell) = (read("buyLeverage")?, read("sellLeverage")?);
    if buy != sell {
        return Err(ApiError::params("buy leverage and sell leverage must be equal"));
    }
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    if account.linear.get(instrument).is_some_and(|s| s.leverage == buy) {
        return Err(errors::LEVERAGE_SAME);
    }
    let set = call.engine.set_leverage(call.account, instrument, buy);
    set.map_err(|reject| ApiError::from_reject(Market::Linear, reject))?;
    Ok((json!({}), None))
}

/// One-way (0) or hedge (3), for a symbol or for all symbols of a coin.
pub(super) fn switch_mode(call: &mut Call<'_>) -> Answer {
    if call.market()? != Market::Linear {
        return Err(ApiError::params("Illegal category"));
    }
    let p = call.params;
    let hedge = match p.integer("mode")? {
        Some(0) => false,
        Some(3) => true,
        None => return Err(ApiError::missing("mode")),
        Some(_) => return Err(ApiError::bad("mode")),
    };
    let instruments: Vec<usize> = match (p.text("symbol")?, p.text("coin")?) {
        (Some(symbol), _) => vec![call.find(Market::Linear, symbol)?],
        (None, Some(coin)) => {
            let all = call.engine.instruments.iter().enumerate();
            all.filter(|(_, i)| i.market == Market::Linear && i.quote == coin)
                .map(|(n, _)| n)
                .collect()
        }
        (None, None) => return Err(ApiError::missing("symbol or coin")),
    };
    if instruments.is_empty() {
        return Err(ApiError::bad("coin"));
    }
    call.engine.set_hedge_of(call.account, &instruments, hedge).map_err(|reject| match reject {
        Reject::NoChange => errors::POSITION_MODE_SAME,
        Reject::BlockedByOrders => errors::HAS_ORDERS,
        Reject::BlockedByPositions => errors::HAS_POSITION,
        other => ApiError::from_reject(Market::Linear, other),
    })?;
    Ok((json!({}), None))
}

/// Cross or isolated margin, for the whole account.
pub(super) fn set_margin_mode(call: &mut Call<'_>) -> Answer {
    let isolated = match call.params.require("setMarginMode")? {
        "ISOLATED_MARGIN" => true,
        "REGULAR_MARGIN" => false,
        "PORTFOLIO_MARGIN" => {
            return Err(ApiError::params("portfolio margin is not simulated"));
        }
        _ => return Err(ApiError::bad("setMarginMode")),
    };
    let engine = &mut *call.engine;
    let all: Vec<usize> = (0..engine.instruments.len())
        .filter(|&n| engine.instruments.get(n).is_some_and(|i| i.market == Market::Linear))
        .collect();
    let account = engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    if is_isolated(engine, call.account) == isolated {
        return Err(errors::MARGIN_MODE_SAME);
    }
    if all.iter().any(|&n| engine.has_orders(call.account, n)) {
        return Err(errors::HAS_ORDERS);
    }
    if account.linear.iter().any(|s| s.has_position()) {
        return Err(errors::HAS_POSITION);
    }
    for n in all {
        let set = engine.set_isolated(call.account, n, isolated);
        set.map_err(|reject| ApiError::from_reject(Market::Linear, reject))?;
    }
    Ok((json!({ "reasons": [] }), None))
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let isolated = is_isolated(call.engine, call.account);
    let result = json!({
        "marginMode": if isolated { "ISOLATED_MARGIN" } else { "REGULAR_MARGIN" },
        "unifiedMarginStatus": 5, "updatedTime": call.server_ms.to_string(), "dcpStatus": "OFF",
        "timeWindow": 10, "smpGroup": 0, "isMasterTrader": false, "spotHedgingStatus": "OFF",
    });
    Ok((result, None))
}

pub(super) fn wallet_balance(call: &mut Call<'_>) -> Answer {
    if call.params.require("accountType")? != "UNIFIED" {
        return Err(ApiError::params("accountType only support UNIFIED."));
    }
    let wanted: Option<Vec<&str>> = call.params.text("coin")?.map(|c| c.split(',').collect());
    let row = wallet(call.engine, call.account, wanted.as_deref()).ok_or(errors::PERMISSION)?;
    Ok((json!({ "list": [row] }), None))
}

/// The wallet with some coins, or with all that hold something, in queries and pushes.
pub(super) fn wallet(engine: &Engine, owner: usize, wanted: Option<&[&str]>) -> Option<Value> {
    let account = engine.account(owner).ok()?;
    let margin = engine.margin(owner);
    let maintenance = maintenance(engine, owner);
    let zero = Decimal::ZERO;
    let (mut wallet_usd, mut coins) = (zero, Vec::new());
    for (asset, balance) in &account.spot {
        let total = balance.free + balance.locked;
        let usd = total * usd_price(engine, asset);
        wallet_usd += usd;
        if wanted.map_or(total.is_zero(), |w| !w.contains(&asset.as_str())) {
            continue;
        }
        let settles = asset == MARGIN_ASSET;
        let of = |value: Decimal| plain(if settles { value } else { zero });
        coins.push(json!({
            "coin": asset, "walletBalance": plain(total), "locked": plain(balance.locked),
            "equity": plain(total + if settles { margin.unrealized } else { zero }),
            "usdValue": plain(usd.round_dp(8)), "unrealisedPnl": of(margin.unrealized),
            "totalOrderIM": of(margin.orders), "totalPositionIM": of(margin.position),
            "totalPositionMM": of(maintenance), "cumRealisedPnl": "0", "borrowAmount": "0",
            "spotBorrow": "0", "accruedInterest": "0", "bonus": "0", "availableToBorrow": "",
            "availableToWithdraw": "", "spotHedgingQty": "0", "marginCollateral": true,
            "collateralSwitch": true,
        }));
    }
    let isolated = is_isolated(engine, owner);
    // Account-wide margin figures do not exist in isolated mode.
    let cross = |value: Decimal| if isolated { String::new() } else { plain(value.round_dp(8)) };
    let equity = wallet_usd + margin.unrealized;
    let rate = |part: Decimal| part.checked_div(equity).unwrap_or_default().round_dp(4);
    let initial = margin.position + margin.orders;
    Some(json!({
        "accountType": "UNIFIED", "totalEquity": plain(equity.round_dp(8)),
        "totalWalletBalance": cross(wallet_usd), "totalMarginBalance": cross(equity),
        "totalAvailableBalance": cross(margin.available), "totalPerpUPL": cross(margin.unrealized),
        "totalInitialMargin": cross(initial), "totalMaintenanceMargin": cross(maintenance),
        "accountIMRate": cross(rate(initial)), "accountMMRate": cross(rate(maintenance)),
        "accountLTV": "0", "coin": coins,
    }))
}

/// Maintenance margin of all positions, in USDT.
pub(super) fn maintenance(engine: &Engine, account: usize) -> Decimal {
    let Ok(account) = engine.account(account) else { return Decimal::ZERO };
    let mut sum = Decimal::ZERO;
    for (n, (settings, i)) in account.linear.iter().zip(&engine.instruments).enumerate() {
        if settings.has_position() {
            let mark = engine.last_price(n);
            for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
                sum += i.maintenance_margin((settings.position(side).amount * mark).abs());
            }
        }
    }
    sum
}

fn linear(call: &Call<'_>) -> Result<usize, ApiError> {
    if call.market()? != Market::Linear {
        return Err(ApiError::params("Illegal category"));
    }
    call.instrument(Market::Linear)
}

fn is_isolated(engine: &Engine, account: usize) -> bool {
    let mut linear = engine.instruments.iter().enumerate();
    let first = linear.find(|(_, i)| i.market == Market::Linear).map(|(n, _)| n);
    let account = engine.account(account).ok();
    account.zip(first).and_then(|(a, n)| a.linear.get(n)).is_some_and(|s| s.isolated)
}

fn usd_price(engine: &Engine, asset: &str) -> Decimal {
    if asset == MARGIN_ASSET {
        return Decimal::ONE;
    }
    let found = engine.find(Market::Spot, &format!("{asset}{MARGIN_ASSET}"));
    found.map_or(Decimal::ZERO, |n| engine.last_price(n))
}

/// A position as customers see it, in queries and pushes.
pub(super) fn position(
    engine: &Engine,
    owner: usize,
    (instrument, position_side): (usize, PositionSide),
) -> Option<Value> {
    let i = engine.instruments.get(instrument)?;
    let account = engine.account(owner).ok()?;
    let settings = account.linear.get(instrument)?;
    let p = settings.position(position_side);
    let mark = engine.last_price(instrument);
    let places = i.tick_decimals();
    let stops = stops::installed(engine, owner, instrument, position_side);
    let optional = |v: Decimal| if v.is_zero() { String::new() } else { fixed(v, places) };
    let held = settings.position_margin(position_side, mark);
    let zero = Decimal::ZERO;
    let realized: Decimal = account
        .trades
        .iter()
        .filter(|t| t.instrument == instrument && t.position_side == position_side)
        .map(|t| t.realized - t.commission)
        .sum();
    let side = match p.amount {
        amount if amount > zero => "Buy",
        amount if amount < zero => "Sell",
        _ => "",
    };
    Some(json!({
        "positionIdx": position_idx(position_side), "riskId": 1, "symbol": i.symbol,
        "riskLimitValue": plain(i.max_notional_at(settings.leverage)), "side": side,
        "size": plain(p.amount.abs()), "avgPrice": plain(p.entry.round_dp(places + 4)),
        "positionValue": plain((p.amount * p.entry).abs().round_dp(8)),
        "tradeMode": u8::from(settings.isolated), "positionStatus": "Normal", "autoAddMargin": 0,
        "adlRankIndicator": 0, "leverage": settings.leverage.to_string(),
        "markPrice": fixed(mark, places), "liqPrice": "", "bustPrice": "",
        "positionIM": plain(held.round_dp(8)), "positionBalance": plain(held.round_dp(8)),
        "positionMM": plain(i.maintenance_margin((p.amount * mark).abs()).round_dp(8)),
        "tpslMode": "Full", "takeProfit": optional(stops.take_profit),
        "stopLoss": optional(stops.stop_loss), "trailingStop": "0",
        "unrealisedPnl": plain(p.unrealized(mark).round_dp(8)),
        "cumRealisedPnl": plain(realized.round_dp(8)), "seq": engine.fills,
        "isReduceOnly": false, "mmrSysUpdatedTime": "", "leverageSysUpdatedTime": "",
        "createdTime": p.updated_ms.to_string(), "updatedTime": p.updated_ms.to_string(),
    }))
}
