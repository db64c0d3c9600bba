//! What the dialects share for reading JSON: exact numbers, absent values, and errors that name the
//! field.

mod path;

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use self::path::path_at;
use crate::{Malformed, OperationKind, VenueError, parse_decimal};

/// A decimal that arrives as a JSON number or a JSON string; read from its text, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = raw_text(deserializer)?;
        parse_decimal(text).map(Self).map_err(D::Error::custom)
    }
}

/// A decimal as in [`Number`], or its absence: `null`, `""`, or `"null"`, as some venues write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaybeNumber(pub Option<Decimal>);

impl<'de> Deserialize<'de> for MaybeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match raw_text(deserializer)? {
            "" | "null" => Ok(Self(None)),
            text => parse_decimal(text).map(|value| Self(Some(value))).map_err(D::Error::custom),
        }
    }
}

impl MaybeNumber {
    /// The value, unless it is absent or zero, which venues write for "none".
    pub fn non_zero(self) -> Option<Decimal> {
        self.0.filter(|value| !value.is_zero())
    }
}

/// A whole number that arrives as a JSON number or a JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Integer(pub i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = raw_text(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom("not a whole number"))
    }
}

/// Reads a text as `T`, and anything that is not one (another tool's client order id, `""`, `null`)
/// as `None`: a value nobody relies on must not make a reply unreadable.
///
/// # Errors
/// Only those of the JSON itself.
pub fn lenient<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Visitor<T>(PhantomData<T>);
    impl<'de, T: FromStr> serde::de::Visitor<'de> for Visitor<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, a whole number or null")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<T>, E> {
            Ok(text.parse().ok())
        }
        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Option<T>, E> {
            self.visit_str(itoa::Buffer::new().format(value))
        }
        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Option<T>, E> {
            self.visit_str(itoa::Buffer::new().format(value))
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Visitor(PhantomData))
}

/// Reads `body` as `T`.
///
/// # Errors
/// [`VenueError::Malformed`] naming the path of the field that is missing or mistyped.
pub fn read<'de, T: Deserialize<'de>>(
    operation: OperationKind,
    body: &'de [u8],
) -> Result<T, VenueError> {
    read_at(body)
        .map_err(|(field, problem)| VenueError::Malformed(Malformed { operation, field, problem }))
}

/// Reads `body` as `T`; an error is the path of the field, and what is wrong with it.
pub(crate) fn read_at<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, (String, String)> {
    // Checked as a whole, the text need not be checked string by string.
    let text = core::str::from_utf8(body).map_err(|error| {
        (path_at(body, error.valid_up_to(), false), "the text is not UTF-8".to_owned())
    })?;
    serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        let of_container =
            ["missing field `", "invalid length "].iter().any(|it| problem.starts_with(it));
        let field = path_at(body, offset(body, error.line(), error.column()), of_container);
        (name_field(field, &problem), problem)
    })
}

/// The byte that is the `column`th of the `line`th line, both counted from one.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = core::iter::once(0).chain(ends).nth(line.saturating_sub(1)).unwrap_or(text.len());
    start.saturating_add(column)
}

/// Appends `text` as the inside of a JSON string.
pub fn write_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = fmt::Write::write_fmt(out, format_args!("\\u{:04x}", control as u32));
            }
            plain => out.push(plain),
        }
    }
}

/// A missing field is reported at its parent; its own name is more use.
fn name_field(path: String, problem: &str) -> String {
    let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (missing, path.as_str()) {
        (Some(field), "." | "") => field.to_owned(),
        (Some(field), _) => format!("{path}.{field}"),
        (None, _) => path,
    }
}

/// The text of a number or of a string without escapes.
fn raw_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => Ok(inner),
        None if raw.starts_with(['{', '[', 't', 'f']) => Err(D::Error::custom("expected a number")),
        None => Ok(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Row {
        price: Number,
        #[serde(default)]
        stop: MaybeNumber,
    }

    fn rows(text: &str) -> Result<Vec<Row>, String> {
        match read::<Vec<Row>>(OperationKind::Ticker, text.as_bytes()) {
            Ok(rows) => Ok(rows),
            Err(VenueError::Malformed(malformed)) => Err(malformed.field),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        let rows =
            rows(r#"[{"price":0.1},{"price":"0.10"},{"price":3.4103e-06,"stop":""}]"#).unwrap();
        let prices: Vec<_> = rows.iter().map(|row| row.price.0.to_string()).collect();
        assert_eq!(prices, ["0.1", "0.10", "0.0000034103"]);
        assert_eq!(rows[2].stop, MaybeNumber(None));
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(rows(r#"[{"price":1},{"stop":1}]"#).unwrap_err(), "[1].price");
        assert_eq!(rows(r#"[{"price":true}]"#).unwrap_err(), "[0].price");
        assert_eq!(rows(r#"[{"price":"1e400"}]"#).unwrap_err(), "[0].price");
        assert_eq!(
            rows("[{\"price\":1},\n {\"stop\":\n 1,\"price\":true}]").unwrap_err(),
            "[1].price"
        );
        assert_eq!(rows("<html>").unwrap_err(), ".");
        assert_eq!(rows("").unwrap_err(), ".");
    }

    #[derive(Debug, Deserialize)]
    struct Loose {
        #[serde(default)]
        id: Option<Integer>,
        #[serde(default, deserialize_with = "lenient")]
        asset: Option<crate::Asset>,
        #[serde(default)]
        amount: MaybeNumber,
    }

    #[test]
    fn absent_null_and_empty_are_none() {
        for text in [
            "{}",
            r#"{"id":null,"asset":null,"amount":null}"#,
            r#"{"asset":"","amount":""}"#,
            r#"{"asset":"not an asset","amount":"null"}"#,
        ] {
            let it: Loose = read(OperationKind::Balances, text.as_bytes()).unwrap();
            assert!((it.id, it.asset, it.amount.0) == (None, None, None), "{text}");
        }
        let text = r#"{"id":"9007199254740993","asset":1000,"amount":"0.00"}"#;
        let it: Loose = read(OperationKind::Balances, text.as_bytes()).unwrap();
        assert_eq!(it.id, Some(Integer(9_007_199_254_740_993)), "beyond 2^53");
        assert_eq!(it.asset.unwrap().as_str(), "1000");
        assert_eq!((it.amount.0.is_some(), it.amount.non_zero()), (true, None));
    }

    #[test]
    fn what_is_no_value_is_malformed_and_names_its_field() {
        for (text, field) in [
            (r#"{"id":1.5}"#, "id"),
            (r#"{"id":"x"}"#, "id"),
            (r#"{"amount":[1]}"#, "amount"),
            (r#"{"amount":false}"#, "amount"),
            (r#"{"amount":"1,5"}"#, "amount"),
            (r#"{"asset":{}}"#, "asset"),
            ("{} {}", "."),
        ] {
            let answer = read::<Loose>(OperationKind::Balances, text.as_bytes());
            let Err(VenueError::Malformed(malformed)) = answer else { panic!("{text}") };
            assert_eq!(malformed.field, field, "{text}");
        }
        let answer = read::<Loose>(OperationKind::Balances, b"{\"asset\":\"\xff\"}");
        assert!(matches!(answer, Err(VenueError::Malformed(_))), "not UTF-8");
    }

    proptest::proptest! {
        #[test]
        fn a_number_means_the_same_with_and_without_quotes(digits: i64, scale in 0_u32..=18) {
            let value = Decimal::new(digits, scale);
            for text in [format!("[{value}]"), format!("[\"{value}\"]")] {
                let read: Vec<Number> = read(OperationKind::Ticker, text.as_bytes()).unwrap();
                proptest::prop_assert_eq!((read[0].0, read[0].0.scale()), (value, value.scale()));
            }
        }

        #[test]
        fn escaped_text_is_read_back_as_it_was(text in ".{0,40}|[\u{0}-\u{1f}\"\\\\]{0,10}") {
            let mut json = String::from("\"");
            write_escaped(&mut json, &text);
            json.push('"');
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
