//! Spot orders of which all but quantity, price, id and time is written and hashed beforehand.
//! Futures sign the time before the order, so that nothing can be hashed beforehand there.

use hoox_connector::{
    ClientOrderId, Decimal, EncodeError, Market, NewOrder, PreparedOrder, Request, RequestBuf,
    Side, Timestamp, write_decimal, write_encoded,
};
use hoox_signer::{HmacState, Method, SigningKey};

use crate::Mexc;
use crate::encode::spot::Terms;
use crate::encode::{portable, unsupported};

/// The constant part of a spot order, written once, with the state of its HMAC: what remains to be
/// done for an order is a few numbers and the last blocks of the hash.
///
/// Made by [`Mexc::template`], for the account and the receive window it was made with.
#[derive(Debug, Clone)]
pub struct OrderTemplate {
    /// The parameters that never change, and the name of the quantity.
    constant: Box<str>,
    priced: bool,
    /// The hash after the first whole blocks of `constant`, so that nothing waits in its buffer.
    state: HmacState,
    hashed: usize,
}

/// SHA-256's block, in bytes.
const BLOCK: usize = 64;

impl Mexc {
    /// A template of `order`: symbol, side, type and receive window; quantity, limit price and client
    /// order id in `order` are placeholders. A market buy takes its amount as the quantity.
    ///
    /// ```
    /// use hoox_connector::*;
    /// use hoox_mexc::Mexc;
    ///
    /// let mexc = Mexc::spot(Credentials::hmac("api-key", "api-secret"));
    /// let one = Decimal::ONE;
    /// let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, one, one);
    /// let template = mexc.template(&order)?;
    ///
    /// let (quantity, price) = ("0.01".parse()?, "43210.9".parse()?);
    /// let id = ClientOrderId::portable("example-1")?;
    /// let now = Timestamp::from_millis(1_700_000_000_000);
    /// let mut buf = RequestBuf::new();
    /// let request = template.encode(&mexc, quantity, Some(price), Some(&id), now, &mut buf)?;
    /// assert_eq!(request.path(), "/api/v3/order");
    /// assert!(request.query().contains("&quantity=0.01&price=43210.9&newClientOrderId=example-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::NotSupported`] on futures, for a key that is not HMAC, and for whatever an order
    /// cannot be encoded for; [`EncodeError::Invalid`] for a placeholder that is not greater than zero.
    pub fn template(&self, order: &NewOrder) -> Result<OrderTemplate, EncodeError> {
        if self.market != Market::Spot {
            return Err(unsupported("templates on futures"));
        }
        let SigningKey::Hmac(key) = self.credentials.key() else {
            return Err(unsupported("templates with a key that is not HMAC"));
        };
        let (field, problem) = ("order", "a value is not greater than zero");
        PreparedOrder::as_written(order).map_err(|_| EncodeError::Invalid { field, problem })?;
        let terms = Terms::of(order)?;
        let mut constant = String::from("symbol=");
        write_encoded(&mut constant, order.symbol.as_str());
        constant.push_str(match order.side {
            Side::Buy => "&side=BUY&type=",
            Side::Sell => "&side=SELL&type=",
        });
        constant.push_str(terms.kind);
        constant.push_str(&format!("&recvWindow={}&", self.recv_window.as_millis()));
        constant.push_str(terms.quantity_name);
        constant.push('=');
        // Of a short symbol the constant part is less than a block: then only the key is hashed
        // beforehand, and what is saved is the writing.
        let hashed = constant.len() - constant.len() % BLOCK;
        let mut state = key.begin();
        state.update(constant.as_bytes().get(..hashed).unwrap_or_default());
        let (constant, priced) = (constant.into(), terms.price.is_some());
        Ok(OrderTemplate { constant, priced, state, hashed })
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
        provider: &Mexc,
        quantity: Decimal,
        price: Option<Decimal>,
        client_order_id: Option<&ClientOrderId>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        let invalid = |field, problem| EncodeError::Invalid { field, problem };
        if provider.market != Market::Spot {
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
        let path = buf.push("/api/v3/order");
        let start = buf.position();
        buf.push(&self.constant);
        let out = buf.text_mut();
        write_decimal(out, quantity);
        if let Some(price) = price {
            out.push_str("&price=");
            write_decimal(out, price);
        }
        if let Some(id) = client_order_id {
            out.push_str("&newClientOrderId=");
            out.push_str(portable(id)?);
        }
        out.push_str("&timestamp=");
        buf.push_u64(at.as_millis());

        let payload = buf.since(start);
        let rest = buf.text(payload).as_bytes().get(self.hashed..).unwrap_or_default();
        let signature = self.state.finish_with(rest);
        buf.push("&signature=");
        buf.push_signature(signature, payload);
        let query = buf.since(start);
        buf.set_path(path);
        buf.set_query(query);
        buf.constant_header("Content-Type", "application/json");
        let key = buf.push(provider.credentials.api_key());
        buf.header("X-MEXC-APIKEY", key);
        Ok(buf.request())
    }
}
