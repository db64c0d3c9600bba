//! For bots that are still on `ethers`: its types to ours and back, and its `Signer` for an
//! [`Account`] (feature `ethers`, native targets only).

use async_trait::async_trait;
use ethers_core::types::transaction::eip712::Eip712;
use ethers_core::types::transaction::eip2718::TypedTransaction;
use ethers_core::types::transaction::eip2930 as theirs;
use ethers_core::types::{
    self, Eip1559TransactionRequest, H160, H256, NameOrAddress, TransactionRequest, U64,
};
use thiserror::Error;

use crate::{
    AccessList, AccessListItem, Account, Address, B256, Fees, SignError, Signature, Transaction,
    U256,
};

/// Why something of ethers could not be signed or converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EthersError {
    /// The recipient is a name; only addresses are taken.
    #[error("the recipient is a name; resolve it first")]
    Name,
    /// A field without which nothing can be signed is missing.
    #[error("the transaction has no {0}")]
    Missing(&'static str),
    /// A field is larger than any chain allows.
    #[error("the {0} of the transaction is too large")]
    TooLarge(&'static str),
    /// The transaction names another chain than the signer.
    #[error("the transaction is for chain {found}, the signer for {expected}")]
    WrongChain {
        /// The signer's chain.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// EIP-2930 transactions are not signed; EIP-1559 has access lists too.
    #[error("this type of transaction is not signed; use EIP-1559")]
    Type,
    /// The typed data cannot be encoded.
    #[error("the typed data is not valid: {0}")]
    TypedData(String),
    /// It was not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// An address as ethers has it.
pub fn to_h160(address: Address) -> H160 {
    H160(address.into_array())
}

/// An address of ethers.
pub fn from_h160(address: H160) -> Address {
    Address::new(address.0)
}

/// A hash as ethers has it.
pub fn to_h256(hash: B256) -> H256 {
    H256(hash.0)
}

/// A hash of ethers.
pub fn from_h256(hash: H256) -> B256 {
    B256::new(hash.0)
}

/// A number as ethers has it.
pub fn to_u256(value: U256) -> types::U256 {
    types::U256(value.into_limbs())
}

/// A number of ethers.
pub fn from_u256(value: types::U256) -> U256 {
    U256::from_limbs(value.0)
}

/// A signature as ethers has it, with `v` of 27 or 28.
pub fn to_signature(signature: &Signature) -> types::Signature {
    types::Signature {
        r: to_u256(signature.r()),
        s: to_u256(signature.s()),
        v: 27 + u64::from(signature.v()),
    }
}

/// A transaction as ethers has it.
pub fn to_transaction(ours: &Transaction) -> TypedTransaction {
    let to = ours.to.map(|to| NameOrAddress::Address(to_h160(to)));
    let data = Some(types::Bytes(ours.data.0.clone()));
    let (value, nonce) = (Some(to_u256(ours.value)), Some(ours.nonce.into()));
    let (gas, chain_id) = (Some(ours.gas_limit.into()), Some(U64::from(ours.chain_id)));
    match ours.fees {
        Fees::Legacy { gas_price } => TypedTransaction::Legacy(TransactionRequest {
            from: None,
            to,
            gas,
            gas_price: Some(gas_price.into()),
            value,
            data,
            nonce,
            chain_id,
        }),
        Fees::Eip1559 { max_fee, priority_fee } => {
            TypedTransaction::Eip1559(Eip1559TransactionRequest {
                from: None,
                to,
                gas,
                value,
                data,
                nonce,
                access_list: to_access_list(&ours.access_list),
                max_priority_fee_per_gas: Some(priority_fee.into()),
                max_fee_per_gas: Some(max_fee.into()),
                chain_id,
            })
        }
    }
}

/// A transaction of ethers. What is not given has no default: a nonce or a fee that was forgotten is
/// an error.
///
/// # Errors
/// [`EthersError`].
pub fn from_transaction(theirs: &TypedTransaction) -> Result<Transaction, EthersError> {
    let (fees, access_list) = match theirs {
        TypedTransaction::Legacy(legacy) => {
            let gas_price = to_u128(legacy.gas_price, "gas price")?;
            (Fees::Legacy { gas_price }, AccessList::default())
        }
        TypedTransaction::Eip1559(request) => {
            let max_fee = to_u128(request.max_fee_per_gas, "maximum fee")?;
            let priority_fee = to_u128(request.max_priority_fee_per_gas, "priority fee")?;
            (Fees::Eip1559 { max_fee, priority_fee }, from_access_list(&request.access_list))
        }
        TypedTransaction::Eip2930(_) => return Err(EthersError::Type),
    };
    let to = match theirs.to() {
        Some(NameOrAddress::Name(_)) => return Err(EthersError::Name),
        Some(NameOrAddress::Address(address)) => Some(from_h160(*address)),
        None => None,
    };
    Ok(Transaction {
        chain_id: theirs.chain_id().ok_or(EthersError::Missing("chain id"))?.as_u64(),
        nonce: to_u64(theirs.nonce().copied(), "nonce")?,
        to,
        value: theirs.value().copied().map(from_u256).unwrap_or_default(),
        data: theirs.data().map(|data| data.0.clone().into()).unwrap_or_default(),
        gas_limit: to_u64(theirs.gas().copied(), "gas limit")?,
        fees,
        access_list,
    })
}

fn to_u128(value: Option<types::U256>, name: &'static str) -> Result<u128, EthersError> {
    let value = value.ok_or(EthersError::Missing(name))?;
    value.try_into().map_err(|_| EthersError::TooLarge(name))
}

fn to_u64(value: Option<types::U256>, name: &'static str) -> Result<u64, EthersError> {
    let value = value.ok_or(EthersError::Missing(name))?;
    value.try_into().map_err(|_| EthersError::TooLarge(name))
}

fn to_access_list(list: &AccessList) -> theirs::AccessList {
    let item = |item: &AccessListItem| theirs::AccessListItem {
        address: to_h160(item.address),
        storage_keys: item.storage_keys.iter().copied().map(to_h256).collect(),
    };
    theirs::AccessList(list.0.iter().map(item).collect())
}

fn from_access_list(list: &theirs::AccessList) -> AccessList {
    let item = |item: &theirs::AccessListItem| AccessListItem {
        address: from_h160(item.address),
        storage_keys: item.storage_keys.iter().copied().map(from_h256).collect(),
    };
    AccessList(list.0.iter().map(item).collect())
}

/// An [`Account`] on one chain, as a signer of ethers: it goes where a `LocalWallet` went.
#[derive(Debug, Clone)]
pub struct EthersSigner {
    account: Account,
    chain_id: u64,
}

impl EthersSigner {
    /// A signer for one chain.
    pub fn new(account: Account, chain_id: u64) -> Self {
        Self { account, chain_id }
    }
}

#[async_trait]
impl ethers_signers::Signer for EthersSigner {
    type Error = EthersError;

    async fn sign_message<S: Send + Sync + AsRef<[u8]>>(
        &self,
        message: S,
    ) -> Result<types::Signature, EthersError> {
        Ok(to_signature(&self.account.sign_message(message.as_ref())?))
    }

    /// As `LocalWallet`: the chain of the signer, where the transaction names none. One that names
    /// another is refused.
    async fn sign_transaction(
        &self,
        message: &TypedTransaction,
    ) -> Result<types::Signature, EthersError> {
        let mut message = message.clone();
        let found = message.chain_id().map_or(self.chain_id, |id| id.as_u64());
        if found != self.chain_id {
            return Err(EthersError::WrongChain { expected: self.chain_id, found });
        }
        message.set_chain_id(found);
        let transaction = from_transaction(&message)?;
        let mut signature = None;
        transaction.signed_by(|digest| {
            let made = self.account.sign_digest(digest)?;
            signature = Some(made);
            Ok(made)
        })?;
        let signature = signature.ok_or(SignError::Key)?;
        // As `LocalWallet`, whatever the type; encoding an EIP-1559 transaction takes the parity of it.
        let v = 35 + 2 * self.chain_id + u64::from(signature.v());
        Ok(types::Signature { v, ..to_signature(&signature) })
    }

    async fn sign_typed_data<T: Eip712 + Send + Sync>(
        &self,
        payload: &T,
    ) -> Result<types::Signature, EthersError> {
        let digest = payload.encode_eip712();
        let digest = digest.map_err(|error| EthersError::TypedData(error.to_string()))?;
        Ok(to_signature(&self.account.sign_digest(&B256::new(digest))?))
    }

    fn address(&self) -> H160 {
        to_h160(self.account.address())
    }

    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn with_chain_id<T: Into<u64>>(self, chain_id: T) -> Self {
        Self { chain_id: chain_id.into(), ..self }
    }
}
