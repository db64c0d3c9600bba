//! Request parameters: of the query, of the body, or of one order of a batch.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde_json::Value;

use super::super::errors::ApiError;

const MAX_PARAMS: usize = 64;

/// Names and decoded values.
#[derive(Debug, Default)]
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    pub(super) fn read(parts: &[&'a str]) -> Result<Self, ApiError> {
        let mut params = Vec::new();
        for pair in parts.iter().flat_map(|part| part.split('&')) {
            let Some((name, value)) = pair.split_once('=') else { continue };
            if params.len() >= MAX_PARAMS {
                return Err(ApiError::bad("parameters"));
            }
            let value = percent_decode_str(value).decode_utf8().map_err(|_| ApiError::bad(name))?;
            params.push((Cow::Borrowed(name), value));
        }
        Ok(Self(params))
    }

    /// The texts and numbers of a JSON object.
    pub(super) fn of(object: &Value) -> Result<Params<'static>, ApiError> {
        let Value::Object(map) = object else { return Err(ApiError::bad("batchOrders")) };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let pairs = map.iter().filter_map(|(name, v)| Some((name.clone().into(), text(v)?.into())));
        Ok(Params(pairs.take(MAX_PARAMS).collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref());
        found.filter(|v| !v.is_empty())
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name).map(|v| v.parse().map_err(|_| ApiError::bad(name))).transpose()
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.parse() {
            Ok(value) if plain && text.len() <= 30 => Ok(Some(value)),
            _ => Err(ApiError::bad(name)),
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
