use alloy_primitives::{Address, B256, Bytes, U256};
use hoox_connector::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Action, Call, Fees, Receipt, Spend};

/// One transaction of the wallet, from its signature to its end: what a store keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// The caller's name for it: a second request with the same name gets this record, never a second
    /// transaction.
    pub id: String,
    /// What was asked for.
    pub action: Action,
    /// The chain.
    pub chain_id: u64,
    /// The sender.
    pub from: Address,
    /// Its nonce, which no other record of the sender has unless one of them was refused.
    pub nonce: u64,
    /// What it does.
    pub call: Call,
    /// The most that leaves the account, gas aside.
    pub spends: Vec<Spend>,
    /// What was signed, oldest first: at most one of them is ever executed, as all have one nonce.
    pub attempts: Vec<Attempt>,
    /// Where it stands.
    pub state: TransactionState,
    /// When it was signed first.
    pub created_at: Timestamp,
}

impl TransactionRecord {
    /// The hash under which it was sent last, or, once it is in a block, the one that is there.
    pub fn hash(&self) -> Option<B256> {
        match &self.state {
            TransactionState::Mined(mined) | TransactionState::Confirmed(mined) => Some(mined.hash),
            _ => self.attempts.last().map(|attempt| attempt.hash),
        }
    }

    /// Whether a cancellation is what was executed.
    pub fn is_cancelled(&self) -> bool {
        self.hash().is_some_and(|hash| {
            self.attempts.iter().any(|attempt| attempt.hash == hash && attempt.cancels)
        }) && self.state.is_mined()
    }
}

/// Signed bytes, kept before they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// What is sent, every time the same.
    pub raw: Bytes,
    /// What it pays.
    pub fees: Fees,
    /// The most gas it uses.
    pub gas_limit: u64,
    /// Whether it does nothing but use up the nonce.
    pub cancels: bool,
    /// When it was signed.
    #[serde(default)]
    pub signed_at: Timestamp,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransactionState {
    /// Signed and stored. It may have been sent; only the chain knows.
    Signed,
    /// A node has taken it.
    Pending,
    /// It is in a block, not deep enough yet.
    Mined(Mined),
    /// It is in a block, under as many as were asked for.
    Confirmed(Mined),
    /// No node has it, and none ever had: it was refused before it was taken. Its nonce is free.
    Refused {
        /// What the node said.
        reason: String,
    },
    /// Its nonce seems to be used by something else, and no node that was asked has it. Not believed yet:
    /// see [`LifeRules::superseded_blocks`](crate::LifeRules::superseded_blocks).
    Overtaken {
        /// The newest block when that was seen first.
        block: u64,
        /// When that was.
        at: Timestamp,
    },
    /// Something else was executed with its nonce, so it never will be.
    Superseded,
}

impl TransactionState {
    /// Whether it is in a block.
    pub const fn is_mined(&self) -> bool {
        matches!(self, Self::Mined(_) | Self::Confirmed(_))
    }

    /// Whether nothing more is expected to happen.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Confirmed(_) | Self::Refused { .. } | Self::Superseded)
    }
}

impl TransactionRecord {
    /// Takes note of how far it came. What is final stays as it is; and what a node has taken is not
    /// refused because another one does.
    pub fn becomes(&mut self, state: &TransactionState) {
        let refused = matches!(state, TransactionState::Refused { .. });
        let open = match refused {
            true => self.state == TransactionState::Signed,
            false => !self.state.is_final(),
        };
        if open {
            self.state = state.clone();
        }
    }
}

/// What a block holds of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mined {
    /// The hash of the attempt that was executed.
    pub hash: B256,
    /// The block.
    pub block: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Whether it did what it should; if not it was reverted, and only gas was paid.
    pub succeeded: bool,
    /// Gas used.
    pub gas_used: u64,
    /// The price paid, in wei per gas. None on nodes that do not tell.
    pub gas_price: Option<U256>,
    /// What was paid beside the gas, in wei: on Base and Optimism, for being written down on Ethereum.
    #[serde(default)]
    pub l1_fee: Option<U256>,
}

impl Mined {
    /// What it cost, in wei: gas, and what is paid beside it.
    pub fn fee(&self) -> Option<U256> {
        let gas = self.gas_price?.checked_mul(U256::from(self.gas_used))?;
        gas.checked_add(self.l1_fee.unwrap_or_default())
    }
}

impl From<&Receipt> for Mined {
    fn from(receipt: &Receipt) -> Self {
        Self {
            hash: receipt.transaction_hash,
            block: receipt.block_number.to(),
            block_hash: receipt.block_hash,
            // Without a status there is no way to fail but to use up all gas (before Byzantium).
            succeeded: receipt.status.is_none_or(|status| !status.is_zero()),
            gas_used: receipt.gas_used.to(),
            gas_price: receipt.effective_gas_price,
            l1_fee: receipt.l1_fee,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_beside_the_gas_is_part_of_the_fee() {
        let receipt = |rest: &str| -> Receipt {
            let hash = B256::repeat_byte(1);
            let text = format!(
                r#"{{"transactionHash":"{hash}","blockHash":"{hash}","blockNumber":"0x10",
                    "status":"0x1","gasUsed":"0x5208","effectiveGasPrice":"0xa"{rest}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let fee = |receipt: Receipt| Mined::from(&receipt).fee();
        assert_eq!(fee(receipt("")), Some(U256::from(210_000)));
        assert_eq!(fee(receipt(r#","l1Fee":"0x7""#)), Some(U256::from(210_007)));
        // Records that were kept before know of no such thing.
        let kept: Mined = serde_json::from_value(serde_json::json!({
            "hash": B256::ZERO, "block": 1, "block_hash": B256::ZERO, "succeeded": true,
            "gas_used": 2, "gas_price": "0x3",
        }))
        .unwrap();
        assert_eq!(kept.fee(), Some(U256::from(6)));
    }
}
