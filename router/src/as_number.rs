//! Serde of optional decimals as JSON numbers with their own digits.

use hoox_connector::{Decimal, parse_decimal};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

pub(crate) fn serialize<S: Serializer>(value: &Option<Decimal>, to: S) -> Result<S::Ok, S::Error> {
    let number = |value: &Decimal| RawValue::from_string(value.to_string());
    value.as_ref().map(number).transpose().map_err(S::Error::custom)?.serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Decimal>, D::Error> {
    let number = |raw: Box<RawValue>| match raw.get() {
        text if text.starts_with('"') => Err(D::Error::custom("not a number")),
        text => parse_decimal(text).map_err(|_| D::Error::custom("not a number")),
    };
    Option::<Box<RawValue>>::deserialize(from)?.map(number).transpose()
}
