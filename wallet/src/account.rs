use core::fmt;

pub use alloy_dyn_abi::eip712::TypedData;
use alloy_primitives::{Address, B256, Signature, eip191_hash_message};
use alloy_signer::SignerSync;
use k256::ecdsa::SigningKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{SignError, SignedTransaction, Transaction};

/// Why there is no account. The text never repeats what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A private key is 64 hexadecimal digits, with or without `0x`, neither zero nor beyond the
    /// order of the curve.
    #[error("the private key is not valid")]
    PrivateKey,
    /// A mnemonic has 12, 15, 18, 21 or 24 words.
    #[error("a mnemonic has 12, 15, 18, 21 or 24 words, not {0}")]
    WordCount(usize),
    /// A word is not in the English list of BIP-39.
    #[error("word {0} of the mnemonic is not in the list")]
    Word(usize),
    /// The words do not match their checksum: one is wrong, or two are swapped.
    #[error("the mnemonic does not match its checksum; is a word wrong, or are two swapped?")]
    Checksum,
    /// A path is `m` and up to ten numbers below 2³¹, hardened ones followed by `'`.
    #[error("the derivation path is not valid")]
    Path,
    /// BIP-32 has no key at this path; the next index has.
    #[error("there is no key at this path")]
    NoKey,
}

/// A private key and its address. Erased from memory when dropped; never shown.
#[derive(Clone)]
pub struct Account {
    key: SigningKey,
    address: Address,
}

impl Account {
    /// The account of a private key: 64 hexadecimal digits, with or without `0x`.
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`].
    pub fn from_private_key(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut bytes = Zeroizing::new([0; 32]);
        alloy_primitives::hex::decode_to_slice(digits, bytes.as_mut())
            .map_err(|_| KeyError::PrivateKey)?;
        if digits.len() != 64 {
            return Err(KeyError::PrivateKey);
        }
        SigningKey::from_slice(bytes.as_ref()).map(Self::new).map_err(|_| KeyError::PrivateKey)
    }

    pub(crate) fn new(key: SigningKey) -> Self {
        let address = Address::from_private_key(&key);
        Self { key, address }
    }

    /// The address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction, as EIP-1559 or, if it has a gas price, as EIP-155 says.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, transaction: &Transaction) -> Result<SignedTransaction, SignError> {
        transaction.signed_by(|digest| self.sign_digest(digest))
    }

    /// Signs a message with the prefix of EIP-191 (`personal_sign`).
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn sign_message(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.sign_digest(&eip191_hash_message(message))
    }

    /// Signs typed data by EIP-712.
    ///
    /// # Errors
    /// [`SignError::TypedData`] if the message does not have the types it names.
    pub fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignError> {
        let digest = data.eip712_signing_hash();
        self.sign_digest(&digest.map_err(|error| SignError::TypedData(error.to_string()))?)
    }

    /// Signs 32 bytes as they are. Deterministic (RFC 6979), with a low `s`.
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn sign_digest(&self, digest: &B256) -> Result<Signature, SignError> {
        let signature = self.key.sign_prehash_recoverable(digest.as_slice());
        signature.map(Signature::from).map_err(|_| SignError::Key)
    }
}

/// For code that takes any of alloy's signers.
impl SignerSync for Account {
    fn sign_hash_sync(&self, hash: &B256) -> alloy_signer::Result<Signature> {
        self.sign_digest(hash).map_err(alloy_signer::Error::other)
    }

    fn chain_id_sync(&self) -> Option<u64> {
        None
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";

    #[test]
    fn private_keys_read_with_and_without_prefix() {
        let account = Account::from_private_key(KEY).unwrap();
        assert_eq!(account.address().to_string(), "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23");
        let other = Account::from_private_key(&format!("0x{KEY}")).unwrap();
        assert_eq!(other.address(), account.address());
    }

    #[test]
    fn bad_private_keys_are_refused_without_an_echo() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let zero = "0".repeat(64);
        for text in ["", "0x", KEY.get(1..).unwrap(), &format!("0x0x{KEY}"), order, &zero, "zz"] {
            let error = Account::from_private_key(text).unwrap_err();
            assert_eq!(error, KeyError::PrivateKey);
            assert!(text.len() < 3 || !error.to_string().contains(text));
        }
    }

    #[test]
    fn no_text_shows_the_key() {
        let account = Account::from_private_key(KEY).unwrap();
        let shown = format!("{account:?} {account:#?}");
        assert!(shown.contains("0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"), "{shown}");
        assert!(!shown.contains("4c08"), "{shown}");
        // As numbers, which a derived Debug would print.
        assert!(!shown.contains("76, 8"), "{shown}");
    }
}
