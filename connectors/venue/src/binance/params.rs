//! Parameters from query and body, and the exact bytes a signature covers.
//!
//! Source: protocol sheet for Binance, section 2: the payload is the query string immediately
//! followed by the body, without a separator and without the `signature` parameter; a name present
//! in both is taken from the query.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;

use super::errors::{ApiError, DUPLICATE_PARAMETER, TOO_MANY_PARAMETERS};

/// More parameters than any endpoint has.
const MAX_PARAMETERS: usize = 48;

/// Largest amount or price that is read at all; keeps the arithmetic far from its limits.
const MAX_AMOUNT: Decimal = Decimal::from_parts(0x6FC1_0000, 0x0023_86F2, 0, false, 0); // 10^16

const CLIENT_ID_PATTERN: &str = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$";
const NUMBER_PATTERN: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";
const INTEGER_PATTERN: &str = "^[0-9]{1,20}$";

/// The decoded parameters of one request.
#[derive(Debug)]
pub(super) struct Params<'a> {
    items: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Percent-decoded `signature`, which is not among the items.
    signature: Option<Cow<'a, str>>,
    /// The signed bytes, in order.
    payload: [Cow<'a, str>; 4],
    /// The key that came among the parameters, on WebSocket requests.
    api_key: Option<String>,
    sent: usize,
}

impl<'a> Params<'a> {
    /// Splits and decodes query and body.
    ///
    /// # Errors
    /// -1100 for bytes that are not UTF-8, -1101 for duplicates and for too many parameters.
    pub(super) fn parse(query: &'a str, body: &'a [u8]) -> Result<Self, ApiError> {
        let body = std::str::from_utf8(body).map_err(|_| ApiError::illegal("body", "UTF-8"))?;
        let (q0, q1, query_signature) = without_signature(query);
        let (b0, b1, body_signature) = without_signature(body);
        let mut params = Self {
            items: Vec::with_capacity(16),
            signature: None,
            payload: [q0, q1, b0, b1].map(Cow::Borrowed),
            api_key: None,
            sent: 0,
        };
        if query_signature.is_some() && body_signature.is_some() {
            return Err(DUPLICATE_PARAMETER);
        }
        if let Some(text) = query_signature.or(body_signature) {
            params.signature = Some(decode("signature", text)?);
        }
        params.read(query)?;
        let from_query = params.items.len();
        params.read_more(body, from_query)?;
        Ok(params)
    }

    /// The `signature` parameter, percent-decoded.
    pub(super) fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    /// The bytes the signature covers, in up to four pieces.
    pub(super) fn payload(&self) -> [&str; 4] {
        self.payload.each_ref().map(AsRef::as_ref)
    }

    /// The key that came among the parameters.
    pub(super) fn api_key(&self) -> Option<&str> {
        self.api_key.as_deref()
    }

    /// Reads the parameters of a WebSocket request: names, sorted, with the JSON text of their
    /// values. The signature covers `name=value` in that order, unencoded, numbers as they were
    /// written; the key is covered too.
    ///
    /// # Errors
    /// -1101 for too many parameters, -1100 for values that are neither texts nor plain.
    pub(super) fn from_json<'j>(
        pairs: impl Iterator<Item = (&'j str, &'j str)>,
    ) -> Result<Self, ApiError> {
        let mut params = Self {
            items: Vec::with_capacity(16),
            signature: None,
            payload: Default::default(),
            api_key: None,
            sent: 0,
        };
        let mut payload = String::with_capacity(256);
        for (name, json) in pairs {
            params.sent += 1;
            if params.sent > MAX_PARAMETERS {
                return Err(TOO_MANY_PARAMETERS);
            }
            let value = if json.starts_with('"') {
                serde_json::from_str(json).map_err(|_| ApiError::illegal(name, "UTF-8"))?
            } else {
                json.to_owned()
            };
            if name == "signature" {
                params.signature = Some(Cow::Owned(value));
                continue;
            }
            if !payload.is_empty() {
                payload.push('&');
            }
            payload.push_str(name);
            payload.push('=');
            payload.push_str(&value);
            match name {
                "apiKey" => params.api_key = Some(value),
                "returnRateLimits" => {}
                _ => params.items.push((Cow::Owned(name.to_owned()), Cow::Owned(value))),
            }
        }
        params.payload[0] = Cow::Owned(payload);
        Ok(params)
    }

    /// Refuses parameters the endpoint does not know.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let always = ["timestamp", "recvWindow"];
        let read = self
            .items
            .iter()
            .filter(|(name, _)| known.contains(&name.as_ref()) || always.contains(&name.as_ref()))
            .count();
        if read < self.items.len() {
            let signature = usize::from(self.signature.is_some());
            return Err(ApiError::unread(read + signature, self.sent));
        }
        Ok(())
    }

    /// A parameter's value; `None` when it was not sent.
    ///
    /// # Errors
    /// -1105 when it was sent empty.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.items.iter().find(|(n, _)| n == name) {
            None => Ok(None),
            Some((_, value)) if value.is_empty() => Err(ApiError::empty(name)),
            Some((_, value)) => Ok(Some(value)),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.items.iter().any(|(n, _)| n == name)
    }

    /// # Errors
    /// -1102 when the parameter is missing.
    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok().flatten().ok_or_else(|| ApiError::missing(name))
    }

    /// A non-negative decimal, read exactly from its text.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && text.bytes().filter(|b| *b == b'.').count() <= 1
            && text.bytes().any(|b| b.is_ascii_digit());
        let value = if plain { Decimal::from_str(text).ok() } else { None };
        match value.filter(|v| *v <= MAX_AMOUNT && v.scale() <= 20) {
            Some(value) => Ok(Some(value)),
            None => Err(ApiError::illegal(name, NUMBER_PATTERN)),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        match text.parse() {
            Ok(value) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(value)),
            _ => Err(ApiError::illegal(name, INTEGER_PATTERN)),
        }
    }

    /// `true` or `false` in any case; false when absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name)? {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(ApiError::bad_value(name)),
        }
    }

    /// A client id of 1 to 36 characters from the venue's alphabet.
    pub(super) fn client_id(&self, name: &str, linear: bool) -> Result<Option<&str>, ApiError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        if linear && text.len() > 36 {
            return Err(ApiError::client_id_length());
        }
        let legal = text.len() <= 36
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".:/_-".contains(&b));
        if legal { Ok(Some(text)) } else { Err(ApiError::illegal(name, CLIENT_ID_PATTERN)) }
    }

    fn read(&mut self, text: &'a str) -> Result<(), ApiError> {
        self.read_more(text, 0)
    }

    /// Adds the pairs of one part. Names among the first `earlier` items win over this part's.
    fn read_more(&mut self, text: &'a str, earlier: usize) -> Result<(), ApiError> {
        for pair in text.split('&').filter(|p| !p.is_empty()) {
            self.sent += 1;
            if self.sent > MAX_PARAMETERS {
                return Err(TOO_MANY_PARAMETERS);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "signature" {
                continue;
            }
            let name = decode("parameter", name)?;
            match self.items.iter().position(|(n, _)| *n == name) {
                Some(index) if index < earlier => continue,
                Some(_) => return Err(DUPLICATE_PARAMETER),
                None => {}
            }
            let value = decode(&name, value)?;
            self.items.push((name, value));
        }
        Ok(())
    }
}

fn decode<'a>(name: &str, text: &'a str) -> Result<Cow<'a, str>, ApiError> {
    percent_decode_str(text).decode_utf8().map_err(|_| ApiError::illegal(name, "UTF-8"))
}

/// Cuts the `signature` parameter and the `&` that ties it to its neighbour out of one part: what
/// stands before, what stands after, and the raw value.
fn without_signature(text: &str) -> (&str, &str, Option<&str>) {
    const NAME: &str = "signature=";
    let start = if text.starts_with(NAME) {
        0
    } else {
        match text.find("&signature=") {
            Some(at) => at + 1,
            None => return (text, "", None),
        }
    };
    let (before, rest) = text.split_at(start);
    let (segment, after) = match rest.find('&') {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let value = segment.strip_prefix(NAME);
    match before.strip_suffix('&') {
        Some(before) => (before, after, value),
        None => (before, after.strip_prefix('&').unwrap_or(after), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(query: &str, body: &str) -> String {
        Params::parse(query, body.as_bytes()).expect("parsable").payload().concat()
    }

    #[test]
    fn the_signature_is_cut_out_wherever_it_stands() {
        assert_eq!(payload("a=1&b=2&signature=ff", ""), "a=1&b=2");
        assert_eq!(payload("signature=ff&a=1&b=2", ""), "a=1&b=2");
        assert_eq!(payload("a=1&signature=ff&b=2", ""), "a=1&b=2");
        assert_eq!(payload("signature=ff", ""), "");
        assert_eq!(payload("a=1", "b=2&signature=ff"), "a=1b=2");
        assert_eq!(payload("a=%EF%BC%91&signature=ff", ""), "a=%EF%BC%91");
        assert_eq!(payload("mysignature=1", ""), "mysignature=1");
    }

    #[test]
    fn the_query_wins_over_the_body_but_repeats_within_a_part_are_refused() {
        let p = Params::parse("a=1", b"a=2&b=3").expect("parsable");
        assert_eq!(p.get("a").expect("a"), Some("1"));
        assert_eq!(p.get("b").expect("b"), Some("3"));
        assert_eq!(Params::parse("a=1&a=1", b"").err(), Some(DUPLICATE_PARAMETER));
        assert_eq!(Params::parse("", b"a=1&a=2").err(), Some(DUPLICATE_PARAMETER));
        let both = Params::parse("signature=1", b"signature=2");
        assert_eq!(both.err(), Some(DUPLICATE_PARAMETER));
    }

    #[test]
    fn a_websocket_signature_covers_the_sorted_values_as_written() {
        let pairs =
            [("apiKey", "\"k\""), ("price", "1.50"), ("signature", "\"ff\""), ("symbol", "\"１\"")];
        let p = Params::from_json(pairs.into_iter()).expect("readable");
        assert_eq!(p.payload().concat(), "apiKey=k&price=1.50&symbol=１");
        assert_eq!((p.api_key(), p.signature()), (Some("k"), Some("ff")));
        assert_eq!(p.get("price"), Ok(Some("1.50")));
        assert!(!p.has("apiKey"));
    }

    #[test]
    fn numbers_are_plain_and_bounded() {
        let read = |text: &str| {
            let query = format!("n={text}");
            Params::parse(&query, b"").expect("parsable").decimal("n").map_err(|e| e.code)
        };
        assert_eq!(read("43210.9"), Ok(Some("43210.9".parse().expect("decimal"))));
        assert_eq!(read(""), Err(-1105));
        for bad in ["1e5", "-1", "+1", "1.2.3", ".", "1_000", "0x10", "99999999999999999999"] {
            assert_eq!(read(bad), Err(-1100), "{bad}");
        }
        assert_eq!(MAX_AMOUNT, Decimal::from(10_000_000_000_000_000_u64));
    }

    #[test]
    fn client_ids_keep_length_and_alphabet() {
        let read = |text: &str, linear| {
            let query = format!("id={text}");
            Params::parse(&query, b"")
                .expect("parsable")
                .client_id("id", linear)
                .map(|_| ())
                .map_err(|e| e.code)
        };
        assert_eq!(read("dev-s-001.A:/_", false), Ok(()));
        assert_eq!(read(&"a".repeat(36), false), Ok(()));
        assert_eq!(read(&"a".repeat(37), false), Err(-1100));
        assert_eq!(read(&"a".repeat(37), true), Err(-4015));
        assert_eq!(read("a%20b", false), Err(-1100));
        assert_eq!(read("a%E2%82%AC", true), Err(-1100));
    }

    #[test]
    fn unknown_parameters_are_counted() {
        let p = Params::parse("a=1&b=2&timestamp=3&signature=4", b"").expect("parsable");
        assert_eq!(p.only(&["a", "b"]), Ok(()));
        let e = p.only(&["a"]).expect_err("b is unknown");
        assert_eq!(
            e.msg,
            "Not all sent parameters were read; read '3' parameter(s) but was sent '4'."
        );
    }
}
