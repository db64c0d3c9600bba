use alloy_primitives::Address;
use hoox_connector::Timestamp;

use super::{AllocateError, Allocated, NewTransaction, StoreUnavailable, TransactionStore, Turn};
use crate::{Attempt, SignError, TransactionRecord, TransactionState};

/// What stands before a store when something new is to be signed: switches, or limits that only the
/// surroundings know.
pub trait Gate<S> {
    /// Has `store` take the transaction in, or refuses it.
    ///
    /// # Errors
    /// [`AllocateError`]; then nothing is signed.
    fn admit<F>(
        &self,
        store: &S,
        new: NewTransaction,
        sign: F,
    ) -> impl Future<Output = Result<Allocated, AllocateError>>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>;
}

/// A store behind a gate. What is signed already goes past it.
#[derive(Debug)]
pub struct Gated<S, G> {
    store: S,
    gate: G,
}

impl<S, G> Gated<S, G> {
    /// Puts `gate` before `store`.
    pub const fn new(store: S, gate: G) -> Self {
        Self { store, gate }
    }
}

impl<S: TransactionStore, G: Gate<S>> TransactionStore for Gated<S, G> {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        if let Some(known) = self.store.find(&new.id).await? {
            return Ok(Allocated::Known(known));
        }
        self.gate.admit(&self.store, new, sign).await
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        self.store.add_attempt(id, attempt).await
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        self.store.set_state(id, state).await
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        self.store.find(id).await
    }

    async fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        self.store.open(chain_id, from).await
    }

    async fn with_nonce(
        &self,
        chain_id: u64,
        from: Address,
        nonce: u64,
    ) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        self.store.with_nonce(chain_id, from, nonce).await
    }

    async fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        self.store.take_turn(turn, now, until).await
    }

    async fn end_turn(&self, turn: &Turn) -> Result<(), StoreUnavailable> {
        self.store.end_turn(turn).await
    }
}
