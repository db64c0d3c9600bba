//! Request parameters: a query string on GET, a JSON object on POST.
//!
//! Source: protocol sheet for Bybit, sections 2 to 4. Amounts are strings; unknown parameters are
//! ignored, as the venue does.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::errors::ApiError;

/// Most parameters read from one query string.
const MAX_PARAMS: usize = 64;

/// The parameters of one request, or of one order in a batch.
#[derive(Debug)]
pub(super) enum Params<'a> {
    Query(Vec<(&'a str, Cow<'a, str>)>),
    Body(Cow<'a, Map<String, Value>>),
}

impl<'a> Params<'a> {
    pub(super) fn query(query: &'a str) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()).take(MAX_PARAMS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8().map_err(|_| ApiError::bad(name))?;
            pairs.push((name, value));
        }
        Ok(Self::Query(pairs))
    }

    pub(super) fn body(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self::Body(Cow::Owned(map))),
            _ => Err(ApiError::params("Request parameter error.")),
        }
    }

    /// Whatever was sent under the name; only in bodies.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Query(_) => None,
            Self::Body(map) => map.get(name),
        }
    }

    /// A text parameter; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let text = match self {
            Self::Query(pairs) => pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref()),
            Self::Body(map) => match map.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.as_str()),
                Some(_) => return Err(ApiError::bad(name)),
            },
        };
        Ok(text.filter(|t| !t.is_empty()))
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::missing(name))
    }

    /// An amount: a string of digits with at most one point, without sign or exponent.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.parse() {
            Ok(value) if plain && text.len() <= 30 => Ok(Some(value)),
            _ => Err(ApiError::bad(name)),
        }
    }

    /// A whole number, as a number or as text.
    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.value(name) {
            Some(Value::Number(n)) => n.as_u64().map(Some).ok_or_else(|| ApiError::bad(name)),
            _ => {
                let text = self.text(name)?;
                text.map(|t| t.parse().map_err(|_| ApiError::bad(name))).transpose()
            }
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.value(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            _ => match self.text(name)? {
                None | Some("false") => Ok(false),
                Some("true") => Ok(true),
                Some(_) => Err(ApiError::bad(name)),
            },
        }
    }

    /// `limit`, cut to the endpoint's maximum.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::bad("limit")),
            Some(n) => Ok(usize::try_from(n).unwrap_or(max).min(max)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_strings() {
        let p = Params::body(br#"{"a":"1.50","b":1.5,"c":"1e3","d":"-1","e":"","f":7,"g":true}"#)
            .expect("object");
        assert_eq!(p.decimal("a").expect("plain").map(|d| d.to_string()).as_deref(), Some("1.50"));
        for name in ["b", "c", "d"] {
            assert!(p.decimal(name).is_err(), "{name}");
        }
        assert_eq!(p.decimal("e"), Ok(None));
        assert_eq!(p.integer("f"), Ok(Some(7)));
        assert_eq!(p.flag("g"), Ok(true));
        assert!(Params::body(b"[]").is_err() && Params::body(b"{").is_err());
    }

    #[test]
    fn queries_are_decoded_once() {
        let p = Params::query("cursor=a%2526&symbol=BTCUSDT&").expect("parsable");
        assert_eq!(p.text("cursor"), Ok(Some("a%26")));
        assert_eq!(p.require("symbol"), Ok("BTCUSDT"));
        assert_eq!(p.require("side").map_err(|e| e.code), Err(10001));
    }
}
