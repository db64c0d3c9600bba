//! How Binance reads requests.

use std::time::Duration;

use hoox_connector::conformance::wire::{self, Fields};
use hoox_connector::conformance::{Access, Meaning};
use hoox_connector::{OperationKind as Kind, *};

use crate::{KEY, SECRET};

/// spot rest-api.md, "Endpoint security"; linear "General Info". The payload is the query followed by
/// the body without a separator, the signature covers it all and comes last.
pub(crate) fn authenticate(request: &Request<'_>) -> Result<(Access, Fields), String> {
    let header = |name: &str| {
        request.headers().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let (query, body) = (request.query(), request.body());
    if !body.is_empty() {
        if matches!(request.method(), Method::Get) {
            return Err("a GET with a body".into());
        }
        if header("Content-Type") != Some("application/x-www-form-urlencoded") {
            return Err("the body is no form".into());
        }
    }
    let joined = if query.is_empty() || body.is_empty() {
        format!("{query}{body}")
    } else {
        return Err("parameters in two places".into());
    };
    match header("X-MBX-APIKEY") {
        Some(KEY) => {}
        Some(_) => return Err("no such key".into()),
        None if joined.contains("signature=") => return Err("signed, but without the key".into()),
        None => return Ok((Access::Public, Fields::form(&joined)?)),
    }
    let Some((payload, signature)) = joined.split_once("&signature=") else {
        return Ok((Access::Key, Fields::form(&joined)?));
    };
    // The case of the hex does not matter.
    if signature.to_ascii_lowercase() != wire::hmac_sha256_hex(SECRET, payload) {
        return Err("Signature for this request is not valid.".into());
    }
    let mut params = Fields::form(payload)?;
    let at = Timestamp::from_millis(params.integer("timestamp")?);
    // Left out it would be 5 seconds.
    let window = Duration::from_millis(params.maybe_integer("recvWindow")?.unwrap_or(5_000));
    Ok((Access::Signed { at, window }, params))
}

pub(crate) fn spot(
    method: Method,
    path: &str,
    access: Access,
    params: &mut Fields,
) -> Result<Meaning, String> {
    let signed = |kinds: &[Kind]| match access {
        Access::Signed { .. } => Ok(Meaning::new(kinds, access)),
        _ => Err("not signed".to_owned()),
    };
    let public = |kind| Ok::<_, String>(Meaning::new(&[kind], access));
    let mut meaning = match (method, path) {
        (Method::Post, "/api/v3/order") => {
            let order = spot_order(params)?;
            let conditional = order.kind.is_conditional();
            let mut it = signed(&[if conditional { Kind::PlaceConditional } else { Kind::Place }])?;
            it.orders.push(order);
            return Ok(it);
        }
        (Method::Delete, "/api/v3/order") => signed(&[Kind::Cancel, Kind::CancelConditional])?,
        (Method::Get, "/api/v3/order") => {
            signed(&[Kind::OrderById, Kind::OrderByClientId, Kind::ConditionalOrder])?
        }
        (Method::Delete, "/api/v3/openOrders") => {
            let mut it = signed(&[Kind::CancelAll, Kind::CancelAllConditional])?;
            it.symbol = Some(params.symbol("symbol")?);
            return Ok(it);
        }
        (Method::Get, "/api/v3/openOrders") => {
            signed(&[Kind::OpenOrders, Kind::OpenConditionalOrders])?
        }
        (Method::Get, "/api/v3/allOrders") => signed(&[Kind::OrderHistory])?,
        (Method::Get, "/api/v3/myTrades") => signed(&[Kind::Fills])?,
        (Method::Get, "/api/v3/account") => signed(&[Kind::Balances])?,
        (Method::Get, "/api/v3/exchangeInfo") => public(Kind::Instruments)?,
        (Method::Get, "/api/v3/ticker/price") => public(Kind::Ticker)?,
        (Method::Get, "/api/v3/ticker/bookTicker") => public(Kind::BookTop)?,
        (Method::Get, "/api/v3/depth") => public(Kind::Depth)?,
        (Method::Get, "/api/v3/time") => public(Kind::ServerTime)?,
        _ => return Err(format!("no such endpoint: {method} {path}")),
    };
    bounds(path, params, &mut meaning)?;
    question(path.ends_with("/order"), "origClientOrderId", params, &mut meaning)?;
    Ok(meaning)
}

/// "All Orders": `orderId` is the first that is listed. "Account Trade List": `fromId` is, and futures
/// refuse it together with times. "Order Book": spot takes any number of levels up to 5,000.
fn bounds(path: &str, params: &mut Fields, meaning: &mut Meaning) -> Result<(), String> {
    match path.rsplit('/').next() {
        Some("allOrders") => meaning.page = params.maybe("orderId"),
        Some("myTrades" | "userTrades") => meaning.page = params.maybe("fromId"),
        Some("depth") => {
            let limit = params.integer("limit")? as u32;
            let spot = path.starts_with("/api/");
            let futures = [5, 10, 20, 50, 100, 500, 1_000];
            if limit == 0 || limit > 5_000 || !(spot || futures.contains(&limit)) {
                return Err(format!("limit {limit}"));
            }
            meaning.levels = Some(limit);
        }
        _ => {}
    }
    Ok(())
}

/// What queries and cancellations are about.
fn question(
    one_order: bool,
    client_id: &str,
    params: &mut Fields,
    meaning: &mut Meaning,
) -> Result<(), String> {
    meaning.symbol = params.maybe("symbol").map(|text| Symbol::new(&text).unwrap());
    let id = params.maybe_order_id("orderId")?.map(OrderRef::Id);
    meaning.order = id.or(params.maybe_client_order_id(client_id)?.map(OrderRef::Client));
    if one_order && (meaning.order.is_none() || meaning.symbol.is_none()) {
        return Err("symbol and orderId or origClientOrderId are mandatory".into());
    }
    meaning.since = params.maybe_integer("startTime")?.map(Timestamp::from_millis);
    meaning.limit = params.maybe_integer("limit")?.map(|limit| limit as u32);
    Ok(())
}

fn side(params: &mut Fields) -> Result<Side, String> {
    match params.text("side")?.as_str() {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        other => Err(format!("no such side: {other}")),
    }
}

/// spot rest-api.md, "New order": the mandatory parameters of each type.
fn spot_order(params: &mut Fields) -> Result<NewOrder, String> {
    let (symbol, side) = (params.symbol("symbol")?, side(params)?);
    let kind = match params.text("type")?.as_str() {
        "MARKET" => {
            let size =
                match (params.maybe_decimal("quantity")?, params.maybe_decimal("quoteOrderQty")?) {
                    (Some(quantity), None) => Size::Base(quantity),
                    (None, Some(amount)) => Size::Quote(amount),
                    _ => return Err("either quantity or quoteOrderQty".into()),
                };
            OrderKind::Market { size }
        }
        "LIMIT" => OrderKind::Limit {
            quantity: params.decimal("quantity")?,
            price: params.decimal("price")?,
            time_in_force: time_in_force(params, false)?,
        },
        "LIMIT_MAKER" => OrderKind::Limit {
            quantity: params.decimal("quantity")?,
            price: params.decimal("price")?,
            time_in_force: TimeInForce::PostOnly,
        },
        kind => {
            let (trigger, limited) = match kind {
                "STOP_LOSS" => (TriggerKind::Stop, false),
                "TAKE_PROFIT" => (TriggerKind::TakeProfit, false),
                "STOP_LOSS_LIMIT" => (TriggerKind::Stop, true),
                "TAKE_PROFIT_LIMIT" => (TriggerKind::TakeProfit, true),
                other => return Err(format!("no such type: {other}")),
            };
            let quantity = params.decimal("quantity")?;
            let stop_price = params.maybe_decimal("stopPrice")?;
            let trailing = params.maybe_decimal("trailingDelta")?;
            match (limited, stop_price, trailing) {
                (false, price, Some(points)) => {
                    // trailing-stop-faq.md: tracking starts when the stop price's condition is met,
                    // and only a take-profit's is met in the direction that is good for the order.
                    if trigger == TriggerKind::Stop && price.is_some() {
                        return Err(
                            "tracks from where the market has moved against the order".into()
                        );
                    }
                    if trigger == TriggerKind::TakeProfit && price.is_none() {
                        return Err("a take-profit without a stop price".into());
                    }
                    let callback_rate = points / Decimal::ONE_HUNDRED;
                    OrderKind::TrailingStop { quantity, callback_rate, activate_price: price }
                }
                (false, Some(price), None) => {
                    let trigger = Trigger { kind: trigger, price };
                    OrderKind::TriggerMarket { quantity, trigger }
                }
                (true, Some(price), None) => OrderKind::TriggerLimit {
                    quantity,
                    trigger: Trigger { kind: trigger, price },
                    price: params.decimal("price")?,
                    time_in_force: time_in_force(params, false)?,
                },
                other => return Err(format!("neither stop nor trailing stop: {other:?}")),
            }
        }
    };
    let mut order = NewOrder::new(symbol, side, kind);
    order.client_order_id = params.maybe_client_order_id("newClientOrderId")?;
    // Left out it is FULL for limit and market orders, ACK, which has no status, for the others.
    match params.maybe("newOrderRespType").as_deref() {
        Some("RESULT" | "FULL") => {}
        None if !order.kind.is_conditional() => {}
        other => return Err(format!("a reply of type {other:?} has no status")),
    }
    Ok(order)
}

fn time_in_force(params: &mut Fields, linear: bool) -> Result<TimeInForce, String> {
    match params.text("timeInForce")?.as_str() {
        "GTC" => Ok(TimeInForce::GoodTillCancel),
        "IOC" => Ok(TimeInForce::ImmediateOrCancel),
        "FOK" => Ok(TimeInForce::FillOrKill),
        "GTX" if linear => Ok(TimeInForce::PostOnly),
        other => Err(format!("no such time in force: {other}")),
    }
}

pub(crate) fn linear(
    method: Method,
    path: &str,
    access: Access,
    params: &mut Fields,
) -> Result<Meaning, String> {
    let signed = |kinds: &[Kind]| match access {
        Access::Signed { .. } => Ok(Meaning::new(kinds, access)),
        _ => Err("not signed".to_owned()),
    };
    let public = |kinds: &[Kind]| Ok::<_, String>(Meaning::new(kinds, access));
    let by_id = [Kind::OrderById, Kind::OrderByClientId];
    match (method, path) {
        (Method::Post, "/fapi/v1/order") => {
            let mut it = signed(&[Kind::Place])?;
            it.orders.push(linear_order(params)?);
            Ok(it)
        }
        (Method::Post, "/fapi/v1/algoOrder") => {
            let mut it = signed(&[Kind::PlaceConditional])?;
            it.orders.push(algo_order(params)?);
            Ok(it)
        }
        (Method::Post, "/fapi/v1/batchOrders") => {
            let mut it = signed(&[Kind::PlaceBatch])?;
            let list = params.text("batchOrders")?;
            let rows: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(&list).map_err(|error| error.to_string())?;
            if rows.is_empty() || rows.len() > 5 {
                return Err("a batch holds 1 to 5 orders".into());
            }
            for row in rows {
                let mut row = Fields::json(row.get())?;
                it.orders.push(linear_order(&mut row)?);
                row.end()?;
            }
            Ok(it)
        }
        (Method::Put, "/fapi/v1/order") => {
            let mut it = signed(&[Kind::Amend])?;
            it.side = Some(side(params)?);
            it.quantity = Some(params.decimal("quantity")?);
            it.price = Some(params.decimal("price")?);
            question(true, "origClientOrderId", params, &mut it)?;
            Ok(it)
        }
        (Method::Delete, "/fapi/v1/allOpenOrders") => {
            let mut it = signed(&[Kind::CancelAll])?;
            it.symbol = Some(params.symbol("symbol")?);
            Ok(it)
        }
        (Method::Delete, "/fapi/v1/algoOpenOrders") => {
            let mut it = signed(&[Kind::CancelAllConditional])?;
            it.symbol = Some(params.symbol("symbol")?);
            Ok(it)
        }
        (Method::Delete | Method::Get, "/fapi/v1/algoOrder") => {
            let get = method == Method::Get;
            let kind = if get { Kind::ConditionalOrder } else { Kind::CancelConditional };
            let mut it = signed(&[kind])?;
            let id = params.maybe_order_id("algoId")?.map(OrderRef::Id);
            it.order = id.or(params.maybe_client_order_id("clientAlgoId")?.map(OrderRef::Client));
            if it.order.is_none() {
                return Err("algoId or clientAlgoId is mandatory".into());
            }
            Ok(it)
        }
        (Method::Post, "/fapi/v1/leverage") => {
            let mut it = signed(&[Kind::SetLeverage])?;
            it.symbol = Some(params.symbol("symbol")?);
            it.leverage = Some(params.integer("leverage")? as u32);
            Ok(it)
        }
        (Method::Post, "/fapi/v1/marginType") => {
            let mut it = signed(&[Kind::SetMarginMode])?;
            it.symbol = Some(params.symbol("symbol")?);
            it.margin_mode = Some(match params.text("marginType")?.as_str() {
                "ISOLATED" => MarginMode::Isolated,
                "CROSSED" => MarginMode::Cross,
                other => return Err(format!("no such margin type: {other}")),
            });
            Ok(it)
        }
        (Method::Post, "/fapi/v1/positionSide/dual") => {
            let mut it = signed(&[Kind::SetPositionMode])?;
            it.position_mode = Some(match params.text("dualSidePosition")?.as_str() {
                "true" => PositionMode::Hedge,
                "false" => PositionMode::OneWay,
                other => return Err(format!("neither true nor false: {other}")),
            });
            Ok(it)
        }
        (_, "/fapi/v1/listenKey") if access == Access::Key => match method {
            Method::Post => public(&[Kind::CreateListenKey]),
            Method::Put => public(&[Kind::ExtendListenKey]),
            Method::Delete => public(&[Kind::CloseListenKey]),
            Method::Get => Err("no such endpoint".into()),
        },
        _ => {
            let mut it = match (method, path) {
                (Method::Delete, "/fapi/v1/order") => signed(&[Kind::Cancel])?,
                (Method::Get, "/fapi/v1/order") => signed(&by_id)?,
                (Method::Get, "/fapi/v1/openOrders") => signed(&[Kind::OpenOrders])?,
                (Method::Get, "/fapi/v1/openAlgoOrders") => signed(&[Kind::OpenConditionalOrders])?,
                (Method::Get, "/fapi/v1/allOrders") => signed(&[Kind::OrderHistory])?,
                (Method::Get, "/fapi/v1/userTrades") => signed(&[Kind::Fills])?,
                (Method::Get, "/fapi/v3/positionRisk") => signed(&[Kind::Positions])?,
                (Method::Get, "/fapi/v3/balance" | "/fapi/v3/account") => {
                    signed(&[Kind::Balances])?
                }
                (Method::Get, "/fapi/v1/exchangeInfo") => {
                    return public(&[Kind::Instruments]);
                }
                (Method::Get, "/fapi/v1/premiumIndex") => {
                    public(&[Kind::Ticker, Kind::FundingRate])?
                }
                (Method::Get, "/fapi/v2/ticker/price") => public(&[Kind::Ticker])?,
                (Method::Get, "/fapi/v1/ticker/bookTicker") => public(&[Kind::BookTop])?,
                (Method::Get, "/fapi/v1/depth") => public(&[Kind::Depth])?,
                (Method::Get, "/fapi/v1/time") => public(&[Kind::ServerTime])?,
                _ => return Err(format!("no such endpoint: {method} {path}")),
            };
            bounds(path, params, &mut it)?;
            if it.page.is_some() && params.maybe("startTime").is_some() {
                return Err("fromId together with a time".into());
            }
            question(path == "/fapi/v1/order", "origClientOrderId", params, &mut it)?;
            Ok(it)
        }
    }
}

/// linear "New Order": LIMIT and MARKET alone.
fn linear_order(params: &mut Fields) -> Result<NewOrder, String> {
    let (symbol, side) = (params.symbol("symbol")?, side(params)?);
    let quantity = params.decimal("quantity")?;
    let kind = match params.text("type")?.as_str() {
        "MARKET" => OrderKind::Market { size: Size::Base(quantity) },
        "LIMIT" => OrderKind::Limit {
            quantity,
            price: params.decimal("price")?,
            time_in_force: time_in_force(params, true)?,
        },
        other => return Err(format!("{other} is refused here (-4120)")),
    };
    let mut order = NewOrder::new(symbol, side, kind);
    position(params, &mut order)?;
    order.client_order_id = params.maybe_client_order_id("newClientOrderId")?;
    // Left out it is ACK, whose status is that of an order just received.
    match params.maybe("newOrderRespType").as_deref() {
        Some("RESULT") => Ok(order),
        other => Err(format!("a reply of type {other:?} does not tell the fill")),
    }
}

/// linear "New Algo Order".
fn algo_order(params: &mut Fields) -> Result<NewOrder, String> {
    if params.text("algoType")? != "CONDITIONAL" {
        return Err("no such algoType".into());
    }
    let (symbol, side) = (params.symbol("symbol")?, side(params)?);
    let quantity = params.decimal("quantity")?;
    let name = params.text("type")?;
    let kind = match name.as_str() {
        "STOP_MARKET" | "TAKE_PROFIT_MARKET" => {
            let price = params.decimal("triggerPrice")?;
            OrderKind::TriggerMarket { quantity, trigger: Trigger { kind: trigger(&name), price } }
        }
        "STOP" | "TAKE_PROFIT" => OrderKind::TriggerLimit {
            quantity,
            trigger: Trigger { kind: trigger(&name), price: params.decimal("triggerPrice")? },
            price: params.decimal("price")?,
            time_in_force: time_in_force(params, true)?,
        },
        "TRAILING_STOP_MARKET" => OrderKind::TrailingStop {
            quantity,
            callback_rate: params.decimal("callbackRate")?,
            activate_price: params.maybe_decimal("activatePrice")?,
        },
        other => return Err(format!("no such type: {other}")),
    };
    let mut order = NewOrder::new(symbol, side, kind);
    position(params, &mut order)?;
    order.client_order_id = params.maybe_client_order_id("clientAlgoId")?;
    Ok(order)
}

fn trigger(name: &str) -> TriggerKind {
    if name.starts_with("STOP") { TriggerKind::Stop } else { TriggerKind::TakeProfit }
}

/// BOTH, the default, is one-way mode; reduceOnly cannot be sent in hedge mode.
fn position(params: &mut Fields, order: &mut NewOrder) -> Result<(), String> {
    let reduce_only = params.maybe("reduceOnly");
    order.reduce_only = match reduce_only.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(format!("neither true nor false: {other}")),
    };
    let side = match params.maybe("positionSide").as_deref() {
        None | Some("BOTH") => {
            order.position_mode = Some(PositionMode::OneWay);
            return Ok(());
        }
        Some("LONG") => PositionSide::Long,
        Some("SHORT") => PositionSide::Short,
        Some(other) => return Err(format!("no such position: {other}")),
    };
    if reduce_only.is_some() {
        return Err("reduceOnly in hedge mode (-1106)".into());
    }
    *order = order.position_side(side);
    Ok(())
}
