use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, U256};
use hoox_connector::Timestamp;
use thiserror::Error;

use crate::{
    Action, Asset, Attempt, Call, DailyLimit, PolicyError, SignError, Spend, TransactionRecord,
    TransactionState,
};

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
    /// The account's next nonce, as the node has it with what waits in its pool.
    pub reported_nonce: u64,
    /// Whether others may use the account's key, so that nonces are used that are not in the store.
    pub shared_key: bool,
    /// The present.
    pub at: Timestamp,
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

/// Why no nonce can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NonceError {
    /// The node counts transactions that this wallet did not make: somebody else uses the key, or the
    /// node lies. With such a nonce a transaction could wait for ever.
    #[error(
        "the node says that nonce {reported} is next, but this wallet signed none after {last}"
    )]
    Jump {
        /// The last nonce that the wallet used.
        last: u64,
        /// The node's.
        reported: u64,
    },
    /// All nonces are used.
    #[error("the account has no nonce left")]
    Exhausted,
}

/// The store cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the store of transactions is not available: {0}")]
pub struct StoreUnavailable(pub String);

/// Where transactions are kept: SQLite, a Durable Object, memory. What it holds survives a crash once
/// a call has returned.
pub trait TransactionStore {
    /// Takes in a new transaction, in one step that nothing else comes between: looks for the name,
    /// sums up the day, chooses the nonce with [`choose_nonce`], has it signed, and stores the record
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
}

/// The nonce of the next transaction: the first from `reported` on that is not `taken`. So a gap that
/// a refused transaction has left is filled first.
///
/// `taken` are the nonces of the account's records, the refused ones aside; `mined` is the highest
/// among them that is in a block, below which none is free whatever a node says.
///
/// # Errors
/// [`NonceError`].
pub fn choose_nonce(
    taken: &BTreeSet<u64>,
    mined: Option<u64>,
    reported: u64,
    shared_key: bool,
) -> Result<u64, NonceError> {
    if let Some(&last) = taken.last()
        && reported > last.saturating_add(1)
        && !shared_key
    {
        return Err(NonceError::Jump { last, reported });
    }
    let after_mined = match mined {
        Some(mined) => mined.checked_add(1).ok_or(NonceError::Exhausted)?,
        None => 0,
    };
    let mut nonce = reported.max(after_mined);
    for used in taken.range(nonce..) {
        if *used > nonce {
            break;
        }
        nonce = used.checked_add(1).ok_or(NonceError::Exhausted)?;
    }
    Ok(nonce)
}

/// A store in memory: for tests, and for programs that sign nothing they would miss.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<Vec<TransactionRecord>>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Vec<TransactionRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All records, in the order in which they were signed.
    pub fn records(&self) -> Vec<TransactionRecord> {
        self.lock().clone()
    }

    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreUnavailable> {
        let mut records = self.lock();
        let record = records.iter_mut().find(|record| record.id == id);
        record.map(change).ok_or_else(|| StoreUnavailable("there is no such record".into()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.lock().len()).finish()
    }
}

impl TransactionStore for MemoryStore {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        let mut records = self.lock();
        if let Some(known) = records.iter().find(|record| record.id == new.id) {
            return Ok(Allocated::Known(known.clone()));
        }
        let refused =
            |record: &TransactionRecord| matches!(record.state, TransactionState::Refused { .. });
        let own: Vec<&TransactionRecord> = records
            .iter()
            .filter(|it| it.chain_id == new.chain_id && it.from == new.from && !refused(it))
            .collect();
        for limit in &new.daily {
            let recent = own.iter().filter(|it| new.at.since(it.created_at) < DAY);
            limit.check(spent(recent.copied(), limit.spend.asset))?;
        }
        let taken = own.iter().map(|record| record.nonce).collect();
        let mined = own.iter().filter(|it| it.state.is_mined()).map(|it| it.nonce).max();
        let nonce = choose_nonce(&taken, mined, new.reported_nonce, new.shared_key)?;
        let record = new.signed(nonce, sign(nonce)?);
        records.push(record.clone());
        Ok(Allocated::New(record))
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.attempts.push(attempt.clone()))
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.becomes(state))
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        Ok(self.lock().iter().find(|record| record.id == id).cloned())
    }

    async fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        let is_open = |it: &&TransactionRecord| {
            it.chain_id == chain_id && it.from == from && !it.state.is_final()
        };
        let mut open: Vec<_> = self.lock().iter().filter(is_open).cloned().collect();
        open.sort_by_key(|record| record.nonce);
        Ok(open)
    }
}

impl NewTransaction {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(taken: &[u64], reported: u64) -> Result<u64, NonceError> {
        choose_nonce(&taken.iter().copied().collect(), None, reported, false)
    }

    #[test]
    fn nonces_follow_each_other() {
        assert_eq!(choose(&[], 0), Ok(0));
        assert_eq!(choose(&[], 7), Ok(7));
        assert_eq!(choose(&[0, 1, 2], 0), Ok(3));
        assert_eq!(choose(&[0, 1, 2], 3), Ok(3));
    }

    #[test]
    fn a_gap_is_filled_first() {
        assert_eq!(choose(&[5, 7, 8], 5), Ok(6));
        assert_eq!(choose(&[5, 7, 8], 6), Ok(6));
    }

    #[test]
    fn a_node_that_is_behind_costs_no_nonce_twice() {
        assert_eq!(choose(&[0, 1, 2, 3, 4, 5, 6, 7], 2), Ok(8));
        assert_eq!(choose_nonce(&BTreeSet::from([5, 6, 7]), Some(6), 2, false), Ok(8));
    }

    #[test]
    fn a_node_that_is_ahead_is_not_believed() {
        let error = NonceError::Jump { last: 7, reported: 9 };
        assert_eq!(choose(&[5, 6, 7], 9), Err(error));
        assert_eq!(choose_nonce(&BTreeSet::from([7]), None, 9, true), Ok(9));
        assert_eq!(choose(&[u64::MAX], u64::MAX), Err(NonceError::Exhausted));
    }
}
