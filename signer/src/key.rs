use core::fmt;

use thiserror::Error;

use crate::{HmacKey, Secret};

/// A private key of one of the kinds the venues take.
#[derive(Clone)]
#[non_exhaustive]
pub enum SigningKey {
    /// HMAC-SHA256 with a shared secret; the signature is written as lower-case hex.
    Hmac(HmacKey),
    /// Ed25519; the signature is written as base64.
    #[cfg(feature = "ed25519")]
    Ed25519(Box<crate::Ed25519Key>),
    /// RSA, PKCS#1 v1.5 with SHA-256; the signature is written as base64.
    #[cfg(feature = "rsa")]
    Rsa(Box<crate::RsaKey>),
}

impl SigningKey {
    /// Reads a PKCS#8 PEM document of whichever kind the enabled features know.
    ///
    /// # Errors
    /// [`KeyError::Pem`] if no enabled kind reads it.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        #[cfg(feature = "ed25519")]
        if let Ok(key) = crate::Ed25519Key::from_pkcs8_pem(pem) {
            return Ok(Self::Ed25519(Box::new(key)));
        }
        #[cfg(feature = "rsa")]
        if let Ok(key) = crate::RsaKey::from_pkcs8_pem(pem) {
            return Ok(Self::Rsa(Box::new(key)));
        }
        let _ = pem;
        Err(KeyError::Pem)
    }

    /// Signs `payload`.
    ///
    /// # Errors
    /// [`KeyError::Rsa`] for an RSA key too short for SHA-256; the other kinds do not fail.
    #[inline]
    pub fn sign(&self, payload: &[u8]) -> Result<Signature, KeyError> {
        Ok(match self {
            Self::Hmac(key) => Signature::Hmac(key.sign(&[payload])),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => Signature::Ed25519(key.sign(payload)),
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => Signature::Rsa(key.sign(payload)?),
        })
    }

    /// Whether this is an Ed25519 key, which alone may log on to Binance's WebSocket API.
    pub fn is_ed25519(&self) -> bool {
        #[cfg(feature = "ed25519")]
        return matches!(self, Self::Ed25519(_));
        #[cfg(not(feature = "ed25519"))]
        false
    }

    /// Whether this is a shared-secret HMAC key.
    pub fn is_hmac(&self) -> bool {
        matches!(self, Self::Hmac(_))
    }
}

impl From<HmacKey> for SigningKey {
    fn from(key: HmacKey) -> Self {
        Self::Hmac(key)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac([redacted])",
            #[cfg(feature = "ed25519")]
            Self::Ed25519(_) => "Ed25519([redacted])",
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => "Rsa([redacted])",
        })
    }
}

/// Why a key cannot be used. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No enabled key kind reads this PEM document.
    #[error("not a PKCS#8 private key of an enabled kind (Ed25519, RSA)")]
    Pem,
    /// Not an Ed25519 key.
    #[error("not a PKCS#8 Ed25519 private key")]
    Ed25519,
    /// Not an RSA key, or one too short to sign SHA-256.
    #[error("not a PKCS#8 RSA private key of at least 512 bits")]
    Rsa,
}

/// What goes before and after a signature's characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hex or base64 as it is: for headers and JSON.
    Plain,
    /// The base64 characters `+`, `/` and `=` percent-encoded: for a query or a form body.
    Url,
}

/// The bytes of a signature, before they become text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// HMAC-SHA256.
    Hmac([u8; 32]),
    /// Ed25519.
    #[cfg(feature = "ed25519")]
    Ed25519([u8; 64]),
    /// RSA, as long as the modulus.
    #[cfg(feature = "rsa")]
    Rsa(Box<[u8]>),
}

impl Signature {
    /// Appends the signature to `out`: HMAC as lower-case hex, the others as base64.
    #[inline]
    pub fn write(&self, out: &mut String, encoding: Encoding) {
        match self {
            Self::Hmac(bytes) => {
                let _ = encoding;
                out.push_str(const_hex::Buffer::<32>::new().format(bytes));
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519(bytes) => write_base64(bytes, out, encoding),
            #[cfg(feature = "rsa")]
            Self::Rsa(bytes) => write_base64(bytes, out, encoding),
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature([redacted])")
    }
}

#[cfg(any(feature = "ed25519", feature = "rsa"))]
fn write_base64(bytes: &[u8], out: &mut String, encoding: Encoding) {
    use base64ct::{Base64, Encoding as _};
    // Triples, so that each chunk encodes on its own; padding falls on the last.
    let mut quad = [0u8; 4];
    for chunk in bytes.chunks(3) {
        let Ok(text) = Base64::encode(chunk, &mut quad) else { continue };
        for character in text.chars() {
            match (encoding, character) {
                (Encoding::Url, '+') => out.push_str("%2B"),
                (Encoding::Url, '/') => out.push_str("%2F"),
                (Encoding::Url, '=') => out.push_str("%3D"),
                _ => out.push(character),
            }
        }
    }
}

/// An API key and what signs for it.
///
/// ```
/// use hoox_signer::Credentials;
///
/// let credentials = Credentials::hmac("api-key", "api-secret");
/// assert_eq!(format!("{credentials:?}"), "Credentials { api_key: Secret([redacted]), key: Hmac([redacted]) }");
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    api_key: Secret,
    key: SigningKey,
}

impl Credentials {
    /// Pairs an API key with any signing key.
    pub fn new(api_key: impl Into<Secret>, key: SigningKey) -> Self {
        Self { api_key: api_key.into(), key }
    }

    /// The common case: an API key and its shared secret.
    pub fn hmac(api_key: &str, secret: &str) -> Self {
        Self::new(api_key, HmacKey::new(secret.as_bytes()).into())
    }

    /// The usual rule of configuration files: a PEM document is an asymmetric key, anything else a
    /// shared secret.
    ///
    /// # Errors
    /// [`KeyError::Pem`] for a PEM document that no enabled key kind reads.
    pub fn from_secret(api_key: &str, secret: &str) -> Result<Self, KeyError> {
        if secret.trim_start().starts_with("-----BEGIN") {
            return Ok(Self::new(api_key, SigningKey::from_pkcs8_pem(secret)?));
        }
        Ok(Self::hmac(api_key, secret))
    }

    /// The API key, as it goes into a header.
    pub fn api_key(&self) -> &str {
        self.api_key.expose()
    }

    /// The signing key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}
