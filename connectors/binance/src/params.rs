//! The parameters of a request one by one, for the places that spell them otherwise than a form does:
//! frames, batches, templates. What an operation's parameters are is said once, in `encode.rs`.

use std::borrow::Cow;

use arrayvec::ArrayString;
use hoox_connector::json::write_escaped;
use hoox_connector::{EncodeError, Operation, RequestBuf, Timestamp};
use hoox_signer::Method;
use percent_encoding::percent_decode_str;

use crate::{Binance, encode};

/// The most bytes of one order's parameters, percent-encoding included: a symbol and an id of the
/// greatest lengths, four decimals and every constant take less than 600.
const FORM_MAX: usize = 1024;

/// Parameters that JSON carries as numbers (spot web-socket-api.md: INT and LONG).
const NUMBERS: [&str; 5] = ["orderId", "algoId", "trailingDelta", "recvWindow", "timestamp"];

/// An operation's parameters as form text, on the stack, so that the buffer is free again.
pub(crate) struct Form {
    method: Method,
    path: ArrayString<64>,
    text: ArrayString<FORM_MAX>,
}

impl Form {
    /// Writes `op` without a signature, with `buf` as scratch.
    pub(crate) fn of(
        binance: &Binance,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &mut RequestBuf,
    ) -> Result<Self, EncodeError> {
        encode::encode_unsigned(binance, op, at, buf)?;
        let request = buf.request();
        let (field, problem) = ("parameters", "too long");
        let too_long = |_| EncodeError::Invalid { field, problem };
        Ok(Self {
            method: request.method(),
            path: ArrayString::from(request.path()).map_err(too_long)?,
            text: ArrayString::from(request.query()).map_err(too_long)?,
        })
    }

    /// The method and the path of the endpoint.
    pub(crate) fn endpoint(&self) -> (Method, &str) {
        (self.method, &self.path)
    }

    /// The form text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Name and value of each parameter, values decoded; allocates only where one was encoded.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.text.split('&').filter_map(|param| param.split_once('=')).map(|(name, value)| {
            if value.contains('%') {
                let bytes = percent_decode_str(value).collect();
                // What was text before it was encoded is text again.
                return (name, Cow::Owned(String::from_utf8(bytes).unwrap_or_default()));
            }
            (name, Cow::Borrowed(value))
        })
    }
}

/// Appends parameters as the members of a JSON object, separated by commas.
pub(crate) fn write_json_members<'a, V: AsRef<str>>(
    out: &mut String,
    params: impl IntoIterator<Item = (&'a str, V)>,
) {
    for (index, (name, value)) in params.into_iter().enumerate() {
        out.push_str(if index > 0 { ",\"" } else { "\"" });
        out.push_str(name);
        let value = value.as_ref();
        if is_json_integer(value) && NUMBERS.contains(&name) {
            out.push_str("\":");
            out.push_str(value);
        } else {
            out.push_str("\":\"");
            if value.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
                out.push_str(value);
            } else {
                write_escaped(out, value);
            }
            out.push('"');
        }
    }
}

fn is_json_integer(text: &str) -> bool {
    text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_only_where_json_allows_it() {
        let mut out = String::new();
        let params = [("orderId", "12"), ("algoId", "007"), ("orderId", "a\"b"), ("side", "1")];
        write_json_members(&mut out, params);
        assert_eq!(out, r#""orderId":12,"algoId":"007","orderId":"a\"b","side":"1""#);
    }
}
