//! The consumer's half of the queue (trade.md §9).

use arrayvec::ArrayVec;
use hoox_connector::Clock;

use crate::carry::{Attempted, Job, failure_of, lacking_fee, leg_bit};
use crate::lifecycle::{Durability, State};
use crate::queue::BUSY_RETRY;
use crate::record::Queued;
use crate::router::Incoming;
use crate::{
    ChoiceReason, ConfigStore, ErrorCode, Exchanges, Failure, HALTED_RETRY, LogLevel, Queue,
    QueueMessage, RETENTION, Record, Router, SignalStore, Verdict, WithoutFee,
};

const SERVICE: &str = "queue-consumer";

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// Carries out one message of the queue; the consumer then does with the message what the
    /// verdict says. `attempts` is how many attempts at it have failed before: a queue that counts
    /// deliveries itself takes off those after which [`Verdict::Retry`] was not counted.
    ///
    /// Delivered twice, or after a crash, or replayed by hand, a message makes no second order: what
    /// became of the attempts before is found out first. Take at most
    /// [`CONSUMER_CONCURRENCY`](crate::CONSUMER_CONCURRENCY) at a time.
    pub async fn consume(&self, body: &[u8], attempts: u32) -> Verdict {
        let message = match QueueMessage::parse(body) {
            Ok(message) => message,
            Err(error) => return Verdict::Dead { reason: error.to_string() },
        };
        let incoming = self.incoming(message.request_id);
        let Some(_claims) = self.claim_signal(message.request_id) else {
            return Verdict::Retry { delay: BUSY_RETRY, counted: false };
        };
        let (signal, key) = (message.signal(), message.idempotency_key.clone());
        let mut job = Job { queued: Queued::Yes, ..Job::new(&signal, &key) };
        let before = match self.settle_before(&message).await {
            Ok(before) => before,
            Err(failure) => {
                let attempted = Attempted { records: ArrayVec::new(), failure: Some(failure) };
                return self.conclude(&job, incoming, attempted, attempts).await;
            }
        };
        if let Some(verdict) = self.decided(&job, &incoming, &before, attempts).await {
            return verdict;
        }
        if self.config().await.kill_switch {
            return Verdict::Retry { delay: HALTED_RETRY, counted: false };
        }
        let done = existing(&before);
        job.wanted = before.first().map(|record| record.legs & !done);
        job.before = before.into_iter().filter(Record::is_absent).collect();
        if incoming.at.since(message.queued_at) > RETENTION {
            let failure = Failure::new(ErrorCode::Validation, "older than four days");
            return self.give_up(&job, &incoming, job.before.clone(), &failure).await;
        }
        let mut incoming = incoming;
        if let Err(failure) = self.lock(&key, &incoming).await {
            if failure.code == ErrorCode::Duplicate {
                self.note(&incoming, LogLevel::Info, SERVICE, failure.message).await;
                return Verdict::Ack;
            }
            let attempted = Attempted { records: ArrayVec::new(), failure: Some(failure) };
            return self.conclude(&job, incoming, attempted, attempts).await;
        }
        let attempted = self.attempt(&mut job, &mut incoming).await;
        self.conclude(&job, incoming, attempted, attempts).await
    }

    /// The records of earlier attempts, their outcome found out.
    async fn settle_before(&self, message: &QueueMessage) -> Result<ArrayVec<Record, 2>, Failure> {
        let mut before = ArrayVec::new();
        for leg in [0, 1] {
            let loaded = self.store.load(message.request_id, leg).await;
            let Some(mut record) = loaded.map_err(|_| Failure::store_unavailable())? else {
                continue;
            };
            if !record.state.is_final() {
                self.reconcile(&mut record).await;
            }
            before.push(record);
        }
        Ok(before)
    }

    /// What the earlier attempts alone decide.
    async fn decided(
        &self,
        job: &Job<'_>,
        incoming: &Incoming,
        before: &ArrayVec<Record, 2>,
        attempts: u32,
    ) -> Option<Verdict> {
        let first = before.first()?;
        let unknown = before.iter().filter(|record| !record.state.is_final() && !exists(record));
        // The kill switch has halted it, which is no reason to drop it; nor is another exchange's no.
        let refused = before.iter().filter(|record| {
            record.state == State::Rejected && record.choice.reason != ChoiceReason::Failover
        });
        let refused = refused.filter(|record| {
            record.refusal.as_ref().is_none_or(|refusal| {
                !refusal.code.is_retryable() && refusal.code != ErrorCode::KillSwitchActive
            })
        });
        if let Some(failure) = unknown.chain(refused).find_map(failure_of) {
            let attempted = Attempted { records: before.clone(), failure: Some(failure) };
            let incoming = Incoming { ..*incoming };
            return Some(self.conclude(job, incoming, attempted, attempts).await);
        }
        (first.legs & !existing(before) == 0).then_some(Verdict::Ack)
    }

    /// From what an attempt came to, to what becomes of the message.
    async fn conclude(
        &self,
        job: &Job<'_>,
        incoming: Incoming,
        attempted: Attempted,
        attempts: u32,
    ) -> Verdict {
        let Some(failure) = &attempted.failure else {
            if !self.settings.read_fees {
                self.read_fees(WithoutFee(lacking_fee(&attempted.records))).await;
            }
            return Verdict::Ack;
        };
        if failure.code == ErrorCode::KillSwitchActive {
            return Verdict::Retry { delay: HALTED_RETRY, counted: false };
        }
        if failure.code.is_retryable() {
            let verdict = Verdict::after_failure(attempts, failure.retry_after, &failure.message);
            if let Verdict::Retry { delay, .. } = &verdict {
                let number = attempts.saturating_add(1);
                let seconds = delay.as_secs();
                let text =
                    format!("attempt {number} failed, again in {seconds} s: {}", failure.message);
                self.note(&incoming, LogLevel::Warn, SERVICE, text).await;
                return verdict;
            }
            let records =
                if attempted.records.is_empty() { &job.before } else { &attempted.records };
            return self.give_up(job, &incoming, records.clone(), failure).await;
        }
        // The exchange said no, or there is nothing to do: trying again changes nothing.
        // Of a signal of two orders, one may be there from an earlier attempt.
        let absent = attempted.is_absent() && existing(&job.before) == 0;
        let nothing_written = attempted.records.is_empty();
        for mut record in attempted.records {
            record.queued = Queued::No;
            let _ = self.store.write(&record, Durability::Lazy).await;
        }
        if nothing_written {
            self.log_refusal(&incoming, Some(job.signal), failure, Queued::Yes).await;
        }
        if absent {
            let _ = self.store.release(job.key).await;
        }
        self.note(&incoming, LogLevel::Error, SERVICE, format!("rejected: {}", failure.message))
            .await;
        Verdict::Ack
    }

    /// The end of trying: the ledger says so, and the message is kept.
    async fn give_up(
        &self,
        job: &Job<'_>,
        incoming: &Incoming,
        records: ArrayVec<Record, 2>,
        failure: &Failure,
    ) -> Verdict {
        let nothing_written = records.is_empty();
        for mut record in records {
            if record.state != State::Acknowledged {
                record.queued = Queued::GivenUp;
                let _ = self.store.write(&record, Durability::Lazy).await;
            }
        }
        if nothing_written {
            self.log_refusal(incoming, Some(job.signal), failure, Queued::GivenUp).await;
        }
        let text = format!("given up, kept as a dead letter: {}", failure.message);
        self.note(incoming, LogLevel::Error, SERVICE, text).await;
        Verdict::Dead { reason: failure.message.clone() }
    }
}

/// Whether there is an order, whatever it came to.
fn exists(record: &Record) -> bool {
    matches!(record.state, State::Reading | State::Acknowledged)
}

/// The legs that are orders.
fn existing(records: &[Record]) -> u8 {
    let existing = records.iter().filter(|record| exists(record));
    existing.fold(0, |bits, record| bits | leg_bit(record.leg))
}
