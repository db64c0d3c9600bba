use core::fmt;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The name of one request, a UUID v4 where we make it: `requestId` in every body, `X-Request-Id` in
/// every header, `request_id` in every row (spec README §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(ArrayString<36>);

impl RequestId {
    /// Takes an id that came with the request: 1 to 36 letters, digits and hyphens.
    ///
    /// # Errors
    /// [`InvalidRequestId`].
    pub fn new(text: &str) -> Result<Self, InvalidRequestId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidRequestId);
        }
        ArrayString::from(text).map(Self).map_err(|_| InvalidRequestId)
    }

    /// A UUID v4 from 16 random bytes (RFC 9562 §5.4).
    ///
    /// ```
    /// let id = hoox_router::RequestId::from_random([0xab; 16]);
    /// assert_eq!(id.as_str(), "abababab-abab-4bab-abab-abababababab");
    /// ```
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = ArrayString::new();
        for (index, byte) in bytes.into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        Self(text)
    }

    /// The id of one part of this request: the same whenever it is made of the same name.
    pub(crate) fn part(&self, name: &str) -> Self {
        let digest = Sha256::new().chain_update(self.as_str()).chain_update([0]).chain_update(name);
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Self::from_random(bytes)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a request id is 1 to 36 letters, digits and hyphens")]
pub struct InvalidRequestId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_texts_are_ids() {
        for text in ["", "a b", "a\r\nX-Evil: 1", &"a".repeat(37), "é"] {
            assert_eq!(RequestId::new(text), Err(InvalidRequestId), "{text:?}");
        }
        let id = RequestId::new("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d").unwrap();
        assert_eq!(
            serde_json::from_str::<RequestId>(&serde_json::to_string(&id).unwrap()).unwrap(),
            id
        );
    }
}
