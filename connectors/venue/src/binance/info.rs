//! Exchange information: limits and instrument rules.
//!
//! Source: the `spot_exchange_info` and `linear_exchange_info` samples; the values come from the
//! listing and the configured limits, so what is announced is what is enforced.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::json::{Fixed, f8, write};
use super::{Answer, Call};
use crate::engine::Instrument;

pub(super) fn spot(call: &mut Call<'_>) -> Answer {
    let wanted = match call.optional_instrument()? {
        Some(one) => vec![one],
        None => call.symbols()?.unwrap_or_else(|| call.instruments().collect()),
    };
    let symbols: Vec<Value> = wanted
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(spot_symbol)
        .collect();
    let l = *call.limiter.limits();
    write(&json!({
        "timezone": "UTC",
        "serverTime": call.server_ms,
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, l.spot_weight_1m),
            limit("ORDERS", "SECOND", 10, l.spot_orders_10s),
            limit("ORDERS", "DAY", 1, l.spot_orders_1d),
            limit("RAW_REQUESTS", "MINUTE", 5, l.spot_raw_5m),
        ],
        "exchangeFilters": [],
        "symbols": symbols,
        "sors": [],
    }))
}

pub(super) fn linear(call: &mut Call<'_>) -> Answer {
    let symbols: Vec<Value> = call
        .instruments()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(linear_symbol)
        .collect();
    let l = *call.limiter.limits();
    write(&json!({
        "timezone": "UTC",
        "serverTime": call.server_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, l.linear_weight_1m),
            limit("ORDERS", "MINUTE", 1, l.linear_orders_1m),
            limit("ORDERS", "SECOND", 10, l.linear_orders_10s),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": true, "autoAssetExchange": "-10000"}],
        "symbols": symbols,
    }))
}

fn limit(kind: &str, interval: &str, number: u32, limit: u64) -> Value {
    json!({"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit})
}

fn spot_symbol(i: &Instrument) -> Value {
    // The venue prints quantity rules with the base asset's decimals.
    let q = |value: Decimal| Fixed(value, i.quantity_precision);
    let mut filters = vec![
        json!({"filterType": "PRICE_FILTER", "minPrice": f8(i.min_price),
               "maxPrice": f8(i.max_price), "tickSize": f8(i.tick)}),
        json!({"filterType": "LOT_SIZE", "minQty": q(i.min_quantity),
               "maxQty": q(i.max_quantity), "stepSize": q(i.step)}),
        json!({"filterType": "ICEBERG_PARTS", "limit": 100}),
        json!({"filterType": "MARKET_LOT_SIZE", "minQty": q(i.market_min_quantity),
               "maxQty": q(i.market_max_quantity), "stepSize": q(i.market_step)}),
        json!({"filterType": "PERCENT_PRICE_BY_SIDE",
               "bidMultiplierUp": plain(i.percent_up), "bidMultiplierDown": plain(i.percent_down),
               "askMultiplierUp": plain(i.percent_up), "askMultiplierDown": plain(i.percent_down),
               "avgPriceMins": 5}),
        json!({"filterType": "NOTIONAL", "minNotional": f8(i.min_notional),
               "applyMinToMarket": true, "maxNotional": f8(i.max_notional),
               "applyMaxToMarket": false, "avgPriceMins": 5}),
        json!({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": i.max_orders}),
        json!({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": i.max_algo_orders}),
    ];
    if let Some((min, max)) = i.trailing {
        filters.push(json!({
            "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": min,
            "maxTrailingAboveDelta": max, "minTrailingBelowDelta": min,
            "maxTrailingBelowDelta": max,
        }));
    }
    if !i.max_position.is_zero() {
        filters.push(json!({"filterType": "MAX_POSITION", "maxPosition": q(i.max_position)}));
    }
    json!({
        "symbol": i.symbol,
        "status": i.status,
        "baseAsset": i.base,
        "baseAssetPrecision": i.quantity_precision,
        "quoteAsset": i.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT",
                       "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": i.trailing.is_some(),
        "cancelReplaceAllowed": false,
        "amendAllowed": false,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes":
            ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    })
}

fn linear_symbol(i: &Instrument) -> Value {
    let p = |value: Decimal| Fixed(value, i.tick.scale());
    json!({
        "symbol": i.symbol,
        "pair": i.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000_u64,
        "onboardDate": 1_569_398_400_000_u64,
        "status": i.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": i.base,
        "quoteAsset": i.quote,
        "marginAsset": i.quote,
        "pricePrecision": i.price_precision,
        "quantityPrecision": i.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": p(i.min_price), "maxPrice": plain(i.max_price),
             "tickSize": p(i.tick)},
            {"filterType": "LOT_SIZE", "minQty": plain(i.min_quantity),
             "maxQty": plain(i.max_quantity), "stepSize": plain(i.step)},
            {"filterType": "MARKET_LOT_SIZE", "minQty": plain(i.market_min_quantity),
             "maxQty": plain(i.market_max_quantity), "stepSize": plain(i.market_step)},
            {"filterType": "MAX_NUM_ORDERS", "limit": i.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": i.max_algo_orders},
            {"filterType": "MIN_NOTIONAL", "notional": plain(i.min_notional)},
            {"filterType": "PERCENT_PRICE", "multiplierUp": Fixed(i.percent_up, 4),
             "multiplierDown": Fixed(i.percent_down, 4), "multiplierDecimal": "4"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT",
                       "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    })
}

fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}
