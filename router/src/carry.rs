//! From the lock to the answer: one attempt at a signal, and what becomes of it (gateway.md §8, §9).

use core::time::Duration;

use arrayvec::ArrayVec;
use futures_util::future::join;
use hoox_connector::{Clock, Side, Venue};

use crate::lifecycle::{Durability, Event};
use crate::plan::Plan;
use crate::record::Queued;
use crate::router::Incoming;
use crate::{
    Answer, Choice, ChoiceReason, ConfigSnapshot, ConfigStore, ErrorCode, Exchanges,
    ExecutionStatus, Failure, IdempotencyKey, LogEntry, LogLevel, PassedOver, Queue, QueueMessage,
    QueueMode, Record, RequestId, Reservation, Router, Signal, SignalStore, Step, Why,
};

/// A signal, its key reserved.
pub(crate) struct Job<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) key: &'a IdempotencyKey,
    /// Which of the legs an earlier attempt came to are still wanted, as bits; `None` for a signal
    /// that was not planned before.
    pub(crate) wanted: Option<u8>,
    /// The only exchange it is for, enabled or not: what is to be closed is there.
    pub(crate) pinned: Option<Venue>,
    /// Whether it came through the queue.
    pub(crate) queued: Queued,
    /// The records of earlier attempts, all without an order.
    pub(crate) before: ArrayVec<Record, 2>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(signal: &'a Signal, key: &'a IdempotencyKey) -> Self {
        Self {
            signal,
            key,
            wanted: None,
            pinned: None,
            queued: Queued::No,
            before: ArrayVec::new(),
        }
    }
}

/// What an attempt came to.
pub(crate) struct Attempted {
    /// The orders whose intent was written.
    pub(crate) records: ArrayVec<Record, 2>,
    /// Why not all of them exist and are known; `None` if they do and are.
    pub(crate) failure: Option<Failure>,
}

impl Attempted {
    fn before_the_intent(failure: Failure) -> Self {
        Self { records: ArrayVec::new(), failure: Some(failure) }
    }

    /// Whether there is certainly no order.
    pub(crate) fn is_absent(&self) -> bool {
        self.records.iter().all(Record::is_absent)
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
    /// Lock; then by `mode` the order at once, or the queue, or the order and on failure the queue.
    pub(crate) async fn carry_out(
        &self,
        signal: &Signal,
        key: &IdempotencyKey,
        mut incoming: Incoming,
        mode: QueueMode,
        pinned: Option<Venue>,
    ) -> Answer {
        // Until the end: what is queued must not be reconciled by another task in between.
        let claims = self.claim_signal(incoming.request_id);
        let locked = match (&claims, pinned) {
            (None, _) => Err(Failure::duplicate(incoming.request_id)),
            // Its request id is made of what it closes, so it may have been here before.
            (Some(_), Some(_)) => self.is_new(incoming.request_id).await,
            (Some(_), None) => Ok(()),
        };
        let locked = match locked {
            Ok(()) => self.lock(key, &incoming).await,
            failure => failure,
        };
        if let Err(failure) = locked {
            self.log(&incoming, Some(signal), &failure).await;
            return incoming.fail(&failure);
        }
        incoming.trace.mark(Step::Reserved, self.clock.monotonic());
        let mut job = Job { pinned, ..Job::new(signal, key) };
        if mode == QueueMode::QueueEverywhere {
            let nothing = Attempted { records: ArrayVec::new(), failure: None };
            return self.enqueue(&job, incoming, nothing, Duration::ZERO).await;
        }
        let attempted = self.attempt(&mut job, &mut incoming).await;
        let Some(failure) = &attempted.failure else {
            return self.answer(&attempted, incoming);
        };
        if mode == QueueMode::QueueFailover && failure.code.is_retryable() {
            let delay = failure.retry_after.unwrap_or_default();
            return self.enqueue(&job, incoming, attempted, delay).await;
        }
        if attempted.records.iter().all(Record::frees_key) {
            // Nothing was ordered, so the sender may try again.
            let _ = self.store.release(key).await;
        }
        if attempted.records.is_empty() {
            self.log(&incoming, Some(signal), failure).await;
        }
        self.answer(&attempted, incoming)
    }

    /// Whether no order of this request may exist.
    async fn is_new(&self, request_id: RequestId) -> Result<(), Failure> {
        for leg in [0, 1] {
            let record = self.store.load(request_id, leg).await;
            let record = record.map_err(|_| Failure::store_unavailable())?;
            if record.is_some_and(|record| !record.is_absent()) {
                return Err(Failure::duplicate(request_id));
            }
        }
        Ok(())
    }

    /// Reserves the key, or tells why not.
    pub(crate) async fn lock(
        &self,
        key: &IdempotencyKey,
        incoming: &Incoming,
    ) -> Result<(), Failure> {
        let ttl = self.settings.key_ttl;
        match self.store.reserve(key, incoming.request_id, incoming.at, ttl).await {
            Ok(Reservation::Acquired) => Ok(()),
            Ok(Reservation::Duplicate { request_id, .. }) => Err(Failure::duplicate(request_id)),
            Err(_) => Err(Failure::store_unavailable()),
        }
    }

    /// One attempt, from the choice of an exchange to the outcome as far as it can be waited for;
    /// where failover is allowed, and there is certainly no order, at one exchange after the other.
    pub(crate) async fn attempt(&self, job: &mut Job<'_>, incoming: &mut Incoming) -> Attempted {
        let config = self.config().await;
        let mut choice = match self.route(job, &config).await {
            Ok(choice) => choice,
            Err(failure) => return Attempted::before_the_intent(failure),
        };
        // A position lives at one exchange, so a close goes nowhere else.
        let failover = config.failover && !job.signal.action.closes();
        let here = self.exchanges.desk(choice.venue, job.signal.test).is_some();
        if failover && here && !self.is_well(&choice, job) {
            choice = self.next(&config, job, choice.clone(), Why::Unhealthy).unwrap_or(choice);
        }
        let mut first: Option<Failure> = None;
        loop {
            let attempted = self.attempt_at(choice.clone(), job, incoming).await;
            let Some(failure) = &attempted.failure else { return attempted };
            let done = !attempted.is_absent();
            let next = match failover && !done && (first.is_some() || failure.code.is_retryable()) {
                true => self.next(&config, job, choice, Why::Failed(failure.code)),
                false => None,
            };
            match next {
                Some(next) => choice = next,
                // The exchange that was chosen says what the sender hears, and what the queue does.
                None => {
                    let failure =
                        if done { attempted.failure } else { first.or(attempted.failure) };
                    return Attempted { failure, ..attempted };
                }
            }
            first = first.or(attempted.failure);
            if !attempted.records.is_empty() {
                job.before = attempted.records;
            }
        }
    }

    fn is_well(&self, choice: &Choice, job: &Job<'_>) -> bool {
        self.health.of(choice.venue, job.signal.test).is_healthy(self.clock.monotonic())
    }

    /// The next exchange in the order of failover, and who was passed over on the way to it.
    fn next(
        &self,
        config: &ConfigSnapshot,
        job: &Job<'_>,
        choice: Choice,
        why: Why,
    ) -> Option<Choice> {
        let Choice { venue, mut passed_over, .. } = choice;
        passed_over.push(PassedOver { venue, why });
        for &venue in &config.failover_order {
            if passed_over.iter().any(|passed| passed.venue == venue) {
                continue;
            }
            let next = Choice { passed_over, ..Choice::new(venue, ChoiceReason::Failover) };
            let why = match () {
                () if !config.is_enabled(venue) => Why::Disabled,
                () if self.exchanges.desk(venue, job.signal.test).is_none() => Why::NoCredentials,
                () if !self.is_well(&next, job) => Why::Unhealthy,
                () => return Some(next),
            };
            passed_over = next.passed_over;
            passed_over.push(PassedOver { venue, why });
        }
        None
    }

    /// One attempt at one exchange.
    async fn attempt_at(
        &self,
        choice: Choice,
        job: &Job<'_>,
        incoming: &mut Incoming,
    ) -> Attempted {
        let (venue, test) = (choice.venue, job.signal.test);
        let plan = match self.plan_in_time(job, choice, incoming).await {
            Ok(plan) => plan,
            Err(failure) => {
                if failure.code == ErrorCode::ExchangeUnavailable {
                    self.health.failed(venue, test, self.clock.monotonic());
                }
                return Attempted::before_the_intent(failure);
            }
        };
        let records = self.place(plan, job, incoming).await;
        // What may exist decides before what certainly does not.
        let failure = records
            .iter()
            .filter(|record| !record.is_absent())
            .chain(records.iter().filter(|record| record.is_absent()))
            .find_map(failure_of);
        let failure = failure.map(|failure| beside_what_is_done(failure, &records));
        Attempted { records, failure }
    }

    async fn plan_in_time(
        &self,
        job: &Job<'_>,
        choice: Choice,
        incoming: &mut Incoming,
    ) -> Result<Plan<'_, E::Desk>, Failure> {
        let config = self.config().await;
        let plan = self.plan(job, choice, &config).await?;
        incoming.trace.mark(Step::Priced, self.clock.monotonic());
        // Once more, right before the intent: planning may have taken round trips.
        if !job.signal.action.closes() && self.config().await.kill_switch {
            return Err(Failure::halted());
        }
        Ok(plan)
    }

    async fn place(
        &self,
        plan: Plan<'_, E::Desk>,
        job: &Job<'_>,
        incoming: &Incoming,
    ) -> ArrayVec<Record, 2> {
        let Plan { desk, choice, intents } = plan;
        let reserved_until = incoming.at.after(self.settings.key_ttl);
        let legs = intents.iter().fold(0, |legs, (leg, _)| legs | leg_bit(*leg));
        let legs = job.before.first().map_or(legs, |before| before.legs | legs);
        let mut records = ArrayVec::<Record, 2>::new();
        for (leg, intent) in intents {
            let id = (incoming.request_id, leg);
            let reservation = (job.key.clone(), reserved_until);
            let signal = job.signal.clone();
            let mut record =
                Record::new(id, reservation, signal, choice.clone(), intent, incoming.at);
            record.trace = incoming.trace;
            record.legs = legs;
            record.queued = job.queued;
            if let Some(before) = job.before.iter().find(|before| before.leg == leg) {
                record.follow(before.clone());
            }
            records.push(record);
        }
        let deadline = Some(self.clock.monotonic().saturating_add(self.settings.settle_within));
        match records.as_mut_slice() {
            [only] => self.drive(desk, only, Event::Begin, deadline).await,
            [first, second] => {
                let first = self.drive(desk, first, Event::Begin, deadline);
                let second = self.drive(desk, second, Event::Begin, deadline);
                // Seldom two, so that one does not carry the room for the other about.
                Box::pin(join(first, second)).await;
            }
            _ => {}
        }
        records
    }

    /// Hands a signal to the queue, under the same key. Only if that fails, and there is certainly
    /// no order, the key is free again.
    async fn enqueue(
        &self,
        job: &Job<'_>,
        incoming: Incoming,
        mut attempted: Attempted,
        delay: Duration,
    ) -> Answer {
        let Incoming { request_id, at, .. } = incoming;
        let message = QueueMessage::new(job.signal, job.key.clone(), request_id, at);
        if self.queue.send(&message, delay).await.is_err() {
            if attempted.records.iter().all(Record::frees_key) {
                let _ = self.store.release(job.key).await;
            }
            let message = "The queue cannot be reached; the signal is not in it.";
            let failure = Failure::new(ErrorCode::QueueUnavailable, message);
            self.log(&incoming, Some(job.signal), &failure).await;
            return incoming.fail(&failure);
        }
        // After the message, which holds the key itself: lost in between, the lock would keep out a
        // sender that nobody answered, whereas two messages with one key make one order.
        let _ = self.store.commit(job.key, request_id, at.after(self.settings.key_ttl)).await;
        if attempted.records.is_empty() {
            attempted.records = job.before.clone();
        }
        for record in &mut attempted.records {
            record.queued = Queued::Yes;
            let _ = self.store.write(record, Durability::Lazy).await;
        }
        let why = attempted.failure.as_ref().map_or("by webhooks:queue_mode", |it| &it.message);
        self.note(&incoming, LogLevel::Info, "gateway", format!("enqueued: {why}")).await;
        let mut answer = Answer::enqueued(request_id);
        answer.trace = attempted.records.first().map_or(incoming.trace, |record| record.trace);
        answer
    }

    fn answer(&self, attempted: &Attempted, incoming: Incoming) -> Answer {
        let Attempted { records, failure } = attempted;
        let answer = match failure {
            None => Answer::success(records),
            Some(failure) => Some(Answer::failure(incoming.request_id, failure)),
        };
        let mut answer = answer.unwrap_or_else(|| {
            let failure = Failure::new(ErrorCode::Internal, "The order has no outcome.");
            Answer::failure(incoming.request_id, &failure)
        });
        answer.trace = records.first().map_or(incoming.trace, |record| record.trace);
        answer.without_fee = lacking_fee(records);
        answer
    }

    pub(crate) async fn note(
        &self,
        incoming: &Incoming,
        level: LogLevel,
        service: &'static str,
        message: String,
    ) {
        let (at, request_id) = (self.clock.now(), Some(incoming.request_id));
        let details = String::new();
        self.store.log(&LogEntry { at, level, service, message, request_id, details }).await;
    }
}

/// The records whose fee has yet to be read.
pub(crate) fn lacking_fee(records: &[Record]) -> ArrayVec<Record, 2> {
    records.iter().filter(|record| record.lacks_fee()).take(2).cloned().collect()
}

/// The bit of a leg in [`Record::legs`].
pub(crate) fn leg_bit(leg: u8) -> u8 {
    1 << leg.min(7)
}

/// Of two orders, one may have filled where the other failed: the sender hears of both.
fn beside_what_is_done(failure: Failure, records: &[Record]) -> Failure {
    let Some(done) = records.iter().find(|record| failure_of(record).is_none()) else {
        return failure;
    };
    let closed = match done.intent.order.side {
        Side::Sell => "long",
        Side::Buy => "short",
    };
    let message = format!(
        "The {closed} side is closed, and the signal stays locked; of the other side: {}",
        failure.message
    );
    Failure { message, ..failure }
}

/// What the sender hears of an order that was not, or not surely, placed and filled.
pub(crate) fn failure_of(record: &Record) -> Option<Failure> {
    if let Some(refusal) = &record.refusal {
        return Some(refusal.into());
    }
    match &record.execution {
        Some(execution) if execution.status == ExecutionStatus::Ended => {
            let message = "Exchange API Reject: the order ended without a fill.";
            Some(Failure::new(ErrorCode::ExchangeRejected, message))
        }
        Some(_) => None,
        None if record.order_id.is_some() => Some(Failure::new(
            ErrorCode::ExchangeTimeout,
            "The exchange has taken the order, but does not tell its fill yet. Do not send it again.",
        )),
        None => Some(Failure::new(
            ErrorCode::ExchangeTimeout,
            "The exchange does not tell what became of the order. It stays locked and is being reconciled.",
        )),
    }
}
