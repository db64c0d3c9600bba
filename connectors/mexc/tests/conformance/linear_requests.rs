//! How futures read requests.

use std::time::Duration;

use hoox_connector::conformance::wire::{self, Fields};
use hoox_connector::conformance::{Access, Meaning};
use hoox_connector::{OperationKind as Kind, *};

use crate::{KEY, SECRET, dec, header, rows};

/// Futures requests are valid for 10 seconds, and no header makes it shorter safely.
const WINDOW: Duration = Duration::from_secs(10);

/// futures, "Authentication Method": key + time + sorted query or JSON body, in headers.
fn authenticate(request: &Request<'_>) -> Result<Access, String> {
    let (key, time, signature) =
        (header(request, "ApiKey"), header(request, "Request-Time"), header(request, "Signature"));
    let (Some(key), Some(time), Some(signature)) = (key, time, signature) else {
        let any = key.or(time).or(signature).is_some();
        return if any { Err("headers are missing".into()) } else { Ok(Access::Public) };
    };
    if key != KEY {
        return Err("no such key (402)".into());
    }
    if header(request, "Content-Type") != Some("application/json") {
        return Err("not JSON".into());
    }
    if header(request, "Recv-Window").is_some() {
        return Err("Recv-Window: seconds or milliseconds?".into());
    }
    let query = request.query();
    let names: Vec<_> = query.split('&').collect();
    if !names.is_sorted() || query.contains('%') {
        return Err("the parameters are not sorted, or encoded".into());
    }
    if signature != wire::hmac_sha256_hex(SECRET, &format!("{key}{time}{query}{}", request.body()))
    {
        return Err("signature verification failed (602)".into());
    }
    let at = Timestamp::from_millis(time.parse().map_err(|_| "Request-Time")?);
    Ok(Access::Signed { at, window: WINDOW })
}

pub(crate) fn understand(request: &Request<'_>) -> Result<Meaning, String> {
    let access = authenticate(request)?;
    let (method, path) = (request.method(), request.path());
    let private = path.starts_with("/api/v1/private/");
    if private != (access != Access::Public) {
        return Err(format!("{path} with access {access:?}"));
    }
    let new = |kinds: &[Kind]| Meaning::new(kinds, access);
    if method == Method::Get {
        return read_linear(path, Fields::form(request.query())?, new);
    }
    if method != Method::Post || !request.query().is_empty() {
        return Err("neither GET nor POST".into());
    }
    let body = request.body();
    let path = path.strip_prefix("/api/v1/private/").ok_or("nothing public is posted")?;
    match path {
        "order/cancel" => {
            let mut it = new(&[Kind::Cancel]);
            for id in rows(body, 1)? {
                let id = OrderId::new(id.trim_matches('"')).map_err(|error| error.to_string())?;
                it.order = Some(OrderRef::Id(id));
            }
            return Ok(it);
        }
        "order/submit_batch" => {
            let mut it = new(&[Kind::PlaceBatch]);
            for row in rows(body, 50)? {
                let mut row = Fields::json(&row)?;
                it.orders.push(linear_order(&mut row)?);
                row.end()?;
            }
            return Ok(it);
        }
        "planorder/cancel" => {
            let mut it = new(&[Kind::CancelConditional]);
            for row in rows(body, 1)? {
                let mut row = Fields::json(&row)?;
                it.symbol = Some(neutral(&row.text("symbol")?)?);
                it.order = row.maybe_order_id("orderId")?.map(OrderRef::Id);
                row.end()?;
            }
            return Ok(it);
        }
        _ => {}
    }
    let mut params = Fields::json(body)?;
    let it = match path {
        "order/create" | "order/submit" => {
            let mut it = new(&[Kind::Place]);
            it.orders.push(linear_order(&mut params)?);
            it
        }
        "planorder/place" => {
            let mut it = new(&[Kind::PlaceConditional]);
            it.orders.push(plan_order(&mut params)?);
            it
        }
        "order/cancel_with_external" => {
            let mut it = new(&[Kind::Cancel]);
            it.symbol = Some(neutral(&params.text("symbol")?)?);
            it.order = params.maybe_client_order_id("externalOid")?.map(OrderRef::Client);
            it
        }
        "order/cancel_all" | "planorder/cancel_all" => {
            let plan = path.starts_with("plan");
            let mut it = new(&[if plan { Kind::CancelAllConditional } else { Kind::CancelAll }]);
            it.symbol = params.maybe("symbol").map(|text| neutral(&text)).transpose()?;
            it
        }
        "position/change_leverage" => {
            let mut it = new(&[Kind::SetLeverage]);
            it.symbol = Some(neutral(&params.text("symbol")?)?);
            it.leverage = Some(params.integer("leverage")? as u32);
            it.margin_mode = Some(open_type(&mut params)?);
            it.position_side = Some(match params.integer("positionType")? {
                1 => PositionSide::Long,
                2 => PositionSide::Short,
                other => return Err(format!("positionType {other}")),
            });
            it
        }
        "position/change_position_mode" => {
            let mut it = new(&[Kind::SetPositionMode]);
            it.position_mode = Some(match params.integer("positionMode")? {
                1 => PositionMode::Hedge,
                2 => PositionMode::OneWay,
                other => return Err(format!("positionMode {other}")),
            });
            it
        }
        other => return Err(format!("no such endpoint: {other}")),
    };
    params.end()?;
    Ok(it)
}

fn read_linear(
    path: &str,
    mut params: Fields,
    new: impl Fn(&[Kind]) -> Meaning,
) -> Result<Meaning, String> {
    let segments: Vec<String> =
        path.trim_start_matches('/').split('/').skip(2).map(decoded).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let order_id = |id: &str| match id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => OrderId::new(id).map(OrderRef::Id).map_err(|error| error.to_string()),
        false => Err(format!("{id} is no order number")),
    };
    let mut it = match segments.as_slice() {
        ["contract", "ping"] => new(&[Kind::ServerTime]),
        ["contract", "detail"] => new(&[Kind::Instruments]),
        ["contract", "depth", symbol] => {
            let mut it = new(&[Kind::Depth]);
            it.symbol = Some(neutral(symbol)?);
            it.levels = params.maybe_integer("limit")?.map(|limit| limit as u32);
            it
        }
        ["contract", "ticker"] => new(&[Kind::Ticker, Kind::BookTop, Kind::FundingRate]),
        ["private", "order", "get", id] => {
            let mut it = new(&[Kind::OrderById]);
            it.order = Some(order_id(id)?);
            it
        }
        ["private", "order", "external", symbol, id] => {
            let mut it = new(&[Kind::OrderByClientId]);
            it.symbol = Some(neutral(symbol)?);
            let id = ClientOrderId::new(id).map_err(|error| error.to_string())?;
            it.order = Some(OrderRef::Client(id));
            it
        }
        ["private", "order", "deal_details", id] => {
            let mut it = new(&[Kind::Fills]);
            it.order = Some(order_id(id)?);
            it
        }
        ["private", "order", "list", "open_orders", rest @ ..] => {
            let mut it = new(&[Kind::OpenOrders]);
            it.symbol = rest.first().map(|symbol| neutral(symbol)).transpose()?;
            // Left out it is 20, and the most is 100.
            if !matches!(params.maybe_integer("page_size")?, None | Some(1..=100)) {
                return Err("page_size".into());
            }
            it
        }
        ["private", "order", "list", "history_orders"] => new(&[Kind::OrderHistory]),
        ["private", "order", "list", "order_deals"] => new(&[Kind::Fills]),
        ["private", "position", "open_positions"] => new(&[Kind::Positions]),
        ["private", "account", "assets"] => new(&[Kind::Balances]),
        _ => return Err(format!("no such endpoint: {path}")),
    };
    if let Some(symbol) = params.maybe("symbol") {
        it.symbol = Some(neutral(&symbol)?);
    }
    it.limit = params.maybe_integer("page_size")?.map(|size| size as u32);
    it.page = params.maybe("page_num");
    it.since = params.maybe_integer("start_time")?.map(Timestamp::from_millis);
    params.end()?;
    Ok(it)
}

/// A segment of a path.
fn decoded(segment: &str) -> Result<String, String> {
    Fields::form(&format!("it={segment}"))?.text("it")
}

/// `BTC_USDT` to `BTCUSDT`.
fn neutral(text: &str) -> Result<Symbol, String> {
    let Some((base, quote)) = text.split_once('_') else {
        return Err(format!("{text} is no contract (1001)"));
    };
    Symbol::new(&format!("{base}{quote}")).map_err(|error| error.to_string())
}

fn open_type(params: &mut Fields) -> Result<MarginMode, String> {
    match params.integer("openType")? {
        1 => Ok(MarginMode::Isolated),
        2 => Ok(MarginMode::Cross),
        other => Err(format!("openType {other}")),
    }
}

fn time_in_force(code: u64) -> Result<TimeInForce, String> {
    match code {
        1 => Ok(TimeInForce::GoodTillCancel),
        2 => Ok(TimeInForce::PostOnly),
        3 => Ok(TimeInForce::ImmediateOrCancel),
        4 => Ok(TimeInForce::FillOrKill),
        other => Err(format!("no such type: {other}")),
    }
}

/// What both kinds of futures orders begin with: `vol` counts contracts.
fn linear_head(params: &mut Fields) -> Result<(NewOrder, Decimal), String> {
    let symbol = neutral(&params.text("symbol")?)?;
    let quantity = params.decimal("vol")? * dec("0.0001");
    // 1 opens long, 2 closes short, 3 opens short, 4 closes long.
    let (side, position, closes) = match params.integer("side")? {
        1 => (Side::Buy, PositionSide::Long, false),
        2 => (Side::Buy, PositionSide::Short, true),
        3 => (Side::Sell, PositionSide::Short, false),
        4 => (Side::Sell, PositionSide::Long, true),
        other => return Err(format!("no such side: {other}")),
    };
    let mut order = NewOrder::market(symbol, side, quantity);
    order.reduce_only = closes;
    order.position_side = Some(position);
    order.margin_mode = Some(open_type(params)?);
    order.leverage = params.maybe_integer("leverage")?.map(|leverage| leverage as u32);
    if order.margin_mode == Some(MarginMode::Isolated) && order.leverage.is_none() && !closes {
        return Err("isolated margin without leverage".into());
    }
    Ok((order, quantity))
}

/// futures, "Order".
fn linear_order(params: &mut Fields) -> Result<NewOrder, String> {
    let (mut order, quantity) = linear_head(params)?;
    order.kind = match params.integer("type")? {
        5 | 6 => OrderKind::Market { size: Size::Base(quantity) },
        code => {
            let (price, time_in_force) = (params.decimal("price")?, time_in_force(code)?);
            OrderKind::Limit { quantity, price, time_in_force }
        }
    };
    order.client_order_id = params.maybe_client_order_id("externalOid")?;
    if order.client_order_id.is_some_and(|id| id.as_str().len() > 32) {
        return Err("externalOid too long (2030)".into());
    }
    order.attached = Attached {
        take_profit: params.maybe_decimal("takeProfitPrice")?,
        stop_loss: params.maybe_decimal("stopLossPrice")?,
    };
    Ok(order)
}

/// futures, "Trigger order".
fn plan_order(params: &mut Fields) -> Result<NewOrder, String> {
    let (mut order, quantity) = linear_head(params)?;
    let price = params.decimal("triggerPrice")?;
    // 1 fires at or above, 2 at or below.
    let rises = match params.integer("triggerType")? {
        1 => true,
        2 => false,
        other => return Err(format!("triggerType {other}")),
    };
    let stop = rises == (order.side == Side::Buy);
    let kind = if stop { TriggerKind::Stop } else { TriggerKind::TakeProfit };
    let trigger = Trigger { kind, price };
    if !matches!(params.integer("executeCycle")?, 1 | 2) || params.integer("trend")? != 1 {
        return Err("executeCycle or trend".into());
    }
    order.kind = match params.integer("orderType")? {
        5 => OrderKind::TriggerMarket { quantity, trigger },
        code => OrderKind::TriggerLimit {
            quantity,
            trigger,
            price: params.decimal("price")?,
            time_in_force: time_in_force(code)?,
        },
    };
    order.client_order_id = params.maybe_client_order_id("externalOid")?;
    Ok(order)
}
