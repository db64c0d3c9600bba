//! 24-hour tickers and candles. Volumes are zero: nobody trades here but the customers.
//!
//! Source: Binance's documentation of `ticker/24hr` and `klines` (spot rest-api.md; USD-M market
//! data), which have the same fields but for the best prices, which the linear ticker leaves out.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::json::{Fixed, f8, write};
use super::{Answer, Call};
use crate::engine::{Market, Side};

const DAY_MS: u64 = 86_400_000;

/// A Monday, which weekly candles start on; 1970 began on a Thursday.
const FIRST_MONDAY_MS: u64 = 4 * DAY_MS;

const MINUTE_MS: u64 = 60_000;

/// Interval names and their length; months are missing.
const INTERVALS: [(&str, u64); 15] = [
    ("1s", 1_000),
    ("1m", MINUTE_MS),
    ("3m", 3 * MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("2h", 120 * MINUTE_MS),
    ("4h", 240 * MINUTE_MS),
    ("6h", 360 * MINUTE_MS),
    ("8h", 480 * MINUTE_MS),
    ("12h", 720 * MINUTE_MS),
    ("1d", DAY_MS),
    ("3d", 3 * DAY_MS),
    ("1w", 7 * DAY_MS),
];

pub(super) fn day(call: &mut Call<'_>) -> Answer {
    super::market::each(call, day_row)
}

pub(super) fn klines(call: &mut Call<'_>) -> Answer {
    let n = call.instrument()?;
    let interval = call.params.require("interval")?;
    let (_, length) = interval_ms(interval, call.market).ok_or(super::errors::BAD_INTERVAL)?;
    let most = if call.market == Market::Spot { 1_000 } else { 1_500 };
    let limit = u64::try_from(call.limit(500, most)?).unwrap_or(500);
    let now = call.engine.now_ms();
    let last = start_of(call.params.integer("endTime")?.unwrap_or(now).min(now), length);
    let first = match call.params.integer("startTime")? {
        Some(start) => start_of(start.saturating_add(length - 1), length),
        None => last.saturating_sub((limit - 1) * length),
    };
    let places = call.price_places(n);
    let mut rows = Vec::new();
    let mut open_time = first;
    while open_time <= last && (rows.len() as u64) < limit {
        let close_time = open_time + length;
        let Some(c) = call.engine.candle(n, open_time, close_time) else { break };
        let [open, high, low, close] =
            [c.open, c.high, c.low, c.close].map(|price| Fixed(price, places));
        rows.push(json!([
            open_time,
            open,
            high,
            low,
            close,
            "0",
            close_time - 1,
            "0",
            0,
            "0",
            "0",
            "0"
        ]));
        open_time = close_time;
    }
    write(&rows)
}

/// Name and length of an interval that a market has.
pub(super) fn interval_ms(name: &str, market: Market) -> Option<(&'static str, u64)> {
    let known = INTERVALS.iter().find(|(known, _)| *known == name);
    known.filter(|(name, _)| market == Market::Spot || *name != "1s").copied()
}

/// When the candle of this length that a time lies in has begun.
pub(super) fn start_of(time_ms: u64, length: u64) -> u64 {
    let offset = if length == 7 * DAY_MS { FIRST_MONDAY_MS } else { 0 };
    time_ms.saturating_sub(offset) / length * length + offset
}

fn day_row(call: &Call<'_>, n: usize) -> Option<Value> {
    let i = call.engine.instruments.get(n)?;
    let now = call.engine.now_ms();
    let candle = call.engine.candle(n, now.saturating_sub(DAY_MS), now)?;
    let places = call.price_places(n);
    let price = |value| Fixed(value, places);
    let change = candle.close - candle.open;
    let percent = change.checked_div(candle.open).unwrap_or_default() * Decimal::ONE_HUNDRED;
    let mut row = json!({
        "symbol": i.symbol,
        "priceChange": price(change),
        "priceChangePercent": Fixed(percent, 3),
        "weightedAvgPrice": price(candle.close),
        "lastPrice": price(candle.close),
        "lastQty": f8(i.min_quantity),
        "openPrice": price(candle.open),
        "highPrice": price(candle.high),
        "lowPrice": price(candle.low),
        "volume": "0.00000000",
        "quoteVolume": "0.00000000",
        "openTime": now.saturating_sub(DAY_MS),
        "closeTime": now,
        "firstId": -1,
        "lastId": -1,
        "count": 0,
    });
    if call.market == Market::Spot {
        let (bid, bid_size) = call.best(n, Side::Sell)?;
        let (ask, ask_size) = call.best(n, Side::Buy)?;
        let best = json!({
            "prevClosePrice": price(candle.open),
            "bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size,
        });
        row.as_object_mut()?.extend(best.as_object()?.clone());
    }
    Some(row)
}
