use core::time::Duration;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hoox_connector::{Clock, Timestamp, Venue};
use hoox_signer::Secret;

use crate::health::HealthBook;
use crate::record::Queued;
use crate::{
    Admission, Answer, ConfigSnapshot, ConfigStore, ConfigWarning, Exchanges, Failure, Gate,
    IdempotencyKey, LogEntry, LogLevel, NoQueue, Queue, QueueMessage, QueueMode, RefusedSignal,
    RequestId, Signal, SignalSource, SignalStore, Step, Trace, VenueHealth,
};

/// Settings of a [`Router`] that do not change while it runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The secrets a passkey may come from when `webhooks:api_key` has none, the first usable one
    /// counts: `WEBHOOK_API_KEY`, then `WEBHOOK_API_KEY_BINDING` (gateway.md §4). Default none.
    pub passkeys: Vec<Secret>,
    /// How long an idempotency key is held. Default 24 hours (gateway.md §8).
    pub key_ttl: Duration,
    /// The window of the rate limit. Default 60 seconds (gateway.md §7).
    pub rate_window: Duration,
    /// How long one signal's answer waits for an order whose fate is not known, before it says so.
    /// Default 10 seconds, in which a lost order can just be settled. [`Router::recover`] carries
    /// on with it.
    pub settle_within: Duration,
    /// How often an order is sent at most. Default 3.
    pub attempts_max: u32,
    /// How old a signal may be for its order to be sent again. Default 30 seconds.
    pub resubmit_within: Duration,
    /// How long a configuration snapshot is used. Default, and at most, 1 second.
    pub config_max_age: Duration,
    /// Who is asked whether an entry would flip an opposite position. Default the exchange.
    pub flip_guard: FlipGuard,
    /// Whether a fee missing from an order's report is read from its executions before answering.
    /// Default true; if false, hand [`Answer::take_without_fee`] to [`Router::read_fees`] after.
    pub read_fees: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            passkeys: Vec::new(),
            key_ttl: Duration::from_secs(24 * 60 * 60),
            rate_window: Duration::from_secs(60),
            settle_within: Duration::from_secs(10),
            attempts_max: 3,
            resubmit_within: Duration::from_secs(30),
            config_max_age: Duration::from_secs(1),
            flip_guard: FlipGuard::Exchange,
            read_fees: true,
        }
    }
}

/// Who is asked whether an entry would reduce and flip an opposite position (trade.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlipGuard {
    /// The exchange, one round trip per entry.
    Exchange,
    /// Our ledger, which knows nothing of orders placed elsewhere.
    Ledger,
}

/// Carries signals out: from the bytes of a webhook to exactly one order, and its answer.
///
/// Call [`recover`](Self::recover) before the first signal, and every few seconds after.
#[derive(Debug)]
pub struct Router<S, K, E, C, Q = NoQueue> {
    pub(crate) store: S,
    pub(crate) queue: Q,
    pub(crate) gate: Gate<K>,
    pub(crate) exchanges: E,
    pub(crate) clock: C,
    pub(crate) settings: Settings,
    pub(crate) health: HealthBook,
    /// The records that some task of this process is carrying on with.
    active: Mutex<HashSet<(RequestId, u8)>>,
    /// What was told already of the configuration.
    warned: Mutex<Vec<ConfigWarning>>,
}

/// A signal on its way.
pub(crate) struct Incoming {
    pub(crate) request_id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) trace: Trace,
}

impl<S, K: ConfigStore, E, C> Router<S, K, E, C> {
    /// A router with the default settings and without a queue.
    pub fn new(store: S, config: K, exchanges: E, clock: C) -> Self {
        Self::with_settings(store, config, exchanges, clock, Settings::default())
    }

    /// A router with settings of its own, without a queue.
    pub fn with_settings(store: S, config: K, exchanges: E, clock: C, settings: Settings) -> Self {
        let gate = Gate::new(config, &settings.passkeys, settings.config_max_age);
        let (health, active, warned) = Default::default();
        Self { store, queue: NoQueue, gate, exchanges, clock, settings, health, active, warned }
    }

    /// The same with a queue, which `webhooks:queue_mode` then makes use of (gateway.md §9). Its
    /// consumer hands every message to [`consume`](Self::consume).
    pub fn with_queue<Q>(self, queue: Q) -> Router<S, K, E, C, Q> {
        let Self { store, gate, exchanges, clock, settings, health, active, warned, .. } = self;
        Router { store, queue, gate, exchanges, clock, settings, health, active, warned }
    }
}

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The queue.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    /// The store configuration comes from.
    pub fn config_store(&self) -> &K {
        self.gate.config_store()
    }

    /// The desks.
    pub fn exchanges(&self) -> &E {
        &self.exchanges
    }

    /// What this process has seen of an exchange, live or test.
    pub fn health(&self, venue: Venue, test: bool) -> VenueHealth {
        self.health.of(venue, test)
    }

    /// The present configuration.
    pub async fn config(&self) -> Arc<ConfigSnapshot> {
        self.gate.config(self.clock.monotonic()).await
    }

    /// Answers the body of a webhook (spec README §4): size, JSON, passkey, address, kill switch,
    /// rate limit, schema, idempotency; then the order, exactly once.
    ///
    /// `peer` is the sender's address; `request_id` names the request from here on. The future must
    /// run to its end: a server that drops it when the sender hangs up leaves an order half-way, to
    /// be found by the next [`recover`](Self::recover). Spawn it as a task of its own.
    pub async fn handle(&self, body: &[u8], peer: Option<IpAddr>, request_id: RequestId) -> Answer {
        let mut incoming = self.incoming(request_id);
        match self.check(body, peer, &mut incoming).await {
            Ok((signal, mode)) => {
                let key = IdempotencyKey::of(&signal, incoming.at);
                self.carry_out(&signal, &key, incoming, mode, None).await
            }
            Err(failure) => incoming.fail(&failure),
        }
    }

    /// Carries out a signal from inside: of the risk loop or the operator. Unlike a webhook's,
    /// a closing signal passes an engaged kill switch (trade.md §12), and none goes into the queue.
    pub async fn execute(&self, mut signal: Signal, request_id: RequestId) -> Answer {
        signal.source = SignalSource::Internal;
        let incoming = self.incoming(request_id);
        let key = IdempotencyKey::of(&signal, incoming.at);
        self.unless_halted(&signal, &key, incoming, QueueMode::DirectOnly).await
    }

    /// Carries out a signal that another process has checked, and whose key it has reserved in the
    /// same store under the same request: the message says all of that, as it does in the queue.
    pub async fn dispatch(&self, message: &QueueMessage, mode: QueueMode) -> Answer {
        let incoming = self.incoming(message.request_id);
        let mode = if Q::PRESENT { mode } else { QueueMode::DirectOnly };
        self.unless_halted(&message.signal(), &message.idempotency_key, incoming, mode).await
    }

    async fn unless_halted(
        &self,
        signal: &Signal,
        key: &IdempotencyKey,
        incoming: Incoming,
        mode: QueueMode,
    ) -> Answer {
        if !signal.action.closes() && self.config().await.kill_switch {
            let failure = Failure::halted();
            self.log(&incoming, Some(signal), &failure).await;
            return incoming.fail(&failure);
        }
        self.carry_out(signal, key, incoming, mode, None).await
    }

    /// The checks before the idempotency lock; the first that fails decides the answer.
    async fn check(
        &self,
        body: &[u8],
        peer: Option<IpAddr>,
        incoming: &mut Incoming,
    ) -> Result<(Signal, QueueMode), Failure> {
        let screened = match self.gate.screen(body, peer, self.clock.monotonic()).await {
            Ok(screened) => screened,
            Err(turned) => {
                if turned.authenticated {
                    self.log(incoming, turned.signal.as_ref(), &turned.failure).await;
                }
                return Err(turned.failure);
            }
        };
        let window = self.settings.rate_window;
        match self.store.admit(screened.caller, screened.limit, window, incoming.at).await {
            Ok(Admission::Admitted) => {}
            Ok(Admission::Refused { retry_after }) => {
                let failure = Failure::too_many_signals(retry_after);
                self.log(incoming, screened.signal.as_ref().ok(), &failure).await;
                return Err(failure);
            }
            Err(_) => return Err(Failure::store_unavailable()),
        }
        match screened.signal {
            Ok(signal) => {
                incoming.trace.mark(Step::Validated, self.clock.monotonic());
                Ok((signal, if Q::PRESENT { screened.mode } else { QueueMode::DirectOnly }))
            }
            Err(failure) => {
                self.log(incoming, None, &failure).await;
                Err(failure)
            }
        }
    }

    /// Logs what cannot be read of the configuration, once for as long as it stays so.
    pub(crate) async fn report_config(&self) {
        let config = self.config().await;
        let before = {
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            core::mem::replace(&mut *warned, config.warnings.clone())
        };
        for warning in config.warnings.iter().filter(|warning| !before.contains(warning)) {
            let (at, level, service) = (self.clock.now(), LogLevel::Warn, "config");
            let (message, request_id) = (warning.to_string(), None);
            let details = String::new();
            self.store.log(&LogEntry { at, level, service, message, request_id, details }).await;
        }
    }

    pub(crate) fn incoming(&self, request_id: RequestId) -> Incoming {
        let trace = Trace::begin(self.clock.monotonic());
        Incoming { request_id, at: self.clock.now(), trace }
    }

    pub(crate) async fn log(
        &self,
        incoming: &Incoming,
        signal: Option<&Signal>,
        failure: &Failure,
    ) {
        self.log_refusal(incoming, signal, failure, Queued::No).await;
    }

    pub(crate) async fn log_refusal(
        &self,
        incoming: &Incoming,
        signal: Option<&Signal>,
        failure: &Failure,
        queued: Queued,
    ) {
        let refusal = RefusedSignal {
            queued,
            request_id: incoming.request_id,
            at: incoming.at,
            signal: signal.cloned(),
            code: failure.code,
            message: failure.message.clone(),
        };
        self.store.log_refusal(&refusal).await;
    }

    /// Takes all records of a signal for this task; `None` while another task has one of them.
    pub(crate) fn claim_signal(&self, request_id: RequestId) -> Option<[Claim<'_>; 2]> {
        Some([self.claim((request_id, 0))?, self.claim((request_id, 1))?])
    }

    /// Takes a record for this task; `None` while another task has it.
    pub(crate) fn claim(&self, id: (RequestId, u8)) -> Option<Claim<'_>> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        // Lazily: a claim that is made and dropped would give the record back.
        active.insert(id).then(|| Claim { active: &self.active, id })
    }
}

impl Incoming {
    pub(crate) fn fail(&self, failure: &Failure) -> Answer {
        let mut answer = Answer::failure(self.request_id, failure);
        answer.trace = self.trace;
        answer
    }
}

/// Gives a record back when its task ends, or is dropped half-way.
#[derive(Debug)]
pub(crate) struct Claim<'r> {
    active: &'r Mutex<HashSet<(RequestId, u8)>>,
    id: (RequestId, u8),
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
