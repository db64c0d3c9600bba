//! The switches, before anything is signed.

use core::time::Duration;

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use hoox_wallet::{
    AllocateError, Allocated, Attempt, Gate, Gated, NewTransaction, SignError, StoreUnavailable,
    TransactionStore,
};
use worker::Env;

use crate::settings::Settings;
use crate::store::ObjectStore;

/// How long what was read of the switches counts.
const FRESH: Duration = Duration::from_secs(1);

/// The store, as long as the switches let something be signed.
pub(crate) type Guarded = Gated<ObjectStore, Guard>;

/// Looks at the switches again. A swap may wait for its approval's block: what was allowed when its
/// request came may be so no more when it comes to its signature.
#[derive(Debug)]
pub(crate) struct Guard {
    env: Env,
    chain: String,
    opened: Duration,
    is_shut: bool,
}

impl Guard {
    /// The guard of a wallet on `chain`, whose switches were read just now; nothing is signed if it
    /// `is_shut`.
    pub(crate) fn new(env: Env, chain: &str, is_shut: bool) -> Self {
        Self { env, chain: chain.to_owned(), opened: WorkerClock.monotonic(), is_shut }
    }

    async fn is_shut_now(&self) -> bool {
        let is_fresh = WorkerClock.monotonic().saturating_sub(self.opened) < FRESH;
        self.is_shut || !is_fresh && Settings::load(&self.env).await.sign_no_more(&self.chain)
    }
}

impl Gate<ObjectStore> for Guard {
    async fn admit<F>(
        &self,
        store: &ObjectStore,
        new: NewTransaction,
        sign: F,
    ) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        if self.is_shut_now().await {
            return Err(StoreUnavailable("signing is switched off".into()).into());
        }
        store.allocate(new, sign).await
    }
}
