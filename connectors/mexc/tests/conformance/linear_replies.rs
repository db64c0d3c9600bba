//! How futures word replies.

use hoox_connector::conformance::NOW;
use hoox_connector::{OperationKind as Kind, *};
use serde_json::{Value, json};

use crate::dec;

pub(crate) fn instrument() -> Instrument {
    let mut it = Instrument::new(Venue::Mexc, Market::Linear, Symbol::new("BTCUSDT").unwrap());
    it.venue_symbol = Symbol::new("BTC_USDT").unwrap();
    it.base = Some(Asset::new("BTC").unwrap());
    it.quote = Some(Asset::new("USDT").unwrap());
    it.tick_size = Some(dec("0.1"));
    it.contract_size = Some(dec("0.0001"));
    let base = |contracts: i64| Some(dec("0.0001") * Decimal::from(contracts));
    it.lot = LotRule { min: base(1), max: base(4_000_000), step: base(1) };
    it.market_lot.max = base(1_000_000);
    it.max_leverage = Some(500);
    it.percent_price = Some(PercentPriceRule {
        buy_up: dec("3"),
        buy_down: Decimal::ZERO,
        // The venue bounds bids from above and asks from below only.
        sell_up: dec("1000000"),
        sell_down: dec("0.2"),
    });
    it
}

pub(crate) fn reply(kind: Kind, reply: &Reply) -> Option<Value> {
    Some(match (kind, reply) {
        (Kind::Place | Kind::PlaceConditional, Reply::Accepted(it)) => {
            json!({"orderId": it.order_id?.as_str(), "ts": it.at?.as_millis()})
        }
        (Kind::PlaceBatch, Reply::Batch(rows)) => {
            let row = |row: &Result<Accepted, Rejection>| match row {
                Ok(it) => Some(json!({
                    "externalOid": it.client_order_id?.as_str(),
                    "orderId": it.order_id?.as_str(),
                    "errorMsg": "success",
                    "errorCode": 0,
                })),
                Err(_) => Some(json!({
                    "externalOid": "conformance-1",
                    "errorMsg": "Balance insufficient",
                    "errorCode": 2005,
                })),
            };
            rows.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Cancel, Reply::Accepted(it)) => {
            json!([{"orderId": number(it.order_id?), "errorCode": 0, "errorMsg": "success"}])
        }
        (Kind::CancelConditional, Reply::Accepted(_)) => Value::Null,
        (
            Kind::CancelAll
            | Kind::CancelAllConditional
            | Kind::SetLeverage
            | Kind::SetPositionMode,
            Reply::Changed(Change::Applied),
        ) => Value::Null,
        (Kind::OrderById | Kind::OrderByClientId, Reply::Order(it)) => linear_row(it)?,
        (Kind::OpenOrders | Kind::OrderHistory, Reply::Orders(rows)) => {
            rows.iter().map(linear_row).collect::<Option<_>>()?
        }
        (Kind::Fills, Reply::Fills(rows)) => {
            let row = |it: &Fill| {
                Some(json!({
                    "id": number(it.trade_id),
                    "symbol": "BTC_USDT",
                    "side": if it.side == Side::Buy { 1 } else { 3 },
                    "vol": contracts(it.quantity),
                    "price": plain(it.price),
                    "fee": plain(it.fee?.amount),
                    "feeCurrency": it.fee?.asset.as_str(),
                    "profit": plain(it.realized_pnl?),
                    "isTaker": !it.maker?,
                    "category": 1,
                    "orderId": number(it.order_id),
                    "timestamp": it.at.as_millis(),
                }))
            };
            rows.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Positions, Reply::Positions(rows)) => {
            let row = |it: &Position| {
                Some(json!({
                    "positionId": 1_394_650,
                    "symbol": "BTC_USDT",
                    "positionType": if it.side? == PositionSide::Long { 1 } else { 2 },
                    "openType": 1,
                    "state": 1,
                    "holdVol": contracts(it.size),
                    "frozenVol": 0,
                    "holdAvgPrice": plain(it.entry_price?),
                    "openAvgPrice": plain(it.entry_price?),
                    "liquidatePrice": 0,
                    "realised": -0.0073,
                    "leverage": it.leverage?,
                    "updateTime": it.updated_at?.as_millis(),
                }))
            };
            rows.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Balances, Reply::Balances(rows)) => {
            let row = |it: &Balance| {
                json!({
                    "currency": it.asset.as_str(),
                    "positionMargin": 0,
                    "availableBalance": plain(it.available),
                    "cashBalance": plain(it.available),
                    "frozenBalance": plain(it.total - it.available),
                    "equity": plain(it.total),
                    "unrealized": 0,
                    "bonus": 0,
                })
            };
            rows.iter().map(row).collect()
        }
        (Kind::Instruments, Reply::Instruments(all)) => {
            let row = |it: &Instrument| {
                let state = match it.status {
                    InstrumentStatus::Trading => 0,
                    InstrumentStatus::Halted => 4,
                    _ => return None,
                };
                let percent = it.percent_price?;
                Some(json!({
                    "symbol": it.venue_symbol.as_str(),
                    "baseCoin": it.base?.as_str(),
                    "quoteCoin": it.quote?.as_str(),
                    "settleCoin": "USDT",
                    "futureType": 1,
                    "positionOpenType": 3,
                    "contractSize": plain(it.contract_size?),
                    "minLeverage": 1,
                    "maxLeverage": it.max_leverage?,
                    "priceScale": 1,
                    "priceUnit": plain(it.tick_size?),
                    "volUnit": contracts(it.lot.step?),
                    "minVol": contracts(it.lot.min?),
                    "maxVol": contracts(it.market_lot.max?),
                    "limitMaxVol": contracts(it.lot.max?),
                    "bidLimitPriceRate": plain(percent.buy_up - Decimal::ONE),
                    "askLimitPriceRate": plain(Decimal::ONE - percent.sell_down),
                    "state": state,
                }))
            };
            all.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Ticker, Reply::Ticker(it)) => {
            ticker(it.last_price?, it.mark_price?, (Decimal::ONE, Decimal::TWO), Decimal::ZERO)
        }
        (Kind::BookTop, Reply::BookTop(it)) => {
            let best = (it.bid_price?, it.ask_price?);
            ticker(Decimal::ONE, Decimal::ONE, best, Decimal::ZERO)
        }
        (Kind::FundingRate, Reply::FundingRate(it)) => {
            ticker(Decimal::ONE, Decimal::ONE, (Decimal::ONE, Decimal::TWO), it.rate)
        }
        (Kind::Depth, Reply::Depth(it)) => {
            let side = |levels: &[(Decimal, Decimal)]| -> Value {
                levels.iter().map(|it| json!([plain(it.0), contracts(it.1), 1])).collect()
            };
            let (bids, asks) = (side(&it.bids), side(&it.asks));
            json!({"bids": bids, "asks": asks, "version": it.last_id, "timestamp": NOW.as_millis()})
        }
        (Kind::ServerTime, Reply::ServerTime(at)) => json!(at.as_millis()),
        _ => return None,
    })
}

fn linear_row(it: &OrderReport) -> Option<Value> {
    let state = match it.status {
        OrderStatus::New | OrderStatus::PartiallyFilled => 2,
        OrderStatus::Filled => 3,
        OrderStatus::Canceled => 4,
        OrderStatus::Rejected => 5,
        OrderStatus::Unrecognized => 9,
        _ => return None,
    };
    Some(json!({
        "orderId": it.order_id.as_str(),
        "symbol": "BTC_USDT",
        "positionId": 0,
        "price": plain(it.price?),
        "vol": contracts(it.quantity?),
        "leverage": 20,
        "side": if it.side == Side::Buy { 1 } else { 3 },
        "category": 1,
        "orderType": 1,
        "dealAvgPrice": plain(it.average_price.unwrap_or_default()),
        "dealVol": contracts(it.filled_quantity),
        "takerFee": plain(it.fee.map_or(Decimal::ZERO, |fee| fee.amount)),
        "makerFee": 0,
        "profit": 0,
        "feeCurrency": "USDT",
        "openType": 2,
        "state": state,
        "errorCode": 0,
        "externalOid": it.client_order_id?.as_str(),
        "createTime": it.updated_at?.as_millis(),
        "updateTime": it.updated_at?.as_millis(),
    }))
}

fn ticker(last: Decimal, fair: Decimal, best: (Decimal, Decimal), rate: Decimal) -> Value {
    json!({
        "symbol": "BTC_USDT",
        "lastPrice": plain(last),
        "bid1": plain(best.0),
        "ask1": plain(best.1),
        "fairPrice": plain(fair),
        "indexPrice": plain(fair),
        "fundingRate": plain(rate),
        "timestamp": NOW.as_millis(),
    })
}

pub(crate) fn success(data: Value) -> Response {
    let body = match data {
        Value::Null => json!({"success": true, "code": 0}),
        data => json!({"success": true, "code": 0, "data": data}),
    };
    Response::new(200, body.to_string())
}

/// Base asset in contracts.
fn contracts(base: Decimal) -> Value {
    plain((base / dec("0.0001")).normalize())
}

/// A JSON number.
fn plain(value: Decimal) -> Value {
    serde_json::from_str(&value.normalize().to_string()).unwrap()
}

fn number(id: OrderId) -> u64 {
    id.as_str().parse().unwrap()
}
