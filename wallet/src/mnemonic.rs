use core::fmt;

use coins_bip32::BIP32_HARDEN;
use coins_bip32::path::DerivationPath;
use coins_bip32::xkeys::XPriv;
use coins_bip39::{English, Wordlist};
use k256::ecdsa::SigningKey;
use sha2::{Digest, Sha256, Sha512};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{Account, KeyError};

/// Rounds of PBKDF2 (BIP-39, "From mnemonic to seed").
const ROUNDS: u32 = 2048;

/// The path of an account without its index (BIP-44, coin 60).
const ACCOUNTS: [u32; 4] = [44 + BIP32_HARDEN, 60 + BIP32_HARDEN, BIP32_HARDEN, 0];

/// The deepest path that is derived; each level costs a multiplication on the curve.
const DEPTH_MAX: usize = 10;

/// The seed of a BIP-39 mnemonic in English, from which accounts are derived by BIP-32. Erased from
/// memory when dropped; never shown.
#[derive(Clone)]
pub struct Mnemonic {
    seed: Zeroizing<[u8; 64]>,
}

impl Mnemonic {
    /// The mnemonic of 12 to 24 words, with a passphrase, which may be empty. Words are lower case;
    /// any white space separates them.
    ///
    /// Takes about a millisecond, by BIP-39's design: keep the result.
    ///
    /// # Errors
    /// [`KeyError::WordCount`], [`KeyError::Word`], [`KeyError::Checksum`].
    pub fn new(words: &str, passphrase: &str) -> Result<Self, KeyError> {
        // Room for all, so that growing leaves no copies behind.
        let mut phrase = Zeroizing::new(String::with_capacity(words.len()));
        let mut indexes = Zeroizing::new(Vec::with_capacity(24));
        let count = words.split_whitespace().count();
        if !matches!(count, 12 | 15 | 18 | 21 | 24) {
            return Err(KeyError::WordCount(count));
        }
        for (at, word) in words.split_whitespace().enumerate() {
            indexes.push(English::get_index(word).map_err(|_| KeyError::Word(at + 1))?);
            if at > 0 {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        check(&indexes)?;
        let mut salt = Zeroizing::new(String::with_capacity(8 + 4 * passphrase.len()));
        salt.push_str("mnemonic");
        salt.extend(passphrase.nfkd());
        let mut seed = Zeroizing::new([0; 64]);
        pbkdf2::pbkdf2_hmac::<Sha512>(phrase.as_bytes(), salt.as_bytes(), ROUNDS, seed.as_mut());
        Ok(Self { seed })
    }

    /// A BIP-32 seed itself, for keys that were not made from English words.
    pub fn from_seed(seed: [u8; 64]) -> Self {
        Self { seed: Zeroizing::new(seed) }
    }

    /// Account `index` of the usual path, `m/44'/60'/0'/0/index`.
    ///
    /// # Errors
    /// [`KeyError::Path`] if the index is 2³¹ or more.
    pub fn account(&self, index: u32) -> Result<Account, KeyError> {
        if index >= BIP32_HARDEN {
            return Err(KeyError::Path);
        }
        let mut path = ACCOUNTS.to_vec();
        path.push(index);
        derive(self.seed.as_ref(), path)
    }

    /// The account at a path such as `m/44'/60'/1'/0/0`. `h` may stand for `'`.
    ///
    /// # Errors
    /// [`KeyError::Path`], [`KeyError::NoKey`].
    pub fn account_at(&self, path: &str) -> Result<Account, KeyError> {
        derive(self.seed.as_ref(), parse_path(path)?)
    }
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mnemonic").finish_non_exhaustive()
    }
}

/// Compares the last bits of the words with the hash of those before (BIP-39, "Generating the
/// mnemonic"). The library's own check leaves copies of the words in memory.
fn check(indexes: &[usize]) -> Result<(), KeyError> {
    let mut bytes = Zeroizing::new([0_u8; 33]);
    for (word, index) in indexes.iter().enumerate() {
        for bit in (0..11).filter(|bit| index >> (10 - bit) & 1 == 1) {
            let at = word * 11 + bit;
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte |= 0x80 >> (at % 8);
            }
        }
    }
    let checksum_bits = indexes.len() / 3;
    let entropy = bytes.get(..checksum_bits * 4).unwrap_or_default();
    let hash = Sha256::digest(entropy);
    let found = bytes.get(checksum_bits * 4).copied().unwrap_or_default();
    let expected = hash.first().copied().unwrap_or_default();
    if (found ^ expected) >> (8 - checksum_bits) == 0 { Ok(()) } else { Err(KeyError::Checksum) }
}

fn parse_path(text: &str) -> Result<Vec<u32>, KeyError> {
    let mut parts = text.split('/');
    if parts.next() != Some("m") {
        return Err(KeyError::Path);
    }
    let path: Option<Vec<u32>> = parts.map(parse_index).collect();
    path.filter(|path| path.len() <= DEPTH_MAX).ok_or(KeyError::Path)
}

fn parse_index(text: &str) -> Option<u32> {
    let (digits, hardened) = match text.strip_suffix(['\'', 'h']) {
        Some(digits) => (digits, BIP32_HARDEN),
        None => (text, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let index: u32 = digits.parse().ok()?;
    (index < BIP32_HARDEN).then_some(index + hardened)
}

fn derive(seed: &[u8], path: Vec<u32>) -> Result<Account, KeyError> {
    let root = XPriv::root_from_seed(seed, None).map_err(|_| KeyError::NoKey)?;
    let node = root.derive_path(DerivationPath::from(path)).map_err(|_| KeyError::NoKey)?;
    let key: &SigningKey = node.as_ref();
    Ok(Account::new(key.clone()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    const ABOUT: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                         abandon abandon about";

    /// Vectors of BIP-39 (trezor/python-mnemonic, vectors.json), passphrase `TREZOR`: words, seed.
    const BIP_39: &[(&str, &str)] = &[
        (
            ABOUT,
            "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
        ),
        (
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
        ),
        (
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
            "d71de856f81a8acc65e6fc851a38d4d7ec216fd0796d0a6827a3ad6ed5511a30fa280f12eb2e47ed2ac03b5c462a0358d18d69fe4f985ec81778c1b370b652a8",
        ),
        (
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
            "ac27495480225222079d7be181583751e86f571027b0497b5b5d11218e0a8a13332572917f0f8e5a589620c6f15b11c61dee327651a14c34e18231052e48c069",
        ),
        (
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon agent",
            "035895f2f481b1b0f01fcf8c289c794660b289981a78f8106447707fdd9666ca06da5a9a565181599b79f53b844d8a71dd9f439c52a3d7b3e8a79c906ac845fa",
        ),
        (
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
        ),
    ];

    #[test]
    fn seeds_are_those_of_bip_39() {
        for (words, seed) in BIP_39 {
            let mnemonic = Mnemonic::new(words, "TREZOR").unwrap();
            assert_eq!(hex::encode(mnemonic.seed.as_ref()), *seed, "{words}");
        }
    }

    /// Seed, path, extended private key (BIP-32, "Test vectors" 1 to 4).
    const BIP_32: &[(&str, &str, &str)] = &[
        (
            "000102030405060708090a0b0c0d0e0f",
            "m",
            "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
        ),
        (
            "000102030405060708090a0b0c0d0e0f",
            "m/0'/1/2'/2/1000000000",
            "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
        ),
        (
            "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
            "m/0/2147483647'/1/2147483646'/2",
            "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKCEXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j",
        ),
        (
            "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
            "m/0h",
            "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L",
        ),
        (
            "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678",
            "m/0'/1'",
            "xprv9xJocDuwtYCMNAo3Zw76WENQeAS6WGXQ55RCy7tDJ8oALr4FWkuVoHJeHVAcAqiZLE7Je3vZJHxspZdFHfnBEjHqU5hG1Jaj32dVoS6XLT1",
        ),
    ];

    #[test]
    fn keys_are_those_of_bip_32() {
        for (seed, path, xprv) in BIP_32 {
            let seed = hex::decode(seed).unwrap();
            let account = derive(&seed, parse_path(path).unwrap()).unwrap();
            let decoded = bs58::decode(xprv).with_check(None).into_vec().unwrap();
            let expected = Account::from_private_key(&hex::encode(&decoded[46..78])).unwrap();
            assert_eq!(account.address(), expected.address(), "{path}");
        }
    }

    #[test]
    fn accounts_are_those_that_other_wallets_show() {
        let mnemonic = Mnemonic::new(ABOUT, "").unwrap();
        let first = mnemonic.account(0).unwrap().address();
        assert_eq!(first.to_string(), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
        assert_eq!(mnemonic.account_at("m/44'/60'/0'/0/0").unwrap().address(), first);
        // The accounts that anvil and hardhat print.
        let junk = "test test test test test test test test test test test junk";
        let mnemonic = Mnemonic::new(junk, "").unwrap();
        for (index, address) in [
            (0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            (1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            (9, "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
        ] {
            assert_eq!(mnemonic.account(index).unwrap().address().to_string(), address);
        }
    }

    #[test]
    fn a_mnemonic_with_a_bad_checksum_is_refused() {
        let wrong = ABOUT.replace("about", "zoo");
        assert_eq!(Mnemonic::new(&wrong, "").unwrap_err(), KeyError::Checksum);
        for (words, _) in BIP_39 {
            let (rest, last) = words.rsplit_once(' ').unwrap();
            let other = if last == "zoo" { "zone" } else { "zoo" };
            let result = Mnemonic::new(&format!("{rest} {other}"), "");
            assert_eq!(result.unwrap_err(), KeyError::Checksum, "{words}");
        }
    }

    #[test]
    fn bad_words_are_refused_without_an_echo() {
        assert_eq!(Mnemonic::new("", "").unwrap_err(), KeyError::WordCount(0));
        assert_eq!(Mnemonic::new("zoo zoo zoo", "").unwrap_err(), KeyError::WordCount(3));
        let thirteen = format!("{ABOUT} about");
        assert_eq!(Mnemonic::new(&thirteen, "").unwrap_err(), KeyError::WordCount(13));
        let error = Mnemonic::new(&ABOUT.replace("about", "secretword"), "").unwrap_err();
        assert_eq!(error, KeyError::Word(12));
        assert!(!error.to_string().contains("secretword"));
    }

    #[test]
    fn any_white_space_separates_words() {
        let spread = format!("  {}\n", ABOUT.replace(' ', " \t\n "));
        let address = |words: &str| Mnemonic::new(words, "").unwrap().account(0).unwrap().address();
        assert_eq!(address(&spread), address(ABOUT));
    }

    #[test]
    fn a_passphrase_is_normalized() {
        let address = |passphrase: &str| {
            Mnemonic::new(ABOUT, passphrase).unwrap().account(0).unwrap().address()
        };
        assert_eq!(address("caf\u{e9}"), address("cafe\u{301}"));
        assert_ne!(address("cafe"), address("caf\u{e9}"));
    }

    #[test]
    fn bad_paths_are_refused() {
        let mnemonic = Mnemonic::new(ABOUT, "").unwrap();
        let deep = format!("m{}", "/0".repeat(11));
        for path in
            ["", "44'/60'", "m/", "m/x", "m/-1", "m/+1", "m/2147483648", "m/1''", "M/0", &deep]
        {
            assert_eq!(mnemonic.account_at(path).unwrap_err(), KeyError::Path, "{path}");
        }
        assert_eq!(mnemonic.account(BIP32_HARDEN).unwrap_err(), KeyError::Path);
    }

    #[test]
    fn no_text_shows_the_seed() {
        let mnemonic = Mnemonic::new(ABOUT, "").unwrap();
        assert_eq!(format!("{mnemonic:?}"), "Mnemonic { .. }");
    }
}
