//! Neutral operations to signed requests.
//!
//! Reads and cancels carry their parameters in the query, everything else in a form body. Parameters
//! whose order is free go constant first, the signature last (spot rest-api.md, "Endpoint security").

mod linear;
mod spot;

use hoox_connector::{
    ClientOrderId, Decimal, EncodeError, MarginMode, Market, Method, NewOrder, Operation,
    OrderClass, OrderRef, PositionMode, RequestBuf, Side, Symbol, Timestamp, Venue, write_decimal,
    write_encoded,
};
use hoox_signer::{Encoding, Position};

use crate::Binance;

#[inline]
pub(crate) fn encode(
    binance: &Binance,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    write(Writer { binance, buf, at, signed: true }, op)
}

/// The request for `op` without its signature and without the key: all parameters are in the query.
pub(crate) fn encode_unsigned(
    binance: &Binance,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    write(Writer { binance, buf, at, signed: false }, op)
}

fn write(mut writer: Writer<'_>, op: &Operation<'_>) -> Result<(), EncodeError> {
    use Market::{Linear, Spot};
    let market = writer.binance.market;
    if !crate::limits::capabilities(market).supports(op.kind()) {
        return Err(unsupported(op.kind().as_str()));
    }
    match op {
        Operation::Place(order) => writer.place(order.order()),
        Operation::PlaceBatch(orders) => writer.place_batch(orders),
        Operation::Amend(amendment) => writer.amend(amendment),
        Operation::Cancel { symbol, order, class } => {
            let params = writer.begin(Method::Delete, order_path(market, *class));
            writer.order_ref(symbol, order, *class);
            writer.sign(params, Place::Query)
        }
        Operation::CancelAll { symbol, class } => {
            let path = match (market, class) {
                (Spot, _) => "/api/v3/openOrders",
                (Linear, OrderClass::Plain) => "/fapi/v1/allOpenOrders",
                (Linear, OrderClass::Conditional) => "/fapi/v1/algoOpenOrders",
                _ => return Err(unsupported("this market")),
            };
            let params = writer.begin(Method::Delete, path);
            let symbol = symbol.as_ref().ok_or(EncodeError::Missing("symbol"))?;
            writer.text("symbol=", symbol.as_str());
            writer.sign(params, Place::Query)
        }
        Operation::Order { symbol, order, class } => {
            let params = writer.begin(Method::Get, order_path(market, *class));
            writer.order_ref(symbol, order, *class);
            writer.sign(params, Place::Query)
        }
        Operation::OpenOrders { symbol, class, page } => {
            whole(*page)?;
            let path = match (market, class) {
                (Spot, _) => "/api/v3/openOrders",
                (Linear, OrderClass::Plain) => "/fapi/v1/openOrders",
                (Linear, OrderClass::Conditional) => "/fapi/v1/openAlgoOrders",
                _ => return Err(unsupported("this market")),
            };
            let params = writer.begin(Method::Get, path);
            writer.symbol(symbol.as_ref());
            writer.sign(params, Place::Query)
        }
        // A closed order is read by its ids, wherever it is.
        Operation::OrderHistory { order: Some(_), .. } => Err(unsupported("history of one order")),
        Operation::OrderHistory { symbol, since, limit, page, .. } => {
            let params =
                writer.begin(Method::Get, pick(market, "/api/v3/allOrders", "/fapi/v1/allOrders"));
            writer.text("symbol=", symbol.as_str());
            writer.bounds("&orderId=", *page, *since, *limit)?;
            writer.sign(params, Place::Query)
        }
        Operation::Fills { symbol, order, since, limit, page } => {
            let params =
                writer.begin(Method::Get, pick(market, "/api/v3/myTrades", "/fapi/v1/userTrades"));
            writer.text("symbol=", symbol.as_str());
            if let Some(order) = order {
                writer.text("&orderId=", order.as_str());
            }
            writer.bounds("&fromId=", *page, *since, *limit)?;
            writer.sign(params, Place::Query)
        }
        // Answers for the whole account in one weight, so the symbol is left to the caller.
        Operation::Positions { page, .. } => {
            whole(*page)?;
            let params = writer.begin(Method::Get, "/fapi/v3/positionRisk");
            writer.sign(params, Place::Query)
        }
        Operation::Balances => {
            let params =
                writer.begin(Method::Get, pick(market, "/api/v3/account", "/fapi/v3/account"));
            writer.sign(params, Place::Query)
        }
        Operation::SetLeverage { symbol, leverage, .. } => {
            let params = writer.begin(Method::Post, "/fapi/v1/leverage");
            writer.text("symbol=", symbol.as_str());
            writer.number("&leverage=", u64::from(*leverage));
            writer.sign(params, Place::Body)
        }
        Operation::SetMarginMode { symbol, mode } => {
            let params = writer.begin(Method::Post, "/fapi/v1/marginType");
            writer.text("symbol=", symbol.as_str());
            writer.raw(match mode {
                MarginMode::Isolated => "&marginType=ISOLATED",
                MarginMode::Cross => "&marginType=CROSSED",
            });
            writer.sign(params, Place::Body)
        }
        Operation::SetPositionMode { mode, .. } => {
            let params = writer.begin(Method::Post, "/fapi/v1/positionSide/dual");
            writer.raw(match mode {
                PositionMode::Hedge => "dualSidePosition=true",
                PositionMode::OneWay => "dualSidePosition=false",
            });
            writer.sign(params, Place::Body)
        }
        Operation::Instruments { symbol, page } => {
            whole(*page)?;
            let path = pick(market, "/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo");
            // The futures list knows no symbol filter.
            writer.public(path, symbol.as_ref().filter(|_| market == Spot))
        }
        Operation::Ticker { symbol } => {
            // Only the premium index tells the mark price; the last price has a path of its own.
            let path = pick(market, "/api/v3/ticker/price", "/fapi/v1/premiumIndex");
            writer.public(path, Some(symbol))
        }
        Operation::BookTop { symbol } => {
            let path = pick(market, "/api/v3/ticker/bookTicker", "/fapi/v1/ticker/bookTicker");
            writer.public(path, Some(symbol))
        }
        Operation::Depth { symbol, levels } => {
            let query = writer.begin(Method::Get, pick(market, "/api/v3/depth", "/fapi/v1/depth"));
            writer.text("symbol=", symbol.as_str());
            writer.number("&limit=", u64::from(crate::limits::depth_levels(market, *levels)));
            let query = writer.buf.since(query);
            writer.buf.set_query(query);
            Ok(())
        }
        Operation::FundingRate { symbol } => writer.public("/fapi/v1/premiumIndex", Some(symbol)),
        Operation::ServerTime => writer.public(pick(market, "/api/v3/time", "/fapi/v1/time"), None),
        Operation::CreateListenKey => writer.listen_key(Method::Post),
        // One key per account, so that the key itself is not repeated (linear, "Keepalive User Data
        // Stream").
        Operation::ExtendListenKey { .. } => writer.listen_key(Method::Put),
        Operation::CloseListenKey { .. } => writer.listen_key(Method::Delete),
        _ => Err(unsupported(op.kind().as_str())),
    }
}

/// Where the parameters go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Body,
}

struct Writer<'a> {
    binance: &'a Binance,
    buf: &'a mut RequestBuf,
    at: Timestamp,
    /// Whether the request is to be sent, rather than read for its parameters.
    signed: bool,
}

impl Writer<'_> {
    fn place(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        if order.attached.take_profit.is_some() || order.attached.stop_loss.is_some() {
            return Err(unsupported("attached take-profit and stop-loss"));
        }
        match self.binance.market {
            Market::Spot if cfg!(feature = "spot") => self.place_spot(order),
            _ if order.kind.is_conditional() => self.place_algo(order),
            _ => self.place_linear(order),
        }
    }

    fn public(&mut self, path: &'static str, symbol: Option<&Symbol>) -> Result<(), EncodeError> {
        let query = self.begin(Method::Get, path);
        self.symbol(symbol);
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

    #[inline]
    fn head(&mut self, order: &NewOrder) {
        self.raw("symbol=");
        if order.symbol.is_plain() {
            self.raw(order.symbol.as_str());
        } else {
            write_encoded(self.buf.text_mut(), order.symbol.as_str());
        }
        // A call for each arm: of a constant length, the copy is a few stores.
        match order.side {
            Side::Buy => self.raw("&side=BUY"),
            Side::Sell => self.raw("&side=SELL"),
        }
    }

    fn order_ref(&mut self, symbol: &Symbol, order: &OrderRef, class: OrderClass) {
        let algo = self.binance.market == Market::Linear && class == OrderClass::Conditional;
        match (order, algo) {
            // Algo orders are known by their ids alone.
            (OrderRef::Id(id), true) => self.text("algoId=", id.as_str()),
            (OrderRef::Client(id), true) => self.text("clientAlgoId=", id.as_str()),
            (OrderRef::Id(id), false) => {
                self.text("symbol=", symbol.as_str());
                self.text("&orderId=", id.as_str());
            }
            (OrderRef::Client(id), false) => {
                self.text("symbol=", symbol.as_str());
                self.text("&origClientOrderId=", id.as_str());
            }
        }
    }

    fn symbol(&mut self, symbol: Option<&Symbol>) {
        if let Some(symbol) = symbol {
            self.text("symbol=", symbol.as_str());
        }
    }

    /// Where a list begins, by number or by time, and how long it is. A number is the first that is
    /// listed; futures refuse it together with a time (linear, "Account Trade List").
    fn bounds(
        &mut self,
        id_name: &'static str,
        page: Option<&str>,
        since: Option<Timestamp>,
        limit: Option<u32>,
    ) -> Result<(), EncodeError> {
        match (page, since) {
            (Some(page), _) => {
                let (field, problem) = ("page", "not a number");
                let id = page.parse().map_err(|_| EncodeError::Invalid { field, problem })?;
                self.number(id_name, id);
            }
            (None, Some(since)) => self.number("&startTime=", since.as_millis()),
            (None, None) => {}
        }
        if let Some(limit) = limit {
            self.number("&limit=", u64::from(limit.clamp(1, crate::limits::PAGE_MAX)));
        }
        Ok(())
    }

    #[inline]
    fn client_id(&mut self, name: &str, id: &ClientOrderId) -> Result<(), EncodeError> {
        check_client_id(id)?;
        if id.is_plain() {
            self.raw(name);
            self.raw(id.as_str());
        } else {
            self.text(name, id.as_str());
        }
        Ok(())
    }

    /// Timestamp, signature and the key's header.
    #[inline]
    fn sign(&mut self, params: Position, place: Place) -> Result<(), EncodeError> {
        let buf = &mut *self.buf;
        let window = self.binance.window_and_timestamp.as_str();
        let first = buf.text(buf.since(params)).is_empty();
        buf.push(if first { window.get(1..).unwrap_or(window) } else { window });
        buf.push_u64(self.at.as_millis());
        let payload = buf.since(params);
        if !self.signed {
            buf.set_query(payload);
            return Ok(());
        }
        buf.push("&signature=");
        buf.sign(self.binance.credentials.key(), payload, Encoding::Url)?;
        let signed = buf.since(params);
        match place {
            Place::Query => buf.set_query(signed),
            Place::Body => {
                buf.set_body(signed);
                buf.constant_header("Content-Type", "application/x-www-form-urlencoded");
            }
        }
        let key = buf.push(self.binance.credentials.api_key());
        buf.header("X-MBX-APIKEY", key);
        Ok(())
    }

    #[inline]
    fn raw(&mut self, text: &str) {
        self.buf.push(text);
    }

    #[inline]
    fn text(&mut self, name: &str, value: &str) {
        let out = self.buf.text_mut();
        out.push_str(name);
        write_encoded(out, value);
    }

    #[inline]
    fn decimal(&mut self, name: &str, value: Decimal) {
        let out = self.buf.text_mut();
        out.push_str(name);
        write_decimal(out, value);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.buf.push(name);
        self.buf.push_u64(value);
    }
}

/// linear, "New Order": `^[.A-Z:/a-z0-9_-]{1,36}$`, which spot takes too.
#[inline]
pub(crate) fn check_client_id(id: &ClientOrderId) -> Result<(), EncodeError> {
    let (field, text) = ("client_order_id", id.as_str());
    if text.len() > 36 {
        return Err(EncodeError::Invalid { field, problem: "longer than 36 characters" });
    }
    if !id.is_plain() && text.contains(['~', '@', '#']) {
        return Err(EncodeError::Invalid { field, problem: "holds one of ~ @ #" });
    }
    Ok(())
}

/// The lists that come whole.
fn whole(page: Option<&str>) -> Result<(), EncodeError> {
    match page {
        None => Ok(()),
        Some(_) => Err(EncodeError::Invalid { field: "page", problem: "the list has one page" }),
    }
}

fn pick(market: Market, spot: &'static str, linear: &'static str) -> &'static str {
    match market {
        Market::Spot => spot,
        _ => linear,
    }
}

fn order_path(market: Market, class: OrderClass) -> &'static str {
    match (market, class) {
        (Market::Spot, _) => "/api/v3/order",
        (_, OrderClass::Plain) => "/fapi/v1/order",
        (_, OrderClass::Conditional) => "/fapi/v1/algoOrder",
    }
}

pub(crate) const fn unsupported(operation: &'static str) -> EncodeError {
    EncodeError::NotSupported { venue: Venue::Binance, operation }
}
