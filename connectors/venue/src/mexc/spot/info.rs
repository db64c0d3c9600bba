//! Spot market data. Source: protocol sheet for MEXC, sections 4 and 6.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::errors::{self, ApiError};
use super::super::plain;
use super::Call;
use super::order::MARKET_MAX_QUOTE;
use crate::engine::{Instrument, Market, PriceLevel, TradingStatus};

type Found = Result<Value, ApiError>;

pub(super) fn exchange_info(call: &mut Call<'_>) -> Found {
    let selected: Vec<usize> = match (call.get("symbol"), call.get("symbols")) {
        (Some(symbol), _) => vec![call.find_symbol(symbol)?],
        (None, Some(symbols)) => {
            symbols.split(',').map(|s| call.find_symbol(s)).collect::<Result<_, _>>()?
        }
        (None, None) => listed(call),
    };
    let symbols: Vec<Value> = selected
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(|i| rules(call, i))
        .collect();
    Ok(json!({
        "timezone": "CST", "serverTime": call.server_ms, "rateLimits": [], "exchangeFilters": [],
        "symbols": symbols,
    }))
}

pub(super) fn book_ticker(call: &mut Call<'_>) -> Found {
    look(call);
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        let ((bid, bid_size), (ask, ask_size)) = call.engine.best(n)?;
        Some(json!({
            "symbol": i.symbol, "bidPrice": plain(bid), "bidQty": plain(bid_size),
            "askPrice": plain(ask), "askQty": plain(ask_size),
        }))
    })
}

pub(super) fn price(call: &mut Call<'_>) -> Found {
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        Some(json!({ "symbol": i.symbol, "price": plain(call.engine.last_price(n)) }))
    })
}

/// The past day, from the price walk.
pub(super) fn day(call: &mut Call<'_>) -> Found {
    const DAY_MS: u64 = 86_400_000;
    look(call);
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        let feed = call.engine.feeds.get(n)?;
        let now = call.engine.now_ms();
        let points: Vec<i64> = (0..=48)
            .map(|k| feed.mid_at(now.saturating_sub(k * DAY_MS / 48)))
            .chain([feed.mid()])
            .collect();
        let open = i.price(feed.mid_at(now.saturating_sub(DAY_MS)));
        let last = i.price(feed.mid());
        let change = last - open;
        let percent = change.checked_div(open).unwrap_or_default().round_dp(8);
        let show = |ticks: Option<i64>| plain(i.price(ticks.unwrap_or_default()));
        let ((bid, bid_size), (ask, ask_size)) = call.engine.best(n)?;
        Some(json!({
            "symbol": i.symbol, "priceChange": plain(change), "priceChangePercent": plain(percent),
            "prevClosePrice": plain(open), "lastPrice": plain(last),
            "bidPrice": plain(bid), "bidQty": plain(bid_size),
            "askPrice": plain(ask), "askQty": plain(ask_size),
            "openPrice": plain(open), "highPrice": show(points.iter().copied().max()),
            "lowPrice": show(points.iter().copied().min()), "volume": "0", "quoteVolume": "0",
            "openTime": now.saturating_sub(DAY_MS), "closeTime": now, "count": null,
        }))
    })
}

pub(super) fn depth(call: &mut Call<'_>) -> Found {
    let index = call.instrument()?;
    let limit = call.params.limit(100, 5_000)?;
    let book = call.engine.book(index).ok_or(errors::BAD_SYMBOL)?;
    let show = |(price, size): PriceLevel| [plain(price), plain(size)];
    Ok(json!({
        "lastUpdateId": book.id, "bids": book.bids().take(limit).map(show).collect::<Vec<_>>(),
        "asks": book.asks().take(limit).map(show).collect::<Vec<_>>(),
        "timestamp": call.server_ms,
    }))
}

pub(super) fn time(call: &mut Call<'_>) -> Found {
    Ok(json!({ "serverTime": call.server_ms }))
}

pub(super) fn ping(_: &mut Call<'_>) -> Found {
    Ok(json!({}))
}

pub(super) fn default_symbols(call: &mut Call<'_>) -> Found {
    let symbols: Vec<&str> = listed(call)
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n).map(|i| i.symbol))
        .collect();
    Ok(json!({ "code": 200, "data": symbols, "msg": null }))
}

/// Brings the books that a request is about up to date.
fn look(call: &mut Call<'_>) {
    let named = call.get("symbol").map(|symbol| call.find_symbol(symbol));
    let all = named.map_or_else(|| listed(call), |found| found.into_iter().collect());
    for n in all {
        call.engine.book(n);
    }
}

/// One row for `symbol`, or a list of all.
fn each(call: &Call<'_>, row: impl Fn(&Call<'_>, usize) -> Option<Value>) -> Found {
    match call.get("symbol") {
        Some(symbol) => row(call, call.find_symbol(symbol)?).ok_or(errors::BAD_SYMBOL),
        None => Ok(listed(call).into_iter().filter_map(|n| row(call, n)).collect()),
    }
}

fn listed(call: &Call<'_>) -> Vec<usize> {
    let all = call.engine.instruments.iter().enumerate();
    all.filter(|(_, i)| i.market == Market::Spot).map(|(n, _)| n).collect()
}

/// The names mislead: the Size and Amount "precisions" are minimums, not steps.
fn rules(call: &Call<'_>, i: &Instrument) -> Value {
    let (base, quote) = (i.step_decimals(), i.tick_decimals());
    let padded = |value: Decimal| format!("{}.{:030}", plain(value), 0);
    json!({
        "symbol": i.symbol, "status": if i.status == TradingStatus::Trading { "1" } else { "2" },
        "baseAsset": i.base, "baseAssetPrecision": base, "quoteAsset": i.quote,
        "quotePrecision": quote, "quoteAssetPrecision": quote, "baseCommissionPrecision": base,
        "quoteCommissionPrecision": quote,
        "orderTypes": [
            "LIMIT", "MARKET", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL",
        ],
        "isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
        "quoteAmountPrecision": padded(i.min_notional), "baseSizePrecision": plain(i.min_quantity),
        "permissions": ["SPOT"], "filters": [], "maxQuoteAmount": padded(i.max_notional),
        "makerCommission": plain(call.engine.fees.spot_maker),
        "takerCommission": plain(call.engine.fees.spot_taker),
        "quoteAmountPrecisionMarket": padded(i.min_notional),
        "maxQuoteAmountMarket": padded(Decimal::from(MARKET_MAX_QUOTE)), "fullName": i.base,
        "tradeSideType": 1,
    })
}
