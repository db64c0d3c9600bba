mod gated;
mod memory;

use core::time::Duration;
use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use hoox_connector::Timestamp;
use thiserror::Error;

use crate::{
    Action, Asset, Attempt, Call, DailyLimit, NonceError, NonceReport, PolicyError, SignError,
    Spend, TransactionRecord, TransactionState, choose_nonce,
};

pub use gated::{Gate, Gated};
pub use memory::MemoryStore;

/// How far back the daily limit looks.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A transaction that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// The caller's name for it.
    pub id: String,
    /// What was asked for.
    pub action: Action,
    /// The chain.
    pub chain_id: u64,
    /// The sender.
    pub from: Address,
    /// What it does.
    pub call: Call,
    /// The most that leaves the account, gas aside.
    pub spends: Vec<Spend>,
    /// The limits of the day, with what this transaction spends.
    pub daily: Vec<DailyLimit>,
    /// What nodes say of the account's next nonce.
    pub nonce: NonceReport,
    /// The present.
    pub at: Timestamp,
}

/// The right to approve and pay with one token of an account, which one name has at a time. Approvals
/// are exact: a second swap would use up, or put another in the place of, the first one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The chain.
    pub chain_id: u64,
    /// The account.
    pub owner: Address,
    /// The token.
    pub token: Address,
    /// The name of the transaction whose turn it is.
    pub name: String,
}

/// What became of a request to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // made once for each transaction
pub enum Allocated {
    /// It was signed and stored just now.
    New(TransactionRecord),
    /// There was a record of this name already; nothing was signed.
    Known(TransactionRecord),
}

/// Why nothing was signed and stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// The store cannot be read or written. Without it nothing is signed.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
    /// No nonce can be trusted.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// The day's limit leaves no room.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// The store cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the store of transactions is not available: {0}")]
pub struct StoreUnavailable(pub String);

/// Where transactions are kept: SQLite, a Durable Object, memory. What it holds survives a crash once
/// a call has returned.
pub trait TransactionStore {
    /// Takes in a new transaction, in one step that nothing else comes between: looks for the name,
    /// sums up the day, chooses the nonce ([`NewTransaction::choose_nonce`]), has it signed, and stores the record
    /// in state [`TransactionState::Signed`]. So no nonce is used without its signed bytes being
    /// kept, and none is used twice.
    ///
    /// # Errors
    /// [`AllocateError`]; then nothing is stored.
    fn allocate<F>(
        &self,
        new: NewTransaction,
        sign: F,
    ) -> impl Future<Output = Result<Allocated, AllocateError>>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>;

    /// Adds a replacement to a record, before it is sent.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; then it must not be sent.
    fn add_attempt(
        &self,
        id: &str,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), StoreUnavailable>>;

    /// Notes where a transaction stands. A final state is never left.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn set_state(
        &self,
        id: &str,
        state: &TransactionState,
    ) -> impl Future<Output = Result<(), StoreUnavailable>>;

    /// The record of this name.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn find(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Option<TransactionRecord>, StoreUnavailable>>;

    /// Every record of an account that is not final, by nonce.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> impl Future<Output = Result<Vec<TransactionRecord>, StoreUnavailable>>;

    /// The record of an account that has this nonce, the refused ones aside.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn with_nonce(
        &self,
        chain_id: u64,
        from: Address,
        nonce: u64,
    ) -> impl Future<Output = Result<Option<TransactionRecord>, StoreUnavailable>>;

    /// Gives the turn to its name until `until`, in one step, unless another name has it at `now`.
    /// Whoever has it may have it for longer. Whether it was given.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreUnavailable>>;

    /// Ends the turn, if its name has it.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; then it ends by itself, when its time is over.
    fn end_turn(&self, turn: &Turn) -> impl Future<Output = Result<(), StoreUnavailable>>;
}

impl<S: TransactionStore> TransactionStore for &S {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        S::allocate(self, new, sign).await
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        S::add_attempt(self, id, attempt).await
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        S::set_state(self, id, state).await
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        S::find(self, id).await
    }

    async fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        S::open(self, chain_id, from).await
    }

    async fn with_nonce(
        &self,
        chain_id: u64,
        from: Address,
        nonce: u64,
    ) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        S::with_nonce(self, chain_id, from, nonce).await
    }

    async fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        S::take_turn(self, turn, now, until).await
    }

    async fn end_turn(&self, turn: &Turn) -> Result<(), StoreUnavailable> {
        S::end_turn(self, turn).await
    }
}

impl NewTransaction {
    /// The nonce to sign with: [`choose_nonce`] with what nodes say.
    ///
    /// # Errors
    /// [`NonceError`].
    pub fn choose_nonce(
        &self,
        taken: &BTreeSet<u64>,
        mined: Option<u64>,
    ) -> Result<u64, NonceError> {
        choose_nonce(taken, mined, &self.nonce)
    }

    /// The record of this transaction, signed with `nonce`.
    pub fn signed(self, nonce: u64, attempt: Attempt) -> TransactionRecord {
        TransactionRecord {
            id: self.id,
            action: self.action,
            chain_id: self.chain_id,
            from: self.from,
            nonce,
            call: self.call,
            spends: self.spends,
            attempts: vec![attempt],
            state: TransactionState::Signed,
            created_at: self.at,
        }
    }
}

/// What `records` spend of `asset`, in smallest units.
pub fn spent<'a>(records: impl Iterator<Item = &'a TransactionRecord>, asset: Asset) -> U256 {
    records
        .flat_map(|record| &record.spends)
        .filter(|spend| spend.asset == asset)
        .fold(U256::ZERO, |sum, spend| sum.saturating_add(spend.amount))
}
