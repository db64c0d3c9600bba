//! Keys, signatures and request timing.
//!
//! Source: protocol sheet for Binance, section 2 ("Signing" and "Time").

use std::collections::HashMap;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use sha2::Sha256;

use super::errors::{
    ApiError, BAD_RECV_WINDOW, BAD_SIGNATURE, KEY_FORMAT, REJECTED_KEY, TIMESTAMP_AHEAD,
    TIMESTAMP_OUTSIDE,
};
use super::params::Params;
use crate::config::{ApiKey, KeySecret};

const DEFAULT_RECV_WINDOW_MS: u64 = 5_000;
const MAX_RECV_WINDOW_MS: u64 = 60_000;
const MAX_AHEAD_MS: u64 = 1_000;
/// Timestamps from here on are in microseconds.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

/// What an endpoint asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// Nothing.
    Public,
    /// A known key in the header.
    Key,
    /// Key, timestamp and signature.
    Signed,
    /// `Signed`, with a key that may trade.
    Trade,
}

/// A key the venue knows.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) account: usize,
    trade: bool,
    verifier: Verifier,
}

enum Verifier {
    /// The keyed state before any message byte.
    Hmac(Box<Hmac<Sha256>>),
    Ed25519(Box<VerifyingKey>),
    /// A public key that is no curve point verifies nothing.
    Never,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// All registered keys.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    keys: HashMap<String, Key>,
}

impl Keyring {
    pub(super) fn new(keys: &[ApiKey]) -> Self {
        let entry = |k: &ApiKey| {
            let verifier = match &k.secret {
                KeySecret::Hmac(secret) => Hmac::new_from_slice(secret.as_bytes())
                    .map_or(Verifier::Never, |mac| Verifier::Hmac(Box::new(mac))),
                KeySecret::Ed25519(public) => VerifyingKey::from_bytes(public)
                    .map_or(Verifier::Never, |key| Verifier::Ed25519(Box::new(key))),
            };
            (k.key.clone(), Key { account: k.account, trade: k.trade, verifier })
        };
        Self { keys: keys.iter().map(entry).collect() }
    }

    /// Finds the caller's key.
    ///
    /// # Errors
    /// -2014 without a key, -2015 for an unknown one or one that may not do this.
    pub(super) fn find(&self, header: Option<&str>, needs: Security) -> Result<&Key, ApiError> {
        let text = header.filter(|k| !k.is_empty()).ok_or(KEY_FORMAT)?;
        let key = self.keys.get(text).ok_or(REJECTED_KEY)?;
        if needs == Security::Trade && !key.trade {
            return Err(REJECTED_KEY);
        }
        Ok(key)
    }
}

impl Key {
    /// Checks signature and timing of a signed request at the venue's time.
    ///
    /// # Errors
    /// -1102 for missing parts, -1131, -1022 and -1021.
    pub(super) fn verify(&self, params: &Params<'_>, server_ms: u64) -> Result<(), ApiError> {
        self.check(params, server_ms, true)
    }

    /// Checks the timing alone, for a session that has logged on.
    ///
    /// # Errors
    /// As [`Key::verify`], signatures apart.
    pub(super) fn verify_time(&self, params: &Params<'_>, server_ms: u64) -> Result<(), ApiError> {
        self.check(params, server_ms, false)
    }

    /// Whether the key can log a session on.
    pub(super) fn is_ed25519(&self) -> bool {
        matches!(self.verifier, Verifier::Ed25519(_))
    }

    fn check(&self, params: &Params<'_>, server_ms: u64, signed: bool) -> Result<(), ApiError> {
        let timestamp =
            params.integer("timestamp")?.ok_or_else(|| ApiError::missing("timestamp"))?;
        let signature = params.signature().filter(|s| !s.is_empty());
        if signed && signature.is_none() {
            return Err(ApiError::missing("signature"));
        }
        let window = match params.decimal("recvWindow")? {
            None => Decimal::from(DEFAULT_RECV_WINDOW_MS),
            Some(w) if w > Decimal::from(MAX_RECV_WINDOW_MS) => return Err(BAD_RECV_WINDOW),
            Some(w) => w,
        };
        let payload = params.payload();
        if signed && !signature.is_some_and(|s| self.verifier.accepts(payload, s)) {
            return Err(BAD_SIGNATURE);
        }
        let sent_us = match timestamp {
            us if us >= MICROSECONDS_FROM => us,
            ms => ms * 1_000,
        };
        let server_us = server_ms.saturating_mul(1_000);
        if sent_us >= server_us.saturating_add(MAX_AHEAD_MS * 1_000) {
            return Err(TIMESTAMP_AHEAD);
        }
        let age = Decimal::from(server_us.saturating_sub(sent_us));
        if age > window * Decimal::ONE_THOUSAND {
            return Err(TIMESTAMP_OUTSIDE);
        }
        Ok(())
    }
}

impl Verifier {
    fn accepts(&self, payload: [&str; 4], signature: &str) -> bool {
        match self {
            Self::Hmac(state) => {
                let Ok(expected) = const_hex::decode_to_array::<_, 32>(signature) else {
                    return false;
                };
                // `0x` is a prefix to the decoder but not to the venue.
                if signature.len() != 64 {
                    return false;
                }
                let mut mac = state.as_ref().clone();
                for piece in payload {
                    mac.update(piece.as_bytes());
                }
                mac.verify_slice(&expected).is_ok()
            }
            Self::Ed25519(key) => {
                let mut bytes = [0_u8; 64];
                let Ok(decoded) = Base64::decode(signature, &mut bytes) else { return false };
                let Ok(signature) = Signature::from_slice(decoded) else { return false };
                key.verify_strict(payload.concat().as_bytes(), &signature).is_ok()
            }
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn key() -> Key {
        let ring = Keyring::new(&[ApiKey::hmac("k", "secret")]);
        ring.keys.into_values().next().expect("one key")
    }

    fn sign(payload: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length");
        mac.update(payload.as_bytes());
        const_hex::encode(mac.finalize().into_bytes())
    }

    fn verify(payload: &str) -> Result<(), i32> {
        let query = format!("{payload}&signature={}", sign(payload));
        let params = Params::parse(&query, b"").expect("parsable");
        key().verify(&params, NOW).map_err(|e| e.code)
    }

    #[test]
    fn the_window_is_open_to_just_before_one_second_ahead_and_to_recv_window_behind() {
        let at = |offset: i64, window: &str| {
            verify(&format!("timestamp={}{window}", NOW as i64 + offset))
        };
        assert_eq!(at(0, ""), Ok(()));
        assert_eq!(at(999, ""), Ok(()));
        assert_eq!(at(1_000, ""), Err(-1021));
        assert_eq!(at(-5_000, ""), Ok(()));
        assert_eq!(at(-5_001, ""), Err(-1021));
        assert_eq!(at(-50, "&recvWindow=49"), Err(-1021));
        assert_eq!(at(-50, "&recvWindow=50"), Ok(()));
        assert_eq!(at(-60_000, "&recvWindow=60000"), Ok(()));
        assert_eq!(at(0, "&recvWindow=60001"), Err(-1131));
        assert_eq!(verify(&format!("timestamp={}", NOW * 1_000)), Ok(()), "microseconds");
    }

    #[test]
    fn hex_case_is_free_and_one_wrong_digit_is_fatal() {
        let payload = format!("timestamp={NOW}");
        let good = sign(&payload);
        let check = |signature: &str| {
            let query = format!("{payload}&signature={signature}");
            let params = Params::parse(&query, b"").expect("parsable");
            key().verify(&params, NOW).map_err(|e| e.code)
        };
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(&good.to_uppercase()), Ok(()));
        let flipped = if good.starts_with('0') { "1" } else { "0" };
        assert_eq!(check(&format!("{flipped}{}", &good[1..])), Err(-1022));
        assert_eq!(check(&format!("0x{good}")), Err(-1022));
        assert_eq!(check("zz"), Err(-1022));
        assert_eq!(check(""), Err(-1102));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Keyring::new(&[ApiKey::hmac("k", "topsecret")]));
        assert!(!shown.contains("topsecret"), "{shown}");
        let shown = format!("{:?}", ApiKey::hmac("thekey", "topsecret"));
        assert!(!shown.contains("topsecret") && !shown.contains("thekey"), "{shown}");
    }
}
