use core::fmt;

use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};

use crate::KeyError;

/// An RSA private key, signing PKCS#1 v1.5 with SHA-256 (feature `rsa`).
///
/// For accounts that already have one: a signature takes about a millisecond, and the `rsa` crate
/// does not promise constant time (RUSTSEC-2023-0071). Prefer Ed25519.
#[derive(Clone)]
pub struct RsaKey {
    key: SigningKey<Sha256>,
}

impl RsaKey {
    /// Reads a PKCS#8 PEM document (`-----BEGIN PRIVATE KEY-----`).
    ///
    /// # Errors
    /// [`KeyError::Rsa`] if the document is not an RSA key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        match RsaPrivateKey::from_pkcs8_pem(pem) {
            Ok(key) => Ok(Self { key: SigningKey::new(key) }),
            Err(_) => Err(KeyError::Rsa),
        }
    }

    /// The signature of `message`, as long as the key's modulus.
    ///
    /// # Errors
    /// [`KeyError::Rsa`] if the modulus is too short for SHA-256.
    pub fn sign(&self, message: &[u8]) -> Result<Box<[u8]>, KeyError> {
        match self.key.try_sign(message) {
            Ok(signature) => Ok(signature.to_bytes()),
            Err(_) => Err(KeyError::Rsa),
        }
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey([redacted])")
    }
}
