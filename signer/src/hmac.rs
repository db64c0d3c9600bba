use core::{fmt, slice};

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// SHA-256's block, in bytes.
const BLOCK: usize = 64;

/// SHA-256's initial chaining value (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// An HMAC-SHA256 key with its inner and outer hash states computed once.
///
/// A signature costs the blocks of the message and one more, never the key schedule. The states are
/// wiped when the key is dropped, and `Debug` prints no key material.
///
/// Built on `sha2`'s compression function rather than on `hmac`'s buffered types, which clone and wipe
/// two buffers for every signature; checked against those.
///
/// ```
/// use hoox_signer::HmacKey;
///
/// let key = HmacKey::new(b"secret");
/// assert_eq!(key.sign(&[b"a=1", b"&b=2"]), key.sign(&[b"a=1&b=2"]));
/// ```
#[derive(Clone)]
pub struct HmacKey {
    inner: Chaining,
    outer: Chaining,
}

impl HmacKey {
    /// Derives both hash states from `secret`. Any length is a key, as RFC 2104 has it.
    pub fn new(secret: &[u8]) -> Self {
        let mut block = Zeroizing::new([0_u8; BLOCK]);
        match block.get_mut(..secret.len()) {
            Some(start) => start.copy_from_slice(secret),
            None => {
                let hash: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(secret).into());
                block.iter_mut().zip(*hash).for_each(|(byte, hashed)| *byte = hashed);
            }
        }
        Self { inner: Chaining::keyed(&block, 0x36), outer: Chaining::keyed(&block, 0x5c) }
    }

    /// Signs the concatenation of `parts` without copying them together.
    #[inline]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        if let [message] = parts {
            return self.sign_whole(message);
        }
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
    #[inline]
    pub fn begin(&self) -> HmacState {
        HmacState {
            inner: self.inner.clone(),
            outer: self.outer.clone(),
            pending: [0; BLOCK],
            length: 0,
        }
    }

    /// A message that lies in one piece is hashed where it lies.
    #[inline]
    fn sign_whole(&self, message: &[u8]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        compress256(&mut inner.0, blocks);
        inner.finish(rest, message.len() as u64);
        self.outer.clone().wrap(&inner)
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
    inner: Chaining,
    outer: Chaining,
    /// The bytes after the last whole block.
    pending: [u8; BLOCK],
    /// The message's length so far, in bytes.
    length: u64,
}

impl HmacState {
    /// Appends `bytes` to the message.
    #[inline]
    pub fn update(&mut self, mut bytes: &[u8]) {
        let held = self.held();
        self.length += bytes.len() as u64;
        if held > 0 {
            let (_, free) = self.pending.split_at_mut(held);
            let Some((now, later)) = bytes.split_at_checked(free.len()) else {
                free.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                return;
            };
            free.copy_from_slice(now);
            compress256(&mut self.inner.0, slice::from_ref(&self.pending));
            bytes = later;
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        if !blocks.is_empty() {
            compress256(&mut self.inner.0, blocks);
        }
        let (start, _) = self.pending.split_at_mut(rest.len());
        start.copy_from_slice(rest);
    }

    /// The signature of everything appended so far.
    #[inline]
    pub fn finish(mut self) -> [u8; 32] {
        let (pending, _) = self.pending.split_at(self.held());
        self.inner.finish(pending, self.length);
        self.outer.wrap(&self.inner)
    }

    /// The signature of everything appended so far and `rest`, which need not be copied to be hashed
    /// if what came before ended with a whole block of 64 bytes. The state stays as it is.
    #[inline]
    pub fn finish_with(&self, rest: &[u8]) -> [u8; 32] {
        if self.held() > 0 {
            let mut state = self.clone();
            state.update(rest);
            return state.finish();
        }
        let mut inner = self.inner.clone();
        let (blocks, tail) = rest.as_chunks::<BLOCK>();
        compress256(&mut inner.0, blocks);
        inner.finish(tail, self.length + rest.len() as u64);
        self.outer.clone().wrap(&inner)
    }

    /// How many bytes wait for their block to fill.
    #[inline]
    fn held(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }
}

impl fmt::Debug for HmacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacState([redacted])")
    }
}

/// A SHA-256 chaining value after the key's block, wiped when dropped.
#[derive(Clone)]
struct Chaining([u32; 8]);

impl Chaining {
    /// The state after the key's block, each byte of it masked (RFC 2104).
    fn keyed(key: &[u8; BLOCK], mask: u8) -> Self {
        let mut state = Self(INITIAL);
        let block = Zeroizing::new(key.map(|byte| byte ^ mask));
        compress256(&mut state.0, &[*block]);
        state
    }

    /// Hashes the message's last bytes, fewer than a block of them, and the padding (FIPS 180-4,
    /// 5.1.1). `length` is the message's, without the key's block.
    #[inline]
    fn finish(&mut self, rest: &[u8], length: u64) {
        let mut last = [[0_u8; BLOCK]; 2];
        let bytes = last.as_flattened_mut();
        if let Some((start, [marker, ..])) = bytes.split_at_mut_checked(rest.len()) {
            start.copy_from_slice(rest);
            *marker = 0x80;
        }
        let bits = ((length + BLOCK as u64) * 8).to_be_bytes();
        let [first, second] = &mut last;
        // The marker and the eight bytes of the length have to fit behind the rest.
        if rest.len() + 9 <= BLOCK {
            write_length(first, bits);
            // In place: a copy would have to wait for the bytes just written.
            compress256(&mut self.0, slice::from_ref(first));
        } else {
            write_length(second, bits);
            compress256(&mut self.0, &last);
        }
    }

    /// The outer hash, over the inner one.
    #[inline]
    fn wrap(mut self, inner: &Self) -> [u8; 32] {
        let mut block = [0_u8; BLOCK];
        let (hash, rest) = block.split_at_mut(32);
        inner.write(hash);
        if let [marker, ..] = rest {
            *marker = 0x80;
        }
        write_length(&mut block, ((BLOCK as u64 + 32) * 8).to_be_bytes());
        compress256(&mut self.0, slice::from_ref(&block));
        let mut signature = [0; 32];
        self.write(&mut signature);
        signature
    }

    #[inline]
    fn write(&self, out: &mut [u8]) {
        for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            *bytes = word.to_be_bytes();
        }
    }
}

impl Drop for Chaining {
    #[inline]
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[inline]
fn write_length(block: &mut [u8; BLOCK], bits: [u8; 8]) {
    if let Some(end) = block.last_chunk_mut::<8>() {
        *end = bits;
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

    #[test]
    fn every_length_and_every_split_agrees_with_the_hmac_crate() {
        use hmac::{KeyInit, Mac};
        let message: Vec<u8> = (0..=255).cycle().take(400).collect();
        for key_length in [0, 1, 31, 63, 64, 65, 131] {
            let secret = message.get(..key_length).unwrap();
            let key = HmacKey::new(secret);
            for length in 0..message.len() {
                let message = message.get(..length).unwrap();
                let mut mac = hmac::Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.update(message);
                let expected: [u8; 32] = mac.finalize().into_bytes().into();
                assert_eq!(key.sign(&[message]), expected, "{key_length} {length}");
                for split in
                    [0, 1, 64, 128, length / 3, length / 2, length.saturating_sub(1), length]
                {
                    let (first, second) = message.split_at(split.min(length));
                    let mut state = key.begin();
                    state.update(first);
                    let mut shared = state.clone();
                    shared.update(second);
                    assert_eq!(shared.finish(), expected, "{key_length} {length} {split}");
                    assert_eq!(
                        state.finish_with(second),
                        expected,
                        "{key_length} {length} {split}"
                    );
                    assert_eq!(key.sign(&[first, b"", second]), expected);
                    // The state the copy was taken from goes on by itself.
                    state.update(second);
                    assert_eq!(state.finish(), expected);
                }
            }
        }
    }

    fn const_hex_decode(text: &str) -> [u8; 32] {
        const_hex::decode_to_array(text).unwrap()
    }
}
