use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// An HMAC-SHA256 key with its inner and outer hash states computed once.
///
/// Signing clones the two states (two 32-byte chaining values), so a signature costs the blocks of
/// the message and one more, never the key schedule. The states are wiped when the key is dropped,
/// and `Debug` prints no key material.
///
/// ```
/// use hoox_signer::HmacKey;
///
/// let key = HmacKey::new(b"secret");
/// assert_eq!(key.sign(&[b"a=1", b"&b=2"]), key.sign(&[b"a=1&b=2"]));
/// ```
#[derive(Clone)]
pub struct HmacKey {
    initial: Hmac<Sha256>,
}

impl HmacKey {
    /// Derives both hash states from `secret`. Any length is a key, as RFC 2104 has it.
    pub fn new(secret: &[u8]) -> Self {
        let initial = match Hmac::<Sha256>::new_from_slice(secret) {
            Ok(mac) => mac,
            // `hmac` accepts every length; the fallback exists so that no panic path does.
            Err(_) => Hmac::<Sha256>::new(&Default::default()),
        };
        Self { initial }
    }

    /// Signs the concatenation of `parts` without copying them together.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = self.begin();
        for part in parts {
            state.update(part);
        }
        state.finish()
    }

    /// Whether `signature` signs the concatenation of `parts`; takes the same time for every wrong
    /// signature.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.sign(parts).as_slice().ct_eq(signature).into()
    }

    /// Starts a signature whose message arrives piece by piece, or whose beginning is shared by many
    /// messages: clone the [`HmacState`] after the shared part.
    pub fn begin(&self) -> HmacState {
        HmacState { mac: self.initial.clone() }
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey([redacted])")
    }
}

/// A signature in the making: the hash state after a prefix of the message.
#[derive(Clone)]
pub struct HmacState {
    mac: Hmac<Sha256>,
}

impl HmacState {
    /// Appends `bytes` to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        self.mac.update(bytes);
    }

    /// The signature of everything appended so far.
    pub fn finish(self) -> [u8; 32] {
        self.mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for HmacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacState([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_test_case_2() {
        let key = HmacKey::new(b"Jefe");
        let expected =
            const_hex_decode("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(key.sign(&[b"what do ya want for nothing?"]), expected);
        assert!(key.verify(&[b"what do ya want ", b"for nothing?"], &expected));
        assert!(!key.verify(&[b"what do ya want for nothing"], &expected));
        assert!(!key.verify(&[b"what do ya want for nothing?"], &expected[..31]));
    }

    #[test]
    fn a_key_longer_than_a_block_is_hashed_first() {
        let key = HmacKey::new(&[0xaa; 131]);
        let expected =
            const_hex_decode("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        assert_eq!(
            key.sign(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]),
            expected
        );
    }

    #[test]
    fn debug_shows_no_key_material() {
        let key = HmacKey::new(b"very-secret");
        assert_eq!(
            format!("{key:?} {:?}", key.begin()),
            "HmacKey([redacted]) HmacState([redacted])"
        );
    }

    fn const_hex_decode(text: &str) -> [u8; 32] {
        const_hex::decode_to_array(text).unwrap()
    }
}
