//! Neutral operations to signed requests.
//!
//! The text is laid out as it is signed: timestamp, key, receive window, then the query of a GET or
//! the JSON body of a POST (v5 guide, "Authentication"); the headers name parts of it. The bodies are
//! in `body.rs`. Parameters go constant first.

use hoox_connector::{
    EncodeError, Market, Method, Operation, OrderClass, OrderRef, RequestBuf, Symbol, Timestamp,
    Venue, write_encoded,
};
use hoox_signer::{Encoding, Position, Span};

use crate::{Bybit, body, limits};

#[inline]
pub(crate) fn encode(
    bybit: &Bybit,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    if !limits::capabilities(bybit.market).supports(op.kind()) {
        return Err(unsupported(op.kind().as_str()));
    }
    let mut writer = Writer { bybit, buf, at };
    let path = match op {
        Operation::Place(_) => "/v5/order/create",
        Operation::PlaceBatch(_) => "/v5/order/create-batch",
        Operation::Amend(_) => "/v5/order/amend",
        Operation::Cancel { .. } => "/v5/order/cancel",
        Operation::CancelAll { .. } => "/v5/order/cancel-all",
        Operation::SetLeverage { .. } => "/v5/position/set-leverage",
        Operation::SetMarginMode { .. } => "/v5/account/set-margin-mode",
        Operation::SetPositionMode { .. } => "/v5/position/switch-mode",
        read => return writer.read(read),
    };
    let signed = writer.begin(Method::Post, path);
    body::write(bybit.market, op, writer.buf.text_mut())?;
    let body = writer.buf.since(signed.content);
    writer.buf.set_body(body);
    writer.buf.constant_header("Content-Type", "application/json");
    writer.sign(signed)
}

struct Writer<'a> {
    bybit: &'a Bybit,
    buf: &'a mut RequestBuf,
    at: Timestamp,
}

/// Where the parts of the signed text lie.
#[derive(Clone, Copy)]
struct Signed {
    start: Position,
    timestamp: Span,
    key: Span,
    window: Span,
    /// Where the query or the body begins.
    content: Position,
}

impl Writer<'_> {
    fn read(&mut self, op: &Operation<'_>) -> Result<(), EncodeError> {
        match op {
            Operation::Order { symbol, order, .. } => {
                let signed = self.begin_query("/v5/order/realtime");
                self.text("&symbol=", symbol.as_str());
                self.order_ref(order);
                self.get(signed)
            }
            Operation::OpenOrders { symbol, class, page } => {
                let signed = self.begin_query("/v5/order/realtime");
                // Without a filter all kinds are listed; decoding leaves out those that wait.
                if *class == OrderClass::Conditional {
                    self.raw("&orderFilter=StopOrder");
                }
                if let Some(size) = self.bybit.page_size {
                    self.number("&limit=", u64::from(size));
                }
                self.symbol_or_settle(symbol.as_ref());
                self.cursor(*page);
                self.get(signed)
            }
            Operation::OrderHistory { symbol, order, since, limit, page } => {
                let signed = self.begin_query("/v5/order/history");
                self.text("&symbol=", symbol.as_str());
                if let Some(order) = order {
                    self.order_ref(order);
                }
                self.since_and_limit(*since, *limit, limits::HISTORY_PAGE_MAX);
                self.cursor(*page);
                self.get(signed)
            }
            Operation::Fills { symbol, order, since, limit, page } => {
                let signed = self.begin_query("/v5/execution/list");
                self.text("&symbol=", symbol.as_str());
                if let Some(order) = order {
                    self.text("&orderId=", order.as_str());
                }
                self.since_and_limit(*since, *limit, limits::FILLS_PAGE_MAX);
                self.cursor(*page);
                self.get(signed)
            }
            Operation::Positions { symbol, page } => {
                let signed = self.begin_query("/v5/position/list");
                self.number("&limit=", u64::from(limits::POSITIONS_PAGE_MAX));
                self.symbol_or_settle(symbol.as_ref());
                self.cursor(*page);
                self.get(signed)
            }
            Operation::Balances => {
                let signed = self.begin(Method::Get, "/v5/account/wallet-balance");
                self.raw("accountType=UNIFIED");
                self.get(signed)
            }
            Operation::Instruments { symbol, page } => {
                // Spot comes whole (v5 market/instrument).
                let limit =
                    (self.bybit.market == Market::Linear).then_some(limits::INSTRUMENTS_PAGE_MAX);
                self.public("/v5/market/instruments-info", symbol.as_ref(), limit, *page)
            }
            Operation::Ticker { symbol } | Operation::FundingRate { symbol } => {
                self.public("/v5/market/tickers", Some(symbol), None, None)
            }
            Operation::BookTop { symbol } => {
                self.public("/v5/market/orderbook", Some(symbol), Some(1), None)
            }
            Operation::Depth { symbol, levels } => {
                let levels = (*levels).clamp(1, limits::DEPTH_MAX);
                self.public("/v5/market/orderbook", Some(symbol), Some(levels), None)
            }
            Operation::ServerTime => {
                self.buf.begin(Method::Get);
                let path = self.buf.push("/v5/market/time");
                self.buf.set_path(path);
                Ok(())
            }
            _ => Err(unsupported(op.kind().as_str())),
        }
    }

    fn public(
        &mut self,
        path: &'static str,
        symbol: Option<&Symbol>,
        limit: Option<u32>,
        page: Option<&str>,
    ) -> Result<(), EncodeError> {
        self.buf.begin(Method::Get);
        let path = self.buf.push(path);
        self.buf.set_path(path);
        let query = self.buf.position();
        self.query_category();
        if let Some(limit) = limit {
            self.number("&limit=", u64::from(limit));
        }
        if let Some(symbol) = symbol {
            self.text("&symbol=", symbol.as_str());
        }
        self.cursor(page);
        let query = self.buf.since(query);
        self.buf.set_query(query);
        Ok(())
    }

    /// Starts a signed request; its query or body begins where this ends.
    #[inline]
    fn begin(&mut self, method: Method, path: &'static str) -> Signed {
        let buf = &mut *self.buf;
        buf.begin(method);
        let path = buf.push(path);
        buf.set_path(path);
        let start = buf.position();
        let timestamp = buf.push_u64(self.at.as_millis());
        let key = buf.push(self.bybit.credentials.api_key());
        let window = buf.push(&self.bybit.window);
        Signed { start, timestamp, key, window, content: buf.position() }
    }

    fn begin_query(&mut self, path: &'static str) -> Signed {
        let signed = self.begin(Method::Get, path);
        self.query_category();
        signed
    }

    fn query_category(&mut self) {
        self.raw(match self.bybit.market {
            Market::Spot => "category=spot",
            _ => "category=linear",
        });
    }

    /// Linear lists need a symbol or the coin they settle in.
    fn symbol_or_settle(&mut self, symbol: Option<&Symbol>) {
        match symbol {
            Some(symbol) => self.text("&symbol=", symbol.as_str()),
            None if self.bybit.market == Market::Spot => {}
            None => self.raw("&settleCoin=USDT"),
        }
    }

    fn order_ref(&mut self, order: &OrderRef) {
        match order {
            OrderRef::Id(id) => self.text("&orderId=", id.as_str()),
            OrderRef::Client(id) => self.text("&orderLinkId=", id.as_str()),
        }
    }

    /// A cursor is sent back as it came, which is percent-encoded already (v5 order/order-list); what
    /// of it is not, is encoded.
    fn cursor(&mut self, page: Option<&str>) {
        let Some(page) = page else { return };
        let out = self.buf.text_mut();
        out.push_str("&cursor=");
        let mut rest = page;
        while let Some((plain, tail)) = rest.split_once('%') {
            write_encoded(out, plain);
            let hex = tail.get(..2).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
            out.push_str(if hex.is_some() { "%" } else { "%25" });
            rest = tail;
        }
        write_encoded(out, rest);
    }

    fn since_and_limit(&mut self, since: Option<Timestamp>, limit: Option<u32>, max: u32) {
        if let Some(since) = since {
            self.number("&startTime=", since.as_millis());
        }
        if let Some(limit) = limit {
            self.number("&limit=", u64::from(limit.clamp(1, max)));
        }
    }

    fn get(&mut self, signed: Signed) -> Result<(), EncodeError> {
        let query = self.buf.since(signed.content);
        self.buf.set_query(query);
        self.sign(signed)
    }

    #[inline]
    fn sign(&mut self, signed: Signed) -> Result<(), EncodeError> {
        let key = self.bybit.credentials.key();
        if key.is_ed25519() {
            return Err(unsupported("Ed25519 keys"));
        }
        let buf = &mut *self.buf;
        let payload = buf.since(signed.start);
        let signature = buf.sign(key, payload, Encoding::Plain)?;
        buf.header("X-BAPI-API-KEY", signed.key);
        buf.header("X-BAPI-TIMESTAMP", signed.timestamp);
        buf.header("X-BAPI-RECV-WINDOW", signed.window);
        buf.header("X-BAPI-SIGN", signature);
        Ok(())
    }

    #[inline]
    fn raw(&mut self, text: &str) {
        self.buf.push(text);
    }

    /// A query parameter.
    #[inline]
    fn text(&mut self, name: &str, value: &str) {
        let out = self.buf.text_mut();
        out.push_str(name);
        write_encoded(out, value);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.buf.push(name);
        self.buf.push_u64(value);
    }
}

pub(crate) const fn unsupported(operation: &'static str) -> EncodeError {
    EncodeError::NotSupported { venue: Venue::Bybit, operation }
}
