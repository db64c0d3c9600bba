//! Readers for harnesses: strict where a venue is strict, and shared with no dialect.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{ClientOrderId, Decimal, OrderId, Symbol};

/// The parameters of a request, each of which is taken once. What nobody took is an error at the end:
/// a venue refuses, or worse ignores, a parameter it does not know.
///
/// ```
/// use hoox_connector::conformance::wire::Fields;
///
/// let mut form = Fields::form("symbol=BTCUSDT&quantity=0.5&price=1")?;
/// assert_eq!(form.text("symbol")?, "BTCUSDT");
/// assert_eq!(form.decimal("quantity")?, "0.5".parse().unwrap());
/// assert_eq!(form.maybe("side"), None);
/// assert_eq!(form.end(), Err("unknown parameters: price".to_owned()));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Fields {
    pairs: Vec<(String, String)>,
}

impl Fields {
    /// Reads a query or a form body: `name=value`, joined by `&`, values percent-encoded.
    ///
    /// # Errors
    /// A pair without `=`, a character that must be encoded and is not, a name that comes twice.
    pub fn form(text: &str) -> Result<Self, String> {
        let mut fields = Self::default();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("no value: {pair}"))?;
            if let Some(bad) = value.chars().find(|c| !is_form_character(*c)) {
                return Err(format!("{name}: {bad:?} is not encoded"));
            }
            let bytes = percent_decode_str(value).collect();
            let value = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            fields.add(name, value)?;
        }
        Ok(fields)
    }

    /// Reads one JSON object. Strings are read, every other value keeps its text: a number's digits,
    /// `true`, an inner object's JSON.
    ///
    /// # Errors
    /// What is no JSON object, or a name that comes twice.
    pub fn json(text: &str) -> Result<Self, String> {
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut fields = Self::default();
        for (name, raw) in members.0 {
            let value = match raw.get().starts_with('"') {
                true => serde_json::from_str(raw.get()).map_err(|error| error.to_string())?,
                false => raw.get().to_owned(),
            };
            fields.add(&name, value)?;
        }
        Ok(fields)
    }

    /// Takes a parameter that may be absent.
    pub fn maybe(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(it, _)| it == name)?;
        Some(self.pairs.swap_remove(index).1)
    }

    /// Takes a parameter.
    ///
    /// # Errors
    /// It is not there, or empty.
    pub fn text(&mut self, name: &str) -> Result<String, String> {
        self.maybe(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("{name} is missing"))
    }

    /// Takes a decimal, which must be written plainly; see [`decimal`].
    ///
    /// # Errors
    /// It is not there, or not a plain decimal.
    pub fn decimal(&mut self, name: &str) -> Result<Decimal, String> {
        decimal(&self.text(name)?).map_err(|problem| format!("{name}: {problem}"))
    }

    /// Takes a decimal that may be absent.
    ///
    /// # Errors
    /// It is not a plain decimal.
    pub fn maybe_decimal(&mut self, name: &str) -> Result<Option<Decimal>, String> {
        let read = |text: String| decimal(&text).map_err(|problem| format!("{name}: {problem}"));
        self.maybe(name).map(read).transpose()
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// It is not there, or not a whole number.
    pub fn integer(&mut self, name: &str) -> Result<u64, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name}: {text:?} is no whole number"))
    }

    /// Takes a whole number that may be absent.
    ///
    /// # Errors
    /// It is not a whole number.
    pub fn maybe_integer(&mut self, name: &str) -> Result<Option<u64>, String> {
        let read =
            |text: String| text.parse().map_err(|_| format!("{name}: {text:?} is no number"));
        self.maybe(name).map(read).transpose()
    }

    /// Takes a symbol, as it is written.
    ///
    /// # Errors
    /// It is not there, or no symbol.
    pub fn symbol(&mut self, name: &str) -> Result<Symbol, String> {
        Symbol::new(&self.text(name)?).map_err(|error| format!("{name}: {error}"))
    }

    /// Takes a client order id that may be absent.
    ///
    /// # Errors
    /// It is no client order id.
    pub fn maybe_client_order_id(&mut self, name: &str) -> Result<Option<ClientOrderId>, String> {
        let read = |text: String| ClientOrderId::new(&text).map_err(|error| error.to_string());
        self.maybe(name).map(read).transpose()
    }

    /// Takes an order id that may be absent.
    ///
    /// # Errors
    /// It is no order id.
    pub fn maybe_order_id(&mut self, name: &str) -> Result<Option<OrderId>, String> {
        let read = |text: String| OrderId::new(&text).map_err(|error| error.to_string());
        self.maybe(name).map(read).transpose()
    }

    /// Whether all have been taken.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The names of the parameters that nobody took.
    pub fn end(self) -> Result<(), String> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.pairs.iter().map(|(name, _)| name.as_str()).collect();
        Err(format!("unknown parameters: {}", names.join(", ")))
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), String> {
        if self.pairs.iter().any(|(it, _)| it == name) {
            return Err(format!("{name} comes twice"));
        }
        self.pairs.push((name.to_owned(), value));
        Ok(())
    }
}

/// Reads a decimal as venues take it: digits, perhaps a point and more digits; no sign, no exponent,
/// no more digits than are exact.
///
/// # Errors
/// Anything else.
pub fn decimal(text: &str) -> Result<Decimal, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(format!("{text:?} is no plain decimal"));
    }
    Decimal::from_str_exact(text).map_err(|error| error.to_string())
}

/// The HMAC-SHA256 of `payload` in lower-case hex.
///
/// ```
/// use hoox_connector::conformance::wire::hmac_sha256_hex;
///
/// // RFC 4231, test case 2.
/// assert_eq!(
///     hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
///     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
/// );
/// ```
pub fn hmac_sha256_hex(secret: &str, payload: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in hoox_signer::HmacKey::new(secret.as_bytes()).sign(&[payload.as_bytes()]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// RFC 3986: unreserved characters, and the beginning of an encoded one.
fn is_form_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '~' | '%')
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_strictly() {
        let mut form = Fields::form("a=1%2C2&b=%E5%B8%81").unwrap();
        assert_eq!((form.text("a").unwrap(), form.text("b").unwrap()), ("1,2".into(), "币".into()));
        assert!(form.end().is_ok());
        for bad in ["a", "a=1&a=2", "a=1,2", "a=\"", "a=b=c", "&", "a=%FF"] {
            assert!(Fields::form(bad).is_err(), "{bad}");
        }
        assert!(Fields::form("").unwrap().is_empty());
    }

    #[test]
    fn objects_keep_the_text_of_numbers() {
        let mut object = Fields::json(r#"{"a":1e5,"b":"x\"y","c":[1],"d":0.10}"#).unwrap();
        assert_eq!(object.text("b").unwrap(), "x\"y");
        assert_eq!(object.text("c").unwrap(), "[1]");
        assert_eq!(object.decimal("d").unwrap().to_string(), "0.10");
        assert!(object.decimal("a").is_err());
        assert!(Fields::json(r#"{"a":1,"a":2}"#).is_err());
        assert!(Fields::json("[]").is_err());
    }

    #[test]
    fn decimals_are_plain() {
        for bad in ["", "1e5", "-1", "+1", ".5", "5.", "1,0", "01", "٣", "1.2.3"] {
            assert!(decimal(bad).is_err(), "{bad}");
        }
        assert_eq!(decimal("0.00000001").unwrap(), Decimal::new(1, 8));
    }
}
