//! Futures: `key + time + parameters` is signed, where the parameters are the sorted query of a GET or
//! the JSON body of a POST (futures, "Authentication Method"). The text of a request is laid out in
//! that order, so that the headers are spans of what is signed.

use hoox_connector::{
    EncodeError, MarginMode, Method, NewOrder, Operation, OrderClass, OrderId, OrderKind, OrderRef,
    PositionMode, PositionSide, PreparedOrder, RequestBuf, Side, Size, Symbol, TimeInForce,
    Timestamp, Trigger, TriggerKind, json, write_encoded,
};
use hoox_signer::{Encoding, Position};

use super::{Place, check_batch, decimal, hmac_key, number, portable, unsupported, whole};
use crate::instruments::WireSymbol;
use crate::{Mexc, limits};

/// Placing. The documentation of 2025 has `/order/submit`, "under maintenance"; live answers of 2026
/// come from this one.
const PLACE_PATH: &str = "/api/v1/private/order/create";

/// UNVERIFIED: the documentation gives the body as one object, the official client as a list of one.
const CANCEL_CLIENT_PATH: &str = "/api/v1/private/order/cancel_with_external";

/// The most levels of a book. UNVERIFIED: futures, "Get the contract's depth information" names none.
const DEPTH_MAX: u32 = 1_000;

/// The client order id of an order, and of a plan order. UNVERIFIED for the latter: the documentation
/// lists none there; ccxt 4.5.84 sends it under the same name.
const CLIENT_ID: &str = ",\"externalOid\":\"";
const PLAN_CLIENT_ID: &str = CLIENT_ID;

/// How long a plan order waits: 2 is 7 days, the longest there is.
const EXECUTE_CYCLE: &str = ",\"executeCycle\":2";

/// What a plan order's trigger price is compared with: 1 is the last price.
const TREND: &str = ",\"trend\":1";

#[inline]
pub(super) fn encode(
    mexc: &Mexc,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    let mut writer = Writer { mexc, buf, at };
    match op {
        Operation::Place(order) if order.order().kind.is_conditional() => {
            writer.place_plan(order.order())
        }
        Operation::Place(order) => writer.place(order.order()),
        Operation::PlaceBatch(orders) => writer.place_batch(orders),
        Operation::Cancel { symbol, order, class } => writer.cancel(symbol, order, *class),
        Operation::CancelAll { symbol, class } => {
            let signed = writer.begin(
                Method::Post,
                match class {
                    OrderClass::Plain => "/api/v1/private/order/cancel_all",
                    OrderClass::Conditional => "/api/v1/private/planorder/cancel_all",
                },
            );
            writer.buf.push("{");
            if let Some(symbol) = symbol {
                writer.symbol(symbol)?;
            }
            writer.buf.push("}");
            writer.sign(signed, Place::Body)
        }
        Operation::Order { symbol, order, .. } => {
            let signed = match order {
                OrderRef::Id(id) => {
                    writer.begin_with(Method::Get, "/api/v1/private/order/get/", digits(id)?)
                }
                OrderRef::Client(id) => {
                    let (symbol, id) = (writer.wire(symbol)?, portable(id)?);
                    writer.buf.begin(Method::Get);
                    let path = writer.buf.position();
                    writer.buf.push("/api/v1/private/order/external/");
                    symbol.write(writer.buf.text_mut(), write_encoded);
                    writer.buf.push("/");
                    writer.buf.push(id);
                    writer.open(path)
                }
            };
            writer.sign(signed, Place::Query)
        }
        Operation::OpenOrders { symbol, page, .. } => {
            let symbol = symbol.as_ref().map(|symbol| writer.wire(symbol)).transpose()?;
            writer.buf.begin(Method::Get);
            let path = writer.buf.position();
            writer.buf.push("/api/v1/private/order/list/open_orders");
            if let Some(symbol) = symbol {
                writer.buf.push("/");
                symbol.write(writer.buf.text_mut(), write_encoded);
            }
            let signed = writer.open(path);
            writer.page_number(*page)?;
            number(writer.buf, "page_size=", u64::from(limits::PAGE_MAX));
            writer.sign(signed, Place::Query)
        }
        // A closed order is read by its ids, wherever it is.
        Operation::OrderHistory { order: Some(_), .. } => Err(unsupported("history of one order")),
        Operation::OrderHistory { symbol, since, limit, page, .. } => {
            let signed = writer.begin(Method::Get, "/api/v1/private/order/list/history_orders");
            writer.page(symbol, *since, *limit, *page)?;
            writer.sign(signed, Place::Query)
        }
        Operation::Fills { order: Some(order), page, .. } => {
            whole(*page)?;
            let path = "/api/v1/private/order/deal_details/";
            let signed = writer.begin_with(Method::Get, path, digits(order)?);
            writer.sign(signed, Place::Query)
        }
        Operation::Fills { symbol, since, limit, page, .. } => {
            let signed = writer.begin(Method::Get, "/api/v1/private/order/list/order_deals");
            writer.page(symbol, *since, *limit, *page)?;
            writer.sign(signed, Place::Query)
        }
        // Answers for the whole account, so the symbol is left to the caller.
        Operation::Positions { page, .. } => {
            whole(*page)?;
            let signed = writer.begin(Method::Get, "/api/v1/private/position/open_positions");
            writer.sign(signed, Place::Query)
        }
        Operation::Balances => {
            let signed = writer.begin(Method::Get, "/api/v1/private/account/assets");
            writer.sign(signed, Place::Query)
        }
        Operation::SetLeverage { symbol, leverage, margin_mode, position_side } => {
            let margin_mode = margin_mode.ok_or(EncodeError::Missing("margin_mode"))?;
            let position_side = position_side.ok_or(EncodeError::Missing("position_side"))?;
            let signed = writer.begin(Method::Post, "/api/v1/private/position/change_leverage");
            writer.buf.push("{");
            writer.symbol(symbol)?;
            writer.buf.push(open_type(margin_mode));
            writer.buf.push(match position_side {
                PositionSide::Long => ",\"positionType\":1",
                PositionSide::Short => ",\"positionType\":2",
            });
            number(writer.buf, ",\"leverage\":", u64::from(*leverage));
            writer.buf.push("}");
            writer.sign(signed, Place::Body)
        }
        Operation::SetPositionMode { mode, .. } => {
            let path = "/api/v1/private/position/change_position_mode";
            let signed = writer.begin(Method::Post, path);
            writer.buf.push(match mode {
                PositionMode::Hedge => "{\"positionMode\":1}",
                PositionMode::OneWay => "{\"positionMode\":2}",
            });
            writer.sign(signed, Place::Body)
        }
        Operation::Instruments { symbol, page } => {
            whole(*page)?;
            writer.public("/api/v1/contract/detail", symbol.as_ref())
        }
        // One endpoint tells all three; it has no sizes at the best prices.
        Operation::Ticker { symbol }
        | Operation::BookTop { symbol }
        | Operation::FundingRate { symbol } => {
            writer.public("/api/v1/contract/ticker", Some(symbol))
        }
        Operation::Depth { symbol, levels } => {
            let wire = writer.wire(symbol)?;
            writer.buf.begin(Method::Get);
            let path = writer.buf.position();
            writer.buf.push("/api/v1/contract/depth/");
            wire.write(writer.buf.text_mut(), write_encoded);
            let path = writer.buf.since(path);
            writer.buf.set_path(path);
            let query = writer.buf.position();
            number(writer.buf, "limit=", u64::from((*levels).clamp(1, DEPTH_MAX)));
            let query = writer.buf.since(query);
            writer.buf.set_query(query);
            Ok(())
        }
        Operation::ServerTime => writer.public("/api/v1/contract/ping", None),
        _ => Err(unsupported(op.kind().as_str())),
    }
}

/// Where what is signed begins, and where the parameters in it do.
#[derive(Clone, Copy)]
struct Signed {
    payload: Position,
    params: Position,
}

struct Writer<'a> {
    mexc: &'a Mexc,
    buf: &'a mut RequestBuf,
    at: Timestamp,
}

impl<'a> Writer<'a> {
    fn place(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let signed = self.begin(Method::Post, PLACE_PATH);
        self.order(order)?;
        self.sign(signed, Place::Body)
    }

    fn place_batch(&mut self, orders: &[PreparedOrder]) -> Result<(), EncodeError> {
        check_batch(orders, limits::capabilities(self.mexc.market).batch_max)?;
        let signed = self.begin(Method::Post, "/api/v1/private/order/submit_batch");
        for (index, order) in orders.iter().enumerate() {
            self.buf.push(if index == 0 { "[" } else { "," });
            self.order(order.order())?;
        }
        self.buf.push("]");
        self.sign(signed, Place::Body)
    }

    /// futures, "Order": the type says how long it stands, the side what it opens or closes.
    #[inline]
    fn order(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let (kind, quantity, price) = match &order.kind {
            OrderKind::Market { size: Size::Base(quantity) } => (",\"type\":5", *quantity, None),
            OrderKind::Limit { quantity, price, time_in_force } => {
                let kind = match time_in_force {
                    TimeInForce::GoodTillCancel => ",\"type\":1",
                    TimeInForce::PostOnly => ",\"type\":2",
                    TimeInForce::ImmediateOrCancel => ",\"type\":3",
                    TimeInForce::FillOrKill => ",\"type\":4",
                };
                (kind, *quantity, Some(*price))
            }
            OrderKind::Market { .. } => {
                return Err(unsupported("market orders by quote amount on futures"));
            }
            _ => return Err(unsupported("this kind of order")),
        };
        self.head(order, kind)?;
        decimal(self.buf, ",\"vol\":", quantity);
        if let Some(price) = price {
            decimal(self.buf, ",\"price\":", price);
        }
        if let Some(price) = order.attached.take_profit {
            decimal(self.buf, ",\"takeProfitPrice\":", price);
        }
        if let Some(price) = order.attached.stop_loss {
            decimal(self.buf, ",\"stopLossPrice\":", price);
        }
        self.client_id(CLIENT_ID, order)?;
        self.buf.push("}");
        Ok(())
    }

    /// futures, "Trigger order".
    fn place_plan(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        if order.attached.take_profit.is_some() || order.attached.stop_loss.is_some() {
            return Err(unsupported("take-profit and stop-loss attached to a trigger order"));
        }
        let (kind, quantity, trigger, price) = match &order.kind {
            OrderKind::TriggerMarket { quantity, trigger } => {
                (",\"orderType\":5", *quantity, trigger, None)
            }
            OrderKind::TriggerLimit { quantity, trigger, price, time_in_force } => {
                let kind = match time_in_force {
                    TimeInForce::GoodTillCancel => ",\"orderType\":1",
                    TimeInForce::PostOnly => ",\"orderType\":2",
                    TimeInForce::ImmediateOrCancel => ",\"orderType\":3",
                    TimeInForce::FillOrKill => ",\"orderType\":4",
                };
                (kind, *quantity, trigger, Some(*price))
            }
            _ => return Err(unsupported("trailing stops")),
        };
        let signed = self.begin(Method::Post, "/api/v1/private/planorder/place");
        self.head(order, kind)?;
        self.buf.push(trigger_type(order.side, trigger));
        self.buf.push(EXECUTE_CYCLE);
        self.buf.push(TREND);
        decimal(self.buf, ",\"vol\":", quantity);
        if let Some(price) = price {
            decimal(self.buf, ",\"price\":", price);
        }
        decimal(self.buf, ",\"triggerPrice\":", trigger.price);
        self.client_id(PLAN_CLIENT_ID, order)?;
        self.buf.push("}");
        self.sign(signed, Place::Body)
    }

    #[inline]
    fn client_id(&mut self, name: &str, order: &NewOrder) -> Result<(), EncodeError> {
        if let Some(id) = &order.client_order_id {
            self.buf.push(name);
            self.buf.push(portable(id)?);
            self.buf.push("\"");
        }
        Ok(())
    }

    /// Begins an order's object with what rarely changes.
    #[inline]
    fn head(&mut self, order: &NewOrder, kind: &'static str) -> Result<(), EncodeError> {
        let margin_mode = order.margin_mode.unwrap_or(MarginMode::Cross);
        if margin_mode == MarginMode::Isolated && order.leverage.is_none() && !order.reduce_only {
            return Err(EncodeError::Missing("leverage"));
        }
        self.buf.push("{");
        self.symbol(&order.symbol)?;
        self.buf.push(side(order)?);
        self.buf.push(kind);
        self.buf.push(open_type(margin_mode));
        if let Some(leverage) = order.leverage {
            number(self.buf, ",\"leverage\":", u64::from(leverage));
        }
        Ok(())
    }

    fn cancel(
        &mut self,
        symbol: &Symbol,
        order: &OrderRef,
        class: OrderClass,
    ) -> Result<(), EncodeError> {
        let signed = match (order, class) {
            (OrderRef::Id(id), OrderClass::Plain) => {
                let id = digits(id)?;
                let signed = self.begin(Method::Post, "/api/v1/private/order/cancel");
                self.buf.push("[\"");
                self.buf.push(id);
                self.buf.push("\"]");
                signed
            }
            (OrderRef::Client(id), OrderClass::Plain) => {
                let id = portable(id)?;
                let signed = self.begin(Method::Post, CANCEL_CLIENT_PATH);
                self.buf.push("{");
                self.symbol(symbol)?;
                self.buf.push(",\"externalOid\":\"");
                self.buf.push(id);
                self.buf.push("\"}");
                signed
            }
            (OrderRef::Id(id), OrderClass::Conditional) => {
                let id = digits(id)?;
                let signed = self.begin(Method::Post, "/api/v1/private/planorder/cancel");
                self.buf.push("[{");
                self.symbol(symbol)?;
                self.buf.push(",\"orderId\":\"");
                self.buf.push(id);
                self.buf.push("\"}]");
                signed
            }
            (OrderRef::Client(_), OrderClass::Conditional) => {
                return Err(unsupported("client order ids of trigger orders"));
            }
        };
        self.sign(signed, Place::Body)
    }

    /// `"symbol":"BTC_USDT"`.
    #[inline]
    fn symbol(&mut self, symbol: &Symbol) -> Result<(), EncodeError> {
        let wire = self.wire(symbol)?;
        self.buf.push("\"symbol\":\"");
        wire.write(self.buf.text_mut(), json::write_escaped);
        self.buf.push("\"");
        Ok(())
    }

    /// The parameters of a list, in the order of their names.
    fn page(
        &mut self,
        symbol: &Symbol,
        since: Option<Timestamp>,
        limit: Option<u32>,
        page: Option<&str>,
    ) -> Result<(), EncodeError> {
        let wire = self.wire(symbol)?;
        if !wire.is_plain() {
            // Whether the encoded or the raw value is signed differs from source to source.
            let problem = "needs encoding, which a signed query cannot have";
            return Err(EncodeError::Invalid { field: "symbol", problem });
        }
        self.page_number(page)?;
        if let Some(limit) = limit {
            number(self.buf, "page_size=", u64::from(limit.clamp(1, limits::PAGE_MAX)));
            self.buf.push("&");
        }
        if let Some(since) = since {
            number(self.buf, "start_time=", since.as_millis());
            self.buf.push("&");
        }
        self.buf.push("symbol=");
        wire.write(self.buf.text_mut(), write_encoded);
        Ok(())
    }

    /// Pages count from 1, the default.
    fn page_number(&mut self, page: Option<&str>) -> Result<(), EncodeError> {
        let Some(page) = page else { return Ok(()) };
        let (field, problem) = ("page", "not a number");
        let page = page.parse().map_err(|_| EncodeError::Invalid { field, problem })?;
        number(self.buf, "page_num=", page);
        self.buf.push("&");
        Ok(())
    }

    fn public(&mut self, path: &'static str, symbol: Option<&Symbol>) -> Result<(), EncodeError> {
        self.buf.begin(Method::Get);
        let path = self.buf.push(path);
        self.buf.set_path(path);
        if let Some(symbol) = symbol {
            let wire = self.wire(symbol)?;
            let query = self.buf.position();
            self.buf.push("symbol=");
            wire.write(self.buf.text_mut(), write_encoded);
            let query = self.buf.since(query);
            self.buf.set_query(query);
        }
        Ok(())
    }

    fn wire<'s>(&self, symbol: &'s Symbol) -> Result<WireSymbol<'s>, EncodeError>
    where
        'a: 's,
    {
        WireSymbol::new(&self.mexc.instruments, symbol)
    }

    #[inline]
    fn begin(&mut self, method: Method, path: &'static str) -> Signed {
        self.begin_with(method, path, "")
    }

    /// Starts a request whose path ends with `last`, which needs no encoding.
    #[inline]
    fn begin_with(&mut self, method: Method, path: &'static str, last: &str) -> Signed {
        self.buf.begin(method);
        let start = self.buf.position();
        self.buf.push(path);
        self.buf.push(last);
        self.open(start)
    }

    /// Ends the path and starts what is signed; the parameters follow.
    #[inline]
    fn open(&mut self, path: Position) -> Signed {
        let buf = &mut *self.buf;
        let path = buf.since(path);
        buf.set_path(path);
        let payload = buf.position();
        let key = buf.push(self.mexc.credentials.api_key());
        buf.header("ApiKey", key);
        let time = buf.push_u64(self.at.as_millis());
        buf.header("Request-Time", time);
        Signed { payload, params: buf.position() }
    }

    #[inline]
    fn sign(&mut self, signed: Signed, place: Place) -> Result<(), EncodeError> {
        let key = hmac_key(self.mexc)?;
        let buf = &mut *self.buf;
        let (payload, params) = (buf.since(signed.payload), buf.since(signed.params));
        let signature = buf.sign(key, payload, Encoding::Plain)?;
        buf.header("Signature", signature);
        buf.constant_header("Content-Type", "application/json");
        match place {
            Place::Query => buf.set_query(params),
            Place::Body => buf.set_body(params),
        }
        Ok(())
    }
}

/// futures, "Order": 1 opens long, 2 closes short, 3 opens short, 4 closes long. In one-way mode too,
/// where `reduceOnly` would be another way to say it.
fn side(order: &NewOrder) -> Result<&'static str, EncodeError> {
    let opens = match order.side {
        Side::Buy => PositionSide::Long,
        Side::Sell => PositionSide::Short,
    };
    let closes = match order.hedge_side() {
        Some(position) if position == opens && order.reduce_only => {
            return Err(EncodeError::Invalid {
                field: "reduce_only",
                problem: "the side opens the position it names",
            });
        }
        Some(position) => position != opens,
        None => order.reduce_only,
    };
    Ok(match (order.side, closes) {
        (Side::Buy, false) => ",\"side\":1",
        (Side::Buy, true) => ",\"side\":2",
        (Side::Sell, false) => ",\"side\":3",
        (Side::Sell, true) => ",\"side\":4",
    })
}

const fn open_type(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Isolated => ",\"openType\":1",
        MarginMode::Cross => ",\"openType\":2",
    }
}

/// 1 fires at or above the trigger price, 2 at or below it.
const fn trigger_type(side: Side, trigger: &Trigger) -> &'static str {
    match (side, trigger.kind) {
        (Side::Buy, TriggerKind::Stop) | (Side::Sell, TriggerKind::TakeProfit) => {
            ",\"triggerType\":1"
        }
        (Side::Sell, TriggerKind::Stop) | (Side::Buy, TriggerKind::TakeProfit) => {
            ",\"triggerType\":2"
        }
    }
}

/// A futures order id is a number; as such it stands in a path and in JSON as it is.
fn digits(id: &OrderId) -> Result<&str, EncodeError> {
    if id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id.as_str());
    }
    Err(EncodeError::Invalid { field: "order_id", problem: "not a number" })
}
