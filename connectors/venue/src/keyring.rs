//! HMAC keys of the fronts that sign bytes outside the query string, and generated credentials.

use std::collections::HashMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use sha2::Sha256;

use crate::config::{ApiKey, KeySecret};

/// All registered keys of one front.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: HashMap<String, Key>,
    default: Credentials,
}

/// A key the venue knows.
pub(crate) struct Key {
    pub(crate) account: usize,
    pub(crate) trade: bool,
    /// The keyed state before any message byte; none for a key of a kind the venue does not have.
    state: Option<Hmac<Sha256>>,
}

struct Credentials {
    key: String,
    secret: String,
}

impl Keyring {
    /// The configured keys, or `generated` when there are none.
    pub(crate) fn new(configured: &[ApiKey], generated: ApiKey) -> Self {
        let keys =
            if configured.is_empty() { std::slice::from_ref(&generated) } else { configured };
        let default = keys.iter().find_map(|k| match &k.secret {
            KeySecret::Hmac(secret) => {
                Some(Credentials { key: k.key.clone(), secret: secret.clone() })
            }
            KeySecret::Ed25519(_) => None,
        });
        let entry = |k: &ApiKey| {
            let state = match &k.secret {
                KeySecret::Hmac(secret) => Hmac::new_from_slice(secret.as_bytes()).ok(),
                KeySecret::Ed25519(_) => None,
            };
            (k.key.clone(), Key { account: k.account, trade: k.trade, state })
        };
        Self {
            keys: keys.iter().map(entry).collect(),
            default: default
                .unwrap_or_else(|| Credentials { key: String::new(), secret: String::new() }),
        }
    }

    pub(crate) fn find(&self, key: &str) -> Option<&Key> {
        self.keys.get(key)
    }

    /// Key and secret of the first HMAC key.
    pub(crate) fn default_key(&self) -> (&str, &str) {
        (&self.default.key, &self.default.secret)
    }
}

impl Key {
    /// Whether `signature` is the lower-case hex HMAC-SHA256 of the pieces in a row. Compared in
    /// constant time.
    pub(crate) fn signed(&self, pieces: &[&[u8]], signature: &str) -> bool {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if signature.len() != 64 || !signature.bytes().all(lower) {
            return false;
        }
        let (Some(state), Ok(claimed)) =
            (&self.state, const_hex::decode_to_array::<_, 32>(signature))
        else {
            return false;
        };
        let mut mac = state.clone();
        for piece in pieces {
            mac.update(piece);
        }
        mac.verify_slice(&claimed).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("account", &self.account).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Letters and digits. Two of 64 draws are thrown away, so that all are equally likely.
pub(crate) fn random_text(rng: &mut ChaCha8Rng, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let draws = std::iter::repeat_with(|| (rng.next_u32() >> 26) as usize);
    draws.filter_map(|n| ALPHABET.get(n).copied().map(char::from)).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_hex_over_the_exact_bytes_is_accepted() {
        let ring = Keyring::new(&[], ApiKey::hmac("k", "secret"));
        let key = ring.find("k").expect("registered");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length");
        mac.update(b"payload");
        let good = const_hex::encode(mac.finalize().into_bytes());
        assert!(key.signed(&[b"pay", b"load"], &good));
        assert!(!key.signed(&[b"payload "], &good));
        assert!(!key.signed(&[b"payload"], &good.to_uppercase()));
        assert!(!key.signed(&[b"payload"], &good[1..]));
        assert!(ring.find("K").is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let ring = Keyring::new(&[], ApiKey::hmac("thekey1", "topsecret"));
        let shown = format!("{ring:?} {:?}", ring.find("thekey1"));
        assert!(!shown.contains("topsecret"), "{shown}");
    }
}
