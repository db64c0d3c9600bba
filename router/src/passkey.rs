use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What the manifest ships as the passkey, and what therefore opens nothing (data.md §3).
const PLACEHOLDER: &str = "your_key";

/// What a digest begins with.
const DIGEST: &str = "sha256:";

/// A configured passkey, kept as its SHA-256 digest only.
#[derive(Clone, PartialEq, Eq)]
pub struct Passkey([u8; 32]);

impl Passkey {
    /// One that nobody has: no text is known whose digest it is.
    pub(crate) const NOBODYS: Self = Self([0; 32]);

    /// Reads a configured value: the passkey itself or `sha256:<hex>` (gateway.md §4, Guidance).
    ///
    /// An empty value, the placeholder `your_key` or a malformed digest is no passkey: nobody
    /// authenticates with it.
    ///
    /// ```
    /// use hoox_router::Passkey;
    ///
    /// let passkey = Passkey::from_config("correct horse").unwrap();
    /// assert!(passkey.verify("correct horse").is_some());
    /// assert!(passkey.verify("wrong horse").is_none());
    /// assert!(Passkey::from_config("your_key").is_none());
    /// ```
    pub fn from_config(value: &str) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() || value == PLACEHOLDER {
            return None;
        }
        match value.strip_prefix(DIGEST) {
            Some(hex) => const_hex::decode_to_array(hex.trim()).ok().map(Self),
            None => Some(Self(digest(value))),
        }
    }

    /// Whether a configured value is meant to be a digest and is none.
    pub(crate) fn is_broken_digest(value: &str) -> bool {
        value.starts_with(DIGEST) && Self::from_config(value).is_none()
    }

    /// Compares digests in constant time; who presents the right passkey is identified by its digest.
    pub fn verify(&self, presented: &str) -> Option<CallerId> {
        let presented_digest = digest(presented);
        let equal: bool = self.0.ct_eq(&presented_digest).into();
        (equal && !presented.is_empty() && presented != PLACEHOLDER)
            .then_some(CallerId(presented_digest))
    }
}

impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passkey([redacted])")
    }
}

/// Who sent a signal: the SHA-256 digest of the passkey, never the passkey (gateway.md §7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerId([u8; 32]);

impl CallerId {
    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CallerId {
    /// The digest in lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(const_hex::Buffer::<32>::new().format(&self.0))
    }
}

impl fmt::Debug for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A digest of a weak passkey can be guessed back from.
        f.write_str("CallerId([redacted])")
    }
}

pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_hashed_values_open_alike() {
        let hashed = format!("sha256:{}", const_hex::encode(digest("open sesame")));
        for value in ["open sesame", &hashed, &hashed.to_uppercase().replace("SHA256", "sha256")] {
            let passkey = Passkey::from_config(value).unwrap();
            assert!(passkey.verify("open sesame").is_some());
            for wrong in ["", "open sesame ", "Open sesame", &hashed, "your_key"] {
                assert_eq!(passkey.verify(wrong), None, "{wrong}");
            }
        }
    }

    #[test]
    fn empty_and_placeholder_values_authenticate_nobody() {
        for value in ["", "  ", "your_key", " your_key ", "sha256:", "sha256:abc", "sha256:zz"] {
            assert_eq!(Passkey::from_config(value), None, "{value}");
        }
        for text in ["your_key", ""] {
            let hashed = format!("sha256:{}", const_hex::encode(digest(text)));
            assert_eq!(Passkey::from_config(&hashed).unwrap().verify(text), None);
        }
    }

    #[test]
    fn nothing_is_printed() {
        let passkey = Passkey::from_config("secret").unwrap();
        let caller = passkey.verify("secret").unwrap();
        assert_eq!(format!("{passkey:?} {caller:?}"), "Passkey([redacted]) CallerId([redacted])");
    }
}
