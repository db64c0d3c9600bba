//! Spot v3: every parameter in the query, signed as `query + body` with an empty body. Parameters
//! whose order is free go constant first, the signature last (spot, "SIGNED").

use hoox_connector::{
    Decimal, EncodeError, Method, NewOrder, Operation, OrderKind, OrderRef, PreparedOrder,
    RequestBuf, Side, Size, Symbol, TimeInForce, Timestamp, write_encoded,
};
use hoox_signer::{Encoding, Position};

use super::{check_batch, decimal, hmac_key, number, portable, text, unsupported, whole};
use crate::{Mexc, limits};

/// The most rows of `allOrders` and of `myTrades`.
const HISTORY_MAX: u32 = 1_000;
const FILLS_MAX: u32 = 100;

/// The fewest and the most levels of a book.
const DEPTH_MIN: u32 = 100;
const DEPTH_MAX: u32 = 5_000;

#[inline]
pub(super) fn encode(
    mexc: &Mexc,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    let mut writer = Writer { mexc, buf, at };
    match op {
        Operation::Place(order) => writer.place(order.order()),
        Operation::PlaceBatch(orders) => writer.place_batch(orders),
        Operation::Cancel { symbol, order, .. } => {
            let params = writer.begin(Method::Delete, "/api/v3/order");
            writer.order_ref(symbol, order);
            writer.sign(params, Method::Delete)
        }
        Operation::CancelAll { symbol, .. } => {
            let symbol = symbol.as_ref().ok_or(EncodeError::Missing("symbol"))?;
            // Up to five symbols, separated by commas, are one request: a comma in a name would be
            // more orders than meant.
            if symbol.as_str().contains(',') {
                return Err(EncodeError::Invalid { field: "symbol", problem: "holds a comma" });
            }
            let params = writer.begin(Method::Delete, "/api/v3/openOrders");
            text(writer.buf, "symbol=", symbol.as_str());
            writer.sign(params, Method::Delete)
        }
        Operation::Order { symbol, order, .. } => {
            let params = writer.begin(Method::Get, "/api/v3/order");
            writer.order_ref(symbol, order);
            writer.sign(params, Method::Get)
        }
        Operation::OpenOrders { symbol, page, .. } => {
            whole(*page)?;
            let symbol = symbol.as_ref().ok_or(EncodeError::Missing("symbol"))?;
            let params = writer.begin(Method::Get, "/api/v3/openOrders");
            text(writer.buf, "symbol=", symbol.as_str());
            writer.sign(params, Method::Get)
        }
        // A closed order is read by its ids, wherever it is.
        Operation::OrderHistory { order: Some(_), .. } => Err(unsupported("history of one order")),
        // spot, "All Orders" and "Account Trade List": bounded by time alone, in no documented order,
        // so that there is no saying where a page goes on.
        Operation::OrderHistory { symbol, since, limit, page, .. } => {
            whole(*page)?;
            let params = writer.begin(Method::Get, "/api/v3/allOrders");
            text(writer.buf, "symbol=", symbol.as_str());
            writer.since_and_limit(*since, *limit, HISTORY_MAX);
            writer.sign(params, Method::Get)
        }
        Operation::Fills { symbol, order, since, limit, page } => {
            whole(*page)?;
            let params = writer.begin(Method::Get, "/api/v3/myTrades");
            text(writer.buf, "symbol=", symbol.as_str());
            if let Some(order) = order {
                text(writer.buf, "&orderId=", order.as_str());
            }
            writer.since_and_limit(*since, *limit, FILLS_MAX);
            writer.sign(params, Method::Get)
        }
        Operation::Balances => {
            let params = writer.begin(Method::Get, "/api/v3/account");
            writer.sign(params, Method::Get)
        }
        Operation::Instruments { symbol, page } => {
            whole(*page)?;
            writer.public("/api/v3/exchangeInfo", symbol.as_ref())
        }
        Operation::Ticker { symbol } => writer.public("/api/v3/ticker/price", Some(symbol)),
        Operation::BookTop { symbol } => writer.public("/api/v3/ticker/bookTicker", Some(symbol)),
        Operation::Depth { symbol, levels } => {
            let query = writer.begin(Method::Get, "/api/v3/depth");
            text(writer.buf, "symbol=", symbol.as_str());
            number(writer.buf, "&limit=", u64::from((*levels).clamp(DEPTH_MIN, DEPTH_MAX)));
            let query = writer.buf.since(query);
            writer.buf.set_query(query);
            Ok(())
        }
        Operation::ServerTime => writer.public("/api/v3/time", None),
        Operation::CreateListenKey => writer.listen_key(Method::Post, None),
        Operation::ExtendListenKey { key } => writer.listen_key(Method::Put, Some(key)),
        Operation::CloseListenKey { key } => writer.listen_key(Method::Delete, Some(key)),
        _ => Err(unsupported(op.kind().as_str())),
    }
}

/// An order's type and amounts, as one order, a batch and a template all write them.
pub(crate) struct Terms {
    pub(crate) kind: &'static str,
    /// The quantity's name: of the base asset, or for a market buy of the quote asset.
    pub(crate) quantity_name: &'static str,
    pub(crate) quantity: Decimal,
    pub(crate) price: Option<Decimal>,
}

impl Terms {
    /// spot, "New Order": IOC and FOK are types, there is no time in force; a market buy names what
    /// to spend, a market sale what to sell.
    #[inline]
    pub(crate) fn of(order: &NewOrder) -> Result<Self, EncodeError> {
        if order.reduce_only {
            return Err(unsupported("reduce-only on spot"));
        }
        if order.position_side.is_some() {
            return Err(unsupported("position sides on spot"));
        }
        if order.attached.take_profit.is_some() || order.attached.stop_loss.is_some() {
            return Err(unsupported("attached take-profit and stop-loss on spot"));
        }
        let market = |quantity_name, quantity| {
            Ok(Self { kind: "MARKET", quantity_name, quantity, price: None })
        };
        match (&order.kind, order.side) {
            (OrderKind::Limit { quantity, price, time_in_force }, _) => Ok(Self {
                kind: match time_in_force {
                    TimeInForce::GoodTillCancel => "LIMIT",
                    TimeInForce::ImmediateOrCancel => "IMMEDIATE_OR_CANCEL",
                    TimeInForce::FillOrKill => "FILL_OR_KILL",
                    TimeInForce::PostOnly => "LIMIT_MAKER",
                },
                quantity_name: "quantity",
                quantity: *quantity,
                price: Some(*price),
            }),
            (OrderKind::Market { size: Size::Quote(amount) }, Side::Buy) => {
                market("quoteOrderQty", *amount)
            }
            (OrderKind::Market { size: Size::Base(quantity) }, Side::Sell) => {
                market("quantity", *quantity)
            }
            (OrderKind::Market { size: Size::Base(_) }, Side::Buy) => {
                Err(unsupported("market buys by base quantity on spot"))
            }
            (OrderKind::Market { size: Size::Quote(_) }, Side::Sell) => {
                Err(unsupported("market sales by quote amount on spot"))
            }
            _ => Err(unsupported("this kind of order on spot")),
        }
    }
}

struct Writer<'a> {
    mexc: &'a Mexc,
    buf: &'a mut RequestBuf,
    at: Timestamp,
}

impl Writer<'_> {
    fn place(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let terms = Terms::of(order)?;
        let params = self.begin(Method::Post, "/api/v3/order");
        self.symbol(&order.symbol);
        // A call for each arm: of a constant length, the copy is a few stores.
        match order.side {
            Side::Buy => self.buf.push("&side=BUY&type="),
            Side::Sell => self.buf.push("&side=SELL&type="),
        };
        self.buf.push(terms.kind);
        self.buf.push("&");
        self.buf.push(terms.quantity_name);
        decimal(self.buf, "=", terms.quantity);
        if let Some(price) = terms.price {
            decimal(self.buf, "&price=", price);
        }
        if let Some(id) = &order.client_order_id {
            self.buf.push("&newClientOrderId=");
            self.buf.push(portable(id)?);
        }
        self.sign(params, Method::Post)
    }

    /// spot, "Batch Orders": a JSON list, percent-encoded as the value of one parameter; one symbol.
    fn place_batch(&mut self, orders: &[PreparedOrder]) -> Result<(), EncodeError> {
        check_batch(orders, limits::capabilities(self.mexc.market).batch_max)?;
        let mut symbols = orders.iter().map(|order| order.order().symbol);
        let first = symbols.next();
        if symbols.any(|symbol| Some(symbol) != first) {
            return Err(EncodeError::Invalid { field: "orders", problem: "of several symbols" });
        }
        let params = self.begin(Method::Post, "/api/v3/batchOrders");
        self.buf.push("batchOrders=%5B");
        for (index, order) in orders.iter().map(PreparedOrder::order).enumerate() {
            let terms = Terms::of(order)?;
            self.buf.push(if index == 0 { "%7B" } else { "%2C%7B" });
            self.json_text("symbol", json_plain(order.symbol.as_str())?);
            self.buf.push("%2C");
            self.json_text("side", if order.side == Side::Buy { "BUY" } else { "SELL" });
            self.buf.push("%2C");
            self.json_text("type", terms.kind);
            self.buf.push("%2C%22");
            self.buf.push(terms.quantity_name);
            decimal(self.buf, "%22%3A%22", terms.quantity);
            self.buf.push("%22");
            if let Some(price) = terms.price {
                decimal(self.buf, "%2C%22price%22%3A%22", price);
                self.buf.push("%22");
            }
            if let Some(id) = &order.client_order_id {
                self.buf.push("%2C");
                self.json_text("newClientOrderId", portable(id)?);
            }
            self.buf.push("%7D");
        }
        self.buf.push("%5D");
        self.sign(params, Method::Post)
    }

    /// `"name":"value"`, percent-encoded.
    fn json_text(&mut self, name: &str, value: &str) {
        self.buf.push("%22");
        self.buf.push(name);
        text(self.buf, "%22%3A%22", value);
        self.buf.push("%22");
    }

    #[inline]
    fn symbol(&mut self, symbol: &Symbol) {
        self.buf.push("symbol=");
        if symbol.is_plain() {
            self.buf.push(symbol.as_str());
        } else {
            write_encoded(self.buf.text_mut(), symbol.as_str());
        }
    }

    fn order_ref(&mut self, symbol: &Symbol, order: &OrderRef) {
        self.symbol(symbol);
        match order {
            OrderRef::Id(id) => text(self.buf, "&orderId=", id.as_str()),
            OrderRef::Client(id) => text(self.buf, "&origClientOrderId=", id.as_str()),
        }
    }

    fn since_and_limit(&mut self, since: Option<Timestamp>, limit: Option<u32>, max: u32) {
        if let Some(since) = since {
            number(self.buf, "&startTime=", since.as_millis());
        }
        if let Some(limit) = limit {
            number(self.buf, "&limit=", u64::from(limit.clamp(1, max)));
        }
    }

    /// spot, "Listen Key".
    fn listen_key(&mut self, method: Method, key: Option<&str>) -> Result<(), EncodeError> {
        let params = self.begin(method, "/api/v3/userDataStream");
        if let Some(key) = key {
            text(self.buf, "listenKey=", key);
        }
        self.sign(params, method)
    }

    fn public(&mut self, path: &'static str, symbol: Option<&Symbol>) -> Result<(), EncodeError> {
        let query = self.begin(Method::Get, path);
        if let Some(symbol) = symbol {
            text(self.buf, "symbol=", symbol.as_str());
        }
        let query = self.buf.since(query);
        self.buf.set_query(query);
        Ok(())
    }

    /// Starts a request; the parameters begin where it returns.
    #[inline]
    fn begin(&mut self, method: Method, path: &'static str) -> Position {
        self.buf.begin(method);
        let path = self.buf.push(path);
        self.buf.set_path(path);
        self.buf.position()
    }

    /// Receive window, timestamp, signature and the key's header.
    #[inline]
    fn sign(&mut self, params: Position, method: Method) -> Result<(), EncodeError> {
        let key = hmac_key(self.mexc)?;
        let buf = &mut *self.buf;
        let window = self.mexc.window_and_timestamp.as_str();
        let first = buf.text(buf.since(params)).is_empty();
        buf.push(if first { window.get(1..).unwrap_or(window) } else { window });
        buf.push_u64(self.at.as_millis());
        let payload = buf.since(params);
        buf.push("&signature=");
        buf.sign(key, payload, Encoding::Plain)?;
        let signed = buf.since(params);
        buf.set_query(signed);
        if method != Method::Get {
            buf.constant_header("Content-Type", "application/json");
        }
        let key = buf.push(self.mexc.credentials.api_key());
        buf.header("X-MEXC-APIKEY", key);
        Ok(())
    }
}

/// A text that needs no JSON escape.
fn json_plain(value: &str) -> Result<&str, EncodeError> {
    if value.contains(['"', '\\']) {
        return Err(EncodeError::Invalid {
            field: "symbol",
            problem: "holds a quote or backslash",
        });
    }
    Ok(value)
}
