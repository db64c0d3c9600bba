//! Public market data. Source: protocol sheet for Bybit, sections 4 and 5.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::errors::ApiError;
use super::routes::Answer;
use super::{Call, category_name, fixed, listing, plain};
use crate::engine::{Engine, FUNDING_INTERVAL_MS, Instrument, Market, PriceLevel, TradingStatus};

const DAY_MS: u64 = 86_400_000;
/// Points of the past day that high and low are taken from.
const SAMPLES: u64 = 48;

pub(super) fn time(call: &mut Call<'_>) -> Answer {
    let ms = call.server_ms;
    let result = json!({
        "timeSecond": (ms / 1_000).to_string(),
        "timeNano": (u128::from(ms) * 1_000_000).to_string(),
    });
    Ok((result, None))
}

/// The past funding times; the simulated rate is always the same.
pub(super) fn funding_history(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let i = call.engine.instrument(call.instrument(market)?);
    let symbol = i.map_err(|_| ApiError::bad("symbol"))?.symbol;
    let p = call.params;
    let limit = p.limit(200, 200)?;
    let end = p.integer("endTime")?.unwrap_or(u64::MAX).min(call.server_ms);
    let start = p.integer("startTime")?.unwrap_or(0);
    let rate = plain(call.engine.funding_rate);
    let last = end / FUNDING_INTERVAL_MS;
    let times = (0..=last).rev().map(|n| n * FUNDING_INTERVAL_MS).take_while(|t| *t >= start);
    let list: Vec<Value> = times
        .take(limit)
        .map(|at| {
            json!({
                "symbol": symbol, "fundingRate": rate, "fundingRateTimestamp": at.to_string(),
            })
        })
        .collect();
    Ok((json!({ "category": category_name(market), "list": list }), None))
}

pub(super) fn instruments_info(call: &mut Call<'_>) -> Answer {
    if unlisted(call)? {
        return Ok((
            json!({ "category": call.params.text("category")?, "list": [],
            "nextPageCursor": "" }),
            None,
        ));
    }
    let market = call.market()?;
    let status = call.params.text("status")?;
    // Spot has no pages.
    let limit = match market {
        Market::Spot => usize::MAX,
        Market::Linear => call.params.limit(500, 1_000)?,
    };
    let selected = call.selected(market)?;
    let start = match call.params.text("cursor")? {
        None => 0,
        Some(cursor) => {
            let symbol = cursor.strip_prefix("first_").ok_or_else(|| ApiError::bad("cursor"))?;
            let found = call.find(market, symbol)?;
            selected.iter().position(|&n| n == found).ok_or_else(|| ApiError::bad("cursor"))?
        }
    };
    let shown = selected.iter().skip(start);
    let instruments: Vec<&Instrument> = shown
        .filter_map(|&n| call.engine.instruments.get(n))
        .filter(|i| status.is_none_or(|s| s == status_name(i)))
        .collect();
    let next = instruments.get(limit).map(|i| format!("first_{}", i.symbol));
    let list: Vec<Value> = instruments
        .iter()
        .take(limit)
        .map(|i| if market == Market::Spot { spot_rules(i) } else { linear_rules(i) })
        .collect();
    let mut result = json!({ "category": category_name(market), "list": list });
    if market == Market::Linear
        && let Some(map) = result.as_object_mut()
    {
        map.insert("nextPageCursor".to_owned(), next.unwrap_or_default().into());
    }
    Ok((result, None))
}

pub(super) fn tickers(call: &mut Call<'_>) -> Answer {
    if unlisted(call)? {
        return Ok((json!({ "category": call.params.text("category")?, "list": [] }), None));
    }
    let market = call.market()?;
    let mut list = Vec::new();
    for n in call.selected(market)? {
        call.engine.book(n);
        list.extend(ticker(call.engine, n).map(Value::Object));
    }
    Ok((json!({ "category": category_name(market), "list": list }), None))
}

pub(super) fn orderbook(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let index = call.instrument(market)?;
    let default = if market == Market::Spot { 1 } else { 25 };
    let limit = call.params.limit(default, 1_000)?;
    let ts = call.server_ms;
    let Some(book) = call.engine.book(index).cloned() else { return Err(ApiError::bad("symbol")) };
    let i = call.engine.instrument(index).map_err(|_| ApiError::bad("symbol"))?;
    let show = |(price, size): PriceLevel| [fixed(price, i.tick_decimals()), plain(size)];
    let result = json!({
        "s": i.symbol, "a": book.asks().take(limit).map(show).collect::<Vec<_>>(),
        "b": book.bids().take(limit).map(show).collect::<Vec<_>>(), "ts": ts,
        "u": book.states, "seq": book.id, "cts": ts,
    });
    Ok((result, None))
}

/// Whether the category is one that the venue has and this simulation lists nothing of.
pub(super) fn unlisted(call: &Call<'_>) -> Result<bool, ApiError> {
    Ok(matches!(call.params.text("category")?, Some("inverse" | "option")))
}

fn status_name(i: &Instrument) -> &'static str {
    match i.status {
        TradingStatus::Trading => "Trading",
        TradingStatus::Halt => "Closed",
    }
}

fn spot_rules(i: &Instrument) -> Value {
    let quote_step = Decimal::new(1, i.price_precision);
    json!({
        "symbol": i.symbol, "baseCoin": i.base, "quoteCoin": i.quote, "innovation": "0",
        "status": status_name(i), "marginTrading": "utaOnly", "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(i.step), "quotePrecision": plain(quote_step),
            "minOrderQty": plain(i.min_quantity), "maxOrderQty": plain(i.max_quantity),
            "minOrderAmt": plain(i.min_notional), "maxOrderAmt": "8000000",
            "maxLimitOrderQty": plain(i.max_quantity),
            "maxMarketOrderQty": plain(i.market_max_quantity),
            "postOnlyMaxLimitOrderSize": plain(i.max_quantity),
        },
        "priceFilter": { "tickSize": plain(i.tick) },
        "riskParameters": {
            "priceLimitRatioX": listing::PRICE_LIMIT_RATIO,
            "priceLimitRatioY": listing::PRICE_LIMIT_RATIO,
        },
        "symbolType": "",
    })
}

fn linear_rules(i: &Instrument) -> Value {
    let places = i.tick_decimals();
    json!({
        "symbol": i.symbol, "contractType": "LinearPerpetual", "status": status_name(i),
        "baseCoin": i.base, "quoteCoin": i.quote, "launchTime": "1585526400000",
        "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": places.to_string(),
        "leverageFilter": {
            "minLeverage": "1", "maxLeverage": format!("{}.00", i.max_leverage()),
            "leverageStep": "1",
        },
        "priceFilter": {
            "minPrice": fixed(i.min_price, places), "maxPrice": fixed(i.max_price, places),
            "tickSize": i.tick.to_string(),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(i.max_quantity), "minOrderQty": plain(i.min_quantity),
            "qtyStep": plain(i.step), "postOnlyMaxOrderQty": plain(i.max_quantity),
            "maxMktOrderQty": plain(i.market_max_quantity),
            "minNotionalValue": plain(i.min_notional),
        },
        "unifiedMarginTrade": true, "fundingInterval": FUNDING_INTERVAL_MS / 60_000,
        "settleCoin": i.quote, "copyTrading": "none", "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005", "isPreListing": false, "preListingInfo": null,
        "riskParameters": {
            "priceLimitRatioX": listing::PRICE_LIMIT_RATIO,
            "priceLimitRatioY": listing::PRICE_LIMIT_RATIO,
        },
        "displayName": "", "symbolType": "",
    })
}

/// A ticker as customers see it, in queries and pushes; its best prices are those of the book as it
/// was last looked at.
pub(super) fn ticker(engine: &Engine, index: usize) -> Option<Map<String, Value>> {
    let i = engine.instruments.get(index)?;
    let feed = engine.feeds.get(index)?;
    let places = i.tick_decimals();
    let show = |ticks| fixed(i.price(ticks), places);
    let now = engine.now_ms();
    let samples: Vec<i64> = (0..SAMPLES)
        .map(|n| feed.mid_at(now.saturating_sub(n * DAY_MS / SAMPLES)))
        .chain([feed.mid()])
        .collect();
    let before = i.price(feed.mid_at(now.saturating_sub(DAY_MS)));
    let last = i.price(feed.mid());
    let change = ((last - before).checked_div(before).unwrap_or_default()).round_dp(6);
    let (bid, ask) = engine.best(index).unwrap_or_default();
    let ((bid, bid_size), (ask, ask_size)) = (bid, ask);
    let mut row = Map::new();
    let mut put = |name: &str, value: String| row.insert(name.to_owned(), value.into());
    put("symbol", i.symbol.to_owned());
    put("lastPrice", show(feed.mid()));
    put("prevPrice24h", fixed(before, places));
    put("price24hPcnt", plain(change));
    put("highPrice24h", show(samples.iter().copied().max().unwrap_or(0)));
    put("lowPrice24h", show(samples.iter().copied().min().unwrap_or(0)));
    put("bid1Price", fixed(bid, places));
    put("bid1Size", plain(bid_size));
    put("ask1Price", fixed(ask, places));
    put("ask1Size", plain(ask_size));
    match i.market {
        Market::Spot => {
            put("usdIndexPrice", show(feed.mid()));
        }
        Market::Linear => {
            put("markPrice", show(feed.mid()));
            put("indexPrice", show(feed.mid()));
            put("fundingRate", plain(engine.funding_rate));
            let next = (now / FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS;
            put("nextFundingTime", next.to_string());
            put("fundingIntervalHour", "8".to_owned());
        }
    }
    Some(row)
}
