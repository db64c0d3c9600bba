use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559, TxLegacy, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use thiserror::Error;

/// What a transaction pays per unit of gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fees {
    /// One price (EIP-155 signature).
    Legacy {
        /// Wei per gas.
        gas_price: u128,
    },
    /// A bound and a tip (EIP-1559).
    Eip1559 {
        /// The most that is paid, base fee and tip together, in wei per gas.
        max_fee: u128,
        /// The tip, in wei per gas.
        priority_fee: u128,
    },
}

impl Fees {
    /// The most that a unit of gas can cost, in wei.
    pub const fn max_price(&self) -> u128 {
        match *self {
            Self::Legacy { gas_price } => gas_price,
            Self::Eip1559 { max_fee, .. } => max_fee,
        }
    }
}

impl Default for Fees {
    fn default() -> Self {
        Self::Eip1559 { max_fee: 0, priority_fee: 0 }
    }
}

/// A transaction, not signed yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// The chain, without which a signature would hold on every chain.
    pub chain_id: u64,
    /// The number of transactions of the account before this one.
    pub nonce: u64,
    /// The recipient or contract; none creates a contract.
    pub to: Option<Address>,
    /// The coins sent, in wei.
    pub value: U256,
    /// The call's data, or the new contract's code.
    pub data: Bytes,
    /// The most gas that is used.
    pub gas_limit: u64,
    /// What a unit of gas costs.
    pub fees: Fees,
    /// Storage that will be touched (EIP-2930). Only for [`Fees::Eip1559`].
    pub access_list: AccessList,
}

/// A signed transaction: what is sent, and the hash by which it is known before that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The hash.
    pub hash: B256,
    /// The bytes of `eth_sendRawTransaction` (EIP-2718).
    pub raw: Bytes,
}

/// Why something was not signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The chain id is 0, which protects from nothing.
    #[error("a transaction needs the id of its chain")]
    NoChain,
    /// The tip is higher than the bound, which nodes refuse.
    #[error("the priority fee {priority_fee} is above the maximum fee {max_fee}")]
    TipAboveFee {
        /// The bound, in wei per gas.
        max_fee: u128,
        /// The tip, in wei per gas.
        priority_fee: u128,
    },
    /// A transaction with a gas price has no access list.
    #[error("a legacy transaction has no access list")]
    AccessList,
    /// The message does not have the types it names.
    #[error("the typed data is not valid: {0}")]
    TypedData(String),
    /// The key cannot sign.
    #[error("the key cannot sign")]
    Key,
}

impl Transaction {
    /// The most that the transaction can take out of the account, in wei: value and gas. None if it
    /// does not fit 256 bits.
    pub fn max_cost(&self) -> Option<U256> {
        self.value.checked_add(self.max_fee()?)
    }

    /// The most that its gas can cost, in wei. None if it does not fit 256 bits.
    pub fn max_fee(&self) -> Option<U256> {
        U256::from(self.gas_limit).checked_mul(U256::from(self.fees.max_price()))
    }

    pub(crate) fn signed_by(
        &self,
        sign: impl FnOnce(&B256) -> Result<Signature, SignError>,
    ) -> Result<SignedTransaction, SignError> {
        if self.chain_id == 0 {
            return Err(SignError::NoChain);
        }
        match self.fees {
            Fees::Legacy { .. } if !self.access_list.0.is_empty() => Err(SignError::AccessList),
            Fees::Legacy { gas_price } => finish(self.legacy(gas_price), sign),
            Fees::Eip1559 { max_fee, priority_fee } if priority_fee > max_fee => {
                Err(SignError::TipAboveFee { max_fee, priority_fee })
            }
            Fees::Eip1559 { max_fee, priority_fee } => {
                finish(self.eip1559(max_fee, priority_fee), sign)
            }
        }
    }

    fn legacy(&self, gas_price: u128) -> TxLegacy {
        TxLegacy {
            chain_id: Some(self.chain_id),
            nonce: self.nonce,
            gas_price,
            gas_limit: self.gas_limit,
            to: kind(self.to),
            value: self.value,
            input: self.data.clone(),
        }
    }

    fn eip1559(&self, max_fee: u128, priority_fee: u128) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: priority_fee,
            to: kind(self.to),
            value: self.value,
            access_list: self.access_list.clone(),
            input: self.data.clone(),
        }
    }
}

fn kind(to: Option<Address>) -> TxKind {
    to.map_or(TxKind::Create, TxKind::Call)
}

fn finish<T>(
    transaction: T,
    sign: impl FnOnce(&B256) -> Result<Signature, SignError>,
) -> Result<SignedTransaction, SignError>
where
    T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
{
    let signature = sign(&transaction.signature_hash())?;
    let signed: Signed<T> = transaction.into_signed(signature);
    let mut raw = Vec::with_capacity(signed.eip2718_encoded_length());
    signed.eip2718_encode(&mut raw);
    Ok(SignedTransaction { hash: *signed.hash(), raw: raw.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, parse_address};

    fn account() -> Account {
        Account::from_private_key(&"46".repeat(32)).unwrap()
    }

    fn eip_155() -> Transaction {
        Transaction {
            chain_id: 1,
            nonce: 9,
            to: Some(parse_address(&format!("0x{}", "35".repeat(20))).unwrap()),
            value: U256::from(1_000_000_000_000_000_000_u64),
            gas_limit: 21_000,
            fees: Fees::Legacy { gas_price: 20_000_000_000 },
            ..Transaction::default()
        }
    }

    #[test]
    fn a_legacy_transaction_is_that_of_eip_155() {
        let signed = account().sign(&eip_155()).unwrap();
        assert_eq!(
            signed.raw.to_string(),
            "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        );
    }

    /// From the documentation of web3.js, `eth.accounts.signTransaction`.
    #[test]
    fn a_legacy_transaction_is_that_of_web3() {
        let key = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
        let transaction = Transaction {
            nonce: 0,
            to: Some(parse_address("0xF0109fC8DF283027b6285cc889F5aA624EaC1F55").unwrap()),
            value: U256::from(1_000_000_000),
            gas_limit: 2_000_000,
            fees: Fees::Legacy { gas_price: 234_567_897_654_321 },
            ..eip_155()
        };
        let signed = Account::from_private_key(key).unwrap().sign(&transaction).unwrap();
        assert_eq!(
            signed.hash.to_string(),
            "0xd8f64a42b57be0d565f385378db2f6bf324ce14a594afc05de90436e9ce01f60"
        );
    }

    #[test]
    fn nothing_is_signed_without_a_chain() {
        let transaction = Transaction { chain_id: 0, ..eip_155() };
        assert_eq!(account().sign(&transaction), Err(SignError::NoChain));
    }

    #[test]
    fn a_tip_above_the_fee_is_refused() {
        let fees = Fees::Eip1559 { max_fee: 1, priority_fee: 2 };
        let error = account().sign(&Transaction { fees, ..eip_155() }).unwrap_err();
        assert_eq!(error, SignError::TipAboveFee { max_fee: 1, priority_fee: 2 });
    }

    #[test]
    fn an_access_list_is_not_dropped_silently() {
        let access_list = AccessList(vec![Default::default()]);
        let transaction = Transaction { access_list, ..eip_155() };
        assert_eq!(account().sign(&transaction), Err(SignError::AccessList));
    }

    #[test]
    fn the_most_it_can_cost_does_not_overflow() {
        let fee = U256::from(21_000_u64) * U256::from(20_000_000_000_u64);
        assert_eq!(eip_155().max_fee(), Some(fee));
        assert_eq!(Transaction { value: U256::MAX, ..eip_155() }.max_cost(), None);
    }
}
