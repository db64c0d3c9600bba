//! How Bybit reads requests.

use std::time::Duration;

use hoox_connector::conformance::wire::{self, Fields};
use hoox_connector::conformance::{Access, Harness, Meaning};
use hoox_connector::{OperationKind as Kind, *};

use crate::{Account, KEY, SECRET};

/// guide, "Authentication": timestamp + key + receive window + query or body, in headers.
pub(crate) fn authenticate(request: &Request<'_>) -> Result<Access, String> {
    let header = |name: &str| {
        request.headers().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let get = request.method() == Method::Get;
    if get && !request.body().is_empty() {
        return Err("a GET with a body (403)".into());
    }
    if !get && (!request.query().is_empty() || header("Content-Type") != Some("application/json")) {
        return Err("a POST is JSON".into());
    }
    let Some(signature) = header("X-BAPI-SIGN") else {
        let keyed = header("X-BAPI-API-KEY").is_some();
        return if keyed { Err("a key without a signature".into()) } else { Ok(Access::Public) };
    };
    if header("X-BAPI-API-KEY") != Some(KEY) {
        return Err("API key is invalid.".into());
    }
    let time = header("X-BAPI-TIMESTAMP").ok_or("no timestamp")?;
    // Left out it is 5 seconds, and nothing in the signed text.
    let window = header("X-BAPI-RECV-WINDOW").unwrap_or("");
    let content = if get { request.query() } else { request.body() };
    if signature != wire::hmac_sha256_hex(SECRET, &format!("{time}{KEY}{window}{content}")) {
        return Err("error sign!".into());
    }
    let window = if window.is_empty() { "5000" } else { window };
    let integer = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(Access::Signed {
        at: Timestamp::from_millis(integer(time)?),
        window: Duration::from_millis(integer(window)?),
    })
}

impl Account {
    pub(crate) fn endpoint(
        &self,
        method: Method,
        path: &str,
        access: Access,
        params: &mut Fields,
    ) -> Result<Meaning, String> {
        let new = |kinds: &[Kind]| Meaning::new(kinds, access);
        let mut it = match (method, path) {
            (Method::Post, "/v5/order/create") => {
                let order = self.order(params)?;
                let conditional = order.kind.is_conditional();
                let mut it = new(&[if conditional { Kind::PlaceConditional } else { Kind::Place }]);
                it.orders.push(order);
                return Ok(it);
            }
            (Method::Post, "/v5/order/create-batch") => {
                let mut it = new(&[Kind::PlaceBatch]);
                let list = params.text("request")?;
                let rows: Vec<&serde_json::value::RawValue> =
                    serde_json::from_str(&list).map_err(|error| error.to_string())?;
                if rows.is_empty() || rows.len() > if self.is_spot() { 10 } else { 20 } {
                    return Err("not so many orders in a batch".into());
                }
                for row in rows {
                    let mut row = Fields::json(row.get())?;
                    it.orders.push(self.order(&mut row)?);
                    row.end()?;
                }
                return Ok(it);
            }
            (Method::Post, "/v5/order/amend") => {
                let mut it = new(&[Kind::Amend]);
                it.quantity = params.maybe_decimal("qty")?;
                it.price = params.maybe_decimal("price")?;
                it
            }
            (Method::Post, "/v5/order/cancel") => match params.maybe("orderFilter").as_deref() {
                // Spot keeps the kinds apart; linear finds an id wherever it is.
                None if !self.is_spot() => new(&[Kind::Cancel, Kind::CancelConditional]),
                None | Some("Order") => new(&[Kind::Cancel]),
                Some("StopOrder") => new(&[Kind::CancelConditional]),
                Some(other) => return Err(format!("orderFilter {other}")),
            },
            (Method::Post, "/v5/order/cancel-all") => {
                match params.maybe("orderFilter").as_deref() {
                    // Without a filter linear cancels protective orders too: neither of our operations.
                    None if !self.is_spot() => new(&[]),
                    None | Some("Order") => new(&[Kind::CancelAll]),
                    Some("StopOrder") => new(&[Kind::CancelAllConditional]),
                    Some(other) => return Err(format!("orderFilter {other}")),
                }
            }
            (Method::Get, "/v5/order/realtime") => {
                let filter = params.maybe("orderFilter");
                let by_id = [Kind::OrderById, Kind::OrderByClientId, Kind::ConditionalOrder];
                let mut it = match filter.as_deref() {
                    Some("StopOrder") => new(&[Kind::OpenConditionalOrders]),
                    None | Some("Order") => new(&[Kind::OpenOrders]),
                    Some(other) => return Err(format!("orderFilter {other}")),
                };
                if !matches!(params.maybe_integer("limit")?, None | Some(1..=50)) {
                    return Err("limit".into());
                }
                self.subject(params, &mut it)?;
                if it.order.is_some() {
                    it.serves = OperationSet::of(&by_id);
                }
                return Ok(it);
            }
            (Method::Get, "/v5/order/history") => new(&[Kind::OrderHistory]),
            (Method::Get, "/v5/execution/list") => new(&[Kind::Fills]),
            (Method::Get, "/v5/position/list") if !self.is_spot() => {
                params.maybe_integer("limit")?;
                new(&[Kind::Positions])
            }
            (Method::Get, "/v5/account/wallet-balance") => {
                if params.text("accountType")? != "UNIFIED" {
                    return Err("no such account".into());
                }
                new(&[Kind::Balances])
            }
            (Method::Post, "/v5/position/set-leverage") if !self.is_spot() => {
                let mut it = new(&[Kind::SetLeverage]);
                let (buy, sell) = (params.text("buyLeverage")?, params.text("sellLeverage")?);
                if buy != sell {
                    return Err("one-way mode wants both alike".into());
                }
                it.leverage = Some(buy.parse().map_err(|_| "no leverage")?);
                it
            }
            (Method::Post, "/v5/account/set-margin-mode") => {
                let mut it = new(&[Kind::SetMarginMode]);
                it.margin_mode = Some(match params.text("setMarginMode")?.as_str() {
                    "ISOLATED_MARGIN" => MarginMode::Isolated,
                    "REGULAR_MARGIN" => MarginMode::Cross,
                    other => return Err(format!("no such margin mode: {other}")),
                });
                it
            }
            (Method::Post, "/v5/position/switch-mode") if !self.is_spot() => {
                let mut it = new(&[Kind::SetPositionMode]);
                it.position_mode = Some(match params.integer("mode")? {
                    0 => PositionMode::OneWay,
                    3 => PositionMode::Hedge,
                    other => return Err(format!("no such mode: {other}")),
                });
                if let Some(coin) = params.maybe("coin") {
                    return Err(format!("switches every symbol of {coin}"));
                }
                it
            }
            (Method::Get, "/v5/market/instruments-info") => {
                if params.maybe_integer("limit")?.is_some_and(|limit| limit > 1_000) {
                    return Err("limit above 1000".into());
                }
                new(&[Kind::Instruments])
            }
            (Method::Get, "/v5/market/tickers") => new(&[Kind::Ticker, Kind::FundingRate]),
            (Method::Get, "/v5/market/orderbook") => {
                // Left out it is 1 on spot, 25 on futures.
                let levels = params.maybe_integer("limit")?.unwrap_or(1);
                if !(1..=1_000).contains(&levels) {
                    return Err("limit".into());
                }
                let mut it = new(&[Kind::BookTop, Kind::Depth]);
                it.levels = Some(levels as u32);
                it
            }
            (Method::Get, "/v5/market/time") => new(&[Kind::ServerTime]),
            _ => return Err(format!("no such endpoint: {method} {path}")),
        };
        self.subject(params, &mut it)?;
        let one = matches!(path, "/v5/order/amend" | "/v5/order/cancel");
        if one && (it.order.is_none() || it.symbol.is_none()) {
            return Err("symbol and orderId or orderLinkId are required".into());
        }
        Ok(it)
    }

    /// What queries and changes are about.
    fn subject(&self, params: &mut Fields, it: &mut Meaning) -> Result<(), String> {
        it.symbol = params.maybe("symbol").map(|text| Symbol::new(&text).unwrap());
        if params.maybe("settleCoin").is_some_and(|coin| coin != "USDT" || it.symbol.is_some()) {
            return Err("settleCoin".into());
        }
        let id = params.maybe_order_id("orderId")?.map(OrderRef::Id);
        it.order = id.or(params.maybe_client_order_id("orderLinkId")?.map(OrderRef::Client));
        it.since = params.maybe_integer("startTime")?.map(Timestamp::from_millis);
        it.limit = params.maybe_integer("limit")?.map(|limit| limit as u32);
        it.page = params.maybe("cursor");
        Ok(())
    }

    /// order/create-order.
    fn order(&self, params: &mut Fields) -> Result<NewOrder, String> {
        let symbol = params.symbol("symbol")?;
        let side = match params.text("side")?.as_str() {
            "Buy" => Side::Buy,
            "Sell" => Side::Sell,
            other => return Err(format!("no such side: {other}")),
        };
        let quantity = params.decimal("qty")?;
        let trigger = self.trigger(side, params)?;
        let kind = match params.text("orderType")?.as_str() {
            "Market" => {
                // A spot market buy counts in the quote asset unless told otherwise.
                let unit = params.maybe("marketUnit");
                let by_quote = match unit.as_deref() {
                    None => self.is_spot() && side == Side::Buy,
                    Some(_) if !self.is_spot() => return Err("marketUnit on futures".into()),
                    Some("baseCoin") => false,
                    Some("quoteCoin") => true,
                    Some(other) => return Err(format!("marketUnit {other}")),
                };
                match (trigger, by_quote) {
                    (None, true) => OrderKind::Market { size: Size::Quote(quantity) },
                    (None, false) => OrderKind::Market { size: Size::Base(quantity) },
                    (Some(trigger), false) => OrderKind::TriggerMarket { quantity, trigger },
                    (Some(_), true) => return Err("a trigger order by quote amount".into()),
                }
            }
            "Limit" => {
                let price = params.decimal("price")?;
                let time_in_force = match params.maybe("timeInForce").as_deref() {
                    None | Some("GTC") => TimeInForce::GoodTillCancel,
                    Some("IOC") => TimeInForce::ImmediateOrCancel,
                    Some("FOK") => TimeInForce::FillOrKill,
                    Some("PostOnly") => TimeInForce::PostOnly,
                    Some(other) => return Err(format!("no such time in force: {other}")),
                };
                match trigger {
                    None => OrderKind::Limit { quantity, price, time_in_force },
                    Some(trigger) => {
                        OrderKind::TriggerLimit { quantity, trigger, price, time_in_force }
                    }
                }
            }
            other => return Err(format!("no such type: {other}")),
        };
        let mut order = NewOrder::new(symbol, side, kind);
        order.client_order_id = params.maybe_client_order_id("orderLinkId")?;
        order.reduce_only = match params.maybe("reduceOnly").as_deref() {
            None | Some("false") => false,
            Some("true") if self.is_spot() => return Err("reduceOnly on spot".into()),
            Some("true") => true,
            Some(other) => return Err(format!("reduceOnly {other}")),
        };
        order.position_mode = Some(PositionMode::OneWay);
        order = match params.maybe("positionIdx").as_deref() {
            None | Some("0") => order,
            Some(_) if self.is_spot() => return Err("positionIdx on spot".into()),
            Some("1") => order.position_side(PositionSide::Long),
            Some("2") => order.position_side(PositionSide::Short),
            Some(other) => return Err(format!("positionIdx {other}")),
        };
        order.attached = Attached {
            take_profit: params.maybe_decimal("takeProfit")?,
            stop_loss: params.maybe_decimal("stopLoss")?,
        };
        let attached = order.attached != Attached::default();
        if attached && (order.reduce_only || (self.is_spot() && order.kind.is_market())) {
            return Err("takeProfit and stopLoss do not go with this order".into());
        }
        Ok(order)
    }

    fn trigger(&self, side: Side, params: &mut Fields) -> Result<Option<Trigger>, String> {
        let filter = params.maybe("orderFilter");
        let direction = params.maybe_integer("triggerDirection")?;
        let Some(price) = params.maybe_decimal("triggerPrice")? else {
            let plain = matches!(filter.as_deref(), None | Some("Order")) && direction.is_none();
            return if plain { Ok(None) } else { Err("a trigger without a price".into()) };
        };
        let rises = match (self.is_spot(), filter.as_deref(), direction) {
            (true, Some("StopOrder"), None) => price > self.price(),
            (false, None, Some(1)) => true,
            (false, None, Some(2)) => false,
            other => return Err(format!("not a conditional order: {other:?}")),
        };
        let kind =
            if rises == (side == Side::Buy) { TriggerKind::Stop } else { TriggerKind::TakeProfit };
        Ok(Some(Trigger { kind, price }))
    }
}
