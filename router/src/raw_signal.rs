use core::fmt;
use std::borrow::Cow;

use hoox_connector::Venue;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::check::{self, text};
use crate::{Signal, Violation};

/// The longest body that is parsed (gateway.md §2, Later).
pub const BODY_MAX: usize = 64 * 1024;

/// How many fields of a body are told to be unknown, and how much of their names.
const UNKNOWN_MAX: usize = 16;
const NAME_MAX: usize = 32;

/// Why a body is no JSON object that could be a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Longer than [`BODY_MAX`].
    #[error("Request body is larger than 64 KiB.")]
    TooLarge,
    /// Not UTF-8, not JSON, not an object, or with something behind it.
    #[error("Invalid JSON payload structure.")]
    Malformed,
}

macro_rules! fields {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// The fields of a signal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field { $($name),+ }

        impl Field {
            const COUNT: usize = [$(Self::$name),+].len();

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            fn find(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

fields! {
    ApiKey = "apiKey",
    Exchange = "exchange",
    Action = "action",
    Symbol = "symbol",
    Quantity = "quantity",
    QuantityUnit = "quantityUnit",
    Leverage = "leverage",
    IdempotencyKey = "idempotencyKey",
    Price = "price",
    OrderType = "orderType",
    TakeProfit = "takeProfit",
    StopLoss = "stopLoss",
    Timestamp = "timestamp",
    Time = "time",
    Partial = "partial",
    Test = "test",
}

/// A body split into its fields and no more: enough to check the passkey before anything else is
/// looked at. Values stay the text they arrived as.
///
/// Nested values are skipped without recursion, however deep they are.
#[derive(Clone)]
pub struct RawSignal<'a> {
    values: [Option<&'a RawValue>; Field::COUNT],
    /// Unknown and repeated fields, with what is wrong with them.
    strays: Vec<(String, &'static str)>,
}

impl<'a> RawSignal<'a> {
    /// Splits a body.
    ///
    /// ```
    /// use hoox_router::RawSignal;
    ///
    /// let body = br#"{"apiKey":"k","exchange":"bybit","action":"LONG","symbol":"BTC-USDT","quantity":0.1}"#;
    /// let raw = RawSignal::parse(body).unwrap();
    /// assert_eq!(raw.api_key().as_deref(), Some("k"));
    /// assert_eq!(raw.validate().unwrap().symbol.as_str(), "BTCUSDT");
    /// ```
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        if body.len() > BODY_MAX {
            return Err(ParseError::TooLarge);
        }
        let body = core::str::from_utf8(body).map_err(|_| ParseError::Malformed)?;
        let mut json = serde_json::Deserializer::from_str(body);
        let raw = json.deserialize_map(Fields).map_err(|_| ParseError::Malformed)?;
        json.end().map_err(|_| ParseError::Malformed)?;
        Ok(raw)
    }

    /// The passkey presented, if there is one and it is a text.
    pub fn api_key(&self) -> Option<Cow<'a, str>> {
        self.get(Field::ApiKey).and_then(text)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Every [`Violation`], one per field.
    pub fn validate(&self) -> Result<Signal, Vec<Violation>> {
        check::validate(self, None)
    }

    /// Checks every field of an order from inside, which may leave the exchange to `default`: the
    /// value of `exchanges:default_routing` (trade.md §4). A webhook names it (gateway.md §2).
    ///
    /// ```
    /// use hoox_connector::Venue;
    /// use hoox_router::RawSignal;
    ///
    /// let raw = RawSignal::parse(br#"{"action":"CLOSE","symbol":"BTCUSDT"}"#).unwrap();
    /// assert!(raw.validate().is_err());
    /// assert_eq!(raw.validate_inside(Venue::Bybit).unwrap().exchange, Venue::Bybit);
    /// ```
    ///
    /// # Errors
    /// Every [`Violation`], one per field.
    pub fn validate_inside(&self, default: Venue) -> Result<Signal, Vec<Violation>> {
        check::validate(self, Some(default))
    }

    pub(crate) fn get(&self, field: Field) -> Option<&'a RawValue> {
        self.values.get(field as usize).copied().flatten()
    }

    pub(crate) fn unknown_and_repeated(&self) -> Vec<Violation> {
        self.strays.iter().map(|(name, issue)| Violation::new(name, *issue)).collect()
    }

    fn stray(&mut self, name: &str, issue: &'static str) {
        let name: String = name.chars().take(NAME_MAX).collect();
        if self.strays.len() < UNKNOWN_MAX && !self.strays.iter().any(|(seen, _)| *seen == name) {
            self.strays.push((name, issue));
        }
    }
}

impl fmt::Debug for RawSignal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Holds the passkey.
        f.write_str("RawSignal([redacted])")
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = RawSignal<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawSignal<'de>, M::Error> {
        let mut raw = RawSignal { values: [None; Field::COUNT], strays: Vec::new() };
        while let Some(name) = map.next_key_seed(Name)? {
            let value: &'de RawValue = map.next_value()?;
            match name {
                Ok(field) => match raw.values.get_mut(field as usize) {
                    Some(slot @ None) => *slot = Some(value),
                    _ => raw.stray(field.as_str(), "Repeated field."),
                },
                Err(name) => raw.stray(&name, "Unknown field."),
            }
        }
        Ok(raw)
    }
}

/// A field's name, known ones without allocation.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Result<Field, String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Result<Field, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Field::find(name).ok_or_else(|| name.chars().take(NAME_MAX).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in [
            "",
            " ",
            "null",
            "[]",
            "1",
            "\"{}\"",
            "{",
            "{}}",
            "{} x",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"quantity\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
        ] {
            assert_eq!(
                RawSignal::parse(body.as_bytes()).err(),
                Some(ParseError::Malformed),
                "{body}"
            );
        }
        assert_eq!(RawSignal::parse(b"{\"apiKey\":\"\xff\"}").err(), Some(ParseError::Malformed));
        assert!(RawSignal::parse(b"{}").is_ok());
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(32_000), "]".repeat(32_000));
        let raw = RawSignal::parse(deep.as_bytes()).unwrap();
        assert_eq!(raw.unknown_and_repeated(), [Violation::new("a", "Unknown field.")]);
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(BODY_MAX));
        assert_eq!(RawSignal::parse(large.as_bytes()).err(), Some(ParseError::TooLarge));
    }

    #[test]
    fn unknown_and_repeated_fields_are_told_and_bounded() {
        let raw = RawSignal::parse(br#"{"test":true,"test":false,"x\u0041":1}"#).unwrap();
        let found = raw.unknown_and_repeated();
        assert_eq!(found[0], Violation::new("test", "Repeated field."));
        assert_eq!(found[1], Violation::new("xA", "Unknown field."));
        let many: Vec<String> = (0..100).map(|n| format!("\"field{n}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        let raw = RawSignal::parse(many.as_bytes()).unwrap();
        assert_eq!(raw.unknown_and_repeated().len(), UNKNOWN_MAX);
    }

    #[test]
    fn the_passkey_is_read_as_text_only() {
        let key =
            |body: &str| RawSignal::parse(body.as_bytes()).unwrap().api_key().map(Cow::into_owned);
        assert_eq!(key(r#"{"apiKey":"a\u0062c"}"#).as_deref(), Some("abc"));
        assert_eq!(key(r#"{"apiKey":1}"#), None);
        assert_eq!(key(r#"{"apiKey":"\ud800"}"#), None);
        let raw = RawSignal::parse(br#"{"apiKey":"hush"}"#).unwrap();
        assert!(!format!("{raw:?}").contains("hush"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(raw) = RawSignal::parse(&body) {
                let _ = raw.validate();
            }
        }

        #[test]
        fn arbitrary_values_never_panic(
            field in prop_oneof![Just("quantity"), Just("leverage"), Just("symbol"), Just("time"), Just("apiKey")],
            value in "-?[0-9]{0,40}\\.?[0-9]{0,40}([eE][+-]?[0-9]{1,12})?|\"[ -~]{0,300}\"|[\\[\\]{}]{0,8}",
        ) {
            let body = format!(r#"{{"exchange":"mexc","action":"LONG","{field}":{value}}}"#);
            if let Ok(raw) = RawSignal::parse(body.as_bytes()) {
                let _ = raw.api_key();
                prop_assert!(raw.validate().is_err());
            }
        }
    }
}
