//! Short texts that live inline: no allocation, `Copy`, validated once.

use core::fmt;

use arrayvec::ArrayString;
use thiserror::Error;

/// Why a text is not a symbol, an asset or an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// More bytes than the kind allows.
    #[error("{length} bytes is longer than {max}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The most bytes allowed.
        max: usize,
    },
    /// A character the kind does not allow.
    #[error("character {0:?} is not allowed")]
    Character(char),
}

macro_rules! inline_text {
    ($(#[$meta:meta])* $name:ident, $max:literal, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            text: ArrayString<$max>,
            plain: bool,
        }

        impl $name {
            /// Validates `text`.
            ///
            /// # Errors
            /// [`TextError`] if it is empty, too long, or holds a character the kind does not allow.
            #[inline]
            pub fn new(text: &str) -> Result<Self, TextError> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() {
                    return Err(TextError::Empty);
                }
                let Ok(inline) = ArrayString::from(text) else {
                    return Err(TextError::TooLong { length: text.len(), max: $max });
                };
                // Every kind allows the plain characters, which are nearly all there are.
                if are_plain(text) {
                    return Ok(Self { text: inline, plain: true });
                }
                match text.chars().find(|character| !allowed(*character)) {
                    Some(character) => Err(TextError::Character(character)),
                    None => Ok(Self { text: inline, plain: false }),
                }
            }

            /// Whether the text holds nothing but ASCII letters, digits, `-`, `_` and `.`, which no
            /// URL, form or JSON text has to escape. Known since the text was validated.
            #[inline]
            pub fn is_plain(&self) -> bool {
                self.plain
            }

            /// The text.
            #[inline]
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, concat!("a text of 1 to ", $max, " bytes"))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<$name, E> {
                        self.visit_str(itoa::Buffer::new().format(value))
                    }
                    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<$name, E> {
                        self.visit_str(itoa::Buffer::new().format(value))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

inline_text! {
    /// The name of a market at a venue, 1 to 32 bytes without spaces or control characters.
    ///
    /// Neutral symbols are flat and upper-case (`BTCUSDT`); a dialect writes its own spelling
    /// (`BTC_USDT` on MEXC futures) and percent-encodes what needs it.
    Symbol, 32, |c| !c.is_control() && !c.is_whitespace()
}

inline_text! {
    /// The name of a currency, 1 to 24 bytes without spaces or control characters.
    Asset, 24, |c| !c.is_control() && !c.is_whitespace()
}

inline_text! {
    /// A venue's own id of an order, as text: numbers beyond 2^53 keep every digit. The longest is the
    /// hash of a transaction.
    OrderId, 66, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

inline_text! {
    /// Our id of an order, up to 64 bytes of `[A-Za-z0-9_.:/-]` plus `~`, `@` and `#`, which venues
    /// put into ids of their own making.
    ///
    /// What we send is narrower: [`ClientOrderId::portable`] keeps to the characters and the length
    /// that every venue takes.
    ClientOrderId, 64, |c| c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_' | '.' | ':' | '/' | '~' | '@' | '#')
}

impl ClientOrderId {
    /// An id valid on every venue and market: `[A-Za-z0-9_-]{1,32}` (protocols/README.md, "common
    /// safe id").
    ///
    /// # Errors
    /// [`TextError`] if it is empty, longer than 32 bytes, or holds another character.
    pub fn portable(text: &str) -> Result<Self, TextError> {
        let id = Self::new(text)?;
        if text.len() > 32 {
            return Err(TextError::TooLong { length: text.len(), max: 32 });
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
            Some(character) => Err(TextError::Character(character)),
            None => Ok(id),
        }
    }
}

impl From<u64> for OrderId {
    fn from(id: u64) -> Self {
        let mut text = ArrayString::new();
        text.push_str(itoa::Buffer::new().format(id));
        Self { text, plain: true }
    }
}

/// Whether a text holds nothing but ASCII letters, digits, `-`, `_` and `.`.
#[inline]
fn are_plain(text: &str) -> bool {
    #[allow(clippy::indexing_slicing)] // while compiling
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = 0;
        while byte < plain.len() {
            let it = byte as u8;
            plain[byte] = it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
            byte += 1;
        }
        plain
    };
    // Without an early end: the texts are short, and nearly all are plain.
    text.bytes()
        .fold(true, |plain, byte| plain & PLAIN.get(usize::from(byte)).is_some_and(|it| *it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_validated() {
        assert_eq!(Symbol::new(""), Err(TextError::Empty));
        assert_eq!(Symbol::new("BTC USDT"), Err(TextError::Character(' ')));
        assert_eq!(Symbol::new(&"A".repeat(33)), Err(TextError::TooLong { length: 33, max: 32 }));
        assert_eq!(OrderId::new("1&symbol=X"), Err(TextError::Character('&')));
        assert_eq!(ClientOrderId::portable("a/b"), Err(TextError::Character('/')));
        assert!(ClientOrderId::portable(&"a".repeat(33)).is_err());
    }

    #[test]
    fn plain_is_what_nothing_has_to_escape() {
        for text in ["BTCUSDT", "BTC_USDT", "a-b.c"] {
            assert!(Symbol::new(text).unwrap().is_plain(), "{text}");
        }
        for text in ["A&B", "１２３", "A%41", "A~B", "A/B", "A\"B"] {
            assert!(!Symbol::new(text).unwrap().is_plain(), "{text}");
        }
        assert!(OrderId::from(7).is_plain());
        assert_eq!(OrderId::from(7), OrderId::new("7").unwrap());
    }

    #[test]
    fn ids_keep_every_digit() {
        assert_eq!(OrderId::from(u64::MAX).as_str(), "18446744073709551615");
        let id: OrderId = serde_json::from_str("9223372036854775807").unwrap();
        assert_eq!(id.as_str(), "9223372036854775807");
    }
}
