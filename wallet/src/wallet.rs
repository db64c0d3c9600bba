mod follow;
mod read;
mod rehearse;
mod submit;
mod swap;
mod turn;

use core::fmt;

use alloy_primitives::{Address, U256};
use hoox_connector::{Clock, Transport};
use thiserror::Error;

use crate::{
    Account, Action, AddressError, AllocateError, Chain, FeeError, FeeLimits, Fees, LifeRules,
    NonceError, Policy, PolicyError, Revert, Rpc, RpcError, SignError, Spend, StoreUnavailable,
    TransactionRecord,
};

pub use read::TokenAmount;
pub use swap::steps_before;

/// Why something was not done. Unless it says otherwise, nothing was signed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum WalletError {
    /// No node gave a usable answer, or one serves another chain.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The policy refuses it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It would cost too much.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// An address is not one that can take anything.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It would be reverted.
    #[error("it would be reverted: {0}")]
    Reverted(Revert),
    /// The token answers that it refuses.
    #[error("the token {0} refuses")]
    TokenRefuses(Address),
    /// Data is sent to an address where there is no contract.
    #[error("there is no contract at {0}")]
    NoContract(Address),
    /// The contract does not answer as its kind does.
    #[error("{0} does not answer as a token or router does")]
    NotUnderstood(Address),
    /// The account cannot pay value and gas.
    #[error("the account has {balance} wei, the transaction may need {needed}")]
    InsufficientFunds {
        /// What the account has, in wei.
        balance: U256,
        /// What it may need, in wei.
        needed: U256,
    },
    /// The account has fewer tokens than a swap would pay. Not even an approval was signed.
    #[error("the account has {balance} of {token}, the swap needs {needed}")]
    InsufficientTokens {
        /// The token.
        token: Address,
        /// What the account has, in smallest units.
        balance: U256,
        /// What the swap would pay at present, in smallest units.
        needed: U256,
    },
    /// Less of the token arrives than is sent, as it takes a fee of its own on transfers, so that the swap
    /// cannot keep its bound. Exactly in, on a router of Uniswap V2 and with room for the fee, it can.
    #[error("{0} takes a fee of its own on transfers; the swap cannot keep its bound")]
    FeeOnTransfer(Address),
    /// Another swap or approval of the token is under way: approvals are exact, and both would use one.
    /// Ask again.
    #[error("another transaction that pays with {0}, or approves it, is under way")]
    TokenBusy(Address),
    /// The chain has no router, or no wrapped coin, that the action needs; or both sides of a swap are
    /// the same.
    #[error("this chain has no way to do that")]
    NoRoute,
    /// The slippage is above 100 %, or a bound does not fit 256 bits.
    #[error("the bound of the swap is not valid")]
    Bound,
    /// The deadline has passed.
    #[error("the deadline has passed")]
    Deadline,
    /// The name of the transaction is empty or longer than 128 bytes.
    #[error("the name of a transaction has 1 to 128 bytes")]
    Id,
    /// The name was used for something else.
    #[error("this name was used for another transaction")]
    IdReused,
    /// There is no transaction of this name.
    #[error("there is no transaction of this name")]
    UnknownId,
    /// The transaction of this name is another account's, or on another chain.
    #[error("the transaction of this name is another account's, or on another chain")]
    Foreign,
    /// The transaction has come to its end; nothing replaces it.
    #[error("the transaction has come to its end")]
    Final,
    /// A step before the last, such as an approval, did not succeed. The last was not signed.
    #[error("the step {0} did not succeed")]
    Step(String),
    /// A step before the last is not in a block yet. The last was not signed; ask again with the same
    /// name.
    #[error("the step {0} is not in a block yet")]
    StepOpen(String),
    /// No nonce can be trusted.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// The store of transactions is not available. If it failed after a signature, the transaction is
    /// in it or was not sent.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// It could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<AllocateError> for WalletError {
    fn from(error: AllocateError) -> Self {
        match error {
            AllocateError::Unavailable(error) => error.into(),
            AllocateError::Nonce(error) => error.into(),
            AllocateError::Policy(error) => error.into(),
            AllocateError::Sign(error) => error.into(),
        }
    }
}

/// What a [`Wallet`] is told beside its account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WalletConfig {
    /// What it may be used for. Nothing, unless told.
    pub policy: Policy,
    /// What it may pay.
    pub fees: FeeLimits,
    /// How patient it is.
    pub life: LifeRules,
    /// Whether others use the key too, so that nonces may be used that the store does not know. Two
    /// wallets that sign at the same moment can then use one nonce; at most one of both is executed.
    pub shared_key: bool,
}

impl WalletConfig {
    /// A configuration with this policy and the default limits.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // one for each transaction
pub enum Submitted {
    /// It is signed, stored, and sent as far as is known; its record tells how far. A request of the
    /// same name before may have done it.
    Record(TransactionRecord),
    /// The policy wants no more than a rehearsal.
    DryRun(Rehearsal),
}

impl Submitted {
    /// The record, if something was signed.
    pub fn record(self) -> Option<TransactionRecord> {
        match self {
            Self::Record(record) => Some(record),
            Self::DryRun(_) => None,
        }
    }
}

/// What would be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// What leaves the account, gas aside.
    pub spends: Vec<Spend>,
    /// The transactions that would have to come before, in their order: approvals.
    pub before: Vec<Action>,
    /// The gas limit of the last transaction. Where it was not simulated, the one that was asked for, if
    /// one was.
    pub gas_limit: Option<u64>,
    /// The fees.
    pub fees: Fees,
    /// How far the last transaction was tried out.
    pub evidence: Evidence,
}

/// How far a rehearsal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// The node has carried out all of it, on what the chain holds at present.
    Simulated,
    /// No node simulates several calls (`eth_simulateV1`). The first step was tried out; the swap after it
    /// is known by its quote, its bound and the account's balance alone.
    Quoted,
}

/// One account on one chain.
///
/// Every transaction goes the same way: policy, simulation, fees, then nonce, signature and record in
/// one step of the store, and only then the network. Whoever asks twice with the same name gets the
/// same transaction.
pub struct Wallet<T, C, S> {
    account: Account,
    chain: Chain,
    rpc: Rpc<T, C>,
    store: S,
    config: WalletConfig,
}

impl<T: Transport, C: Clock, S> Wallet<T, C, S> {
    /// The account on the chain that `rpc` serves.
    ///
    /// # Errors
    /// [`RpcError::WrongChain`] if `rpc` serves another than `chain`.
    pub fn new(
        account: Account,
        chain: Chain,
        rpc: Rpc<T, C>,
        store: S,
        config: WalletConfig,
    ) -> Result<Self, WalletError> {
        if rpc.chain_id() != chain.id {
            let (expected, reported) = (chain.id, rpc.chain_id());
            return Err(RpcError::WrongChain { expected, reported }.into());
        }
        Ok(Self { account, chain, rpc, store, config })
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The nodes.
    pub fn rpc(&self) -> &Rpc<T, C> {
        &self.rpc
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The configuration.
    pub fn config(&self) -> &WalletConfig {
        &self.config
    }

    /// Whether a record is this account's, on this chain: no other may be signed again, or judged by
    /// what is seen here.
    fn owns(&self, record: &TransactionRecord) -> bool {
        record.chain_id == self.chain.id && record.from == self.address()
    }

    /// Whether two requests of one name ask for the same.
    fn is_same(&self, record: &TransactionRecord, action: &Action) -> Result<(), WalletError> {
        match self.owns(record) && record.action == *action {
            true => Ok(()),
            false => Err(WalletError::IdReused),
        }
    }

    /// The same account, nodes and store under another configuration.
    pub fn under(&self, config: WalletConfig) -> Wallet<T, C, &S>
    where
        T: Clone,
        C: Clone,
    {
        let (account, chain, rpc) = (self.account.clone(), self.chain.clone(), self.rpc.clone());
        Wallet { account, chain, rpc, store: &self.store, config }
    }
}

impl<T, C, S> fmt::Debug for Wallet<T, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("account", &self.account)
            .field("chain", &self.chain.name)
            .finish_non_exhaustive()
    }
}
