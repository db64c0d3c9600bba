//! The store behind the switches.

use core::time::Duration;

use hoox_connector::{Clock, Timestamp};
use hoox_edge::WorkerClock;
use hoox_wallet::{
    Address, AllocateError, Allocated, Attempt, NewTransaction, SignError, StoreUnavailable,
    TransactionRecord, TransactionState, TransactionStore, Turn,
};
use worker::Env;

use crate::settings::Settings;
use crate::store::ObjectStore;

/// How long what was read of the switches counts.
const FRESH: Duration = Duration::from_secs(1);

/// The store, as long as the switches let something be signed. A swap may wait for its approval's
/// block: what was allowed when its request came may be so no more when it comes to its signature.
#[derive(Debug)]
pub(crate) struct Guarded {
    store: ObjectStore,
    env: Env,
    chain: String,
    opened: Duration,
    is_shut: bool,
}

impl Guarded {
    /// The store for a wallet on `chain`, whose switches were read just now; nothing is signed if it
    /// `is_shut`.
    pub(crate) fn new(store: ObjectStore, env: Env, chain: &str, is_shut: bool) -> Self {
        Self { store, env, chain: chain.to_owned(), opened: WorkerClock.monotonic(), is_shut }
    }

    async fn is_shut_now(&self) -> bool {
        let is_fresh = WorkerClock.monotonic().saturating_sub(self.opened) < FRESH;
        self.is_shut || !is_fresh && Settings::load(&self.env).await.sign_no_more(&self.chain)
    }
}

impl TransactionStore for Guarded {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        if self.is_shut_now().await {
            return Err(StoreUnavailable("signing is switched off".into()).into());
        }
        self.store.allocate(new, sign).await
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
