//! Futures: `key + time + parameters` is signed, where the parameters are the sorted query of a GET or
//! the JSON body of a POST (futures, "Authentication Method"). The text of a request is laid out in
//! that order, so that the headers are spans of what is signed.

mod place;

use hoox_connector::{
    EncodeError, MarginMode, Method, Operation, OrderClass, OrderId, OrderRef, PositionMode,
    PositionSide, RequestBuf, Symbol, Timestamp, json, write_encoded,
};
use hoox_signer::{Encoding, Position};

use super::{Place, hmac_key, number, portable, unsupported, whole};
use crate::instruments::WireSymbol;
use crate::{Mexc, limits};

/// UNVERIFIED: the documentation gives the body as one object, the official client as a list of one.
const CANCEL_CLIENT_PATH: &str = "/api/v1/private/order/cancel_with_external";

/// The most levels of a book. UNVERIFIED: futures, "Get the contract's depth information" names none.
const DEPTH_MAX: u32 = 1_000;

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

const fn open_type(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Isolated => ",\"openType\":1",
        MarginMode::Cross => ",\"openType\":2",
    }
}

/// A futures order id is a number; as such it stands in a path and in JSON as it is.
fn digits(id: &OrderId) -> Result<&str, EncodeError> {
    if id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id.as_str());
    }
    Err(EncodeError::Invalid { field: "order_id", problem: "not a number" })
}
