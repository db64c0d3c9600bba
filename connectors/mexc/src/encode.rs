//! Neutral operations to signed requests. Each market is an API of its own: spot signs a query,
//! futures sign headers and a JSON body.

mod linear;
pub(crate) mod spot;

use hoox_connector::{
    ClientOrderId, Decimal, EncodeError, Market, Operation, PreparedOrder, RequestBuf, Timestamp,
    Venue, write_decimal, write_encoded,
};

use crate::{Mexc, limits};

#[inline]
pub(crate) fn encode(
    mexc: &Mexc,
    op: &Operation<'_>,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    if !limits::capabilities(mexc.market).supports(op.kind()) {
        return Err(unsupported(op.kind().as_str()));
    }
    match mexc.market {
        Market::Spot if cfg!(feature = "spot") => spot::encode(mexc, op, at, buf),
        _ => linear::encode(mexc, op, at, buf),
    }
}

/// Where the parameters go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Body,
}

/// The signing key, which must be an HMAC key (spot and futures have no other kind).
pub(crate) fn hmac_key(mexc: &Mexc) -> Result<&hoox_signer::SigningKey, EncodeError> {
    let key = mexc.credentials.key();
    if key.is_hmac() {
        return Ok(key);
    }
    Err(EncodeError::Invalid { field: "key", problem: "MEXC takes HMAC-SHA256 keys only" })
}

/// What every source takes for a client order id: `[A-Za-z0-9_-]{1,32}` (futures error 2030 for the
/// length; on spot neither is published).
#[inline]
pub(crate) fn portable(id: &ClientOrderId) -> Result<&str, EncodeError> {
    let (field, text) = ("client_order_id", id.as_str());
    if text.len() > limits::CLIENT_ORDER_ID_MAX {
        return Err(EncodeError::Invalid { field, problem: "longer than 32 characters" });
    }
    // A plain text may hold a point besides these. Without an early end: nearly none does.
    let has_point = text.bytes().fold(false, |found, byte| found | (byte == b'.'));
    if !id.is_plain() || has_point {
        return Err(EncodeError::Invalid { field, problem: "not of [A-Za-z0-9_-] only" });
    }
    Ok(text)
}

/// Refuses a batch that the market does not take.
fn check_batch(orders: &[PreparedOrder], max: usize) -> Result<(), EncodeError> {
    if orders.is_empty() {
        return Err(EncodeError::Missing("orders"));
    }
    if orders.len() > max {
        return Err(EncodeError::Invalid { field: "orders", problem: "more than a batch holds" });
    }
    if orders.iter().any(|order| order.order().kind.is_conditional()) {
        return Err(unsupported("conditional orders in a batch"));
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

#[inline]
fn text(buf: &mut RequestBuf, name: &str, value: &str) {
    let out = buf.text_mut();
    out.push_str(name);
    write_encoded(out, value);
}

#[inline]
fn decimal(buf: &mut RequestBuf, name: &str, value: Decimal) {
    let out = buf.text_mut();
    out.push_str(name);
    write_decimal(out, value);
}

#[inline]
fn number(buf: &mut RequestBuf, name: &str, value: u64) {
    buf.push(name);
    buf.push_u64(value);
}

pub(crate) const fn unsupported(operation: &'static str) -> EncodeError {
    EncodeError::NotSupported { venue: Venue::Mexc, operation }
}
