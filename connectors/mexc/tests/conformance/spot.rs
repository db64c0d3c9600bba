//! How spot reads requests and words replies.

use std::time::Duration;

use hoox_connector::conformance::wire::{self, Fields};
use hoox_connector::conformance::{Access, Meaning, NOW};
use hoox_connector::{OperationKind as Kind, *};
use serde_json::{Value, json};

use crate::{KEY, SECRET, dec, header, rows};

/// spot, "SIGNED": query and body without a separator, lower-case hex, everything in the query here.
pub(crate) fn understand(request: &Request<'_>) -> Result<Meaning, String> {
    if !request.body().is_empty() {
        return Err("a body".into());
    }
    let query = request.query();
    let (access, mut params) =
        match (header(request, "X-MEXC-APIKEY"), query.split_once("&signature=")) {
            (None, None) => (Access::Public, Fields::form(query)?),
            (Some(KEY), Some((payload, signature))) => {
                if signature != wire::hmac_sha256_hex(SECRET, payload) {
                    return Err("Signature for this request is not valid.".into());
                }
                let mut params = Fields::form(payload)?;
                let at = Timestamp::from_millis(params.integer("timestamp")?);
                let window = params.maybe_integer("recvWindow")?.unwrap_or(5_000);
                (Access::Signed { at, window: Duration::from_millis(window) }, params)
            }
            _ => return Err("key and signature go together (700001)".into()),
        };
    let signed = |kinds: &[Kind]| match access {
        Access::Signed { .. } => Ok(Meaning::new(kinds, access)),
        _ => Err("not signed".to_owned()),
    };
    let by_id = [Kind::OrderById, Kind::OrderByClientId];
    let (method, path) = (request.method(), request.path());
    let mut it = match (method, path) {
        (Method::Post, "/api/v3/order") => {
            let mut it = signed(&[Kind::Place])?;
            it.orders.push(spot_order(&mut params)?);
            it
        }
        (Method::Post, "/api/v3/batchOrders") => {
            let mut it = signed(&[Kind::PlaceBatch])?;
            for row in rows(&params.text("batchOrders")?, 20)? {
                let mut row = Fields::json(&row)?;
                it.orders.push(spot_order(&mut row)?);
                row.end()?;
            }
            it
        }
        (Method::Delete, "/api/v3/order") => signed(&[Kind::Cancel])?,
        (Method::Delete, "/api/v3/openOrders") => signed(&[Kind::CancelAll])?,
        (Method::Get, "/api/v3/order") => signed(&by_id)?,
        (Method::Get, "/api/v3/openOrders") => signed(&[Kind::OpenOrders])?,
        (Method::Get, "/api/v3/allOrders") => signed(&[Kind::OrderHistory])?,
        (Method::Get, "/api/v3/myTrades") => signed(&[Kind::Fills])?,
        (Method::Get, "/api/v3/account") => signed(&[Kind::Balances])?,
        (Method::Post, "/api/v3/userDataStream") => signed(&[Kind::CreateListenKey])?,
        (Method::Put, "/api/v3/userDataStream") => signed(&[Kind::ExtendListenKey])?,
        (Method::Delete, "/api/v3/userDataStream") => signed(&[Kind::CloseListenKey])?,
        (Method::Get, "/api/v3/exchangeInfo") => Meaning::new(&[Kind::Instruments], access),
        (Method::Get, "/api/v3/ticker/price") => Meaning::new(&[Kind::Ticker], access),
        (Method::Get, "/api/v3/depth") => {
            let mut it = Meaning::new(&[Kind::Depth], access);
            let levels = params.maybe_integer("limit")?.unwrap_or(100);
            if !(100..=5_000).contains(&levels) {
                return Err("limit".into());
            }
            it.levels = Some(levels as u32);
            it
        }
        (Method::Get, "/api/v3/ticker/bookTicker") => Meaning::new(&[Kind::BookTop], access),
        (Method::Get, "/api/v3/time") => Meaning::new(&[Kind::ServerTime], access),
        _ => return Err(format!("no such endpoint: {method} {path}")),
    };
    if it.orders.is_empty() {
        let symbol = params.maybe("symbol");
        let several = symbol.as_deref().is_some_and(|text| text.contains(','));
        if several && (method, path) == (Method::Delete, "/api/v3/openOrders") {
            return Err("several symbols".into());
        }
        it.symbol = symbol.map(|text| Symbol::new(&text).unwrap());
        let id = params.maybe_order_id("orderId")?.map(OrderRef::Id);
        let client = params.maybe_client_order_id("origClientOrderId")?.map(OrderRef::Client);
        it.order = id.or(client);
        it.since = params.maybe_integer("startTime")?.map(Timestamp::from_millis);
        it.limit = params.maybe_integer("limit")?.map(|limit| limit as u32);
        it.listen_key = params.maybe("listenKey");
        if path == "/api/v3/order" && (it.order.is_none() || it.symbol.is_none()) {
            return Err("symbol and orderId or origClientOrderId".into());
        }
    }
    params.end()?;
    Ok(it)
}

/// spot, "New Order": there is no time in force, and a market buy names what it spends.
fn spot_order(params: &mut Fields) -> Result<NewOrder, String> {
    let symbol = params.symbol("symbol")?;
    let side = match params.text("side")?.as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        other => return Err(format!("no such side: {other}")),
    };
    let kind = params.text("type")?;
    let mut limit = |time_in_force| {
        let (quantity, price) = (params.decimal("quantity")?, params.decimal("price")?);
        Ok::<_, String>(OrderKind::Limit { quantity, price, time_in_force })
    };
    let kind = match (kind.as_str(), side) {
        ("LIMIT", _) => limit(TimeInForce::GoodTillCancel)?,
        ("LIMIT_MAKER", _) => limit(TimeInForce::PostOnly)?,
        ("IMMEDIATE_OR_CANCEL", _) => limit(TimeInForce::ImmediateOrCancel)?,
        ("FILL_OR_KILL", _) => limit(TimeInForce::FillOrKill)?,
        ("MARKET", Side::Buy) => {
            OrderKind::Market { size: Size::Quote(params.decimal("quoteOrderQty")?) }
        }
        ("MARKET", Side::Sell) => {
            OrderKind::Market { size: Size::Base(params.decimal("quantity")?) }
        }
        (other, _) => return Err(format!("no such type: {other}")),
    };
    let mut order = NewOrder::new(symbol, side, kind);
    order.client_order_id = params.maybe_client_order_id("newClientOrderId")?;
    Ok(order)
}

pub(crate) fn instrument() -> Instrument {
    let mut it = Instrument::new(Venue::Mexc, Market::Spot, Symbol::new("BTCUSDT").unwrap());
    it.base = Some(Asset::new("BTC").unwrap());
    it.quote = Some(Asset::new("USDT").unwrap());
    it.tick_size = Some(dec("0.01"));
    it.quote_step = Some(dec("0.01"));
    it.lot = LotRule { min: Some(dec("0.00001")), max: None, step: Some(dec("0.000001")) };
    it.notional.min = Some(dec("1"));
    it.notional.max = Some(dec("2000000"));
    it
}

pub(crate) fn reply(kind: Kind, reply: &Reply) -> Option<Value> {
    Some(match (kind, reply) {
        (Kind::Place, Reply::Accepted(it)) => json!({
            "symbol": "BTCUSDT",
            "orderId": it.order_id?.as_str(),
            "orderListId": -1,
            "price": "43210.9",
            "origQty": "0.0048",
            "type": "LIMIT",
            "side": "BUY",
            "transactTime": it.at?.as_millis(),
        }),
        (Kind::PlaceBatch, Reply::Batch(rows)) => {
            let row = |row: &Result<Accepted, Rejection>| match row {
                Ok(it) => Some(json!({
                    "symbol": "BTCUSDT",
                    "orderId": it.order_id?.as_str(),
                    "newClientOrderId": it.client_order_id?.as_str(),
                    "orderListId": -1,
                })),
                Err(_) => Some(json!({
                    "newClientOrderId": "conformance-1",
                    "msg": "Insufficient balance",
                    "code": 10_101,
                })),
            };
            rows.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Cancel, Reply::Order(it)) => {
            let mut row = spot_row(it)?;
            let fields = row.as_object_mut()?;
            fields.insert("origClientOrderId".into(), json!(it.client_order_id?.as_str()));
            fields.insert("clientOrderId".into(), json!("cancelMyOrder1"));
            fields.retain(|name, _| !matches!(name.as_str(), "time" | "updateTime"));
            row
        }
        (Kind::OrderById | Kind::OrderByClientId, Reply::Order(it)) => spot_row(it)?,
        (Kind::OpenOrders | Kind::OrderHistory | Kind::CancelAll, Reply::Orders(rows)) => {
            rows.iter().map(spot_row).collect::<Option<_>>()?
        }
        (Kind::Fills, Reply::Fills(rows)) => {
            let row = |it: &Fill| {
                Some(json!({
                    "symbol": it.symbol.as_str(),
                    "id": it.trade_id.as_str(),
                    "orderId": it.order_id.as_str(),
                    "orderListId": -1,
                    "price": it.price.to_string(),
                    "qty": it.quantity.to_string(),
                    "commission": it.fee?.amount.to_string(),
                    "commissionAsset": it.fee?.asset.as_str(),
                    "time": it.at.as_millis(),
                    "isBuyer": it.side == Side::Buy,
                    "isMaker": it.maker?,
                    "clientOrderId": it.client_order_id?.as_str(),
                }))
            };
            rows.iter().map(row).collect::<Option<_>>()?
        }
        (Kind::Balances, Reply::Balances(rows)) => {
            let row = |it: &Balance| {
                json!({
                    "asset": it.asset.as_str(),
                    "free": it.available.to_string(),
                    "locked": (it.total - it.available).to_string(),
                })
            };
            json!({"accountType": "SPOT", "balances": rows.iter().map(row).collect::<Value>()})
        }
        (Kind::Instruments, Reply::Instruments(all)) => {
            let row = |it: &Instrument| {
                let status = match it.status {
                    InstrumentStatus::Trading => "1",
                    InstrumentStatus::Halted => "2",
                    _ => return None,
                };
                // Precisions are decimal places, "size" and "amount" precisions minima.
                Some(json!({
                    "symbol": it.venue_symbol.as_str(),
                    "status": status,
                    "baseAsset": it.base?.as_str(),
                    "quoteAsset": it.quote?.as_str(),
                    "baseAssetPrecision": it.lot.step?.scale(),
                    "quoteAssetPrecision": it.tick_size?.scale(),
                    "quotePrecision": it.tick_size?.scale(),
                    "baseSizePrecision": it.lot.min?.to_string(),
                    "quoteAmountPrecision": format!("{}.000000000000000000000000000000", it.notional.min?),
                    "quoteAmountPrecisionMarket": it.notional.min?.to_string(),
                    "maxQuoteAmount": it.notional.max?.to_string(),
                    "isSpotTradingAllowed": true,
                    "tradeSideType": 1,
                    "filters": [],
                }))
            };
            let symbols = all.iter().map(row).collect::<Option<Value>>()?;
            json!({"timezone": "CST", "serverTime": NOW.as_millis(), "symbols": symbols})
        }
        (Kind::Ticker, Reply::Ticker(it)) => {
            json!({"symbol": it.symbol.as_str(), "price": it.last_price?.to_string()})
        }
        (Kind::BookTop, Reply::BookTop(it)) => json!({
            "symbol": it.symbol.as_str(),
            "bidPrice": it.bid_price?.to_string(),
            "bidQty": it.bid_quantity?.to_string(),
            "askPrice": it.ask_price?.to_string(),
            "askQty": it.ask_quantity?.to_string(),
        }),
        (Kind::Depth, Reply::Depth(it)) => {
            let side = |levels: &[(Decimal, Decimal)]| -> Value {
                levels.iter().map(|it| json!([it.0.to_string(), it.1.to_string()])).collect()
            };
            let (bids, asks) = (side(&it.bids), side(&it.asks));
            json!({"lastUpdateId": it.last_id, "bids": bids, "asks": asks})
        }
        (Kind::ServerTime, Reply::ServerTime(at)) => json!({"serverTime": at.as_millis()}),
        (Kind::CreateListenKey, Reply::ListenKey(key)) => json!({"listenKey": key}),
        (Kind::ExtendListenKey | Kind::CloseListenKey, Reply::Changed(_)) => {
            json!({"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"})
        }
        _ => return None,
    })
}

fn spot_row(it: &OrderReport) -> Option<Value> {
    let status = match it.status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled if it.filled_quantity.is_zero() => "CANCELED",
        OrderStatus::Canceled => "PARTIALLY_CANCELED",
        OrderStatus::Unrecognized => "SOMETHING_OF_NEXT_YEAR",
        _ => return None,
    };
    Some(json!({
        "symbol": it.symbol.as_str(),
        "orderId": it.order_id.as_str(),
        "orderListId": -1,
        "clientOrderId": it.client_order_id?.as_str(),
        "price": it.price?.to_string(),
        "origQty": it.quantity?.to_string(),
        "executedQty": it.filled_quantity.to_string(),
        "cummulativeQuoteQty": it.filled_quote?.to_string(),
        "status": status,
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": if it.side == Side::Buy { "BUY" } else { "SELL" },
        "stopPrice": "0.0",
        "time": it.updated_at?.as_millis(),
        "updateTime": it.updated_at?.as_millis(),
        "isWorking": true,
        "origQuoteOrderQty": "0.000000",
    }))
}
