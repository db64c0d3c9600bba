use core::fmt;

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};

use crate::KeyError;

/// An Ed25519 private key (feature `ed25519`).
///
/// The kind Binance recommends, and the only one that logs its WebSocket session on.
#[derive(Clone)]
pub struct Ed25519Key {
    key: SigningKey,
}

impl Ed25519Key {
    /// Reads a PKCS#8 PEM document (`-----BEGIN PRIVATE KEY-----`).
    ///
    /// # Errors
    /// [`KeyError::Ed25519`] if the document is not an Ed25519 key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        match SigningKey::from_pkcs8_pem(pem) {
            Ok(key) => Ok(Self { key }),
            Err(_) => Err(KeyError::Ed25519),
        }
    }

    /// The 64-byte signature of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// The 32-byte public key, as registered at the venue.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key([redacted])")
    }
}
