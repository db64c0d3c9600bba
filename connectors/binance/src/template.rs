//! Orders of which all but quantity, price, id and time is written and hashed beforehand.

use hoox_connector::{
    ClientOrderId, Decimal, EncodeError, Market, NewOrder, Operation, OrderKind, PreparedOrder,
    Request, RequestBuf, Size, Timestamp, write_decimal, write_encoded,
};
use hoox_signer::{HmacState, Method, SigningKey};

use crate::params::Form;
use crate::{Binance, encode};

/// The constant part of an order, written once, with the state of its HMAC: what remains to be done
/// for an order is a few numbers and the last blocks of the hash.
///
/// Made by [`Binance::template`], for the account and the receive window it was made with.
#[derive(Debug, Clone)]
pub struct OrderTemplate {
    market: Market,
    path: Box<str>,
    /// The parameters that never change, and the name of the quantity.
    constant: Box<str>,
    priced: bool,
    id_name: &'static str,
    /// The hash after the first whole blocks of `constant`, so that nothing waits in its buffer.
    state: HmacState,
    hashed: usize,
}

/// SHA-256's block, in bytes.
const BLOCK: usize = 64;

impl Binance {
    /// A template of `order`: symbol, side, kind, trigger prices and everything else but quantity,
    /// limit price and client order id, whose values in `order` are placeholders. A market order by
    /// quote amount takes its amount as the quantity.
    ///
    /// ```
    /// use hoox_binance::Binance;
    /// use hoox_connector::*;
    ///
    /// let binance = Binance::linear(Credentials::hmac("api-key", "api-secret"));
    /// let one = Decimal::ONE;
    /// let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, one, one);
    /// let template = binance.template(&order)?;
    ///
    /// let (quantity, price) = ("0.01".parse()?, "43210.9".parse()?);
    /// let id = ClientOrderId::portable("example-1")?;
    /// let now = Timestamp::from_millis(1_700_000_000_000);
    /// let mut buf = RequestBuf::new();
    /// let request = template.encode(&binance, quantity, Some(price), Some(&id), now, &mut buf)?;
    /// assert_eq!(request.path(), "/fapi/v1/order");
    /// assert!(request.body().contains("&quantity=0.01&price=43210.9&newClientOrderId=example-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::NotSupported`] for a key that is not HMAC, whose signature has no state to
    /// keep, and for whatever an order cannot be encoded for; [`EncodeError::Invalid`] for a
    /// placeholder that is not greater than zero.
    pub fn template(&self, order: &NewOrder) -> Result<OrderTemplate, EncodeError> {
        let SigningKey::Hmac(key) = self.credentials.key() else {
            return Err(encode::unsupported("templates with a key that is not HMAC"));
        };
        let (field, problem) = ("order", "a value is not greater than zero");
        let prepared = PreparedOrder::as_written(order)
            .map_err(|_| EncodeError::Invalid { field, problem })?;
        let (op, never) = (Operation::Place(&prepared), Timestamp::default());
        let form = Form::of(self, &op, never, &mut RequestBuf::new())?;

        let by_quote = matches!(order.kind, OrderKind::Market { size: Size::Quote(_) });
        let quantity_name = if by_quote { "quoteOrderQty" } else { "quantity" };
        let algo = self.market == Market::Linear && order.kind.is_conditional();
        let id_name = if algo { "&clientAlgoId=" } else { "&newClientOrderId=" };
        let mut constant = String::new();
        for param in form.text().split('&') {
            let name = param.split('=').next().unwrap_or(param);
            let varies =
                matches!(name, "price" | "newClientOrderId" | "clientAlgoId" | "timestamp");
            if !varies && name != quantity_name {
                constant.push_str(param);
                constant.push('&');
            }
        }
        constant.push_str(quantity_name);
        constant.push('=');
        let hashed = constant.len() - constant.len() % BLOCK;
        let mut state = key.begin();
        state.update(constant.as_bytes().get(..hashed).unwrap_or_default());
        Ok(OrderTemplate {
            market: self.market,
            path: form.endpoint().1.into(),
            constant: constant.into(),
            priced: order.kind.price().is_some(),
            id_name,
            state,
            hashed,
        })
    }
}

impl OrderTemplate {
    /// Writes the signed request for an order of this template into `buf`; the result borrows from
    /// it. Values are taken as they are written, like [`PreparedOrder::as_written`] does: round them
    /// by the instrument's rules first. `provider` is the one the template was made by, or a clone of
    /// it; `at` is the present by the venue's clock.
    ///
    /// # Errors
    /// [`EncodeError::Missing`] if the order's kind needs a price; [`EncodeError::Invalid`] for a
    /// price it has no place for, a value that is not greater than zero, a client order id the venue
    /// does not take, and a provider of the other market.
    #[inline]
    pub fn encode<'b>(
        &self,
        provider: &Binance,
        quantity: Decimal,
        price: Option<Decimal>,
        client_order_id: Option<&ClientOrderId>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        let invalid = |field, problem| EncodeError::Invalid { field, problem };
        if provider.market != self.market {
            return Err(invalid("provider", "of another market than the template"));
        }
        if quantity <= Decimal::ZERO {
            return Err(invalid("quantity", "not greater than zero"));
        }
        match price {
            None if self.priced => return Err(EncodeError::Missing("price")),
            Some(_) if !self.priced => return Err(invalid("price", "not for this kind of order")),
            Some(price) if price <= Decimal::ZERO => {
                return Err(invalid("price", "not greater than zero"));
            }
            _ => {}
        }
        buf.begin(Method::Post);
        let path = buf.push(&self.path);
        let start = buf.position();
        buf.push(&self.constant);
        let out = buf.text_mut();
        write_decimal(out, quantity);
        if let Some(price) = price {
            out.push_str("&price=");
            write_decimal(out, price);
        }
        if let Some(id) = client_order_id {
            encode::check_client_id(id)?;
            out.push_str(self.id_name);
            if id.is_plain() {
                out.push_str(id.as_str());
            } else {
                write_encoded(out, id.as_str());
            }
        }
        out.push_str("&timestamp=");
        buf.push_u64(at.as_millis());

        let payload = buf.since(start);
        let rest = buf.text(payload).as_bytes().get(self.hashed..).unwrap_or_default();
        let signature = self.state.finish_with(rest);
        buf.push("&signature=");
        buf.push_signature(signature, payload);
        let body = buf.since(start);
        buf.set_path(path);
        buf.set_body(body);
        buf.constant_header("Content-Type", "application/x-www-form-urlencoded");
        let key = buf.push(provider.credentials.api_key());
        buf.header("X-MBX-APIKEY", key);
        Ok(buf.request())
    }
}
