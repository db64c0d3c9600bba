use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Up to this many bytes are kept in place: every key that is derived, and nearly all that are sent.
const INLINE_MAX: usize = 96;

/// A text that is copied without allocating, and made without allocating unless it is long.
///
/// ```
/// use hoox_router::ShortText;
///
/// let text = ShortText::from("strategy-1");
/// assert_eq!(&*text, "strategy-1");
/// ```
#[derive(Clone)]
pub struct ShortText(Repr);

#[derive(Clone)]
enum Repr {
    Inline(ArrayString<INLINE_MAX>),
    Shared(Arc<str>),
}

impl ShortText {
    /// Writes a text in place, as `format!` does on the heap.
    pub fn format(text: fmt::Arguments<'_>) -> Self {
        let mut inline = ArrayString::new();
        match fmt::Write::write_fmt(&mut inline, text) {
            Ok(()) => Self(Repr::Inline(inline)),
            Err(fmt::Error) => Self(Repr::Shared(text.to_string().into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline(text) => text,
            Repr::Shared(text) => text,
        }
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        Self(ArrayString::from(text).map_or_else(|_| Repr::Shared(text.into()), Repr::Inline))
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl core::borrow::Borrow<str> for ShortText {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl core::hash::Hash for ShortText {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for ShortText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for ShortText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(&*std::borrow::Cow::<'de, str>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_long_a_text_is_what_it_was_made_of() {
        for length in [0, 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1, 1000] {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let made = [ShortText::from(&*text), ShortText::format(format_args!("{text}"))];
            for it in &made {
                assert_eq!((it.as_str(), it.to_string()), (&*text, text.clone()));
                assert_eq!(matches!(it.0, Repr::Inline(_)), length <= INLINE_MAX, "{length}");
                let json = serde_json::to_string(it).unwrap();
                assert_eq!(serde_json::from_str::<ShortText>(&json).unwrap(), *it);
            }
            assert_eq!(made[0], made[1]);
            assert_eq!(format!("{:?}", made[0]), format!("{text:?}"));
        }
        assert!(ShortText::from("a") < ShortText::from("b"));
    }
}
